"""What is hashed: header fields and body in their canonical form, simple or relaxed.

Standards: RFC 6376 §3.4 (forms), §3.5 `l=`, §3.7 (what goes into the header hash), §5.4.2 (repeated fields).
Promises: linear in the input; a body of any size in bounded memory, whatever the split into chunks.
Lines end in CRLF: a bare CR or LF is an octet like any other. Not here: keys and signatures.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from hashlib import sha256

from mailwright.mail.header import Field, Header, Raw

CHUNK = 256 * 1024
_BLANK_BLOCK = 8192
_RUNS = (b" " * 1024, b" " * 64, b" " * 16, b" " * 4)

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_SPACE = re.compile(rb"[ \t]+")


class Canonicalisation(StrEnum):
    """How much change on the way a signature endures."""

    SIMPLE = "simple"
    RELAXED = "relaxed"


def canonical_header(fields: Sequence[bytes], form: Canonicalisation) -> bytes:
    """What the header signature covers (RFC 6376 §3.7): whole fields, the signature's own, emptied, being the last."""
    # RFC 6376 §3.7: every field ends in CRLF except the last.
    if form is Canonicalisation.SIMPLE:
        return b"\r\n".join([_without_line_end(raw) for raw in fields])
    block = b"".join(fields)
    if b"\x0b" in block or b"\x0c" in block or block.count(b"\r") != block.count(b"\r\n"):
        return b"\r\n".join([_relaxed_oddly(raw) for raw in fields])
    return b"\r\n".join([name.rstrip().lower() + b":" + b" ".join(body.split()) for name, _, body in _split(fields)])


def _without_line_end(raw: bytes) -> bytes:
    return raw.removesuffix(b"\n").removesuffix(b"\r")


def _split(fields: Sequence[bytes]) -> list[tuple[bytes, bytes, bytes]]:
    return [raw.partition(b":") for raw in fields]


def _relaxed_oddly(raw: bytes) -> bytes:
    """For a header with other white space in it: split() would take that for SP and HTAB as well."""
    name, _, body = raw.partition(b":")
    value = _SPACE.sub(b" ", _FOLD.sub(b"", _without_line_end(body))).strip(b" ")
    return name.rstrip(b" \t").lower() + b":" + value


def signed_fields(header: Header, names: Iterable[str], own: Field | None = None) -> list[Field]:
    """The fields that a list of names (`h=`, lower case) stands for, in that order; `own` is the signature itself.

    A name for which no field is left adds nothing; that is what makes oversigning work.
    """
    left: dict[str, list[Field]] = {}
    chosen: list[Field] = []
    there = header.names
    for name in names:
        if name not in there:
            continue
        fields = left.get(name)
        if fields is None:
            fields = left[name] = [*header.all(name)]
            if own and name == own.name:
                # RFC 6376 §3.5 h=: other signatures may be signed, the one being verified may not.
                fields[:] = [field for field in fields if field is not own]
        if fields:
            chosen.append(fields.pop())  # RFC 6376 §5.4.2: from the bottom of the header up.
    return chosen


def without_signature(raw: bytes) -> bytes:
    """A signature field with the value of its `b=` and the white space around it taken out (RFC 6376 §3.7)."""
    name, _, body = raw.partition(b":")
    specs = _without_line_end(body).split(b";")
    for index in range(len(specs) - 1, -1, -1):  # it is mostly the last, and no list with two of them is valid
        tag, equals, _ = specs[index].partition(b"=")
        if equals and tag.strip() == b"b":
            specs[index] = tag + b"="
            break
    return name + b":" + b";".join(specs)


