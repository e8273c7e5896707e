"""Which parts are the text, and which are attached? Choices among the leaves of a tree.

Standards: RFC 2046 §5.1.3-5.1.4, RFC 2387 (related), RFC 8621 §4.1.4.
Not here: finding the parts (tree.py), what is new in a text (quoting.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mailwright.mail.mime.html_text import html_to_text
from mailwright.mail.mime.model import MimeDefect, Part
from mailwright.mail.mime.unseen import without_shapeless


@dataclass(slots=True)
class _Choice:
    """What has been chosen so far."""

    text: list[Part] = field(default_factory=list)
    html: list[Part] = field(default_factory=list)
    attached: list[Part] = field(default_factory=list)


def walk(part: Part) -> Iterator[Part]:
    """The part and all parts below it, those of entered messages included, in the order of the message."""
    pending = [part]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(current.children))


def leaves(part: Part) -> list[Part]:
    """All parts without parts, those of entered messages included."""
    return [current for current in walk(part) if not current.children]


def all_defects(part: Part) -> frozenset[MimeDefect]:
    """What is wrong anywhere in the tree."""
    return frozenset().union(*(current.defects for current in walk(part)))


def text_body(part: Part) -> list[Part]:
    """The text parts to show, in order, to a reader who prefers plain text: HTML only where nothing else was sent."""
    return _choose(part).text


def html_body(part: Part) -> list[Part]:
    """The text parts to show, in order, to a reader who prefers HTML: plain text where no HTML was sent."""
    return _choose(part).html


def attachments(part: Part) -> list[Part]:
    """Every leaf that is not shown as text: files, pictures within the text, and messages (not what is in them)."""
    return _choose(part).attached


def body_text(part: Part, limit: int = 256 * 1024) -> str:
    """The message as plain text, from HTML where there is nothing else; about `limit` bytes are read."""
    return read_text(part, limit)[0]


def read_text(part: Part, limit: int) -> tuple[str, bool]:
    """As `body_text`, and whether there is more. A limit is of bytes: of characters it may be a quarter."""
    texts: list[str] = []
    cut = False
    for shown in text_body(part):
        if limit <= 0:
            return "\n".join(texts), True
        source, longer = part_text(shown, limit)
        text = html_to_text(source, limit) if shown.subtype == "html" else without_shapeless(source)
        cut = cut or longer or (shown.subtype == "html" and len(text) >= limit)
        texts.append(text)
        limit -= len(source)
    return "\n".join(texts), cut


def part_text(part: Part, limit: int) -> tuple[str, bool]:
    """The text of one part, of which at most `limit` bytes are read, and whether there is more."""
    # What is transferred is hardly ever shorter than what it says, so only a long part is decoded to be measured.
    return part.text(limit), part.size > limit and len(part.decoded(limit + 1)) > limit


def _choose(part: Part) -> _Choice:
    choice = _Choice()
    if part.type == "multipart" and part.children:
        _look_into(part, choice)
    elif _is_text(part) or (part.type == "multipart" and part.disposition != "attachment"):
        # A multipart whose boundary never comes shows what it has: there is nothing else to show.
        choice.text.append(part)
        choice.html.append(part)
    else:
        choice.attached.append(part)
    return choice


def _look_into(parent: Part, choice: _Choice) -> None:
    """As RFC 8621 §4.1.4 has it, but that pictures are always attachments, and no branch of an alternative is torn."""
    kind = parent.subtype
    before = (len(choice.text), len(choice.html))
    for index, part in enumerate(parent.children):
        if part.type == "multipart" and part.children:
            if kind == "alternative":
                _take_branch(part, choice)
            else:
                _look_into(part, choice)
        elif not _is_shown(part, index, kind):
            choice.attached.append(part)
        else:
            if kind != "alternative" or part.subtype == "plain":
                choice.text.append(part)
            if kind != "alternative" or part.subtype == "html":
                choice.html.append(part)
    if kind == "alternative":
        new_text, new_html = choice.text[before[0] :], choice.html[before[1] :]
        if not new_text:
            choice.text.extend(new_html)
        elif not new_html:
            choice.html.extend(new_text)


def _take_branch(part: Part, choice: _Choice) -> None:
    """A multipart that is one of several alternatives: what stands in it beside HTML belongs to the HTML."""
    branch = _Choice(attached=choice.attached)
    _look_into(part, branch)
    if all(shown.subtype == "plain" for shown in branch.text):
        choice.text.extend(branch.text)
    if any(shown.subtype == "html" for shown in branch.html):
        choice.html.extend(branch.html)


def _is_text(part: Part) -> bool:
    return part.type == "text" and part.subtype in ("plain", "html") and part.disposition != "attachment"


def _is_shown(part: Part, index: int, kind: str) -> bool:
    if not _is_text(part):
        return False
    # RFC 2387 §3.1: only the root of related parts is shown; a named text that is not the first is a file.
    return index == 0 or (kind != "related" and not part.filename)
