"""End points of webhooks: functions that are called instead of servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailwright.core import webhooks
from mailwright.core.model import Permission, Webhook, WebhookDelivery
from mailwright.core.ports import NotPosted, Posted
from mailwright.testing.internet.seat import Seat


@dataclass(frozen=True)
class Call:
    """One POST as the end point got it."""

    headers: dict[str, str]
    body: bytes
    at: int

    @property
    def event(self) -> dict[str, Any]:
        """The event's JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


Answer = int | Callable[[Call], int | NotPosted]


@dataclass
class Hook:
    """A webhook and the end point behind it. `answer` is a status, or a function that gives one (or NotPosted)."""

    seat: Seat
    url: str
    answer: Answer = 204
    calls: list[Call] = field(default_factory=list)
    id: str = ""

    def post(self, headers: Sequence[tuple[str, str]], body: bytes) -> Posted | NotPosted:
        """Take a call."""
        call = Call(dict(headers), body, self.seat.server.ports.clock.now())
        self.calls.append(call)
        answer = self.answer if isinstance(self.answer, int) else self.answer(call)
        return Posted(answer, "") if isinstance(answer, int) else answer

    @property
    def types(self) -> list[str]:
        """The types of the events that it was told of, in order."""
        return [call.event["type"] for call in self.calls]

    @property
    def webhook(self) -> Webhook:
        """All that is kept of it."""
        return self.seat.ask(Permission.WEBHOOKS_READ, lambda ports, caller: webhooks.get(ports, caller, self.id))

    @property
    def deliveries(self) -> list[WebhookDelivery]:
        """What became of each telling, newest first."""
        return self.seat.ask(
            Permission.WEBHOOKS_READ, lambda ports, caller: webhooks.deliveries(ports, caller, self.id, None, 200)
        )
