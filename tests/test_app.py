"""How the parts are put together."""

from __future__ import annotations

import pytest

from mailwright.app import reachable, settings_of
from mailwright.config import Config, Smtp


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
