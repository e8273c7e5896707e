"""The field as text: its tags read strictly, and written in lines that no relay has to fold again.

Standard: docs/agent-identity.md §2, §3.
Promises: reading never raises, is linear, and refuses whatever two readers could take for different things.
Not here: what is hashed (hashes.py), whether it is true (verify.py).
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass

FIELD = "agent-identity"
ALGORITHM = "ed25519-sha256"
WIDTH = 72  # Python's own SMTP policy folds longer lines anew, and breaks them
MAX_FIELD = 16 * 1024  # octets; 32 parts take some 2,000
MAX_TAGS = 100
MAX_PARTS = 32
MODES = ("read_only", "gated_all", "gated_send", "monitored", "autonomous")
LEAST_SIGNED = (
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "auto-submitted",
)
AGENT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")

_REQUIRED = ("agent_id", "oversight", "sig", "v", "a", "d", "s", "t", "x", "n", "ch", "h", "hh", "bh", "ph", "b")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PRINTABLE = re.compile(r"[!-:<-~]*")
_HASH = r"[A-Za-z0-9_-]{43}"
_FORMS = {
    "agent_id": AGENT,
    "oversight": re.compile("|".join(MODES)),
    "v": re.compile("2"),
    "t": re.compile(r"[0-9]{1,12}"),
    "x": re.compile(r"[0-9]{1,12}"),
    "n": re.compile(r"[0-9a-fA-F]{24}"),
    "ch": re.compile(_HASH),
    "h": re.compile(r"[a-z0-9-]+(?::[a-z0-9-]+)*"),
    "hh": re.compile(_HASH),
    "bh": re.compile(_HASH),
    "ph": re.compile(rf"none|{_HASH}(?:\.{_HASH}){{0,{MAX_PARTS - 1}}}"),
    "rc": re.compile(_HASH),
    "ai": re.compile("generated|assisted"),
    "apr": re.compile("human|policy|none"),
}
_NEVER_FOLDED = ("agent_id", "oversight", "d", "s")
_FOLDING = dict.fromkeys(map(ord, " \t\r\n"))


@dataclass(frozen=True, slots=True)
class Claim:
    """What a field says, every tag in the form that it must have."""

    tags: Mapping[str, str]

    def signed(self) -> bytes:
        """What `b` is a signature of."""
        return signed_octets(self.tags)

    def signature(self, tag: str) -> bytes:
        """The octets of `b` or `sig`."""
        return a2b_base64(self.tags[tag])

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields that are signed."""
        return tuple(self.tags["h"].split(":"))


@dataclass(frozen=True, slots=True)
class Malformed:
    """Why a field says nothing. `unknown`: it is by an algorithm that is not known here, which is nobody's mistake."""

    reason: str
    tags: Mapping[str, str]
    unknown: bool = False


def signed_octets(tags: Mapping[str, str]) -> bytes:
    """All tags by name, `b` without its value, behind a prefix that no other signature of this key has."""
    listed = "".join(f"{name}={'' if name == 'b' else tags[name]};" for name in sorted(tags))
    return b"agent-identity-v2\0" + listed.encode("ascii")


def legacy_octets(agent_id: str, oversight: str) -> bytes:
    """What `sig` is a signature of: two words that are the same in every message, so it binds to none."""
    return f"{agent_id}:{oversight}".encode("ascii")


def parse(body: bytes) -> Claim | Malformed:
    """Read the body of a field, folded or not."""
    if len(body) > MAX_FIELD:
        return Malformed(f"the field is longer than {MAX_FIELD} octets", {})
    try:
        segments = body.decode("ascii").split(";")
    except UnicodeDecodeError:
        return Malformed("the field is not ASCII", {})
    if len(segments) > MAX_TAGS:
        return Malformed(f"there are more than {MAX_TAGS} tags", {})
    tags: dict[str, str] = {}
    for segment in segments:
        name, equals, value = segment.lstrip(" \t\r\n").partition("=")
        value = value.translate(_FOLDING)
        if not equals or not _NAME.fullmatch(name) or not _PRINTABLE.fullmatch(value):
            return Malformed(f"a tag can't be read: {_shown(segment)}", tags)
        if name in tags:
            return Malformed(f"the tag {name[:40]} is there twice", tags)
        tags[name] = value
    return _checked(tags)


def _shown(segment: str) -> str:
    return repr(segment.strip()[:40])


def _checked(tags: Mapping[str, str]) -> Claim | Malformed:
    missing = [name for name in _REQUIRED if name not in tags]
    if missing == [name for name in _REQUIRED if name not in ("agent_id", "oversight", "sig")]:
        return Malformed("a field of the first version: it is the same on every message, and binds to none", tags)
    if missing:
        return Malformed(f"no {', '.join(missing)}", tags)
    if tags["a"] != ALGORITHM:
        return Malformed(f"the algorithm is not known: {tags['a'][:40]}", tags, unknown=True)
    for name, form in _FORMS.items():
        if name in tags and not form.fullmatch(tags[name]):
            return Malformed(f"{name} is not as it should be: {tags[name][:40]!r}", tags)
    for name in ("sig", "b"):
        if not _is_signature(tags[name]):
            return Malformed(f"{name} is no Ed25519 signature in base64", tags)
    names = tags["h"].split(":")
    if len(set(names)) != len(names):
        # Else a field of a few kilobytes could have each field of the message hashed a thousand times.
        return Malformed("h names a field twice", tags)
    unsigned = [name for name in LEAST_SIGNED if name not in names]
    return Malformed(f"h leaves out {', '.join(unsigned)}", tags) if unsigned else Claim(tags)


def _is_signature(text: str) -> bool:
    try:
        return len(a2b_base64(text, strict_mode=True)) == 64
    except (Base64Error, ValueError):
        return False


def render(tags: Mapping[str, str]) -> bytes:
    """The field, one tag a line in the order given, CRLF at its end."""
    lines = [line for name, value in tags.items() for line in _lines(name, value)]
    text = ";\r\n ".join(lines)
    start = "Agent-Identity:" + (" " if len(lines[0]) + 17 <= WIDTH else "\r\n ")
    return f"{start}{text}\r\n".encode("ascii")


def _lines(name: str, value: str) -> list[str]:
    text = f"{name}={value}"
    if name in _NEVER_FOLDED:
        return [text]
    room = WIDTH - 2  # a space before it, a semicolon behind
    return ["\r\n ".join(text[at : at + room] for at in range(0, len(text), room))]
