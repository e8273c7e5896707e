"""MTA-STS: which exchangers may a domain's mail go to, and must their certificates hold?

Standards: RFC 8461.
Pure, linear, never raises: what is not written as the standard says is None, and as good as not there.
A policy says what its domain promised for `max_age` seconds; who can break DNS or HTTPS meanwhile can't take it back.
Not here: fetching and keeping policies (net/mta_sts.py), what a route makes of one (core/tls_policies.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum

MAX_POLICY = 64 * 1024  # octets: RFC 8461 §3.3
MAX_AGE = 31_557_600  # seconds: RFC 8461 §3.2
MAX_MX = 1000  # Deviates: the standard sets no limit but that of the file; nobody has so many exchangers
REFRESH = 86_400  # seconds after which a policy is fetched again though it holds for longer

MAX_RECORD = 2000  # characters: room for many extensions; a TXT record could bring 64 KB
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_EXTENSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[!-:<>-~]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MX = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_DIGITS = re.compile(r"[0-9]{1,10}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Mode(StrEnum):
    """What follows where TLS is not as promised (RFC 8461 §5)."""

    ENFORCE = "enforce"  # the host gets no mail
    TESTING = "testing"  # the domain is told, and gets its mail
    NONE = "none"  # the domain takes its promise back


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as its file says it. `mx` are lower-case names, some with `*.` before them."""

    mode: Mode
    mx: tuple[str, ...]
    max_age: int

    def covers(self, host: str) -> bool:
        """Whether the policy lists this exchanger (RFC 8461 §4.1): a wildcard stands for exactly the left-most label."""
        name = host.lower().removesuffix(".")
        above = name.partition(".")[2]
        return any(name == entry or (entry.startswith("*.") and above == entry[2:]) for entry in self.mx)

    @property
    def strings(self) -> tuple[str, ...]:
        """Its lines, as TLS reports quote them (RFC 8460 §4.2)."""
        return ("version: STSv1", f"mode: {self.mode}", *(f"mx: {name}" for name in self.mx), f"max_age: {self.max_age}")


@dataclass(frozen=True, slots=True)
class Cached:
    """A policy that was fetched, the `id` of the record that led to it, and when (unix seconds)."""

    policy: Policy
    id: str
    fetched_at: int

    def valid(self, now: int) -> bool:
        """Whether the promise still holds."""
        return self.fetched_at <= now < self.fetched_at + self.policy.max_age


class Next(Enum):
    """What to do before mail is sent to a domain."""

    USE = "use what is cached, if anything is"
    FETCH = "fetch the policy, and where that fails use what is cached"


def parse_record(text: str) -> str | None:
    """The `id` of a TXT record, None where it is no record of MTA-STS (RFC 8461 §3.1)."""
    if len(text) > MAX_RECORD or not text.startswith("v=STSv1"):
        return None
    *ended, last = text.split(";")
    version, *fields = [field.strip(" \t") for field in ended] or [last]
    if last.strip(" \t"):
        fields.append(last.lstrip(" \t"))
    ids = [field[3:] for field in fields if field.startswith("id=")]
    if version != "v=STSv1" or len(ids) != 1 or not _ID.fullmatch(ids[0]):
        return None
    return ids[0] if all(_EXTENSION.fullmatch(field) for field in fields) else None


def policy_id(texts: Iterable[str]) -> str | None:
    """The `id` that the TXT records at `_mta-sts.<domain>` give: exactly one of them must be of MTA-STS (§3.1)."""
    ours = [text for text in texts if re.match(r"v=STSv1[ \t]*;", text)]
    return parse_record(ours[0]) if len(ours) == 1 else None


def parse_policy(content: bytes) -> Policy | None:
    """What a policy file says, None where it is none (RFC 8461 §3.2)."""
    if len(content) > MAX_POLICY:
        return None
    try:
        lines = content.decode().replace("\r\n", "\n").split("\n")  # §3.2: a CR ends no line by itself
    except UnicodeDecodeError:
        return None
    if lines[-1] == "":
        lines.pop()
    found: dict[str, str] = {}
    mx: list[str] = []
    for line in lines:
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        if not colon or not value or not _NAME.fullmatch(name) or _CONTROL.search(value):
            return None
        if name == "mx":
            mx.append(value.lower())
        found.setdefault(name, value)  # §3.2: of fields that come twice, the first counts
    return _policy(found, tuple(mx))


def _policy(found: dict[str, str], mx: tuple[str, ...]) -> Policy | None:
    mode, max_age = found.get("mode"), found.get("max_age", "")
    if found.get("version") != "STSv1" or mode not in tuple(Mode) or not _DIGITS.fullmatch(max_age):
        return None
    if len(mx) > MAX_MX or any(len(name) > 255 or not _MX.fullmatch(name) for name in mx):
        return None
    if not mx and mode != Mode.NONE:
        return None
    return Policy(Mode(mode), mx, min(int(max_age), MAX_AGE))


def next_step(record_id: str | None, cached: Cached | None, now: int) -> Next:
    """What to do, given the `id` in DNS now (None: no record, or no answer) and what was cached.

    §3.3, §5.1: a record that vanished takes nothing back; only a policy that was fetched does.
    """
    if record_id is None:
        return Next.USE
    if cached is None or not cached.valid(now) or cached.id != record_id:
        return Next.FETCH
    # §10.2: whoever can keep us from fetching must do so for nearly all of max_age, not for its last minute.
    return Next.FETCH if now >= cached.fetched_at + min(REFRESH, cached.policy.max_age // 2) else Next.USE
