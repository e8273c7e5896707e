"""Comments in structured fields: where does one end?

Standards: RFC 5322 §3.2.2. Pure; linear; never raises.
"""

from __future__ import annotations

import re

_PARENTHESIS = re.compile(r"[()]|\\.", re.DOTALL)


def comment_end(text: str, at: int) -> int:
    """Where the comment that opens at `at` ends (RFC 5322 §3.2.2; they nest); -1 if it does not."""
    depth = 0
    for match in _PARENTHESIS.finditer(text, at):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth -= 1
            if depth == 0:
                return match.end()
    return -1
