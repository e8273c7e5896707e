"""Bounces of every form, complaints, reports and automatic answers: which is it, about whom, and what does it mean?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail import mime
from mailwright.mail.bounces import Action, Class, Kind, Reading, explain, read
from mailwright.mail.dsn import parse_status

EXCEPTIONS = Path(__file__).parents[1] / "exceptions" / "bounces-hard.md"
DAEMON = "Return-Path: <>\nFrom: MAILER-DAEMON@there.example\nTo: ada@agents.example\nSubject: failure notice\n\n"


def reading(text: str, mail_from: str | None = None) -> Reading:
    return read(mime.parse(text.encode()), mail_from)


def told(text: str) -> list[tuple[str, str, Class, bool]]:
    return [(one.address, one.status, one.explanation.bounce_class, one.hard) for one in reading(text).recipients]


# --- what a reply means -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550 5.1.1 <bob@there.example>: Recipient address rejected: User unknown", Class.HARD),
        ("550 5.1.2 no such domain", Class.HARD),
        ("556 5.1.10 Domain takes no mail (RFC 7505)", Class.HARD),
        ("521 5.3.2 This host does not accept mail", Class.HARD),
        ("450 4.1.1 User unknown", Class.SOFT),
        ("552 5.2.2 Mailbox full", Class.QUOTA),
        ("550 mailbox is over quota", Class.QUOTA),
        ("452 4.3.1 Insufficient system storage", Class.QUOTA),
        ("421 4.7.0 Try again later", Class.SOFT),
        ("451 4.7.1 Greylisted, come back", Class.SOFT),
        ("450 too many connections from your address", Class.RATE),
        ("550 5.7.1 rejected: SPF check failed", Class.AUTH),
        ("550 5.7.26 Multiple authentication checks failed", Class.AUTH),
        ("554 5.7.1 blocked using zen.spamhaus.org", Class.REPUTATION),
        ("554 message was classified as spam", Class.CONTENT),
        ("552 5.3.4 Message size exceeds fixed limit", Class.CONTENT),
        ("550 5.1.8 <ada@agents.example>: Sender address rejected: Domain not found", Class.AUTH),
        ("550 5.7.1 Access denied", Class.POLICY),
        ("550 no", Class.POLICY),
        ("450 no", Class.SOFT),
        ("250 2.0.0 Ok", Class.NOT_A_BOUNCE),
        ("connection timed out", Class.SOFT),
        ("", Class.POLICY),
    ],
)
def test_a_reply_is_of_its_class(text: str, expected: Class) -> None:
    found = explain(text)
    assert expected is found.bounce_class
    assert found.reason
    assert found.remedy


def test_a_bare_550_condemns_no_address() -> None:
    assert Action.SUPPRESS is not explain("550 no").action


def test_a_providers_words_count_from_that_provider_only() -> None:
    text = "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints"
    assert "Yahoo" in explain(text, hosts=["mta5.am0.yahoodns.net"]).provider
    assert "" == explain(text, hosts=["mx.there.example"]).provider


def test_user_unknown_after_the_message_was_seen_is_not_believed() -> None:
    said = "550 user unknown"
    assert Class.POLICY is explain(said, context="failed after I sent the message").bounce_class
    assert Class.HARD is explain(said, context=">>> RCPT TO:<bob@there.example>\n<<< 550 user unknown").bounce_class
    assert Class.HARD is explain(said, parse_status("5.1.1")).bounce_class
    assert Class.POLICY is explain("550 5.7.1 user unknown").bounce_class


def test_what_was_given_up_counts_as_final() -> None:
    assert Class.HARD is explain("450 4.1.1 User unknown", final=True).bounce_class
    assert Class.SOFT is explain("451 4.4.4 No such host", final=True).bounce_class


# --- in the standard form -----------------------------------------------------------------------------------------------

DSN = """Return-Path: <>
From: mailer-daemon@there.example
Subject: x
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

%s
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.there.example

Final-Recipient: rfc822; bob@there.example
%s

