"""Those inside: agents, who have a mailbox each, and the people who oversee them. Each acts with a key of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from mailwright.core import agents, answering, approvals, mailboxes, messages, releasing, sending, threads
from mailwright.core.model import Approval, ApprovalStatus, Caller, Event, Mailbox, OversightMode, Permission
from mailwright.core.ports import MessageFilter, Ports, Tx
from mailwright.core.sending import Prepared, Wanted
from mailwright.testing.internet.mail import Conversation, Mail
from mailwright.testing.internet.seat import Seat

LISTED = 200
EVENTS_READ = 1000

Texts = str | tuple[str, ...]


def several(texts: Texts) -> tuple[str, ...]:
    """One or several, as several."""
    return (texts,) if isinstance(texts, str) else texts


@dataclass(frozen=True)
class Agent(Seat):
    """An agent with one mailbox. Its key sees that mailbox and nothing else."""

    mailbox_id: str
    operator: Caller

    # --- sending

    def send(self, *, to: Texts, subject: str = "", text: str | None = None, cc: Texts = (), bcc: Texts = ()) -> Mail:
        """Send a message; it is queued, or held where its mailbox is overseen. `submit` takes everything else."""
        return self.submit(Wanted(to=several(to), cc=several(cc), bcc=several(bcc), subject=subject, text=text))

    def submit(self, wanted: Wanted) -> Mail:
        """Send a message with all that one may want of it: attachments, fields, a time, more oversight."""
        return self._submit(lambda ports, caller: sending.prepare(ports, caller, self.mailbox_id, wanted))

    def reply(self, to: Mail, text: str, wanted: Wanted = Wanted()) -> Mail:  # noqa: B008
        """Answer whoever wrote a message."""
        answer = _with_text(wanted, text)
        return self._submit(lambda ports, caller: answering.prepare_reply(ports, caller, to.id, answer))

    def reply_all(self, to: Mail, text: str, wanted: Wanted = Wanted()) -> Mail:  # noqa: B008
        """Answer everybody."""
        answer = _with_text(wanted, text)
        return self._submit(lambda ports, caller: answering.prepare_reply_all(ports, caller, to.id, answer))

    def forward(self, mail: Mail, *, to: Texts, text: str = "") -> Mail:
        """Pass a message on."""
        wanted = Wanted(to=several(to), text=text)
        return self._submit(lambda ports, caller: answering.prepare_forward(ports, caller, mail.id, wanted))

    def _submit(self, compose: Callable[[Ports, Caller], Any]) -> Mail:
        prepared: Prepared = self.ask(Permission.MESSAGES_SEND, compose)
        submitted = self.act(Permission.MESSAGES_SEND, lambda tx, ports, caller: sending.submit(tx, ports, caller, prepared))
        return self._mail(submitted.message.id)

    # --- reading

    @property
    def mailbox(self) -> Mailbox:
        """Its mailbox as it is now."""
        return self.ask(Permission.MAILBOXES_READ, lambda ports, caller: mailboxes.get(ports, caller, self.mailbox_id))

    @property
    def address(self) -> str:
        """Its address."""
        return self.mailbox.address

    def inbox(self) -> list[Mail]:
        """What came in and may be read, oldest first."""
        return self._listed(MessageFilter(direction="inbound"))

    def sent(self) -> list[Mail]:
        """What was handed in, oldest first."""
        return self._listed(MessageFilter(direction="outbound"))

    def _listed(self, narrow: MessageFilter) -> list[Mail]:
        found = self.ask(Permission.MESSAGES_READ, lambda ports, caller: messages.page(ports, caller, narrow, None, LISTED))
        return [self._mail(row.id) for row in reversed(found)]

    def read(self, mail: Mail) -> messages.Content:
        """Open a message with the agent's own key: NotFound where it may not be seen."""
        return self.ask(Permission.MESSAGES_READ, lambda ports, caller: messages.content(ports, caller, mail.id))

    def thread(self, of: Mail) -> Conversation:
        """The conversation of a message."""
        return Conversation(of.thread_id, self, self.operator)

    def threads(self) -> list[Conversation]:
        """Its conversations, the latest activity first."""
        found = self.ask(Permission.MESSAGES_READ, lambda ports, caller: threads.page(ports, caller, None, None, LISTED))
        return [Conversation(row.id, self, self.operator) for row in found]

    def events(self, *types: str) -> list[Event]:
        """What it was told of."""

        async def script(tx: Tx) -> list[Event]:
            return await tx.events.after(self.caller.tenant_id, 0, self.mailbox_id, types, EVENTS_READ)

        return self.ask(Permission.EVENTS_READ, lambda ports, caller: ports.store.browse(script))

    def _mail(self, message_id: str) -> Mail:
        return Mail(message_id, self, self.operator)

    # --- what an operator does to it

    def set_mode(self, mode: OversightMode | str, *, overseer: str | None = None) -> None:
        """Have an operator change how much a person stands between."""
        change = mailboxes.MailboxChange(oversight_mode=OversightMode(mode), overseer=overseer)
        self._overseen(
            Permission.MAILBOXES_MANAGE,
            lambda tx, ports, caller: mailboxes.change(tx, ports, caller, self.mailbox_id, change),
        )

    def pause(self) -> None:
        """Have an operator stop everything that leaves it."""
        agent_id = self.mailbox.agent_id
        self._overseen(Permission.AGENTS_MANAGE, lambda tx, ports, caller: agents.pause(tx, ports, caller, agent_id))

    def resume(self) -> None:
        """Have an operator let it send again."""
        agent_id = self.mailbox.agent_id
        self._overseen(Permission.AGENTS_MANAGE, lambda tx, ports, caller: agents.resume(tx, ports, caller, agent_id))

    def _overseen(self, permission: Permission, verb: Callable[[Tx, Ports, Caller], Awaitable[object]]) -> None:
        Seat(self.server, self.operator).act(permission, verb)


def _with_text(wanted: Wanted, text: str) -> Wanted:
    return replace(wanted, text=text)


@dataclass(frozen=True)
class Approver(Seat):
    """A person who decides, with a key that can't send."""

    def pending(self) -> list[Approval]:
        """What waits for a decision, oldest first."""
        return self.ask(
            Permission.APPROVALS_READ,
            lambda ports, caller: approvals.page(ports, caller, ApprovalStatus.PENDING, None, None, LISTED),
        )

    def approve(self, what: Mail | Approval, *, digest: str | None = None, note: str | None = None) -> Approval:
        """Allow it, by the digest that was seen: that of the question as it stands, where none is given."""
        ruling = self._ruling(what, digest, note)
        prepared = self.ask(Permission.APPROVALS_DECIDE, lambda ports, caller: releasing.prepare(ports, caller, ruling))
        return self.act(Permission.APPROVALS_DECIDE, lambda tx, ports, caller: releasing.approve(tx, ports, caller, prepared))

    def reject(self, what: Mail | Approval, *, digest: str | None = None, note: str | None = None) -> Approval:
        """Refuse it."""
        ruling = self._ruling(what, digest, note)
        return self.act(Permission.APPROVALS_DECIDE, lambda tx, ports, caller: approvals.reject(tx, ports, caller, ruling))

    def _ruling(self, what: Mail | Approval, digest: str | None, note: str | None) -> approvals.Ruling:
        found = what.approval if isinstance(what, Mail) else what
        if found is None:
            raise AssertionError("nobody was asked about this message")
        return approvals.Ruling(found.id, found.digest if digest is None else digest, note)
