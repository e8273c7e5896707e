"""JSON that strangers wrote, without what is no text.

Standards: RFC 8259 §8.2: an escape may name half of a surrogate pair, and what follows is open. Python makes text of it
that no file, database or socket takes; so it is U+FFFD here, as in any other text that can't be decoded.
"""

from __future__ import annotations

import re

# A backslash and what it escapes, so that the `\u` in `\\ud800` is none. The group is there where half a pair is alone.
_ESCAPE = re.compile(
    r"\\(?:u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}|(u[Dd][89A-Fa-f][0-9A-Fa-f]{2})|.)", re.DOTALL
)


def whole_characters(text: str) -> str:
    """The same JSON, each half of a surrogate pair replaced."""
    return _ESCAPE.sub(lambda found: "\\ufffd" if found[1] else found[0], text) if "\\u" in text else text
