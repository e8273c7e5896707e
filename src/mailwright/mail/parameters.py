"""What kind of thing is this part, and what is it called? Content-Type and Content-Disposition with their parameters.

Standards: RFC 2045 §5.1, RFC 2183, RFC 2231 (continuations, charsets), RFC 2047 in values (forbidden there, yet usual).
Pure, linear, never raises: a value that can't be read has an empty type, and what is wrong is told in `defects`.
Not here: file names made safe for a disk (mime).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from mailwright.mail.comments import comment_end
from mailwright.mail.words import codec_name, decode_bytes, decode_words

MAX_PARAMETERS = 200
MAX_TEXT = 64 * 1024

_PLAIN_TYPE = re.compile(r"([A-Za-z0-9.+-]+)/([A-Za-z0-9.+_-]+)")
_HEAD = re.compile(r"\s*([^\s/;()\"<>,]+)\s*(?:/\s*([^\s;()\"<>,]*))?")
_PLAIN_PARAMETER = re.compile(r';[ \t]*([A-Za-z-]+)=(?:"([^"\\]*)"|([^\s"\\;()*%=?]+))(?=;|\Z)')
_NAME = re.compile(r'[^\s;=()"]+')
_PARAMETERS_START = re.compile(r'[;="]')
_SKIP = re.compile(r"[\s;]+")
_SPACE = re.compile(r"\s*")
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_TO_SEMICOLON = re.compile(r"[^;]*")
_VALUE_END = re.compile(r";|(?<!\s)\s+[A-Za-z][A-Za-z0-9*_-]{0,60}\s{0,9}=")
_SECTION = re.compile(r"\*(\d{1,3})(\*?)|\*")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


class ParameterDefect(StrEnum):
    """What is wrong with a field that has parameters."""

    NO_TYPE = "no-type"
    NO_SUBTYPE = "no-subtype"
    DUPLICATE = "duplicate-parameter"  # the first one counts
    UNCLOSED = "unclosed-string"
    JUNK = "junk"
    TOO_LONG = "too-long"


@dataclass(frozen=True, slots=True)
class ContentType:
    """A media type, lower case; both halves are empty where none can be read. Names of parameters are lower case."""

    type: str
    subtype: str
    params: Mapping[str, str] = field(default_factory=dict)
    defects: frozenset[ParameterDefect] = frozenset()


@dataclass(frozen=True, slots=True)
class Disposition:
    """`kind` is "inline", "attachment" or another word, lower case; empty where none can be read."""

    kind: str
    params: Mapping[str, str] = field(default_factory=dict)
    defects: frozenset[ParameterDefect] = frozenset()


@dataclass(slots=True)
class _Section:
    """What is known of one parameter: its plain value, or its numbered and encoded pieces (RFC 2231 §3, §4)."""

    plain: str | None = None
    pieces: dict[int, tuple[str, bool]] = field(default_factory=dict)


def parse_content_type(text: str) -> ContentType:
    """Read the value of a Content-Type field (unfolded, `Field.value`)."""
    return _kept_type(text) if len(text) <= 200 else _content_type(text)


def _content_type(text: str) -> ContentType:
    match = _PLAIN_TYPE.match(text) if len(text) <= MAX_TEXT else None
    plain = _plain_parameters(text, match.end()) if match is not None else None
    if match is not None and plain is not None:
        return ContentType(match[1].lower(), match[2].lower(), plain)
    main, sub, params, defects = _read(text)
    if not main:
        return ContentType("", "", params, frozenset(defects))
    if not sub:
        defects.add(ParameterDefect.NO_SUBTYPE)
    return ContentType(main, sub, params, frozenset(defects))


_kept_type = lru_cache(maxsize=512)(_content_type)


def parse_disposition(text: str) -> Disposition:
    """Read the value of a Content-Disposition field (unfolded, `Field.value`)."""
    main, _, params, defects = _read(text)
    return Disposition(main, params, frozenset(defects))


def _plain_parameters(text: str, at: int) -> dict[str, str] | None:
    """The parameters, if all of them are in the plain form that most mail has."""
    found: dict[str, str] = {}
    while at < len(text):
        match = _PLAIN_PARAMETER.match(text, at)
        if match is None:
            return None
        name, quoted = match[1].lower(), match[2]
        value = match[3] if quoted is None else quoted
        if name in found or ("=?" in value and name != "boundary"):
            return None
        found[name] = value
        at = match.end()
    return found


def _read(text: str) -> tuple[str, str, dict[str, str], set[ParameterDefect]]:
    defects = set[ParameterDefect]()
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT]
        defects.add(ParameterDefect.TOO_LONG)
    if "(" in text:
        text = _without_head_comments(text)
    match = _HEAD.match(text)
    if match is None:
        defects.add(ParameterDefect.NO_TYPE)
    sections = _sections(text, match.end() if match is not None else 0, defects)
    params = {name: value for name, section in sections.items() if (value := _value(name, section)) is not None}
    if match is None:
        return "", "", params, defects
    return match[1].lower(), (match[2] or "").lower(), params, defects


def _without_head_comments(text: str) -> str:
    # RFC 2045 §5.1: comments are allowed as in any structured field. Those among parameters are met in _sections.
    out: list[str] = []
    at = 0
    parameters = _PARAMETERS_START.search(text)
    stop = len(text) if parameters is None else parameters.start()
    while (start := text.find("(", at, stop)) >= 0:
        end = comment_end(text, start)
        if end < 0:
            break
        out.append(text[at:start] + " ")
        at = end
    return "".join(out) + text[at:]


def _sections(text: str, at: int, defects: set[ParameterDefect]) -> dict[str, _Section]:
    sections: dict[str, _Section] = {}
    while at < len(text) and len(sections) < MAX_PARAMETERS:
        skipped = _SKIP.match(text, at)
        if skipped is not None:
            at = skipped.end()
            continue
        if text[at] == "(":
            end = comment_end(text, at)
            if end < 0:
                defects.add(ParameterDefect.UNCLOSED)
                break
            at = end
            continue
        match = _NAME.match(text, at)
        at = _past_comments(text, match.end() if match is not None else at)
        if match is None or text[at : at + 1] != "=":
            defects.add(ParameterDefect.JUNK)
            at += 0 if match is not None else 1
            continue
        value, quoted, at = _raw_value(text, at + 1, match[0], defects)
        if quoted or value:
            _keep(sections, match[0].lower(), value, defects)
    if len(sections) == MAX_PARAMETERS:
        defects.add(ParameterDefect.TOO_LONG)
    return sections


def _past_comments(text: str, at: int) -> int:
    """Where what is no white space and no comment (RFC 2045 §5.1) goes on."""
    while True:
        space = _SPACE.match(text, at)
        assert space is not None
        at = space.end()
        end = comment_end(text, at) if text[at : at + 1] == "(" else -1
        if end < 0:
            return at
        at = end


def _raw_value(text: str, at: int, name: str, defects: set[ParameterDefect]) -> tuple[str, bool, int]:
    """A value without its quotes, whether it had them, and where it ends."""
    space = _SPACE.match(text, at)
    assert space is not None
    at = space.end()
    if not name.lower().startswith(("filename", "name")):
        at = _past_comments(text, at)
    if text[at : at + 1] == '"':
        match = _QUOTED.match(text, at)
        if match is not None:
            return _PAIR.sub(r"\1", match[1]), True, match.end()
        defects.add(ParameterDefect.UNCLOSED)
        rest = _TO_SEMICOLON.match(text, at + 1)
        assert rest is not None
        return rest[0], True, rest.end()
    following = _VALUE_END.search(text, at)  # also the next name, where a semicolon was forgotten at the end of a line
    end = len(text) if following is None else following.start()
    value = text[at:end].strip()
    if end < len(text) and text[end] != ";":
        value = value.removesuffix(",")  # stands for the semicolon that was forgotten
    if "(" in value and not name.lower().startswith(("filename", "name")):
        value = value[: value.index("(")].rstrip()  # a comment; in a file name it is most likely part of that
    if " " in value:
        defects.add(ParameterDefect.JUNK)
    return value, False, end


def _keep(sections: dict[str, _Section], name: str, value: str, defects: set[ParameterDefect]) -> None:
    star = name.find("*")
    base = name if star <= 0 else name[:star]
    section = sections.setdefault(base, _Section())
    if star <= 0:
        if section.plain is not None:
            defects.add(ParameterDefect.DUPLICATE)
        else:
            section.plain = value
        return
    match = _SECTION.fullmatch(name, star)
    if match is None:
        defects.add(ParameterDefect.JUNK)
        return
    number = int(match[1] or 0)
    if number in section.pieces:
        defects.add(ParameterDefect.DUPLICATE)
    else:
        section.pieces[number] = (value, match[1] is None or match[2] == "*")


def _value(name: str, section: _Section) -> str | None:
    # RFC 6266 §4.3 prefers the pieces to the plain value, which is there for old readers.
    value = _joined(section.pieces) if section.pieces else section.plain
    exact = name == "boundary" or any(encoded for _, encoded in section.pieces.values())
    return decode_words(value) if value is not None and "=?" in value and not exact else value


def _charset_of(value: str) -> tuple[str, str]:
    """The charset that an encoded value begins with, and what follows its language (RFC 2231 §4)."""
    parts = value.split("'", 2)
    if len(parts) == 3:
        return parts[0], parts[2]
    # Some leave the empty language out with its mark.
    return (parts[0], parts[1]) if len(parts) == 2 and codec_name(parts[0]) else ("", value)


def _joined(pieces: dict[int, tuple[str, bool]]) -> str:
    numbers = sorted(pieces)
    charset = ""
    first, encoded = pieces[numbers[0]]
    if encoded:
        charset, first = _charset_of(first)
        pieces = pieces | {numbers[0]: (first, True)}
    out: list[str] = []
    pending: list[bytes] = []  # a character may be split over sections
    for number in numbers:
        value, encoded = pieces[number]
        if not encoded:
            if pending:
                out.append(decode_bytes(b"".join(pending), charset))
                pending = []
            out.append(value)
            continue
        if charset and number and value.lower().startswith(charset.lower() + "'"):
            value = value[len(charset) + 1 :].removeprefix("'")  # RFC 2231 §4.1 allows the charset once; some repeat it
        pending.append(_PERCENT.sub(lambda match: bytes([int(match[1], 16)]), value.encode("utf-8", "replace")))
    if pending:
        out.append(decode_bytes(b"".join(pending), charset))
    return "".join(out)
