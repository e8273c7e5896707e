"""XML as reports have it, as a small tree of the elements that we know.

Standards: XML 1.0. Read with expat, as a stream. A document type and declarations of entities are refused, so there is nothing
to expand and nothing to fetch. Names lose their prefix and their case; elements that nobody knows are passed over with all
that is in them (RFC 9990 §3.1.3: extensions).
What writers forget to escape is escaped where the document can't be read otherwise; text that is no UTF-8 is read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeAlias
from xml.parsers import expat

from mailwright.mailauth.reports.model import Unreadable, Unusable

MAX_ELEMENTS = 250_000  # some 10,000 rows; more takes expat longer than a parser may
MAX_DEPTH = 40
MAX_TEXT = 1000  # characters of one element
MAX_MENDED = 1024 * 1024  # octets of a document that is worth mending
MAX_LIKE = 100  # elements of one name in one parent (RFC 9990 §3.1.1.9: signatures of a row)

_LONG_TAG = re.compile(rb"<[^<>]{65536}")  # of a million attributes
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_.:-]{1,40})["']""")
_ANY_TAG = re.compile(r"<(?!/?[A-Za-z_][A-Za-z0-9_:.-]*(?:\s[^<>]*)?/?>|\?[^<>]*\?>|!--)")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});)")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(slots=True)
class Element:
    """One element: its own text, and those within it by name."""

    text: str = ""
    within: dict[str, list[Element]] = field(default_factory=dict)

    def first(self, name: str) -> Element:
        """The first element of that name, or an empty one."""
        found = self.within.get(name)
        return found[0] if found else Element()

    def all(self, name: str) -> list[Element]:
        """Every element of that name."""
        return self.within.get(name, [])

    def value(self, name: str) -> str:
        """The text of the first element of that name; "" where there is none."""
        return self.first(name).text


Taken: TypeAlias = Callable[[Element], None]


class _Refused(Exception):
    pass


class _Done(Exception):
    pass


class _Builder:
    """Puts the tree together while expat reads; what `taken` wants is handed over as soon as it is whole."""

    def __init__(self, root: str, known: Collection[str], taken: dict[str, Taken]) -> None:
        self._root, self._known, self._taken = root, known, taken
        self.root: Element | None = None
        self._open: list[tuple[str, Element]] = []
        self._text: list[str] = []
        self._unknown = self._count = 0

    def start(self, name: str, _: object) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._open) + self._unknown > MAX_DEPTH:
            raise _Refused("too many elements")
        name = name.rpartition(":")[2].lower()
        self._text.clear()
        if not self._open:
            if name == self._root:
                self.root = Element()
                self._open.append((name, self.root))
        elif self._unknown or name not in self._known:
            self._unknown += 1
        else:
            self._open.append((name, Element()))

    def text(self, text: str) -> None:
        if self._open and not self._unknown and len(self._text) < MAX_TEXT:
            self._text.append(text)

    def end(self, _: str) -> None:
        if not self._open:
            return
        if self._unknown:
            self._unknown -= 1
            return
        name, element = self._open.pop()
        element.text = "".join(self._text).strip()[:MAX_TEXT]
        self._text.clear()
        if not self._open:
            raise _Done  # RFC 9990: one report in a file; what follows it is nobody's
        if name in self._taken:
            self._taken[name](element)
        elif len(like := self._open[-1][1].within.setdefault(name, [])) < MAX_LIKE:
            like.append(element)


def read_xml(octets: bytes, root: str, known: Collection[str], taken: dict[str, Taken]) -> Element | Unreadable:
    """The element `root`, wherever it stands, with what is known within it; every element that `taken` names goes there."""
    if _LONG_TAG.search(octets):
        return Unreadable(Unusable.TOO_LARGE, "a tag or a text without end")
    builder = _Builder(root, known, taken)
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse_declaration
    try:
        parser.Parse(octets, True)
    except _Done:
        pass
    except _Refused as refused:
        return Unreadable(Unusable.DOCUMENT_TYPE if refused.args[0] == "declaration" else Unusable.TOO_LARGE, str(refused))
    except expat.ExpatError as wrong:
        return Unreadable(Unusable.NOT_XML, f"line {wrong.lineno}: {expat.errors.messages[wrong.code]}")
    return builder.root if builder.root is not None else Unreadable(Unusable.NOT_A_REPORT, f"no element {root!r}")


def _refuse_declaration(*_: object) -> None:
    raise _Refused("declaration")


def in_utf8(octets: bytes) -> tuple[bytes, bool]:
    """The document in UTF-8, and whether something in it was no text."""
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return octets.decode("utf-16", "replace").encode(), False
    octets = octets.removeprefix(b"\xef\xbb\xbf").lstrip()
    try:
        octets.decode()
    except UnicodeDecodeError:
        declared = _DECLARED.match(octets)
        named = declared[1].decode("ascii").lower() if declared else ""
        if named in ("iso-8859-1", "iso-8859-15", "windows-1252", "latin1"):
            return octets.decode(named, "replace").encode(), False
        return octets.decode("utf-8", "replace").encode(), True
    return octets, False


def mended(octets: bytes) -> bytes:
    """The document with everything escaped that can be no markup."""
    text = _CONTROL.sub(" ", octets.decode("utf-8", "replace"))
    return _BARE_AMPERSAND.sub("&amp;", _ANY_TAG.sub("&lt;", text)).encode("utf-8", "replace")
