"""What a check came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # works, but not well or not for long
    FAILED = "failed"  # mail or the store suffers
    UNKNOWN = "unknown"  # could not be looked at from here


@dataclass(frozen=True, slots=True)
class Finding:
    """One. `fix` is empty where nothing has to be done."""

    check: str
    level: Level
    what: str
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        """As told to programs."""
        return asdict(self)


def ok(check: str, what: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, what)


def warning(check: str, what: str, fix: str) -> Finding:
    """Works, but not well or not for long."""
    return Finding(check, Level.WARNING, what, fix)


def failed(check: str, what: str, fix: str) -> Finding:
    """Mail or the store suffers."""
    return Finding(check, Level.FAILED, what, fix)


def unknown(check: str, what: str, fix: str = "") -> Finding:
    """Could not be looked at from here."""
    return Finding(check, Level.UNKNOWN, what, fix)