--b--
"""


@pytest.mark.parametrize(
    ("fields", "kind", "status", "expected"),
    [
        ("Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 gone", Kind.BOUNCE, "5.1.1", Class.HARD),
        ("Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.2.2 full", Kind.BOUNCE, "5.2.2", Class.QUOTA),
        ("Action: delayed\nStatus: 4.4.1", Kind.BOUNCE, "4.4.1", Class.SOFT),
        ("Action: delayed\nStatus: 4.1.1\nDiagnostic-Code: smtp; 450 User unknown", Kind.BOUNCE, "4.1.1", Class.SOFT),
        ("Action: delivered\nStatus: 2.0.0", Kind.REPORT, "2.0.0", Class.NOT_A_BOUNCE),
        ("Action: relayed\nStatus: 2.0.0", Kind.REPORT, "2.0.0", Class.NOT_A_BOUNCE),
    ],
)
def test_a_delivery_report_is_read(fields: str, kind: Kind, status: str, expected: Class) -> None:
    found = reading(DSN % ("", fields))
    (one,) = found.recipients
    assert (kind, "bob@there.example", status, expected) == (
        found.kind,
        one.address,
        one.status,
        one.explanation.bounce_class,
    )


def test_where_the_report_has_no_diagnostic_the_words_for_people_have() -> None:
    words = "Your mail could not be delivered to bob@there.example: the mailbox is full."
    assert [("bob@there.example", "5.0.0", Class.QUOTA, False)] == told(DSN % (words, "Action: failed\nStatus: 5.0.0"))


# --- without a standard form --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "Hi. This is the mail program.\n\n<bob@there.example>:\n192.0.2.1 does not like recipient.\n"
            "Remote host said: 550 5.1.1 no such user\nGiving up.\n\n<eve@there.example>:\nRemote host said: 552 5.2.2 full\n",
            [("bob@there.example", "5.1.1", Class.HARD, True), ("eve@there.example", "5.2.2", Class.QUOTA, False)],
        ),
        (
            "could not be delivered:\n\n  bob@there.example\n    SMTP error from remote mail server after RCPT TO:\n"
            "    host mx.there.example [192.0.2.1]: 550 No such user\n",
            [("bob@there.example", "", Class.HARD, True)],
        ),
        ("could not be delivered to bob@there.example: retry timeout exceeded", [("bob@there.example", "", Class.SOFT, False)]),
        ("Unable to deliver message to: <bob@there.example>\nmailbox is full", [("bob@there.example", "", Class.QUOTA, False)]),
        (
            "Your message\n\n  To: list@x.example\n\ndid not reach the following recipient(s):\n\n"
            "c=US;a= ;p=There;dda:SMTP=bob@there.example; on Fri, 4 Oct 2002\n    Unknown recipient\n",
            [("bob@there.example", "", Class.HARD, True)],
        ),
        (
            "Delivery failed.\nFinal-Recipient: rfc822; bob@there.example\nAction: failed\nStatus: 5.1.1\n",
            [("bob@there.example", "5.1.1", Class.HARD, True)],
        ),
    ],
)
def test_a_bounce_in_words_alone_is_read(words: str, expected: list[Any]) -> None:
    copy = "\n--- Below this line is a copy of the message.\n\nReceived: from x\nTo: other@x.example\n\n<no@body.example>\n"
    assert expected == told(DAEMON + words + copy)


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("\u90ae\u4ef6", "\u65e0\u6cd5\n\n<bob@there.example>:\n\n<eve@there.example>:\n"),
        ("Processing error", "Intended recipient: bob@there.example\n\nThe mail has been returned because of an error.\n"),
        ("Mail delivery warning", 'Delivery of email to this address\n\n"bob@there.example"\n\nhas been postponed.\n'),
    ],
)
def test_a_daemon_of_few_words_is_understood(subject: str, words: str) -> None:
    found = reading(f"From: MAILER-DAEMON@there.example\nSubject: {subject}\n\n{words}")
    assert (Kind.BOUNCE, "bob@there.example") == (found.kind, found.recipients[0].address)


RECEIPT = """From: bob@there.example
Subject: Automatically rejected mail
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary=b

--b

Your message was rejected: the mailbox is full
--b
Content-Type: message/disposition-notification

