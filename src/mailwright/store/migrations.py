"""Is the database as this code expects it? Numbered scripts bring it there.

`schema/<number>_<name>.sql` run in their order, each in a transaction of its own together with the row that says it ran. A
database that ran a script which this code does not have was made by a newer version, and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Protocol

from mailwright.store.rows import Value
from mailwright.store.statements import Statement, load

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_SQL = load("migrations")


class NewerDatabase(Exception):
    """The database was written by a newer version of this program."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One script."""

    number: int
    name: str
    script: str


class Runner(Protocol):
    """A connection, for as much as this needs of it."""

    def run(self, statement: Statement, values: Sequence[Value] = ()) -> list[int]:
        """Run a statement; the first column of what it finds."""

    def run_whole(self, script: str, statement: Statement, values: Sequence[Value]) -> None:
        """Run a script and a statement in one transaction."""


def known(folder: Traversable | None = None) -> list[Migration]:
    """Every script of this version (or of a folder), in order; raises ValueError where a number is missing or given twice."""
    folder = folder or files("mailwright.store") / "schema"
    found = []
    for entry in folder.iterdir():
        if match := _NAME.fullmatch(entry.name):
            found.append(Migration(int(match[1]), match[2], entry.read_text("utf-8")))
    found.sort(key=lambda one: one.number)
    if [one.number for one in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations must be numbered 1, 2, 3, ...")
    return found


def migrate(database: Runner, migrations: Sequence[Migration]) -> list[Migration]:
    """Run what has not run yet; what was run. Raises NewerDatabase."""
    database.run(_SQL["create"])
    done = database.run(_SQL["done"])
    if done and done[-1] > len(migrations):
        raise NewerDatabase(f"the database is at step {done[-1]}, this version knows {len(migrations)}: run the newer one")
    pending = [one for one in migrations if one.number not in done]
    for one in pending:
        database.run_whole(one.script, _SQL["note"], (one.number, one.name))
    return pending
