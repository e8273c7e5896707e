"""What goes wrong in a round, a function for each; they leave a server that runs, and surroundings that may still be bad.

A fault strikes while the load runs. It returns whether what it stands for really happened: a point that no process came by, or
a disk that had not enough to do, is told as such in the table and never counted as survived.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from live.rest import eventually
from live.server import NotStarted

from crash.load import Load
from crash.sink import Conduct
from crash.world import World
from mailwright.faults import Point

Strike = Callable[[World, Load, random.Random], bool]
PASSED = 8.0  # seconds in which a point is reached, or is not
HOUR = 3600.0
LEASE = 16 * 60.0  # seconds, more than a delivery's lease
ELSEWHERE = (Point.MIGRATION_RAN, Point.START_RELEASED)  # have faults of their own
# Points that a round passes only so often; it passes the others for each message or each group.
SELDOM = dict.fromkeys((Point.CHECKPOINT_BEGINS, Point.CHECKPOINT_ENDED), 1) | dict.fromkeys(
    (Point.BLOB_SYNCED, Point.BLOB_NAMED, Point.BLOB_SETTLED, Point.TELLING_CLAIMED), 2
)


@dataclass(frozen=True, slots=True)
class Fault:
    """`rude` is the share of peers that break off after their final dot; `on_disk` wants the disk that forgets."""

    name: str
    strike: Strike
    on_disk: bool = False
    rude: float = 0.0


def _somewhere(load: Load, chance: random.Random, within: float = 0.8) -> None:
    """Wait until some part of the load was said yes to, and a moment more."""
    load.wait_for(chance.randrange(int(2 * load.size * within) + 1), 10)
    time.sleep(chance.random() * 0.03)


# --- processes ----------------------------------------------------------------------------------------------------------


def kill_anywhen(world: World, load: Load, chance: random.Random) -> bool:
    """SIGKILL for the main process."""
    _somewhere(load, chance)
    world.restart()
    return True


def kill_twice(world: World, load: Load, chance: random.Random) -> bool:
    """And again, soon after it came up."""
    kill_anywhen(world, load, chance)
    time.sleep(chance.random() * 0.3)
    world.restart()
    return True


def kill_a_child(world: World, load: Load, chance: random.Random) -> bool:
    """SIGKILL for one of its processes, three times; the main process goes on."""
    struck = False
    for _ in range(3):
        load.wait_for(load.count + chance.randrange(1, max(2, load.size // 2)), 3)
        if children := world.children:
            os.kill(chance.choice(children), signal.SIGKILL)
            struck = True
    return struck and world.is_up


def kill_at(point: Point) -> Strike:
    """Let the process die that passes that point: the main process, or one of its children, which is replaced."""

    def strike(world: World, load: Load, chance: random.Random) -> bool:
        children = set(world.children)
        world.arm(f"{point}:{chance.randrange(SELDOM.get(point, load.size // 3)) + 1}")
        died = _within(lambda: not world.is_up or bool(children - set(world.children)), PASSED)
        main = died and _within(lambda: not world.is_up, 0.3)  # its children follow it, and may be seen to go first
        world.arm("")
        if main:
            world.restart()
        return died

    return strike


def _within(look: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def kill_at_the_start(world: World, load: Load, chance: random.Random) -> bool:
    """Killed anywhen, and again while it takes up what its predecessor left."""
    _somewhere(load, chance)
    died = world.restart_badly(f"{Point.START_RELEASED}:1")
    world.restart()
    return died


def kill_in_the_first_start(world: World, load: Load, chance: random.Random) -> bool:
    """A second server, new, dies while it sets itself up; the next start finishes it, and its operator can log in."""
    second, fault = world.another(f"second{load.seed}")
    point = chance.choice((Point.MIGRATION_RAN, Point.GROUP_READY, Point.GROUP_COMMITTED))
    fault.write_text(f"{point}:{1 if point is Point.MIGRATION_RAN else chance.randrange(1, 4)}")
    try:
        second.start()
    except NotStarted:
        fault.write_text("")
        second.start()
        with second.api() as api:
            api.get("/v1/messages")
        second.kill()
        return True
    finally:
        second.end()
    return False


# --- the disk -----------------------------------------------------------------------------------------------------------


def _kind_of_cut(chance: random.Random) -> tuple[str, ...]:
    return ("strict",) if chance.random() < 0.5 else ("some", str(chance.randrange(1 << 30)))


def power_cut(world: World, load: Load, chance: random.Random) -> bool:
    """The power fails, anywhen."""
    _somewhere(load, chance)
    world.restart(_kind_of_cut(chance))
    return True


def power_cut_at_an_operation(world: World, load: Load, chance: random.Random) -> bool:
    """The disk stops in the middle of whatever it was asked for, and the power fails."""
    assert world.disk is not None
    world.disk.tell("stop", chance.randrange(1, 3000))
    deadline = time.monotonic() + PASSED
    while not world.disk.dead and load.running and time.monotonic() < deadline:
        time.sleep(0.01)
    struck = world.disk.dead
    time.sleep(chance.random() * 0.05)  # what is said yes to now is said by a server without a disk
    world.restart(_kind_of_cut(chance))
    return struck


def disk_fills(world: World, load: Load, chance: random.Random) -> bool:
    """No room for the next write, honestly told or not; then room again, and a power cut."""
    assert world.disk is not None
    _somewhere(load, chance, 0.5)
    honest = chance.random() < 0.5
    world.disk.tell("full", chance.randrange(0, 400_000), "-" if honest else 1 << 30)
    time.sleep(0.3 + chance.random() * 0.5)
    world.disk.tell("roomy")
    load.wait_for(load.count + 10, 3)
    world.restart(_kind_of_cut(chance))
    return True


def syncs_fail(world: World, load: Load, chance: random.Random) -> bool:
    """fsync fails some times, as on Linux: told once, forgotten afterwards. Then a power cut."""
    assert world.disk is not None
    _somewhere(load, chance, 0.5)
    world.disk.tell("failing_syncs", chance.randrange(1, 6))
    eventually(lambda: world.disk is not None and world.disk.tell("look").endswith(" 0"), 5)
    load.wait_for(load.count + 10, 3)
    world.restart(_kind_of_cut(chance))
    return True


# --- peers --------------------------------------------------------------------------------------------------------------


def peers_reset(world: World, load: Load, chance: random.Random) -> bool:
    """Receivers break off around the final dot, in every way; so do some senders."""
    every = (Conduct.RESET_BEFORE, Conduct.RESET_AFTER, Conduct.HALF_REPLY, Conduct.RESET_REPLIED)
    world.sink.misbehave(0.4, *every)
    load.wait_for(2 * load.size, 10)
    return True


def peers_reset_and_kill(world: World, load: Load, chance: random.Random) -> bool:
    """The same, and the server dies in the midst of it."""
    peers_reset(world, load, chance) if chance.random() < 0.3 else world.sink.misbehave(0.5, *Conduct)
    return kill_anywhen(world, load, chance)


def peer_stalls(world: World, load: Load, chance: random.Random) -> bool:
    """Receivers take the message and never answer; then the server dies."""
    world.sink.misbehave(0.3, Conduct.STALL)
    before = sum(world.sink.dots.values())
    load.wait_for(2 * load.size, 5)
    time.sleep(0.1)
    struck = sum(world.sink.dots.values()) > before
    world.restart()
    return struck


# --- DNS, clocks, leases, descriptors ------------------------------------------------------------------------------------


def dns_lies(world: World, load: Load, chance: random.Random) -> bool:
    """DNS fails, is silent, or denies what there is; then the server starts again among honest answers."""
    world.lie(chance, 0.4)
    load.wait_for(2 * load.size, 8)
    world.dns.add("honest.example A 127.0.0.1")
    world.restart()  # forgets what it was told
    return True


def clock_forward(world: World, load: Load, chance: random.Random) -> bool:
    """The wall clock jumps ahead, by up to 20 hours; half of the time the server dies as well."""
    _somewhere(load, chance)
    world.jump(chance.choice((2.0, 61.0, LEASE, 3 * HOUR, 20 * HOUR)) * chance.random())
    return chance.random() < 0.5 or kill_anywhen(world, load, chance)


def clock_back(world: World, load: Load, chance: random.Random) -> bool:
    """And back."""
    _somewhere(load, chance)
    world.jump(-chance.choice((2.0, 61.0, LEASE, 20 * HOUR)) * chance.random())
    return chance.random() < 0.5 or kill_anywhen(world, load, chance)


def lease_expires(world: World, load: Load, chance: random.Random) -> bool:
    """Receivers take their time, and meanwhile the leases run out: two hold the same one, and the fence refuses the first."""
    world.sink.pause = 0.4
    load.wait_for(chance.randrange(2, load.size), 10)
    before = sum(world.sink.dots.values())
    eventually(lambda: sum(world.sink.dots.values()) > before, 5)
    world.jump(LEASE)
    time.sleep(0.6)
    world.sink.pause = 0.0
    return True


def no_descriptors(world: World, load: Load, chance: random.Random) -> bool:
    """The main process may open no more files, for a while."""
    _somewhere(load, chance, 0.5)
    limits = resource.prlimit(world.pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{world.pid}/fd"))
    resource.prlimit(world.pid, resource.RLIMIT_NOFILE, (used + chance.randrange(0, 6), limits[1]))
    time.sleep(0.3 + chance.random() * 0.3)
    resource.prlimit(world.pid, resource.RLIMIT_NOFILE, limits)
    return True


# --- all of them --------------------------------------------------------------------------------------------------------

_OTHERS = (
    Fault("kill anywhen", kill_anywhen),
    Fault("kill twice", kill_twice),
    Fault("kill a child process", kill_a_child),
    Fault("kill at the start", kill_at_the_start),
    Fault("kill in the first start", kill_in_the_first_start),
    Fault("kill, senders reset too", kill_anywhen, rude=0.3),
    Fault("power cut anywhen", power_cut, on_disk=True),
    Fault("power cut at an operation", power_cut_at_an_operation, on_disk=True),
    Fault("disk full", disk_fills, on_disk=True),
    Fault("fsync fails", syncs_fail, on_disk=True),
    Fault("peers reset", peers_reset, rude=0.3),
    Fault("peers reset, and kill", peers_reset_and_kill, rude=0.2),
    Fault("a peer stalls, and kill", peer_stalls),
    Fault("DNS lies", dns_lies),
    Fault("clock jumps forward", clock_forward),
    Fault("clock jumps back", clock_back),
    Fault("leases expire", lease_expires),
    Fault("no descriptors", no_descriptors),
)
_POINTS = tuple(Fault(f"kill at {point}", kill_at(point)) for point in Point if point not in ELSEWHERE)

FAULTS: tuple[Fault, ...] = _OTHERS + _POINTS


def of_seed(seed: int) -> Fault:
    """The fault of a round: successive seeds go through all of them."""
    return FAULTS[seed % len(FAULTS)]