Final-Recipient: rfc822; bob@there.example
Disposition: %s

--b--
"""


@pytest.mark.parametrize(
    ("disposition", "expected"),
    [
        ("automatic-action/MDN-sent-automatically; deleted", [("bob@there.example", "", Class.QUOTA, False)]),
        ("manual-action/MDN-sent-manually; deleted", []),
        ("automatic-action/MDN-sent-automatically; displayed", []),
    ],
)
def test_a_receipt_that_the_receivers_rules_refused_it_is_a_bounce(disposition: str, expected: list[Any]) -> None:
    """RFC 5429 §2.2: how a mail filter says no after it took the message."""
    text = RECEIPT % disposition
    assert (expected, Kind.BOUNCE if expected else Kind.REPORT) == (told(text), reading(text).kind)


def test_a_recipient_whom_only_that_host_knows_is_told_as_the_sender_wrote_him() -> None:
    text = DSN % ("", "Original-Recipient: rfc822; bob@there.example\nAction: failed\nStatus: 5.1.1")
    assert "bob@there.example" == told(text.replace("rfc822; bob@there.example", "rfc822; bob@inner-daemon", 1))[0][0]


def test_the_header_field_that_names_recipients_is_believed_first() -> None:
    text = "X-Failed-Recipients: bob@there.example\n" + DAEMON + "ada@agents.example, we are sorry: user unknown"
    assert ["bob@there.example"] == [one.address for one in reading(text).recipients]


def test_a_notice_in_json_is_read() -> None:
    notice = {
        "notificationType": "Bounce",
        "bounce": {
            "bouncedRecipients": [{"emailAddress": "bob@there.example", "status": "5.1.1", "diagnosticCode": "smtp; 550"}]
        },
    }
    head = "From: no-reply@there.example\nSubject: Notification\n\n"
    assert [("bob@there.example", "5.1.1", Class.HARD, True)] == told(head + json.dumps(notice) + "\n--\nUnsubscribe")
    notice["bounce"]["bouncedRecipients"][0]["diagnosticCode"] = "550 \udc00"
    assert ["550 \ufffd"] == [
        one.diagnostic for one in reading(head + json.dumps({"Message": json.dumps(notice), "notificationType": ""})).recipients
    ]
    complaint = {"eventType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": "bob@there.example"}]}}
    assert Kind.COMPLAINT is reading(head + json.dumps(complaint)).kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("From: bob@there.example\nSubject: Tea?\n\nAt four.", Kind.NONE),
        (
            "From: bob@there.example\nSubject: Re: Undeliverable\nIn-Reply-To: <a@b>\n\nMail to eve@x.example failed: 550 no",
            Kind.NONE,
        ),
        ("From: postmaster@there.example\nSubject: Hello\n\nDo write to bob@there.example.", Kind.NONE),
        (
            "Return-Path: <>\nFrom: bob@there.example\nSubject: Out of office\n\nI am away; ask eve@there.example.",
            Kind.AUTOREPLY,
        ),
        ("From: bob@there.example\nAuto-Submitted: auto-replied\nSubject: Re: Tea\n\nBack on Monday.", Kind.AUTOREPLY),
        ("From: news@there.example\nList-Id: <n.there.example>\nSubject: News\n\nYour delivery has failed us.", Kind.NONE),
    ],
)
def test_what_is_no_bounce_is_not_called_one(text: str, kind: Kind) -> None:
    assert (kind, ()) == (reading(text).kind, reading(text).recipients)


# --- anything at all ----------------------------------------------------------------------------------------------------

_WORDS = st.lists(
    st.sampled_from(
        [
            "<bob@there.example>:",
            "550 5.1.1 ",
            "user unknown",
            "\n",
            "Final-Recipient: rfc822; x@y.example\n",
            "@",
            "<",
            "Status: 5",
        ]
    )
    | st.text(max_size=8),
    max_size=30,
).map("".join)


@given(_WORDS, st.sampled_from([DAEMON, "", "From: <>\nContent-Type: multipart/report; report-type=delivery-status\n\n"]))
@settings(max_examples=150)
def test_any_message_is_read(words: str, head: str) -> None:
    found = read(mime.parse((head + words).encode("utf-8", "replace")))
    assert all(one.explanation.reason for one in found.recipients)


@given(st.text(max_size=80), st.text(max_size=20))
@settings(max_examples=100)
def test_any_text_has_an_explanation(text: str, host: str) -> None:
    assert explain(text, hosts=[host]).reason


@pytest.mark.parametrize(
    "words",
    [
        "<" * 60_000,
        "a@" * 30_000,
        "a." * 30_000 + "@",
        "<a@b.example>: 550 \n" * 4000,
        "550 " * 20_000,
        "quota " * 10_000,
        "".join(f"u{n}@there.example\n" for n in range(4000)),
    ],
    ids=["angles", "at", "dots", "many", "codes", "words", "addresses"],
)
@pytest.mark.slow
def test_s13_no_bounce_takes_long(words: str) -> None:
    in_time(1, lambda: read(mime.parse((DAEMON + "could not be delivered\n" + words).encode())))


def test_a_report_in_words_that_names_no_recipient_is_read() -> None:
    """Its part is told as something else, so that the words are read as a report."""
    fields = "Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822;\nAction: failed\n"
    text = f"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nX-Type: y\n\n{fields}--b--\n"
    assert Kind.BOUNCE is reading(text).kind


@pytest.mark.slow
def test_a_report_of_a_thousand_recipients_takes_no_second() -> None:
    group = "\n\nFinal-Recipient: rfc822; u{}@there.example\nAction: failed\nStatus: 5.0.0"
    groups = "".join(group.format(n) for n in range(1000))
    assert in_time(1, lambda: reading(DSN % ("words " * 4000, "Action: failed\nStatus: 5.0.0" + groups))).recipients


# --- the bounces of others ----------------------------------------------------------------------------------------------


def test_sisimais_bounces(shared: Path, tell: Callable[[str], None]) -> None:
    folder = shared / "corpora/bounces/sisimai"
    expected = json.loads((folder / "expected.json").read_text())
    excused = set(re.findall(r"`([a-z0-9-]+\.eml)`", EXCEPTIONS.read_text()))
    found = {name: _read(folder / "eml" / name) for name in expected}
    right = {name for name, one in found.items() if _hard(one) == sorted(case["hardbounce"] for case in expected[name])}
    named = sum(1 for one in found.values() if one.recipients)
    tell(f"bounces/sisimai: {len(right)}/{len(expected)} recipients and hard or soft; {named}/{len(expected)} with a recipient")
    assert len(right) >= 0.95 * len(expected)
    assert set(expected) - right == excused


def _hard(found: Reading) -> list[bool]:
    return sorted(one.hard for one in found.recipients)


def test_each_bounce_of_another_collection_has_a_recipient(shared: Path, tell: Callable[[str], None]) -> None:
    files = sorted((shared / "corpora/bounces/php-bounce-handler").glob("*.eml"))
    found = [_read(one) for one in files]
    assert all(one.kind is Kind.BOUNCE and one.recipients for one in found)
    tell(f"bounces/php-bounce-handler: {len(files)}/{len(files)} with a recipient and a class")


def test_no_other_mail_is_called_a_bounce(shared: Path, tell: Callable[[str], None]) -> None:
    corpora = shared / "corpora"
    patterns = ("mime/**/*.eml", "mime/**/*.msg", "replies/**/*.eml", "dkim/**/*.msg", "reports/**/*.eml", "arf/**/*.eml")
    files = [one for pattern in (*patterns, "bounces/sisimai/not-bounce/*.eml") for one in sorted(corpora.glob(pattern))]
    called = {one.name for one in files if _read(one).kind is Kind.BOUNCE}
    # Two are what they are called: a notice that a message was not sent, and a program's that it could not send one.
    assert called <= {"delivery-status.eml", "badbound.msg"}
    tell(f"bounces/none: {len(files) - len(called)}/{len(files) - len(called)} are no bounce, {len(called)} are")


def _read(file: Path) -> Reading:
    octets = file.read_bytes().lstrip(b"\r\n")
    return in_time(1, lambda: read(mime.parse(octets)))
