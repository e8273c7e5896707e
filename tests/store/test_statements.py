"""The SQL itself: that it names the tenant, walks along indexes, and says what it is for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

import mailwright.store as package
from mailwright.store import statements
from mailwright.store.migrations import known
from mailwright.store.sqlite.connection import opened
from mailwright.store.statements import Columns, Statement, load
from mailwright.store.tables import (
    accounts,
    approvals,
    audit,
    blobs,
    deliveries,
    events,
    idempotency,
    messages,
    nonces,
    reports,
    suppressions,
    threads,
    webhooks,
)

FOLDER = Path(package.__file__).parent

LOADED = [
    accounts._TENANTS,
    accounts._KEYS,
    accounts._DOMAINS,
    accounts._AGENTS,
    accounts._MAILBOXES,
    messages._SQL,
    threads._SQL,
    deliveries._SQL,
    deliveries._ATTEMPTS,
    approvals._SQL,
    events._SQL,
    webhooks._SQL,
    webhooks._DELIVERIES,
    suppressions._SQL,
    reports._SQL,
    audit._SQL,
    idempotency._SQL,
    nonces._SQL,
    blobs._SQL,
    load("migrations"),
    load("checks"),
]
STATEMENTS = [statement for group in LOADED for statement in group.values()]

# S26: statements that serve more than one tenant, or rows that belong to none, each with its reason.
ACROSS_TENANTS = {
    "tenants.get": "tenants belong to nobody",
    "tenants.page": "tenants belong to nobody",
    "keys.by_hash": "a request's key is what says which tenant it is of",
    "keys.touch": "the key was found by its hash just before",
    "domains.by_name": "incoming mail names a domain, no tenant",
    "mailboxes.by_address": "incoming mail names an address, no tenant",
    "mailboxes.advance": "the mailbox was found by its tenant or its address, and ids can't be guessed",
    "messages.index": "seqs were found by tenant and id in the same transaction",
    "messages.forget": "as index",
    "messages.unindexed": "the index of words is made for all tenants; it hands nothing out",
    "threads.candidates": "within one mailbox, found as for advance",
    "threads.remember": "within one mailbox, found as for advance",
    "deliveries.get": "a return path names a delivery and is signed by us",
    "deliveries.due": "the queue is worked for all tenants",
    "deliveries.due_elsewhere": "the queue is worked for all tenants",
    "deliveries.claim": "the queue is worked for all tenants",
    "deliveries.held": "what comes back is compared with rows that name their tenant",
    "deliveries.next_due": "the queue is worked for all tenants",
    "deliveries.latest": "the queue is worked for all tenants",
    "deliveries.catch_up": "the queue is worked for all tenants",
    "deliveries.release": "the queue is worked for all tenants",
    "attempts.open": "of a delivery that was claimed",
    "attempts.abandoned": "whoever tried died with the server that ran before",
    "approvals.overdue": "time is over for all tenants",
    "webhooks.active": "one loop tells for all tenants",
    "webhooks.behind": "events are told for all tenants, each webhook those of its own",
    "webhook_deliveries.under_way": "the queue is worked for all tenants",
    "webhook_deliveries.due": "the queue is worked for all tenants",
    "webhook_deliveries.due_elsewhere": "the queue is worked for all tenants",
    "webhook_deliveries.claim": "the queue is worked for all tenants",
    "webhook_deliveries.next_due": "the queue is worked for all tenants",
    "webhook_deliveries.latest": "the queue is worked for all tenants",
    "webhook_deliveries.catch_up": "the queue is worked for all tenants",
    "webhook_deliveries.release": "the queue is worked for all tenants",
    "audit.head": "one chain of hashes goes through all tenants",
    "audit.whole": "one chain of hashes goes through all tenants, and is verified by whoever has the file",
    "agents.of_id": "whoever asks for a public key has no tenant",
    "agents.named": "as of_id",
    "nonces.add": "within one mailbox, found as for advance",
    "nonces.forget_before": "identities expire for all tenants",
    "idempotency.forget_before": "answers grow old for all tenants",
    "blobs.add": "blobs are reached through a message alone",
    "blobs.get": "blobs are reached through a message alone",
    "blobs.remove": "blobs are reached through a message alone",
    "blobs.files": "files are swept for all tenants; it hands nothing out",
}

# Statements that may read a whole table, each with its reason.
WHOLE_TABLES = {
    "blobs.files": "maintenance, in a thread",
    "migrations.done": "a handful of rows",
    "tenants.page": "a walk along the primary key",
    "audit.head": "the last row by the primary key",
}


def name_of(statement: Statement) -> str:
    """noun.name"""
    return f"{statement.noun}.{statement.name}"


@pytest.fixture(scope="module")
def database() -> Iterator[apsw.Connection]:
    """An empty database with every table."""
    connection = opened(Path(":memory:"))
    connection.execute(load("migrations")["create"].sqlite)
    for migration in known():
        connection.execute(migration.script).fetchall()
    yield connection
    connection.close()


def test_what_is_bound_chooses_no_plan(database: apsw.Connection) -> None:
    """Else SQLite makes the plan anew whenever something else is bound."""
    assert 1 == database.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1)


def test_s26_every_statement_names_the_tenant_or_has_a_reason_not_to() -> None:
    """S26, FV-4."""
    without = set()
    for statement in STATEMENTS:
        inserted = re.match(r"INSERT INTO \w+ \(([^)]*)\)", statement.sqlite)
        text = inserted[1] if inserted else " ".join(re.split(r"\b(?:WHERE|ON)\b", statement.sqlite)[1:])
        binds = inserted or re.search(r'tenant_id"? = \?', statement.sqlite)
        if "tenant_id" not in text or not binds:
            without.add(name_of(statement))
    maintenance = {name_of(one) for one in STATEMENTS if one.noun in ("migrations", "checks")} | {"tenants.add"}
    assert set(ACROSS_TENANTS) == without - maintenance


def test_every_statement_says_what_it_is_for() -> None:
    assert [] == [name_of(one) for one in STATEMENTS if not one.purpose.endswith(".")]


def test_every_statement_is_run_by_the_table_of_its_noun_and_every_one_run_is_there() -> None:
    used: dict[str, set[str]] = {}
    for path in (FOLDER / "tables").glob("*.py"):
        source = path.read_text()
        names = set(re.findall(r'(?:_[A-Z]+|self\._sql)\["(\w+)"\]', source))
        names |= set(re.findall(r'self\._(?:one|known|all|changed)\(\s*"(\w+)"', source))
        used[path.stem] = names
    used["snapshot"] = set(re.findall(r'_AUDIT\["(\w+)"\]', (FOLDER / "sqlite/snapshot.py").read_text()))
    everywhere = set().union(*used.values())
    for statement in STATEMENTS:
        if statement.noun not in ("migrations", "checks"):
            assert statement.name in everywhere, name_of(statement)
    assert everywhere <= {statement.name for statement in STATEMENTS}


def test_every_statement_fits_the_schema_and_walks_along_an_index(database: apsw.Connection) -> None:
    scans = {}
    for statement in STATEMENTS:
        values = [None] * len(statement.arguments)
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement.sqlite}", values)]
        whole = [
            step
            for step in plan
            if re.match(r"SCAN (?!named|asked|json_each|value|heads|oldest|first_rows|CONSTANT)\w+$", step)
        ]
        if whole and statement.noun != "checks":
            scans[name_of(statement)] = whole
    assert set() == set(scans) - set(WHOLE_TABLES), scans


@pytest.mark.parametrize(
    ("noun", "name", "index"),
    [
        ("messages", "page", "messages_of_tenant"),
        ("messages", "forwarded_since", "messages_forwarded"),
        ("messages", "page_of_mailbox", "messages_of_mailbox"),
        ("messages", "page_of_thread", "messages_of_thread"),
        ("messages", "of_thread", "messages_of_thread"),
        ("threads", "page", "threads_of_tenant"),
        ("threads", "page_of_mailbox", "threads_of_mailbox"),
        ("deliveries", "due", "deliveries_due"),
        ("deliveries", "due_elsewhere", "deliveries_by_domain"),
        ("deliveries", "next_due", "deliveries_due"),
        ("deliveries", "release", "deliveries_leased"),
        ("deliveries", "catch_up", "deliveries_due"),
        ("deliveries", "latest", "deliveries_due"),
        ("attempts", "open", "attempts_open"),
        ("attempts", "abandoned", "attempts_open"),
        ("deliveries", "hurry", "deliveries_due"),
        ("approvals", "overdue", "approvals_overdue"),
        ("approvals", "page_of_status", "approvals_by_status"),
        ("events", "after", "events_of_tenant"),
        ("events", "after_of_mailbox", "events_of_mailbox"),
        ("webhooks", "behind", "webhooks_active"),
        ("webhook_deliveries", "due", "webhook_deliveries_due"),
        ("webhook_deliveries", "catch_up", "webhook_deliveries_due"),
        ("webhook_deliveries", "latest", "webhook_deliveries_due"),
        ("webhook_deliveries", "page", "webhook_deliveries_page"),
        ("webhook_deliveries", "under_way", "webhook_deliveries_leased"),
        ("audit", "page", "audit_of_tenant"),
        ("audit", "page_of_subject", "audit_of_subject"),
        ("audit", "page_of_mailbox", "audit_of_mailbox"),
        ("audit", "page_of_agent", "audit_of_agent"),
        ("audit", "refusals", "audit_refusals"),
    ],
)
def test_lists_and_claims_come_out_of_an_index_already_in_order(
    database: apsw.Connection, noun: str, name: str, index: str
) -> None:
    (statement,) = [one for one in STATEMENTS if (one.noun, one.name) == (noun, name)]
    plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement.sqlite}", [None] * len(statement.arguments))]
    assert any(index in step for step in plan), plan
    sorted_at_all = [step for step in plan if "TEMP B-TREE" in step]
    # `due` sorts the rows of its window again, which is bounded.
    assert (1 if name == "due" else 0) >= len(sorted_at_all), plan


def test_s23_python_holds_no_sql() -> None:
    """Except for what no file could hold: pragmas, and the beginnings and ends of transactions."""
    allowed = re.compile(r"\s*(PRAGMA|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b")
    suspicious = re.compile(
        r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER)\b.*\b(FROM|INTO|SET|TABLE|INDEX|WHERE)\b", re.DOTALL
    )
    found = []
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if suspicious.search(text) and not allowed.match(text):
                found.append((path.name, text))
    assert [] == found


# --- the loader ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of statements of our own."""
    (tmp_path / "queries/postgres").mkdir(parents=True)
    monkeypatch.setattr(statements, "files", lambda package: tmp_path)
    return tmp_path / "queries"


