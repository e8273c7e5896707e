"""Complaint reports (RFC 5965)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailwright.mail import mime
from mailwright.mail.arf import parse_complaint

REPORT = b"""From: <abuse@there.example>\r
To: <b+x.y@bounce.agents.example>\r
Subject: FW: Tea?\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r
\r
--b\r
Content-Type: text/plain\r
\r
This is an email abuse report.\r
--b\r
Content-Type: message/feedback-report\r
\r
Feedback-Type: Abuse\r
User-Agent: SomeGenerator/1.0\r
Version: 1\r
Original-Mail-From: <b+x.y@bounce.agents.example>\r
Original-Rcpt-To: <bob@there.example>\r
Source-IP: 192.0.2.1\r
Reported-Domain: agents.example\r
\r
--b\r
Content-Type: message/rfc822\r
\r
From: <ada@agents.example>\r
Subject: Tea?\r
\r
At four?\r
--b--\r
"""


def test_a_report_says_who_complained_of_what():
    found = parse_complaint(mime.parse(REPORT))
    assert ("abuse", ("bob@there.example",), "192.0.2.1", ("agents.example",), "SomeGenerator/1.0") == (
        found.feedback_type,
        found.original_rcpt_to,
        found.source_ip,
        found.reported_domain,
        found.user_agent,
    )


def test_an_ordinary_message_is_no_complaint():
    assert None is parse_complaint(mime.parse(b"From: <bob@there.example>\r\nSubject: abuse\r\n\r\nFeedback-Type: abuse\r\n"))


def test_a_report_without_its_type_is_no_complaint():
    assert None is parse_complaint(mime.parse(REPORT.replace(b"Feedback-Type: Abuse\r\n", b"")))


@given(st.binary(max_size=400))
def test_whatever_stands_in_the_report_nothing_is_raised(junk):
    parse_complaint(mime.parse(REPORT.replace(b"Feedback-Type: Abuse\r\n", junk)))


def test_the_reports_of_others_are_read(shared):
    folder = shared / "corpora" / "arf"
    proper = [
        p for p in sorted(folder.rglob("*.eml")) + sorted(folder.rglob("*.txt")) if b"feedback-report" in p.read_bytes().lower()
    ]
    found = [p for p in proper if parse_complaint(mime.parse(p.read_bytes()))]
    print(f"arf: {len(found)}/{len(proper)}")
    assert len(proper) * 8 // 10 <= len(found)
