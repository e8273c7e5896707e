"""What people and programs out there write back: replies, out-of-office notes, complaints. Signed by their own domain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mailwright.core.ports import Signed
from mailwright.local.simulator import Got
from mailwright.mail import compose
from mailwright.mail.address import Address, parse_address_list
from mailwright.mail.header import parse_header
from mailwright.mailauth import dkim


@dataclass(frozen=True, slots=True)
class Writer:
    """Somebody out there: an address, and the key of its domain."""

    address: Address
    key: dkim.SigningKey

    def reply(self, got: Got, text: str, *, message_id: str, now: float) -> bytes:
        """An answer in the thread of what was got."""
        answer = compose.reply(parse_header(got.raw), [self.address])
        return compose.compose(
            compose.Draft(
                header_from=self.address,
                message_id=message_id,
                sent_at=datetime.fromtimestamp(int(now), UTC),
                to=answer.to,
                subject=answer.subject,
                text=text,
                in_reply_to=answer.in_reply_to,
                references=answer.references,
            )
        )

    def out_of_office(self, got: Got, *, message_id: str, now: float) -> bytes:
        """An automatic answer, marked as one (RFC 3834 §5)."""
        answer = compose.reply(parse_header(got.raw), [self.address])
        return compose.compose(
            compose.Draft(
                header_from=self.address,
                message_id=message_id,
                sent_at=datetime.fromtimestamp(int(now), UTC),
                to=answer.to,
                subject=f"Out of office: {answer.subject}",
                text="I am away until Monday.",
                in_reply_to=answer.in_reply_to,
                references=answer.references,
                auto_submitted=compose.AutoSubmitted.REPLIED,
            )
        )

    def signed(self, raw: bytes, now: float) -> Signed:
        """The message with the domain's signature."""
        header = parse_header(raw)
        return Signed(dkim.sign(header, raw[header.body_start :], [self.key], now=int(now)), raw)


def complaint(got: Got, *, now: float) -> bytes:
    """A complaint report to the return path (RFC 5965), as a mailbox provider writes it."""
    header = parse_header(got.raw)
    author = parse_address_list(header.value("from") or "").mailboxes
    domain = author[0].domain if author else "unknown.invalid"
    date = datetime.fromtimestamp(int(now), UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    lines = [
        "From: <fbl@simulator.test>",
        f"To: <{got.mail_from}>",
        "Subject: Complaint",
        f"Date: {date}",
        f"Message-ID: <complaint.{int(now * 1000)}@simulator.test>",
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
        "Feedback-Type: abuse",
        "User-Agent: Simulator/1.0",
        "Version: 1",
        f"Original-Mail-From: <{got.mail_from}>",
        f"Original-Rcpt-To: <{got.rcpt_to[0]}>",
        f"Reported-Domain: {domain}",
        "",
        "--=report",
        "Content-Type: text/rfc822-headers",
        "",
        f"Message-ID: {header.value('message-id') or ''}",
        "--=report--",
        "",
    ]
    return "\r\n".join(lines).encode()
