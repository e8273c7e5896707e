"""Where does each part begin and end? One pass over the message, with a stack of the multiparts that are open.

Standards: RFC 2045 §5.2 (defaults), RFC 2046 §5.1 (boundaries), §5.1.5 (digest), §5.2.1 (message/rfc822).
Linear: each `--` at the start of a line is looked at once, and compared with all open boundaries at once; of several that
fit, the longest is meant. Headers are looked for in a window.
Not here: what a part says (model.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mailwright.mail.header import Header, Raw, parse_header
from mailwright.mail.mime.decoding import BASE64, IDENTITY, QUOTED_PRINTABLE, UUENCODE
from mailwright.mail.mime.model import Limits, MimeDefect, Part
from mailwright.mail.parameters import parse_content_type

MAX_BOUNDARY = 16 * 1024  # bytes; RFC 2046 §5.1.1 allows 70, longer ones are met
MAX_COMPARED = 70  # bytes of a line that are compared at first; the rest only where these fit

_NO_LIMITS = Limits()
_NO_PARAMS: Mapping[str, str] = {}
_NO_HEADER = Header((), 0)
_MESSAGES = frozenset(["rfc822", "global", "news"])  # RFC 2046 §5.2.1, RFC 6532 §3.7
_ENCODED = BASE64 | QUOTED_PRINTABLE | UUENCODE


@dataclass(slots=True)
class _Budget:
    """What may still be spent on this message, over all levels of encoded messages in it."""

    limits: Limits
    parts: int
    decoded: int


@dataclass(slots=True)
class _Reading:
    """The open parts, outermost first, and for the multiparts among them the boundary that they wait for."""

    raw: Raw
    end: int
    depth: int  # of the root; a decoded message lies deeper than it looks
    budget: _Budget
    open: list[Part] = field(default_factory=list)
    encoded: list[tuple[Part, int]] = field(default_factory=list)  # messages to decode and enter later; their level
    waiting: list[tuple[bytes, int]] = field(default_factory=list)  # boundary, place in `open`
    boundaries: tuple[bytes, ...] = ()  # the first MAX_COMPARED bytes of each


def parse(raw: Raw, header: Header | None = None, limits: Limits = _NO_LIMITS) -> Part:
    """The tree of a message's parts. `header` is what `parse_header` made of it, if that has been done already.

    Never raises; what is wrong stands in each part's `defects`.
    """
    if header is None:
        header = parse_header(raw)
    return _message(raw, header, 0, _Budget(limits, limits.parts, limits.decoded))


def _message(raw: Raw, header: Header, depth: int, budget: _Budget) -> Part:
    root = _part(raw, 0, header.body_start, header, "text/plain")
    budget.parts -= 1
    if root.type not in ("multipart", "message"):  # most mail
        root.body_end = len(raw)
        return root
    reading = _Reading(raw, len(raw), depth, budget)
    at = _enter(reading, root)
    while at >= 0:
        at = _next(reading, at)
    _close(reading, 0, len(raw))
    for part, level in reading.encoded:
        _enter_encoded(part, level, budget)
    return root


def _part(raw: Raw, start: int, body_start: int, header: Header, default: str) -> Part:
    types = header.all("content-type")
    if not types:
        main, _, sub = default.partition("/")
        return Part(raw, header, main, sub, _NO_PARAMS, start, body_start)
    # Two of them contradict each other; the last one is nearest to what the writer wrote.
    value = parse_content_type(types[-1].value)
    part = Part(raw, header, value.type, value.subtype, value.params, start, body_start)
    if len(types) > 1:
        part.defects.add(MimeDefect.SEVERAL_TYPES)
    if not part.subtype:
        # RFC 2045 §5.2: what can't be read is plain text; RFC 2046 §4: a type without a known subtype is just bytes.
        part.defects.add(MimeDefect.BAD_TYPE)
        supposed = {"": "text/plain", "text": "text/plain", "multipart": "multipart/mixed"}
        part.type, _, part.subtype = supposed.get(part.type, "application/octet-stream").partition("/")
    return part


def _next(reading: _Reading, at: int) -> int:
    """Go on to the next boundary, `at` being the line end before the first place for one; -1 when none is left."""
    found = _find_boundary(reading, at, reading.end)
    if found is None:
        return -1
    line, boundary, place = found
    raw, multipart = reading.raw, reading.open[place]
    # RFC 2046 §5.1.1: the line break before a boundary belongs to the boundary.
    _close(reading, place + 1, line - 2 if raw[line - 2 : line - 1] == b"\r" else line - 1)
    after = line + 2 + len(boundary)
    next_line = raw.find(b"\n", after, reading.end) + 1 or reading.end
    if raw[after : after + 2] == b"--":
        _stop_waiting(reading, place)
        return next_line - 1
    if reading.budget.parts <= 0:
        _give_up(reading, multipart, next_line)
        return -1
    return _open(reading, multipart, next_line)


def _find_boundary(reading: _Reading, at: int, end: int) -> tuple[int, bytes, int] | None:
    """The next line that begins with an open boundary: its start, the boundary, the multipart's place in `open`.

    RFC 2046 §5.1.1: it is enough that the boundary stands at the beginning of the line.
    """
    raw, boundaries = reading.raw, reading.boundaries
    if not boundaries:
        return None
    while (at := raw.find(b"\n--", at, end)) >= 0:
        if raw[at + 3 : at + 3 + MAX_COMPARED].startswith(boundaries):
            text = raw[at + 3 : at + 3 + MAX_BOUNDARY]
            fitting = [item for item in reading.waiting if text.startswith(item[0])]
            if fitting:
                # Of equal boundaries the inner one: RFC 2046 §5.1.2 has them all different.
                boundary, place = max(fitting, key=lambda item: (len(item[0]), item[1]))
                return at + 1, boundary, place
        at += 1
    return None


def _open(reading: _Reading, parent: Part, start: int) -> int:
    """Read the header of a part that begins at `start`; returns where to look on for boundaries."""
    reading.budget.parts -= 1
    block_end, body_start, defect = _header_place(reading, start)
    header = parse_header(reading.raw[start:block_end]) if block_end > start else _NO_HEADER
    default = "message/rfc822" if parent.subtype == "digest" and parent.type == "multipart" else "text/plain"
    part = _part(reading.raw, start, body_start, header, default)
    if defect is not None:
        part.defects.add(defect)
    parent.children.append(part)
    return _enter(reading, part)


def _header_place(reading: _Reading, start: int) -> tuple[int, int, MimeDefect | None]:
    """Where the header block ends (with its empty line), where the body starts, and what is wrong with that."""
    raw = reading.raw
    first = raw[start : start + 2]
    if first[:1] == b"\n" or first == b"\r\n":
        return start, start + (1 if first[:1] == b"\n" else 2), None
    if not _looks_like_header(raw, start):
        return start, start, MimeDefect.NO_HEADER
    window = min(reading.end, start + reading.budget.limits.header)
    lf = raw.find(b"\n\n", start, window)
    crlf = raw.find(b"\n\r\n", start, window if lf < 0 else lf)
    end = crlf + 3 if crlf >= 0 else lf + 2 if lf >= 0 else window
    boundary = _find_boundary(reading, start, end - 1)
    if boundary is not None:
        return boundary[0], boundary[0], MimeDefect.NO_SEPARATOR
    if lf < 0 and crlf < 0:
        return end, end, MimeDefect.NO_SEPARATOR if end == reading.end else MimeDefect.TOO_LARGE
    return end, end, None


def _looks_like_header(raw: Raw, start: int) -> bool:
    line = raw[start : start + 1000].split(b"\n", 1)[0]
    name, colon, _ = line.partition(b":")
    name = name.rstrip(b" \t")
    return (bool(name and colon) and name.isascii() and b" " not in name) or line.startswith((b"From ", b">From "))


def _message_start(raw: Raw, at: int) -> int:
    """Where the header of a message within the message begins, also below one empty line too many; -1 if none does."""
    past = re.match(rb"\r?\n", raw[at : at + 2])
    below = at + past.end() if past is not None else at
    return below if _looks_like_header(raw, below) else -1


def _enter(reading: _Reading, part: Part) -> int:
    """Open a part: wait for its boundary, or go on to the message in it. Returns where to look on for boundaries."""
    level = reading.depth + len(reading.open)
    reading.open.append(part)
    if part.type == "multipart":
        if level >= reading.budget.limits.depth:
            part.defects.add(MimeDefect.TOO_DEEP)
        else:
            _wait_for_boundary(reading, part)
    elif part.type == "message" and part.subtype in _MESSAGES:
        if level >= reading.budget.limits.depth:
            part.defects.add(MimeDefect.TOO_DEEP)
        elif reading.budget.parts <= 0:
            part.defects.add(MimeDefect.TOO_MANY_PARTS)
        elif part.encoding in _ENCODED:
            reading.encoded.append((part, level))
        elif (start := _message_start(reading.raw, part.body_start)) >= 0:
            return _open(reading, part, start)
        elif part.body_start < reading.end:
            part.defects.add(MimeDefect.NO_HEADER)
    return max(0, part.body_start - 1)


def _wait_for_boundary(reading: _Reading, part: Part) -> None:
    if part.encoding not in IDENTITY:
        part.defects.add(MimeDefect.BAD_ENCODING)  # RFC 2045 §6.4: forbidden for multiparts, and nobody means it
    boundary = part.params.get("boundary", "").encode("utf-8", "replace")[:MAX_BOUNDARY]
    if not boundary:
        part.defects.add(MimeDefect.NO_BOUNDARY)
        return
    if any(boundary == item[0] for item in reading.waiting):
        part.defects.add(MimeDefect.SAME_BOUNDARY)
    reading.waiting.append((boundary, len(reading.open) - 1))
    _remember_boundaries(reading)


def _stop_waiting(reading: _Reading, place: int) -> None:
    """The multiparts from `place` on wait for no boundary any more."""
    if reading.waiting and reading.waiting[-1][1] >= place:
        reading.waiting = [item for item in reading.waiting if item[1] < place]
        _remember_boundaries(reading)


def _remember_boundaries(reading: _Reading) -> None:
    reading.boundaries = tuple(item[0][:MAX_COMPARED] for item in reading.waiting)


def _close(reading: _Reading, place: int, end: int) -> None:
    """Close all open parts from `place` on."""
    for index in range(place, len(reading.open)):
        part = reading.open[index]
        part.body_end = max(part.body_start, end)
        if part.type == "multipart":
            if not part.children:
                part.defects.add(MimeDefect.NO_PARTS)
            if any(item[1] == index for item in reading.waiting):
                part.defects.add(MimeDefect.NO_END)
    del reading.open[place:]
    _stop_waiting(reading, place)


def _give_up(reading: _Reading, parent: Part, start: int) -> None:
    """All the rest becomes one leaf of bytes."""
    rest = Part(reading.raw, _NO_HEADER, "application", "octet-stream", _NO_PARAMS, start, start)
    rest.defects.add(MimeDefect.TOO_MANY_PARTS)
    parent.children.append(rest)
    reading.open.append(rest)


def _enter_encoded(part: Part, level: int, budget: _Budget) -> None:
    """Read a message that came encoded; RFC 2046 §5.2.1 forbids it, some programs do it."""
    part.defects.add(MimeDefect.BAD_ENCODING)
    if budget.parts <= 0:
        part.defects.add(MimeDefect.TOO_MANY_PARTS)
        return
    if part.size > budget.decoded:
        part.defects.add(MimeDefect.TOO_LARGE)
        return
    decoded = part.decoded()
    budget.decoded -= part.size
    if (start := _message_start(decoded, 0)) >= 0:
        decoded = decoded[start:]
        part.children.append(_message(decoded, parse_header(decoded), level + 1, budget))
    else:
        part.defects.add(MimeDefect.NO_HEADER)
