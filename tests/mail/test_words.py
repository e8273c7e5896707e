"""Charsets, encoded words, and text that stays on one line."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.header import parse_header
from mailwright.mail.words import (
    codec_name,
    decode_base64,
    decode_bytes,
    decode_list,
    decode_unstructured,
    decode_words,
    exact_codec,
    strip_controls,
)


def b_word(charset: str, data: bytes) -> str:
    return f"=?{charset}?B?{base64.b64encode(data).decode()}?="


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("UTF-8", "utf_8"),
        ('"utf8"', "utf_8"),
        ("iso-8859-1", "cp1252"),
        ("ISO_8859-15:2000", ""),
        ("ISO8859-15", "iso8859_15"),
        ("windows-1251", "cp1251"),
        ("Win-1251", "cp1251"),
        ("KOI8-R", "koi8_r"),
        ("koi8-u", "koi8_u"),
        ("gb2312", "gb18030"),
        ("x-euc-jp", "euc_jp"),
        ("_iso-2022-jp$ESC", "iso2022_jp_ext"),
        ("GBK", "gb18030"),
        ("big5", "big5hkscs"),
        ("shift_jis", "cp932"),
        ("ks_c_5601-1987", "cp949"),
        ("iso-2022-jp", "iso2022_jp_ext"),
        ("utf-7", "utf_7"),
        ("unicode-1-1-utf-7", "utf_7"),
        ("macintosh", "mac_roman"),
        ("iso-8859-8-i", "iso8859_8"),
        ("us-ascii", ""),
        ("x-windows-949", "cp949"),
        ("x-iso-8859-5", "iso8859_5"),
        ("x-unknown", ""),
        ("", ""),
        # codecs of Python that are no charsets
        ("idna", ""),
        ("punycode", ""),
        ("unicode_escape", ""),
        ("raw-unicode-escape", ""),
        ("undefined", ""),
        ("rot13", ""),
        ("hex", ""),
        ("mbcs", ""),
        ("x" * 100_000, ""),
    ],
)
def test_a_label_names_a_codec_only_if_it_names_a_charset(label: str, expected: str) -> None:
    assert expected == codec_name(label)


@pytest.mark.parametrize(
    ("data", "charset", "expected"),
    [
        ("Zoë".encode(), "utf-8", "Zoë"),
        (b"caf\xe9", "iso-8859-1", "café"),
        (b"\x93caf\xe9\x94 \x81", "iso-8859-1", "\x93café\x94 \x81"),
        (b"\x80 5", "iso-8859-1", "€ 5"),
        ("你好".encode("gb18030"), "gb2312", "你好"),
        ("你好".encode("big5"), "big5", "你好"),
        ("こんにちは".encode("iso2022_jp"), "iso-2022-jp", "こんにちは"),
        ("ｱｲｳ".encode("iso2022_jp_ext"), "iso-2022-jp", "ｱｲｳ"),
        ("привет".encode("koi8_r"), "koi8-r", "привет"),
        ("привет".encode("cp1251"), "windows-1251", "привет"),
        ("한글".encode("cp949"), "euc-kr", "한글"),
        (b"Hi+2D0-", "utf-7", "Hi\ufffd"),
        (b"Hi Mom -+Jjo--!", "utf-7", "Hi Mom -☺-!"),
        ("Zoë".encode(), "us-ascii", "Zoë"),
        ("Zoë".encode(), "", "Zoë"),
        ("Zoë".encode(), "x-unknown", "Zoë"),
        (b"caf\xe9 au lait", "x-unknown", "café au lait"),
        ("日本語のメール".encode()[:-1], "", "日本語のメー\ufffd"),
        (b"a\xffb", "utf-8", "a\ufffdb"),
        (b"a\xffb", "big5", "a\ufffdb"),
        (b"\xff\xfeh\x00i\x00", "utf-16", "hi"),
        (b"plain", "koi8-r", "plain"),
        (b"\xc8\x85\x93\x93\x96", "cp037", "Hello"),
    ],
)
def test_bytes_are_decoded_as_well_as_can_be(data: bytes, charset: str, expected: str) -> None:
    assert expected == decode_bytes(data, charset)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("=?iso-8859-1?q?a?=", "a"),
        ("=?iso-8859-1?Q?a?=  =?iso-8859-1?Q?b?=", "ab"),
        ("=?iso-8859-1?Q?a?= b =?iso-8859-1?Q?c?=", "a b c"),
        ("=?iso-8859-1?Q?a_b=5F?=", "a b_"),
        ("=?utf-8*en?q?caf=C3=A9?=", "café"),
        ("=?UTF-8?B?Y2Fmw6k?=", "café"),
        ("=?utf-8?q?caf=C3?= =?utf-8?q?=A9?=", "café"),
        (b_word("gb2312", "你好".encode("gb2312")), "你好"),
        (b_word("iso-2022-jp", "日本".encode("iso2022_jp")), "日本"),
        ("=?no-such?q?caf=C3=A9?=", "café"),
        ("=?utf-8?q?two words here?=", "two words here"),
        ("=?utf-8?q?bad=ZZescape=?=", "bad=ZZescape="),
        ("(=?utf-8?q?a?=)", "(a)"),
        ("[SPAM]=?utf-8?q?a?=", "[SPAM] a"),
        ("=?utf-8?q?a?=b", "a b"),
        ("=?utf-8?q?a?=.gif", "a.gif"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?never ends", "=?utf-8?q?never ends"),
        ("=?", "=?"),
        ("=?utf-8?q??=", ""),
        ("=?utf-8?q?a=0D=0ABcc:_eve?=", "a  Bcc: eve"),
        ("=?utf-8?q?a=00=1B[31m=E2=80=A8b?=", "a  [31m b"),
        ("tab\there", "tab here"),
    ],
)
def test_s10_encoded_words_are_decoded_and_can_not_break_the_line(text: str, expected: str) -> None:
    assert expected == decode_words(text)


def test_unstructured_text_has_single_spaces() -> None:
    assert decode_unstructured("  Re:   a \t b ") == "Re: a b"
    assert decode_unstructured("=?utf-8?q?a__b?=  c") == "a  b c"


def test_a_list_of_words_is_split_at_commas() -> None:
    assert decode_list("tea, =?utf-8?q?caf=C3=A9?= ,, milk and sugar") == ["tea", "café", "milk and sugar"]
    assert decode_list('=?utf-8?q?a,b?= c, "d, e", f') == ["a,b c", "d, e", "f"]


def test_controls_become_spaces() -> None:
    assert strip_controls("a\r\nb\0c\u2028d\x85e") == "a  b c d e"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"aGVsbG8=", b"hello"),
        (b"aGVsbG8", b"hello"),
        (b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"aGVs-b!G8=", b"hello"),
        (b"aGVsbG8=aGVsbG8=", b"hellohello"),
        (b"aGVsbG8= ignored", b"hello\x8a\x09\xe8"),
        (b"aGVsbG8hI", b"hello!"),
        (b"====", b""),
        (b"", b""),
        (b"a", b""),
    ],
)
def test_base64_gives_what_it_has(data: bytes, expected: bytes) -> None:
    assert expected == decode_base64(data)


# Within the unit run a size at which a loop of Python in a loop shows; with the slow ones, at which one of C does.
SIZES = [10_000, pytest.param(250_000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "piece",
    ["=?", "=?a?q?", "=?a?q?b", "=?a?q?b?=", "=?a?q?b?= ", "=?a?", "?=", "=", "=?" + "a" * 60, "=?a?b?=", "=?a?b?A===?= "],
)
def test_s13_time_is_in_proportion_to_length(piece: str, size: int) -> None:
    text = piece * (size // len(piece))
    in_time(size / 20_000, lambda: (decode_words(text), decode_base64(text.encode())))


@settings(max_examples=100)
@given(st.text("=?qQbB8utf-_ \n\r\t\0aé", max_size=60), st.binary(max_size=40), st.text(max_size=12))
def test_whatever_comes_one_line_of_text_goes_out(text: str, data: bytes, label: str) -> None:
    decoded = decode_words(text)
    assert strip_controls(decoded) == decoded
    assert isinstance(decode_bytes(data, label), str)
    decode_base64(data)


@pytest.mark.parametrize(
    "codec", ["utf-7", "utf-16", "utf-32", "hz", "iso-2022-jp", "iso-2022-kr", "gb18030", "big5", "euc-jp"]
)
@settings(max_examples=20)
@given(data=st.binary(max_size=40))
def test_no_charset_raises_on_any_bytes(codec: str, data: bytes) -> None:
    assert isinstance(decode_bytes(data, codec), str)


def test_utf_8_comes_back_from_encoded_words() -> None:
    text = "Grüße aus Köln 🦆"
    assert text == decode_words(b_word("utf-8", text.encode()))


@pytest.mark.corpora
@pytest.mark.parametrize(("table", "reader"), [("unstructured", decode_unstructured), ("list", decode_list)])
def test_mail_parser_tables(shared: Path, table: str, reader: object) -> None:
    rows = json.loads((shared / f"corpora/headers/mail-parser/{table}.json").read_text())
    assert callable(reader)
    values = [parse_header(b"X: " + row["header"].encode()).value("x") or "" for row in rows]
    failed = [value for value, row in zip(values, rows, strict=True) if reader(value) != row["expected"]]
    print(f"\n{table} headers: {len(rows) - len(failed)}/{len(rows)}")
    assert [] == failed


@pytest.mark.parametrize(
    ("label", "codec"),
    [("ISO-8859-1", "iso8859_1"), ("us-ascii", "ascii"), ("gb2312", "gb2312"), ("UTF-8", "utf_8"), ("idna", ""), ("x", "")],
)
def test_exactly_the_charset_that_is_named(label: str, codec: str) -> None:
    assert codec == exact_codec(label).replace("latin_1", "iso8859_1")
