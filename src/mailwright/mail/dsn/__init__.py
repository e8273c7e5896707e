"""Delivery reports, read and written, and the codes that they and SMTP replies speak in.

Standards: RFC 3464 (delivery status), 6522 (multipart/report), 3461 (ENVID, ORCPT, xtext), 3463 (enhanced codes),
6533 (UTF-8 addresses), 3834 §2 (what is automatic).
Pure; reading never raises, is linear and bounded. Codes stand as the reports give them.
Not here: bounces in no standard form, whether a report may be believed (its return path says), what to do about it.
"""

from mailwright.mail.dsn.automatic import Automatic, is_automatic
from mailwright.mail.dsn.codes import EnhancedStatus, SmtpReply, decode_xtext, encode_xtext, parse_status, split_reply
from mailwright.mail.dsn.model import Action, Dsn, RecipientStatus
from mailwright.mail.dsn.read import parse_dsn
from mailwright.mail.dsn.write import DsnDraft, Ret, render_dsn

__all__ = [
    "Action",
    "Automatic",
    "Dsn",
    "DsnDraft",
    "EnhancedStatus",
    "RecipientStatus",
    "Ret",
    "SmtpReply",
    "decode_xtext",
    "encode_xtext",
    "is_automatic",
    "parse_dsn",
    "parse_status",
    "render_dsn",
    "split_reply",
]
