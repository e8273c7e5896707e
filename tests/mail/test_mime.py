"""The tree of parts: messages in vectors/mime with the outline that they must have, and bombs that must not go off."""

from __future__ import annotations

import json
import mmap
import tempfile
import tracemalloc
import xml.etree.ElementTree as ElementTree
from base64 import b64encode, encodebytes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.header import parse_header
from mailwright.mail.mime import (
    Limits,
    MimeDefect,
    Part,
    all_defects,
    attachments,
    body_text,
    decode_quoted_printable,
    html_body,
    leaves,
    parse,
    read_text,
    safe_filename,
    text_body,
    walk,
)

VECTORS = Path(__file__).parent / "vectors" / "mime"
EXCEPTIONS = Path(__file__).parents[1] / "exceptions" / "mime.md"
SECONDS = 1.0  # for any one message


def timed(raw: bytes, limits: Limits | None = None) -> Part:
    return in_time(SECONDS, lambda: parse(raw) if limits is None else parse(raw, limits=limits))


# Own vectors


def outline(raw: bytes) -> str:
    """The tree as text: one line a part, then the numbers of the parts that the views choose."""
    root = timed(raw)
    numbers = {id(part): number for number, part in numbered(root)}
    lines = [line(number, part) for number, part in numbered(root)]
    views: dict[str, Callable[[Part], list[Part]]] = {"text": text_body, "html": html_body, "attached": attachments}
    for name, view in views.items():
        lines.append(f"{name}: {' '.join(numbers[id(part)] for part in view(root)) or '-'}")
    return "\n".join(lines) + "\n"


def numbered(part: Part, number: str = "0") -> Iterator[tuple[str, Part]]:
    yield number, part
    for index, child in enumerate(part.children, 1):
        yield from numbered(child, f"{number}.{index}" if number != "0" else str(index))


def line(number: str, part: Part) -> str:
    words = [number, part.content_type, part.disposition, f'"{part.filename}"' * bool(part.filename)]
    words += [f"cid:{part.content_id}" * bool(part.content_id), *sorted(f"!{defect}" for defect in part.defects)]
    if not part.children:
        words.append(repr(part.text()) if part.type in ("text", "message", "multipart") else repr(part.decoded()))
    return " ".join(word for word in words if word)


@pytest.mark.parametrize("name", sorted(path.stem for path in VECTORS.glob("*.eml")))
def test_vector(name: str) -> None:
    raw = (VECTORS / f"{name}.eml").read_bytes()
    expected = (VECTORS / f"{name}.outline").read_text()
    assert expected == outline(raw)
    assert expected == outline(raw.replace(b"\n", b"\r\n"))


# What a part says


def part_of(fields: str, body: bytes = b"") -> Part:
    return parse(fields.encode() + b"\n\n" + body)


def test_a_body_is_a_place_in_the_message_and_not_a_copy() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\nhello\r\n--m--\r\n"
    (child,) = parse(raw).children
    assert raw is child.raw
    assert raw.index(b"hello") == child.body_start
    assert child.size == 5
    assert child.body == b"hello"


def test_the_header_may_be_given() -> None:
    raw = b"Content-Type: text/html\r\n\r\n<p>hello"
    header = parse_header(raw)
    part = parse(raw, header)
    assert header is part.header
    assert part.content_type == "text/html"


