"""Which server is spoken to, and with which key: options, then the environment, then a profile that `login` left.

Profiles are one JSON file in the user's configuration folder, for its owner alone: there are keys in it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from mailwright.commands.given import stop

URL, KEY, PROFILE = "MAILWRIGHT_URL", "MAILWRIGHT_KEY", "MAILWRIGHT_PROFILE"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Connection:
    """A server and a key; a key of None is none."""

    url: str
    key: str | None


def connection(url: str | None, key: str | None, profile: str | None) -> Connection:
    """What to connect to. Stops where nothing says it."""
    name = profile or os.environ.get(PROFILE) or None
    asked = url or (os.environ.get(URL) if profile is None else None) or None
    secret = key or (os.environ.get(KEY) if profile is None else None) or None
    if asked is None or secret is None:
        kept = read().get(name or DEFAULT)
        if kept is None and name is not None:
            stop(f"there is no profile {name!r}: make it with `mailwright login --profile {name}`")
        if kept is not None:
            # A key goes to its own server alone: it would be told to another one otherwise.
            secret = secret or (kept["key"] if asked in (None, kept["url"]) else None)
            asked = asked or kept["url"]
    if asked is None:
        stop(f"no server is named: log in with `mailwright login`, or give --url or {URL}")
    return Connection(checked_url(asked), secret)


def checked_url(url: str) -> str:
    """The URL without its last slash. Stops where it is none, or where a key would travel unprotected."""
    scheme, found, rest = url.partition("://")
    if not found or scheme not in ("http", "https") or not rest.strip("/"):
        stop(f"{url!r} is no URL of a server: write it as https://mail.example.com")
    return url.rstrip("/").removesuffix("/v1")


def path() -> Path:
    """Where profiles are kept."""
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "mailwright" / "profiles.json"


def read() -> dict[str, dict[str, str]]:
    """Every profile by its name. Stops where others may read or write the file, or where it is none."""
    file = path()
    try:
        if file.stat().st_mode & 0o077:
            stop(f"{file} may be read by others, and holds keys: make new keys, or `chmod 600 {file}` where nobody else looked")
        found = json.loads(file.read_bytes())
        return {str(name): {"url": str(one["url"]), "key": str(one["key"])} for name, one in found.items()}
    except FileNotFoundError:
        return {}
    except OSError as wrong:
        stop(f"{file} can't be read: {wrong.strerror or wrong}")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        stop(f"{file} is no file of profiles: remove it, and log in again")


def write(profiles: dict[str, dict[str, str]]) -> None:
    """Keep them: the whole file or none of it, readable by its owner alone."""
    file = path()
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as out:
            out.write(json.dumps(profiles, indent=1) + "\n")
        draft.replace(file)
    except OSError as wrong:
        stop(f"{file} can't be written: {wrong.strerror or wrong}")
