"""Which server, which key, how patient: from arguments, else from MAILWRIGHT_URL and MAILWRIGHT_KEY."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import httpx2

from mailwright import __version__
from mailwright.client.errors import NotConfigured
from mailwright.client.retrying import Patience

CONNECT = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client goes by."""

    url: str
    key: str = field(repr=False)
    timeout: float
    patience: Patience
    program: str = "mailwright-python"

    @property
    def headers(self) -> dict[str, str]:
        """The header fields of every request. Without a key none is told: a few operations need none."""
        told = {"user-agent": f"{self.program}/{__version__}"}
        return told | ({"authorization": f"Bearer {self.key}"} if self.key else {})

    def timeouts(self, silence: float) -> httpx2.Timeout:
        """No longer without a byte than that."""
        return httpx2.Timeout(silence, connect=CONNECT)


def settings(url: str | None, key: str | None, timeout: float, patience: Patience | None) -> Settings:
    """What was given, completed from the environment; raises NotConfigured."""
    key = key or os.environ.get("MAILWRIGHT_KEY", "")
    if not key:
        raise NotConfigured("There is no API key.", fix="Give one as `key` or in MAILWRIGHT_KEY.")
    return Settings(address(url or os.environ.get("MAILWRIGHT_URL", "")), usable(key), timeout, patience or Patience())


def address(url: str) -> str:
    """A server's address as requests begin with it; raises NotConfigured where it is none."""
    fix = "Give the server's address as the first argument or in MAILWRIGHT_URL, like https://mail.example.com."
    if not url:
        raise NotConfigured("It is not said which server.", fix=fix)
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        parsed = httpx2.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise NotConfigured(f"{url!r} is no address of a server.", fix=fix)
    return url.rstrip("/").removesuffix("/v1")


def usable(key: str) -> str:
    """The key, if it can stand in a header field; raises NotConfigured."""
    if not key.isascii() or not key.isprintable():
        raise NotConfigured("There is no usable API key: keys are of ASCII letters.", fix="Copy it once more, whole.")
    return key
