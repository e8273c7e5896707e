"""Where mail for a domain goes (RFC 5321 §5.1, RFC 7505, SM-9, SM-10, S17)."""

from __future__ import annotations

import pytest

from mailwright.core.ports import Deferred, Rejected, Route
from mailwright.core.routing import Here, exchangers
from mailwright.mail.questions import Zone, answer

HERE = Here("mx.agents.example", ("192.0.32.9",))


def route(zone: str, domain: str = "there.example", here: Here = HERE, shuffle=lambda names: None):
    return answer(exchangers(domain, here, shuffle), Zone.parse(zone))


def hosts(found: Route) -> list[tuple[str, tuple[str, ...]]]:
    return [(host.name, host.addresses) for host in found.hosts]


def test_exchangers_come_in_the_order_of_their_preference():
    found = route(
        """
        there.example MX 20 b.there.example.
        there.example MX 10 a.there.example.
        a.there.example A 1.1.1.1
        b.there.example A 1.1.1.2
        """
    )
    assert [("a.there.example", ("1.1.1.1",)), ("b.there.example", ("1.1.1.2",))] == hosts(found)


def test_hosts_of_equal_preference_are_shuffled():
    found = route(
        """
        there.example MX 10 a.there.example
        there.example MX 10 b.there.example
        a.there.example A 1.1.1.1
        b.there.example A 1.1.1.2
        """,
        shuffle=lambda names: names.reverse(),
    )
    assert ["b.there.example", "a.there.example"] == [host.name for host in found.hosts]


def test_the_key_is_the_set_of_exchangers_whatever_their_order():
    zone = """
        there.example MX 10 b.big.example
        there.example MX 10 a.big.example
        a.big.example A 1.1.1.1
        b.big.example A 1.1.1.2
        """
    assert route(zone).key == route(zone, shuffle=lambda names: names.reverse()).key == "a.big.example,b.big.example"


def test_ipv6_is_tried_before_ipv4():
    found = route("there.example MX 10 a.example\na.example A 1.1.1.1\na.example AAAA 2606:4700::1111")
    assert [("a.example", ("2606:4700::1111", "1.1.1.1"))] == hosts(found)


def test_without_mx_the_domain_itself_is_the_exchanger():
    assert [("there.example", ("1.1.1.1",))] == hosts(route("there.example A 1.1.1.1"))


def test_a_null_mx_refuses_without_a_connection():
    found = route("there.example MX 0 .\nthere.example A 1.1.1.1")
    assert (Rejected, "5.1.10") == (type(found), found.enhanced)


def test_a_null_mx_beside_others_is_a_mistake_and_is_passed_over():
    found = route("there.example MX 0 .\nthere.example MX 10 a.example\na.example A 1.1.1.1")
    assert ["a.example"] == [host.name for host in found.hosts]


def test_a_domain_that_does_not_exist_is_refused_for_good():
    found = route("other.example A 1.1.1.1")
    assert (Rejected, "5.1.2") == (type(found), found.enhanced)


@pytest.mark.parametrize("trouble", ["!servfail", "!timeout"])
def test_dns_trouble_defers(trouble):
    assert (Deferred, "4.4.3") == (type(found := route(f"there.example MX {trouble}")), found.enhanced)


def test_dns_trouble_with_the_addresses_defers():
    found = route("there.example MX 10 a.example\na.example A !servfail\na.example AAAA !servfail")
    assert (Deferred, "4.4.3") == (type(found), found.enhanced)


def test_ourselves_and_everything_less_preferred_are_left_out():
    found = route(
        """
        there.example MX 10 a.example
        there.example MX 20 mx.agents.example
        there.example MX 30 c.example
        a.example A 1.1.1.1
        c.example A 1.1.1.3
        mx.agents.example A 192.0.32.9
        """
    )
    assert ["a.example"] == [host.name for host in found.hosts]


@pytest.mark.parametrize("name", ["mx.agents.example", "alias.example"])
def test_being_the_best_exchanger_without_knowing_the_domain_is_a_loop(name):
    found = route(f"there.example MX 10 {name}\nmx.agents.example A 192.0.32.9\nalias.example A 192.0.32.9")
    assert (Rejected, True) == (type(found), found.enhanced in ("5.4.6", "5.4.4"))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"])
def test_S17_an_exchanger_at_a_private_address_is_not_connected_to(address):
    found = route(f"there.example MX 10 a.example\na.example A {address}")
    assert (Rejected, "5.4.4") == (type(found), found.enhanced)


def test_S17_a_thousand_exchangers_cost_forty_questions():
    zone = "\n".join(f"there.example MX {n} m{n}.example\nm{n}.example A 1.1.1.1" for n in range(1000))
    assert 20 == len(route(zone).hosts)


def test_private_hosts_may_be_allowed_for_local_use():
    found = route("there.example MX 10 a.example\na.example A 127.0.0.1", here=Here("x", (), 2525, allow_private=True))
    assert [("a.example", ("127.0.0.1",))] == hosts(found)
    assert 2525 == found.hosts[0].port


def test_garbage_in_an_mx_record_is_passed_over():
    assert Rejected is type(route("there.example MX what\nthere.example MX 10 a.example"))


@pytest.mark.parametrize("address", ["what", "1.2.3", "1.1.1.1.1"])
def test_garbage_in_an_address_record_is_not_connected_to(address):
    found = route(f"there.example MX 10 a.example\na.example A {address}")
    assert (Rejected, "5.4.4") == (type(found), found.enhanced)


def test_being_the_best_exchanger_under_another_name_is_a_loop_too():
    found = route("there.example MX 10 alias.example\nalias.example A 192.0.32.9")
    assert (Rejected, "5.4.6") == (type(found), found.enhanced)
    assert "would come back to this server" in found.text


def test_those_before_another_name_of_ours_are_tried():
    found = route(
        "there.example MX 5 a.example\nthere.example MX 10 alias.example\na.example A 1.1.1.1\nalias.example A 192.0.32.9"
    )
    assert ["a.example"] == [host.name for host in found.hosts]
