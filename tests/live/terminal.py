"""A terminal that a program believes in: so wide, typed into, read from, closed in the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>]")
CTRL_C, CTRL_D, TAB = "\x03", "\x04", "\t"


class Terminal:
    """What a program writes to its terminal is `shown`, as the bytes said it; `text` is that without escapes."""

    def __init__(self, screen: int, process: subprocess.Popen[bytes]) -> None:
        self._screen, self.process = screen, process
        self.shown = ""

    @property
    def text(self) -> str:
        """What a person reads, line by line."""
        return ESCAPES.sub("", self.shown).replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        """The lines that say something."""
        return [line.rstrip() for line in self.text.splitlines() if line.strip()]

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._screen, text.encode())

    def until(self, text: str, within: float = 30.0) -> None:
        """Read until that is shown after what was read before; fails where the program ends first, or takes too long."""
        begun = len(self.text)
        while text not in self.text[begun:]:
            assert self._read(within), f"{text!r} was not shown, but {self.text!r}"

    def end(self, within: float = 30.0) -> int:
        """Read all that is left; the exit status."""
        while self._read(within):
            pass
        return self.process.wait(within)

    def _read(self, within: float) -> bool:
        ready, _, _ = select.select([self._screen], [], [], within)
        assert ready, f"nothing happens any more; shown was {self.text!r}"
        try:
            chunk = os.read(self._screen, 65536)
        except OSError:  # Linux: the last program that had the terminal is gone
            return False
        self.shown += chunk.decode("utf-8", "replace")
        return bool(chunk)


@contextmanager
def terminal(
    command: Sequence[str], environment: Mapping[str, str], *, columns: int = 80, rows: int = 24
) -> Iterator[Terminal]:
    """Run a program in a terminal of its own."""
    screen, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8", **environment}

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C is a signal

    process = subprocess.Popen(
        command, stdin=end, stdout=end, stderr=end, env=env, start_new_session=True, preexec_fn=take_terminal
    )
    os.close(end)
    try:
        yield Terminal(screen, process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(screen)
