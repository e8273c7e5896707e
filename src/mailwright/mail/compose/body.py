"""The body of a message: parts, their transfer encodings, and how they nest.

Standards: RFC 2045 §6 (7bit, quoted-printable, base64), RFC 2046 §5, RFC 2387 (related), RFC 2183, RFC 2392.
Everything comes out 7-bit with CRLF: text as it is when it is clean, else quoted-printable, or base64 where that is much
shorter; files in base64; an attached message as it stands, for its bytes are what it proves.
"""

from __future__ import annotations

import binascii
import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailwright.mail.compose.checks import CONTENT_TYPE
from mailwright.mail.compose.draft import Attachment, Draft
from mailwright.mail.compose.fields import ascii_name, parameter_field

MAX_LINE = 998  # octets, RFC 5322 §2.1.1
_ASCII = bytes(range(128))
_CLEAN = b"\t\n" + bytes(range(0x20, 0x7F))
QP_LINE = 76  # octets, RFC 2045 §6.7 (5)
_LITERAL = b"\n" + bytes(octet for octet in range(0x20, 0x7F) if octet != ord("="))  # what needs no "=XX" within a line
_PARAMETER = re.compile(r";[ ]*([^=; ]+)=(?:\"([^\"]*)\"|([^; ]+))")


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf (`content`, encoded) or a multipart (`parts`). `fields` are its MIME fields, as text."""

    fields: str
    content: tuple[bytes, ...] = ()
    parts: tuple[Part, ...] = ()
    boundary: bytes = b""


def body_part(draft: Draft) -> Part:
    """The tree of a draft's parts: mixed(alternative(text, related(html, images)), files), each level only if needed."""
    raw = [one.content for one in draft.attachments if one.content_type[:8].lower() == "message/"]
    raw += [text.encode() for text in (draft.text, draft.html) if text and "=_" in text]
    marks = boundaries(draft.message_id, raw)
    inside = [one for one in draft.attachments if one.content_id and draft.html is not None]
    beside = [one for one in draft.attachments if not (one.content_id and draft.html is not None)]
    shown: list[Part] = []
    if draft.text is not None or draft.html is None:
        shown.append(text_part("plain", draft.text or ""))
    if draft.html is not None:
        # RFC 2387: what the HTML shows belongs to the HTML alone.
        parts = [text_part("html", draft.html), *map(_file_part, inside)]
        shown.append(around("related", parts, marks, ("type", "text/html")))
    return around("mixed", [around("alternative", shown, marks), *map(_file_part, beside)], marks)


def around(kind: str, parts: Sequence[Part], marks: Iterator[str], *parameters: tuple[str, str]) -> Part:
    """A multipart around the parts, with the next of `boundaries`; a single part stays as it is."""
    if len(parts) == 1:
        return parts[0]
    boundary = next(marks)
    fields = parameter_field("Content-Type", f"multipart/{kind}", (*parameters, ("boundary", boundary)))
    return Part(fields, parts=tuple(parts), boundary=boundary.encode())


def boundaries(message_id: str, unencoded: Sequence[bytes]) -> Iterator[str]:
    """Boundaries that come out of the Message-ID, so that the same draft gives the same bytes.

    "=_" can't stand in quoted-printable or base64 (RFC 2045 §6.7); what travels `unencoded` is searched for them.
    """
    for count in itertools.count(1):
        boundary = f"=_{hashlib.sha256(f'{message_id} {count}'.encode()).hexdigest()[:24]}"
        if not any(boundary.encode() in content for content in unencoded):
            yield boundary


def text_part(subtype: str, text: str) -> Part:
    """A text/plain or text/html part in UTF-8. Its lines end in CRLF, the last one too."""
    content = text.replace("\r\n", "\n").replace("\r", "\n").encode()
    if not content.endswith(b"\n"):
        content += b"\n"
    encoding, encoded = encode_text(content)
    fields = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
    return Part(fields, (encoded,))


def encode_text(content: bytes) -> tuple[str, bytes]:
    """Text with LF line ends in its transfer encoding: its name, and the bytes with CRLF."""
    if content.isascii():
        clean = not content.translate(None, _CLEAN) and not content.startswith(b"From ") and b"\nFrom " not in content
        if clean and (len(content) <= MAX_LINE or max(map(len, content.split(b"\n"))) <= MAX_LINE):
            return "7bit", content.replace(b"\n", b"\r\n")
    elif 3 * len(content.translate(None, _ASCII)) > len(content):
        # Not Latin: quoted-printable would be the longer one, and as unreadable.
        return "base64", encode_base64(content.replace(b"\n", b"\r\n"))
    return "quoted-printable", _quoted_printable(content)


