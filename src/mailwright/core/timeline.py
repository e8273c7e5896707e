"""What happened to a message, in order: every decision and every attempt, in one closed vocabulary.

stage x outcome x reason_code, with the evidence: the remote host, its words, the transcript of the attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mailwright.core import return_path
from mailwright.core.messages import load
from mailwright.core.model import Attempt, Caller, Event, Json, Message
from mailwright.core.ports import Ports, Tx
from mailwright.mail import bounces


class Stage(StrEnum):
    """Where in its life a message was."""

    ACCEPTED = "accepted"
    AUTHENTICATION = "authentication"
    POLICY = "policy"
    REVIEW = "review"
    SUPPRESSION = "suppression"
    QUEUED = "queued"
    DELIVERY = "delivery"
    COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline; `retryable` where something more will happen by itself."""

    at: int
    stage: Stage
    outcome: str
    reason_code: str
    recipient: str | None = None
    retryable: bool = False
    evidence: Json = field(default_factory=dict)


# What each event of a message says in the vocabulary; delivery events are told by their attempts instead.
FROM_EVENTS: dict[str, tuple[Stage, str, str]] = {
    "message.received": (Stage.ACCEPTED, "received", "filed"),
    "message.received.flagged": (Stage.ACCEPTED, "flagged", "dmarc_fail"),
    "message.forwarded": (Stage.POLICY, "forwarded", "forward_rule"),
    "message.not_forwarded": (Stage.POLICY, "not_forwarded", "forward_rule"),
    "message.queued": (Stage.QUEUED, "queued", "policy_allows"),
    "message.held": (Stage.POLICY, "held", "needs_approval"),
    "message.suppressed": (Stage.SUPPRESSION, "suppressed", "on_suppression_list"),
    "message.cancelled": (Stage.REVIEW, "cancelled", "cancelled_by_caller"),
    "approval.approved": (Stage.REVIEW, "approved", "approved_by_person"),
    "approval.rejected": (Stage.REVIEW, "rejected", "rejected_by_person"),
    "approval.expired": (Stage.REVIEW, "expired", "nobody_decided"),
    "message.complained": (Stage.COMPLAINT, "complained", "reported_as_spam"),
}
OUTCOMES = {
    "delivered": ("delivered", "accepted_by_receiver", False),
    "deferred": ("deferred", "temporary_failure", True),
    "rejected": ("bounced", "refused_by_receiver", False),
    "unknown": ("unknown", "connection_lost_after_final_dot", False),
    None: ("running", "attempt_under_way", True),
}

# What we say ourselves where a peer does not encrypt, or prove who it is, as its domain or the message asks (courier.py).
TLS_POLICY = ("4.7.5", "4.7.10", "5.7.30")


async def of_message(ports: Ports, caller: Caller, message_id: str) -> list[Entry]:
    """The timeline of a message, oldest first."""

    async def script(tx: Tx) -> tuple[Message, list[Event], list[Attempt], dict[str, str]]:
        message = await load(tx, caller, message_id)
        events = await tx.events.of_message(caller.tenant_id, message.id)
        attempts = await tx.queue.attempts(caller.tenant_id, message.id)
        rows = await tx.queue.of_message(caller.tenant_id, message.id)
        return message, events, attempts, {row.id: row.recipient for row in rows}

    message, events, attempts, recipients = await ports.store.browse(script)
    entries = [entry for event in events if (entry := _of_event(event))]
    entries += [_of_attempt(attempt, recipients.get(attempt.delivery_id)) for attempt in attempts]
    if message.authentication:
        verdict = message.authentication["dmarc"]["result"]
        entries.append(
            Entry(message.created_at, Stage.AUTHENTICATION, verdict, f"dmarc_{verdict}", evidence=message.authentication)
        )
    return sorted(entries, key=lambda entry: entry.at)


def _of_event(event: Event) -> Entry | None:
    if event.type == "message.bounced" and event.data.get("returned"):
        evidence: Json = {
            key: event.data.get(key) for key in ("enhanced", "text", "class", "reason", "remedy") if key in event.data
        }
        recipient = event.data.get("recipient")
        return Entry(event.created_at, Stage.DELIVERY, "bounced", "returned_later", recipient, evidence=evidence)
    told = FROM_EVENTS.get(event.type)
    if told is None:
        return None
    keys = (
        "forward_id",
        "forwarded_as",
        "reason",
        "approval_id",
        "reasons",
        "decided_by",
        "note",
        "digest",
        "recipients",
        "send_at",
    )
    evidence = {key: event.data[key] for key in keys if event.data.get(key) is not None}
    return Entry(event.created_at, *told, event.data.get("recipient"), told[1] in ("queued", "held"), evidence)


def _of_attempt(attempt: Attempt, recipient: str | None) -> Entry:
    outcome, reason, retryable = OUTCOMES[attempt.outcome]
    if attempt.code is None and attempt.enhanced in TLS_POLICY:
        reason = "tls_policy"
    evidence: Json = {
        "attempt_id": attempt.id,
        "attempt": attempt.number,
        "mx": attempt.mx,
        "address": attempt.address,
        "tls": attempt.tls,
        "code": attempt.code,
        "enhanced": attempt.enhanced,
        "text": attempt.text,
        "transcript": [return_path.hidden(line) for line in attempt.transcript],
    }
    if outcome in ("deferred", "bounced") and attempt.text and reason != "tls_policy":
        hosts = (attempt.mx, (recipient or "").rpartition("@")[2])
        evidence |= bounces.refusal(attempt.code, attempt.enhanced, attempt.text, hosts, final=not retryable)
    at = attempt.finished_at if attempt.finished_at is not None else attempt.started_at
    return Entry(at, Stage.DELIVERY, outcome, reason, recipient, retryable, evidence)
