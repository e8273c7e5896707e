"""A server as an operator runs it, with its DNS, its peers, its webhook, its clock and its disk: all of which can fail.

Not here: what goes wrong and when (faults.py), what is sent (load.py).
"""

from __future__ import annotations

import random
import shutil
import signal
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from live.hooks import Hooks
from live.ports import free_port
from live.processes import alive, descendants
from live.rest import Api, Json, eventually
from live.server import NotStarted, Server
from live.zone import Background, Dns

from crash.disk import Disk
from crash.sink import Sink
from mailwright.faults import VARIABLE
from mailwright.mail.questions import Answer, Question, Status

ZONE = """
sink.example MX 10 mx.sink.example
mx.sink.example A 127.0.0.1
there.example MX 10 mx.there.example
mx.there.example A 127.0.0.1
there.example TXT v=spf1 ip4:127.0.0.1 -all
"""
TOLD = ("message.received", "message.delivered", "message.bounced", "message.unknown")
PATIENCE = 60.0  # seconds that a start may take: the machine may be busy
SHIM = Path(__file__).parent / "shim"
SOURCE = Path(__file__).resolve().parents[1] / "src"
LIES = (Answer(Status.SERVFAIL), Answer(Status.TIMEOUT), Answer(Status.NXDOMAIN), Answer(Status.NODATA))


class World:
    """Made once for some rounds. `on_disk`: the data lies on a disk that forgets."""

    def __init__(self, folder: Path, *, on_disk: bool = False, sabotage: str = "") -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.background = Background()
        self.dns = Dns(self.background, ZONE)
        self.sink = Sink(self.background).start()
        self.hooks = Hooks().start()
        self.clock = folder / "clock"
        self.fault = folder / "fault"
        self.rounds = 0
        self.offset = 0.0
        self._seen: set[int] = set()
        self.jump(0.0)
        self.arm("")
        self.disk = Disk(folder / "disk") if on_disk else None
        self.smtp_port, self.api_port = free_port(), free_port()
        self.server = self._server("data", self.fault, sabotage)
        self.api: Api
        self.ada: Json
        self.once: Json

    def another(self, name: str) -> tuple[Server, Path]:
        """A server, not started, with data, ports and a fault file of its own."""
        fault = self.folder / f"fault.{name}"
        return self._server(name, fault, "", free=True), fault

    def _server(self, name: str, fault: Path, sabotage: str, *, free: bool = False) -> Server:
        wrong = {"PYTHONPATH": f"{SHIM}:{SOURCE}", VARIABLE: fault, "CRASH_CLOCK": self.clock, "CRASH_SABOTAGE": sabotage}
        before = ("env", "-u", "PYTHONDONTWRITEBYTECODE", *(f"{name}={value}" for name, value in wrong.items()))
        data = self.folder / "disk" / name if self.disk else self.folder / name
        settings: dict[str, dict[str, Any]] = {
            "server": {"hostname": "mx.agents.example", "addresses": ["127.0.0.1"], "data": str(data)},
            "smtp": {"port": 0 if free else self.smtp_port, "connections_per_ip": 1000},
            "api": {"port": 0 if free else self.api_port},
            "dns": {"nameservers": [f"127.0.0.1:{self.dns.port}"], "timeout": 0.5},
            "delivery": {"allow_private": True, "port": self.sink.port},
        }
        return Server(self.folder / f"run.{name}", settings, before=before, patience=PATIENCE)

    def open(self) -> World:
        """Start the server and set up what every round needs."""
        self.server.start()
        self.api = self.server.api()
        self.api.aligned_domain("agents.example", self.dns.publish)
        self.ada = self.api.mailbox("ada@agents.example")
        self.once = self.api.mailbox("once@agents.example", at_most_once=True)
        self.api.post("/v1/webhooks", {"url": self.hooks.url("/told"), "events": list(TOLD)})
        return self

    # --- processes -------------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Of the main process."""
        assert self.server.process is not None
        return self.server.process.pid

    @property
    def children(self) -> list[int]:
        """Of its processes; those too whose parent was killed, if they were seen before."""
        self._seen |= set(descendants(self.pid)) if self.is_up else set()
        return sorted(filter(alive, self._seen))

    @property
    def is_up(self) -> bool:
        """Whether the main process lives."""
        return self.server.process is not None and self.server.process.poll() is None

    def arm(self, order: str) -> None:
        """`point:count`: the next process to pass that point so often dies there; nothing for none."""
        fresh = self.fault.with_suffix(".new")
        fresh.write_text(order)
        fresh.rename(self.fault)  # never half written for whoever reads it

    def kill(self) -> None:
        """End every process of the server, as a power cut would."""
        assert self.server.process is not None
        children, self._seen = self.children, set()
        if self.is_up:
            self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait(10)
        eventually(lambda: not any(map(alive, children)), 5, lambda: f"{children} outlive the server")

    def restart(self, cut: tuple[str, ...] = ()) -> None:
        """Kill what is left, lose what the disk forgets (`strict`, or `some` and a seed), and start again, undisturbed."""
        self.kill()
        self.arm("")
        if self.disk is not None:
            self.disk.tell("cut", *(cut or ("strict",)))
        self.server.start()

    def restart_badly(self, order: str) -> bool:
        """Start with a fault armed that lies in starting itself; whether it died of it."""
        self.kill()
        self.arm(order)
        if self.disk is not None:
            self.disk.tell("cut", "strict")
        with suppress(NotStarted):
            self.server.start()
            return False
        return True

    # --- surroundings ----------------------------------------------------------------------------------------------------

    def jump(self, seconds: float) -> None:
        """Set the server's wall clock forward, or back."""
        self.offset += seconds
        content = struct.pack("<q", int(self.offset * 1e9))
        if self.clock.exists():
            with self.clock.open("r+b") as file:  # in place: the server has it mapped
                file.write(content)
        else:
            self.clock.write_bytes(content)

    def lie(self, chance: random.Random, share: float) -> None:
        """Let DNS give a wrong answer, or none, to this share of the questions."""
        honest: Callable[[Question], Answer] = self.dns.server.zone
        self.dns.server.zone = lambda question: chance.choice(LIES) if chance.random() < share else honest(question)

    def heal(self) -> None:
        """Everything around the server behaves again."""
        self.sink.heal()
        self.dns.add("healed.example A 127.0.0.1")
        self.arm("")
        if self.disk is not None:
            self.disk.tell("roomy")
        if self.offset < 0:
            self.jump(-self.offset)

    def close(self, *, keep: bool = False) -> None:
        """End all of it; the folder stays where it is evidence."""
        self.server.end()
        if self.disk is not None:
            if keep:
                shutil.copytree(self.server.data, self.folder / "kept", dirs_exist_ok=True)
            self.disk.close()
        self.hooks.close()
        self.sink.close()
        self.dns.close()
        self.background.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
