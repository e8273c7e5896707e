"""Other domains are told once a day how TLS to them went, and nothing counted is lost by a restart (RFC 8460)."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace

import pytest

from mailwright.core.ports import Delivered, Report, TlsFault, TlsPolicy, TlsResult
from mailwright.core.tls_reporting import DAY, SPREAD, due_at
from mailwright.mail.mime import parse
from mailwright.mail.questions import Status
from mailwright.mailauth.reports import TlsReport, parse_tls_report, read_report
from mailwright.reporting import AGAIN, FILE, TRIED_FOR, Reporting
from mailwright.testing.fixtures import internet

__all__ = ["internet"]

FINE = Delivered(250, "2.0.0", "taken")
STS = TlsPolicy("sts", "there.example", ("version: STSv1", "mode: testing"), ("mx.there.example",), enforce=False)
BAD = TlsFault("certificate-expired", "it expired")
WANTED = "_smtp._tls.there.example TXT v=TLSRPTv1; rua=mailto:tls@there.example"


@pytest.fixture
def reporting(internet, tmp_path):
    internet.agent("ada")
    internet.person("tls@there.example")
    settings = replace(internet.ports.settings, tls_reports_from="tls@agents.example", addresses=("192.0.2.1",))
    return Reporting(replace(internet.ports, settings=settings), tmp_path)


def attempt(policy: TlsPolicy | None = STS, fault: TlsFault | None = None) -> Report:
    return Report((FINE,), (), tls_results=(TlsResult("mx.there.example", "198.51.100.1", policy, fault),))


def count(reporting):
    for fault in (None, None, BAD):
        reporting.note("there.example", attempt(fault=fault))


def tomorrow(internet) -> None:
    """Go to the time when the report of today is due."""
    day = internet.clock.now() // 1000 // DAY
    internet.clock.advance((due_at(day, "there.example") - internet.clock.now() // 1000) * 1000)


def mailed(internet):
    return [read_report(parse(letter.raw)) for letter in internet.person("tls@there.example").inbox()]


def test_a_day_is_told_when_it_is_over_and_once(internet, reporting):
    internet.dns.publish(WANTED)
    count(reporting)
    internet.do(reporting.turn())
    assert [] == mailed(internet)
    tomorrow(internet)
    for _ in range(2):
        internet.do(reporting.turn())
    (report,) = mailed(internet)
    assert isinstance(report, TlsReport)
    assert ("agents.example", "tls@agents.example", DAY - 1) == (
        report.organization_name,
        report.contact_info,
        (report.end or 0) - (report.start or 0),
    )
    (policy,) = report.policies
    assert ("sts", "there.example", STS.strings, STS.mx, 2, 1) == (
        policy.type,
        policy.domain,
        policy.strings,
        policy.mx_hosts,
        policy.successful,
        policy.failed,
    )
    (failure,) = policy.failures
    assert ("certificate-expired", 1, "192.0.2.1", "mx.there.example", "198.51.100.1") == (
        failure.result_type,
        failure.count,
        failure.sending_mta_ip,
        failure.receiving_mx_hostname,
        failure.receiving_ip,
    )


def test_a_report_is_signed_by_the_domain_that_it_comes_from(internet, reporting):
    internet.dns.publish(WANTED)
    count(reporting)
    tomorrow(internet)
    internet.do(reporting.turn())
    (letter,) = internet.person("tls@there.example").inbox()
    assert ("pass", "pass") == (letter.verdicts["dkim"], letter.verdicts["dmarc"])
    assert b"tls-report-domain:tls-report-submitter" in b"".join(letter.raw.split())


def test_sessions_without_a_policy_and_with_dane_are_told_apart(internet, reporting):
    internet.dns.publish(WANTED + "\n" + WANTED.replace("_tls.", "_tls.mx."))
    reporting.note("there.example", attempt(None))
    reporting.note("there.example", attempt(TlsPolicy("tlsa", "mx.there.example", ("3 1 1 ab",))))
    internet.clock.advance((DAY + SPREAD) * 1000)
    internet.do(reporting.turn())
    kinds = {(one.policies[0].type, one.policies[0].domain) for one in mailed(internet)}
    assert {("no-policy-found", "there.example"), ("tlsa", "mx.there.example")} == kinds


def test_a_report_goes_by_https_where_that_is_wanted(internet, reporting):
    hook = internet.webhook("https://there.example/tls")
    bodies: list[bytes] = []
    hook.post = lambda headers, body: bodies.append(body) or type(hook).post(hook, headers, body)
    internet.network.endpoints["https://there.example/tls"] = hook
    internet.dns.publish(WANTED.replace("mailto:tls@there.example", "https://there.example/tls"))
    count(reporting)
    tomorrow(internet)
    internet.do(reporting.turn())
    assert bodies
    assert parse_tls_report(gzip.decompress(bodies[0])).policies[0].failed == 1


def test_nobody_is_told_who_does_not_ask_for_it(internet, reporting):
    count(reporting)
    tomorrow(internet)
    internet.do(reporting.turn())
    internet.dns.publish(WANTED)
    internet.do(reporting.turn())
    assert [] == mailed(internet)


def test_what_could_not_be_sent_is_tried_again_for_a_day(internet, reporting):
    internet.dns.fail("_smtp._tls.there.example", Status.SERVFAIL)
    count(reporting)
    tomorrow(internet)
    internet.do(reporting.turn())
    internet.dns.recover("_smtp._tls.there.example")
    internet.dns.publish(WANTED)
    internet.do(reporting.turn())
    assert [] == mailed(internet)  # not at once
    internet.clock.advance(AGAIN * 1000)
    internet.do(reporting.turn())
    assert 1 == len(mailed(internet))


def test_in_the_end_it_is_given_up(internet, reporting):
    internet.dns.fail("_smtp._tls.there.example", Status.SERVFAIL)
    count(reporting)
    tomorrow(internet)
    internet.clock.advance((TRIED_FOR + 1) * 1000)
    internet.do(reporting.turn())
    internet.dns.recover("_smtp._tls.there.example")
    internet.dns.publish(WANTED)
    internet.clock.advance(AGAIN * 1000)
    internet.do(reporting.turn())
    assert [] == mailed(internet)


@pytest.mark.parametrize("spoiled", [False, True])
def test_what_was_counted_outlives_a_restart(internet, reporting, tmp_path, spoiled):
    internet.dns.publish(WANTED)
    count(reporting)
    asyncio.run(reporting.save())
    if spoiled:
        (tmp_path / FILE).write_bytes(b"[")
    again = Reporting(reporting._ports, tmp_path)
    tomorrow(internet)
    internet.do(again.turn())
    assert (0 if spoiled else 1) == len(mailed(internet))


def test_who_does_not_want_to_report_counts_nothing(internet, tmp_path):
    silent = Reporting(internet.ports, tmp_path)
    count(silent)
    asyncio.run(silent.save())
    assert [] == list(tmp_path.iterdir())
