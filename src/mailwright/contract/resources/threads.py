"""Conversations and timelines, as told to callers."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from mailwright.contract.resources.messages import MessageSummary, summary_fields
from mailwright.contract.scalars import Time, doc, rfc3339
from mailwright.core import model, timeline
from mailwright.core.timeline import Stage


class Thread(Struct, frozen=True, kw_only=True):
    """A conversation inside one mailbox."""

    id: Annotated[str, doc("The thread's id.", example="thr_5qm3tk8v0w1x2y3z4a5b")]
    mailbox_id: Annotated[str, doc("The mailbox that it is in.")]
    subject: Annotated[str, doc("The subject that it began with. Untrusted where somebody else began it.")]
    participants: Annotated[tuple[str, ...], doc("The addresses that took part.")]
    message_count: Annotated[int, doc("How many messages it has.", example=2)]
    preview: Annotated[str, doc("The beginning of the latest message. Untrusted where somebody else wrote it.")]
    labels: Annotated[tuple[str, ...], doc("Its labels.")]
    created_at: Annotated[Time, doc("When it began.")]
    last_message_at: Annotated[Time, doc("When its latest message came or went.")]


class ThreadMessage(MessageSummary, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A message of a conversation, with what it says."""

    text: Annotated[
        str | None, doc("What is new in it, as plain text. Untrusted where it is inbound. Null beyond the latest 50.")
    ]
    truncated: Annotated[bool, doc("True: the text was cut here; read the message for all of it.")]


class ThreadDetail(Thread, frozen=True, kw_only=True):
    """A conversation with its messages, oldest first."""

    messages: Annotated[tuple[ThreadMessage, ...], doc("Its messages, oldest first.")]


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """One thing that happened to a message."""

    at: Annotated[Time, doc("When.")]
    stage: Annotated[Stage, doc("Where in its life the message was.")]
    outcome: Annotated[str, doc("What came of it.", example="delivered")]
    reason_code: Annotated[str, doc("Why, in a word.", example="accepted_by_receiver")]
    recipient: Annotated[str | None, doc("For whom, where it is about one recipient.")]
    retryable: Annotated[bool, doc("Whether something more will happen by itself.")]
    evidence: Annotated[dict[str, Any], doc("What was seen: the remote host, its words, the transcript. Untrusted.")]


class Timeline(Struct, frozen=True):
    """What happened to a message, oldest first."""

    items: Annotated[tuple[TimelineEntry, ...], doc("What happened, oldest first.")]


def _thread_fields(row: model.Thread) -> dict[str, Any]:
    return {
        "id": row.id,
        "mailbox_id": row.mailbox_id,
        "subject": row.subject,
        "participants": row.participants,
        "message_count": row.message_count,
        "preview": row.preview,
        "labels": row.labels,
        "created_at": rfc3339(row.created_at),
        "last_message_at": rfc3339(row.last_at),
    }


def thread(row: model.Thread) -> Thread:
    """A conversation, as told."""
    return Thread(**_thread_fields(row))


def thread_detail(row: model.Thread, messages: tuple[ThreadMessage, ...]) -> ThreadDetail:
    """A conversation with its messages, as told."""
    return ThreadDetail(**_thread_fields(row), messages=messages)


def thread_message(row: model.Message, read: tuple[str, bool] | None, limit: int) -> ThreadMessage:
    """A message of a conversation, as told, from its text and whether there is more; cut at `limit` characters."""
    if read is None:
        return ThreadMessage(**summary_fields(row), text=None, truncated=False)
    text, longer = read
    return ThreadMessage(**summary_fields(row), text=text[:limit], truncated=longer or len(text) > limit)


def timeline_entry(entry: timeline.Entry) -> TimelineEntry:
    """One thing that happened, as told."""
    return TimelineEntry(
        at=rfc3339(entry.at),
        stage=entry.stage,
        outcome=entry.outcome,
        reason_code=entry.reason_code,
        recipient=entry.recipient,
        retryable=entry.retryable,
        evidence=entry.evidence,
    )