def test_a_mapped_file_is_read_like_bytes() -> None:
    raw = (VECTORS / "related-in-alternative-in-mixed.eml").read_bytes()
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        expected = [(part.content_type, part.decoded()) for part in leaves(parse(raw))]
        assert expected == [(part.content_type, part.decoded()) for part in leaves(parse(mapped))]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("base64", b"aGVsbG8gd29ybGQh\n" * 2000),
        ("quoted-printable", b"hello=20world!=\n" * 2000),
        ("7bit", b"hello world!" * 2000),
        ("x-uuencode", b"begin 644 x\n" + b",:&5L;&\\@=V]R;&0A\n" * 2000 + b"end\n"),
    ],
)
def test_a_limit_cuts_what_is_decoded(encoding: str, body: bytes) -> None:
    part = part_of(f"Content-Transfer-Encoding: {encoding}", body)
    whole = part.decoded()
    assert whole == b"hello world!" * 2000
    assert [whole[:limit] for limit in (0, 1, 13, 5000, 99999)] == [part.decoded(n) for n in (0, 1, 13, 5000, 99999)]
    assert part.text(5) == "hello"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a=3Db", b"a=b"),
        (b"a=\nb", b"ab"),
        (b"a=\r\nb", b"ab"),
        (b"a= \t\r\nb", b"ab"),
        (b"a  \nb\t\r\nc ", b"a\nb\r\nc"),
        (b"a=c3=A9", b"a\xc3\xa9"),
        (b"=", b""),
        (b"a=G", b"a=G"),
        (b"==20", b"=20"),
        (b"caf\xe9_x", b"caf\xe9_x"),
    ],
)
def test_quoted_printable_is_read_leniently(data: bytes, expected: bytes) -> None:
    assert expected == decode_quoted_printable(data)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"aGVsbG8=\n\n____\nA list, its footer\n", b"hello"),
        (b"aGVsbG8=\r\n-- \r\nsignature\r\n", b"hello"),
        (b"aGVs" * 20 + b"\n\n-- \nsignature, and more of it than was encoded: " + b"to be read " * 20, b"hel" * 20),
        (b"aGVsbG8=\n\nd29ybGQ=\n", b"helloworld"),
        (b"Dear\n\nAda, this was never encoded.\n", b"Dear\n\nAda, this was never encoded.\n"),
    ],
)
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_what_stands_below_base64_unencoded_is_no_part_of_it(body: bytes, expected: bytes, ends: bytes) -> None:
    body, expected = body.replace(b"\r\n", b"\n").replace(b"\n", ends), expected.replace(b"\n", ends)
    assert expected == part_of("Content-Transfer-Encoding: base64", body).decoded()


@pytest.mark.parametrize(
    ("fields", "disposition", "filename", "encoding", "content_id"),
    [
        ("X: y", "", "", "7bit", ""),
        ("Content-Disposition: ATTACHMENT; filename=a.txt", "attachment", "a.txt", "7bit", ""),
        ("Content-Disposition: ;\n filename=a.txt", "", "a.txt", "7bit", ""),
        ("Content-Type: a/b; name=a.txt", "", "a.txt", "7bit", ""),
        ("Content-Type: a/b; name=a.txt\nContent-Disposition: inline", "inline", "a.txt", "7bit", ""),
        ('Content-Disposition: inline; filename=" a\tb "', "inline", "a b", "7bit", ""),
        ("Content-Transfer-Encoding: Base64 (yes)", "", "", "base64", ""),
        ("Content-Transfer-Encoding: (a (b)) Base64 (yes)", "", "", "base64", ""),
        ('Content-Transfer-Encoding: "8bit";', "", "", "8bit", ""),
        ("Content-Transfer-Encoding:", "", "", "7bit", ""),
        ("Content-ID: <a@b.example>", "", "", "7bit", "a@b.example"),
    ],
)
def test_the_fields_of_a_part(fields: str, disposition: str, filename: str, encoding: str, content_id: str) -> None:
    part = part_of(fields)
    assert (disposition, filename) == (part.disposition, part.filename)
    assert (encoding, content_id) == (part.encoding, part.content_id)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("Café Größe.txt", "Café Größe.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\win.ini", "win.ini"),
        ("..", "attachment"),
        (".bashrc", "bashrc"),
        ("a/", "attachment"),
        ("", "attachment"),
        ("a\0b\r\nc\x7f.txt", "a_bc.txt"),
        ('a<b>:"|?*.txt', "a_b______.txt"),
        ("con.txt", "_con.txt"),
        ("LPT1", "_LPT1"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\u200b\u2028b", "ab"),
        ("trailing. . ", "trailing"),
        ("  two   words .txt", "two words .txt"),
        ("x" * 3000 + ".pdf", "x" * 150),
        ("x" * 500 + ".pdf", "x" * 146 + ".pdf"),
        ("é" * 500 + ".pdf", "é" * 73 + ".pdf"),
        ("x" * 10 + "." + "y" * 500, "x" * 10 + "." + "y" * 139),
    ],
)
def test_s22_a_file_name_is_safe_on_any_disk(name: str, expected: str) -> None:
    assert expected == safe_filename(name)


