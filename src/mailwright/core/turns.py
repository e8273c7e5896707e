"""Programs that answer each other: how many turns a conversation takes before a person looks (S19).

Standards: RFC 3834 §1 (loops), §5 (the mark by which automatic mail is known).
A turn is a message of ours after one that came in. `judge` is pure; a person who writes, or who approves what we wrote, lets
the count begin anew. Marks can be lost on the way, so unmarked conversations have a pace, too, that no person keeps.
Not here: rules that forward (forwarding.py), which answer nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailwright.core.errors import RateLimited
from mailwright.core.model import Direction, Mailbox, Message, MessageStatus
from mailwright.core.ports import MessageFilter, Settings, Tx

HOUR = 3_600_000
# Nobody outside heard of these.
_UNSAID = frozenset([MessageStatus.HELD, MessageStatus.REJECTED, MessageStatus.EXPIRED, MessageStatus.CANCELLED])
LOOKED_AT = 100  # messages of a conversation at most, the newest


@dataclass(frozen=True, slots=True)
class Budget:
    """How many turns: of programs until a person looks, of programs within an hour, of anybody within an hour."""

    automatic: int
    automatic_per_hour: int
    per_hour: int

    @property
    def messages(self) -> int:
        """How many messages tell whether it is used up: a turn is two, and some come in a row."""
        return min(2 * max(self.automatic, self.automatic_per_hour, self.per_hour) + 10, LOOKED_AT)


def budget(settings: Settings) -> Budget:
    """As the server's settings have it."""
    return Budget(settings.automatic_turns, settings.automatic_turns_per_hour, settings.turns_per_hour)


async def conversation(tx: Tx, mailbox: Mailbox, thread_id: str | None, references: Sequence[str], limit: int) -> list[Message]:
    """The newest messages of the conversation that a message of ours goes on with, newest first; none: it begins one."""
    if thread_id is None and references:
        found = await tx.threads.candidates(mailbox.id, references)
        thread_id = found[0].thread_id if found else None
    if thread_id is None:
        return []
    narrow = MessageFilter(mailbox_id=mailbox.id, thread_id=thread_id)
    return await tx.messages.page(mailbox.tenant_id, narrow, None, limit)


def judge(messages: Sequence[Message], allowed: Budget, now: int) -> str | None:
    """May we take another turn now? `messages` newest first. None: yes; a reason: a person decides. Raises RateLimited."""
    said = [one for one in messages if one.direction is Direction.INBOUND or one.status not in _UNSAID]
    answered = next((one for one in said if one.direction is Direction.INBOUND), None)
    if answered is None:
        return None
    _check_pace(list(_turns(said)), allowed.per_hour, now)
    if answered.automatic is None:
        return None
    since = list(_unattended(said))
    alone = list(_turns(since))
    if _repeats(since):
        return "the same automatic text came twice in a row here, and no person was among them"
    if len(alone) >= allowed.automatic:
        return f"programs answered each other {len(alone)} times here, and no person was among them"
    _check_pace(alone, allowed.automatic_per_hour, now)
    return None


def _repeats(messages: Sequence[Message]) -> bool:
    """Whether we answered a text, and the same text is what came back."""
    texts = [one.preview for one in messages if one.direction is Direction.INBOUND][:2]
    answered = any(True for _ in _turns(messages))
    return answered and len(texts) == 2 and texts[0] == texts[1] != ""


def _unattended(messages: Sequence[Message]) -> Iterator[Message]:
    """The newest messages, back to the last one that a person wrote or approved."""
    for one in messages:
        if one.approval_id is not None or (one.direction is Direction.INBOUND and one.automatic is None):
            return
        yield one


def _turns(messages: Sequence[Message] | Iterator[Message]) -> Iterator[int]:
    """When each turn was taken, newest first: of several messages in a row the first answers."""
    last: Message | None = None
    for one in messages:
        if one.forwarded_by is not None:
            continue
        if one.direction is Direction.OUTBOUND:
            last = one
        elif last is not None:
            yield last.created_at
            last = None


def _check_pace(turns: Sequence[int], most: int, now: int) -> None:
    lately = [at for at in turns if at > now - HOUR]
    if len(lately) >= most:
        seconds = max(1, (lately[most - 1] + HOUR - now + 999) // 1000) if most else HOUR // 1000
        raise RateLimited(
            f"{len(lately)} answers within an hour in this conversation: it looks like two programs.", retry_after=seconds
        )
