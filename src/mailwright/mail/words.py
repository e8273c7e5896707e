"""What do these bytes say? Charsets as mail names them, and encoded words.

Standards: RFC 2047 (encoded words), RFC 2231 §5 (language in them), RFC 5322 §2.2.1 (unstructured text), RFC 2978.
Pure. Never raises: an unknown charset is guessed at, a bad byte becomes U+FFFD, control characters become spaces.
Linear in the length of its input. Only charsets on a list are tried: `idna`, `punycode`, `unicode_escape` and the
like are codecs in Python, but no charsets.
Not here: parameters (parameters.py), writing encoded words (compose.py).
"""

from __future__ import annotations

import binascii
import re
from encodings.aliases import aliases as _ALIASES
from functools import lru_cache

_CODECS = frozenset(
    """ascii big5 big5hkscs cp037 cp1006 cp1026 cp1125 cp1140 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257
    cp1258 cp273 cp424 cp437 cp500 cp720 cp737 cp775 cp850 cp852 cp855 cp856 cp857 cp858 cp860 cp861 cp862 cp863 cp864
    cp865 cp866 cp869 cp874 cp875 cp932 cp949 cp950 euc_jis_2004 euc_jisx0213 euc_jp euc_kr gb18030 gb2312 gbk hp_roman8
    hz iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004 iso2022_jp_3 iso2022_jp_ext iso2022_kr iso8859_1 iso8859_10
    iso8859_11 iso8859_13 iso8859_14 iso8859_15 iso8859_16 iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7
    iso8859_8 iso8859_9 johab koi8_r koi8_t koi8_u kz1048 latin_1 mac_arabic mac_croatian mac_cyrillic mac_farsi
    mac_greek mac_iceland mac_latin2 mac_roman mac_romanian mac_turkish ptcp154 shift_jis shift_jis_2004 shift_jisx0213
    tis_620 utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le utf_7 utf_8 utf_8_sig""".split()  # noqa: SIM905
)

# The superset that is really meant, as the WHATWG encoding standard has it, and labels that only mail knows.
_MEANT = {
    "iso8859_1": "cp1252",
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x_gbk": "gb18030",
    "cp936": "gb18030",
    "cn_gb": "gb18030",
    "big5": "big5hkscs",
    "cn_big5": "big5hkscs",
    "x_x_big5": "big5hkscs",
    "euc_kr": "cp949",
    "ks_c_5601": "cp949",
    "shift_jis": "cp932",
    "x_sjis": "cp932",
    "windows_31j": "cp932",
    "x_euc_jp": "euc_jp",
    "iso2022_jp": "iso2022_jp_ext",
    "cp50220": "iso2022_jp_ext",
    "cp50221": "iso2022_jp_ext",
    "iso_2022_jp_esc": "iso2022_jp_ext",  # "_iso-2022-jp$ESC" of old mail programs
    "utf_8_sig": "utf_8",
    "utf8mb4": "utf_8",
    "x_utf_8": "utf_8",
    "cp65001": "utf_8",
    "unicode_1_1_utf_7": "utf_7",
    "x_unicode_2_0_utf_7": "utf_7",
    "unicode": "utf_16",
    "ucs_2": "utf_16_be",
    "iso_10646_ucs_2": "utf_16_be",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "iso_8859_6_i": "iso8859_6",
    "x_mac_roman": "mac_roman",
    "x_mac_cyrillic": "mac_cyrillic",
    "x_mac_ce": "mac_latin2",
    "x_mac_greek": "mac_greek",
    "x_mac_turkish": "mac_turkish",
    "koi8": "koi8_r",
    "koi": "koi8_r",
    "koi8_ru": "koi8_u",
    "ascii": "",  # bytes above 127 in it are a mistake, so they are guessed at
}
_SEVEN_BIT = frozenset(["utf_7", "hz", "utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le"])
_CODE_PAGE = re.compile(r"^(?:windows|win|cp|ibm)_?(?=\d)")
_ISO_8859 = re.compile(r"^iso_?8859_?")
_JUNK_IN_LABEL = re.compile(r"[^a-z0-9]+")
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), " ")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_WORD_HEAD = re.compile(r"=\?([!-)+->@-~]{1,64})(?:\*[!->@-~]{0,64})?\?([bBqQ])\?")
_LIST_ITEM = re.compile(r'(?:=\?[^?,\s]{1,80}\?[bBqQ]\?[^?\s]{0,2000}\?=|(?<![^,\s])"[^"\\]{0,2000}"|[^,])+')
_QUOTED_ITEM = re.compile(r'"([^"\\]*)"')
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_BYTES = {b"%02X" % value: bytes([value]) for value in range(256)}


@lru_cache(maxsize=512)
def codec_name(label: str) -> str:
    """The Python codec for a charset as mail names it ("ISO-8859-1", "ks_c_5601-1987"); "" if there is none."""
    name = _JUNK_IN_LABEL.sub("_", label[:64].lower()).strip("_")
    known = name.removeprefix("x_")  # "x-windows-949": a name that was never registered
    for tried in (name, known, _CODE_PAGE.sub("cp", known), _ISO_8859.sub("iso8859_", known)):
        codec = _MEANT.get(tried) or _ALIASES.get(tried, tried)
        codec = _MEANT.get(codec, codec)
        if codec in _CODECS:
            return codec
    return ""


