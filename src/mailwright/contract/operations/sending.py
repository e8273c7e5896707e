"""Operations that send: new messages, answers, forwards; and taking back what has not left."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from mailwright.contract.operations.row import Example, Operation
from mailwright.contract.resources import sent as shown
from mailwright.contract.resources.sent import Sent
from mailwright.contract.scalars import Id, Line, Moment, doc, milliseconds
from mailwright.core import answering, sending
from mailwright.core.errors import InvalidInput
from mailwright.core.model import Caller, OversightMode, Permission
from mailwright.core.ports import Ports, Tx
from mailwright.mail.compose import Attachment

MAX_LISTED = 1000  # addresses in one field; the real limit on recipients is core's
MAX_ATTACHMENTS = 100

# No pattern here: msgspec 0.22 frees a pattern twice at exit where it stands in both arms of a union with a list.
Address = Annotated[str, Meta(min_length=1, max_length=1000)]
Addresses = Annotated[tuple[Address, ...], Meta(max_length=MAX_LISTED)] | Address
Headers = dict[Annotated[str, Meta(max_length=256)], Annotated[str, Meta(max_length=16_000)]]
Labels = Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=50)]


class AttachmentIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that travels with the message."""

    filename: Annotated[Line, doc("Its name.", example="invoice.pdf")]
    content: Annotated[bytes, doc("The file, in base64.", example="aGVsbG8K")]
    content_type: Annotated[Line, doc("Its type.", example="application/pdf")] = "application/octet-stream"
    content_id: Annotated[Line | None, doc("Shows it inside the HTML, as `cid:<content_id>`.")] = None


class Writing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every message that is handed in may hold."""

    cc: Annotated[Addresses, doc("Who gets a copy, visibly.")] = ()
    bcc: Annotated[Addresses, doc("Who gets a copy that the others don't learn of.")] = ()
    reply_to: Annotated[Addresses, doc("Where answers go, if not to the mailbox.")] = ()
    text: Annotated[str | None, doc("The text.", example="Tea at four?")] = None
    html: Annotated[str | None, doc("The same as HTML.", example="<p>Tea at four?</p>")] = None
    attachments: Annotated[
        Annotated[tuple[AttachmentIn, ...], Meta(max_length=MAX_ATTACHMENTS)], doc("Files that travel with it.")
    ] = ()
    headers: Annotated[
        Headers,
        doc(
            "Further header fields. Those that the server writes, or that speak for it (Received, Authentication-Results, "
            "DKIM-*, ARC-*, Agent-Identity, Return-Path, Bcc), are refused."
        ),
    ] = {}
    labels: Annotated[Labels, doc("Labels for the message in this mailbox; receivers don't see them.")] = ()
    send_at: Annotated[Moment | None, doc("Not before this time; within a year.")] = None
    stream: Annotated[
        Literal["transactional", "bulk"],
        doc("`bulk` needs one-click unsubscribe and is refused where the server can't write it."),
    ] = "transactional"
    require_tls: Annotated[
        bool,
        doc(
            "Only over verified TLS, and only to servers that hand it on so (RFC 8689). Few do yet: to others it is not sent, "
            "and the timeline says so."
        ),
    ] = False
    oversight_mode: Annotated[
        OversightMode | None, doc("Ask for more oversight than the mailbox has. Less is not to be had: the stricter counts.")
    ] = None
    from_: Annotated[Address | None, doc("Left out: the mailbox decides. Any other address is `sender_not_owned`.")] = field(
        default=None, name="from"
    )


class Send(Writing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new message."""

    mailbox_id: Annotated[Id, doc("The mailbox that it leaves.")]
    to: Annotated[Addresses, doc("Whom it is for; one address or a list.", example=["bob@there.example"])] = ()
    subject: Annotated[Line, doc("Its subject.", example="Tea?")] = ""
    in_reply_to: Annotated[Line | None, doc("The Message-ID of what it answers, if that is not here; else reply.")] = None


