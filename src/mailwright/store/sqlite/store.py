"""What a caller sees of the embedded store: `core.ports.Store`.

Files in the data folder: mailwright.db with its log beside it, blobs/ for large messages, incoming/ while those come in, lock.
Scripts of `write` and `read` run on the event loop, to their end, at once; those of `browse` in a thread. Reads see what was
committed before they began and nothing else.
"""

from __future__ import annotations

import asyncio
import math
import os
import queue
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TypeVar

import apsw

from mailwright.core.errors import StorageBusy
from mailwright.core.ports import Script, Spool
from mailwright.mail.header import Raw
from mailwright.store.blobs import BlobFolder, FileSpool, checked
from mailwright.store.database import Notes, drive
from mailwright.store.kept import Kept
from mailwright.store.lock import FolderLock
from mailwright.store.migrations import known, migrate
from mailwright.store.sqlite.checkpoints import Checkpointer
from mailwright.store.sqlite.checks import problems
from mailwright.store.sqlite.connection import FILE, TROUBLE, MigrationRunner, busy, open_reader
from mailwright.store.sqlite.options import Options
from mailwright.store.sqlite.session import ReadingSession
from mailwright.store.sqlite.words import WordIndex
from mailwright.store.sqlite.writer import Counters, Writer
from mailwright.store.tables import Tables
from mailwright.store.topics import Topics

T = TypeVar("T")

STEPS = 20_000  # of SQLite's machine, some milliseconds, between two looks at the clock
SPOOL_AGE = 60.0  # seconds without a word after which a spool that nobody holds was left by a process that died
STRAY_AGE = 3600.0  # seconds after which a file without a row belongs to nobody


class Reader:
    """A connection that reads, one script at a time."""

    def __init__(self, path: Path, patience: float = math.inf, kept: Kept | None = None) -> None:
        """To the database there; `patience` is how many seconds a script may take, `kept` what need not be read again."""
        self.connection = open_reader(path)
        self.closed = False
        self._patience = patience
        self._deadline = math.inf
        if patience < math.inf:
            self.connection.set_progress_handler(lambda: monotonic() > self._deadline, STEPS)
        self._session = ReadingSession(self.connection, kept)
        self.tables = Tables(self._session)

    def run(self, script: Script[T]) -> T:
        """Run the script on one state of the database; raises StorageBusy."""
        if self.closed:
            raise StorageBusy(details={"reason": "closed"})
        self._deadline = monotonic() + self._patience
        try:
            self._session.live = True
            try:
                return drive(script, self.tables)
            finally:
                self._session.end()
        except apsw.ReadOnlyError as error:
            raise RuntimeError("a reading script may not write") from error
        except apsw.InterruptError as error:
            raise StorageBusy("That took too long; ask for less.", details={"reason": "slow"}) from error
        except TROUBLE as error:
            raise busy(error) from error

    def unhurried(self) -> apsw.Connection:
        """The connection, for what takes as long as it takes."""
        self._deadline = math.inf
        return self.connection

    def close(self) -> None:
        """No more scripts."""
        self.closed = True
        self.connection.close()

    def blob_files(self) -> set[str]:
        """The blobs that are files."""
        return self.run(lambda tx: self.tables.blob_rows.files())


