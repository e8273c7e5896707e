"""Telling of a message that came in: when it is filed, or when a person releases it.

It says the same either way. Not here: filing (receiving.py), releasing (approvals.py).
"""

from __future__ import annotations

from mailwright.core.events import EventType, publish
from mailwright.core.model import Json, Message, MessageStatus
from mailwright.core.ports import Ports, Tx

EVENT_TEXT = 4_000  # characters of the text that travel in an event; the rest is fetched
SUSPICIOUS = "quarantine"  # DMARC's disposition where it fails, and the policy asks for more than nothing


def standing(*, suspicious: bool) -> MessageStatus:
    """How a message stands that the agent may read."""
    return MessageStatus.FLAGGED if suspicious else MessageStatus.RECEIVED


def suspicious(authentication: Json) -> bool:
    """Whether a message with these verdicts is to be flagged."""
    replayed = authentication.get("identity", {}).get("replayed", False)
    return bool(authentication["dmarc"]["disposition"] == SUSPICIOUS or replayed)


async def tell(tx: Tx, ports: Ports, message: Message, text: str | None, *, truncated: bool = True) -> None:
    """Say that a message is there to be read; `text` None where it is not at hand: then the preview stands for it."""
    event = EventType.MESSAGE_FLAGGED if message.status is MessageStatus.FLAGGED else EventType.MESSAGE_RECEIVED
    data = _data(message, message.preview if text is None else text, truncated)
    await publish(tx, ports, event, tenant_id=message.tenant_id, mailbox_id=message.mailbox_id, data=data)


def _data(message: Message, text: str, truncated: bool) -> Json:
    authentication = message.authentication or {}
    return {
        "message_id": message.id,
        "thread_id": message.thread_id,
        "rfc_message_id": message.rfc_message_id,
        "from": message.header_from,
        "to": list(message.to),
        "cc": list(message.cc),
        "subject": message.subject,
        "preview": message.preview,
        "text": text,
        "truncated": truncated,
        "in_reply_to": message.in_reply_to,
        "attachments": message.attachments,
        "automatic": message.automatic,
        "trust": message.trust.value if message.trust else None,
        "authentication": {
            "spf": authentication["spf"]["result"],
            "dkim": [one["result"] for one in authentication["dkim"]],
            "dmarc": authentication["dmarc"]["result"],
            "identity": authentication.get("identity", {}).get("verdict", "none"),
        }
        if authentication
        else None,
    }
