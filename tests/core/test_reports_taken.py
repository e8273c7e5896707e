"""Reports of receivers: taken for whom they are about, kept once, told, listed."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace

import pytest

from mailwright.core import reports

DMARC = """<feedback><report_metadata><org_name>There</org_name><email>d@there.example</email><report_id>{id}</report_id>
<date_range><begin>1795000000</begin><end>1795086399</end></date_range></report_metadata>
<policy_published><domain>{domain}</domain><p>reject</p></policy_published>
<record><row><source_ip>192.0.2.1</source_ip><count>7</count><policy_evaluated><disposition>none</disposition>
<dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>{domain}</header_from></identifiers>
<auth_results/></record></feedback>"""
TLS = {
    "organization-name": "There",
    "report-id": "t-1",
    "policies": [
        {
            "policy": {"policy-type": "sts", "policy-domain": "agents.example"},
            "summary": {"total-successful-session-count": 5, "total-failure-session-count": 2},
        }
    ],
}


def dmarc(domain: str = "agents.example", id: str = "r-1") -> bytes:
    return message(domain, DMARC.format(domain=domain, id=id).encode(), "application/gzip")


def message(domain: str, report: bytes, kind: str) -> bytes:
    head = f"From: d@there.example\r\nSubject: Report Domain: {domain} Submitter: there.example\r\nMIME-Version: 1.0\r\n"
    head += f"Content-Type: {kind}; name=r.gz\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + base64.encodebytes(gzip.compress(report)).replace(b"\n", b"\r\n")


def listed(internet):
    return internet.do(reports.page(internet.ports, internet.home.operator, None, 10))


def test_a_dmarc_report_is_kept_and_told(internet):
    ada = internet.agent("ada")
    assert 250 == internet.inject(dmarc(), to=ada.address).code
    (row,) = listed(internet)
    (event,) = internet.events("report.dmarc")
    (mail,) = ada.inbox()
    assert ("dmarc", "agents.example", "There", "r-1", 1795000000000, 1795086399000, None, mail.id) == (
        row.kind,
        row.domain,
        row.organization,
        row.report_id,
        row.begins_at,
        row.ends_at,
        row.verified_domain,
        row.message_id,
    )
    assert (row.id, 7, 7, mail.id) == tuple(event.data[name] for name in ("report_id", "messages", "passed", "message_id"))
    assert "192.0.2.1" == row.content["records"][0]["source_ip"]
    assert ["report.received"] == [entry.action for entry in internet.audit(subject=row.id)]


def test_a_tls_report_is_kept_and_told(internet):
    internet.inject(
        message("agents.example", json.dumps(TLS).encode(), "application/tlsrpt+gzip"), to=internet.agent("ada").address
    )
    (event,) = internet.events("report.tls")
    assert (7, 2, "tls") == (event.data["sessions"], event.data["failed"], listed(internet)[0].kind)


def test_a_report_whose_text_is_none_is_kept_with_what_is(internet):
    report = json.dumps({**TLS, "organization-name": "\ud800There", "report-id": "t-\udfff"}).encode()
    raw = message("agents.example", report, "application/tlsrpt+gzip")
    assert internet.inject(raw, to=internet.agent("ada").address).code == 250
    assert ["\ufffdThere"] == [row.organization for row in listed(internet)]


def test_a_report_that_only_its_content_tells_of_is_kept_too(internet):
    raw = dmarc().replace(b"Subject: Report Domain:", b"Subject: Hello from")
    internet.inject(raw, to=internet.agent("ada").address)
    assert ["r-1"] == [row.report_id for row in listed(internet)]


@pytest.mark.slow
def test_s12_of_a_report_that_unpacks_to_megabytes_as_much_is_kept_as_fits(internet):
    head, _, rest = DMARC.format(domain="agents.example", id="r-1").partition("<record>")
    row, _, _ = ("<record>" + rest).partition("<auth_results/>")
    signed = "".join(f"<dkim><domain>{'x' * 900}{n}.example</domain><result>pass</result></dkim>" for n in range(50))
    many = f"{row}<auth_results>{signed}</auth_results></record>" * 100
    packed = message("agents.example", f"{head}{many}</feedback>".encode(), "application/gzip")
    internet.inject(packed, to=internet.agent("ada").address)
    (kept,) = listed(internet)
    assert len(json.dumps(kept.content)) <= reports.KEPT_OCTETS
    assert (True, 700, 3) == (kept.content["truncated"], kept.content["messages"], len(kept.content["records"]))


def test_what_is_sent_again_is_kept_once(internet):
    ada = internet.agent("ada")
    for raw in (dmarc(), dmarc(), dmarc(id="r-2")):
        internet.inject(raw, to=ada.address)
    assert (["r-1", "r-2"], 2, 3) == (
        sorted(row.report_id for row in listed(internet)),
        len(internet.events("report.dmarc")),
        len(ada.inbox()),
    )


@pytest.mark.parametrize("raw", [dmarc("there.example"), message("agents.example", b"<html/>", "application/gzip")])
def test_what_is_of_others_or_can_not_be_read_is_mail_and_no_more(internet, raw):
    ada = internet.agent("ada")
    assert 250 == internet.inject(raw, to=ada.address).code
    assert ([], [], 1) == (listed(internet), internet.events("report.dmarc"), len(ada.inbox()))


def test_the_address_that_the_dmarc_record_names_is_taken_like_postmaster(internet):
    ada = internet.agent("ada")
    assert 550 == internet.inject(dmarc(), to="rua@agents.example").code

    async def script(tx):
        await tx.domains.put(replace(await tx.domains.by_name("agents.example"), dmarc_rua="Rua@agents.example"))

    internet.write(script)
    assert 250 == internet.inject(dmarc(), to="rua@agents.example").code
    assert (1, ("role",)) == (len(listed(internet)), ada.inbox()[0].message.labels)