class SqliteStore:
    """`core.ports.Store`; made by `open_store`."""

    def __init__(self, folder: Path, options: Options, lock: FolderLock) -> None:
        """For a folder that is locked already; the loop must be running."""
        path = folder / FILE
        self._lock = lock
        self._folder = BlobFolder(folder)
        self._topics = Topics()
        self._writer = Writer(path, options, self._committed)
        migrate(MigrationRunner(self._writer.connection), known())
        self._checkpointer = Checkpointer(path, options)
        self._checkpointer.watch(self._writer.connection)
        self._writer.on_connect = self._checkpointer.watch
        self._writer.after_commit = self._in_commit_thread
        self._reader = Reader(path, kept=self._writer.kept)
        self._writer.words = WordIndex(self._reader.run(lambda tx: self._reader.tables.message_rows.unindexed()))
        self._readers: queue.SimpleQueue[Reader] = queue.SimpleQueue()
        for _ in range(options.browsers):
            self._readers.put(Reader(path, options.browse_time))
        self._browsers = options.browsers
        self._pool = ThreadPoolExecutor(options.browsers, "browse")
        self._files = ThreadPoolExecutor(2, "files")
        self._closed = False
        self.blobs = StoredBlobs(self._reader, self._folder, self._files)

    def keep_free(self, octets: int) -> None:
        """From now on refuse whatever would be written with less than that left on the disk."""
        self._writer.keep_free(octets)

    async def write(self, script: Script[T]) -> T:
        """Run the script in one transaction; durable when this returns (I1). Raises StorageBusy."""
        result: T = await self._writer.submit(script)
        return result

    async def read(self, script: Script[T]) -> T:
        """Run a reading script on committed data, on the event loop."""
        return self._reader.run(script)

    async def browse(self, script: Script[T]) -> T:
        """Run a reading script on committed data, in a thread."""
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._browse, script)

    def _browse(self, script: Script[T]) -> T:
        with self._borrowed() as reader:
            return reader.run(script)

    @contextmanager
    def _borrowed(self) -> Iterator[Reader]:
        reader = self._readers.get()
        try:
            yield reader
        finally:
            self._readers.put(reader)

    def version(self, topic: str) -> int:
        """How often that topic changed so far."""
        return self._topics.version(topic)

    async def wait(self, topic: str, seen: int, timeout: float) -> None:
        """Return when the version exceeds `seen`, or after `timeout` seconds."""
        await self._topics.wait(topic, seen, timeout)

    @property
    def counters(self) -> Counters:
        """What was done since the start."""
        return self._writer.counters

    @property
    def trouble(self) -> str | None:
        """Why nothing can be stored at present, if so: for health checks."""
        return self._writer.trouble or self._checkpointer.trouble

    async def integrity(self) -> list[str]:
        """What is wrong with the database, as sentences; it reads all of it, in a thread."""
        self._check_open()

        def look() -> list[str]:
            with self._borrowed() as reader:
                files = reader.blob_files()
                return problems(reader.unhurried(), files, self._folder)

        return await asyncio.get_running_loop().run_in_executor(self._pool, look)

    async def sweep(self, age: float = STRAY_AGE) -> int:
        """Delete blob files, older than `age` seconds, whose transaction never came; how many. After a start, and daily."""

        def rows() -> set[str]:
            with self._borrowed() as reader:
                return reader.blob_files()

        def look() -> int:
            strays = self._folder.strays(rows, time.time() - age)
            for stray in strays:
                self._folder.remove(stray)
            return len(strays)

        return await asyncio.get_running_loop().run_in_executor(self._pool, look)

    async def clear_spools(self, age: float = SPOOL_AGE) -> int:
        """Remove spools of processes that died, last written to `age` seconds ago; how many."""
        return await asyncio.get_running_loop().run_in_executor(self._files, self._folder.clear_spools, time.time() - age)

    async def close(self) -> None:
        """Finish what was begun, refuse what comes, and leave one whole database file behind."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        self._pool.shutdown()
        self._files.shutdown()
        self._reader.close()
        for _ in range(self._browsers):
            self._readers.get().close()
        self._checkpointer.close()
        self._lock.release()

    async def __aenter__(self) -> SqliteStore:
        """The store itself."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        await self.close()

    def _committed(self, notes: Notes) -> None:
        self._topics.bump(notes.topics)

    def _in_commit_thread(self, connection: apsw.Connection, notes: Notes) -> None:
        self._checkpointer.copy_rest(connection)
        for blob_id in notes.unneeded:  # row first, then file
            self._folder.remove(blob_id)

    def _check_open(self) -> None:
        if self._closed:
            raise StorageBusy(details={"reason": "closed"})


class StoredBlobs:
    """`core.ports.Blobs`."""

    def __init__(self, reader: Reader, folder: BlobFolder, threads: ThreadPoolExecutor) -> None:
        """Beside the rows that this reader finds."""
        self._reader = reader
        self._folder = folder
        self._threads = threads

    def spool(self) -> Spool:
        """A new empty spool."""
        return self._folder.spool()

    def adopt(self, name: str) -> Spool:
        """The spool that another process filled; raises OSError."""
        return self._folder.adopt(name)

    async def settle(self, spool: Spool, blob_id: str) -> None:
        """Make a large one durable; raises StorageBusy where the disk won't have it."""
        checked(blob_id)
        if not isinstance(spool, FileSpool) or not spool.is_large:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._folder.settle, spool, blob_id)
        except OSError as error:
            raise StorageBusy(details={"reason": os.strerror(error.errno or 0)}) from error

    async def unsettle(self, blob_id: str) -> None:
        """Delete the file, unless there is a row that needs it; never raises."""
        try:
            self._reader.run(lambda tx: self._reader.tables.blob_rows.content(blob_id))
        except KeyError:
            with suppress(OSError):
                await asyncio.get_running_loop().run_in_executor(self._threads, self._folder.remove, blob_id)
        except StorageBusy:
            pass  # whether there is a row can't be said: the sweep will know

    async def open(self, blob_id: str) -> Raw:
        """The bytes; raises KeyError."""
        content = self._reader.run(lambda tx: self._reader.tables.blob_rows.content(blob_id))
        return self._folder.open(blob_id) if content is None else content


async def open_store(folder: Path, options: Options | None = None) -> SqliteStore:
    """The store in that folder, made or brought up to date if need be. Raises FolderInUse, NewerDatabase."""
    lock = FolderLock(folder)
    try:
        return SqliteStore(folder, options or Options(), lock)
    except BaseException:
        lock.release()
        raise
