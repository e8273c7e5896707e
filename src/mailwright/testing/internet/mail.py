"""What a test holds of a message or a conversation inside Mailwright: looked up anew whenever it is asked."""

from __future__ import annotations

from dataclasses import dataclass

from mailwright.core import approvals, messages, sending, threads, timeline
from mailwright.core.model import (
    Approval,
    Attempt,
    Caller,
    Delivery,
    Json,
    Message,
    MessageStatus,
    Permission,
    Thread,
    Trust,
)
from mailwright.mail import mime
from mailwright.testing.internet.seat import Seat


@dataclass(frozen=True)
class Mail:
    """One message in an agent's mailbox. `seat` is the agent's; `operator` sees it even where the agent may not."""

    id: str
    seat: Seat
    operator: Caller

    def _overseen(self) -> Seat:
        return Seat(self.seat.server, self.operator)

    @property
    def message(self) -> Message:
        """All that is kept of it, as it is now."""
        return self._overseen().ask(Permission.MESSAGES_READ, lambda ports, caller: messages.get(ports, caller, self.id))

    @property
    def content(self) -> messages.Content:
        """Its bytes, fields and parts."""
        return self._overseen().ask(Permission.MESSAGES_READ, lambda ports, caller: messages.content(ports, caller, self.id))

    @property
    def status(self) -> MessageStatus:
        """Where it stands."""
        return self.message.status

    @property
    def subject(self) -> str:
        """Its subject."""
        return self.message.subject

    @property
    def snippet(self) -> str:
        """The beginning of its text, or its subject where it has none."""
        return self.message.preview or self.message.subject

    @property
    def text(self) -> str:
        """Its text, line ends as \\n."""
        return mime.body_text(self.content.root).replace("\r\n", "\n").strip()

    @property
    def raw(self) -> bytes:
        """Its bytes, as they came or as they were composed."""
        return bytes(self.content.raw)

    @property
    def rfc_message_id(self) -> str:
        """Its Message-ID, with angle brackets."""
        return self.message.rfc_message_id

    @property
    def thread_id(self) -> str:
        """Its conversation."""
        return self.message.thread_id

    @property
    def trust(self) -> Trust | None:
        """What is said of its origin, where it came in."""
        return self.message.trust

    @property
    def verdicts(self) -> dict[str, str]:
        """What our checks found, where it came in: the results of spf and dmarc."""
        found = self.message.authentication or {}
        return {name: found[name]["result"] for name in ("spf", "dmarc") if name in found}

    @property
    def identity(self) -> Json:
        """What our check of its Agent-Identity found, where it came in."""
        found: Json = (self.message.authentication or {})["identity"]
        return found

    @property
    def recipients(self) -> dict[str, Delivery]:
        """What became of each recipient, by address."""
        return {row.recipient: row for row in self.content.deliveries}

    @property
    def attempts(self) -> list[Attempt]:
        """Every try to deliver it."""
        ports, message = self.seat.server.ports, self.message
        return self.seat.server.drive(ports.store.read(lambda tx: tx.queue.attempts(message.tenant_id, message.id)))

    @property
    def approval(self) -> Approval | None:
        """The question that was put to a person about it, if one was."""
        approval_id = self.message.approval_id
        if approval_id is None:
            return None
        return self._overseen().ask(Permission.APPROVALS_READ, lambda ports, caller: approvals.get(ports, caller, approval_id))

    def timeline(self) -> list[timeline.Entry]:
        """What happened to it, oldest first."""
        return self._overseen().ask(Permission.MESSAGES_READ, lambda ports, caller: timeline.of_message(ports, caller, self.id))

    def cancel(self) -> Message:
        """Stop what has not left; raises NotPending."""
        return self.seat.act(Permission.MESSAGES_SEND, lambda tx, ports, caller: sending.cancel(tx, ports, caller, self.id))

    def label(self, *add: str, remove: tuple[str, ...] = ()) -> Message:
        """Put labels on it, and take others off."""
        return self.seat.act(
            Permission.MESSAGES_LABEL, lambda tx, ports, caller: messages.label(tx, ports, caller, self.id, add, remove)
        )


@dataclass(frozen=True)
class Conversation:
    """A thread, as its agent sees it."""

    id: str
    seat: Seat
    operator: Caller

    @property
    def thread(self) -> Thread:
        """The facts about it."""
        return self._seen()[0]

    def messages(self) -> list[Mail]:
        """Its messages, oldest first."""
        return [Mail(row.id, self.seat, self.operator) for row in self._seen()[1]]

    def snippets(self) -> list[str]:
        """The beginning of each message."""
        return [mail.snippet for mail in self.messages()]

    def _seen(self) -> tuple[Thread, list[Message]]:
        return self.seat.ask(Permission.MESSAGES_READ, lambda ports, caller: threads.get(ports, caller, self.id))
