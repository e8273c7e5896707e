"""What does a delivery report say? One value for it, one for each of its recipients.

Standards: RFC 3464 §2.2 (per message), §2.3 (per recipient), §2.3.3 (actions).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailwright.mail.dsn.codes import EnhancedStatus, SmtpReply, split_reply
from mailwright.mail.header import Header


class Action(StrEnum):
    """What the reporting host did (RFC 3464 §2.3.3)."""

    FAILED = "failed"  # for good
    DELAYED = "delayed"  # and it goes on trying
    DELIVERED = "delivered"  # to the recipient's mailbox
    RELAYED = "relayed"  # to a host that reports no delivery
    EXPANDED = "expanded"  # to the members of a list


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """What became of one recipient. Addresses are bare; "" and None stand for what the report leaves out."""

    final_recipient: str
    action: Action | None
    status: EnhancedStatus | None
    original_recipient: str = ""
    diagnostic: str = ""  # without its type
    diagnostic_type: str = ""  # "smtp", "x-unix", ...
    remote_mta: str = ""
    last_attempt: datetime | None = None
    will_retry_until: datetime | None = None
    category: str = ""  # what the reporting host takes the failure for, where it says so in a field of its own

    @property
    def reply(self) -> SmtpReply:
        """The diagnostic, taken apart as an SMTP reply."""
        return split_reply(self.diagnostic)

    @property
    def cause(self) -> EnhancedStatus | None:
        """The code nearest to the cause: that in the refusing host's own words, else `status`.

        Reporting hosts often put x.0.0 or a code of their own ("it took too long") in front of what they were told.
        """
        told = self.reply.enhanced
        if told is None or (told.vague and self.status is not None and not self.status.vague):
            return self.status
        return told


@dataclass(frozen=True, slots=True)
class Dsn:
    """A delivery status notification. `returned` is the header of the message it is about, if that came back."""

    recipients: tuple[RecipientStatus, ...]
    reporting_mta: str = ""
    original_envelope_id: str = ""
    arrived_at: datetime | None = None
    returned: Header | None = field(default=None, repr=False)
    returned_message_id: str = ""  # with angle brackets; "" if unknown
