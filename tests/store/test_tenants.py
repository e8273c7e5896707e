"""S26, statement by statement: what finds or changes a tenant's rows finds and changes nothing when another one asks.

Every statement that is given a tenant is run twice with the values of rows that are there: for their tenant, to see that it
does something, and for another one. The methods around them often ask for the tenant before: here each stands alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from mailwright.core.ports import Tx
from mailwright.store import rows
from mailwright.store.sqlite import open_store
from mailwright.store.sqlite.connection import FILE, opened
from mailwright.store.statements import Statement
from mailwright.store.tables.base import ENDLESS
from mailwright.testing.clock import START

from . import examples as example
from .examples import OURS, THEIRS
from .test_statements import STATEMENTS, name_of

SHAPES = {
    "keys": (rows.KEY, example.KEY),
    "domains": (rows.DOMAIN, example.DOMAIN),
    "agents": (rows.AGENT, example.AGENT),
    "mailboxes": (rows.MAILBOX, example.MAILBOX),
    "messages": (rows.MESSAGE, example.MESSAGE),
    "threads": (rows.THREAD, example.THREAD),
    "deliveries": (rows.DELIVERY, replace(example.DELIVERY, fence=1)),
    "attempts": (rows.ATTEMPT, example.ATTEMPT),
    "approvals": (rows.APPROVAL, example.APPROVAL),
    "events": (rows.EVENT, example.EVENT),
    "webhooks": (rows.WEBHOOK, example.WEBHOOK),
    "webhook_deliveries": (rows.WEBHOOK_DELIVERY, example.WEBHOOK_DELIVERY),
    "suppressions": (rows.SUPPRESSION, example.SUPPRESSION),
    "reports": (rows.REPORT, example.REPORT),
    "audit": (rows.AUDIT, replace(example.ENTRY, mailbox_id="mbx_1", agent_id="agt_1", domain="here.example")),
}
REFUSED = replace(example.ENTRY, index=1, action="request.refused", actor="key_1")

# What is bound where the row's own value would not do.
BOUNDS = {
    "limit": 9, "before_at": ENDLESS, "before_seq": ENDLESS, "until": ENDLESS, "since": -1, "after_seq": -1, "cursor": 0,
    "types": "[]", "label": "garden party", "seq": 1, "match": f'"{OURS}" AND "tea"', "addresses": '["bob@there.example"]',
    "lease_until": START, "now": START - 1, "key": "k", "ids": f'["{example.MESSAGE.id}"]',
}  # fmt: skip
PLACES = {"audit": -1, "messages": 0}  # of `after`: everywhere else it is an id
INSTEAD = {"messages.show": {"status": "flagged"}, "audit.refusals": {"actor": "key_1"}}

WITH_TENANT = [one for one in STATEMENTS if "tenant_id" in one.arguments and not one.sqlite.startswith("INSERT")]


def bound(statement: Statement, tenant_id: str, **instead: Any) -> tuple[Any, ...]:
    shape, row = SHAPES.get(statement.noun, (None, None))
    own = dict(zip(shape.columns.inserted, shape.encode(row), strict=True)) if shape else {}
    values = own | BOUNDS | {"after": PLACES.get(statement.noun, "")} | INSTEAD.get(name_of(statement), {}) | instead
    return tuple((values | {"tenant_id": tenant_id})[name] for name in statement.arguments)


async def _fill(folder: Path) -> None:
    async def script(tx: Tx) -> None:
        await tx.tenants.add(example.TENANT)
        for noun in ("keys", "domains", "agents", "mailboxes", "messages", "threads", "approvals", "webhooks", "suppressions"):
            await getattr(tx, noun).add(SHAPES[noun][1])
        await tx.messages.add(replace(example.MESSAGE, id="msg_2"))
        await tx.reports.add(example.REPORT)
        await tx.queue.add([example.DELIVERY])
        await tx.queue.claim(START, START, 1, ())
        await tx.queue.add([replace(example.DELIVERY, id="dlv_2")])
        await tx.queue.start_attempts([example.ATTEMPT])
        await tx.events.append(example.EVENT)
        await tx.webhooks.add_deliveries([example.WEBHOOK_DELIVERY])
        await tx.audit.append(SHAPES["audit"][1])
        await tx.audit.append(REFUSED)
        await tx.idempotency.add(OURS, "k", example.SAVED)

    async with await open_store(folder) as store:
        await store.write(script)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    """A database with one of everything that is ours; of the two messages the first stands in the index of words."""
    folder = tmp_path_factory.mktemp("tenants")
    asyncio.run(_fill(folder))
    connection = opened(folder / FILE)
    connection.execute("DELETE FROM message_words")
    connection.execute("INSERT INTO message_words (rowid, words) VALUES (1, ?)", (f"{OURS} {THEIRS} tea",))
    yield connection
    connection.close()


def done(
    database: apsw.Connection, statement: Statement, values: tuple[Any, ...], *, before_it: str = ""
) -> tuple[list[Any], int]:
    """What it found that is more than nothing, and how many rows it changed; all is as before afterwards."""
    database.execute("SAVEPOINT trial")
    try:
        database.execute(before_it)
        before = database.total_changes()
        found = database.execute(statement.sqlite, values).fetchall()
        return [row for row in found if any(row)], database.total_changes() - before
    finally:
        database.execute("ROLLBACK TO trial")
        database.execute("RELEASE trial")


@pytest.mark.parametrize("statement", WITH_TENANT, ids=name_of)
def test_s26_a_statement_does_nothing_to_the_rows_of_another_tenant(database: apsw.Connection, statement: Statement) -> None:
    assert ([], 0) != done(database, statement, bound(statement, OURS))
    assert ([], 0) == done(database, statement, bound(statement, THEIRS, match=f'"{THEIRS}" AND "tea"'))


LABELLED = [one for one in WITH_TENANT if "message_labels AS l" in one.sqlite or one.name == "page_of_label"]


@pytest.mark.parametrize("statement", LABELLED, ids=name_of)
@pytest.mark.parametrize("asker", [OURS, THEIRS])
def test_s26_a_label_of_one_tenant_leads_to_no_message_of_another(
    database: apsw.Connection, statement: Statement, asker: str
) -> None:
    """Labels are kept twice: neither copy is trusted to be about a message of the same tenant."""
    swapped = f"UPDATE message_labels SET tenant_id = '{THEIRS}'"
    assert ([], 0) == done(database, statement, bound(statement, asker, match='"tea"'), before_it=swapped)