class Answer(Writing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer. Recipients, subject and thread come from the message that is answered."""

    message_id: Annotated[Id, doc("The message that is answered.")]
    to: Annotated[Addresses, doc("Who else it is for.")] = ()
    subject: Annotated[Line, doc("Another subject than the original's.")] = ""


class Forward(Answer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message passed on, as an attachment with every byte kept."""

    message_id: Annotated[Id, doc("The message that is passed on.")]
    to: Annotated[Addresses, doc("Whom it is for.", example=["bob@there.example"])] = ()


class MessageId(Struct, frozen=True, forbid_unknown_fields=True):
    """One message."""

    message_id: Annotated[Id, doc("The message's id.")]


def wanted(given: Writing, *, to: Addresses = (), subject: str = "", in_reply_to: str | None = None) -> sending.Wanted:
    """What core is asked to send."""
    return sending.Wanted(
        to=_several(to),
        cc=_several(given.cc),
        bcc=_several(given.bcc),
        reply_to=_several(given.reply_to),
        subject=subject,
        text=given.text,
        html=given.html,
        attachments=tuple(Attachment(a.filename, a.content_type, a.content, a.content_id or "") for a in given.attachments),
        headers=tuple(given.headers.items()),
        labels=given.labels,
        in_reply_to=in_reply_to,
        send_at=milliseconds("send_at", given.send_at) if given.send_at else None,
        oversight_mode=given.oversight_mode,
        header_from=given.from_,
        stream=given.stream,
        require_tls=given.require_tls,
    )


def _several(given: Addresses) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given


async def named(composing: Awaitable[sending.Prepared], given: Writing) -> sending.Prepared:
    """Compose, and name fields at fault as this API calls them: `headers.X-Tag` is core's `headers[0].value`."""
    try:
        return await composing
    except InvalidInput as wrong:
        names = list(given.headers)
        details = [{**one, "path": _path(one["path"], names)} for one in wrong.details or ()]
        message = f"{details[0]['path']}: {details[0]['message']}" if details else wrong.message
        raise InvalidInput(message, details=details or None) from None


def _path(path: str, names: list[str]) -> str:
    if path == "from[0]":
        return "from"
    found = re.fullmatch(r"headers\[(\d+)\](?:\.\w+)?", path)
    return f"headers.{names[int(found[1])]}" if found and int(found[1]) < len(names) else path


async def _compose(ports: Ports, caller: Caller, given: Send) -> sending.Prepared:
    what = wanted(given, to=given.to, subject=given.subject, in_reply_to=given.in_reply_to)
    return await named(sending.prepare(ports, caller, given.mailbox_id, what), given)


async def _compose_reply(ports: Ports, caller: Caller, given: Answer) -> sending.Prepared:
    what = wanted(given, to=given.to, subject=given.subject)
    return await named(answering.prepare_reply(ports, caller, given.message_id, what), given)


async def _compose_reply_all(ports: Ports, caller: Caller, given: Answer) -> sending.Prepared:
    what = wanted(given, to=given.to, subject=given.subject)
    return await named(answering.prepare_reply_all(ports, caller, given.message_id, what), given)


async def _compose_forward(ports: Ports, caller: Caller, given: Forward) -> sending.Prepared:
    what = wanted(given, to=given.to, subject=given.subject)
    return await named(answering.prepare_forward(ports, caller, given.message_id, what), given)


async def forget(ports: Ports, prepared: sending.Prepared) -> None:
    """Take away the file of a large message that is not going to be one."""
    if not isinstance(prepared.blob, bytes):
        await ports.store.blobs.unsettle(prepared.blob_id)


async def _submit(tx: Tx, ports: Ports, caller: Caller, prepared: sending.Prepared) -> Sent:
    return shown.sent(await sending.submit(tx, ports, caller, prepared))


async def _cancel(tx: Tx, ports: Ports, caller: Caller, given: MessageId) -> Sent:
    message = await sending.cancel(tx, ports, caller, given.message_id)
    return Sent(message_id=message.id, thread_id=message.thread_id, status=message.status)


HELD = (
    "Answers 202: `queued`, `scheduled` for `send_at`, or, where the mailbox's oversight wants a person to look first, `held` "
    "with the `approval_id`. Send an `Idempotency-Key` so that a repeated request is no second message."
)
TURNS = (
    "Where programs answer each other and no person is among them, the budget of turns ends: the answer is held, or refused "
    "with `rate_limited` until later."
)

ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="messages.send",
        summary="Send a message",
        permission=Permission.MESSAGES_SEND,
        method="POST",
        path="/v1/mailboxes/{mailbox_id}/send",
        status=202,
        input=Send,
        output=Sent,
        prepare=_compose,
        act=_submit,
        undo=forget,
        large=True,
        tool="send_message",
        command="messages send",
        examples=(
            Example("A short message", {"to": ["bob@there.example"], "subject": "Tea?", "text": "At four?"}),
            Example(
                "With a file, tomorrow",
                {
                    "to": "Bob <bob@there.example>",
                    "subject": "Invoice",
                    "html": "<p>Here it is.</p>",
                    "attachments": [{"filename": "invoice.txt", "content_type": "text/plain", "content": "aGVsbG8K"}],
                    "labels": ["invoices"],
                },
            ),
        ),
        notes=HELD,
    ),
    Operation(
        name="messages.reply",
        summary="Answer whoever wrote a message",
        permission=Permission.MESSAGES_SEND,
        method="POST",
        path="/v1/messages/{message_id}/reply",
        status=202,
        input=Answer,
        output=Sent,
        prepare=_compose_reply,
        act=_submit,
        undo=forget,
        large=True,
        tool="reply",
        command="messages reply",
        examples=(Example("An answer", {"text": "Gladly."}),),
        notes=f"{HELD} {TURNS}",
    ),
    Operation(
        name="messages.reply_all",
        summary="Answer everybody in a message's From, To and Cc",
        permission=Permission.MESSAGES_SEND,
        method="POST",
        path="/v1/messages/{message_id}/reply-all",
        status=202,
        input=Answer,
        output=Sent,
        prepare=_compose_reply_all,
        act=_submit,
        undo=forget,
        large=True,
        tool="reply_all",
        command="messages reply-all",
        examples=(Example("An answer to all", {"text": "Gladly, all of you."}),),
        notes=f"{HELD} {TURNS}",
    ),
    Operation(
        name="messages.forward",
        summary="Pass a message on as an attachment",
        permission=Permission.MESSAGES_SEND,
        method="POST",
        path="/v1/messages/{message_id}/forward",
        status=202,
        input=Forward,
        output=Sent,
        prepare=_compose_forward,
        act=_submit,
        undo=forget,
        large=True,
        tool="forward",
        command="messages forward",
        examples=(Example("For your information", {"to": ["carol@there.example"], "text": "See below."}),),
        notes=HELD,
    ),
    Operation(
        name="messages.cancel",
        summary="Stop what has not left yet",
        permission=Permission.MESSAGES_SEND,
        method="POST",
        path="/v1/messages/{message_id}/cancel",
        input=MessageId,
        output=Sent,
        act=_cancel,
        destructive=True,
        tool="cancel_message",
        command="messages cancel",
        notes="Recipients that were reached already stay reached, and then the overseer of a `monitored` mailbox gets a copy; "
        "`not_pending` where nothing is left to stop. One whose delivery is under way at that moment may still be reached: "
        "`message.delivered` or `message.unknown` then says so, and its status.",
    ),
)
