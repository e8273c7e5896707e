"""Header fields, written: folded, encoded where they must be, never more than the grammar allows.

Standards: RFC 5322 §2.2.3 (folding), §3.3 (dates), §3.4 (addresses), RFC 2047 (encoded words), RFC 2231 (parameters).
Every function returns whole fields as text with CRLF at the end. Lines have at most 76 characters where there is a
place to break them (RFC 2047 §2 has 76, RFC 5322 §2.1.1 has 78), and never more than 998 octets.
Its input is what checks.py let through: no control characters, no surrogates.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from mailwright.mail.address import Address, domain_to_ascii

LINE = 76
_WORD = 64  # an encoded word with this many characters fits behind every field name of ours
_UNBREAKABLE = 900  # a run without spaces longer than this is cut by encoding it
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOT_ATOM = re.compile(r"[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+(?:\.[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+)*")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~-]+")  # RFC 2045 §5.1, less what RFC 2231 gives a meaning
_PIECE = re.compile(r" +[^ ]+")
# RFC 2047 §5 (3): what may stand unencoded in a phrase, which is safe everywhere else too.
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = ["_" if byte == 0x20 else chr(byte) if byte in _Q_SAFE else f"={byte:02X}" for byte in range(256)]
_PERCENT_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_~")
_PERCENT = [chr(byte) if byte in _PERCENT_SAFE else f"%{byte:02X}" for byte in range(256)]
_NO_QUOTES = {ord('"'): "'", ord("\\"): "_"}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def fold(name: str, pieces: Iterable[str]) -> str:
    """One field. Each piece opens with a space, and only there the field is folded."""
    lines: list[str] = []
    line = f"{name}:"
    for piece in pieces:
        # Nothing but an encoded word goes below a bare "Name:"; some readers lose it there.
        if len(line) + len(piece) > LINE and (line[-1] != ":" or lines or piece.startswith(" =?")):
            lines.append(line)
            line = piece
        else:
            line += piece
    lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def text_field(name: str, text: str) -> str:
    """An unstructured field (RFC 5322 §2.2.1). Spaces at the ends are cut, those inside are kept."""
    text = text.strip(" ")
    if len(name) + 2 + len(text) <= LINE and text.isascii() and "=?" not in text:
        return f"{name}: {text}\r\n" if text else f"{name}:\r\n"
    return fold(name, _text_pieces(text))


def _text_pieces(text: str) -> list[str]:
    pieces = _PIECE.findall(f" {text}")
    encode = [at for at, piece in enumerate(pieces) if not _plain(piece)]
    if not encode:
        return pieces
    # From the first word that needs it to the last, since spaces between encoded words do not count.
    first, last = encode[0], encode[-1] + 1
    span = "".join(pieces[first:last])
    inner = span.lstrip(" ")
    words = list(encoded_words(inner))
    words[0] = span[: len(span) - len(inner)] + words[0]
    return [*pieces[:first], words[0], *(f" {word}" for word in words[1:]), *pieces[last:]]


def _plain(piece: str) -> bool:
    # What looks like an encoded word would be read as one.
    return piece.isascii() and "=?" not in piece and len(piece) <= _UNBREAKABLE


def encoded_words(text: str) -> Iterator[str]:
    """The text in encoded words of at most 64 characters, in B or Q, whichever is shorter. Whole characters in each."""
    data = text.encode()
    quoted = sum(len(_Q[byte]) for byte in data) <= (len(data) + 2) // 3 * 4
    room = _WORD - len("=?utf-8?q??=")
    chunk = bytearray()
    size = 0
    for char in text:
        octets = char.encode()
        cost = sum(len(_Q[byte]) for byte in octets) if quoted else len(octets)
        if size + cost > (room if quoted else room // 4 * 3):
            yield _encoded_word(bytes(chunk), quoted)
            chunk.clear()
            size = 0
        chunk += octets
        size += cost
    yield _encoded_word(bytes(chunk), quoted)


def _encoded_word(data: bytes, quoted: bool) -> str:
    if quoted:
        return f"=?utf-8?q?{''.join(_Q[byte] for byte in data)}?="
    return f"=?utf-8?b?{binascii.b2a_base64(data, newline=False).decode()}?="


def address_field(name: str, addresses: Sequence[Address]) -> str:
    """A field with a list of addresses (RFC 5322 §3.4)."""
    pieces = [piece for address in addresses for piece in _address_pieces(address)]
    pieces[-1] = pieces[-1][:-1]
    return fold(name, pieces)


@lru_cache(maxsize=1024)
def _address_pieces(address: Address) -> tuple[str, ...]:
    # The last piece ends in a comma.
    name = address.display_name.strip(" ")
    spec = addr_spec(address)
    return (*_phrase_pieces(name), f" <{spec}>,") if name else (f" {spec},",)


def _phrase_pieces(name: str) -> list[str]:
    if _ATOMS.fullmatch(name) and "=?" not in name and len(name) <= LINE:
        return [f" {name}"]
    if name.isascii() and "=?" not in name and len(name) <= LINE // 2:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return [f' "{quoted}"']
    return [f" {word}" for word in encoded_words(name)]


def addr_spec(address: Address) -> str:
    """`local@domain` as it goes into a field: quoted where needed, the domain in A-labels (RFC 5322 §3.4.1)."""
    local = address.local_part
    if _DOT_ATOM.fullmatch(local) is None:
        local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{local}@{domain_to_ascii(address.domain)}"


def ids_field(name: str, ids: Sequence[str]) -> str:
    """In-Reply-To or References: ids with their brackets, folded between them only."""
    return fold(name, [f" {one}" for one in ids])


def date_text(moment: datetime) -> str:
    """A date-time of RFC 5322 §3.3, in the moment's own zone; independent of the locale."""
    offset = moment.utcoffset()
    minutes = int(offset.total_seconds()) // 60 if offset else 0
    sign = "-" if minutes < 0 else "+"
    zone = f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
    clock = f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
    return f"{_DAYS[moment.weekday()]}, {moment.day} {_MONTHS[moment.month - 1]} {moment.year:04} {clock} {zone}"


