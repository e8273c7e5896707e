"""Blocking calls: mailboxes.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from typing import Literal

from mailwright.client.calling import Call, body, given, once, part
from mailwright.client.line import Line
from mailwright.client.pages import Pages
from mailwright.client.shapes.mailboxes import Mailbox
from mailwright.client.shapes.page import Page


class Mailboxes:
    """Operations on mailboxes."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def create(
        self,
        *,
        address: str | None = None,
        username: str | None = None,
        domain: str | None = None,
        display_name: str | None = None,
        agent_id: str | None = None,
        oversight_mode: Literal["read_only", "gated_all", "gated_send", "monitored", "autonomous"] | None = None,
        overseer: str | None = None,
        at_most_once: bool | None = None,
        client_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Mailbox:
        """Make a mailbox."""
        call = Call(
            "POST",
            "/v1/mailboxes",
            body=body(
                {
                    "address": address,
                    "username": username,
                    "domain": domain,
                    "display_name": display_name,
                    "agent_id": agent_id,
                    "oversight_mode": oversight_mode,
                    "overseer": overseer,
                    "at_most_once": at_most_once,
                    "client_id": client_id,
                }
            ),
            once=once(idempotency_key),
        )
        return self._line.ask(call, Mailbox)

    def list(self, *, after: str | None = None, limit: int | None = None) -> Pages[Mailbox]:
        """List mailboxes."""
        call = Call("GET", "/v1/mailboxes", query=given({"after": after, "limit": limit}))
        return self._line.pages(call, Page[Mailbox])

    def get(self, mailbox_id: str) -> Mailbox:
        """Read a mailbox."""
        call = Call("GET", f"/v1/mailboxes/{part(mailbox_id)}")
        return self._line.ask(call, Mailbox)

    def change(
        self,
        mailbox_id: str,
        *,
        display_name: str | None = None,
        oversight_mode: Literal["read_only", "gated_all", "gated_send", "monitored", "autonomous"] | None = None,
        overseer: str | None = None,
        at_most_once: bool | None = None,
    ) -> Mailbox:
        """Change a mailbox, or tighten its oversight."""
        call = Call(
            "PATCH",
            f"/v1/mailboxes/{part(mailbox_id)}",
            body=body(
                {
                    "display_name": display_name,
                    "oversight_mode": oversight_mode,
                    "overseer": overseer,
                    "at_most_once": at_most_once,
                }
            ),
        )
        return self._line.ask(call, Mailbox)

    def remove(self, mailbox_id: str) -> None:
        """Take an address away."""
        call = Call("DELETE", f"/v1/mailboxes/{part(mailbox_id)}")
        self._line.nothing(call)
