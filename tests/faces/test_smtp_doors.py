"""Connections are counted by three widths of network, and the counts return to nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwright.faces.smtp.doors import FULL, TOO_FAST, TOO_MANY, DoorLimits, Doors, networks_of, plain_address


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", ("192.0.2.7", "192.0.2", "192.0")),
        ("2001:db8:1:2::7", ("20010db800010002", "20010db80001", "20010db8")),
        ("::1", ("0" * 16, "0" * 12, "0" * 8)),
    ],
)
def test_an_address_lies_in_three_networks(address: str, expected: tuple[str, str, str]):
    assert expected == networks_of(address)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_an_address_is_told_plainly(address: str, expected: str):
    assert expected == plain_address(address)


def admitted(doors: Doors, addresses: list[str], now: float = 0.0) -> list[object]:
    return [doors.admit(address, now) for address in addresses]


def test_s21_one_address_its_block_and_its_provider_have_their_share():
    doors = Doors(DoorLimits(per_address=2))
    assert [None, None, TOO_MANY] == admitted(doors, ["192.0.2.1"] * 3)
    assert [None, None, None, None, TOO_MANY] == admitted(doors, [f"192.0.2.{n}" for n in range(2, 7)])
    others = [f"192.0.{n}.1" for n in range(10, 23)]
    assert [None] * 12 + [TOO_MANY] == admitted(doors, others)
    assert [None] == admitted(doors, ["198.51.100.1"])
    doors.leave("192.0.2.1")
    assert [None] == admitted(doors, ["192.0.2.1"])


def test_s21_all_together_have_a_limit():
    doors = Doors(DoorLimits(at_once=2))
    assert [None, None, FULL] == admitted(doors, ["192.0.2.1", "198.51.100.1", "203.0.113.1"])


def test_s21_connections_in_a_minute_are_counted_too():
    doors = Doors(DoorLimits(per_minute=3))
    for _ in range(3):
        assert doors.admit("192.0.2.1", 0) is None
        doors.leave("192.0.2.1")
    assert TOO_FAST == doors.admit("192.0.2.1", 59)
    assert doors.admit("192.0.2.1", 61) is None


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"])), max_size=40))
def test_the_counters_come_back_to_nothing(steps: list[tuple[bool, str]]):
    doors, inside = Doors(DoorLimits(per_address=3)), []
    for comes, address in steps:
        if comes:
            if doors.admit(address, 0) is None:
                inside.append(address)
        elif inside:
            doors.leave(inside.pop())
    assert len(inside) == doors.open
    for address in inside:
        doors.leave(address)
    assert 0 == doors.open
    assert {} == doors._open


def test_the_memory_of_a_minute_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mailwright.faces.smtp.doors.MAX_NETWORKS", 100)
    doors = Doors(DoorLimits())
    for n in range(500):
        address = f"{n >> 8}.{n & 255}.0.1"
        assert doors.admit(address, 0) is None
        doors.leave(address)
        assert len(doors._recent) <= 103
