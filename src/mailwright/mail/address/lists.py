"""Which mailboxes does this header field name? Reads whatever comes, and reports what is wrong with it.

Standards: RFC 5322 §3.4 and §4.4, RFC 6532 (UTF-8), RFC 6854 (groups anywhere), RFC 2047 §5 (names).
Pure, linear, bounded, never raises.
Not here: the verdict on one address of an envelope or of the API (strict.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from mailwright.mail.address.model import ATEXT, Address, AddressDefect, AddressList, Group
from mailwright.mail.comments import comment_end
from mailwright.mail.words import decode_words

MAX_TEXT = 64 * 1024  # characters
MAX_MAILBOXES = 10_000

_DOTTED = rf"{ATEXT}(?:\.{ATEXT})*"
_LDH = r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
_PLAIN_NAME = ATEXT.replace("]+", ". ]*")
# Nearly every From is one of these two; each class excludes what follows it, so both are linear.
_NAMED = re.compile(rf'(?:"([^"\\\x00-\x1f\x7f]*)"[ \t]*|({_PLAIN_NAME}))<({_DOTTED})@({_LDH})>')
_BARE = re.compile(rf"({_DOTTED})@({_LDH})")

_WORD = re.compile(r'[^\s()<>\[\]:;@\\,."]+')
_ENCODED = re.compile(r'=\?[^?\s]{1,80}\?[bBqQ]\?(?:[^?\s]*\?=|[^?<>@:;"]{1,200}\?=)')  # some leave spaces in one
_SPACE = re.compile(r"\s+")
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_LITERAL = re.compile(r'\[[^\[\]\\<>,"@()]*\]')
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPECIAL = re.compile(r'[()<>\[\]:;@\\,"]')


class _Token(NamedTuple):
    kind: str  # "word", "quoted", "literal", "(" for a comment, else the special character itself
    text: str
    spaced: bool  # white space or a comment stands before it


@dataclass(slots=True)
class _Reading:
    """How far the reading of a list has come. The first five are about the element that is being read."""

    words: list[_Token] = field(default_factory=list)  # outside of angle brackets
    angle: list[_Token] | None = None  # inside of them
    open: bool = False  # the angle bracket is not closed yet
    comments: list[str] = field(default_factory=list)
    after_group: bool = False  # a comma is due here, and parts no empty element
    group: tuple[str, str, int] | None = None  # name, comment, index of its first mailbox
    mailboxes: list[Address] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    defects: set[AddressDefect] = field(default_factory=set)


def parse_address_list(text: str) -> AddressList:
    """Read the value of From, To, Cc and the like: an address list as RFC 5322 §3.4 and §4.4 have it, or nearly so.

    Takes the unfolded value with encoded words as they are (`Field.value`). Never raises.
    """
    if not text:
        return AddressList()
    if len(text) < 2000:
        simple = _read_simple(text)
        if simple is not None:
            return simple
    return _read(text)


def _read(text: str) -> AddressList:
    reading = _Reading()
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT]
        reading.defects.add(AddressDefect.TOO_LONG)
    if _CONTROL.search(text):
        text = _CONTROL.sub(" ", text)
        reading.defects.add(AddressDefect.MISPLACED)
    for token in _tokens(text, reading.defects):
        if len(reading.mailboxes) >= MAX_MAILBOXES:
            reading.defects.add(AddressDefect.TOO_LONG)
            break
        _take(reading, token)
    return _finish(reading)


@lru_cache(maxsize=512)  # one field is looked at by several: who wrote it, for whom it is, whether it is automatic
def _read_simple(text: str) -> AddressList | None:
    """The list, if each piece between commas has one of the two plain forms; a comma in quotes spoils its pieces."""
    mailboxes: list[Address] = []
    obsolete = False
    for piece in text.split(","):
        piece = piece.strip(" \t")
        match = _BARE.fullmatch(piece)
        if match is not None:
            mailboxes.append(Address("", match[1], match[2]))
            continue
        match = _NAMED.fullmatch(piece)
        if match is None:
            return None
        quoted, plain = match[1], match[2]
        obsolete = obsolete or bool(plain and "." in plain)
        name = decode_words(quoted if quoted is not None else plain).strip(" ")
        mailboxes.append(Address(name, match[3], match[4]))
    return AddressList(tuple(mailboxes), (), frozenset([AddressDefect.OBSOLETE]) if obsolete else frozenset())


def _tokens(text: str, defects: set[AddressDefect]) -> Iterator[_Token]:
    at, spaced = 0, False
    hopeless = set[str]()  # openers that have no end any more: not looked for again, which keeps this linear
    while at < len(text):
        character = text[at]
        match = (_ENCODED.match(text, at) if character == "=" else None) or _WORD.match(text, at)
        if match is not None:
            if _SPECIAL.search(match[0]):  # RFC 2047 §5 (3): not allowed in a phrase, yet written
                defects.add(AddressDefect.MISPLACED)
            yield _Token("word", match[0], spaced)
            at, spaced = match.end(), False
            continue
        match = _SPACE.match(text, at)
        if match is not None:
            at, spaced = match.end(), True
            continue
        end = -1 if character in hopeless else _closed(text, at)
        if end > 0:
            inner = text[at + 1 : end - 1]
            if character == '"':
                yield _Token("quoted", _PAIR.sub(r"\1", inner), spaced)
            else:
                yield _Token("(" if character == "(" else "literal", inner, spaced)
            at, spaced = end, character == "("
            continue
        if end < 0:
            defects.add(AddressDefect.UNCLOSED)
            if character != "[":
                hopeless.add(character)
        else:
            yield _Token(character, character, spaced)
            spaced = False
        at += 1


def _closed(text: str, at: int) -> int:
    """Where the quoted string, comment or literal that opens here ends; -1 if it does not, 0 if none opens here."""
    character = text[at]
    if character == "(":
        return comment_end(text, at)
    if character not in '"[':
        return 0
    match = (_QUOTED if character == '"' else _LITERAL).match(text, at)
    return -1 if match is None else match.end()


def _take(reading: _Reading, token: _Token) -> None:
    kind = token.kind
    if kind == "(":
        reading.comments.append(token.text)
    elif reading.open:
        _take_in_angle(reading, token)
    elif kind == "<":
        if reading.angle is not None:
            reading.defects.add(AddressDefect.MISPLACED)
            _end_element(reading)
        reading.angle, reading.open = [], True
    elif kind == ",":
        if not _end_element(reading) and not reading.after_group:
            reading.defects.add(AddressDefect.EMPTY_ELEMENT)
        reading.after_group = False
    elif kind == ";":
        _end_group(reading)
    elif kind == ":" and reading.angle is None and reading.words and not _has_at(reading.words):
        if reading.group is not None:
            reading.defects.add(AddressDefect.UNCLOSED)
            _close_group(reading)
        reading.group = (_phrase(reading.words, reading.defects), _comment(reading), len(reading.mailboxes))
        reading.words, reading.comments = [], []
    else:
        if reading.angle is not None or kind in ":>":
            reading.defects.add(AddressDefect.MISPLACED)
        if kind != ">":
            reading.words.append(token)


def _take_in_angle(reading: _Reading, token: _Token) -> None:
    angle = reading.angle
    assert angle is not None
    if token.kind == ">":
        reading.open = False
    elif token.kind in ",;" and not (angle and angle[0].kind == "@"):  # in a route there are commas
        reading.defects.add(AddressDefect.UNCLOSED)
        reading.open = False
        _take(reading, token)
    elif token.kind == "<":
        reading.defects.add(AddressDefect.MISPLACED)
    else:
        angle.append(token)


def _end_group(reading: _Reading) -> None:
    _end_element(reading)
    if reading.group is None:
        reading.defects.add(AddressDefect.MISPLACED)  # ";" between addresses, as some programs show them
    else:
        _close_group(reading)


def _close_group(reading: _Reading) -> None:
    assert reading.group is not None
    name, comment, start = reading.group
    reading.groups.append(Group(name, tuple(reading.mailboxes[start:]), comment))
    reading.group, reading.after_group = None, True


def _finish(reading: _Reading) -> AddressList:
    if reading.open:
        reading.defects.add(AddressDefect.UNCLOSED)
    _end_element(reading)
    if reading.group is not None:
        reading.defects.add(AddressDefect.UNCLOSED)
        _close_group(reading)
    return AddressList(tuple(reading.mailboxes), tuple(reading.groups), frozenset(reading.defects))


def _end_element(reading: _Reading) -> bool:
    """Turn what has been read since the last separator into a mailbox. False if there was nothing."""
    words, angle, defects = reading.words, reading.angle, reading.defects
    if angle is None:
        words = _last_of_several(reading)
    something = bool(words or angle is not None)
    if something:
        name, spec = (words, angle) if angle is not None else _split_bare(words)
        local, domain = _addr_spec(spec, defects)
        if angle is not None and _has_at(name):
            same = _addr_spec(_split_bare(name)[1], set()) == (local, domain)
            defects.add(AddressDefect.OBSOLETE if same else AddressDefect.NAME_HAS_ADDRESS)
            display = "".join(" " * token.spaced + token.text for token in name).strip()
        else:
            if angle is None and name and spec:
                defects.add(AddressDefect.MISPLACED)
            display = _phrase(name, defects)
        comment = _comment(reading)
        if not display:
            display, comment = comment, ""
        if local or domain or display:
            reading.mailboxes.append(Address(display, local, domain, comment))
    reading.words, reading.angle, reading.open, reading.comments = [], None, False, []
    return something


def _last_of_several(reading: _Reading) -> list[_Token]:
    """The words of the last address; those before it are mailboxes of their own, between which the commas were forgotten."""
    words = reading.words
    if reading.after_group and words and words[0].kind == "@":  # "Undisclosed-Recipient:;@mx.example", as sendmail wrote
        reading.defects.add(AddressDefect.MISPLACED)
        return []
    start = 0
    for at, following in pairwise([index for index, token in enumerate(words) if token.kind == "@"]):
        end = at
        while _joined(words[end], words[end + 1]):  # there is another @ to come
            end += 1
            if end == following:  # a@b@c
                return words[start:]
        if len(reading.mailboxes) >= MAX_MAILBOXES:
            break
        name, spec = _split_bare(words[start : end + 1])
        local, domain = _addr_spec(spec, reading.defects)
        reading.defects.add(AddressDefect.MISPLACED)
        reading.mailboxes.append(Address(_phrase(name, reading.defects), local, domain))
        start = end + 1
    return words[start:]


def _has_at(tokens: Sequence[_Token]) -> bool:
    return any(token.kind == "@" for token in tokens)


def _split_bare(words: list[_Token]) -> tuple[list[_Token], list[_Token]]:
    """The name and the address where no angle brackets part them: "John jdoe@example.org"."""
    if not _has_at(words):
        alone = len(words) == 1 or not any(token.spaced for token in words[1:])
        return ([], words) if alone and words[0].kind != "quoted" else (words, [])
    start = end = max(index for index, token in enumerate(words) if token.kind == "@")
    while start > 0 and _joined(words[start - 1], words[start]):
        start -= 1
    while end + 1 < len(words) and _joined(words[end], words[end + 1]):
        end += 1
    return words[:start] + words[end + 1 :], words[start : end + 1]


def _joined(left: _Token, right: _Token) -> bool:
    return not right.spaced or right.kind in ".@" or left.kind in ".@"


def _addr_spec(tokens: list[_Token], defects: set[AddressDefect]) -> tuple[str, str]:
    if tokens and tokens[0].kind == "@":
        # RFC 5322 §4.4: a route is accepted and ignored.
        colon = next((index for index, token in enumerate(tokens) if token.kind == ":"), -1)
        defects.add(AddressDefect.ROUTE if colon > 0 else AddressDefect.MISPLACED)
        tokens = tokens[colon + 1 :]
    ats = [index for index, token in enumerate(tokens) if token.kind == "@"]
    if not ats:
        defects.add(AddressDefect.NO_DOMAIN if tokens else AddressDefect.NO_ADDRESS)
        return "".join(token.text for token in tokens), ""
    if len(ats) > 1:
        defects.add(AddressDefect.SEVERAL_AT)
    local, domain = tokens[: ats[-1]], tokens[ats[-1] + 1 :]
    if any(token.spaced for token in (*local[1:], *tokens[ats[-1] :])):
        defects.add(AddressDefect.OBSOLETE)
    if not _dotted(local, ("word", "quoted"), defects):
        defects.add(AddressDefect.MISPLACED)
    if [token.kind for token in domain] == ["literal"]:
        return _local_text(local), f"[{domain[0].text}]"
    if not _dotted(domain, ("word",), defects):
        defects.add(AddressDefect.MISPLACED)
        domain = _up_to_junk(domain)
    return _local_text(local), "".join(token.text for token in domain)


def _local_text(tokens: list[_Token]) -> str:
    parts: list[str] = []
    last = "."
    for token in tokens:
        if token.spaced and "." not in (token.kind, last):
            parts.append(" ")  # misplaced, but no reason to make one name of two
        parts.append(token.text)
        last = token.kind
    return "".join(parts)


def _up_to_junk(tokens: list[_Token]) -> list[_Token]:
    for index, token in enumerate(tokens):
        if token.kind not in ("word", ".") or (index and token.kind == tokens[index - 1].kind == "word"):
            return tokens[:index]
    return tokens


def _dotted(tokens: list[_Token], kinds: tuple[str, ...], defects: set[AddressDefect]) -> bool:
    """True for words with dots between them; a dot too many is only reported, as all readers take it alike."""
    last = "."
    for token in tokens:
        if token.kind == ".":
            if last == ".":
                defects.add(AddressDefect.OBSOLETE)
        elif token.kind not in kinds or last != ".":
            return False
        last = token.kind
    if last == "." or (len(tokens) > 1 and any(token.kind == "quoted" for token in tokens)):
        defects.add(AddressDefect.OBSOLETE)
    return bool(tokens)


def _phrase(tokens: Sequence[_Token], defects: set[AddressDefect]) -> str:
    parts: list[str] = []
    last = ""
    for token in tokens:
        if token.spaced or "quoted" in (token.kind, last):
            parts.append(" ")
        if token.kind == ".":
            defects.add(AddressDefect.OBSOLETE)  # RFC 5322 §4.1: obs-phrase
        elif token.kind not in ("word", "quoted"):
            defects.add(AddressDefect.MISPLACED)
        parts.append(f"[{token.text}]" if token.kind == "literal" else token.text)
        last = token.kind
    return decode_words("".join(parts)).strip()


def _comment(reading: _Reading) -> str:
    return decode_words(" ".join(" ".join(_PAIR.sub(r"\1", text) for text in reading.comments).split()))
