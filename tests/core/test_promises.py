"""What our own domains promise about TLS: the policy, the records, and who is answered (RFC 8461 §3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core import promises
from mailwright.core.inspection import Found, inspection
from mailwright.core.ports import Settings
from mailwright.core.records import Purpose, records
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth.mta_sts import Mode, Policy, parse_policy, parse_record

SETTINGS = Settings(hostname="MX.agents.example", public_url="https://api.agents.example:8443/x")
STS = (Purpose.MTA_STS, Purpose.MTA_STS_HOST, Purpose.TLS_REPORTS)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("enforce", Policy(Mode.ENFORCE, ("mx.agents.example",), 604_800)),
        ("testing", Policy(Mode.TESTING, ("mx.agents.example",), 86_400)),
        ("none", Policy(Mode.NONE, (), 86_400)),
    ],
)
def test_the_policy_is_one_that_senders_can_read(setting: str, expected: Policy) -> None:
    assert expected == parse_policy(promises.policy_file(replace(SETTINGS, mta_sts=setting)).encode())


def test_each_policy_has_an_id_of_its_own_that_stays() -> None:
    ids = [parse_record(promises.policy_record(replace(SETTINGS, mta_sts=mode))) for mode in ("enforce", "testing", "none")]
    assert None not in ids
    assert 3 == len(set(ids))
    assert ids[0] == parse_record(promises.policy_record(replace(SETTINGS, mta_sts="enforce")))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.agents.example:8443/x", "api.agents.example"),
        ("http://api.agents.example", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]:8080", None),
        ("https://localhost", None),
    ],
)
def test_only_a_host_with_a_name_and_https_can_serve_policies(url: str, host: str | None) -> None:
    assert host == promises.policy_host(replace(SETTINGS, public_url=url))


def of(internet):  # type: ignore[no-untyped-def]
    name = "agents.example"
    return internet.do(internet.ports.store.read(lambda tx: tx.domains.by_name(name)))


def test_a_domain_publishes_the_promise_where_it_is_and_whom_to_tell(internet) -> None:  # type: ignore[no-untyped-def]
    found = [one for one in records(of(internet), SETTINGS) if one.purpose in STS]
    assert [
        ("TXT", "_smtp._tls.agents.example", "v=TLSRPTv1; rua=mailto:postmaster@agents.example"),
        ("TXT", "_mta-sts.agents.example", promises.policy_record(SETTINGS)),
        ("CNAME", "mta-sts.agents.example", "api.agents.example"),
    ] == [(one.type.value, one.name, one.value) for one in found]


@pytest.mark.parametrize(
    ("zone", "found"),
    [
        ("_mta-sts.agents.example TXT {record}", Found.VALID),
        ("_mta-sts.agents.example TXT v=STSv1; id=old", Found.INVALID),
        ("", Found.MISSING),
    ],
)
def test_a_record_that_announces_another_policy_is_told(internet, zone: str, found: Found) -> None:  # type: ignore[no-untyped-def]
    text = zone.format(record=promises.policy_record(SETTINGS))
    checks = answer(inspection(of(internet), SETTINGS), Zone.parse(text)).checks
    assert [found] == [one.found for one in checks if one.record.purpose is Purpose.MTA_STS]
    assert not Purpose.MTA_STS.required


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("mta-sts.agents.example", True),
        ("MTA-STS.Agents.example.", True),
        ("mta-sts.agents.example:443", True),
        ("mta-sts.there.example", False),
        ("agents.example", False),
        ("mta-sts", False),
        ("", False),
        ("[::1]:443", False),
    ],
)
def test_domains_of_ours_are_answered_and_no_others(internet, host: str, served: bool) -> None:  # type: ignore[no-untyped-def]
    found = internet.do(promises.served(internet.ports, host))
    assert (promises.policy_file(internet.ports.settings) if served else None) == found
