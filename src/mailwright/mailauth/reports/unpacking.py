"""What is in the archive? The first document of a gzip or a zip, whole and damaged ones, within bounds.

Standards: RFC 1952 (gzip), RFC 1951 (deflate), APPNOTE 6.3 §4.3 (zip).
Promises: never unpacks more than MAX_OCTETS, nor more than MAX_GROWTH times what came; a zip's own list of contents is not
read, since it can name any number of files; a file of an archive is looked at where its local header stands.
"""

from __future__ import annotations

import re
import struct
import zlib

from mailwright.mailauth.reports.model import Unreadable, Unusable

MAX_OCTETS = 25 * 1024 * 1024  # unpacked (S12)
MAX_GROWTH = 200  # times; XML of many like rows comes to some 30
FREE_GROWTH = 1024 * 1024  # octets up to which nobody counts
MAX_FILES = 10
MAX_LAYERS = 3  # an archive in an archive: some pack twice

_DOCUMENT = re.compile(rb"[\xef\xbb\xbf\xff\xfe\x00\s]{0,100}[<{]|\x1f\x8b|PK\x03\x04")
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_LOCAL = struct.Struct("<4s2xHH4x4xIIHH")  # signature, flags, method, packed size, size, length of the name, of the extra
_ENCRYPTED = 1
_CHECKSUM = 8  # octets of checksum and size at the end of a gzip


def unpacked(octets: bytes) -> bytes | Unreadable:
    """What a gzip or a zip holds; anything else as it is."""
    if not octets.strip():
        return Unreadable(Unusable.EMPTY)
    for _ in range(MAX_LAYERS):
        if not octets.startswith((_GZIP, _ZIP)):
            break
        found = _from_gzip(octets) if octets.startswith(_GZIP) else _from_zip(octets)
        if isinstance(found, Unreadable):
            return found
        octets = found
    return octets if len(octets) <= MAX_OCTETS else Unreadable(Unusable.TOO_LARGE)


def beginning(octets: bytes, size: int) -> bytes:
    """The first octets, unpacked if they are packed, of a file whose beginning this is. Never raises."""
    if octets.startswith(_GZIP):
        octets = octets[_gzip_body(octets) :]
    elif octets.startswith(_ZIP) and len(octets) >= _LOCAL.size:
        _, _, method, _, _, name_length, extra = _LOCAL.unpack_from(octets)
        octets = octets[_LOCAL.size + name_length + extra :]
        if method != 8:
            return octets[:size]
    else:
        return octets[:size]
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(octets, size)
    except zlib.error:
        return b""


def _checked(found: bytes | None, trouble: Unusable | None) -> bytes | Unreadable:
    if trouble is not None and trouble is not Unusable.DAMAGED:
        return Unreadable(trouble)
    # A damaged end (no checksum, cut in transit) leaves what stands before it, which the parser judges.
    return found or Unreadable(Unusable.DAMAGED)


def _from_gzip(octets: bytes) -> bytes | Unreadable:
    whole, trouble = b"", None
    for _ in range(MAX_FILES):  # RFC 1952 §2.2: members are put together
        more, trouble, end = _inflated(octets[_gzip_body(octets) :], MAX_OCTETS - len(whole))
        whole += more
        octets = octets[_gzip_body(octets) + end + _CHECKSUM :]
        if trouble is not None or not octets.startswith(_GZIP):
            break
    return _checked(whole, trouble)


def _gzip_body(octets: bytes) -> int:
    """Where the stream starts behind a member's header. Its checksum is not looked at: reporters get it wrong."""
    at, flags = 10, octets[3] if len(octets) > 3 else 0
    if flags & 4:  # RFC 1952 §2.3: extra field, then name, comment, and a checksum of the header
        at += 2 + int.from_bytes(octets[at : at + 2], "little")
    for bit in (8, 16):
        if flags & bit:
            at = octets.find(b"\0", at) + 1 or len(octets)
    return at + (2 if flags & 2 else 0)


def _inflated(octets: bytes, limit: int = MAX_OCTETS) -> tuple[bytes, Unusable | None, int]:
    """What a stream unpacks to, what is wrong, and where in the octets it ends."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    pieces: list[bytes] = []
    size, rest = 0, octets
    allowed = max(FREE_GROWTH, len(octets) * MAX_GROWTH)
    while rest and not unpacker.eof:
        try:
            piece = unpacker.decompress(rest, 65536)
        except zlib.error:
            return b"".join(pieces), Unusable.DAMAGED, len(octets)
        size += len(piece)
        if size > min(limit, allowed):
            return b"", Unusable.TOO_LARGE if size > limit else Unusable.INFLATED, len(octets)
        pieces.append(piece)
        rest = unpacker.unconsumed_tail
        if not piece and not rest:
            break
    trouble = None if unpacker.eof else Unusable.DAMAGED
    return b"".join(pieces), trouble, len(octets) - len(unpacker.unused_data)


def _from_zip(octets: bytes) -> bytes | Unreadable:
    """The first file that may be a report, else the first that holds anything."""
    at, left, first = 0, MAX_OCTETS, b""
    for _ in range(MAX_FILES):
        if octets[at : at + 4] != _ZIP or len(octets) < at + _LOCAL.size:
            break
        _, flags, method, packed, _, name_length, extra = _LOCAL.unpack_from(octets, at)
        start = at + _LOCAL.size + name_length + extra
        name = octets[at + _LOCAL.size :][:name_length]
        if flags & _ENCRYPTED:
            return Unreadable(Unusable.ENCRYPTED)
        found, trouble, end = _member(octets[start:], method, packed, left)
        left -= len(found)
        if trouble is not None and not found.strip():
            return Unreadable(trouble)
        if not name.startswith((b"__MACOSX/", b".")):
            if _DOCUMENT.match(found):
                return _checked(found, trouble)
            first = first or (found if found.strip() else b"")
        at = octets.find(_ZIP, start + end)
        if at < 0:
            break
    return first or Unreadable(Unusable.DAMAGED, "no file in the archive")


def _member(octets: bytes, method: int, packed: int, limit: int) -> tuple[bytes, Unusable | None, int]:
    if method == 8:
        return _inflated(octets, limit)
    if method == 0:
        trouble = Unusable.TOO_LARGE if packed > limit else Unusable.DAMAGED if packed > len(octets) else None
        return octets[: min(packed, limit)], trouble, packed
    return b"", Unusable.DAMAGED, 0
