"""One script for what comes at once: each hears of its own, and nobody suffers for another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from mailwright.core.errors import StorageBusy
from mailwright.core.ports import Store, Taken, Tx
from mailwright.store import together
from mailwright.store.together import Together

from .examples import MESSAGE, OURS, asking, numbered


class Filing:
    """A script that adds messages, and notes how many at a time."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.wrong: dict[str, Exception] = {}

    async def __call__(self, tx: Tx, ids: Sequence[str]) -> list[str]:
        self.sizes.append(len(ids))
        for one in ids:
            await tx.messages.add(replace(MESSAGE, id=one, rfc_message_id=f"<{one}@x>"))
            if one in self.wrong:
                raise self.wrong[one]
        return [f"{one} is filed" for one in ids]


IDS = [row.id for row in numbered(MESSAGE, 5)]


async def brought(store: Store, script: Filing, ids: Sequence[str] = IDS) -> list[str | BaseException]:
    writing = Together[str, str](store, script)
    return await asyncio.gather(*map(writing.write, ids), return_exceptions=True)


async def there(store: Store) -> set[str]:
    return {row.id for row in await asking(store, lambda tx: tx.messages.several(OURS, IDS))}


async def test_what_comes_at_once_is_written_by_few_scripts_and_each_hears_of_its_own(store: Store) -> None:
    script = Filing()
    assert [f"{one} is filed" for one in IDS] == await brought(store, script)
    assert set(IDS) == await there(store)


async def test_in_the_embedded_store_it_is_one_script(sqlite: Store) -> None:
    script = Filing()
    await brought(sqlite, script)
    assert [5] == script.sizes


async def test_no_more_than_a_bounded_number_shares_a_script(sqlite: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "MOST", 2)
    script = Filing()
    await brought(sqlite, script)
    assert [2, 2, 1] == script.sizes


async def test_what_can_not_be_written_fails_alone(store: Store) -> None:
    script = Filing()
    script.wrong[IDS[2]] = wrong = Taken("no")
    results = await brought(store, script)
    assert wrong is results[2]
    assert [f"{one} is filed" for one in IDS[:2] + IDS[3:]] == results[:2] + results[3:]
    assert {*IDS} - {IDS[2]} == await there(store)


async def test_a_store_in_trouble_is_told_to_all_and_not_asked_again_for_each(sqlite: Store) -> None:
    script = Filing()
    script.wrong[IDS[4]] = StorageBusy()
    results = await brought(sqlite, script)
    assert [StorageBusy] * 5 == [type(one) for one in results]
    assert (1, set()) == (len(set(script.sizes)), await there(sqlite))


async def test_what_comes_after_a_failure_is_written(store: Store) -> None:
    script = Filing()
    script.wrong[IDS[0]] = StorageBusy()
    writing = Together[str, str](store, script)
    with pytest.raises(StorageBusy):
        await writing.write(IDS[0])
    assert f"{IDS[1]} is filed" == await writing.write(IDS[1])


async def test_whoever_waits_for_one_that_was_cancelled_does_not_wait_for_ever(sqlite: Store) -> None:
    writing = Together[str, str](sqlite, Filing())
    tasks = [asyncio.create_task(writing.write(one)) for one in IDS[:2]]
    await asyncio.sleep(0)
    tasks[0].cancel()
    async with asyncio.timeout(5):
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert isinstance(results[1], asyncio.CancelledError)
