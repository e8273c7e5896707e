"""The store in memory keeps the contract (tests/store); here is what it adds to it."""

from __future__ import annotations

import pytest

from mailwright.core.errors import StorageBusy
from mailwright.core.model import Active, Agent
from mailwright.testing.clock import START
from mailwright.testing.memory import MemoryStore

AGENT = Agent("agt_1", "ten_1", "ada", Active.ACTIVE, START)


async def test_it_refuses_like_a_full_disk_while_it_is_told_to() -> None:
    store = MemoryStore()
    store.refusing = True
    with pytest.raises(StorageBusy):
        await store.write(lambda tx: tx.agents.add(AGENT))
    store.refusing = False
    await store.write(lambda tx: tx.agents.add(AGENT))
    assert AGENT == await store.read(lambda tx: tx.agents.get("ten_1", "agt_1"))


async def test_others_get_their_turn_before_a_write() -> None:
    store = MemoryStore()
    steps: list[str] = []
    write = store.write(lambda tx: tx.agents.add(AGENT))
    write.send(None)
    steps.append("another turn")
    with pytest.raises(StopIteration):
        write.send(None)
    assert ["another turn"] == steps


async def test_two_stores_have_nothing_in_common() -> None:
    first, second = MemoryStore(), MemoryStore()
    await first.write(lambda tx: tx.agents.add(AGENT))
    assert await second.read(lambda tx: tx.agents.get("ten_1", "agt_1")) is None
    await first.close()
