"""Types of mailboxes.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from msgspec import Struct


class Agent(Struct, frozen=True, kw_only=True):
    """A program that writes mail, answerable to somebody."""

    id: str
    """The agent's id."""
    name: str
    """Its public name."""
    status: str
    """`paused`: nothing leaves its mailboxes until a person resumes it."""
    responsible: str | None
    """The address of whoever answers for it."""
    created_at: str
    """When it was made."""
    client_id: str | None
    """The id that its maker gave it."""


class Mailbox(Struct, frozen=True, kw_only=True):
    """An address with its mail."""

    id: str
    """The mailbox's id."""
    address: str
    """Its address."""
    display_name: str
    """The name before the address in From."""
    agent_id: str
    """The agent that writes from it."""
    domain_id: str
    """The domain of its address."""
    oversight_mode: str
    """How much a person stands between the agent and its mail."""
    overseer: str | None
    """Who gets a copy of what a `monitored` mailbox sends."""
    status: str
    """`paused`: nothing leaves it."""
    at_most_once: bool
    """Never try again where the outcome is unknown: rather lost than twice."""
    created_at: str
    """When it was made."""
    client_id: str | None
    """The id that its maker gave it."""
