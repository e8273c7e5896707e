"""A SQLite connection as the tables see it. Nothing here ever suspends: a statement is run where it is awaited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from mailwright.core.ports import Taken
from mailwright.store.database import Found, Notes
from mailwright.store.kept import Kept
from mailwright.store.rows import WHOLE, Value
from mailwright.store.statements import Statement

_UNIQUE = (apsw.SQLITE_CONSTRAINT_UNIQUE, apsw.SQLITE_CONSTRAINT_PRIMARYKEY, apsw.SQLITE_CONSTRAINT_ROWID)


class Session:
    """`store.database.Database` over one connection."""

    def __init__(self, connection: apsw.Connection, kept: Kept | None = None) -> None:
        """Over this one; `live` is true while a script runs."""
        self.notes = Notes()
        self.kept = kept
        self.live = False
        self.use(connection)

    def use(self, connection: apsw.Connection) -> None:
        """Go on with another connection: the one before had to be closed."""
        self._connection = connection
        self._cursor = connection.cursor()

    def _execute(self, statement: Statement, values: Sequence[Value]) -> apsw.Cursor:
        if not self.live:
            raise RuntimeError("the script is over, and so is its transaction")
        if not self._connection.in_transaction:
            self._begin()
        return self._cursor.execute(statement.sqlite, values)

    def _begin(self) -> None:
        raise apsw.IOError("the transaction was lost")

    async def one(self, statement: Statement, values: Sequence[Value]) -> Found | None:
        """The first row, if any."""
        found = self._execute(statement, values).fetchall()
        return found[0] if found else None

    async def all(self, statement: Statement, values: Sequence[Value]) -> list[Found]:
        """All rows."""
        return self._execute(statement, values).fetchall()

    async def run(self, statement: Statement, values: Sequence[Value]) -> int:
        """How many rows were changed; raises Taken."""
        if self.kept is not None:
            self.kept.changes(statement.noun)
        try:
            self._execute(statement, values)
        except apsw.ConstraintError as error:
            if getattr(error, "extendedresult", 0) in _UNIQUE:
                raise Taken(f"{statement.noun}: {error}") from None
            raise
        return self._connection.changes()

    async def insert(self, statement: Statement, values: Sequence[Value]) -> int | None:
        """The rowid of the new row. (RETURNING would say it too, and costs 3 microseconds.)"""
        self._execute(statement, values)
        return self._connection.last_insert_rowid() if self._connection.changes() else None

    async def many(self, statement: Statement, rows: Iterable[Sequence[Value]]) -> None:
        """Run it once for each."""
        for row in rows:
            self._execute(statement, row)

    def searched(self, scope: str, words: Sequence[str]) -> str:
        """A query of FTS5: all words, longer ones as beginnings too. Being letters and digits, they need no escaping."""
        terms = [f'"{word}"*' if len(word) >= WHOLE else f'"{word}"' for word in words]
        return " AND ".join([f'"{scope}"', *terms])


class ReadingSession(Session):
    """One that begins its transaction at the first statement: a script that finds all it needs among what is kept has none."""

    def _begin(self) -> None:
        self._cursor.execute("BEGIN")

    def end(self) -> None:
        """The script is over."""
        self.live = False
        if self._connection.in_transaction:
            self._cursor.execute("ROLLBACK")
