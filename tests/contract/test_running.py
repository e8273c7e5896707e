"""Operations run once: the claim, the act and the saved answer are one transaction."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from mailwright.contract.operations import Operation
from mailwright.contract.running import KEPT_FOR, Claim, InFlight, Told, run, run_once
from mailwright.core import audit
from mailwright.core.errors import IdempotencyInFlight, IdempotencyKeyReuse, InvalidInput, MissingPermission, StorageBusy
from mailwright.core.model import Caller, Permission, Role
from mailwright.core.ports import SavedResponse, Taken

CALLER = Caller("ten_1", "key_1", Role.OPERATOR, frozenset(Permission))
CLAIM = Claim("first", "hash", b"s" * 32)


class Note(msgspec.Struct, frozen=True):
    """What is asked."""

    text: str = ""


@dataclass
class Rows:
    """What is committed: saved answers, and what acts wrote."""

    saved: dict[tuple[str, str], SavedResponse] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Tx:
    """A transaction over a copy of the rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = Rows(dict(rows.saved), list(rows.notes))
        self.idempotency = self

    async def get(self, tenant_id: str, key: str) -> SavedResponse | None:
        return self.rows.saved.get((tenant_id, key))

    async def add(self, tenant_id: str, key: str, saved: SavedResponse) -> None:
        if (tenant_id, key) in self.rows.saved:
            raise Taken
        self.rows.saved[tenant_id, key] = saved

    async def forget_before(self, created_at: int) -> int:
        before = len(self.rows.saved)
        self.rows.saved = {key: one for key, one in self.rows.saved.items() if one.created_at >= created_at}
        return before - len(self.rows.saved)


@dataclass
class Store:
    """Transactions that can be lost before the commit, or whose answer is lost after it."""

    rows: Rows = field(default_factory=Rows)
    lose: str = ""

    async def read(self, script: Any) -> Any:
        return await script(Tx(self.rows))

    async def write(self, script: Any) -> Any:
        tx = Tx(self.rows)
        result = await script(tx)
        if self.lose == "before commit":
            raise StorageBusy
        self.rows = tx.rows
        if self.lose == "after commit":
            raise StorageBusy
        return result


@dataclass
class Ports:
    """What running needs of the outside."""

    store: Store = field(default_factory=Store)
    at: int = 10 * KEPT_FOR

    @property
    def clock(self) -> Ports:
        return self

    @property
    def ids(self) -> Ports:
        return self

    def now(self) -> int:
        return self.at

    def secret(self, size: int) -> bytes:
        return b"n" * size


async def write_note(tx: Any, ports: Any, caller: Caller, given: Note) -> Note:
    if given.text == "wrong":
        raise InvalidInput.at("text", "wrong")
    tx.rows.notes.append(given.text)
    return Note(f"{given.text} {len(tx.rows.notes)}")


def operation(**other: Any) -> Operation[Any, Any]:
    return Operation(
        name="notes.add",
        summary="Add a note",
        permission=Permission.AGENTS_MANAGE,
        method="POST",
        path="/v1/notes",
        command="notes add",
        input=Note,
        output=Note,
        status=201,
        **{"act": write_note} | other,
    )


async def once(ports: Any, claim: Claim = CLAIM, caller: Caller = CALLER, given: Note | None = None, **other: Any) -> Told:
    row = operation(**other)
    return await run_once(ports, caller, row, given or Note("tea"), claim=claim, in_flight=InFlight())


async def test_a_repeated_request_gets_the_first_answer_and_does_nothing():
    ports = Ports()
    first, second = await once(ports), await once(ports)
    assert (first.body, first.status) == (second.body, second.status) == (b'{"text":"tea 1"}', 201)
    assert (first.repeated, second.repeated) == (False, True)
    assert ["tea"] == ports.store.rows.notes


async def test_another_request_under_the_same_key_is_refused():
    ports = Ports()
    await once(ports)
    with pytest.raises(IdempotencyKeyReuse):
        await once(ports, Claim("first", "other hash", b"s" * 32))


async def test_while_the_first_request_runs_a_second_one_is_told_to_wait():
    ports, in_flight, begun, go = Ports(), InFlight(), asyncio.Event(), asyncio.Event()

    async def slowly(ports: Any, caller: Caller, given: Note) -> Note:
        begun.set()
        await go.wait()
        return given

    slow = operation(prepare=slowly)
    first = asyncio.create_task(run_once(ports, CALLER, slow, Note("tea"), claim=CLAIM, in_flight=in_flight))
    await begun.wait()
    with pytest.raises(IdempotencyInFlight):
        await run_once(ports, CALLER, slow, Note("tea"), claim=CLAIM, in_flight=in_flight)
    go.set()
    assert b'{"text":"tea 1"}' == (await first).body
    assert not in_flight.held


