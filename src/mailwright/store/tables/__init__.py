"""Who reads and writes which row: the tables of `core.ports.Tx`, over any Database.

A module for each noun; each statement it runs stands in `queries/<noun>.sql`. Nothing here knows which database it is.
"""

from __future__ import annotations

from mailwright.core import ports
from mailwright.store.database import Database
from mailwright.store.tables.accounts import Agents, Domains, Keys, Mailboxes, Tenants
from mailwright.store.tables.approvals import Approvals
from mailwright.store.tables.audit import Audit
from mailwright.store.tables.blobs import BlobRows
from mailwright.store.tables.deliveries import Deliveries
from mailwright.store.tables.events import Events
from mailwright.store.tables.idempotency import Idempotency
from mailwright.store.tables.messages import Messages
from mailwright.store.tables.nonces import Nonces
from mailwright.store.tables.reports import Reports
from mailwright.store.tables.suppressions import Suppressions
from mailwright.store.tables.threads import Threads
from mailwright.store.tables.webhooks import Webhooks


class Tables:
    """`core.ports.Tx` over one connection."""

    def __init__(self, db: Database) -> None:
        """All tables, on this connection."""
        self.tenants: ports.Tenants = Tenants(db)
        self.keys: ports.Keys = Keys(db)
        self.domains: ports.Domains = Domains(db)
        self.agents: ports.Agents = Agents(db)
        self.mailboxes: ports.Mailboxes = Mailboxes(db)
        self.threads: ports.Threads = Threads(db)
        self.queue: ports.Queue = Deliveries(db)
        self.approvals: ports.Approvals = Approvals(db)
        self.events: ports.Events = Events(db)
        self.webhooks: ports.Webhooks = Webhooks(db)
        self.suppressions: ports.Suppressions = Suppressions(db)
        self.reports: ports.Reports = Reports(db)
        self.audit: ports.Audit = Audit(db)
        self.idempotency: ports.Idempotency = Idempotency(db)
        self.nonces: ports.Nonces = Nonces(db)
        # Of these two the store itself needs more than a script may ask for.
        self.message_rows = Messages(db)
        self.messages: ports.Messages = self.message_rows
        self.blob_rows = BlobRows(db)
        self.blobs: ports.BlobRows = self.blob_rows
