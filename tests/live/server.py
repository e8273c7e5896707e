"""A server process as an operator runs it: a configuration file, a data folder, `mailwright serve`; and how to end it.

Each is ended by its own process id, in the end by `end`, whatever the test did.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from live.processes import alive, descendants
from live.rest import Api, eventually

PATIENCE = 60.0  # seconds that a start may take where everything else runs as well
Settings = Mapping[str, Mapping[str, Any]]


class NotStarted(Exception):
    """The server did not come up; the message is what it said."""


@dataclass(slots=True)
class Server:
    """A server that can be started, stopped, killed and started again on the same data folder."""

    folder: Path
    settings: Settings
    before: Sequence[str] = ()  # a program to run it under, with its arguments
    patience: float = PATIENCE
    python: str = sys.executable
    api_url: str = ""
    smtp_port: int = 0
    process: subprocess.Popen[bytes] | None = None
    logs: list[Path] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """The data folder."""
        return Path(self.settings.get("server", {}).get("data") or self.folder / "data")

    @property
    def operator_key(self) -> str:
        """The key that the first start left."""
        return (self.data / "operator.key").read_text().strip()

    def api(self, key: str | None = None) -> Api:
        """REST with a key, the operator's where none is given."""
        return Api(self.api_url, key or self.operator_key)

    def start(self) -> Server:
        """Start it and wait until it says that it listens; raises NotStarted."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "mailwright.toml"
        file.write_text(as_toml(_complete(self.settings, self.data)))
        log = self.folder / f"log.{len(self.logs)}"
        self.logs.append(log)
        command = [*self.before, self.python, "-m", "mailwright", "serve", "--config", str(file)]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        started = self._wait_for("started")
        self.api_url, self.smtp_port = started["api"], started["smtp"]
        return self

    def _wait_for(self, event: str) -> dict[str, Any]:
        assert self.process is not None
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            found = self.logged(event)
            if found:
                return found[-1]
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        self.end()
        raise NotStarted(self.logs[-1].read_text()[-2000:])

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines of that event in the log of the present run."""
        found = []
        for line in self.logs[-1].read_text().splitlines():
            if event in line and line.startswith("{") and line.endswith("}"):
                row = json.loads(line)
                if row.get("event") == event:
                    found.append(row)
        return found

    def kill(self) -> None:
        """End it as a power cut would, as far as the process can tell. Fails where it leaves processes of its own behind."""
        assert self.process is not None
        children = descendants(self.process.pid)
        self._signal(signal.SIGKILL, 10)
        eventually(lambda: not any(map(alive, children)), 5, lambda: f"{children} outlive the server")

    def stop(self, within: float = 20.0) -> int:
        """Ask it to end; its exit status. Kills it where it does not."""
        return self._signal(signal.SIGTERM, within)

    def _signal(self, number: signal.Signals, within: float) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def end(self) -> None:
        """No process is left."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _complete(settings: Settings, data: Path) -> dict[str, dict[str, Any]]:
    whole: dict[str, dict[str, Any]] = {
        "server": {"data": str(data), "run_as_root": True},
        "smtp": {"host": "127.0.0.1", "port": 0},
        "api": {"port": 0},
        "log": {"json_lines": True},
    }
    for section, values in settings.items():
        whole.setdefault(section, {}).update(values)
    return whole


def as_toml(settings: Settings) -> str:
    """Sections of strings, numbers, truth values and lists: what JSON and TOML write alike."""
    return "\n".join(
        f"[{section}]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
        for section, values in settings.items()
    )
