"""Which parts are the text, and which are attached? Choices among the leaves of a tree.

Standards: RFC 2046 §5.1.3-5.1.4, RFC 2387 (related), RFC 8621 §4.1.4.
Not here: finding the parts (tree.py), what is new in a text (quoting.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mailwright.mail.mime.html_text import html_to_text
from mailwright.mail.mime.model import MimeDefect, Part


@dataclass(slots=True)
class _Choice:
    """Body parts found so far; a list that an alternative has ruled out is None."""

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
    texts: list[str] = []
    for shown in text_body(part):
        if limit <= 0:
            break
        text = shown.text(limit)
        texts.append(html_to_text(text, limit) if shown.subtype == "html" else text)
        limit -= len(text)
    return "\n".join(texts)


def _choose(part: Part) -> _Choice:
    choice = _Choice()
    if part.type == "multipart" and part.children:
        _look_into(part, choice, choice.text, choice.html, False)
    elif _is_text(part) or (part.type == "multipart" and part.disposition != "attachment"):
        # A multipart whose boundary never comes shows what it has: there is nothing else to show.
        choice.text.append(part)
        choice.html.append(part)
    else:
        choice.attached.append(part)
    return choice


def _look_into(parent: Part, choice: _Choice, text: list[Part] | None, html: list[Part] | None, alternative: bool) -> None:
    """RFC 8621 §4.1.4, but that pictures are always attachments and never text."""
    before = (len(choice.text), len(choice.html))
    kind = parent.subtype
    for index, part in enumerate(parent.children):
        if part.type == "multipart" and part.children:
            _look_into(part, choice, text, html, alternative or part.subtype == "alternative")
        elif not _is_shown(part, index, kind):
            choice.attached.append(part)
        elif kind == "alternative":
            (choice.html if part.subtype == "html" else choice.text).append(part)
        else:
            # Within an alternative, what stands beside HTML belongs to the HTML.
            if alternative and part.subtype == "plain":
                html = None
            elif alternative and part.subtype == "html":
                text = None
            if text is not None:
                text.append(part)
            if html is not None:
                html.append(part)
    if kind == "alternative":
        new_text, new_html = choice.text[before[0] :], choice.html[before[1] :]
        if not new_text and new_html:
            choice.text.extend(new_html)
        elif new_text and not new_html:
            choice.html.extend(new_text)


def _is_text(part: Part) -> bool:
    return part.type == "text" and part.subtype in ("plain", "html") and part.disposition != "attachment"


def _is_shown(part: Part, index: int, kind: str) -> bool:
    if not _is_text(part):
        return False
    # RFC 2387 §3.1: only the root of related parts is shown; a named text that is not the first is a file.
    return index == 0 or (kind != "related" and not part.filename)
