"""`mailwright local` as its users start it: a private mail world, in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from live.processes import alive, descendants
from live.rest import Api, eventually

COMMAND = (sys.executable, "-m", "mailwright", "local")
PATIENCE = 50.0  # seconds that a start may take where everything else runs as well; a test may take 60


class Local:
    """A world in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.ready_file = folder / "ready.json"
        self.ready_file.unlink(missing_ok=True)
        self.log = folder / "log"
        begun = time.monotonic()
        with self.log.open("wb") as out:
            command = (*COMMAND, "--ready-file", str(self.ready_file), *options)
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            eventually(self._ready_or_dead, PATIENCE, lambda: f"it did not start:\n{self.log.read_text()}")
        except AssertionError:
            self.process.kill()
            raise
        assert self.ready_file.exists(), f"it ended with status {self.process.returncode}:\n{self.log.read_text()}"
        self.seconds = time.monotonic() - begun
        self.ready: dict[str, str] = json.loads(self.ready_file.read_text())
        self.api = Api(self.ready["api_url"], self.ready["agent_key"])
        self.operator = Api(self.ready["api_url"], self.ready["operator_key"])

    def _ready_or_dead(self) -> bool:
        return self.ready_file.exists() or self.process.poll() is not None

    def stop(self) -> int:
        """Ask it to end, as Docker or an init system would; fails where that takes ten seconds or leaves a process."""
        children = descendants(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(10)  # then Docker kills
        eventually(lambda: not any(map(alive, children)), 5, lambda: f"{children} are still there")
        return status

    def end(self) -> None:
        """No process is left, nor the folder it worked in."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