def parameter_field(name: str, value: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Content-Type or Content-Disposition with its parameters, one a line where one line is too short."""
    pieces = [f" {value}"]
    for key, text in parameters:
        for written in _parameter(key, text):
            pieces[-1] += ";"
            pieces.append(f" {written}")
    return fold(name, pieces)


def _parameter(key: str, text: str) -> list[str]:
    room = LINE - len(key) - len('*00*="";') - 1
    if text.isascii() and len(text) <= room - text.count('"') - text.count("\\"):
        if _TOKEN.fullmatch(text):
            return [f"{key}={text}"]
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        return [f'{key}="{quoted}"']
    # RFC 2231 §4, and §3 where that grows too long for a line.
    chunks = [""]
    for char in text:
        encoded = "".join(_PERCENT[byte] for byte in char.encode())
        if len(chunks[-1]) + len(encoded) > room - (len("utf-8''") if len(chunks) == 1 else 0):
            chunks.append("")
        chunks[-1] += encoded
    if len(chunks) == 1:
        return [f"{key}*=utf-8''{chunks[0]}"]
    return [f"{key}*{at}*={'' if at else chr(39).join(('utf-8', '', ''))}{chunk}" for at, chunk in enumerate(chunks)]


def ascii_name(filename: str) -> str:
    """The nearest ASCII to a file name, at most 60 characters, for readers that know no RFC 2231."""
    plain = unicodedata.normalize("NFKD", filename).encode("ascii", "ignore").decode().translate(_NO_QUOTES)
    stem, dot, extension = plain.rpartition(".") if "." in plain else (plain, "", "")
    extension = extension[:10]
    return f"{stem.strip(' ._-')[: 59 - len(extension)] or 'attachment'}{dot}{extension}"
