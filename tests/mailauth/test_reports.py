"""DMARC aggregate reports and TLS reports, as receivers of all kinds send them."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail import mime
from mailwright.mailauth.reports import (
    DkimResult,
    DmarcReport,
    SpfResult,
    TlsReport,
    Unreadable,
    Unusable,
    parse_dmarc_report,
    parse_tls_report,
    read_report,
    summary,
)
from mailwright.mailauth.reports.message import read_file
from mailwright.mailauth.reports.unpacking import MAX_OCTETS, unpacked

# RFC 9990 §3.1 with a namespace, a prefix on some elements, and an extension.
NEW = b"""<?xml version="1.0" encoding="UTF-8"?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0" xmlns:x="urn:example:more">
  <version>1.0</version>
  <report_metadata><org_name>There</org_name><email>dmarc@there.example</email><report_id>r-1</report_id>
    <date_range><begin>1795000000</begin><end>1795086399</end></date_range>
    <error>one reporter was down</error><generator>Gen 2</generator></report_metadata>
  <policy_published><domain>Agents.Example</domain><p>reject</p><sp>none</sp><np>reject</np><testing>n</testing>
    <discovery_method>treewalk</discovery_method></policy_published>
  <x:extension><x:domain>not.this.example</x:domain></x:extension>
  <record><row><source_ip>192.0.2.1</source_ip><count>12</count>
      <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf>
        <reason><type>local_policy</type><comment>arc=pass &amp; known</comment></reason></policy_evaluated></row>
    <identifiers><header_from>agents.example</header_from><envelope_from>bounce.agents.example</envelope_from></identifiers>
    <auth_results><dkim><domain>agents.example</domain><selector>r1</selector><result>pass</result></dkim>
      <spf><domain>bounce.agents.example</domain><result>softfail</result></spf></auth_results></record>
  <record><row><source_ip>2001:db8::9</source_ip><count>3</count>
      <policy_evaluated><disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row>
    <identifiers><header_from>agents.example</header_from></identifiers><auth_results/></record>
