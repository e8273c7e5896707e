"""Complaint reports (RFC 5965)."""

from __future__ import annotations

import json

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


def test_what_authentication_found_is_told():
    more = b"Auth-Failure: BodyHash\r\nDKIM-Domain: agents.example\r\nIncidents: 3\r\nSource-Port: 2525\r\nReported-URI: http://x/\r\n"
    found = parse_complaint(mime.parse(REPORT.replace(b"Version: 1\r\n", b"Version: 1\r\n" + more)))
    assert ("bodyhash", {"dkim-domain": "agents.example"}, 3, 2525, ("http://x/",)) == (
        found.auth_failure,
        found.dkim,
        found.incidents,
        found.source_port,
        found.reported_uri,
    )


def test_without_a_recipient_the_message_that_came_back_names_him():
    bare = REPORT.replace(b"Original-Rcpt-To: <bob@there.example>\r\n", b"")
    assert () == parse_complaint(mime.parse(bare)).recipients
    named = bare.replace(b"Subject: Tea?\r\n", b"Subject: Tea?\r\nTo: Bob <bob@there.example>\r\n")
    assert ("bob@there.example",) == parse_complaint(mime.parse(named)).recipients


def test_a_report_in_another_multipart_counts_and_one_inside_an_attached_message_does_not():
    mixed = REPORT.replace(b"multipart/report; report-type=feedback-report", b"multipart/mixed")
    assert "abuse" == parse_complaint(mime.parse(mixed)).feedback_type
    forward = (
        b'Content-Type: multipart/mixed; boundary="f"\r\n\r\n--f\r\nContent-Type: message/rfc822\r\n\r\n'
        + REPORT
        + b"\r\n--f--\r\n"
    )
    assert None is parse_complaint(mime.parse(forward))


def test_the_complaint_of_microsofts_programme_is_a_message_sent_back():
    inner = b"X-HmXmrOriginalRecipient: bob@there.example\r\nSubject: Tea?\r\n\r\nAt four?\r\n"
    head = b"Subject: complaint about message from 192.0.2.1\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    found = parse_complaint(mime.parse(head + b"Content-Type: message/rfc822\r\n\r\n" + inner + b"--b--\r\n"))
    assert ("abuse", ("bob@there.example",)) == (found.feedback_type, found.recipients)


def test_complaints_of_others(shared, tell):
    expected = {"Abuse": "abuse", "AuthFailure": "auth-failure", "OptOut": "opt-out"}
    cases = sorted((shared / "corpora/arf/mail-auth").glob("*.json"))
    for case in cases:
        wanted = json.loads(case.read_text())
        found = parse_complaint(mime.parse(case.with_suffix(".eml").read_bytes()))
        assert expected[wanted["feedback_type"]] == found.feedback_type
        for name in ("original_envelope_id", "original_mail_from", "reporting_mta", "source_ip", "user_agent"):
            assert wanted[name] == getattr(found, name), (case.name, name)
        assert wanted["incidents"] == found.incidents
        assert wanted["arrival_date"] == (found.arrival_date and int(found.arrival_date.timestamp()))
        assert [wanted["reported_domain"], wanted["reported_uri"]] == [list(found.reported_domain), list(found.reported_uri)]
        assert len(wanted["authentication_results"]) == len(found.authentication_results)
        assert wanted["dkim_domain"] == found.dkim.get("dkim-domain")
        assert [(wanted["original_rcpt_to"] or "").strip("<>")] == list(found.original_rcpt_to or [""])
    files = sorted((shared / "corpora/arf/php-bounce-handler").glob("[af][rb]*.txt"))
    assert all(parse_complaint(mime.parse(one.read_bytes().lstrip())) for one in files)
    tell(f"arf: {len(cases)}/{len(cases)} field by field, {len(files)}/{len(files)} others")


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