@settings(max_examples=100)
@given(st.text(max_size=200))
def test_s22_no_file_name_leaves_its_folder(name: str) -> None:
    safe = safe_filename(name)
    assert safe not in ("", ".", "..")
    assert not set('/\\\0<>:"|?*') & set(safe)
    assert len(safe.encode("utf-8", "surrogatepass")) <= 151
    assert safe == safe_filename(safe)


def test_the_text_of_a_message_comes_from_html_where_there_is_nothing_else() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=m\n\n--m\n\none\n--m\nContent-Type: text/html\n\n<p>two\n--m--\n"
    assert body_text(parse(raw)) == "one\ntwo"
    assert body_text(parse(raw), 2) == "on"
    assert body_text(part_of("Content-Type: image/png", b"x")) == ""


@pytest.mark.parametrize(
    ("written", "limit", "cut"),
    [
        (b"Content-Type: text/plain; charset=utf-8\n\n" + "чай".encode(), 6, False),
        (b"Content-Type: text/plain; charset=utf-8\n\n" + "чай".encode(), 5, True),
        (b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n0YfQsNC5", 6, False),
        (b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n0YfQsNC5", 4, True),
        (b"Content-Type: text/html\n\n<p>one</p>", 99, False),
        (b"Content-Type: text/html\n\n<p>one two three</p>", 9, True),
        (b"Content-Type: multipart/mixed; boundary=m\n\n--m\n\none\n--m\n\ntwo\n--m--\n", 6, False),
        (b"Content-Type: multipart/mixed; boundary=m\n\n--m\n\none\n--m\n\ntwo\n--m--\n", 3, True),
    ],
)
def test_whether_a_text_was_cut_is_counted_in_bytes_that_are_decoded(written: bytes, limit: int, cut: bool) -> None:
    assert cut is read_text(parse(written), limit)[1]


@pytest.mark.parametrize(
    ("children", "text", "html", "attached"),
    [
        (["text/plain", "text/html"], [0, 1], [0, 1], []),
        (["text/plain", "image/png", "text/plain"], [0, 2], [0, 2], [1]),
        (["text/calendar", "text/plain"], [1], [1], [0]),
        (["text/html; name=x", "text/html; name=y"], [0], [0], [1]),
    ],
)
def test_in_mixed_all_texts_are_shown(children: list[str], text: list[int], html: list[int], attached: list[int]) -> None:
    raw = "Content-Type: multipart/mixed; boundary=m\n\n" + "".join(f"--m\nContent-Type: {c}\n\nx\n" for c in children)
    root = parse(raw.encode() + b"--m--\n")
    for expected, view in ((text, text_body), (html, html_body), (attached, attachments)):
        assert expected == [root.children.index(part) for part in view(root)]


# Bombs (S12, S13)


def nested(depth: int, kind: str = "multipart") -> bytes:
    if kind == "message":
        return b"Content-Type: message/rfc822\n\n" * depth + b"\nend"
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=%05d\n\n--%05d\n" % (n, n) for n in range(depth))
    return opened + b"\nend"


@pytest.mark.parametrize("kind", ["multipart", "message"])
def test_s12_nesting_ends_at_the_limit_in_an_opaque_leaf(kind: str) -> None:
    root = timed(nested(20_000, kind))
    assert MimeDefect.TOO_DEEP in all_defects(root)
    assert len(list(walk(root))) == 51
    assert len(leaves(root)) == 1


def test_s12_a_message_within_a_message_in_base64_ends_at_the_limit_too() -> None:
    raw = b"Subject: x\n\nend"
    for _ in range(12):
        raw = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + encodebytes(raw)
    root = timed(raw, Limits(depth=10))
    assert len(list(walk(root))) == 11
    assert MimeDefect.TOO_DEEP in all_defects(root)
    assert MimeDefect.TOO_LARGE in all_defects(timed(raw, Limits(decoded=1000)))
    assert MimeDefect.TOO_MANY_PARTS in all_defects(timed(raw, Limits(parts=5)))


@pytest.mark.parametrize("body", [b"Subject: x\n\nhello", b"\nSubject: x\n\nhello", b"\r\nSubject: x\r\n\r\nhello"])
@pytest.mark.parametrize("encoded", [False, True])
def test_a_message_within_a_message_may_begin_with_an_empty_line(body: bytes, encoded: bool) -> None:
    encoding = b"Content-Transfer-Encoding: base64\n" * encoded
    (inner,) = parse(b"Content-Type: message/rfc822\n%s\n%s" % (encoding, b64encode(body) if encoded else body)).children
    assert ("x", b"hello") == (inner.header.value("subject"), inner.body)


def test_an_encoded_message_that_is_none_is_a_leaf() -> None:
    raw = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\naGVsbG8gd29ybGQ=\n"
    root = parse(raw)
    assert root.defects == {MimeDefect.NO_HEADER, MimeDefect.BAD_ENCODING}
    assert leaves(root) == [root]


def test_s12_of_two_encoded_messages_the_first_may_use_up_the_parts() -> None:
    message = b"--m\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogYgoKYwo=\n"
    root = parse(b"Content-Type: multipart/mixed; boundary=m\n\n" + message * 2 + b"--m--\n", limits=Limits(parts=4))
    assert [len(part.children) for part in root.children] == [1, 0]
    assert MimeDefect.TOO_MANY_PARTS in root.children[1].defects


def test_uuencoded_lines_that_can_not_be_read_are_skipped() -> None:
    body = b"junk\nbegin 644 x\n%:&5L;&\\`too long\n\xff\xff\xff\n%:&5L;&\\\nend\nmore"
    assert part_of("Content-Transfer-Encoding: uuencode", body).decoded() == b"hellohello"
    assert part_of("Content-Transfer-Encoding: uuencode", b"%:&5L;&\\").decoded() == b"hello"


def test_beside_html_in_an_alternative_plain_text_belongs_to_the_html() -> None:
    related = "Content-Type: multipart/mixed; boundary=r\n\n" + "".join(
        f"--r\nContent-Type: text/{kind}\n\nx\n" for kind in ("html", "plain")
    )
    raw = f"Content-Type: multipart/alternative; boundary=a\n\n--a\n\nplain\n--a\n{related}--r--\n--a--\n"
    root = parse(raw.encode())
    assert [part.text() for part in text_body(root)] == ["plain"]
    assert [part.subtype for part in html_body(root)] == ["html", "plain"]


def test_an_alternative_of_plain_text_alone_is_shown_to_all() -> None:
    root = parse(b"Content-Type: multipart/alternative; boundary=a\n\n--a\n\nplain\n--a--\n")
    assert root.children == text_body(root) == html_body(root)


def test_s12_a_hundred_thousand_parts_end_in_one_leaf() -> None:
    root = timed(b"Content-Type: multipart/mixed; boundary=m\n\n" + b"--m\n\nx\n" * 100_000)
    assert len(root.children) == 1000
    rest = root.children[-1]
    assert rest.defects == {MimeDefect.TOO_MANY_PARTS}
    assert rest.body.endswith(b"--m\n\nx\n")
    digest = timed(b"Content-Type: multipart/digest; boundary=m\n\n" + b"--m\n\nA: b\n\nx\n" * 1000)
    assert len(list(walk(digest))) <= 1002


MIXED = b"Content-Type: multipart/mixed; boundary=m\n\n"
QUOTED = b"Content-Transfer-Encoding: quoted-printable\n\n"
BASE64 = b"Content-Transfer-Encoding: base64\n\n"
BOMBS: dict[str, Callable[[int], bytes]] = {
    "a field without end": lambda size: b"X: " + b"y" * 20 * size + b"\n\nbody",
    "parts with long fields": lambda size: MIXED + (b"--m\nX: " + b"y" * (size // 2) + b"\n\nbody\n") * 30,
    "a filename without end": lambda size: b"Content-Disposition: attachment; filename=" + b"x" * 10 * size + b"\n\n",
    "a long boundary, nearly": lambda size: (
        b'Content-Type: multipart/mixed; boundary="' + b"m" * (size // 2) + b'"\n\n' + b"\n--mmmm" * (size // 10)
    ),
    "dashes": lambda size: MIXED + b"--" * size,
    "lines of dashes": lambda size: MIXED + b"\n--" * size,
    "boundaries within a line": lambda size: MIXED + b"--m" * size,
    "a part that is all header": lambda size: MIXED + b"--m\n" + b"A: b\n" * size,
    "nested, and no boundary": lambda size: nested(49) + b"\n--x" * (size // 2),
    "nested, and the outermost boundary": lambda size: nested(49) + b"\n--00000\nA: b\n" * (size // 10),
    "spaces to take off": lambda size: QUOTED + b" " * size + b"x\n",
    "lines of one space": lambda size: QUOTED + b" \n" * (size // 2),
    "nothing but padding": lambda size: BASE64 + b"=" * size,
    "padding, and something else below": lambda size: BASE64 + b"A=\n" * (size // 4) + b"=\n-\n" * (size // 8),
    "padding everywhere": lambda size: BASE64 + b"A=" * (size // 2),
    "lines of nothing": lambda size: b"Content-Transfer-Encoding: uuencode\n\nbegin 1 x\n" + b"\n" * (size // 2),
    "tags that never close": lambda size: b"Content-Type: text/html\n\n" + b"<meta" * (size // 5),
}


# Within the unit run a size at which a loop of Python in a loop shows; with the slow ones, at which one of C does.
@pytest.mark.parametrize("size", [50_000, pytest.param(500_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.slow
def test_s12_s13_a_bomb_takes_bounded_time(bomb: str, size: int) -> None:
    raw = BOMBS[bomb](size)

    def show() -> None:
        root = parse(raw)
        for part in walk(root):
            assert len(part.filename) <= 1000
            part.text(1_000_000)
        body_text(root)
        attachments(root)

    in_time(SECONDS, show)


def test_s12_the_tree_takes_less_memory_than_the_message() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=m\n\n" + (b"--m\nContent-Type: a/b\n\n" + b"x" * 50_000 + b"\n") * 200
    tracemalloc.start()
    parse(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(raw) / 10


PIECES = st.sampled_from(
    [b"--m", b"--m--", b"--n\n", b"\n", b"\r\n", b"\n\n", b"Content-Type: multipart/mixed; boundary=m\n", b"x", b": ", b"=",
     b"Content-Type: multipart/digest; boundary=n\n", b"Content-Type: message/rfc822\n", b"--m\n\n", b"--n--\n", b"\0\xff",
     b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: quoted-printable\n", b"Content-Type: text/html\n"]
)  # fmt: skip


@settings(max_examples=125)
@given(st.lists(PIECES, max_size=30).map(b"".join))
def test_whatever_comes_the_parts_lie_within_each_other(raw: bytes) -> None:
    root = timed(raw)
    for part in walk(root):
        assert 0 <= part.start <= part.body_start <= part.body_end <= len(part.raw)
        for child in part.children:
            assert child.raw is not part.raw or part.body_start <= child.start <= child.body_end <= part.body_end
        assert isinstance(part.text(), str)
    body_text(root)
    chosen = [*text_body(root), *html_body(root), *attachments(root)]
    assert {id(part) for part in chosen} <= {id(part) for part in walk(root)}


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_message(raw: bytes) -> None:
    body_text(timed(raw))


# Other people's messages


def exceptions() -> set[str]:
    return {line.split("`")[1] for line in EXCEPTIONS.read_text().splitlines() if line.startswith("- `")}


def one_line_end(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def shape(part: Part) -> Any:
    """Parts in brackets, entered messages in a tuple, and of a leaf its bytes and its text."""
    if part.type == "message" and part.children:
        return (shape(part.children[0]),)
    if part.children:
        return [shape(child) for child in part.children]
    return {one_line_end(part.decoded()), part.text().replace("\r\n", "\n")}


def fits(found: Any, expected: Any) -> bool:
    if isinstance(found, set):
        return expected == [] or (not isinstance(expected, list | tuple) and expected in found)
    if type(found) is not type(expected) or len(found) != len(expected):
        return False
    return all(fits(one, other) for one, other in zip(found, expected, strict=True))


def told(cases: list[tuple[str, bool]], name: str) -> None:
    """Print the score, in which a listed exception counts as passed, and fail for every other miss."""
    failed = [case for case, passed in cases if not passed and f"{name} {case}" not in exceptions()]
    right, met = len(cases) - len(failed), sum(passed for _, passed in cases)
    print(f"\nmime: {right}/{len(cases)} ({name}; {met} as expected there, {right - met} listed)")
    assert [] == failed


@pytest.mark.corpora
@pytest.mark.parametrize("folder", ["rfc", "malformed", "thirdparty"])
def test_mail_parser_messages(shared: Path, folder: str) -> None:
    def tree(message: Any, index: int = 0) -> Any:
        ((kind, value),) = message["parts"][index]["body"].items()
        if kind == "Multipart":
            return [tree(message, child) for child in value]
        if kind == "Message":
            return (tree(value),)
        return value.replace("\r\n", "\n") if isinstance(value, str) else one_line_end(bytes(value))

    cases = []
    for path in sorted((shared / "corpora/mime/mail-parser" / folder).glob("*.eml")):
        expected = tree(json.loads(path.with_suffix(".json").read_text()))
        cases.append((path.stem, fits(shape(timed(path.read_bytes())), expected)))
    told(cases, f"mail-parser/{folder}")


@pytest.mark.corpora
@pytest.mark.parametrize("folder", ["mime4j-testmsgs", "mime4j-mimetools"])
def test_mime4j_messages(shared: Path, folder: str) -> None:
    def tree(element: ElementTree.Element) -> Any:
        for child in element:
            if child.tag == "multipart":
                return [tree(part) for part in child.iter("body-part") if part in list(child)]
            if child.tag == "message":
                return (tree(child),)
            if child.tag in ("text-body", "binary-body"):
                return one_line_end((shared / "corpora/mime" / folder / child.get("name", "")).read_bytes())
        raise AssertionError(element)

    cases = []
    for path in sorted((shared / "corpora/mime" / folder).glob("*.msg")):
        expected = tree(ElementTree.parse(path.with_name(path.stem + "_decoded.xml")).getroot())
        cases.append((path.stem, fits(shape(timed(path.read_bytes())), expected)))
    told(cases, folder)


@pytest.mark.corpora
def test_s12_messages_that_have_crashed_others_take_bounded_time_and_memory(shared: Path) -> None:
    cases = []
    for path in sorted((shared / "corpora/mime/nodemailer-mailparser").glob("*.eml")):
        raw = path.read_bytes()
        tracemalloc.start()
        root = timed(raw)
        body_text(root)
        for part in leaves(root):
            part.decoded()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        cases.append((path.stem, peak < 10 * len(raw) + 1_000_000))
    told(cases, "nodemailer-mailparser")
