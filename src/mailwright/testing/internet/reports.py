"""What hosts outside write to a return path: bounces (RFC 3464) and complaints (RFC 5965)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from mailwright.mail.address import Address, parse_mailbox
from mailwright.mail.dsn import Action, DsnDraft, RecipientStatus, parse_status, render_dsn


class Returned(Protocol):
    """The letter that a report is about."""

    @property
    def raw(self) -> bytes:
        """Its bytes."""

    @property
    def mail_from(self) -> str:
        """Its return path."""

    @property
    def rcpt_to(self) -> str:
        """Who got it."""

    @property
    def at(self) -> int:
        """When, in ms."""

    @property
    def rfc_message_id(self) -> str:
        """Its Message-ID."""


def bounce(letter: Returned, domain: str, message_id: str, status: str, action: str) -> bytes:
    """A delivery report that says `status` ("5.1.1") of the letter's recipient, from the host of `domain`."""
    told = RecipientStatus(letter.rcpt_to, Action(action), parse_status(status), diagnostic=f"{status} said the host")
    draft = DsnDraft(
        header_from=Address("Mail Delivery System", "mailer-daemon", domain),
        to=parse_mailbox(letter.mail_from),
        message_id=message_id,
        sent_at=datetime.fromtimestamp(letter.at // 1000, UTC),
        reporting_mta=f"mx.{domain}",
        recipients=(told,),
        original=letter.raw,
    )
    return render_dsn(draft)


def complaint(letter: Returned, domain: str, kind: str = "abuse") -> bytes:
    """A complaint of that kind, from the feedback loop of `domain`."""
    lines = [
        f"From: <fbl@{domain}>",
        f"To: <{letter.mail_from}>",
        "Subject: Complaint",
        f"Date: {datetime.fromtimestamp(letter.at // 1000, UTC):%a, %d %b %Y %H:%M:%S +0000}",
        f"Message-ID: <complaint.{letter.at}@{domain}>",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=feedback-report; boundary="=report"',
        "",
        "--=report",
        "Content-Type: text/plain",
        "",
        "A recipient reported this message as spam.",
        "--=report",
        "Content-Type: message/feedback-report",
        "",
        f"Feedback-Type: {kind}",
        "User-Agent: Box/1.0",
        "Version: 1",
        f"Original-Mail-From: <{letter.mail_from}>",
        f"Original-Rcpt-To: <{letter.rcpt_to}>",
        "",
        "--=report",
        "Content-Type: text/rfc822-headers",
        "",
        f"Message-ID: {letter.rfc_message_id}",
        "--=report--",
        "",
    ]
    return "\r\n".join(lines).encode()
