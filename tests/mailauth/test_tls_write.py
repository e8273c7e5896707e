"""TLS reports as they are written: what is written is what is read (RFC 8460)."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwright.mail.address import parse_mailbox
from mailwright.mail.compose.draft import ComposeError
from mailwright.mail.header import parse_header
from mailwright.mail.mime import parse
from mailwright.mailauth.reports import TlsFailure, TlsPolicy, TlsReport, parse_tls_report, read_report
from mailwright.mailauth.reports.tls_write import MAX_URIS, TlsReportMail, packed, render_tls_report, report_uris, tls_json

DAY = 20_000 * 86_400
FAILURE = TlsFailure("certificate-expired", 3, "192.0.2.1", "mx.there.example", receiving_ip="198.51.100.1")
STS = TlsPolicy("sts", "there.example", ("version: STSv1", "mode: testing"), ("*.there.example",), 7, 3, (FAILURE,))
NONE = TlsPolicy("no-policy-found", "there.example", (), (), 1, 0)
REPORT = TlsReport("agents.example", "tls@agents.example", "1.there.example@mx", DAY, DAY + 86_399, (NONE, STS))
MAIL = TlsReportMail(
    report=REPORT,
    domain="there.example",
    header_from=parse_mailbox("tls@agents.example"),
    to=parse_mailbox("reports@there.example"),
    message_id="<1.there.example@mx.agents.example>",
    sent_at=datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC),
)


@pytest.mark.parametrize(
    ("record", "uris"),
    [
        ("v=TLSRPTv1; rua=mailto:a@b.example", ("mailto:a@b.example",)),
        ("v=TLSRPTv1;rua=mailto:a@b.example , https://b.example/x;", ("mailto:a@b.example", "https://b.example/x")),
        ("v=TLSRPTv1; rua=http://b.example/x,ftp://b.example", ()),
        ("v=TLSRPTv1; rua=mailto:a b@b.example", ()),
        ("v=TLSRPTv1", ()),
        ("v=TLSRPTv2; rua=mailto:a@b.example", ()),
        ("", ()),
    ],
)
def test_who_wants_reports(record: str, uris: tuple[str, ...]) -> None:
    assert uris == report_uris(["v=spf1 -all", record])


def test_two_records_are_none_and_nobody_gets_very_many_copies() -> None:
    record = "v=TLSRPTv1; rua=" + ",".join(["mailto:a@b.example"] * 100)
    assert () == report_uris([record, record])
    assert MAX_URIS == len(report_uris([record]))


@given(st.text(max_size=300), st.text("v=TLSRPTv1;ruamailto:@ ,", max_size=300))
def test_no_record_is_too_much(one: str, other: str) -> None:
    assert all(":" in uri for uri in report_uris([one, "v=TLSRPTv1;" + other]))


def test_what_is_written_is_read() -> None:
    assert REPORT == parse_tls_report(tls_json(REPORT)) == parse_tls_report(packed(REPORT))
    assert packed(REPORT) == packed(REPORT)


def test_the_message_is_one_that_report_readers_know() -> None:
    raw = render_tls_report(MAIL)
    header = parse_header(raw)
    assert REPORT == read_report(parse(raw))
    assert ("there.example", "agents.example") == (header.value("tls-report-domain"), header.value("tls-report-submitter"))
    assert "Report Domain: there.example Submitter: agents.example Report-ID: <1.there.example@mx>" == header.value("subject")
    assert b"multipart/report; report-type=tlsrpt" in raw
    assert b"agents.example!there.example!1728000000!1728086399!001.json.gz" in raw


def test_an_address_that_breaks_the_header_is_refused() -> None:
    bad = TlsReportMail(
        **{name: getattr(MAIL, name) for name in ("report", "domain", "header_from", "to", "sent_at")}, message_id="<a\r\nb@c>"
    )
    with pytest.raises(ComposeError):
        render_tls_report(bad)
