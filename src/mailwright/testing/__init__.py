"""The public test kit: a zone, a clock, a store in memory, a DNS server, and an Internet in a box (docs/testing.md)."""

from __future__ import annotations

from mailwright.mail.questions import Zone
from mailwright.testing.clock import CountingIds, ManualClock
from mailwright.testing.internet import Agent, Approver, Conversation, Hook, Host, Internet, Letter, Mail, Person, Tenant
from mailwright.testing.memory import MemoryStore

__all__ = [
    "Agent",
    "Approver",
    "Conversation",
    "CountingIds",
    "Hook",
    "Host",
    "Internet",
    "Letter",
    "Mail",
    "ManualClock",
    "MemoryStore",
    "Person",
    "Tenant",
    "Zone",
]
