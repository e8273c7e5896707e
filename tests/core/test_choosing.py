"""The address of a mailbox whose maker names none, or half of one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core import mailboxes
from mailwright.core.errors import InvalidInput
from mailwright.core.mailboxes import NewMailbox


def create(internet, wanted: NewMailbox):
    return internet.write(lambda tx: mailboxes.create(tx, internet.ports, internet.home.operator, wanted))


def domains(internet):
    return internet.write(lambda tx: tx.domains.page(internet.home.id, None, 10))


def own(internet, at: int | None, name: str = "agents.example") -> None:
    """DNS showed the domain to be the tenant's at that time; None: not yet."""
    domain = next(one for one in domains(internet) if one.name == name)
    internet.write(lambda tx: tx.domains.put(replace(domain, owned_at=at)))


def add(internet, name: str, owned_at: int | None) -> None:
    first = domains(internet)[0]
    row = replace(first, id=internet.ports.ids.new("dom"), name=name, client_id=None, owned_at=owned_at)
    internet.write(lambda tx: tx.domains.add(row))


def test_a_name_is_drawn_and_no_two_are_the_same(internet):
    made = [create(internet, NewMailbox()).address for _ in range(20)]
    assert (20, {"agents.example"}) == (len(set(made)), {one.partition("@")[2] for one in made})


def test_what_is_said_counts(internet):
    assert "ada@agents.example" == create(internet, NewMailbox(username="Ada")).address
    assert "agents.example" == create(internet, NewMailbox(domain="agents.example")).address.partition("@")[2]


def test_the_domain_is_the_one_that_was_first_shown_to_be_ours(internet):
    own(internet, 2000)
    add(internet, "earlier.example", 1000)
    add(internet, "unproven.example", None)
    assert "ada@earlier.example" == create(internet, NewMailbox(username="ada")).address


def test_an_only_domain_needs_no_proof_and_of_several_unproven_ones_none_is_chosen(internet):
    own(internet, None)
    assert "ada@agents.example" == create(internet, NewMailbox(username="ada")).address
    add(internet, "other.example", None)
    with pytest.raises(InvalidInput) as refused:
        create(internet, NewMailbox(username="bob"))
    assert "domain" == refused.value.details[0]["path"]


def test_the_same_client_id_gives_the_address_that_was_drawn_first(internet):
    assert create(internet, NewMailbox(client_id="x")).address == create(internet, NewMailbox(client_id="x")).address


@pytest.mark.parametrize(
    "wanted", [NewMailbox(username="a b"), NewMailbox(username="a@b"), NewMailbox(domain="strangers.test")]
)
def test_halves_that_cannot_be_are_refused(internet, wanted):
    with pytest.raises(InvalidInput):
        create(internet, wanted)
