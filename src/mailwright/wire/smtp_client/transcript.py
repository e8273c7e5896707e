"""What was said, line by line, to be kept as evidence: bounded, without secrets, without content.

Standards: none; keeps S23 (no control characters) and S28 (no secrets). Pure.
Lines open with `C: ` (we said), `S: ` (the peer said) or `* ` (what happened).
"""

from __future__ import annotations

from collections import deque

MAX_TEXT = 600
HEAD = 150
TAIL = 50


class Transcript:
    """The first HEAD and the last TAIL lines; how many were left out between them is told."""

    def __init__(self) -> None:
        self._head: list[str] = []
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._later = 0

    def add(self, mark: str, text: str) -> None:
        """Keep one line, cut to MAX_TEXT characters. `text` is printable already."""
        line = f"{mark} {text}" if len(text) <= MAX_TEXT else f"{mark} {text[:MAX_TEXT]}..."
        if len(self._head) < HEAD:
            self._head.append(line)
        else:
            self._tail.append(line)
            self._later += 1

    def lines(self) -> tuple[str, ...]:
        """All that is kept, in order."""
        left_out = self._later - len(self._tail)
        gap = (f"* {left_out} lines left out",) if left_out else ()
        return (*self._head, *gap, *self._tail)
