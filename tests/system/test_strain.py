"""Whether there is room for more work."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailwright.core.errors import StorageBusy
from mailwright.system import strain as straining
from mailwright.system.strain import Limits, Strain, memory_of_all, watch

HUGE = 1 << 60


def refused(strain: Strain) -> str | None:
    try:
        strain.admit()
    except StorageBusy as busy:
        return str(busy.details["reason"]) if busy.retry_after == straining.RETRY_AFTER else "without a time"
    return None


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(), None),
        (Limits(memory=1), "memory"),
        (Limits(memory=HUGE), None),
        (Limits(free_disk=HUGE), "disk"),
        (Limits(store_seconds=-1), "store"),
    ],
)
def test_what_is_beyond_its_limit_refuses_new_work(tmp_path: Path, limits: Limits, reason: str | None):
    strain = Strain(limits, tmp_path)
    assert refused(strain) is None  # nobody looked yet
    strain.look()
    assert reason == refused(strain)


async def test_a_store_that_does_not_answer_is_noticed_while_it_does_not(tmp_path: Path):
    strain, go = Strain(Limits(store_seconds=0.05), tmp_path), asyncio.Event()
    asking = asyncio.create_task(strain.ask(go.wait))
    await asyncio.sleep(0.1)
    strain.look()
    assert "store" == refused(strain)
    go.set()
    await asking
    strain.look()
    assert "store" == refused(strain)  # it took that long
    await strain.ask(lambda: asyncio.sleep(0))
    strain.look()
    assert refused(strain) is None


async def test_a_store_that_refuses_is_not_slow(tmp_path: Path):
    async def full() -> None:
        raise StorageBusy

    strain = Strain(Limits(), tmp_path)
    await strain.ask(full)
    strain.look()
    assert refused(strain) is None


async def test_it_is_looked_at_every_second_until_the_end(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(straining, "EVERY", 0.01)
    strain, stop, asked = Strain(Limits(), tmp_path), asyncio.Event(), []

    async def probe() -> None:
        asked.append(1)

    watching = asyncio.create_task(watch(strain, probe, stop))
    await asyncio.sleep(0.2)
    stop.set()
    await asyncio.wait_for(watching, 10)
    assert len(asked) > 2
    assert 0 < strain.free_disk


def test_the_memory_of_processes_below_counts():
    before = memory_of_all()
    program = "x = bytearray(50_000_000); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert memory_of_all() - before > 50_000_000
        child.kill()


def test_pages_that_processes_share_count_once():
    ours = bytearray(os.urandom(1000)) * 60_000
    before = memory_of_all()
    waiting, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        os.read(waiting, 1)  # until the other end is closed
        os._exit(0)
    try:
        assert abs(memory_of_all() - before) < len(ours) / 2
    finally:
        os.close(told)
        os.close(waiting)
        os.waitpid(child, 0)


def test_memory_that_nothing_limits_is_measured_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sizes = iter(range(1, 100))
    monkeypatch.setattr(straining, "memory_of_all", lambda beside=(): next(sizes))
    limited, unlimited = Strain(Limits(memory=HUGE), tmp_path), Strain(Limits(), tmp_path)
    for _ in range(straining.UNLIMITED):
        limited.look()
    assert straining.UNLIMITED == limited.memory
    for _ in range(straining.UNLIMITED):
        unlimited.look()
    assert straining.UNLIMITED + 1 == unlimited.memory
    unlimited.look()
    assert straining.UNLIMITED + 2 == unlimited.memory
