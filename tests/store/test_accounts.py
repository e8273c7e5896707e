"""Tenants, keys, domains, agents, mailboxes and suppressions: the rows that have names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailwright.core.model import Active
from mailwright.core.ports import Store, Taken

from .examples import (
    AGENT,
    DOMAIN,
    KEY,
    MAILBOX,
    OURS,
    REPORT,
    SUPPRESSION,
    TENANT,
    THEIRS,
    WEBHOOK,
    adding,
    asking,
    ids,
    numbered,
)

NAMED = [
    ("keys", KEY, {"secret_hash": lambda n: str(n) * 64}),
    ("domains", DOMAIN, {"name": lambda n: f"d{n}.example", "client_id": lambda n: f"c{n}"}),
    ("agents", AGENT, {"name": lambda n: f"a{n}", "client_id": lambda n: f"c{n}"}),
    ("mailboxes", MAILBOX, {"address": lambda n: f"a{n}@here.example", "client_id": lambda n: f"c{n}"}),
    ("suppressions", SUPPRESSION, {"address": lambda n: f"a{n}@there.example"}),
    ("reports", REPORT, {"report_id": lambda n: f"r-{n}"}),
    ("webhooks", WEBHOOK, {"client_id": lambda n: f"c{n}"}),
]


@pytest.mark.parametrize(("table", "row", "names"), NAMED)
async def test_a_row_comes_back_as_it_was_added(store: Store, table: str, row: Any, names: dict[str, Any]) -> None:
    await adding(store, table, row)
    assert row == await asking(store, lambda tx: getattr(tx, table).get(OURS, row.id))


@pytest.mark.parametrize(("table", "row", "names"), NAMED)
async def test_an_id_is_taken_once(store: Store, table: str, row: Any, names: dict[str, Any]) -> None:
    await adding(store, table, row)
    other = replace(row, **{name: of(2) for name, of in names.items()})
    with pytest.raises(Taken):
        await adding(store, table, other)


@pytest.mark.parametrize(("table", "row", "names"), NAMED)
async def test_pages_go_on_by_id_even_after_their_last_row_is_removed(
    store: Store, table: str, row: Any, names: dict[str, Any]
) -> None:
    await adding(store, table, *numbered(row, 5, **names)[::-1])
    first = await asking(store, lambda tx: getattr(tx, table).page(OURS, None, 2))
    assert ["1", "2"] == ids(first)
    assert await store.write(lambda tx: getattr(tx, table).remove(OURS, first[-1].id))
    second = await asking(store, lambda tx: getattr(tx, table).page(OURS, first[-1].id, 2))
    assert ["3", "4"] == ids(second)
    assert ["5"] == ids(await asking(store, lambda tx: getattr(tx, table).page(OURS, second[-1].id, 2)))


@pytest.mark.parametrize(("table", "row", "names"), NAMED)
async def test_a_removed_row_is_gone_and_removing_it_again_says_so(
    store: Store, table: str, row: Any, names: dict[str, Any]
) -> None:
    await adding(store, table, row)
    assert await store.write(lambda tx: getattr(tx, table).remove(OURS, row.id)) is True
    assert await store.write(lambda tx: getattr(tx, table).remove(OURS, row.id)) is False
    assert await asking(store, lambda tx: getattr(tx, table).get(OURS, row.id)) is None


@pytest.mark.parametrize(("table", "row", "names"), NAMED)
async def test_putting_a_row_that_is_not_there_is_a_mistake(store: Store, table: str, row: Any, names: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        await store.write(lambda tx: getattr(tx, table).put(row))


@pytest.mark.parametrize(
    ("table", "row", "change"),
    [
        ("keys", KEY, {"id": "key_2"}),
        ("domains", DOMAIN, {"id": "dom_2", "client_id": None}),
        ("domains", DOMAIN, {"id": "dom_2", "client_id": None, "tenant_id": THEIRS}),
        ("domains", DOMAIN, {"id": "dom_2", "name": "other.example"}),
        ("agents", AGENT, {"id": "agt_2", "client_id": None}),
        ("agents", AGENT, {"id": "agt_2", "name": "other"}),
        ("mailboxes", MAILBOX, {"id": "mbx_2", "client_id": None, "address": "aDA@here.example"}),
        ("mailboxes", MAILBOX, {"id": "mbx_2", "address": "other@here.example"}),
        ("suppressions", SUPPRESSION, {"id": "sup_2"}),
        ("reports", REPORT, {"id": "rpt_2"}),
        ("webhooks", WEBHOOK, {"id": "whk_2"}),
    ],
)
async def test_a_name_is_taken_once(store: Store, table: str, row: Any, change: dict[str, Any]) -> None:
    await adding(store, table, row)
    with pytest.raises(Taken):
        await adding(store, table, replace(row, **change))


@pytest.mark.parametrize(
    ("table", "row", "change"),
    [
        ("agents", AGENT, {"id": "agt_2", "tenant_id": THEIRS}),
        ("agents", AGENT, {"id": "agt_2", "name": "other", "client_id": None}),
        ("domains", DOMAIN, {"id": "dom_2", "name": "other.example", "tenant_id": THEIRS}),
        ("mailboxes", MAILBOX, {"id": "mbx_2", "address": "other@here.example", "client_id": None}),
        ("suppressions", SUPPRESSION, {"id": "sup_2", "tenant_id": THEIRS}),
        ("webhooks", WEBHOOK, {"id": "whk_2", "tenant_id": THEIRS}),
    ],
)
async def test_names_within_a_tenant_and_missing_client_ids_take_nothing_from_others(
    store: Store, table: str, row: Any, change: dict[str, Any]
) -> None:
    await adding(store, table, replace(row, client_id=None) if change.get("client_id", "") is None else row)
    await adding(store, table, replace(row, **change))


async def test_a_script_that_catches_taken_goes_on(store: Store) -> None:
    async def script(tx: Any) -> None:
        try:
            await tx.agents.add(replace(AGENT, id="agt_2", client_id=None))
        except Taken:
            await tx.agents.add(replace(AGENT, id="agt_2", client_id=None, name="ada-2"))

    await adding(store, "agents", AGENT)
    await store.write(script)
    assert ["1", "2"] == ids(await asking(store, lambda tx: tx.agents.page(OURS, None, 9)))


async def test_renaming_to_a_taken_name_is_refused(store: Store) -> None:
    other = replace(AGENT, id="agt_2", name="bob", client_id=None)
    await adding(store, "agents", AGENT, other)
    with pytest.raises(Taken):
        await store.write(lambda tx: tx.agents.put(replace(other, name="ada")))


async def test_a_put_replaces_everything(store: Store) -> None:
    await adding(store, "agents", AGENT)
    changed = replace(AGENT, name="lin", status=Active.PAUSED, responsible=None, client_id="later")
    await store.write(lambda tx: tx.agents.put(changed))
    assert changed == await asking(store, lambda tx: tx.agents.get(OURS, AGENT.id))
    assert changed == await asking(store, lambda tx: tx.agents.by_client_id(OURS, "later"))
    assert await asking(store, lambda tx: tx.agents.by_client_id(OURS, "first-agent")) is None


async def test_tenants_are_listed_by_id(store: Store) -> None:
    tenants = numbered(TENANT, 3)
    await adding(store, "tenants", *tenants[::-1])
    assert tenants[:2] == await asking(store, lambda tx: tx.tenants.page(None, 2))
    assert tenants[2:] == await asking(store, lambda tx: tx.tenants.page(tenants[1].id, 2))
    assert tenants[1] == await asking(store, lambda tx: tx.tenants.get("ten_2"))
    with pytest.raises(Taken):
        await adding(store, "tenants", tenants[0])


async def test_a_key_is_found_by_its_hash_and_remembers_its_last_use(store: Store) -> None:
    await adding(store, "keys", KEY)
    await store.write(lambda tx: tx.keys.touch(KEY.id, 42))
    assert replace(KEY, last_used_at=42) == await asking(store, lambda tx: tx.keys.by_hash(KEY.secret_hash))
    assert await asking(store, lambda tx: tx.keys.by_hash("b" * 64)) is None
    assert await asking(store, lambda tx: tx.keys.by_client_id(OURS, "x")) is None


async def test_domains_and_mailboxes_are_found_by_name_across_tenants(store: Store) -> None:
    await adding(store, "domains", DOMAIN)
    await adding(store, "mailboxes", MAILBOX)
    assert DOMAIN == await asking(store, lambda tx: tx.domains.by_name("here.example"))
    assert await asking(store, lambda tx: tx.domains.by_name("HERE.example")) is None
    assert MAILBOX == await asking(store, lambda tx: tx.mailboxes.by_address("aDa@HERE.example"))
    assert await asking(store, lambda tx: tx.mailboxes.by_address("ada@there.example")) is None


async def test_a_name_may_be_claimed_by_many_tenants_and_owned_by_one(store: Store) -> None:
    claim = replace(DOMAIN, id="dom_2", tenant_id=THEIRS, owned_at=None, client_id=None)
    box = replace(MAILBOX, id="mbx_2", tenant_id=THEIRS, domain_id="dom_2", client_id=None)
    await adding(store, "domains", claim)
    await adding(store, "mailboxes", box)
    assert await asking(store, lambda tx: tx.domains.by_name(DOMAIN.name)) is None
    assert await asking(store, lambda tx: tx.mailboxes.by_address(MAILBOX.address)) is None
    await adding(store, "domains", DOMAIN)
    await adding(store, "mailboxes", MAILBOX)
    assert DOMAIN == await asking(store, lambda tx: tx.domains.by_name(DOMAIN.name))
    assert MAILBOX == await asking(store, lambda tx: tx.mailboxes.by_address(MAILBOX.address))
    assert claim == await asking(store, lambda tx: tx.domains.named(THEIRS, DOMAIN.name))
    assert box == await asking(store, lambda tx: tx.mailboxes.addressed(THEIRS, MAILBOX.address.upper()))
    assert await asking(store, lambda tx: tx.domains.named("ten_9", DOMAIN.name)) is None
    with pytest.raises(Taken):
        await adding(store, "domains", replace(claim, id="dom_3"))
    with pytest.raises(Taken):
        await adding(store, "domains", replace(DOMAIN, id="dom_3", tenant_id="ten_9", client_id=None))
    with pytest.raises(Taken):
        await adding(store, "mailboxes", replace(box, id="mbx_3"))


async def test_agents_are_found_by_id_or_by_name_across_tenants_the_eldest_first(store: Store) -> None:
    young = replace(AGENT, id="agt_0", tenant_id=THEIRS, created_at=AGENT.created_at + 1)
    await adding(store, "agents", young, AGENT)
    assert [AGENT, young] == await asking(store, lambda tx: tx.agents.named("ada"))
    assert [young] == await asking(store, lambda tx: tx.agents.named("agt_0"))
    assert [] == await asking(store, lambda tx: tx.agents.named("Ada"))


async def test_mailboxes_are_found_by_domain_and_by_agent(store: Store) -> None:
    boxes = numbered(
        MAILBOX, 4, address=lambda n: f"a{n}@x.example", client_id=lambda n: None, agent_id=lambda n: f"agt_{n % 2}"
    )
    await adding(store, "mailboxes", *boxes)
    assert ["1", "2", "3"] == ids(await asking(store, lambda tx: tx.mailboxes.of_domain(OURS, "dom_1", 3)))
    assert ["1", "3"] == ids(await asking(store, lambda tx: tx.mailboxes.of_agent(OURS, "agt_1")))
    assert [] == await asking(store, lambda tx: tx.mailboxes.of_domain(OURS, "dom_2", 3))


async def test_uids_and_modseqs_are_given_out_once_and_only_rise(store: Store) -> None:
    """I8."""
    await adding(store, "mailboxes", MAILBOX)
    assert (1, 2) == await store.write(lambda tx: tx.mailboxes.advance(MAILBOX.id, 2))
    assert (3, 3) == await store.write(lambda tx: tx.mailboxes.advance(MAILBOX.id, 0))
    assert (3, 4) == await store.write(lambda tx: tx.mailboxes.advance(MAILBOX.id, 1))
    with pytest.raises(KeyError):
        await store.write(lambda tx: tx.mailboxes.advance("mbx_2", 1))


async def test_a_mailbox_that_mail_is_filed_in_is_advanced_and_read_at_once_for_its_own_tenant(store: Store) -> None:
    """I8, S26."""
    await adding(store, "mailboxes", MAILBOX)
    after = replace(MAILBOX, uid_next=MAILBOX.uid_next + 1, modseq=MAILBOX.modseq + 1)
    assert after == await store.write(lambda tx: tx.mailboxes.advanced(OURS, MAILBOX.id))
    assert after == await asking(store, lambda tx: tx.mailboxes.get(OURS, MAILBOX.id))
    assert await store.write(lambda tx: tx.mailboxes.advanced(THEIRS, MAILBOX.id)) is None
    assert await store.write(lambda tx: tx.mailboxes.advanced(OURS, "mbx_2")) is None
    assert after == await asking(store, lambda tx: tx.mailboxes.get(OURS, MAILBOX.id))


async def test_putting_an_old_copy_of_a_mailbox_does_not_turn_its_counters_back(store: Store) -> None:
    """I8."""
    await adding(store, "mailboxes", MAILBOX)
    await store.write(lambda tx: tx.mailboxes.advance(MAILBOX.id, 5))
    await store.write(lambda tx: tx.mailboxes.put(replace(MAILBOX, display_name="Countess", uid_validity=1)))
    found = await asking(store, lambda tx: tx.mailboxes.get(OURS, MAILBOX.id))
    assert replace(MAILBOX, display_name="Countess", uid_next=6, modseq=2) == found


async def test_suppressions_match_letter_for_letter(store: Store) -> None:
    rows = numbered(SUPPRESSION, 3, address=lambda n: f"a{n}@there.example")
    await adding(store, "suppressions", *rows)
    asked = ["a3@there.example", "a1@there.example", "x@there.example", "A2@there.example"]
    assert ["1", "3"] == ids(await asking(store, lambda tx: tx.suppressions.matching(OURS, asked)))
    assert [] == await asking(store, lambda tx: tx.suppressions.matching(OURS, []))
