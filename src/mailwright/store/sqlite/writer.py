"""Group commit: many scripts, one sync.

Scripts queue up. Between two commits those that wait run on the event loop, one after the other, in one transaction, until
they have taken their time; then the commit, which waits for the disk, runs in a thread while the loop goes on. Only then do
their callers hear of it (I1). A script that raises is undone alone; when a commit fails, nobody's is done.
Running them on the loop is deliberate: each statement run in a thread would hand the interpreter's lock to and fro.
Not here: reading (store.py), copying the log into the database (checkpoints.py).
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import monotonic, perf_counter
from typing import Any

import apsw

from mailwright.core.errors import StorageBusy
from mailwright.core.ports import Script
from mailwright.faults import Point, passes
from mailwright.store.database import Notes, drive
from mailwright.store.kept import Kept
from mailwright.store.sqlite.connection import TROUBLE, busy, open_writer
from mailwright.store.sqlite.options import Options
from mailwright.store.sqlite.session import Session
from mailwright.store.sqlite.words import Plan, WordIndex
from mailwright.store.tables import Tables

SPACE_CHECKED = 0.5  # seconds between two looks at the free space
RETRY = 0.005  # seconds before another program's lock is tried again


@dataclass(slots=True)
class Counters:
    """What was done since the start, for metrics."""

    writes: int = 0
    commits: int = 0
    refused: int = 0
    failed_commits: int = 0
    script_seconds: float = 0.0
    commit_seconds: float = 0.0


@dataclass(slots=True)
class _Work:
    script: Script[Any]
    caller: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        if self.caller.done():  # cancelled meanwhile
            return
        if self.error is None:
            self.caller.set_result(self.result)
        else:
            self.caller.set_exception(self.error)


@dataclass(slots=True)
class _Group:
    """What is committed together."""

    works: list[_Work]
    notes: Notes
    words: Plan


class _Spoilt(Exception):
    """A script raised after it had written: the group has to be run again, more carefully."""


class Writer:
    """The one connection that writes, and those who wait for it. For one event loop."""

    def __init__(self, path: Path, options: Options, committed: Callable[[Notes], None]) -> None:
        """`committed` is called on the loop after each commit, with what the scripts of the group left."""
        self.counters = Counters()
        self.trouble: str | None = None  # why the last group failed, if it did
        self.words = WordIndex({})
        self.after_commit: Callable[[apsw.Connection, Notes], None] = lambda connection, notes: None
        self.on_connect: Callable[[apsw.Connection], None] = lambda connection: None
        self._path = path
        self._options = options
        self._committed = committed
        self._loop = asyncio.get_running_loop()
        self._connection: apsw.Connection | None = open_writer(path, options)
        self.kept = Kept()
        self._session = Session(self._connection, self.kept)
        self._control = self._connection.cursor()
        self._tx = Tables(self._session)
        self._ready: SimpleQueue[_Group | None] = SimpleQueue()
        self._thread = Thread(target=self._commits, name="commit", daemon=True)
        self._thread.start()
        self._queue: deque[_Work] = deque()
        self._running = False
        self._closed = False
        self._idle: asyncio.Future[None] | None = None
        self._free_space = options.free_space
        self._space_checked = 0.0
        self._space_low = False
        self._locked_since: float | None = None

    @property
    def connection(self) -> apsw.Connection:
        """The connection, for setting up."""
        assert self._connection is not None
        return self._connection

    def submit(self, script: Script[Any]) -> asyncio.Future[Any]:
        """Queue a script; the future gets its result once it is durable. Raises StorageBusy where too many wait."""
        if self._closed or len(self._queue) >= self._options.queued_writes:
            self.counters.refused += 1
            raise StorageBusy(details={"reason": "closed" if self._closed else "overloaded"}, retry_after=2)
        caller = self._loop.create_future()
        self._queue.append(_Work(script, caller))
        if not self._running:
            self._running = True
            self._loop.call_soon(self._group)
        return caller

    def keep_free(self, octets: int) -> None:
        """From now on refuse whatever would be written with less than that left on the disk."""
        self._free_space, self._space_checked = octets, 0.0

    async def close(self) -> None:
        """Finish what is queued, refuse what comes, and close."""
        self._closed = True
        if self._running:
            self._idle = self._loop.create_future()
            await self._idle
        self._ready.put(None)
        self._thread.join()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # --- a group ------------------------------------------------------------------------------------------------------

    def _group(self) -> None:
        try:
            self._begin()
        except apsw.BusyError as error:
            now = monotonic()
            self._locked_since = self._locked_since or now
            if now - self._locked_since < self._options.lock_wait:
                self._loop.call_later(RETRY, self._group)
                return
            self._refuse_all(error)
        except Exception as error:
            self._refuse_all(error)
        else:
            self._locked_since = None
            self._run_and_commit()

    def _begin(self) -> None:
        self._check_space()
        if self._connection is None:
            self._connect()
        self._control.execute("BEGIN IMMEDIATE")

    def _check_space(self) -> None:
        now = monotonic()
        if now - self._space_checked >= SPACE_CHECKED:
            self._space_checked = now
            disk = os.statvfs(self._path.parent)
            self._space_low = disk.f_bavail * disk.f_frsize < self._free_space
        if self._space_low:
            raise apsw.FullError("too little free space is left on the disk")

    def _run_and_commit(self) -> None:
        start = perf_counter()
        before = self.connection.total_changes()
        group = _Group([], Notes(), Plan({}))
        try:
            self._run_scripts(group)
            group.words = self.words.plan(group.notes)
            self._index(group.words)
            if self.connection.total_changes() == before:
                self._control.execute("COMMIT")
                self._finish(group)
                return
        except Exception as error:
            # Whatever it is, it is not one script's doing: those are caught one by one.
            self._fail(group, error)
            return
        self.counters.script_seconds += perf_counter() - start
        self._ready.put(group)

    def _run_scripts(self, group: _Group) -> None:
        """Run scripts until their time is over.

        First without savepoints, which cost a tenth of the time. Should a script raise after it has written something, all
        that ran is undone and run again, each in a savepoint: scripts have no effect beyond their transaction.
        """
        stop = monotonic() + self._options.group_time
        try:
            while self._queue and len(group.works) < self._options.group_size:
                work = self._queue.popleft()
                if not work.caller.done():  # else its caller gave up before it began
                    group.works.append(work)
                    self._run(work, group.notes)
                    passes(Point.GROUP_SCRIPT_RAN)
                if monotonic() > stop:
                    return
        except _Spoilt:
            self._control.execute("ROLLBACK")
            self._control.execute("BEGIN IMMEDIATE")
            group.notes = Notes()
            for work in group.works:
                self._run_guarded(work, group.notes)

    def _run(self, work: _Work, notes: Notes) -> None:
        before = self.connection.total_changes()
        self._drive(work, notes)
        if work.error is not None and self.connection.total_changes() != before:
            raise _Spoilt

    def _run_guarded(self, work: _Work, notes: Notes) -> None:
        self._control.execute("SAVEPOINT script")
        self._drive(work, notes)
        if work.error is not None:
            self._control.execute("ROLLBACK TO script")
        self._control.execute("RELEASE script")

    def _drive(self, work: _Work, notes: Notes) -> None:
        session = self._session
        session.notes = Notes()
        session.live = True
        work.error = None
        try:
            work.result = drive(work.script, self._tx)
        except TROUBLE:
            raise
        except Exception as error:
            work.error = error
        else:
            notes.take(session.notes)
        finally:
            session.live = False
        if not self.connection.in_transaction:
            raise apsw.IOError("the transaction was lost")

    def _index(self, words: Plan) -> None:
        if words.forget or words.add:
            self._session.live = True
            try:
                drive(lambda tx: self._tx.message_rows.index(words.forget, words.add), self._tx)
            finally:
                self._session.live = False

    def _commits(self) -> None:
        # In the thread: while it has a group, nothing else touches the connection. (An executor would do, with more ado.)
        while (group := self._ready.get()) is not None:
            error = None
            try:
                self._commit(group.notes)
            except BaseException as wrong:
                error = wrong
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._after, group, error)

    def _commit(self, notes: Notes) -> None:
        start = perf_counter()
        passes(Point.GROUP_READY)
        self._control.execute("COMMIT")
        passes(Point.GROUP_COMMITTED)
        self.counters.commit_seconds += perf_counter() - start
        try:
            self.after_commit(self.connection, notes)
        except Exception as error:
            self.trouble = f"after a commit: {error}"  # what is committed stays committed

    def _after(self, group: _Group, error: BaseException | None) -> None:
        if error is None:
            self.counters.commits += 1
            self._finish(group)
        else:
            self.counters.failed_commits += 1
            self._fail(group, error)

    def _finish(self, group: _Group) -> None:
        self.counters.writes += len(group.works)
        self.trouble = None
        self.kept.settle()
        self.words.done(group.words)
        for work in group.works:
            work.tell()
        self._committed(group.notes)
        self._go_on()

    # --- trouble ------------------------------------------------------------------------------------------------------

    def _fail(self, group: _Group, error: BaseException) -> None:
        """Nobody of this group is told that anything was stored."""
        self._roll_back()
        self._refuse(group.works, error)
        self._go_on()

    def _refuse_all(self, error: BaseException) -> None:
        """Nothing can be written at present: those who wait should not go on waiting."""
        self._locked_since = None
        self._roll_back()
        waiting = list(self._queue)
        self._queue.clear()
        self._refuse(waiting, error)
        self._go_on()

    def _refuse(self, works: list[_Work], error: BaseException) -> None:
        self.trouble = f"{type(error).__name__}: {error}"
        self.counters.refused += len(works)
        for work in works:
            work.error = busy(error)
            work.error.__cause__ = error
            work.tell()

    def _roll_back(self) -> None:
        self.kept.settle()
        if self._connection is None:
            return
        try:
            if self._connection.in_transaction:
                self._control.execute("ROLLBACK")
        except apsw.Error:
            self._connection.close(True)
            self._connection = None  # the next group tries again with another one

    def _connect(self) -> None:
        connection = open_writer(self._path, self._options)
        self._connection = connection
        self._control = connection.cursor()
        self._session.use(connection)
        self.on_connect(connection)

    def _go_on(self) -> None:
        if self._queue:
            self._loop.call_soon(self._group)
            return
        self._running = False
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
