"""Blocking calls: email.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from mailwright.client.calling import Call, body, once
from mailwright.client.line import Line
from mailwright.client.shapes.sending import AttachmentIn
from mailwright.client.shapes.sent import SentEmail


class Email:
    """Operations on email."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def send(
        self,
        *,
        cc: Sequence[str] | str | None = None,
        bcc: Sequence[str] | str | None = None,
        reply_to: Sequence[str] | str | None = None,
        text: str | None = None,
        html: str | None = None,
        attachments: Sequence[AttachmentIn] | None = None,
        headers: Mapping[str, str] | None = None,
        labels: Sequence[str] | None = None,
        send_at: datetime | str | None = None,
        stream: Literal["bulk", "transactional"] | None = None,
        require_tls: bool | None = None,
        oversight_mode: Literal["read_only", "gated_all", "gated_send", "monitored", "autonomous"] | None = None,
        from_: str | None = None,
        to: Sequence[str] | str | None = None,
        subject: str | None = None,
        agent_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> SentEmail:
        """Send a message from one of the key's mailboxes."""
        call = Call(
            "POST",
            "/v1/send_email",
            body=body(
                {
                    "cc": cc,
                    "bcc": bcc,
                    "reply_to": reply_to,
                    "text": text,
                    "html": html,
                    "attachments": attachments,
                    "headers": headers,
                    "labels": labels,
                    "send_at": send_at,
                    "stream": stream,
                    "require_tls": require_tls,
                    "oversight_mode": oversight_mode,
                    "from": from_,
                    "to": to,
                    "subject": subject,
                    "agent_id": agent_id,
                }
            ),
            once=once(idempotency_key),
        )
        return self._line.ask(call, SentEmail)

    def reply(
        self,
        *,
        message_id: str,
        cc: Sequence[str] | str | None = None,
        bcc: Sequence[str] | str | None = None,
        reply_to: Sequence[str] | str | None = None,
        text: str | None = None,
        html: str | None = None,
        attachments: Sequence[AttachmentIn] | None = None,
        headers: Mapping[str, str] | None = None,
        labels: Sequence[str] | None = None,
        send_at: datetime | str | None = None,
        stream: Literal["bulk", "transactional"] | None = None,
        require_tls: bool | None = None,
        oversight_mode: Literal["read_only", "gated_all", "gated_send", "monitored", "autonomous"] | None = None,
        from_: str | None = None,
        to: Sequence[str] | str | None = None,
        subject: str | None = None,
        agent_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> SentEmail:
        """Answer a message."""
        call = Call(
            "POST",
            "/v1/reply_email",
            body=body(
                {
                    "message_id": message_id,
                    "cc": cc,
                    "bcc": bcc,
                    "reply_to": reply_to,
                    "text": text,
                    "html": html,
                    "attachments": attachments,
                    "headers": headers,
                    "labels": labels,
                    "send_at": send_at,
                    "stream": stream,
                    "require_tls": require_tls,
                    "oversight_mode": oversight_mode,
                    "from": from_,
                    "to": to,
                    "subject": subject,
                    "agent_id": agent_id,
                }
            ),
            once=once(idempotency_key),
        )
        return self._line.ask(call, SentEmail)
