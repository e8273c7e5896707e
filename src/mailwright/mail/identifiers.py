"""What stands in the angle brackets? Message-IDs, list ids and the URLs of a mailing list.

Standards: RFC 5322 §3.6.4 and §4.5.4, RFC 2919 (List-Id), RFC 2369 (List-Unsubscribe and its kin).
Pure, linear, never raises.
Not here: which conversation a message belongs to (references.py), the one-click rules (unsubscribe.py), addresses.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from mailwright.mail.comments import comment_end
from mailwright.mail.words import decode_words

MAX_ITEMS = 1000

_BRACKETED = re.compile(r"<([^<>]*)>")
_UNCLOSED_ID = re.compile(r"<([^<>\s@]+@[^<>\s@]+)(?=\s{1,20}<)")
_SEPARATORS = re.compile(r"[<>,;]")
_OPENING = re.compile(r"[(<,]")
_SPACE = re.compile(r"\s+")


class ListUrl(NamedTuple):
    """One URL out of a List-* field, and the comment beside it."""

    url: str
    comment: str


class ListId(NamedTuple):
    """A list's identity (RFC 2919 §3): `id` in lower case, and its description."""

    id: str
    description: str


def parse_message_ids(text: str) -> list[str]:
    """The ids in Message-ID, In-Reply-To or References, without brackets and the white space inside.

    Where nothing stands in brackets, the words themselves are taken: some programs forget the brackets. Of several words
    those without an @ are only words.
    """
    # RFC 5322 §4.5.4: phrases between ids are an old form, to be ignored.
    text = _UNCLOSED_ID.sub(r"<\1>", text)
    found = [_SPACE.sub("", match[1]) for match in islice(_BRACKETED.finditer(text), MAX_ITEMS)]
    if any(found):
        return [item for item in found if item]
    words = _SEPARATORS.sub(" ", text).split()[:MAX_ITEMS]
    return words if len(words) == 1 else [word for word in words if "@" in word]


def parse_list_urls(text: str) -> list[ListUrl]:
    """The URLs of List-Help, List-Unsubscribe, List-Post and the like, in order of preference (RFC 2369 §2).

    Empty for `NO` and for anything else without a URL in brackets. White space inside of brackets is left out.
    """
    found: list[ListUrl] = []
    before = ""  # a comment that stands before its URL
    same = False  # still between the commas around the last URL
    at = 0
    while (opening := _OPENING.search(text, at)) is not None and len(found) < MAX_ITEMS:
        start, at = opening.start(), opening.end()
        if opening[0] == ",":
            before, same = "", False
        elif opening[0] == "(":
            end = comment_end(text, start)
            if end < 0:
                break
            comment = decode_words(_SPACE.sub(" ", text[start + 1 : end - 1]))
            if same:
                found[-1] = ListUrl(found[-1].url, found[-1].comment or comment)
            else:
                before = comment
            at = end
        elif (match := _BRACKETED.match(text, start)) is not None:
            if url := _SPACE.sub("", match[1]):
                found.append(ListUrl(url, before))
                before, same = "", True
            at = match.end()
    return found


def parse_list_id(text: str) -> ListId:
    """Read a List-Id field; without brackets the whole value is the id."""
    start, end = text.rfind("<"), text.rfind(">")
    if start < 0 or end < start:
        return ListId(text.strip().lower(), "")
    description = text[:start].strip()
    if len(description) > 1 and description[0] == description[-1] == '"':
        description = description[1:-1]
    return ListId(_SPACE.sub("", text[start + 1 : end]).lower(), decode_words(description))
