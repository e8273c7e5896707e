"""Whose a name is: whoever adds it first takes nothing from whom DNS shows to own it."""

from __future__ import annotations

import pytest

from mailwright.core import domains, mailboxes, receiving
from mailwright.core.domains import NewDomain
from mailwright.core.errors import RelayDenied
from mailwright.core.model import Alignment, DkimKey, Domain
from mailwright.core.ports import Settings
from mailwright.core.records import records
from mailwright.testing.internet import Internet

NAME = "there.example"


class Party:
    """A tenant that wants the name."""

    def __init__(self, internet, tenant, mark: str) -> None:
        self.internet, self.tenant, self.operator = internet, tenant, tenant.operator
        keys = (DkimKey(f"r{mark}", "rsa-sha256", "", f"v=DKIM1; k=rsa; p={mark * 4}"),)
        self.id = self._write(lambda tx: domains.add(tx, internet.ports, self.operator, NewDomain(NAME, keys))).id
        wanted = mailboxes.NewMailbox(f"desk@{NAME}")
        self.mailbox = self._write(lambda tx: mailboxes.create(tx, internet.ports, self.operator, wanted))

    def _write(self, script):
        return self.internet.write(script)

    @property
    def domain(self) -> Domain:
        return self.internet.do(domains.get(self.internet.ports, self.operator, self.id))

    def publish(self, *purposes: str) -> None:
        found = records(self.domain, self.internet.ports.settings)
        self.internet.dns.add((r.name, r.type.value, r.value) for r in found if not purposes or r.purpose in purposes)

    def withdraw_key(self) -> None:
        self.internet.withdraw(f"{self.domain.dkim_keys[0].selector}._domainkey.{NAME}")

    def verify(self) -> Domain:
        checks = self.internet.do(domains.inspect(self.internet.ports, self.operator, self.id))
        return self._write(lambda tx: domains.verified(tx, self.internet.ports, self.operator, self.id, checks))

    def lost(self) -> list[str]:
        return [entry.action for entry in self.tenant.audit(subject=self.id) if entry.action == "domain.lost"]


@pytest.fixture
def squatter(internet) -> Party:
    return Party(internet, internet.tenant("rival.example"), "A")


@pytest.fixture
def owner(internet, squatter) -> Party:
    """Somebody who comes second, and to whom the name belongs."""
    return Party(internet, internet.home, "B")


def mailbox_of(internet, address=f"desk@{NAME}"):
    found = internet.do(receiving.recipient(internet.ports, address))
    return found.mailbox and found.mailbox.id


def test_whose_key_dns_shows_owns_the_name_whoever_came_first(internet, squatter, owner):
    owner.publish()
    assert (Alignment.ALIGNED, internet.clock.now()) == (owner.verify().status, owner.domain.owned_at)
    assert (Alignment.PENDING, None) == (squatter.verify().status, squatter.domain.owned_at)
    assert owner.mailbox.id == mailbox_of(internet)


def test_before_anybody_has_shown_to_own_it_no_mail_is_received_for_it(internet, squatter, owner):
    for address in (f"desk@{NAME}", f"postmaster@{NAME}"):
        with pytest.raises(RelayDenied):
            mailbox_of(internet, address)
    squatter.verify()
    with pytest.raises(RelayDenied):
        mailbox_of(internet)


def test_one_key_in_dns_is_proof_enough(internet, squatter, owner):
    owner.publish("dkim")
    assert (Alignment.PENDING, True) == (owner.verify().status, owner.domain.owned_at is not None)
    assert owner.mailbox.id == mailbox_of(internet)


def test_a_second_tenant_whose_key_is_there_too_waits_and_is_told_why(internet, squatter, owner):
    owner.publish()
    owner.verify()
    squatter.publish("dkim")
    found = squatter.verify()
    assert (Alignment.PENDING, None) == (found.status, found.owned_at)
    assert "owned by another tenant" in found.checks["detail"]
    assert owner.mailbox.id == mailbox_of(internet)


def test_a_name_that_changed_hands_goes_to_the_new_owner_once_the_old_keys_are_gone(internet, squatter, owner):
    squatter.publish()
    squatter.verify()
    owner.publish("dkim")
    assert None is owner.verify().owned_at
    squatter.withdraw_key()
    assert (Alignment.ALIGNED, True) == (owner.verify().status, owner.domain.owned_at is not None)
    assert (Alignment.MISALIGNED, None) == (squatter.domain.status, squatter.domain.owned_at)
    assert (["domain.lost"], owner.mailbox.id) == (squatter.lost(), mailbox_of(internet))
    (told,) = squatter.tenant.events("domain.degraded")
    assert (NAME, squatter.id) == (told.data["domain"], told.data["domain_id"])


def test_a_name_is_not_taken_from_its_owner_while_dns_is_silent_about_the_keys(internet, squatter, owner):
    squatter.publish()
    squatter.verify()
    owner.publish("dkim")
    internet.dns_fails(f"{squatter.domain.dkim_keys[0].selector}._domainkey.{NAME}")
    assert None is owner.verify().owned_at
    assert squatter.mailbox.id == mailbox_of(internet)


def test_an_owner_keeps_the_name_though_a_key_is_missing_for_a_while(internet, squatter, owner):
    owner.publish()
    owner.verify()
    owner.withdraw_key()
    assert Alignment.PENDING is owner.verify().status
    assert owner.mailbox.id == mailbox_of(internet)


def test_a_name_that_its_owner_removed_is_free(internet, squatter, owner):
    owner.publish()
    owner.verify()
    internet.write(lambda tx: mailboxes.remove(tx, internet.ports, owner.operator, owner.mailbox.id))
    internet.write(lambda tx: domains.remove(tx, internet.ports, owner.operator, owner.id))
    squatter.publish("dkim")
    assert Alignment.ALIGNED is squatter.verify().status
    assert squatter.mailbox.id == mailbox_of(internet)


def test_nobodys_mail_goes_to_a_squatter_on_the_same_server(internet, squatter):
    internet.person(f"desk@{NAME}")
    sent = internet.agent("ada").send(to=f"desk@{NAME}", subject="Tea?")
    internet.run()
    assert "delivered" == sent.status
    assert [] == squatter.tenant.agent_at(squatter.mailbox.id).inbox()


def test_where_nobody_asks_dns_the_first_tenant_owns_a_name():
    with Internet(settings=Settings(require_alignment=False)) as internet:
        first = Party(internet, internet.home, "A")
        second = Party(internet, internet.tenant("rival.example"), "B")
        assert (True, None) == (first.domain.owned_at is not None, second.domain.owned_at)
        assert first.mailbox.id == mailbox_of(internet)
