"""The message on its way out: what it is made of, and its bytes as DATA wants them.

Standards: RFC 5321 §2.3.8 and §4.5.2 (CRLF alone ends a line; dots), RFC 6152, 6531 (what needs an extension).
Pure. A message comes in parts (prepended fields, then the stored bytes) and leaves in pieces of at most CHUNK octets,
so an mmap of any size costs bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailwright.mail.header import Raw

CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Shape:
    """What the peer must be able to do to take this message. `size` in octets, before dots are doubled."""

    size: int
    eight_bit_header: bool
    eight_bit_body: bool


def pieces(parts: Sequence[Raw]) -> Iterator[bytes]:
    """The message as it is, in pieces (for BDAT, which knows no dots: RFC 3030 §2). A small message is one piece."""
    if sum(map(len, parts)) <= CHUNK:
        yield b"".join(parts)
        return
    for part in parts:
        for at in range(0, len(part), CHUNK):
            yield part[at : at + CHUNK]


def stuffed(parts: Sequence[Raw]) -> Iterator[bytes]:
    """The message for DATA: dots at the start of a line doubled; the last piece is, or ends with, the end of data."""
    before = b"\r\n"  # the end of the DATA line
    empty = True
    for piece in pieces(parts):
        # RFC 5321 §4.5.2. Two octets of the piece before are looked at again: a line may start where a piece starts.
        window = before + piece
        yield window.replace(b"\r\n.", b"\r\n..")[len(before) :] if b"\r\n." in window else piece
        before = window[-2:]
        empty = empty and not piece
    # RFC 5321 §4.1.1.4: the CRLF that ends the last line is also the first of CRLF.CRLF; one is added where it lacks.
    yield b".\r\n" if empty or before == b"\r\n" else b"\r\n.\r\n"


def shape(parts: Sequence[Raw]) -> Shape:
    """Measure a message; raises ValueError where a CR or LF stands alone.

    RFC 5321 §2.3.8, S2: the client must not send a bare CR or LF; a peer that takes one for a line end could be made
    to read a second message out of this one. Callers canonicalise before they sign.
    """
    pairs = returns = feeds = size = 0
    ascii_only, before = True, b""
    for piece in pieces(parts):
        size += len(piece)
        returns += piece.count(b"\r")
        feeds += piece.count(b"\n")
        pairs += piece.count(b"\r\n") + (before == b"\r" and piece[:1] == b"\n")
        ascii_only = ascii_only and piece.isascii()
        before = piece[-1:] or before
    if not pairs == returns == feeds:
        raise ValueError("the message holds a bare CR or LF: make every line end CRLF before it is signed")
    header, body = (False, False) if ascii_only else _eight_bit(parts)
    return Shape(size, header, body)


def _eight_bit(parts: Sequence[Raw]) -> tuple[bool, bool]:
    """Whether the header block and the body hold octets over 127."""
    header, before, found = False, b"\r\n", False
    rest = pieces(parts)
    for piece in rest:
        window = before + piece
        end = window.find(b"\r\n\r\n")
        found = end >= 0
        header = header or not (window[:end] if found else window).isascii()
        if found:
            return header, not window[end:].isascii() or any(not piece.isascii() for piece in rest)
        before = window[-3:]
    return header, False