</feedback>
"""
TLS: dict[str, Any] = {
    "organization-name": "There",
    "date-range": {"start-datetime": "2026-11-19T00:00:00Z", "end-datetime": "2026-11-19T23:59:59Z"},
    "contact-info": "tls@there.example",
    "report-id": "t-1",
    "policies": [
        {
            "policy": {"policy-type": "sts", "policy-domain": "agents.example", "mx-host": "mx.agents.example"},
            "summary": {"total-successful-session-count": 40, "total-failure-session-count": 2},
            "failure-details": [{"result-type": "certificate-expired", "failed-session-count": 2, "receiving-ip": "192.0.2.1"}],
        }
    ],
}


def dmarc(octets: bytes) -> DmarcReport:
    found = parse_dmarc_report(octets)
    assert isinstance(found, DmarcReport), found
    return found


def refused(octets: bytes) -> Unusable:
    found = parse_dmarc_report(octets)
    assert isinstance(found, Unreadable)
    return found.reason


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, octets in files:
            archive.writestr(name, octets)
    return out.getvalue()


def message(octets: bytes, name: str, kind: str = "application/gzip", subject: str = "Report Domain: agents.example") -> bytes:
    body = base64.encodebytes(octets)
    head = f"From: dmarc@there.example\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: {kind}; name={name}\r\n"
    return head.encode() + b"Content-Transfer-Encoding: base64\r\n\r\n" + body


# --- DMARC (DM-18, DM-19) -----------------------------------------------------------------------------------------------


def test_a_report_of_the_new_standard_is_read_whole() -> None:
    found = dmarc(NEW)
    assert ("There", "dmarc@there.example", "r-1", 1795000000, 1795086399, "Gen 2") == (
        found.org_name,
        found.email,
        found.report_id,
        found.begin,
        found.end,
        found.generator,
    )
    policy = found.policy
    assert ("agents.example", "reject", "none", "reject", "n", "treewalk") == (
        policy.domain,
        policy.p,
        policy.sp,
        policy.np,
        policy.testing,
        policy.discovery_method,
    )
    first, second = found.records
    assert ("192.0.2.1", 12, "none", "pass", "fail", True) == (
        first.source_ip,
        first.count,
        first.disposition,
        first.dkim,
        first.spf,
        first.passed,
    )
    assert (("local_policy", "arc=pass & known"),) == first.reasons
    assert (DkimResult("agents.example", "r1", "pass"),) == first.dkim_results
    assert (SpfResult("bounce.agents.example", "", "softfail"),) == first.spf_results
    assert ("reject", False, ()) == (second.disposition, second.passed, second.reasons)
    assert (("one reporter was down",), ()) == (found.errors, found.defects)


def test_a_report_without_namespace_and_version_is_read_too() -> None:
    old = NEW.replace(b' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"', b"").replace(b"<version>1.0</version>", b"")
    assert dmarc(NEW).records == dmarc(old).records


@pytest.mark.parametrize(
    "packed",
    [
        NEW,
        gzip.compress(NEW),
        gzip.compress(NEW[:900]) + gzip.compress(NEW[900:]),
        zipped(("r.xml", NEW)),
        zipped(("r.xml", NEW), method=zipfile.ZIP_STORED),
        zipped(("__MACOSX/._r.xml", b"x"), ("r.xml", NEW)),
        zipped(("README.txt", b"This is a report."), ("folder/r.xml", NEW)),
        gzip.compress(gzip.compress(NEW)),
        zipped(("r.xml.gz", gzip.compress(NEW))),
        b"\xef\xbb\xbf" + NEW,
        NEW.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        gzip.compress(NEW)[:-8],  # without its checksum
        gzip.compress(NEW)[:-8] + b"12345678",
        gzip.compress(NEW) + b"\0" * 20,
        NEW + b"behind the end",
    ],
    ids=[
        "plain",
        "gzip",
        "two",
        "zip",
        "stored",
        "mac",
        "readme",
        "gzip twice",
        "gzip in zip",
        "mark",
        "utf-16",
        "cut",
        "checksum",
        "padded",
        "tail",
    ],
)
def test_however_it_is_packed_it_is_the_same_report(packed: bytes) -> None:
    assert dmarc(NEW).records == dmarc(packed).records


def test_what_reporters_forget_to_escape_is_read_and_told() -> None:
    found = dmarc(NEW.replace(b"dmarc@there.example", b"<dmarc@there.example> R&D"))
    assert ("<dmarc@there.example> R&D", ("not-well-formed",)) == (found.email, found.defects)


def test_octets_that_are_no_text_do_not_hide_the_rest() -> None:
    found = dmarc(NEW.replace(b"<org_name>There", b"<org_name>Th\x91re"))
    assert ("Th\ufffdre", ("not-utf-8",), 2) == (found.org_name, found.defects, len(found.records))


def test_a_declared_charset_is_kept_to() -> None:
    assert "Thére" == dmarc(NEW.replace(b"UTF-8", b"ISO-8859-1").replace(b"<org_name>There", b"<org_name>Th\xe9re")).org_name


BOMB = b'<!DOCTYPE f [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", Unusable.EMPTY),
        (b" \r\n", Unusable.EMPTY),
        (BOMB + NEW.partition(b"?>")[2], Unusable.DOCUMENT_TYPE),
        (b'<!DOCTYPE feedback SYSTEM "file:///etc/passwd">' + NEW.partition(b"?>")[2], Unusable.DOCUMENT_TYPE),
        (b"<html><body>No such page</body></html>", Unusable.NOT_A_REPORT),
        (b"no markup", Unusable.NOT_XML),
        (NEW[:400], Unusable.NOT_XML),
        (b"<feedback></feedback>", Unusable.INCOMPLETE),
        (b"\x1f\x8b\x08 and no stream", Unusable.DAMAGED),
        (b"PK\x03\x04", Unusable.DAMAGED),
        (zipped(("r.xml", NEW))[:6] + b"\x01\x00" + zipped(("r.xml", NEW))[8:], Unusable.ENCRYPTED),
        (gzip.compress(b" " * (MAX_OCTETS // 2)), Unusable.INFLATED),
        (zipped(("r.xml", b" " * (MAX_OCTETS // 2))), Unusable.INFLATED),
        (NEW + b" " * MAX_OCTETS, Unusable.TOO_LARGE),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(octets: bytes, reason: Unusable) -> None:
    assert reason is refused(octets)


@pytest.mark.slow
def test_s12_an_archive_is_not_unpacked_beyond_its_bound() -> None:
    incompressible = b"".join(zlib.compress(bytes([n % 256, n // 256]) * 9) for n in range(9000))
    assert Unreadable(Unusable.TOO_LARGE) == unpacked(gzip.compress(incompressible * 200 + incompressible * 200, 1))


@pytest.mark.slow
def test_s12_archives_in_archives_end() -> None:
    octets = NEW
    for _ in range(9):
        octets = gzip.compress(octets)
    assert isinstance(unpacked(octets), bytes)
    assert isinstance(parse_dmarc_report(octets), Unreadable)
    bomb = gzip.compress(gzip.compress(b" " * MAX_OCTETS * 4))
    assert isinstance(unpacked(bomb), Unreadable)


@pytest.mark.parametrize(
    "octets",
    [
        b"<feedback>" + b"<p>x</p>" * 3_000_000,
        b"<feedback>" + b"<record>" * 1_000_000,
        b"<feedback>" + b"<q/>" * 6_000_000,
        b"<feedback " + b" ".join(b'a%d="x"' % n for n in range(1_000_000)) + b">",
        b"<feedback>" + b"&" * 24_000_000,
        b"<" * 25_000_000,
        b"<feedback><<?" + b"<?" * 500_000,
        b"<feedback><" + b"<a " * 300_000,
    ],
    ids=["elements", "depth", "unknown", "attributes", "ampersands", "less-than", "mended", "tags"],
)
@pytest.mark.slow
def test_s13_no_document_takes_long(octets: bytes) -> None:
    assert isinstance(in_time(2, lambda: parse_dmarc_report(octets)), Unreadable)  # as a rule a tenth of it


# --- TLS (RFC 8460) -----------------------------------------------------------------------------------------------------


def tls(found: Any = TLS) -> TlsReport:
    report = parse_tls_report(json.dumps(found).encode())
    assert isinstance(report, TlsReport)
    return report


def test_a_tls_report_is_read() -> None:
    report = tls()
    (policy,) = report.policies
    assert ("There", "tls@there.example", "t-1", 1795046400, 1795132799) == (
        report.organization_name,
        report.contact_info,
        report.report_id,
        report.start,
        report.end,
    )
    assert ("sts", "agents.example", ("mx.agents.example",), 40, 2) == (
        policy.type,
        policy.domain,
        policy.mx_hosts,
        policy.successful,
        policy.failed,
    )
    assert [("certificate-expired", 2, "192.0.2.1")] == [
        (one.result_type, one.count, one.receiving_ip) for one in policy.failures
    ]


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", Unusable.EMPTY),
        (b"{", Unusable.NOT_JSON),
        (b"[" * 100_000, Unusable.NOT_JSON),
        (b"9" * 10_000, Unusable.NOT_JSON),
        (b"[]", Unusable.NOT_A_REPORT),
        (b'{"policies": 1}', Unusable.NOT_A_REPORT),
        (b'{"policies": [' + b" " * 6_000_000 + b"]}", Unusable.TOO_LARGE),
    ],
)
def test_what_is_no_tls_report_is_refused_with_the_reason(octets: bytes, reason: Unusable) -> None:
    found = parse_tls_report(octets)
    assert isinstance(found, Unreadable)
    assert reason is found.reason


# --- in a message -------------------------------------------------------------------------------------------------------


def test_a_report_is_found_in_its_message() -> None:
    name = "there.example!agents.example!1795000000!1795086399.xml.gz"
    assert isinstance(read_report(mime.parse(message(gzip.compress(NEW), name))), DmarcReport)
    assert isinstance(read_report(mime.parse(message(gzip.compress(NEW), name, "application/octet-stream", "x"))), DmarcReport)
    packed = gzip.compress(json.dumps(TLS).encode())
    assert isinstance(read_report(mime.parse(message(packed, "r.json.gz", "application/tlsrpt+gzip", "x"))), TlsReport)


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (NEW, "r.xml"),
        (gzip.compress(NEW), "r.gz"),
        (zipped(("r.xml", NEW)), "r.zip"),
        (NEW.decode().encode("utf-16"), "r.xml"),
        (json.dumps(TLS).encode(), "r.json"),
        (gzip.compress(json.dumps(TLS).encode()), "r.json.gz"),
        (gzip.compress(NEW), ""),
        (zipped(("r.xml", NEW)), "report"),
        (gzip.compress(NEW), "there.example!agents.example!1795000000!1795086399"),
    ],
)
def test_a_report_is_known_by_its_content_where_nothing_else_tells(octets: bytes, name: str) -> None:
    found = read_report(mime.parse(message(octets, name, "application/octet-stream", "News")))
    assert isinstance(found, DmarcReport | TlsReport)


@pytest.mark.parametrize(
    "head",
    [
        "TLS-Report-Domain: agents.example\r\nContent-Type: application/json",
        "Content-Type: text/xml\r\nSubject: Report Domain: x",
    ],
)
def test_a_report_that_its_header_announces_and_nobody_can_read_is_told_so(head: str) -> None:
    assert isinstance(read_report(mime.parse(head.encode() + b"\r\n\r\nnothing")), Unreadable)


def test_mail_with_an_archive_is_no_report() -> None:
    for octets in (gzip.compress(b"<html/>"), zipped(("a", b"a")), b"PK\x03\x04", b"\x1f\x8b", gzip.compress(NEW)[:12]):
        assert None is read_report(mime.parse(message(octets, "photos.zip", "application/zip", "Holiday")))
        assert None is read_report(mime.parse(message(octets, "", "application/octet-stream", "Holiday")))
    assert None is read_report(mime.parse(b"Subject: Report Domain: agents.example\r\n\r\nSee you.\r\n"))


def test_a_message_that_promises_a_report_and_has_none_is_told_so() -> None:
    found = read_report(mime.parse(message(b"garbage", "r.xml.gz")))
    assert Unreadable(Unusable.NOT_A_REPORT, "neither XML nor JSON") == found


def test_a_summary_counts_and_is_bounded() -> None:
    found = summary(dmarc(NEW), rows=1)
    assert (15, 12, 1, True, "agents.example") == (
        found["messages"],
        found["passed"],
        len(found["records"]),
        found["truncated"],
        found["domain"],
    )
    assert (42, 2, False) == tuple(summary(tls())[name] for name in ("sessions", "failed", "truncated"))
    json.dumps([found, summary(tls())])


# --- anything at all ----------------------------------------------------------------------------------------------------

_PIECES = st.lists(
    st.sampled_from(
        [b"<feedback>", b"</feedback>", b"<record>", b"</record>", b"<domain>a</domain>", b"<p", b"&", b"<!", b"]]>"]
    )
    | st.binary(max_size=12),
    max_size=30,
).map(b"".join)


@given(
    _PIECES | st.binary(max_size=300) | _PIECES.map(gzip.compress) | st.binary(max_size=99).map(lambda tail: b"PK\3\4" + tail)
)
@settings(max_examples=200)
def test_no_octets_break_the_parsers(octets: bytes) -> None:
    for found in (parse_dmarc_report(octets), parse_tls_report(octets), read_file(octets)):
        assert isinstance(found, DmarcReport | TlsReport | Unreadable)


_JSON = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["policies", "policy", "summary", "failure-details", "date-range", "mx-host"]), inner)
    ),
    max_leaves=12,
)


@given(_JSON)
@settings(max_examples=100)
def test_any_json_is_a_tls_report_or_refused(found: Any) -> None:
    report = parse_tls_report(json.dumps(found).encode())
    if isinstance(report, TlsReport):
        json.dumps(summary(report))


@given(st.data())
@settings(max_examples=100)
def test_a_damaged_report_is_a_report_or_refused(data: st.DataObject) -> None:
    packed = bytearray(data.draw(st.sampled_from([NEW, gzip.compress(NEW), zipped(("r.xml", NEW))])))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(parse_dmarc_report(bytes(packed)), DmarcReport | Unreadable)


# --- the reports of others ----------------------------------------------------------------------------------------------


def test_reports_of_others_are_read_or_refused_with_a_reason(shared: Path, tell: Callable[[str], None]) -> None:
    folder = shared / "corpora/reports/parsedmarc"
    files = [one for one in sorted(folder.rglob("*")) if one.is_file() and one.name != "LICENSE.txt"]
    found = {one.name: _read(one) for one in files}
    assert {"empty.xml": Unreadable(Unusable.EMPTY)} == {
        name: one for name, one in found.items() if not isinstance(one, DmarcReport | TlsReport)
    }
    reports = [one for one in found.values() if isinstance(one, DmarcReport)]
    assert all(one.report_id and one.begin and one.end and one.records for one in reports)
    assert all(row.source_ip and row.count and row.disposition for one in reports for row in one.records)
    tell(f"reports/parsedmarc: {len(found)}/{len(files)} read or refused ({len(found) - 1} read)")


def test_tls_reports_of_others_are_read_field_by_field(shared: Path, tell: Callable[[str], None]) -> None:
    folder = shared / "corpora/reports/mail-auth-tlsrpt"
    cases = sorted(folder.glob("*.json"))
    for case in cases:
        source = case.with_suffix(".eml")
        found = _read(source if source.exists() else case)
        assert isinstance(found, TlsReport)
        assert _flat(json.loads(case.read_text())) == _as_written(found)
    tell(f"reports/mail-auth-tlsrpt: {len(cases)}/{len(cases)}")


def _read(file: Path) -> DmarcReport | TlsReport | Unreadable | None:
    octets = file.read_bytes()
    return in_time(1, lambda: read_report(mime.parse(octets)) if file.suffix == ".eml" else read_file(octets))


def _flat(expected: Any) -> Any:
    return (
        expected["organization-name"],
        expected["contact-info"],
        expected["report-id"],
        [
            (
                one["policy"].get("policy-type", ""),
                one["policy"].get("policy-domain", ""),
                tuple(one["policy"].get("policy-string", ())),
                one.get("summary", {}).get("total-successful-session-count", 0),
                one.get("summary", {}).get("total-failure-session-count", 0),
                [
                    (bad["result-type"], bad.get("sending-mta-ip", ""), bad.get("failed-session-count", 0))
                    for bad in one.get("failure-details", ())
                ],
            )
            for one in expected["policies"]
        ],
    )


def _as_written(found: TlsReport) -> Any:
    return (
        found.organization_name,
        found.contact_info,
        found.report_id,
        [
            (
                one.type,
                one.domain,
                one.strings,
                one.successful,
                one.failed,
                [(bad.result_type, bad.sending_mta_ip, bad.count) for bad in one.failures],
            )
            for one in found.policies
        ],
    )
