"""How the parts are put together."""

from __future__ import annotations

import pytest

from mailwright.app.assembly import settings_of
from mailwright.app.sockets import reachable
from mailwright.config import Config, Policy, Smtp
from mailwright.core.receiving import Peer, envelope_of


@pytest.mark.parametrize(
    ("listening", "reached"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("192.0.2.7", "192.0.2.7"),
        ("127.0.0.2", "127.0.0.2"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
def test_our_own_mail_exchanger_is_reached_where_it_listens(listening: str, reached: str) -> None:
    assert reached == reachable(listening)


def test_a_connection_from_the_listening_address_may_be_our_own() -> None:
    config = Config(smtp=Smtp(host="10.0.0.5"))
    assert "10.0.0.5" in settings_of(config, secret=b"", public_url="").inner_addresses


def test_whom_the_operator_trusts_to_seal_is_known_where_mail_is_looked_at() -> None:
    config = Config(policy=Policy(trusted_sealers=("list.example",)))
    settings = settings_of(config, secret=b"", public_url="")
    assert ("list.example",) == envelope_of(settings, Peer("192.0.2.1", "x"), "", (), 0).trusted_sealers
