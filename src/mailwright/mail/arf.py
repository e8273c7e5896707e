"""Complaint reports: somebody pressed "this is spam".

Standards: RFC 5965 (ARF), RFC 6650.
Pure; never raises. What is read here is believed only where the return path proves that the message was ours.
Not here: the reports that are nearly ARF, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailwright.mail.header import parse_header
from mailwright.mail.mime import Part, leaves

MAX_REPORT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Complaint:
    """One report: its type (abuse, fraud, virus, not-spam, ...) and what it says of the message."""

    feedback_type: str
    original_rcpt_to: tuple[str, ...]
    original_mail_from: str | None
    source_ip: str | None
    reported_domain: tuple[str, ...]
    user_agent: str | None


def parse_complaint(root: Part) -> Complaint | None:
    """The complaint, where the message is a multipart/report of type feedback-report with a readable part (RFC 5965 §2)."""
    if root.content_type != "multipart/report":
        return None
    report = next((part for part in leaves(root) if part.content_type == "message/feedback-report"), None)
    if report is None:
        return None
    fields = parse_header(report.decoded(MAX_REPORT))
    feedback_type = fields.value("feedback-type")
    if not feedback_type:
        return None  # RFC 5965 §3.1: the one field that must be there
    return Complaint(
        feedback_type=feedback_type.lower(),
        original_rcpt_to=tuple(field.value.strip("<> ") for field in fields.all("original-rcpt-to")),
        original_mail_from=fields.value("original-mail-from"),
        source_ip=fields.value("source-ip"),
        reported_domain=tuple(field.value for field in fields.all("reported-domain")),
        user_agent=fields.value("user-agent"),
    )
