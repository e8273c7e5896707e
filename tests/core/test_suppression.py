"""Who must not be written to: listed once, in one form, by tenant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core import suppression
from mailwright.core.errors import InvalidInput, NotFound

BOB = "bob@there.example"


def add(internet, address: str, reason: str = "manual", caller=None, **more):
    by = caller or internet.home.operator
    return internet.write(lambda tx: suppression.add(tx, internet.ports, by, address, reason, **more))


def suppressed(internet, *addresses: str, tenant_id: str | None = None):
    return internet.read(lambda tx: suppression.suppressed(tx, tenant_id or internet.home.id, addresses))


def page(internet, caller=None, after: str | None = None, limit: int = 10):
    return internet.do(suppression.page(internet.ports, caller or internet.home.operator, after, limit))


def test_an_address_is_listed_told_and_logged(internet):
    entry = add(internet, "Bob <Bob@There.Example>", "complaint", detail="abuse", message_id="msg_1")
    assert (BOB, "complaint", "abuse", "msg_1", internet.clock.now()) == (
        entry.address,
        entry.reason,
        entry.detail,
        entry.message_id,
        entry.created_at,
    )
    (event,) = internet.events("suppression.added")
    assert {"suppression_id": entry.id, "address": BOB, "reason": "complaint", "message_id": "msg_1"} == event.data
    (logged,) = internet.audit(subject=entry.id)
    assert ("suppression.added", {"reason": "complaint"}) == (logged.action, logged.data)


def test_an_address_that_is_listed_stays_as_it_is_and_is_not_told_again(internet):
    first = add(internet, BOB, "hard_bounce")
    assert first == add(internet, "BOB@there.example", "complaint")
    assert ([first], 1) == (page(internet), len(internet.events("suppression.added")))


@pytest.mark.parametrize("address", ["", "bob", "bob@", "@there.example", "a@b.example, c@d.example", "bob@[192.0.2.1]"])
def test_what_is_no_address_is_refused(internet, address):
    with pytest.raises(InvalidInput, match="address"):
        add(internet, address)


@pytest.mark.parametrize(
    ("listed", "written"),
    [
        (BOB, "BOB@There.Example"),
        ("Bob+tag@there.example", "bob+TAG@there.example"),
        ("bob@bücher.example", "bob@xn--bcher-kva.example"),
        ('"a b"@there.example', '"a b"@there.example'),
        ('"A.B"@there.example', "a.b@there.example"),
        ("jürgen@there.example", "JÜRGEN@there.example"),
    ],
)
@pytest.mark.slow
def test_s11_an_address_is_found_in_the_forms_in_which_an_envelope_has_it(internet, listed, written):
    entry = add(internet, listed)
    assert {written: entry} == suppressed(internet, written, "carol@there.example")


def test_a_listed_address_that_must_be_quoted_is_left_out(internet):
    add(internet, '"a b"@there.example')
    sent = internet.agent("ada").send(to=('"a b"@there.example', BOB), subject="Tea?")
    assert {'"a b"@there.example': "suppressed", BOB: "queued"} == {
        address: row.status for address, row in sent.recipients.items()
    }


@pytest.mark.parametrize("other", ["bob+tag@there.example", "bob@sub.there.example", "bo@there.example"])
def test_another_address_is_another_address(internet, other):
    add(internet, BOB)
    assert {} == suppressed(internet, other)


def test_an_entry_may_stand_for_every_label_of_a_name(internet):
    entry = add(internet, "bob+*@there.example")
    labels = ("Bob+tea@there.example", "bob+a+b@there.example", "bob+@there.example")
    assert dict.fromkeys(labels, entry) == suppressed(internet, *labels, BOB, "bobby+tea@there.example", "bob+tea@x.example")
    own = add(internet, "bob+tea@there.example")
    assert {"bob+tea@there.example": own} == suppressed(internet, "bob+tea@there.example")


def test_what_is_taken_off_the_list_is_told_logged_and_may_be_listed_again(internet):
    first = add(internet, BOB)
    operator = internet.home.operator
    internet.write(lambda tx: suppression.remove(tx, internet.ports, operator, first.id))
    assert ({}, []) == (suppressed(internet, BOB), page(internet))
    (event,) = internet.events("suppression.removed")
    assert {"suppression_id": first.id, "address": BOB} == event.data
    assert ["suppression.added", "suppression.removed"] == [entry.action for entry in internet.audit(subject=first.id)]
    with pytest.raises(NotFound):
        internet.write(lambda tx: suppression.remove(tx, internet.ports, operator, first.id))
    assert first.id != add(internet, BOB).id


def test_S26_each_tenant_has_a_list_of_its_own(internet):
    rival = internet.tenant("rival.example")
    entry = add(internet, BOB)
    assert ({}, []) == (suppressed(internet, BOB, tenant_id=rival.id), page(internet, rival.operator))
    with pytest.raises(NotFound):
        internet.write(lambda tx: suppression.remove(tx, internet.ports, rival.operator, entry.id))
    assert rival.id == add(internet, BOB, caller=rival.operator).tenant_id


def test_the_list_is_read_page_by_page(internet):
    entries = [add(internet, f"p{n}@there.example") for n in range(3)]
    assert (entries[:2], entries[2:]) == (page(internet, limit=2), page(internet, after=entries[1].id))


def ask(internet, address: str, caller=None):
    return internet.do(suppression.of_address(internet.ports, caller or internet.home.operator, address))


def test_one_address_is_asked_for_in_any_of_its_forms(internet):
    entry = add(internet, "bob+*@there.example")
    assert entry == ask(internet, "Bob <BOB+tea@There.example>")
    assert ask(internet, BOB) is None
    with pytest.raises(InvalidInput, match="address"):
        ask(internet, "bob")


def test_S26_a_key_of_one_mailbox_learns_of_an_address_and_of_no_mail_but_its_own(internet):
    ada, eve = (internet.agent(name) for name in ("ada", "eve"))
    theirs, hers = (replace(internet.home.operator, mailbox_id=one.mailbox_id) for one in (eve, ada))
    sent = ada.send(to=("carol@there.example",), subject="Tea?")
    entry = add(internet, BOB, "hard_bounce", detail="550 no such user", message_id=sent.id)
    noted = add(internet, "dave@there.example", detail="asked us on the telephone")
    assert entry == ask(internet, BOB, hers)
    assert replace(entry, detail=None, message_id=None) == ask(internet, BOB, theirs)
    assert replace(noted, detail=None) == ask(internet, noted.address, hers)
    for caller in (hers, replace(internet.home.operator, agent_id=ada.mailbox.agent_id)):
        with pytest.raises(InvalidInput, match="one address at a time"):
            page(internet, caller)
    assert entry == ask(internet, BOB, replace(internet.home.operator, agent_id=ada.mailbox.agent_id))
