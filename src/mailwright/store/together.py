"""Several things of one kind, brought one by one at about the same time, written by one script.

A script for each costs as much again as what it writes, and what all of them read it would read for each.
Promises: what `write` returns is durable; what can't be written concerns nobody else. For one event loop; over any store.
Not here: scripts that are committed together (sqlite/writer.py), which these are as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeAlias, TypeVar

from mailwright.core.errors import StorageBusy
from mailwright.core.ports import Store, Tx

Given = TypeVar("Given")
Result = TypeVar("Result")
Batch: TypeAlias = "list[tuple[Given, asyncio.Future[Result] | None]]"  # the first is who writes it, and waits for nobody

MOST = 50  # in one script: others want to write too


class Together(Generic[Given, Result]):
    """What comes while the store is at work is written by one script, all of it at once; each hears of its own.

    `script` gives a result for each. Where it fails, each is written by itself: what can't be written concerns nobody else.
    """

    def __init__(self, store: Store, script: Callable[[Tx, Sequence[Given]], Awaitable[Sequence[Result]]]) -> None:
        self._store, self._script = store, script
        self._open: Batch[Given, Result] | None = None  # those whose script has not begun

    async def write(self, given: Given) -> Result:
        """Its result, once that is durable. Raises StorageBusy, and whatever the script does for it."""
        try:
            return await self._with_others(given)
        except StorageBusy:
            raise
        except Exception:
            (result,) = await self._store.write(lambda tx: self._script(tx, [given]))
            return result

    async def _with_others(self, given: Given) -> Result:
        if self._open is not None and len(self._open) < MOST:
            caller: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
            self._open.append((given, caller))
            return await caller
        batch: Batch[Given, Result] = [(given, None)]
        self._open = batch
        try:
            results = await self._store.write(partial(self._run, batch))
        except BaseException as error:
            for _, waiting in batch:
                if waiting is not None and not waiting.done():
                    waiting.set_exception(error) if isinstance(error, Exception) else waiting.cancel()
            raise
        finally:
            self._close(batch)
        for (_, waiting), result in zip(batch, results, strict=True):
            if waiting is not None and not waiting.done():
                waiting.set_result(result)
        return results[0]

    async def _run(self, batch: Batch[Given, Result], tx: Tx) -> Sequence[Result]:
        self._close(batch)  # should it be run again, it is for the same ones
        return await self._script(tx, [given for given, _ in batch])

    def _close(self, batch: Batch[Given, Result]) -> None:
        if self._open is batch:
            self._open = None
