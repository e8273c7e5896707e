"""Authentication-Results: what a checking server says of a message, read and written; and ours kept from being forged.

Standards: RFC 8601; RFC 6008 (header.b); RFC 8616 (names in other scripts).
Promises: parsing never raises and is linear; a defect in one result hides no other; what is rendered is one field,
whatever goes in. Not here: whether to trust a field. None below the topmost of our own deserves it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from mailwright.mail.header import Field, Header, Raw
from mailwright.mailauth.names import to_dns_name
from mailwright.values import dataclass

if TYPE_CHECKING:
    from mailwright.mailauth.dkim.verify import Result as DkimResult

FIELD = "authentication-results"
WIDTH = 78
_START = "Authentication-Results:"
SHORT = 256  # characters: never too long, whatever they are
MAX_VALUE = 400  # octets of one rendered value: an address fits, and with every character escaped a line still has room
MAX_RESULTS = 200

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_SPACE = re.compile(r"[ \t\r\n]+")
_COMMENT_MARK = re.compile(r"[()\\]")
_QUOTE_MARK = re.compile(r'["\\]')
_WORD = re.compile(r'[^ \t\r\n;="()]+')  # a name, or the part of one before a space
_VALUE = re.compile(r'[^ \t\r\n;"()]+')  # an unquoted value; an equals sign is let through: signatures are full of them
_PVALUE = re.compile(r"""(?:[^ \t\r\n;"()<>:\\,\[\]@]*@)?[^ \t\r\n;"()<>:\\,\[\]@/?=]+""")  # an unquoted value as it should be
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_KEYWORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
_BARE = re.compile(r"[A-Za-z0-9!#$%&'*+._`{|}~^-]+(?:@[A-Za-z0-9._-]+)?|@[A-Za-z0-9._-]+")  # needs no quotes
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_HOST = re.compile(r"[a-z0-9._-]+")
_WHOLE = re.compile(rb"^authentication-results[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n?", re.IGNORECASE | re.MULTILINE)


class Defect(StrEnum):
    """What is wrong with a field."""

    NO_ID = "no-authserv-id"
    BAD_ID = "authserv-id"
    VERSION = "version"
    SEPARATOR = "separator"
    NO_RESULT = "no-result"
    EMPTY_RESULT = "empty-result"
    METHOD = "method"
    PROPERTY = "property"
    VALUE = "value"
    UNCLOSED = "unclosed"
    TOO_MANY = "too-many-results"


class Property(NamedTuple):
    """What a result rests on: `header.d=example.com` is Property("header", "d", "example.com")."""

    ptype: str  # lower case; "" where only a name was given
    name: str  # lower case
    value: str


class MethodResult(NamedTuple):
    """One method and what it found. Method and result are lower case, known or not."""

    method: str
    result: str
    version: int = 1
    reason: str = ""
    properties: tuple[Property, ...] = ()
    comment: str = ""  # what stands in parentheses: for people only

    def get(self, key: str) -> str | None:
        """The value of a property by its full name, as `header.d`; the first, or None."""
        ptype, _, name = key.rpartition(".")
        return next((found.value for found in self.properties if found[:2] == (ptype, name)), None)


@dataclass(frozen=True, slots=True)
class AuthResults:
    """One field, read. `defects` is empty when it keeps to RFC 8601."""

    authserv_id: str = ""
    version: int = 1
    results: tuple[MethodResult, ...] = ()
    defects: tuple[Defect, ...] = ()


class _Scanner:
    """A place in the text, and what was found wrong so far."""

    def __init__(self, text: str) -> None:
        self.text = _FOLD.sub("", text) if "\n" in text else text
        self.at, self.end = 0, len(self.text)
        self.comments: list[str] = []
        self.defects: dict[Defect, None] = {}
        # False once one of them had no end. From there on such characters are junk; trying each again would be quadratic.
        self._comments_end = self._quotes_end = True

    def skip(self) -> None:
        """Pass over white space and comments (CFWS)."""
        while self.at < self.end:
            space = _SPACE.match(self.text, self.at)
            if space:
                self.at = space.end()
            elif self.text[self.at] == "(":
                self._comment()
            else:
                return

    def _comment(self) -> None:
        start, depth, at = self.at + 1, 1, self.at + 1
        while depth and self._comments_end:
            mark = _COMMENT_MARK.search(self.text, at)
            if mark is None:
                self._comments_end = False
                break
            at = mark.end() + (mark[0] == "\\")
            depth += (mark[0] == "(") - (mark[0] == ")")
        if depth:
            self.note(Defect.UNCLOSED)
            self.at += 1
            return
        self.at = at
        self.comments.append(_ESCAPE.sub(r"\1", self.text[start : at - 1]))

    def peek(self) -> str:
        self.skip()
        return self.text[self.at] if self.at < self.end else ""

    def word(self, pattern: re.Pattern[str] = _WORD) -> str:
        """The word that stands here, "" if none does."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0]

    def value(self) -> str:
        """A value after its equals sign: a quoted string, a word, or a quoted local part with its domain."""
        self.skip()
        text = self.quoted()
        if text is None:
            word = self.word(_VALUE)
            # RFC 8601 §2.2: a token, or a domain with or without a local part before it.
            if not _PVALUE.fullmatch(word):
                self.note(Defect.VALUE)
            return word
        return text + self.word(_VALUE) if self.text.startswith("@", self.at) else text

    def quoted(self) -> str | None:
        """The quoted string that stands here, None if none does."""
        if not self.text.startswith('"', self.at):
            return None
        at = self.at + 1
        while self._quotes_end:
            mark = _QUOTE_MARK.search(self.text, at)
            if mark is None:
                self._quotes_end = False
            elif mark[0] == '"':
                found = _ESCAPE.sub(r"\1", self.text[self.at + 1 : mark.start()])
                self.at = mark.end()
                return found
            else:
                at = mark.end() + 1
        self.note(Defect.UNCLOSED)
        return None

    def to_semicolon(self) -> None:
        """Go to the next semicolon that is in no comment and in no quoted string."""
        while self.peek() not in ("", ";"):
            if not self.word(_VALUE) and self.quoted() is None:
                self.at += 1

    def note(self, defect: Defect) -> None:
        self.defects[defect] = None

    def take_comments(self) -> str:
        taken, self.comments = " ".join(" ".join(self.comments).split()), []
        return taken


def parse(value: str) -> AuthResults:
    """Read the value of an Authentication-Results field (RFC 8601 §2.2), folded or not.

    Results of a version that we don't know are left out. Unknown methods and results are kept as they are.
    """
    scan = _Scanner(value)
    authserv_id = _authserv_id(scan)
    version = _version(scan)
    scan.take_comments()
    results: list[MethodResult] = []
    none = False
    while scan.peek():
        if scan.text[scan.at] == ";":
            scan.at += 1
        else:
            scan.note(Defect.SEPARATOR)
        if not scan.peek() or scan.text[scan.at] == ";":
            scan.note(Defect.EMPTY_RESULT)
            continue
        if len(results) == MAX_RESULTS:
            scan.note(Defect.TOO_MANY)
            break
        found = _result(scan)
        if found is None:
            none = True
        elif found.method:
            results.append(found)
        scan.to_semicolon()
    if not results and not none:
        scan.note(Defect.NO_RESULT)
    if version != 1:
        scan.note(Defect.VERSION)
        results = []
    return AuthResults(authserv_id, version, tuple(results), tuple(scan.defects))


def _authserv_id(scan: _Scanner) -> str:
    if scan.peek() in ("", ";"):
        scan.note(Defect.NO_ID)
        return ""
    start = scan.at
    quoted = scan.text[start] == '"'
    name = scan.value() if quoted else scan.word()
    if not quoted and scan.peek() == "=":
        # The identifier was forgotten: this is the first result already.
        scan.at = start
        scan.note(Defect.NO_ID)
        return ""
    if not name or (not quoted and not set(name).isdisjoint("<>@,:\\/[]?")):
        scan.note(Defect.BAD_ID)
    return name


def _version(scan: _Scanner) -> int:
    if not scan.peek().isdigit():
        return 1
    start = scan.at
    word = scan.word()
    if scan.peek() == "=":
        scan.at = start  # a method that begins with a digit, and the semicolon before it forgotten
        return 1
    return int(word) if word.isascii() and word.isdigit() and len(word) < 10 else 0


def _result(scan: _Scanner) -> MethodResult | None:
    """Read one resinfo; None stands for the word "none", an empty method for what can't be read."""
    scan.take_comments()
    method, version = _method(scan)
    if scan.peek() != "=":
        if method == "none" and scan.peek() in ("", ";"):
            return None
        scan.note(Defect.METHOD)
        return MethodResult("", "")
    scan.at += 1
    scan.skip()
    result = scan.word().lower()
    if not (_KEYWORD.fullmatch(method) and _KEYWORD.fullmatch(result)):
        scan.note(Defect.METHOD)
        return MethodResult("", "")
    reason = ""
    properties: list[Property] = []
    while scan.peek() not in ("", ";"):
        key = _key(scan)
        if scan.peek() != "=" or not key:
            scan.note(Defect.PROPERTY)
            break
        scan.at += 1
        text = scan.value()
        if key == "reason":
            reason = reason or text
            continue
        ptype, _, name = key.rpartition(".")
        if not ptype or not name:
            scan.note(Defect.PROPERTY)
        properties.append(Property(ptype, name, text))
    return MethodResult(method, result, version, reason, tuple(properties), scan.take_comments())


def _method(scan: _Scanner) -> tuple[str, int]:
    name, _, version = _key(scan).partition("/")
    return name, int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 1


def _key(scan: _Scanner) -> str:
    """The words up to an equals sign, as one: white space and comments may stand around `.` and `/`."""
    key = ""
    while scan.peek() not in ("", ";", "=", '"'):
        word = scan.word()
        if not word:
            break
        if key and not (key[-1] in "./" or word[0] in "./"):
            scan.note(Defect.PROPERTY)  # two words where one should be: the second is taken
            key = ""
        key += word
    return key.lower()


def render(authserv_id: str, results: Iterable[MethodResult]) -> bytes:
    """One field, folded, CRLF at its end (RFC 8601 §2.2). No input can end the field early or begin another.

    Values are quoted when they must be; control characters become spaces; keywords lose what is none. A line exceeds 78
    columns only where a single value does.
    """
    written = [found for found in results if _keyword(found.method) and _keyword(found.result)]
    ends = [";"] * (len(written) - 1) + [""]
    first = _folded([_bare_or_quoted(authserv_id) + ";"], len(_START))
    # What DKIM finds names the signature, so no two are alike; what others find is the same in much of the mail.
    rest = [(_lines if found.method == "dkim" else _kept_lines)(found, end) for found, end in zip(written, ends, strict=False)]
    return "".join((_START, first, *(rest or ["\r\n none"]), "\r\n")).encode("utf-8", "replace")


def _folded(words: Sequence[str], column: int) -> str:
    """Words behind a column of a line, each on the next line where it would not fit."""
    out: list[str] = []
    for word in words:
        fold = column + 1 + len(word) > WIDTH
        out.append("\r\n " if fold else " ")
        out.append(word)
        column = (1 if fold else column + 1) + len(word)
    return "".join(out)


def _lines(found: MethodResult, end: str) -> str:
    """One result on lines of its own."""
    words = _words(found)
    words[-1] += end
    return "\r\n " + words[0] + _folded(words[1:], 1 + len(words[0]))


_kept_lines = lru_cache(maxsize=512)(_lines)


def _words(found: MethodResult) -> list[str]:
    method, result = _keyword(found.method), _keyword(found.result)
    words = [f"{method}={result}" if found.version == 1 else f"{method}/{found.version:d}={result}"]
    if found.comment:
        escaped = _COMMENT_MARK.sub(r"\\\g<0>", _clean(found.comment))
        words += f"({escaped})".split(" ")
    if found.reason:
        words += ("reason=" + _quote(_clean(found.reason))).split(" ")
    for ptype, name, value in found.properties:
        if key := _property_key(ptype, name):
            words += (key + _bare_or_quoted(value)).split(" ")
    return words


@lru_cache(maxsize=1024)
def _property_key(ptype: str, name: str) -> str:
    return f"{_keyword(ptype)}.{_keyword(name)}=" if _keyword(ptype) and _keyword(name) else ""


@lru_cache(maxsize=1024)  # methods, results and property names: a few dozen, over and over
def _keyword(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "", text).strip("-_")[:64]


def _clean(text: str) -> str:
    """Text without control characters, runs of spaces or excess length, so that it can be folded at its spaces."""
    if len(text) * 4 > MAX_VALUE:
        text = text.encode("utf-8", "replace")[:MAX_VALUE].decode("utf-8", "ignore")
    elif text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")  # as nearly every value is
    return _UNSAFE.sub(" ", text).strip(" ")


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bare_or_quoted(value: str) -> str:
    return _kept_value(value) if len(value) < SHORT else _rendered(value)


def _rendered(value: str) -> str:
    text = _clean(value)
    return text if _BARE.fullmatch(text) else _quote(text)


_kept_value = lru_cache(maxsize=1024)(_rendered)  # the same domains, over and over


def strip(header: Header, authserv_id: str) -> tuple[int, ...]:
    """The places in `header.fields` of the fields that claim to be ours and must go (RFC 8601 §5).

    Any version, any case, quoted or not, comments or not, readable or not: rather one field too many than one too few.
    """
    places = [place for place, field in enumerate(header.fields) if field.name == FIELD]
    if not places:
        return ()
    ours = _comparable(authserv_id)
    return tuple(place for place in places if _claims(header.fields[place].value, ours))


def without_claims(raw: Raw, header: Header, authserv_id: str) -> Raw:
    """The message without the fields that `strip` finds; the same bytes, uncopied, where there is none.

    Fields beyond the limits of `parse_header` are found too: a reader without limits would believe them.
    """
    if not header.all(FIELD) and not header.defects:
        return raw
    block = raw[: header.body_start]
    kept, at = [], 0
    for match in _WHOLE.finditer(block):
        if strip(Header((Field(FIELD, match[0]),), 0), authserv_id):
            kept.append(block[at : match.start()])
            at = match.end()
    return b"".join([*kept, raw[at:]]) if kept else raw


def _claims(value: str, ours: str) -> bool:
    scan = _Scanner(value)
    if _comparable(_authserv_id(scan)) == ours:
        return True
    # What can't be read may be read otherwise elsewhere: our name as a word before the first semicolon is enough,
    # with the comments left out as well as left in.
    readable = _Scanner(value)
    readable.to_semicolon()
    before = (value.partition(";")[0], readable.text[: readable.at])
    return any(ours in map(_comparable, _HOST.findall(text.lower())) for text in before)


def _comparable(name: str) -> str:
    return to_dns_name(name.strip()) or name.strip().lower()


def topmost(header: Header, authserv_id: str) -> AuthResults | None:
    """The newest field that bears our name, read; None if there is none. Of a message that passed our border only."""
    ours = _comparable(authserv_id)
    for field in header.all(FIELD):
        found = parse(field.value)
        if _comparable(found.authserv_id) == ours:
            return found
    return None


def own_results(header: Header, authserv_id: str) -> str:
    """What all fields that bear our name say behind it, as they say it, in one text; "" if there is none (RFC 8617 §5.1).

    Of a message that passed our border only.
    """
    ours, found = _comparable(authserv_id), []
    for field in header.all(FIELD):
        scan = _Scanner(field.value)
        if _comparable(_authserv_id(scan)) == ours and _version(scan) == 1 and scan.peek() == ";":
            found.append(scan.text[scan.at + 1 :].strip("; \t"))
    found = [*filter(None, found)]
    # RFC 8601 §2.2: "none" stands alone or not at all.
    return "; ".join([text for text in found if text.lower() != "none"] or found[:1])


def dkim_results(results: Sequence[DkimResult]) -> tuple[MethodResult, ...]:
    """DKIM verdicts as results, with header.d, i, s, a and b (RFC 8601 §2.7.1, RFC 6008); `dkim=none` if there are none."""
    if not results:
        return (MethodResult("dkim", "none"),)
    return tuple(_dkim_result(result) for result in results)


def _dkim_result(result: DkimResult) -> MethodResult:
    named = (("d", result.domain), ("i", result.identity), ("s", result.selector), ("a", result.algorithm), ("b", result.label))
    properties = tuple([Property("header", name, value) for name, value in named if value])
    comments = (
        f"{result.key_bits}-bit key" if result.key_bits else "",
        "testing" if result.testing else "",
        "body only signed in part" if result.partial else "",
    )
    return MethodResult(
        "dkim",
        result.result,
        reason=result.reason,
        properties=properties,
        comment=", ".join(filter(None, comments)),
    )
