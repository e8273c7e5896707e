"""What a message is to say, before it is written, and how its writing is refused.

Standards: RFC 5322 §3.6, RFC 3834 §5 (Auto-Submitted).
Text is text: a caller never encodes, quotes or folds. Message ids stand with their angle brackets.
Not here: the checks (checks.py), the writing (message.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailwright.mail.address import Address


class AutoSubmitted(StrEnum):
    """Who had the message sent (RFC 3834 §5.1); no value at all: a person."""

    GENERATED = "auto-generated"
    REPLIED = "auto-replied"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels with the message. With a `content_id` it stands inside the HTML, as `cid:<content_id>`."""

    filename: str
    content_type: str  # "application/pdf", "text/calendar; method=REQUEST"
    content: bytes
    content_id: str = ""  # without angle brackets


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One message to be written. `bcc` is for the envelope; it is never written.

    With neither `text` nor `html` the body is empty; with both it is multipart/alternative. `headers` are further
    fields in order, (name, text). `list_unsubscribe` holds URIs; an https one stands for a one-click end point.
    """

    header_from: Address
    message_id: str
    sent_at: datetime  # aware; its zone is the one that is written
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    auto_submitted: AutoSubmitted | None = None
    list_unsubscribe: tuple[str, ...] = ()


class FaultCode(StrEnum):
    """Why a draft is not written."""

    CONTROL_CHARACTER = "control_character"  # a line break, NUL or the like would end the field and open another
    NOT_TEXT = "not_text"  # half of a surrogate pair
    BAD_ADDRESS = "bad_address"
    BAD_DATE = "bad_date"
    BAD_MESSAGE_ID = "bad_message_id"
    BAD_HEADER_NAME = "bad_header_name"
    REFUSED_HEADER = "refused_header"  # the server writes it, or nobody may
    DUPLICATE_HEADER = "duplicate_header"
    BAD_CONTENT_TYPE = "bad_content_type"
    BAD_CONTENT_ID = "bad_content_id"
    BAD_FILENAME = "bad_filename"
    BAD_URI = "bad_uri"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a draft. `path` names the place as the API does: "to[2]", "headers[0].value"."""

    code: FaultCode
    path: str
    message: str


class ComposeError(ValueError):
    """The draft can't be written as it is. `faults` holds everything that is wrong; `code`, `path`, `message` the first."""

    def __init__(self, *faults: Fault) -> None:
        first = faults[0]
        super().__init__(f"{first.path}: {first.message}")
        self.faults = faults
        self.code, self.path, self.message = first.code, first.path, first.message
