"""Bounces, and mail that looks like one, as much mail software writes them: whom are they about, and is the address gone?

The vectors were written for these tests, out of knowledge of the software's templates and of what large receivers reply.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mailwright.mail import mime
from mailwright.mail.bounces import Class, Kind, Reading, explain, read

VECTORS = Path(__file__).parent / "vectors"
RCPT = "(in reply to RCPT TO command)"


def _replies() -> list[list[str]]:
    lines = (VECTORS / "replies.tsv").read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if "\t" in line]


def _cases(name: str) -> list[tuple[str, str, str]]:
    """Name, what stands behind it, message."""
    found = re.split(r"^=== (\S+): (.*)\n", (VECTORS / name).read_text("utf-8"), flags=re.MULTILINE)
    return list(zip(found[1::3], found[2::3], found[3::3], strict=True))


def _reading(message: str) -> Reading:
    return read(mime.parse(message.encode()))


def _told(found: Reading) -> list[str]:
    return sorted(f"{one.address} {'hard' if one.hard else 'other'}" for one in found.recipients)


def _hard(text: str, *, final: bool) -> bool:
    return explain(text, context=RCPT, final=final).bounce_class is Class.HARD


def test_replies_to_rcpt_say_whether_an_address_is_gone(tell: Callable[[str], None]) -> None:
    replies = _replies()
    wrong = [text for expected, text in replies if _hard(text, final=True) != (expected == "hard")]
    tell(f"bounces/replies: {len(replies) - len(wrong)}/{len(replies)} of our own")
    assert [] == wrong


def test_no_reply_that_may_be_otherwise_tomorrow_condemns_an_address() -> None:
    temporary = [text.replace("550", "450", 1) for _, text in _replies() if text.startswith("550 ") and "5." not in text[:8]]
    assert [] == [text for text in temporary if _hard(text, final=False)]


@pytest.mark.parametrize(("name", "expected", "message"), _cases("bounces.txt"), ids=lambda one: one[:20])
@pytest.mark.slow
def test_a_bounce_is_read_whoever_wrote_it(name: str, expected: str, message: str) -> None:
    found = _reading(message)
    assert (name, Kind.BOUNCE, sorted(expected.split(", "))) == (name, found.kind, _told(found))


@pytest.mark.parametrize(("name", "form"), [(name, form) for name, _, form in _cases("bounce-forms.txt")])
@pytest.mark.slow
def test_a_reply_means_the_same_whoever_reports_it(name: str, form: str) -> None:
    replies = [(expected, text) for expected, text in _replies() if text.startswith("5") and "b.net" not in text][::4]
    told = [(expected, text, _told(_reading(form.replace("{}", text)))) for expected, text in replies]
    assert [] == [(name, text, found) for expected, text, found in told if found != [f"bob@there.example {expected}"]]


@pytest.mark.parametrize(("name", "kinds", "message"), _cases("bounces-none.txt"), ids=lambda one: one[:20])
def test_what_only_looks_like_a_bounce_condemns_nobody(name: str, kinds: str, message: str) -> None:
    found = _reading(message)
    assert kinds == "any" or found.kind.value in kinds.split(), name
    assert [] == [one.address for one in found.recipients if one.hard]


@pytest.mark.parametrize(
    ("words", "hard"),
    [
        (">>> RCPT To:<bob@there.example>\n<<< 550 no such user", True),
        ("said: 550 no such user (in reply to RCPT TO command)", True),
        ("SMTP error (state 14): 550 no such user", True),
        ("--> RCPT To:<bob@there.example>\n<-- 550 no such user", True),
        ("-------SMTP command\nRCPT", True),
        (">>> DATA\n<<< 550 no such user", False),
        (">>> MAIL From:<ada@agents.example>\n<<< 550 no such domain", False),
        ("said: 550 no such user (in reply to end of DATA command)", False),
        ("SMTP error (state 18): 550 no such user", False),
    ],
)
def test_the_command_that_was_answered_decides(words: str, hard: bool) -> None:
    said = "550 no such domain" if "MAIL" in words else "550 no such user"
    assert hard == (explain(said, context=words).bounce_class is Class.HARD)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550 5.7.1 <does-not-exist@there.example>... Access denied", Class.POLICY),
        ("550 5.7.1 <mailbox.full@there.example>: blocked", Class.REPUTATION),
        ("550 5.7.27 Sender address has null MX", Class.AUTH),
    ],
)
def test_neither_the_words_of_an_address_nor_those_about_the_sender_condemn_a_recipient(text: str, expected: Class) -> None:
    found = explain(text, context=RCPT).bounce_class
    assert Class.HARD is not found
    assert found in (expected, Class.POLICY)


def test_a_warning_condemns_nobody_though_its_words_would() -> None:
    found = _reading(
        "Return-Path: <>\nFrom: MAILER-DAEMON@there.example\nSubject: Warning: message delayed 4 hours\n\n"
        "Your message has not yet been delivered to:\n\n  bob@there.example\n    Delay reason: host not found\n"
    )
    assert [("bob@there.example", Class.SOFT, False)] == [
        (one.address, one.explanation.bounce_class, one.final) for one in found.recipients
    ]


DSN = """From: mailer-daemon@there.example
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

Your mail failed.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.there.example

Final-Recipient: rfc822; bob@there.example
Action: failed
Status: %s
Diagnostic-Code: %s

--b--
"""


@pytest.mark.parametrize(
    ("status", "diagnostic", "expected"),
    [
        ("5.3.0", "X-Unix; 255", Class.POLICY),
        ("5.1.1", "X-Unix; 67", Class.HARD),
        ("5.2.0", "X-Unix; 75", Class.POLICY),
        ("5.2.1", "smtp; 550 5.2.1 User unknown\nX-PowerMTA-BounceCategory: bad-mailbox", Class.HARD),
        ("5.2.1", "smtp; 550 5.2.1 User unknown\nX-PowerMTA-BounceCategory: policy-related", Class.POLICY),
        ("5.0.0", "smtp; 250 queued", Class.POLICY),
    ],
)
def test_what_the_fields_of_a_report_say_beside_the_reply_counts(status: str, diagnostic: str, expected: Class) -> None:
    """A program's exit status is no reply code: 255 is not "delivered"."""
    (one,) = _reading(DSN % (status, diagnostic)).recipients
    assert expected is one.explanation.bounce_class