def test_arguments_are_numbered_in_the_order_of_the_heading(folder: Path) -> None:
    (folder / "tea.sql").write_text("-- pour(cup, pot)\n-- Pour\n-- it.\nSELECT :pot, :cup, :pot, x::text;\n")
    assert (
        Statement("tea", "pour", "Pour it.", ("cup", "pot"), "SELECT ?2, ?1, ?2, x::text", "SELECT $2, $1, $2, x::text")
        == load("tea")["pour"]
    )


def test_columns_and_fragments_are_filled_in(folder: Path) -> None:
    (folder / "tea.sql").write_text(
        "-- {hot}\n-- Hot.\nheat > 9\n\n-- {some}\n-- Some.\nid = :id AND {hot}\n\n"
        "-- add({inserted})\n-- A.\nINSERT INTO tea ({inserted}) VALUES ({values});\n\n"
        "-- put(id, {changed})\n-- P.\nUPDATE tea SET {assignments} WHERE {some};\n\n"
        "-- get(id)\n-- G.\nSELECT {columns} FROM tea WHERE {some}"
    )
    found = load("tea", Columns(("id", "to"), ("id", "to"), ("to",)))
    assert 'INSERT INTO tea ("id", "to") VALUES (?1, ?2)' == found["add"].sqlite
    assert 'UPDATE tea SET "to" = ?2 WHERE id = ?1 AND heat > 9' == found["put"].sqlite
    assert 'SELECT "id", "to" FROM tea WHERE id = $1 AND heat > 9' == found["get"].postgres


