"""Dictionaries whose changes can be undone, and what most tables do with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from mailwright.core.ports import Taken

K = TypeVar("K")
V = TypeVar("V")


class Journal:
    """What the running script changed, last change last; and the topics that it touched."""

    def __init__(self) -> None:
        """Nothing is running."""
        self.topics: set[str] = set()
        self._undo: list[Callable[[], None]] = []
        self._running = False
        self._writing = False

    def begin(self, *, writing: bool) -> None:
        """A script starts."""
        self.topics = set()
        self._undo = []
        self._running, self._writing = True, writing

    def end(self) -> None:
        """The script is over."""
        self._running = False

    def undo(self) -> None:
        """Take every change back."""
        for step in reversed(self._undo):
            step()

    def reading(self) -> None:
        """Raises RuntimeError where no script runs."""
        if not self._running:
            raise RuntimeError("the script is over, and so is its transaction")

    def changing(self, step: Callable[[], None]) -> None:
        """Note how to take the next change back; raises RuntimeError where nothing may change."""
        self.reading()
        if not self._writing:
            raise RuntimeError("a reading script may not write")
        self._undo.append(step)


class Shelf(Generic[K, V]):
    """A dictionary that belongs to a journal. Values keep the number (`seq`) that they got when they came."""

    def __init__(self, journal: Journal) -> None:
        """Empty."""
        self._journal = journal
        self._rows: dict[K, tuple[int, V]] = {}
        self._next = 1

    def get(self, key: K) -> V | None:
        """The value, if there is one."""
        self._journal.reading()
        found = self._rows.get(key)
        return None if found is None else found[1]

    def seq(self, key: K) -> int | None:
        """The number that the value got when it came."""
        found = self._rows.get(key)
        return None if found is None else found[0]

    def items(self) -> list[tuple[int, V]]:
        """Number and value of all, in the order in which they came."""
        self._journal.reading()
        return sorted(self._rows.values(), key=lambda pair: pair[0])

    def entries(self) -> list[tuple[K, V]]:
        """Key and value of all."""
        self._journal.reading()
        return [(key, value) for key, (_, value) in self._rows.items()]

    def __iter__(self) -> Iterator[V]:
        """All values, in the order in which they came."""
        return iter([value for _, value in self.items()])

    def set(self, key: K, value: V) -> int:
        """Put a value there; its number."""
        before = self._rows.get(key)
        self._journal.changing(lambda: self._restore(key, before))
        seq = before[0] if before else self._next
        self._next = max(self._next, seq + 1)
        self._rows[key] = (seq, value)
        return seq

    def drop(self, key: K) -> bool:
        """Take the value away; whether there was one."""
        before = self._rows.get(key)
        self._journal.changing(lambda: self._restore(key, before))
        return self._rows.pop(key, None) is not None

    def _restore(self, key: K, before: tuple[int, V] | None) -> None:
        self._rows.pop(key, None)
        if before is not None:
            self._rows[key] = before


class Named(Protocol):
    """A noun of a tenant, with an id."""

    @property
    def id(self) -> str:
        """The id."""

    @property
    def tenant_id(self) -> str:
        """The tenant."""


Row = TypeVar("Row", bound=Named)


class Table(Generic[Row]):
    """`core.ports.Table`. `unique` names what no two rows may share; None is not shared."""

    unique: tuple[Callable[[Any], object], ...] = ()
    fixed: tuple[str, ...] = ()  # what put leaves as it is

    def __init__(self, journal: Journal) -> None:
        """Empty."""
        self.journal = journal
        self.rows: Shelf[str, Row] = Shelf(journal)

    async def get(self, tenant_id: str, id: str) -> Row | None:
        """The row, if it is of that tenant."""
        row = self.rows.get(id)
        return row if row is not None and row.tenant_id == tenant_id else None

    async def add(self, row: Row) -> None:
        """Insert; raises Taken."""
        if self.rows.get(row.id) is not None:
            raise Taken(row.id)
        self._check(row)
        self.rows.set(row.id, row)

    async def put(self, row: Row) -> None:
        """Replace; raises KeyError, Taken."""
        before = await self.get(row.tenant_id, row.id)
        if before is None:
            raise KeyError(row.id)
        self._check(row)
        kept: dict[str, Any] = {name: getattr(before, name) for name in self.fixed}
        self.rows.set(row.id, replace(row, **kept) if kept else row)  # type: ignore[type-var]

    async def remove(self, tenant_id: str, id: str) -> bool:
        """Whether there was such a row."""
        return await self.get(tenant_id, id) is not None and self.rows.drop(id)

    async def by_client_id(self, tenant_id: str, client_id: str) -> Row | None:
        """The row that was made under this client_id."""
        return self.find(tenant_id, lambda row: getattr(row, "client_id", None) == client_id)

    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Row]:
        """Rows with an id after that one, by id."""
        return by_id((row for row in self.rows if row.tenant_id == tenant_id), after, limit)

    def find(self, tenant_id: str | None, test: Callable[[Row], bool]) -> Row | None:
        """The first row (of that tenant, if one is given) that passes."""
        return next((row for row in self.rows if tenant_id in (None, row.tenant_id) and test(row)), None)

    def _check(self, row: Row) -> None:
        for value_of in self.unique:
            value = value_of(row)
            if value is not None and any(value_of(other) == value for other in self.rows if other.id != row.id):
                raise Taken(str(value))


def by_id(rows: Iterable[Any], after: str | None, limit: int) -> list[Any]:
    """Rows with an id after that one, by id."""
    return sorted((row for row in rows if row.id > (after or "")), key=lambda row: row.id)[:limit]


def client_key(row: Any) -> object:
    """A client_id is used once in a tenant."""
    return None if row.client_id is None else (row.tenant_id, row.client_id)
