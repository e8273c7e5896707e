"""`mailwright bounce`, `report`, `headers` and `mime`, as a user types them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from mailwright.__main__ import cli

BOUNCE = b"""Return-Path: <>
From: MAILER-DAEMON@there.example
To: ada@agents.example
Subject: failure notice

<bob@there.example>:
Remote host said: 550 5.1.1 <bob@there.example>: Recipient address rejected: User unknown
--- Below this line is a copy of the message.
"""
DMARC = b"""<feedback><report_metadata><org_name>There</org_name><email>d@there.example</email><report_id>r-1</report_id>
<date_range><begin>1795000000</begin><end>1795086399</end></date_range></report_metadata>
<policy_published><domain>agents.example</domain><p>reject</p></policy_published>
<record><row><source_ip>192.0.2.1</source_ip><count>7</count><policy_evaluated><disposition>none</disposition>
<dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>agents.example</header_from></identifiers>
<auth_results/></record></feedback>"""
TLS = {
    "organization-name": "There",
    "report-id": "t-1",
    "policies": [
        {"policy": {"policy-type": "sts", "policy-domain": "agents.example"}, "summary": {"total-failure-session-count": 2}}
    ],
}
LETTER = b"""Return-Path: <b@bulk.example>
Received: from mx.there.example ([192.0.2.7]) by mx.agents.example with ESMTPS id 2; Fri, 20 Nov 2026 10:00:05 +0000
Received: from desk ([192.0.2.8]) by mx.there.example with ESMTPA id 1; Fri, 20 Nov 2026 10:00:09 +0000
Received: from tablet by desk; Fri, 20 Nov 2026 09:59:59 +0000
DKIM-Signature: v=1; a=rsa-sha256; d=There.example; s=a; b=x
From: =?utf-8?q?Bob_=E2=98=83?= <bob@there.example>
Reply-To: bob@elsewhere.example
Subject: Tea?
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8

At four?
--b
Content-Type: application/pdf; name=menu.pdf
Content-Disposition: attachment
Content-Transfer-Encoding: base64