def test_postgres_may_be_told_otherwise(folder: Path) -> None:
    (folder / "tea.sql").write_text(
        "-- {hot}\n-- Hot.\nheat\n\n-- pour(cup)\n-- P.\nSELECT {hot}, :cup\n\n-- sip()\n-- S.\nSELECT {hot}"
    )
    (folder / "postgres/tea.sql").write_text("-- {hot}\n-- Hot.\nwarmth\n\n-- pour(cup)\n-- P.\nSELECT :cup, {hot}")
    found = load("tea")
    assert ("SELECT heat, ?1", "SELECT $1, warmth") == (found["pour"].sqlite, found["pour"].postgres)
    assert ("SELECT heat", "SELECT warmth") == (found["sip"].sqlite, found["sip"].postgres)


@pytest.mark.parametrize(
    ("text", "override"),
    [
        ("-- pour(cup)\n-- P.\nSELECT 1", ""),
        ("-- pour()\n-- P.\nSELECT :cup", ""),
        ("-- pour()\n-- P.\nSELECT 1\n\n-- pour()\n-- P.\nSELECT 2", ""),
        ("-- pour()\n-- P.\nSELECT 1", "-- spill()\n-- S.\nSELECT 1"),
    ],
    ids=["unused argument", "unknown argument", "twice", "override of nothing"],
)
def test_what_does_not_fit_together_is_told_when_it_is_loaded(folder: Path, text: str, override: str) -> None:
    (folder / "tea.sql").write_text(text)
    (folder / "postgres/tea.sql").write_text(override)
    with pytest.raises(ValueError):
        load("tea")
