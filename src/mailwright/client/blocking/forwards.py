"""Blocking calls: forwards.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from typing import Literal

from mailwright.client.calling import Call, body, once, part
from mailwright.client.line import Line
from mailwright.client.shapes.forwards import ForwardRule
from mailwright.client.shapes.page import Page


class Forwards:
    """Operations on forwards."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def add(
        self,
        mailbox_id: str,
        *,
        to: str,
        keep_copy: bool | None = None,
        header_from: str | None = None,
        trust: Literal["unauthenticated", "dmarc_pass", "known_contact", "verified_agent", "owner"] | None = None,
        idempotency_key: str | None = None,
    ) -> ForwardRule:
        """Hand on what comes to a mailbox."""
        call = Call(
            "POST",
            f"/v1/mailboxes/{part(mailbox_id)}/forwards",
            body=body({"to": to, "keep_copy": keep_copy, "header_from": header_from, "trust": trust}),
            once=once(idempotency_key),
        )
        return self._line.ask(call, ForwardRule)

    def list(self, mailbox_id: str) -> Page[ForwardRule]:
        """List the rules that hand mail on."""
        call = Call("GET", f"/v1/mailboxes/{part(mailbox_id)}/forwards")
        return self._line.ask(call, Page[ForwardRule])

    def remove(self, mailbox_id: str, forward_id: str) -> None:
        """Hand no more mail on by a rule."""
        call = Call("DELETE", f"/v1/mailboxes/{part(mailbox_id)}/forwards/{part(forward_id)}")
        self._line.nothing(call)
