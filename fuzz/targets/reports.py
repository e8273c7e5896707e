"""What comes back: bounces, complaints, DMARC and TLS reports."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import msgspec

from mailwright.mail import mime
from mailwright.mail.bounces import explain, read
from mailwright.mailauth.reports import parse_dmarc_report, parse_tls_report, read_report

BOUNCE = (
    b"Return-Path: <>\r\nFrom: MAILER-DAEMON@there.example\r\nTo: ada@agents.example\r\nSubject: failure notice\r\n\r\n"
    b"<bob@there.example>:\r\nRemote host said: 550 5.1.1 User unknown\r\n--- Below this line is a copy of the message.\r\n"
)
DSN = (
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: message/delivery-status\r\n"
    b"\r\nReporting-MTA: dns; a\r\n\r\n"
    b"Final-Recipient: rfc822; bob@there.example\r\nAction: failed\r\nStatus: 5.1.1\r\n--b--\r\n"
)
ARF = (
    b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: message/feedback-report"
    b"\r\n\r\nFeedback-Type: abuse\r\nOriginal-Rcpt-To: <bob@there.example>\r\n--b--\r\n"
)
DMARC = (
    b"<feedback><report_metadata><org_name>a</org_name><date_range><begin>1</begin></date_range></report_metadata>"
    b"<policy_published><domain>a.example</domain></policy_published><record><row><count>1</count></row></record></feedback>"
)
TLS = b'{"policies": [{"policy": {"policy-type": "sts"}, "summary": {"total-failure-session-count": 1}}]}'

NOTICE = (
    b'Subject: x\r\n\r\n{"notificationType": "Bounce", "bounce": {"bouncedRecipients": [{"emailAddress": "bob@there.example", '
    b'"diagnosticCode": "smtp; 550 \\ud83d\\ude00"}]}}'
)


def _told(reader: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """What is read is stored and told, so it must be text."""
    return lambda octets: msgspec.json.encode(reader(octets))


TARGETS = {
    "bounce": (_told(lambda octets: read(mime.parse(octets))), (BOUNCE, DSN, ARF, NOTICE)),
    "bounce-reply": (lambda octets: explain(octets.decode("utf-8", "replace")), (b"550 5.1.1 User unknown",)),
    "report-dmarc": (_told(parse_dmarc_report), (DMARC, gzip.compress(DMARC))),
    "report-tls": (_told(parse_tls_report), (TLS, gzip.compress(TLS))),
    "report-message": (
        _told(lambda octets: read_report(mime.parse(octets))),
        (b"Subject: Report Domain: a\r\nContent-Type: text/xml\r\n\r\n" + DMARC,),
    ),
}
