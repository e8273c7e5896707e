"""Answers and forwards: what a message starts from when it comes out of another one.

Recipients, subject and references come from the original's header (mail/compose), never from a caller's guess; all the
rest, and the way through policy, is sending.py's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailwright.core import messages
from mailwright.core.accounts import mailbox_of
from mailwright.core.errors import InvalidInput
from mailwright.core.model import Caller, Direction
from mailwright.core.ports import Ports
from mailwright.core.sending import Prepared, Wanted, prepare
from mailwright.mail import compose
from mailwright.mail.address import Address


@dataclass(frozen=True, slots=True)
class _Original:
    content: messages.Content
    own: Address


async def _original(ports: Ports, caller: Caller, message_id: str) -> _Original:
    content = await messages.content(ports, caller, message_id)
    mailbox = await ports.store.read(lambda tx: mailbox_of(tx, caller, content.message.mailbox_id))
    local, _, domain = mailbox.address.rpartition("@")
    return _Original(content, Address("", local, domain))


async def prepare_reply(ports: Ports, caller: Caller, message_id: str, wanted: Wanted) -> Prepared:
    """An answer to whoever wrote the message, in its thread. `to` and `cc` of `wanted` add to those; its text is taken."""
    original = await _original(ports, caller, message_id)
    return await _answer(ports, caller, original, compose.reply(original.content.header, [original.own]), wanted)


async def prepare_reply_all(ports: Ports, caller: Caller, message_id: str, wanted: Wanted) -> Prepared:
    """As `prepare_reply`, to everybody in To and Cc as well; nobody who was in Bcc learns of it."""
    original = await _original(ports, caller, message_id)
    return await _answer(ports, caller, original, compose.reply_all(original.content.header, [original.own]), wanted)


async def _answer(ports: Ports, caller: Caller, original: _Original, answer: compose.Answer, wanted: Wanted) -> Prepared:
    message = original.content.message
    to = (*(str(a) for a in answer.to), *wanted.to)
    if not to and message.direction is Direction.INBOUND:
        raise InvalidInput.at("to", "the original names nobody to answer to: give a recipient")
    return await prepare(
        ports,
        caller,
        message.mailbox_id,
        replace(
            wanted,
            to=to,
            cc=(*(str(a) for a in answer.cc), *wanted.cc),
            subject=wanted.subject or answer.subject,
            in_reply_to=answer.in_reply_to[0] if answer.in_reply_to else None,
            references=answer.references,
            thread_id=message.thread_id,
            answers=True,
            require_tls=wanted.require_tls or message.require_tls,  # RFC 8689 §6: it quotes what must not be in the clear
        ),
    )


async def prepare_forward(ports: Ports, caller: Caller, message_id: str, wanted: Wanted) -> Prepared:
    """The message as an attachment, every byte kept, to the recipients of `wanted`, with its text on top."""
    original = await _original(ports, caller, message_id)
    forward = compose.forward(original.content.raw)
    message = original.content.message
    changed = replace(
        wanted,
        subject=wanted.subject or forward.subject,
        attachments=(*wanted.attachments, *forward.attachments),
        require_tls=wanted.require_tls or message.require_tls,
    )
    return await prepare(ports, caller, message.mailbox_id, changed)