AAECAw==
--b--
"""


def run(*words: str, stdin: bytes) -> Result:
    return CliRunner().invoke(cli, list(words), input=stdin)


def told(*words: str, stdin: bytes) -> Any:
    return json.loads(run(*words, "--json", stdin=stdin).stdout)


def test_a_bounce_is_told_with_its_remedy() -> None:
    found = told("bounce", "-", stdin=BOUNCE)
    (one,) = found["recipients"]
    assert ("bounce", "bob@there.example", "5.1.1", "hard", True) == (
        found["kind"],
        one["address"],
        one["status"],
        one["class"],
        one["hard"],
    )
    assert one["reason"]
    assert one["remedy"]
    assert one["diagnostic"].startswith("550 5.1.1")
    lines = run("bounce", "-", stdin=BOUNCE).stdout
    assert lines.startswith("bounce\n\nbob@there.example  hard  5.1.1\n")
    assert one["remedy"] in lines


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (LETTER, "none"),
        (b"", "none"),
        (b"\0\xff\n\n", "none"),
        (b"From: a@b.example\nSubject: Out of office\nAuto-Submitted: auto-replied\n\nAway.", "autoreply"),
        (b"Subject: Report Domain: x\nContent-Type: text/xml\n\n" + DMARC, "report"),
        (
            b"Content-Type: multipart/x; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n",
            "complaint",
        ),
    ],
)
def test_every_message_is_of_some_kind(octets: bytes, kind: str) -> None:
    assert kind == told("bounce", "-", stdin=octets)["kind"]


@pytest.mark.parametrize("command", ["bounce", "report", "headers", "mime"])
def test_a_zone_is_taken_as_by_the_other_commands(command: str) -> None:
    with_zone = run(command, "-", "--zone", "no-such-file", "--json", stdin=LETTER)
    assert run(command, "-", "--json", stdin=LETTER).output == with_zone.output


@pytest.mark.parametrize(
    "octets", [DMARC, gzip.compress(DMARC), b"Subject: Report Domain: x\nContent-Type: text/xml\n\n" + DMARC]
)
def test_a_dmarc_report_is_told_however_it_came(octets: bytes, tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(octets)
    found = told("report", str(tmp_path / "r"), stdin=b"")
    assert ("dmarc", "agents.example", 7, 7) == (found["kind"], found["domain"], found["messages"], found["passed"])
    assert "7 messages, 7 passed" in run("report", "-", stdin=octets).stdout


def test_a_tls_report_is_told() -> None:
    octets = json.dumps(TLS).encode()
    assert ("tls", 2) == (told("report", "-", stdin=octets)["kind"], told("report", "-", stdin=octets)["failed"])
    assert "sts agents.example: 0 went well, 2 failed" in run("report", "-", stdin=octets).stdout


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "empty"),
        (LETTER, "not_a_report"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><feedback/>", "document_type"),
        (gzip.compress(b" " * 20_000_000), "inflated"),
    ],
)
def test_what_is_no_report_is_refused_with_code_1(octets: bytes, reason: str) -> None:
    done = run("report", "-", "--json", stdin=octets)
    assert (1, reason) == (done.exit_code, json.loads(done.stdout)["reason"])
    assert run("report", "-", stdin=octets).stdout.startswith("refused: ")


def test_headers_tell_the_way_and_whose_clock_is_wrong() -> None:
    found = told("headers", "-", stdin=LETTER)
    assert [("tablet", None, False), ("desk", 10, False), ("mx.there.example", -4, True)] == [
        (one["from_name"], one["delay"], one["skewed"]) for one in found["hops"]
    ]
    assert 6 == found["seconds"]
    assert "-4 s (a clock is wrong)" in run("headers", "-", stdin=LETTER).stdout


def test_headers_tell_who_is_seen_and_who_sent() -> None:
    identity = told("headers", "-", stdin=LETTER)["identity"]
    assert (["bob@there.example"], ["bob@elsewhere.example"], "b@bulk.example", ["there.example"]) == (
        identity["from"],
        identity["reply_to"],
        identity["return_path"],
        identity["signed_by"],
    )
    assert ["bulk.example", "elsewhere.example"] == identity["other_domains"]
    assert (
        "beware       other domains than the author's: bulk.example, elsewhere.example"
        in run("headers", "-", stdin=LETTER).stdout
    )


def test_mime_shows_the_tree() -> None:
    found = told("mime", "-", stdin=LETTER)
    assert ["text/plain", "application/pdf"] == [one["type"] for one in found["parts"]]
    assert ("menu.pdf", "attachment", 4) == tuple(
        found["parts"][1][name] for name in ("filename", "disposition", "decoded_size")
    )
    lines = run("mime", "-", stdin=LETTER).stdout.splitlines()
    assert '  application/pdf base64 attachment "menu.pdf" 4 octets' == lines[2]


@pytest.mark.parametrize("command", ["bounce", "report", "headers", "mime"])
def test_what_strangers_wrote_plays_no_tricks_on_a_terminal(command: str) -> None:
    octets = BOUNCE.replace(b"User", b"\x1b[31mUser") + b"Content-Type: \x1b[1m\n"
    evil = b"From: \x1b[31m <\x1b@x.example>\nReceived: from \x1b[3m by \x1b\nContent-Type: text/\x1b; name=\x1b\n\n"
    for one in (octets, evil, DMARC.replace(b"There", b"\xc2\x9bThere"), json.dumps({**TLS, "report-id": "\x1b[31m"}).encode()):
        assert "\x1b" not in run(command, "-", stdin=one).stdout
        assert "\x9b" not in run(command, "-", stdin=one).stdout


@pytest.mark.parametrize("command", ["bounce", "report", "headers", "mime"])
def test_a_file_that_is_not_there_is_told_without_a_trace(command: str) -> None:
    done = run(command, "gone.eml", stdin=b"")
    assert (2, "") == (done.exit_code, done.stdout)
    assert "gone.eml can't be read" in done.stderr
