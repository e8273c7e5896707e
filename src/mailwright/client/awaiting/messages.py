"""Asynchronous calls: messages.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from mailwright.client.async_line import AsyncLine
from mailwright.client.calling import Call, Content, body, given, once, part
from mailwright.client.pages import AsyncPages
from mailwright.client.shapes.messages import Message, MessageSummary
from mailwright.client.shapes.page import Page
from mailwright.client.shapes.sending import AttachmentIn
from mailwright.client.shapes.sent import Sent
from mailwright.client.shapes.threads import Timeline


class AsyncMessages:
    """Operations on messages."""

    def __init__(self, line: AsyncLine) -> None:
        self._line = line

    async def send(
        self,
        mailbox_id: str,
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
        in_reply_to: str | None = None,
        idempotency_key: str | None = None,
    ) -> Sent:
        """Send a message."""
        call = Call(
            "POST",
            f"/v1/mailboxes/{part(mailbox_id)}/send",
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
                    "in_reply_to": in_reply_to,
                }
            ),
            once=once(idempotency_key),
        )
        return await self._line.ask(call, Sent)

    async def reply(
        self,
        message_id: str,
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
        idempotency_key: str | None = None,
    ) -> Sent:
        """Answer whoever wrote a message."""
        call = Call(
            "POST",
            f"/v1/messages/{part(message_id)}/reply",
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
                }
            ),
            once=once(idempotency_key),
        )
        return await self._line.ask(call, Sent)

    async def reply_all(
        self,
        message_id: str,
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
        idempotency_key: str | None = None,
    ) -> Sent:
        """Answer everybody in a message's From, To and Cc."""
        call = Call(
            "POST",
            f"/v1/messages/{part(message_id)}/reply-all",
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
                }
            ),
            once=once(idempotency_key),
        )
        return await self._line.ask(call, Sent)

    async def forward(
        self,
        message_id: str,
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
        idempotency_key: str | None = None,
    ) -> Sent:
        """Pass a message on as an attachment."""
        call = Call(
            "POST",
            f"/v1/messages/{part(message_id)}/forward",
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
                }
            ),
            once=once(idempotency_key),
        )
        return await self._line.ask(call, Sent)

    async def cancel(self, message_id: str, *, idempotency_key: str | None = None) -> Sent:
        """Stop what has not left yet."""
        call = Call("POST", f"/v1/messages/{part(message_id)}/cancel", body=body({}), once=once(idempotency_key))
        return await self._line.ask(call, Sent)

    def list(
        self,
        *,
        after: str | None = None,
        limit: int | None = None,
        mailbox_id: str | None = None,
        thread_id: str | None = None,
        direction: Literal["inbound", "outbound"] | None = None,
        status: Literal[
            "draft",
            "held",
            "scheduled",
            "queued",
            "deferred",
            "delivered",
            "bounced",
            "suppressed",
            "rejected",
            "cancelled",
            "expired",
            "unknown",
            "received",
            "flagged",
        ]
        | None = None,
        label: str | None = None,
        q: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> AsyncPages[MessageSummary]:
        """List messages, newest first."""
        call = Call(
            "GET",
            "/v1/messages",
            query=given(
                {
                    "after": after,
                    "limit": limit,
                    "mailbox_id": mailbox_id,
                    "thread_id": thread_id,
                    "direction": direction,
                    "status": status,
                    "label": label,
                    "q": q,
                    "since": since,
                    "until": until,
                }
            ),
        )
        return self._line.pages(call, Page[MessageSummary])

    async def get(self, message_id: str) -> Message:
        """Read a message."""
        call = Call("GET", f"/v1/messages/{part(message_id)}")
        return await self._line.ask(call, Message)

    async def raw(self, message_id: str, *, trace: bool | None = None) -> Content:
        """The message as it came or went, byte for byte."""
        call = Call("GET", f"/v1/messages/{part(message_id)}/raw", query=given({"trace": trace}))
        return await self._line.content(call)

    async def attachment(self, message_id: str, attachment_id: str) -> Content:
        """A file in a message."""
        call = Call("GET", f"/v1/messages/{part(message_id)}/attachments/{part(attachment_id)}")
        return await self._line.content(call)

    async def timeline(self, message_id: str) -> Timeline:
        """What happened to a message."""
        call = Call("GET", f"/v1/messages/{part(message_id)}/timeline")
        return await self._line.ask(call, Timeline)

    async def label(
        self, message_id: str, *, add_labels: Sequence[str] | None = None, remove_labels: Sequence[str] | None = None
    ) -> MessageSummary:
        """Label a message."""
        call = Call(
            "PATCH", f"/v1/messages/{part(message_id)}", body=body({"add_labels": add_labels, "remove_labels": remove_labels})
        )
        return await self._line.ask(call, MessageSummary)
