"""Mail of one mailbox for another on the same server: examined as others would see it, and nobody else is taken for us."""

from __future__ import annotations

import pytest

from mailwright.core.receiving import Peer

BOB = "bob@there.example"


def forwarded(internet, ip, helo, change=lambda path: path):
    """Send to Bob, hand the same message with its return path to Eve from that peer; the SPF result she sees."""
    internet.agent("ada").send(to=BOB, subject="Tea?", text="At four?")
    (got,) = internet.person(BOB).inbox()
    eve = internet.agent("eve")
    internet.inject(got.raw, to=(eve.address,), mail_from=change(got.mail_from), peer=Peer(ip, helo))
    (mail,) = eve.inbox()
    return mail.message.authentication["spf"]["result"]


def test_our_own_courier_has_our_public_address(internet):
    assert "pass" == forwarded(internet, "127.0.0.1", internet.home.ports.settings.hostname)


@pytest.mark.parametrize(
    ("ip", "helo", "change"),
    [
        ("11.255.255.255", "", str),
        ("127.0.0.1", "mx.nowhere.example", str),
        ("127.0.0.1", "", lambda path: path.replace(".", "a.", 1)),
    ],
    ids=["from elsewhere", "of another name", "with a path we never made"],
)
def test_nobody_else_is_taken_for_us(internet, ip, helo, change):
    assert "pass" != forwarded(internet, ip, helo or internet.home.ports.settings.hostname, change)
