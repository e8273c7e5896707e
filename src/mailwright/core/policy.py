"""Whether a message may leave, and whether one that came may be read: oversight, decided.

`judge` is the only way to the queue. It is pure and total: everything it looks at is in its arguments, and it returns
`Send`, `Hold` or `Refuse` with the trace of each rule that spoke. Doing what it says is sending.py's and approvals.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailwright.core.model import Active, Alignment, Approval, ApprovalStatus, Domain, Mailbox, OversightMode


class Outbound(StrEnum):
    """What a mode does with mail that wants to leave."""

    REFUSE = "refuse"
    HOLD = "hold"
    SEND_AND_COPY = "send_and_copy"
    SEND = "send"


class Inbound(StrEnum):
    """What a mode does with mail that comes in."""

    DELIVER = "deliver"
    HOLD = "hold"


# The one table of the five modes: docs and tests read it too.
MODES: dict[OversightMode, tuple[Inbound, Outbound]] = {
    OversightMode.READ_ONLY: (Inbound.DELIVER, Outbound.REFUSE),
    OversightMode.GATED_ALL: (Inbound.HOLD, Outbound.HOLD),
    OversightMode.GATED_SEND: (Inbound.DELIVER, Outbound.HOLD),
    OversightMode.MONITORED: (Inbound.DELIVER, Outbound.SEND_AND_COPY),
    OversightMode.AUTONOMOUS: (Inbound.DELIVER, Outbound.SEND),
}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is judged: the digest of exactly these bytes for exactly these recipients, and what speaks for it."""

    digest: str
    mode: OversightMode  # already tightened by what the caller asked
    approval: Approval | None = None
    copied: bool = True  # an overseer who is named may be written to


@dataclass(frozen=True, slots=True)
class Send:
    """It may go; `copy_to` is the overseer of a monitored mailbox."""

    trace: tuple[str, ...]
    copy_to: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A person decides; `reasons` say why, for that person."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """It must not go. `code` is the refusal's: blocked_by_policy, agent_paused, domain_not_aligned or approval_stale."""

    code: str
    reason: str


Decision = Send | Hold | Refuse


def tighten(own: OversightMode, asked: OversightMode | None) -> OversightMode:
    """The stricter of the mailbox's mode and the one that the caller asked for: a request never loosens."""
    return own if asked is None else min(own, asked, key=lambda mode: mode.autonomy)


def judge(outgoing: Outgoing, mailbox: Mailbox, domain: Domain, *, require_alignment: bool, now: int) -> Decision:
    """May this leave the mailbox now? Stated order: the first rule that refuses or holds decides."""
    if mailbox.status is not Active.ACTIVE:
        return Refuse("agent_paused", "the mailbox or its agent is paused")
    if require_alignment and domain.status is not Alignment.ALIGNED and not domain.override_alignment:
        return Refuse("domain_not_aligned", f"{domain.name} is {domain.status.value}, not aligned")
    rule = MODES[outgoing.mode][1]
    if rule is Outbound.REFUSE:
        return Refuse("blocked_by_policy", f"the mailbox is {outgoing.mode.value}: nothing is sent from it")
    # Where somebody is to get copies and nobody is named, or may be written to, the stricter rule stands in.
    unread = rule is Outbound.SEND_AND_COPY and not (mailbox.overseer and outgoing.copied)
    if rule is Outbound.HOLD or unread:
        return _gate(outgoing, now, ", and its overseer must not be written to" if unread and mailbox.overseer else "")
    copy_to = mailbox.overseer if rule is Outbound.SEND_AND_COPY else None
    return Send((f"mode {outgoing.mode.value}: sent at once",), copy_to)


def _gate(outgoing: Outgoing, now: int, why: str) -> Decision:
    approval = outgoing.approval
    if approval is None:
        return Hold((f"the mailbox is {outgoing.mode.value}{why}: a person approves what it sends",))
    if approval.digest != outgoing.digest:
        return Refuse("approval_stale", "the approval is of other bytes or other recipients")
    if approval.status is not ApprovalStatus.APPROVED:
        return Refuse("blocked_by_policy", f"the approval is {approval.status.value}")
    if approval.decided_at is None or approval.decided_at > min(now, approval.expires_at):
        return Refuse("blocked_by_policy", "the approval was not given in its time")
    return Send((f"mode {outgoing.mode.value}: approved by {approval.decided_by}",))


def judge_incoming(mailbox: Mailbox) -> Inbound:
    """May the agent read what came in, or does a person release it first?"""
    return MODES[mailbox.oversight_mode][0]
