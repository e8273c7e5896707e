"""Processes as copies of one: they come when asked, share what was imported, and nobody outlives the server."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from live.processes import alive, descendants

from mailwright.system.nursery import Child, Nursery
from mailwright.system.strain import memory_of_all

HERE = Path(__file__).parent
MODULE = "nursery_child"
Served = Callable[[str], tuple[subprocess.Popen[bytes], list[list[int]]]]


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), *sys.path]))


@pytest.fixture
async def nursery() -> AsyncIterator[Nursery]:
    made = Nursery([MODULE])
    yield made
    made.close()


async def born(nursery: Nursery) -> tuple[Child, socket.socket, list[int]]:
    """A process, the line to it, and what it says of itself: its number, its parent's, how many files are open."""
    ours, theirs = socket.socketpair()
    with theirs:
        child = await nursery.birth(MODULE, theirs)
    ours.settimeout(10)
    return child, ours, [int(word) for word in (await asyncio.to_thread(ours.recv, 100)).split()]


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def ends(child: Child) -> None:
    async with asyncio.timeout(10):
        await child.gone()


async def test_a_process_is_given_its_sockets_and_has_nothing_else_open(nursery: Nursery) -> None:
    (first, line, said), (second, other, also_said) = await born(nursery), await born(nursery)
    assert (first.pid, second.pid) == (said[0], also_said[0])
    assert said[1] == also_said[1] != os.getpid()  # the nursery's children, not ours
    assert [4, 4] == [said[2], also_said[2]]  # its line, and standard input, output and errors
    line.send(b"hello")
    assert b"hello" == line.recv(100)
    for one in (line, other):
        one.close()
    await ends(first)
    await ends(second)


async def test_one_that_hangs_is_killed_by_the_handle_that_we_have(nursery: Nursery) -> None:
    child, line, _ = await born(nursery)
    line.send(b"hang")
    child.kill()
    await ends(child)
    child.kill()  # it does no harm to say it twice, though the number may be another's by now
    line.close()


async def test_one_that_crashes_ends_and_others_are_born(nursery: Nursery) -> None:
    child, line, _ = await born(nursery)
    line.send(b"raise")
    await ends(child)
    line.close()
    child, line, _ = await born(nursery)
    line.close()
    await ends(child)


async def test_many_at_once_are_born_in_turn(nursery: Nursery) -> None:
    all_of_them = await asyncio.gather(*(born(nursery) for _ in range(10)))
    assert all(child.pid == said[0] for child, _, said in all_of_them)
    assert 10 == len({child.pid for child, _, _ in all_of_them})
    for child, line, _ in all_of_them:
        line.close()
        await ends(child)


async def test_a_nursery_that_was_killed_is_replaced_and_those_whom_it_bore_live_on(nursery: Nursery) -> None:
    child, line, said = await born(nursery)
    os.kill(said[1], signal.SIGKILL)
    second, other, also_said = await born(nursery)
    assert said[1] != also_said[1]
    line.send(b"still here")
    assert b"still here" == line.recv(100)
    line.close()
    await ends(child)
    other.close()
    await ends(second)


async def test_the_memory_of_one_whose_nursery_was_killed_is_still_counted(nursery: Nursery) -> None:
    child, line, said = await born(nursery)
    os.kill(said[1], signal.SIGKILL)
    async with asyncio.timeout(5):
        while said[1] == parent(child.pid):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [child.pid] == nursery.living()
    assert memory_of_all(nursery.living()) > memory_of_all() + 2_000_000
    line.close()
    await ends(child)
    assert [] == nursery.living()


async def test_a_module_that_is_not_there_ends_the_nursery_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    nursery = Nursery(["no_such_module"])
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(ConnectionResetError):
        await nursery.birth("no_such_module", theirs)
    nursery.close()


async def test_nobody_is_born_after_the_end(nursery: Nursery) -> None:
    nursery.close()
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(OSError, match="no process is started any more"):
        await nursery.birth(MODULE, theirs)


# --- a nursery that is a copy of its server ----------------------------------------------------------------------------


def server(order: str) -> tuple[subprocess.Popen[bytes], list[list[int]]]:
    """A server, and of each of its two processes: number, kB in memory, kB of its own."""
    process = subprocess.Popen([sys.executable, str(HERE / "nursery_server.py"), order], stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, [[int(word) for word in process.stdout.readline().split()] for _ in range(2)]


@pytest.fixture
def served() -> Iterator[Served]:
    started = []

    def start(order: str) -> tuple[subprocess.Popen[bytes], list[list[int]]]:
        started.append(server(order))
        return started[-1]

    yield start
    for process, _ in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_copies_share_what_the_server_has_in_memory(
    served: Served,
) -> None:
    _, processes = served("serve")
    for _, in_memory, own in processes:
        assert in_memory > 20_000  # what the server had imported is there
        assert own < in_memory / 4


@pytest.mark.parametrize("order", ["serve", "hang"])
async def test_nobody_outlives_a_server_that_was_killed(served: Served, order: str) -> None:
    process, processes = served(order)
    everyone = descendants(process.pid)
    assert {one[0] for one in processes} < set(everyone)
    process.kill()
    process.wait()
    async with asyncio.timeout(8):
        while any(map(alive, everyone)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
