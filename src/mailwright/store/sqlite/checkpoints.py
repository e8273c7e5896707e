"""Copying the write-ahead log into the database, beside the writer.

Commits only append to the log. A thread copies it with a connection of its own (PASSIVE: it hinders nobody). While mail keeps
coming there is always a rest that it has not seen, so the log would grow for ever: right after such a copy the commit thread
copies that short rest between two groups, and the next group starts the log from its beginning. Nobody is ever waited for:
a script that reads for long keeps the log growing until it ends, and `Options.browse_time` ends it.
"""

from __future__ import annotations

import threading
from pathlib import Path

import apsw

from mailwright.faults import Point, passes
from mailwright.store.sqlite.connection import open_checkpointer
from mailwright.store.sqlite.options import Options

PASSES = 3  # each copies what came in during the one before, so that the rest is short


class Checkpointer:
    """The thread, and the part of its work that the commit thread does."""

    def __init__(self, path: Path, options: Options) -> None:
        """Start; `watch` a writer's connection to learn when there is something to do."""
        self._options = options
        self._connection = open_checkpointer(path)
        self._page = int(self._connection.pragma("page_size"))
        self._wake = threading.Event()
        self._stop = False
        self._dirty = False
        self._rest_wanted = False
        self.log_size = 0  # bytes in the log that are in use
        self.trouble: str | None = None
        self._thread = threading.Thread(target=self._work, name="checkpoint", daemon=True)
        self._thread.start()

    def watch(self, connection: apsw.Connection) -> None:
        """Learn of every commit of this connection how long the log is."""
        connection.set_wal_hook(self._grown)

    def _grown(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._dirty = True
        self.log_size = pages * self._page
        if self.log_size > self._options.checkpoint_size and not self._rest_wanted:
            self._wake.set()
        return apsw.SQLITE_OK

    def copy_rest(self, connection: apsw.Connection) -> None:
        """Between two groups, in the commit thread: copy what the thread left, if it did its part just now."""
        if not self._rest_wanted:
            return
        self._rest_wanted = False
        self._checkpoint(connection)

    def _work(self) -> None:
        while not self._stop:
            self._wake.wait(self._options.checkpoint_time)
            self._wake.clear()
            if self._dirty and not self._stop:
                self._dirty = False
                self._copy()

    def _copy(self) -> None:
        pages = 0
        for _ in range(PASSES):
            pages = self._checkpoint(self._connection)
            if pages * self._page < self._options.checkpoint_size:
                break
        self._rest_wanted = pages * self._page > self._options.checkpoint_size // 2

    def _checkpoint(self, connection: apsw.Connection) -> int:
        try:
            passes(Point.CHECKPOINT_BEGINS)
            pages, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            passes(Point.CHECKPOINT_ENDED)
        except apsw.BusyError:
            return 0  # the other thread is at it
        except apsw.Error as error:
            # The next one makes up for it: nothing that is committed depends on it.
            self.trouble = f"{type(error).__name__}: {error}"
            return 0
        self.trouble = None
        return pages

    def close(self) -> None:
        """Stop the thread, and put the whole log into the database."""
        self._stop = True
        self._wake.set()
        self._thread.join()
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            self.trouble = str(error)  # the next start does it
        self._connection.close()
