"""From the envelope to a message that is filed: for whom, with what trace, and what is refused."""

from __future__ import annotations

import pytest

from mailwright.core.model import MessageStatus

BOB = "bob@there.example"


def fields(trace: bytes) -> list[str]:
    return [line.partition(b":")[0].decode() for line in trace.split(b"\r\n") if line and not line.startswith((b"\t", b" "))]


def test_the_trace_names_the_recipient_of_this_copy(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    internet.person(BOB).write(ada.address, "Tea?", cc=(eve.address,))
    internet.inject(b"From: bob@there.example\r\n\r\nHi\r\n", to=(ada.address, "eve+tag@agents.example"))
    (*_, mine), (*_, yours) = ada.inbox(), eve.inbox()
    assert b"\r\nDelivered-To: ada@agents.example\r\n" in mine.message.trace
    assert b"\r\nDelivered-To: eve+tag@agents.example\r\n" in yours.message.trace
    assert ["Return-Path", "Delivered-To", "Authentication-Results", "Received"] == fields(mine.message.trace)


def test_SM8_a_message_that_comes_back_with_its_trace_is_refused(internet):
    ada, bob = internet.agent("ada"), internet.person(BOB)
    bob.write(ada.address, "Tea?", "At four?")
    (mail,) = ada.inbox()
    again = bob.send_raw(mail.message.trace + mail.raw, ada.address, signed=False)
    assert ("5.4.6", MessageStatus.RECEIVED, 1) == (again.enhanced, mail.status, len(ada.inbox()))


@pytest.mark.parametrize("author", ["a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "a@two..dots.example"])
def test_an_author_without_a_domain_is_refused_for_that(internet, author):
    outcome = internet.inject(f"From: {author}\r\n\r\nHi\r\n".encode(), to=(internet.agent("ada").address,))
    assert 550 == outcome.code
    assert "The author can't be authenticated: From names a domain that is none." == outcome.text


COMPOSED, TAKEN_APART = "jos\u00e9", "jose\u0301"


@pytest.mark.parametrize(("made", "written"), [(COMPOSED, TAKEN_APART), (TAKEN_APART, COMPOSED), ("JOS\u00c9", TAKEN_APART)])
def test_an_address_is_the_same_however_its_letters_are_put_together(internet, made, written):
    jose = internet.agent(f"{made}@agents.example")
    assert f"{COMPOSED}@agents.example" == jose.address
    outcome = internet.inject(b"From: bob@there.example\r\n\r\nHi\r\n", to=(f"{written}@agents.example",))
    assert (250, 1) == (outcome.code, len(jose.inbox()))
