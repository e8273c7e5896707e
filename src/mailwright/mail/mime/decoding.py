"""What did the transfer encoding hide? base64, quoted-printable and uuencode, undone leniently.

Standards: RFC 2045 §6. uuencode is not standard there, but met as `x-uuencode`.
Pure, linear, never raises; with a limit, no more is read than gives that much.
Not here: charsets (words.py).
"""

from __future__ import annotations

import binascii
import re

from mailwright.mail.header import Raw
from mailwright.mail.words import decode_base64

IDENTITY = frozenset(["7bit", "8bit", "binary", "7-bit", "8-bit", "none"])
BASE64 = frozenset(["base64", "base-64", "x-base64", "b"])
QUOTED_PRINTABLE = frozenset(["quoted-printable", "quotedprintable", "quoted_printable", "qp", "q"])
UUENCODE = frozenset(["x-uuencode", "uuencode", "x-uue", "uue", "x-uu"])

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n"
_FOOTER = re.compile(rb"(?:=|\n\r?)\r?\n(?=[^\n]*[^A-Za-z0-9+/=\s])")
SHORT = 40  # characters: so few may be a word
_SPACE_AT_END = (b" \n", b" \r", b"\t\n", b"\t\r")
_TRAILING_SPACE = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")


def decode_transfer(raw: Raw, place: tuple[int, int], encoding: str, limit: int | None = None) -> bytes:
    """The bytes of `raw[place[0]:place[1]]`, decoded; unknown encodings are taken for none (RFC 2045 §6.4)."""
    start, end = place
    if encoding in BASE64:
        return decode_body_base64(raw[start : _cut(start, end, limit, 2)])[:limit]
    if encoding in QUOTED_PRINTABLE:
        return decode_quoted_printable(raw[start : _cut(start, end, limit, 4)])[:limit]
    if encoding in UUENCODE:
        return decode_uuencode(raw[start : _cut(start, end, limit, 2)])[:limit]
    return raw[start : _cut(start, end, limit, 1)][:limit]


def _cut(start: int, end: int, limit: int | None, growth: int) -> int:
    return end if limit is None else min(end, start + limit * growth + 1000 * (growth - 1))


def decode_body_base64(data: bytes) -> bytes:
    """base64 with foreign characters skipped; a body that is full of them was never encoded, and is returned as it is."""
    foreign = data.translate(None, _ALPHABET)
    if foreign:
        data = _without_footer(data)
    if len(foreign) * 10 > len(data) and data.translate(None, _ALPHABET):
        return data
    return decode_base64(data)


def _without_footer(data: bytes) -> bytes:
    """base64 up to the text that somebody on the way, such as a mailing list, has put below it as it was."""
    end = _FOOTER.search(data)
    if end is None:
        return data
    encoded = data[: end.start() + 1].rstrip()
    length = len(encoded.translate(None, b"\r\n"))
    whole = length and length % 4 == 0 and not encoded.translate(None, _ALPHABET)
    return encoded if whole and (length > SHORT or encoded.endswith(b"=")) else data


def decode_quoted_printable(data: bytes) -> bytes:
    """quoted-printable; what is no valid escape stays as it is (RFC 2045 §6.7, its advice to implementors)."""
    # Where there is nothing to find, rfind() is twice as fast as `in`.
    if any(data.rfind(end) >= 0 for end in _SPACE_AT_END) or data[-1:] in (b" ", b"\t"):
        data = _TRAILING_SPACE.sub(b"", data)  # RFC 2045 §6.7 (3): such space was added on the way
    return binascii.a2b_qp(data)


def decode_uuencode(data: bytes) -> bytes:
    """All that stands between `begin` and `end`; lines that can't be read are skipped."""
    begin = 0 if data.startswith(b"begin ") else data.find(b"\nbegin ") + 1
    first = data.find(b"\n", begin) + 1 if data.startswith(b"begin ", begin) else 0
    out: list[bytes] = []
    for line in data[first:].splitlines():
        if line.rstrip() == b"end":
            break
        if not line:
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some encoders pad the last line too much: believe the length that it begins with.
            length = 1 + (((line[0] - 32) & 63) + 2) // 3 * 4
            try:
                out.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                continue
    return b"".join(out)
