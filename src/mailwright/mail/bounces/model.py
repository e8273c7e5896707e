"""What came back, as a value: whose mail did not arrive, why, and what to do about it.

`Class` is the question that decides what happens next; `action` and `remedy` come from the table of replies.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a message is, seen as an answer to mail of ours."""

    BOUNCE = "bounce"  # some recipient did not get it, or not yet
    COMPLAINT = "complaint"  # a recipient called it spam
    REPORT = "report"  # of another kind: delivered, displayed, DMARC, TLS
    AUTOREPLY = "autoreply"
    NONE = "none"  # mail like any other


class Class(StrEnum):
    """Why a recipient did not get it. Only HARD says that the address is of no use."""

    HARD = "hard"  # there is no such mailbox or domain
    SOFT = "soft"  # something that passes: a host out of reach, a mailbox that is locked
    POLICY = "policy"  # the receiver does not want it, and says no more precisely why
    REPUTATION = "reputation"  # of our addresses or domains
    AUTH = "auth"  # SPF, DKIM, DMARC, PTR
    CONTENT = "content"  # this message: spam, virus, size
    QUOTA = "quota"  # the mailbox or the system is full
    RATE = "rate"  # too much at once
    NOT_A_BOUNCE = "not_a_bounce"  # delivered, relayed, or an automatic answer


class Action(StrEnum):
    """What a sender should do."""

    SUPPRESS = "suppress"  # write there no more
    SUPPRESS_SOFT = "suppress_soft"  # not until somebody has looked, or it happens again
    RETRY = "retry"
    RETRY_SLOW = "retry_slow"
    FIX_SENDING = "fix_sending"
    FIX_MESSAGE = "fix_message"
    CONTACT_RECIPIENT = "contact_recipient"
    CONTACT_PROVIDER = "contact_provider"
    PAUSE_STREAM = "pause_stream"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a reply means."""

    bounce_class: Class
    action: Action
    reason: str
    remedy: str
    provider: str = ""  # whose own words they are, where it is one provider's


@dataclass(frozen=True, slots=True)
class Bounced:
    """What became of one recipient. `status` is the enhanced code nearest to the cause, "" where none was given."""

    address: str
    status: str
    diagnostic: str
    explanation: Explanation
    final: bool = True  # nobody goes on trying

    @property
    def hard(self) -> bool:
        """Whether the address is of no use."""
        return self.explanation.bounce_class is Class.HARD


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message is, and whom it is about."""

    kind: Kind
    recipients: tuple[Bounced, ...] = ()
