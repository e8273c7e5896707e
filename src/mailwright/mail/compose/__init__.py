"""Writing messages: new ones, replies, forwards.

Standards: RFC 5322, 2045-2047, 2231, 6532; RFC 3834 (Auto-Submitted), 2369 and 8058 (List-Unsubscribe).
Pure and deterministic: ids and dates are arguments, boundaries come from the Message-ID. What is written is 7-bit with
CRLF alone, so no hop ever has to change it after signing; only a header with an address that needs SMTPUTF8 is UTF-8.
Every string is checked before anything is written (`draft_faults`), whoever it came from.
Not here: DKIM, Agent-Identity and trace fields (they are prepended), policy, the envelope.
"""

from mailwright.mail.compose.answer import (
    Answer,
    Forward,
    attribution,
    forward,
    forward_inline,
    quote_original,
    reply,
    reply_all,
)
from mailwright.mail.compose.checks import draft_faults
from mailwright.mail.compose.draft import Attachment, AutoSubmitted, ComposeError, Draft, Fault, FaultCode
from mailwright.mail.compose.message import compose, needs_smtputf8

__all__ = [
    "Answer",
    "Attachment",
    "AutoSubmitted",
    "ComposeError",
    "Draft",
    "Fault",
    "FaultCode",
    "Forward",
    "attribution",
    "compose",
    "draft_faults",
    "forward",
    "forward_inline",
    "needs_smtputf8",
    "quote_original",
    "reply",
    "reply_all",
]