async def test_a_crash_before_the_commit_leaves_nothing_and_the_request_may_be_sent_again():
    ports = Ports(Store(lose="before commit"))
    with pytest.raises(StorageBusy):
        await once(ports)
    assert ([], {}) == (ports.store.rows.notes, ports.store.rows.saved)
    ports.store.lose = ""
    assert not (await once(ports)).repeated


async def test_a_crash_after_the_commit_loses_only_the_answer_which_is_given_again():
    ports = Ports(Store(lose="after commit"))
    with pytest.raises(StorageBusy):
        await once(ports)
    ports.store.lose = ""
    again = await once(ports)
    assert (b'{"text":"tea 1"}', True) == (again.body, again.repeated)
    assert ["tea"] == ports.store.rows.notes


async def test_a_refused_request_may_be_corrected_under_the_same_key():
    ports = Ports()
    with pytest.raises(InvalidInput):
        await once(ports, given=Note("wrong"))
    assert b'{"text":"tea 1"}' == (await once(ports, Claim("first", "corrected", b"s" * 32))).body


async def test_after_24_hours_the_key_is_new_again():
    ports = Ports()
    await once(ports)
    ports.at += KEPT_FOR
    assert (await once(ports)).repeated
    ports.at += 1
    assert b'{"text":"tea 2"}' == (await once(ports)).body


async def test_a_claim_belongs_to_the_api_key_that_made_it():
    ports = Ports()
    await once(ports)
    other = Caller("ten_1", "key_2", Role.OPERATOR, frozenset(Permission))
    assert b'{"text":"tea 2"}' == (await once(ports, caller=other)).body


async def test_another_process_that_was_quicker_is_waited_for():
    ports = Ports()

    async def quicker(tx: Any, ports: Any, caller: Caller, given: Note) -> Note:
        for key in list(tx.rows.saved) or [("ten_1", "taken")]:
            tx.rows.saved.setdefault(key, SavedResponse("hash", 201, b"", ports.at))
        tx.add = taken
        return given

    async def taken(*_: Any) -> None:
        raise Taken

    with pytest.raises(IdempotencyInFlight):
        await once(ports, act=quicker)


async def test_a_saved_answer_with_a_secret_opens_for_its_caller_alone():
    ports = Ports()
    first = await once(ports, secret=True)
    assert first.body == (await once(ports, secret=True)).body
    (kept,) = ports.store.rows.saved.values()
    assert b"tea" not in kept.body


async def nothing(*_: Any) -> None:
    return None


async def test_without_the_permission_nothing_runs_and_nothing_is_looked_up(monkeypatch: pytest.MonkeyPatch):
    """It stands in the audit log (core/test_audit.py); the rows here have none."""
    ports, weak = Ports(), Caller("ten_1", "key_1", Role.AUDITOR, frozenset({Permission.AUDIT_READ}))
    await once(ports)
    monkeypatch.setattr(audit, "refused", nothing)
    with pytest.raises(MissingPermission):
        await once(ports, caller=weak)
    with pytest.raises(MissingPermission):
        await run(ports, weak, operation(), Note("tea"))


async def test_what_was_prepared_for_nothing_is_undone():
    undone = []

    async def undo(ports: Any, prepared: Note) -> None:
        undone.append(prepared.text)

    async def prepare(ports: Any, caller: Caller, given: Note) -> Note:
        return given

    row = {"prepare": prepare, "undo": undo}
    ports = Ports()
    await run(ports, CALLER, operation(**row), Note("tea"))
    await once(ports, **row)
    assert [] == undone
    with pytest.raises(InvalidInput):
        await run(ports, CALLER, operation(**row), Note("wrong"))
    with pytest.raises(InvalidInput):
        await once(ports, Claim("second", "hash", b"s" * 32), given=Note("wrong"), **row)
    assert ["wrong", "wrong"] == undone
    ports.store.lose = "after commit"  # it may have happened, and then what was prepared is needed
    with pytest.raises(StorageBusy):
        await once(ports, Claim("third", "hash", b"s" * 32), **row)
    assert ["wrong", "wrong"] == undone


async def test_what_is_prepared_is_what_is_acted_on():
    async def louder(ports: Any, caller: Caller, given: Note) -> Note:
        return Note(given.text.upper())

    ports = Ports()
    assert Note("TEA 1") == await run(ports, CALLER, operation(prepare=louder), Note("tea"))
