"""FACTS: the one list of things that can happen. Webhooks, SSE, long poll, the docs and the console all read it.

The text behind each type is its documentation. A type ending in a past participle has happened and is durable.
"""

from __future__ import annotations

from enum import StrEnum

from mailwright.core.model import Event, Json
from mailwright.core.ports import Ports, Tx


class EventType(StrEnum):
    """What can happen; `.text` says it in a sentence."""

    text: str

    def __new__(cls, value: str, text: str) -> EventType:
        """A member is its public name plus a sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.text = text
        return member

    MESSAGE_RECEIVED = "message.received", "A message was accepted and filed in its thread."
    MESSAGE_FLAGGED = "message.received.flagged", "A message was accepted, but its authentication failed: see `authentication`."
    MESSAGE_REJECTED = "message.rejected", "A draft was refused by its approver; it will not be sent."
    MESSAGE_QUEUED = "message.queued", "A message passed policy and waits for delivery."
    MESSAGE_FORWARDED = (
        "message.forwarded",
        "A rule of the mailbox hands a message on: it is queued, or held where its mode says so.",
    )
    MESSAGE_NOT_FORWARDED = "message.not_forwarded", "A rule applied to a message, which is not handed on: see `reason`."
    MESSAGE_HELD = "message.held", "A message waits for a person to approve it."
    MESSAGE_SENT = "message.sent", "A recipient's copy was handed over to the domain's smarthost, which delivers it from there."
    MESSAGE_DELIVERED = "message.delivered", "The receiver's mail exchanger took responsibility for a recipient (2xx)."
    MESSAGE_DEFERRED = "message.deferred", "A recipient could not be reached for now; the next try is at `next_attempt_at`."
    MESSAGE_BOUNCED = (
        "message.bounced",
        "A recipient was refused for good: by the receiver's reply, or by a bounce that came back.",
    )
    MESSAGE_COMPLAINED = "message.complained", "A recipient reported the message as spam."
    MESSAGE_SUPPRESSED = "message.suppressed", "A recipient is on the suppression list and was left out."
    MESSAGE_CANCELLED = (
        "message.cancelled",
        "A message was cancelled; these recipients are tried no more. Whoever was being reached just then is told of later.",
    )
    MESSAGE_UNKNOWN = (
        "message.unknown",
        ("The connection was lost after the message was sent whole and before the receiver answered: it may have arrived."),
    )
    APPROVAL_REQUESTED = "approval.requested", "A person is asked to decide on a message."
    APPROVAL_APPROVED = "approval.approved", "A person approved exactly these bytes for exactly these recipients."
    APPROVAL_REJECTED = "approval.rejected", "A person refused."
    APPROVAL_EXPIRED = "approval.expired", "Nobody decided in time; the message will not be sent."
    DOMAIN_ALIGNED = "domain.aligned", "All records of a domain are in place; its mail authenticates."
    DOMAIN_DEGRADED = "domain.degraded", "A domain that was aligned no longer is: see `records` for what was observed."
    DOMAIN_KEY_ROTATED = "domain.key_rotated", "A domain signs with a new key; `kind` says which: `identity`, or else `dkim`."
    SUPPRESSION_ADDED = "suppression.added", "An address is not to be written to any more."
    SUPPRESSION_REMOVED = "suppression.removed", "An address may be written to again."
    MAILBOX_CREATED = "mailbox.created", "A mailbox was created."
    MAILBOX_PAUSED = "mailbox.paused", "A mailbox or its agent was paused: nothing leaves it."
    MAILBOX_RESUMED = "mailbox.resumed", "A paused mailbox may send again."
    REPORT_DMARC = "report.dmarc", "A receiver reported how mail in the name of a domain fared (DMARC)."
    REPORT_TLS = "report.tls", "A receiver reported how its TLS connections to a domain fared (RFC 8460)."
    STORE_RESTORED = (
        "store.restored",
        "The server was put back from a backup made at `made_at`: what happened between then and now is not in this log.",
    )
    WEBHOOK_TEST = "webhook.test", "Somebody asked to try a webhook; only that webhook is told."
    WEBHOOK_DISABLED = "webhook.disabled", "A webhook failed for too long and is no longer called."


async def publish(tx: Tx, ports: Ports, event_type: EventType, *, tenant_id: str, mailbox_id: str | None, data: Json) -> None:
    """Append an event to the log, in the transaction of what it tells."""
    await tx.events.append(Event(ports.ids.new("evt"), event_type.value, tenant_id, mailbox_id, ports.clock.now(), data))
