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

    @property
    def headers(self) -> dict[str, str]:
        """The header fields of every request."""
        return {"authorization": f"Bearer {self.key}", "user-agent": f"mailwright-python/{__version__}"}

    def timeouts(self, silence: float) -> httpx2.Timeout:
        """No longer without a byte than that."""
        return httpx2.Timeout(silence, connect=CONNECT)


def settings(url: str | None, key: str | None, timeout: float, patience: Patience | None) -> Settings:
    """What was given, completed from the environment; raises NotConfigured."""
    url = url or os.environ.get("MAILWRIGHT_URL", "")
    key = key or os.environ.get("MAILWRIGHT_KEY", "")
    if not url.startswith(("http://", "https://")):
        fix = "Give the server's address as the first argument or in MAILWRIGHT_URL, like https://mail.example.com."
        raise NotConfigured(f"{url!r} is no address of a server." if url else "It is not said which server.", fix=fix)
    if not key or not key.isascii() or not key.isprintable():
        raise NotConfigured("There is no usable API key.", fix="Give one as `key` or in MAILWRIGHT_KEY.")
    return Settings(url.rstrip("/").removesuffix("/v1"), key, timeout, patience or Patience())