class BodyHash:
    """A hash over a canonical body (RFC 6376 §3.4.3, §3.4.4), fed in chunks of any size.

    `lengths` are the values of `l=` that signatures name: for each, the hash of so many octets is kept on the way, so
    that any number of them costs one pass. `size` is that of the whole canonical body. `prefix` is hashed before all.
    """

    __slots__ = ("_blank", "_cut", "_done", "_hash", "_held", "_marks", "_relaxed", "size")

    def __init__(
        self, form: Canonicalisation, algorithm: str = "sha256", lengths: Iterable[int] = (), *, prefix: bytes = b""
    ) -> None:
        self._hash = sha256(prefix) if algorithm == "sha256" else hashlib.new(algorithm, prefix)  # which takes longer
        self._relaxed = form is Canonicalisation.RELAXED
        self._marks = sorted(lengths, reverse=True)
        self._cut: dict[int, bytes] = {}
        self._held = b""  # what the next chunk may turn into something else: one space, one CR, or both
        self._blank = 0  # line ends that count only if text follows
        self._done = False
        self.size = 0

    def update(self, chunk: bytes) -> None:
        """Take the next piece of the body."""
        text = self._held + chunk if self._held else chunk
        self._held = b""
        if text.endswith(b"\r"):
            text, self._held = text[:-1], b"\r"
        if self._relaxed:
            text = _squeeze(text)
            if text.endswith(b" "):
                text, self._held = text[:-1], b" " + self._held
        end = _text_end(text)
        if end:
            self._feed_blank()
            self._feed(text[:end])
        self._blank += (len(text) - end) // 2

    def digest(self, length: int | None = None) -> bytes:
        """Finish, and return the hash of the whole or of its first `length` octets; nothing may be fed afterwards.

        A length that exceeds `size` gives the hash of the whole.
        """
        if not self._done:
            if self._held.endswith(b"\r"):
                self._feed_blank()
                self._feed(self._held)
            # RFC 6376 §3.4.3, §3.4.4: an empty body is CRLF in the simple form and nothing at all in the relaxed one.
            if self.size or not self._relaxed:
                self._feed(b"\r\n")
            self._done = True
        cut = None if length is None else self._cut.get(length)
        return self._hash.digest() if cut is None else cut

    def _feed_blank(self) -> None:
        while self._blank:
            count = min(self._blank, _BLANK_BLOCK)
            self._feed(b"\r\n" * count)
            self._blank -= count

    def _feed(self, data: bytes) -> None:
        while self._marks and self._marks[-1] < self.size + len(data):
            mark = self._marks.pop()
            room = mark - self.size
            self._hash.update(data[:room])
            self._cut[mark] = self._hash.digest()
            data = data[room:]
            self.size = mark
        self._hash.update(data)
        self.size += len(data)


def body_chunks(raw: Raw, start: int) -> Iterator[bytes]:
    """The body in pieces that fit in memory."""
    for at in range(start, len(raw), CHUNK):
        yield raw[at : at + CHUNK]


def hash_body(chunks: Iterable[bytes], hashes: Sequence[BodyHash]) -> None:
    """Feed one body to several hashes in one pass."""
    for chunk in chunks:
        for body_hash in hashes:
            body_hash.update(chunk)


def _squeeze(text: bytes) -> bytes:
    """Reduce runs of white space to one space, and drop it before a line end.

    replace() beats any regex here, and where there is nothing to find rfind() is twice as fast as `in`.
    """
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    if text.rfind(b"  ") >= 0:
        for run in _RUNS:
            if run in text:
                text = text.replace(run, b" ")
        while b"  " in text:
            text = text.replace(b"  ", b" ")
    if text.rfind(b" \r\n") >= 0:
        text = text.replace(b" \r\n", b"\r\n")
    return text


def _text_end(text: bytes) -> int:
    """Where the trailing line ends (whole CRLFs) begin. The text doesn't end in a bare CR."""
    head = len(text.rstrip(b"\r\n"))
    if head == len(text) or not text.endswith(b"\r\n"):
        return len(text)
    tail = text[head:]
    start = head + max(tail.rfind(b"\r\r"), tail.rfind(b"\n\n")) + 1
    return start if text[start] == 0x0D else start + 1