@lru_cache(maxsize=512)
def exact_codec(label: str) -> str:
    """As `codec_name`, but for exactly the charset that is named, not for the superset that is mostly meant by it."""
    name = _JUNK_IN_LABEL.sub("_", label[:64].lower()).strip("_")
    codec = _ALIASES.get(name, name)
    return codec if codec in _CODECS else ""


def decode_bytes(data: bytes, charset: str = "") -> str:
    """The text of bytes in a charset as mail names it; bad bytes become U+FFFD.

    Without a charset, with an unknown one, and for US-ASCII that is not: UTF-8 if it is that, else Windows-1252.
    """
    codec = codec_name(charset) if charset else ""
    if not codec:
        return _guess(data)
    if codec not in _SEVEN_BIT and not codec.startswith(("iso2022", "cp")) and data.isascii():
        return data.decode("ascii")
    if codec == "cp1252":
        return _western(data)
    text = data.decode(codec, "replace")
    # UTF-7 can spell half a character, which no encoder would take again.
    return _SURROGATE.sub("\ufffd", text) if codec == "utf_7" else text


def _guess(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        # Cut or slightly broken UTF-8 keeps its good characters; anything else was most likely Western.
        lenient = data.decode("utf-8", "replace")
        bad = lenient.count("\ufffd")
        good = sum(map(len, re.findall(r"[^\x00-\x7f\ufffd]+", lenient)))
        return lenient if good > bad else _western(data)


def _western(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def strip_controls(text: str) -> str:
    """The text with every control character and line separator made a space, so that it stays on one line."""
    return text.translate(_CONTROLS) if _CONTROL.search(text) else text


def decode_words(text: str) -> str:
    """Text with its encoded words decoded, spaces as they are except those between encoded words (RFC 2047 §6.2)."""
    if "=?" not in text:
        return strip_controls(text)
    out: list[str] = []
    pending: list[bytes] = []  # RFC 2047 §5 forbids splitting a character over words; many do it, so bytes are joined
    charset = ""
    at = 0  # the end of what has been written
    seek = 0
    while (start := text.find("=?", seek)) >= 0:
        head = _WORD_HEAD.match(text, start)
        end = text.find("?=", head.end()) if head else -1
        if head is None or end < 0:
            if head is not None:
                break  # no end mark is left, so no later word can end either
            seek = start + 2
            continue
        between = text[at:start]
        if pending and (between.strip() or head[1].lower() != charset):
            out.append(strip_controls(decode_bytes(b"".join(pending), charset)))
            pending = []
        if between.strip() or (not out and not pending):
            out.append(strip_controls(between))
            _space_before(out)
        charset = head[1].lower()
        pending.append(_word_bytes(text[head.end() : end], head[2]))
        at = seek = end + 2
    if pending:
        out.append(strip_controls(decode_bytes(b"".join(pending), charset)))
        if text[at : at + 1].isalnum():
            out.append(" ")
    out.append(strip_controls(text[at:]))
    return "".join(out)


def _space_before(out: list[str]) -> None:
    # RFC 2047 §5 (1): a space must stand between text and an encoded word; "[SPAM]=?utf-8?..." has lost it.
    last = out[-1][-1:]
    if last and not last.isspace() and last not in "([{<\"'=-/":
        out.append(" ")


def _word_bytes(text: str, encoding: str) -> bytes:
    data = text.encode("utf-8", "replace")
    if encoding in "bB":
        return decode_base64(data)
    data = data.replace(b" _", b"_").replace(b"_", b" ")  # a space before "_" is left over from folding
    return unescape_hex(data) if b"=" in data else data


def unescape_hex(data: bytes) -> bytes:
    """Bytes with each `=XX` replaced by the byte it stands for; other equals signs stay."""
    return _HEX.sub(lambda match: _BYTES[match[1].upper()], data)


_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))


def decode_base64(data: bytes) -> bytes:
    """What base64 says, read leniently: foreign characters skipped, padding missing or in the middle allowed."""
    if b"=" not in data.rstrip(b"=\r\n\t "):
        try:
            return binascii.a2b_base64(data)
        except binascii.Error:
            pass
    clean = data.translate(None, _NOT_BASE64)
    inner = clean.rstrip(b"=")
    if b"=" not in inner:
        return _quads(inner)
    # Pieces that were encoded one by one and then joined. What follows padding and has none itself may be anything.
    *whole, last = [piece for piece in inner.split(b"=") if piece]
    if not clean.endswith(b"="):
        last = last[: len(last) // 4 * 4]
    return b"".join(map(_quads, (*whole, last)))


def _quads(data: bytes) -> bytes:
    spare = len(data) % 4
    if spare == 1:  # six bits make no byte
        data = data[:-1]
        spare = 0
    return binascii.a2b_base64(data + b"=" * (4 - spare if spare else 0))


def decode_unstructured(text: str) -> str:
    """A field's text as a person reads it: encoded words decoded, runs of white space made one space, trimmed."""
    return decode_words(" ".join(text.split()) if "=?" in text or "  " in text or "\t" in text else text).strip()


def decode_list(text: str) -> list[str]:
    """The items of a comma-separated list of plain words, such as Keywords or Content-Language, decoded."""
    return [item for piece in _LIST_ITEM.findall(text) if (item := decode_unstructured(_unquoted(piece.strip())))]


def _unquoted(item: str) -> str:
    """RFC 5322 §3.6.5: keywords are phrases, so one may be a quoted string, with a comma in it."""
    match = _QUOTED_ITEM.fullmatch(item)
    return item if match is None else match[1]