def _quoted_printable(content: bytes) -> bytes:
    """RFC 2045 §6.7, its lines ended by CRLF."""
    if content.translate(None, _LITERAL):
        lines = binascii.b2a_qp(content, istext=True).split(b"\n")
        if max(map(len, lines)) > QP_LINE:  # a blank at the end of a full line
            lines = [line if len(line) <= QP_LINE else line[:-3] + b"=\n" + line[-3:] for line in lines]
    else:  # every octet may stand as it is: looking at each of them takes several times as long
        lines = [_broken(line) for line in content.split(b"\n")]
    encoded = b"\n" + b"\n".join(lines)
    # A "From " at the start of a line gets a ">" from old mailbox files, and no signature survives that (RFC 2049 §3).
    return encoded.replace(b"\nFrom ", b"\n=46rom =\n")[1:].replace(b"\n", b"\r\n")


def _broken(line: bytes) -> bytes:
    """A line of octets that may stand as they are: with soft breaks (5), and nothing at its end that gets lost (3)."""
    last = b""
    if line.endswith(b" ") or line == b".":
        line, last = line[:-1], b"=%02X" % line[-1]
    if len(line) + len(last) <= QP_LINE:
        return line + last
    cuts = range(0, len(line) - QP_LINE, QP_LINE - 1)
    pieces = [*[line[at : at + QP_LINE - 1] for at in cuts], line[len(cuts) * (QP_LINE - 1) :]]
    if len(pieces[-1]) + len(last) > QP_LINE:
        rest = pieces.pop()
        pieces += [rest[: QP_LINE - 4], rest[QP_LINE - 4 :]]
    return b"=\n".join(pieces) + last


def encode_base64(content: bytes) -> bytes:
    """Base64 in lines of 76 (RFC 2045 §6.8), the last one ended too."""
    encoded = binascii.b2a_base64(content, newline=False)
    return b"".join([encoded[at : at + 76] + b"\r\n" for at in range(0, len(encoded), 76)])


def _file_part(one: Attachment) -> Part:
    match = CONTENT_TYPE.fullmatch(one.content_type)
    assert match is not None  # checks.py has seen it
    kind = f"{match[1]}/{match[2]}".lower()
    parameters = [(key, quoted or plain) for key, quoted, plain in _PARAMETER.findall(match[3])]
    parameters = [(key, text) for key, text in parameters if key.lower() not in ("name", "boundary")]
    encoding, content = "base64", b""
    if match[1].lower() == "message":
        # RFC 2046 §5.2.1: message/rfc822 is never encoded, so one that is not 7-bit travels as a plain file.
        if (canonical := seven_bit(one.content)) is not None:
            encoding, content = "7bit", canonical
        else:
            kind, parameters = "application/octet-stream", []
    filename = one.filename.strip(" ")
    if filename:
        parameters.append(("name", ascii_name(filename)))
    place = "inline" if one.content_id else "attachment"
    named = [("filename", filename)] if filename else []
    fields = parameter_field("Content-Type", kind, parameters)
    fields += f"Content-Transfer-Encoding: {encoding}\r\n" + parameter_field("Content-Disposition", place, named)
    if one.content_id:
        fields += f"Content-ID: <{one.content_id}>\r\n"
    return Part(fields, (content if encoding == "7bit" else encode_base64(one.content),))


def seven_bit(content: bytes) -> bytes | None:
    """The content with CRLF line ends if it can travel as 7bit (RFC 2045 §2.7), else None."""
    if not content.isascii() or b"\0" in content:
        return None
    text = content.replace(b"\r\n", b"\n")
    if b"\r" in text or max(map(len, text.split(b"\n"))) > MAX_LINE:
        return None
    return text.replace(b"\n", b"\r\n")


def written(part: Part) -> Iterator[bytes]:
    """The bytes of a part's body, without its fields, in pieces. They end in CRLF, unless an attached message does not."""
    if not part.boundary:
        yield from part.content
        return
    for inner in part.parts:
        yield b"--" + part.boundary + b"\r\n" + inner.fields.encode() + b"\r\n"
        yield from written(inner)
        yield b"\r\n"
    yield b"--" + part.boundary + b"--\r\n"
