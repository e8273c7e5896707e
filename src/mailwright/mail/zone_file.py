"""What does a zone file say? DNS as a person writes it down: for tests, and to look at mail without a network.

One record a line: `name TYPE value`, where names may end in a dot and any type will do. `name TYPE !servfail`, `!timeout`,
`!nxdomain` or `!nodata` stand for trouble; `*` as such a line's type covers every type that the name does not list.
A text is all of the rest of the line as it stands, or strings in double quotes with the escapes of RFC 1035 §5.1, joined.
A line that begins with `#` or `;` is a comment, and so is what follows one of them after anything but a bare text.
What `dig` prints can be pasted: a TTL and the class IN before the type are passed over.
Pure, linear. Not here: what is answered from it (questions.Zone).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import idna

TROUBLES = ("servfail", "timeout", "nxdomain", "nodata")

Table = dict[tuple[str, str], tuple[str, ...]]

_LINE = re.compile(
    r"(?P<name>\S+)(?:\s+\d+)?(?:\s+(?i:IN))?\s+(?P<type>[A-Za-z][A-Za-z0-9-]*|\*)(?:\s+(?P<value>.*))?", re.ASCII
)
# A name with spaces in it, which DNS can hold: macros of SPF make such names.
_SPACED = re.compile(r"(?P<name>.+?)\s+(?P<type>A|AAAA|CNAME|MX|NS|PTR|SPF|TXT)\s+(?P<value>.*)", re.ASCII)
_COMMENT = re.compile(r"(?:^|\s)[#;].*")
_STRING = re.compile(r'(?:"((?:[^"\\]|\\.)*)"|([^\s";#][^\s"]*))\s*')
_BRACKETS = re.compile(r'\(\s*(".*")\s*\)\s*(?:[#;].*)?')
_ESCAPE = re.compile(r"\\(\d{3}|.)")
_TEXTS = frozenset(["TXT", "SPF"])
_WITH_NAME = frozenset(["CNAME", "DNAME", "MX", "NS", "PTR", "SRV"])


class BadZoneFile(ValueError):
    """A zone file that can't be read; the text begins with `line N:`."""


def parse_zone(text: str) -> Table:
    """The records by name (lower case, no final dot) and type (upper case). Raises BadZoneFile naming the line."""
    found: dict[tuple[str, str], list[str]] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        words = line.strip()
        if words and words[0] not in "#;":
            try:
                name, kind, value = _record(words)
            except ValueError as wrong:
                raise BadZoneFile(f"line {number}: {wrong}") from None
            found.setdefault((name, kind), []).append(value)
    return {key: tuple(values) for key, values in found.items()}


def _record(line: str) -> tuple[str, str, str]:
    match = _LINE.fullmatch(line) or _SPACED.fullmatch(line)
    kind = match["type"].upper() if match else ""
    value = (match["value"] or "").strip() if match else ""
    if match is None or not (value or kind in _TEXTS):
        raise ValueError(f"expected `name TYPE value`, found {line[:80]!r}")
    return _name(match["name"]), kind, _value(kind, value)


def _name(text: str) -> str:
    name = _unescaped(text).lower().removesuffix(".")
    if name.isascii():
        return name
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise ValueError(f"{text[:80]!r} is no name that DNS can hold") from None


def _value(kind: str, value: str) -> str:
    if value.startswith("!"):
        return _trouble(_COMMENT.sub("", value))
    if kind == "*":
        raise ValueError(f"a line for every type can only tell of trouble: {_listed()}")
    if kind in _TEXTS:
        bracketed = _BRACKETS.fullmatch(value)  # RFC 1035 §5.1, on one line, as `dkim.zone_line` writes a long key
        value = bracketed[1] if bracketed else value
        return "".join(_strings(value)) if value.startswith('"') else value
    value = _COMMENT.sub("", value).strip()
    if not value:
        raise ValueError(f"nothing stands behind the type {kind}")
    return _with_name(value) if kind in _WITH_NAME else value


def _with_name(value: str) -> str:
    """A record that ends in a name, as the resolver presents it. What makes no sense stays: the readers must bear it."""
    *numbers, name = value.lower().split() or [""]
    return " ".join([*numbers, name if name == "." else name.removesuffix(".")])


def _trouble(value: str) -> str:
    word = value[1:].strip().lower()
    if word not in TROUBLES:
        raise ValueError(f"unknown trouble {value[:40]!r}: there are {_listed()}")
    return f"!{word}"


def _strings(value: str) -> Iterator[str]:
    at = 0
    while at < len(value) and value[at] not in "#;":
        match = _STRING.match(value, at)
        if match is None:
            raise ValueError("a quote is opened and not closed")
        yield _unescaped(match[1] if match[2] is None else match[2])
        at = match.end()


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    # RFC 1035 §5.1: \DDD is an octet, so that characters beyond ASCII may be written as several.
    octets = _ESCAPE.sub(_character, text.encode().decode("latin-1")).encode("latin-1")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _character(escape: re.Match[str]) -> str:
    code = int(escape[1]) if len(escape[1]) == 3 else ord(escape[1])
    if code > 255:
        raise ValueError(f"{escape[0]} is no octet")
    return chr(code)


def _listed() -> str:
    return ", ".join(f"!{one}" for one in TROUBLES)
