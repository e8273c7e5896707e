"""A round: mail goes in and out, a fault strikes, everything heals, the oracle counts. A round is its seed.

Some rounds share a world, which saves a start; a round that fails ends its world and leaves its folder. A single round is
repeated by its seed in a world of its own. Threads and processes meet in an order of their own, so a repeated round is the
same fault at the same point with the same load, and not the same to the microsecond.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crash import oracle
from crash.disk import possible
from crash.faults import FAULTS, Fault, of_seed
from crash.load import Load
from crash.oracle import Verdict
from crash.report import Report
from crash.world import World

SIZE = 30  # messages in, and as many out, in a round
SHARED_BY = 15  # rounds in one world


@dataclass(slots=True)
class Runner:
    """Worlds, while they last, and what came of the rounds so far."""

    say: Callable[[str], None]
    sabotage: str = ""
    size: int = SIZE
    report: Report = field(default_factory=Report)
    left_out: dict[str, str] = field(default_factory=dict)  # fault -> why it can't be tried here
    noise: dict[str, int] = field(default_factory=dict)  # what the server logged as errors
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="crash.")))
    _worlds: dict[bool, World] = field(default_factory=dict)
    _made: int = 0

    def run(self, seed: int, fault: Fault | None = None) -> Verdict | None:
        """One round; None where its fault can't be tried on this machine."""
        fault = fault or of_seed(seed)
        if fault.on_disk and (reason := possible()):
            self.left_out[fault.name] = reason
            return None
        began = time.monotonic()
        try:
            world = self._world(on_disk=fault.on_disk)
            struck, verdict = self._round(world, fault, seed)
        except Exception as wrong:  # a round that can't be judged is one that failed
            struck, verdict = False, Verdict(wrongs=[f"{type(wrong).__name__}: {wrong}"[-1500:]])
        self.report.add(fault.name, seed, verdict, struck=struck)
        if not verdict.good:
            self.say(f"{self.report.failed[-1]}")
        self._after(fault, verdict)
        self.say(f"  {seed} {fault.name}: {time.monotonic() - began:.1f} s{'' if struck else ', not struck'}")
        return verdict

    def _round(self, world: World, fault: Fault, seed: int) -> tuple[bool, Verdict]:
        chance = random.Random(seed)
        world.sink.chance.seed(seed)
        since = oracle.place(world)
        load = Load(world, seed, self.size, rude=fault.rude).start()
        struck = fault.strike(world, load, chance)
        load.join()
        world.heal()
        return struck, oracle.judge(world, load, since)

    def _world(self, *, on_disk: bool) -> World:
        if on_disk not in self._worlds:
            self._made += 1
            world = self._worlds[on_disk] = World(self.folder / f"world{self._made}", on_disk=on_disk, sabotage=self.sabotage)
            world.open()
        return self._worlds[on_disk]

    def _after(self, fault: Fault, verdict: Verdict) -> None:
        world = self._worlds.get(fault.on_disk)
        if world is None:
            return
        world.rounds += 1
        if not verdict.good or world.rounds >= SHARED_BY:
            self._end(fault.on_disk, keep=not verdict.good)

    def _end(self, on_disk: bool, *, keep: bool = False) -> None:
        world = self._worlds.pop(on_disk)
        for log in world.server.logs:
            for line in log.read_text(errors="replace").splitlines() if log.exists() else ():
                if '"level": "error"' in line:
                    event = _told(line)
                    self.noise[event] = self.noise.get(event, 0) + 1
        if keep:
            self.say(f"  left for you to look at: {world.folder}")
        world.close(keep=keep)

    def close(self) -> None:
        """End the worlds that are left."""
        for on_disk in list(self._worlds):
            self._end(on_disk)

    def table(self) -> str:
        """What came of it."""
        text = [self.report.table(fault.name for fault in FAULTS)]
        text += [f"not tried: {name}: {reason}" for name, reason in self.left_out.items()]
        return "\n".join(text)


def _told(line: str) -> str:
    row = json.loads(line)
    return ": ".join([row["event"], *row.get("exception", "").splitlines()[-1:]])


def run(seeds: Sequence[int], say: Callable[[str], None], *, until: float | None = None, fault: Fault | None = None) -> Runner:
    """These rounds, one after the other, or as many as there are until that time of the monotonic clock."""
    runner = Runner(say)
    try:
        for seed in seeds:
            if until is not None and time.monotonic() > until:
                break
            runner.run(seed, fault)
    finally:
        runner.close()
    return runner
