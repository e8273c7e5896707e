"""Programs that run beside us: started, waited for, looked at and ended, by their own ids."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


class NotReady(Exception):
    """A program did not start."""


class Program:
    """A program and all that it started."""

    def __init__(self, command: Sequence[object], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self.pid = self._process.pid

    def until_reached(self, host: str, port: int, seconds: float = 20.0) -> Program:
        """Wait until somebody listens there. Raises NotReady."""

        def reached() -> bool:
            with suppress(OSError), socket.create_connection((host, port), 1):
                return True
            return False

        return self._until(reached, seconds)

    def until_there(self, path: Path, seconds: float = 30.0) -> Program:
        """Wait until the file or socket is there. Raises NotReady."""
        return self._until(path.exists, seconds)

    def _until(self, true: object, seconds: float) -> Program:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process.poll() is None:
            if true():  # type: ignore[operator]
                return self
            time.sleep(0.05)
        self.end()
        raise NotReady(self.log.read_text(errors="replace")[-1500:])

    def pids(self) -> list[int]:
        """Its id and those of its descendants."""
        children: dict[int, list[int]] = {}
        for pid, parent in _parents():
            children.setdefault(parent, []).append(pid)
        found, todo = [], [self.pid]
        while todo:
            found.append(todo.pop())
            todo += children.get(found[-1], [])
        return found

    def end(self) -> None:
        """TERM, then KILL, for it and its descendants."""
        pids = self.pids()
        for kind, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 3.0)):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, kind)
            until = time.monotonic() + patience
            while pids and time.monotonic() < until:
                self._process.poll()
                pids = [pid for pid in pids if _alive(pid)]
                time.sleep(0.02)


@contextmanager
def running(*programs: Program) -> Iterator[None]:
    """End them all, the last one first, whatever happens."""
    try:
        yield
    finally:
        for one in reversed(programs):
            one.end()


def memory(pids: Sequence[int]) -> tuple[float, float]:
    """Megabytes of these processes: proportional set size (shared pages counted once), and resident sizes added up."""
    pss = rss = 0
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            sizes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
            pss, rss = pss + sizes["Pss"], rss + sizes["Rss"]
    return pss / 1024, rss / 1024


def _parents() -> Iterator[tuple[int, int]]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                yield int(entry.name), int(_stat(int(entry.name))[1])


def _alive(pid: int) -> bool:
    try:
        return _stat(pid)[0] != "Z"
    except OSError:
        return False


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
