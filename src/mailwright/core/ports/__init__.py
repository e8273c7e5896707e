"""HOLES: what core needs from the outside, as Protocols. app fills them; testing/ fills them without sockets.

Two ideas. A **script** is an `async def` that takes a `Tx` and awaits nothing but its methods: the store runs it in one
transaction, and when `Store.write` returns, what it wrote would survive a power cut (I1). Scripts may be run again after a
conflict, so they have no effect beyond the Tx. `Ports` is the one bundle that capabilities take as their first argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailwright.core.ports.accounts import Agents, Domains, Keys, Mailboxes, Tenants
from mailwright.core.ports.log import (
    Audit,
    AuditFilter,
    Events,
    Idempotency,
    Nonces,
    Reports,
    SavedResponse,
    Suppressions,
    Webhooks,
)
from mailwright.core.ports.machine import Clock, Cpu, Ids
from mailwright.core.ports.mail import Approvals, MessageFilter, Messages, Queue, Threads
from mailwright.core.ports.network import (
    Carrier,
    Courier,
    Host,
    NotPosted,
    Parcel,
    Posted,
    Poster,
    Report,
    Resolver,
    Route,
    Signed,
    StsPolicies,
    TlsFault,
    TlsPolicy,
    TlsResult,
)
from mailwright.core.ports.settings import Settings
from mailwright.core.ports.store import BlobRows, Blobs, Script, Spool, Store, Topic, Tx
from mailwright.core.ports.table import Table, Taken, place
from mailwright.mail.outcomes import Deferred, Delivered, Outcome, Rejected, Unknown

__all__ = [
    "Agents",
    "Approvals",
    "Audit",
    "AuditFilter",
    "BlobRows",
    "Blobs",
    "Carrier",
    "Clock",
    "Courier",
    "Cpu",
    "Deferred",
    "Delivered",
    "Domains",
    "Events",
    "Host",
    "Idempotency",
    "Ids",
    "Keys",
    "Mailboxes",
    "MessageFilter",
    "Messages",
    "Nonces",
    "NotPosted",
    "Outcome",
    "Parcel",
    "Ports",
    "Posted",
    "Poster",
    "Queue",
    "Rejected",
    "Report",
    "Reports",
    "Resolver",
    "Route",
    "SavedResponse",
    "Script",
    "Settings",
    "Signed",
    "Spool",
    "Store",
    "StsPolicies",
    "Suppressions",
    "Table",
    "Taken",
    "Tenants",
    "Threads",
    "TlsFault",
    "TlsPolicy",
    "TlsResult",
    "Topic",
    "Tx",
    "Unknown",
    "Webhooks",
    "place",
]


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything core may reach."""

    store: Store
    resolver: Resolver
    courier: Courier
    poster: Poster
    cpu: Cpu
    clock: Clock
    ids: Ids
    settings: Settings
    carrier: Carrier | None = None  # None: what leaves is signed and handed over here
    admit: Callable[[], None] = lambda: None  # asked before new work is begun; raises StorageBusy where there is no room
    sts: StsPolicies | None = None  # None: nobody asks for MTA-STS policies
