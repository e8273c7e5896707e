"""Connections to SQLite, how they are set up, and what their errors mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import apsw

from mailwright.core.errors import StorageBusy
from mailwright.faults import Point, passes
from mailwright.store.rows import Value
from mailwright.store.sqlite.options import Options
from mailwright.store.statements import Statement

FILE = "mailwright.db"
RETRY_AFTER = 5  # seconds that callers are asked to wait before they try again

# The disk is full, broken or busy: nothing that a script did wrong.
TROUBLE = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.NoMemError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
    apsw.InterruptError,
)

_ALL = """
PRAGMA foreign_keys = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA trusted_schema = OFF;
"""

# I1: FULL syncs the log at every commit; fullfsync is what that takes on a Mac. Checkpoints are made beside the writer.
_WRITER = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA wal_autocheckpoint = 0;
PRAGMA cache_size = -{cache};
PRAGMA journal_size_limit = {limit};
"""

_CHECKPOINTER = """
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA wal_autocheckpoint = 0;
"""

_READER = """
PRAGMA query_only = ON;
PRAGMA cache_size = -8192;
"""


def open_writer(path: Path, options: Options) -> apsw.Connection:
    """The connection that writes; it makes the database if there is none."""
    connection = opened(path)
    connection.set_busy_timeout(int(options.lock_wait * 1000))
    settings = _WRITER.format(cache=options.cache // 1024, limit=options.log_limit)
    connection.execute(_ALL + settings).fetchall()
    connection.set_busy_timeout(0)
    return connection


def open_reader(path: Path) -> apsw.Connection:
    """A connection that can't write."""
    connection = opened(path)
    connection.set_busy_timeout(100)
    connection.execute(_ALL + _READER).fetchall()
    return connection


def open_checkpointer(path: Path) -> apsw.Connection:
    """A connection that copies the log into the database, and never waits for a writer."""
    connection = opened(path)
    connection.execute(_ALL + _CHECKPOINTER).fetchall()
    return connection


def opened(path: Path) -> apsw.Connection:
    """A connection as all of ours are."""
    connection = apsw.Connection(str(path), statementcachesize=256)
    # Else a plan that might depend on what is bound is made anew at each call: for many statements most of what they cost.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    return connection


def busy(error: BaseException) -> StorageBusy:
    """What callers are told of trouble."""
    return StorageBusy(details={"reason": reason(error)}, retry_after=RETRY_AFTER)


def reason(error: BaseException) -> str:
    """In a word, what is wrong: full, busy, corrupt or broken."""
    if isinstance(error, apsw.FullError):
        return "full"
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return "busy"
    return "corrupt" if isinstance(error, apsw.CorruptError | apsw.NotADBError) else "broken"


class MigrationRunner:
    """`store.migrations.Runner` over a connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        """Over this one."""
        self._connection = connection

    def run(self, statement: Statement, values: Sequence[Value] = ()) -> list[int]:
        """Run a statement; the first column of what it finds."""
        return [row[0] for row in self._connection.execute(statement.sqlite, values)]

    def run_whole(self, script: str, statement: Statement, values: Sequence[Value]) -> None:
        """Run a script and a statement in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute(script).fetchall()
            self.run(statement, values)
            passes(Point.MIGRATION_RAN)
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
