"""Every operation, asynchronous, by noun.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from mailwright.client.async_line import AsyncLine
from mailwright.client.awaiting.agents import AsyncAgents
from mailwright.client.awaiting.approvals import AsyncApprovals
from mailwright.client.awaiting.audit import AsyncAudit
from mailwright.client.awaiting.domains import AsyncDomains
from mailwright.client.awaiting.events import AsyncEvents
from mailwright.client.awaiting.forwards import AsyncForwards
from mailwright.client.awaiting.identity import AsyncIdentity
from mailwright.client.awaiting.keys import AsyncKeys
from mailwright.client.awaiting.mailboxes import AsyncMailboxes
from mailwright.client.awaiting.messages import AsyncMessages
from mailwright.client.awaiting.reports import AsyncReports
from mailwright.client.awaiting.send_email import AsyncEmail
from mailwright.client.awaiting.suppressions import AsyncSuppressions
from mailwright.client.awaiting.tenants import AsyncTenants
from mailwright.client.awaiting.threads import AsyncThreads
from mailwright.client.awaiting.webhooks import AsyncWebhooks


class Operations:
    """The nouns."""

    def __init__(self, line: AsyncLine) -> None:
        self.domains = AsyncDomains(line)
        self.identity = AsyncIdentity(line)
        self.agents = AsyncAgents(line)
        self.mailboxes = AsyncMailboxes(line)
        self.forwards = AsyncForwards(line)
        self.messages = AsyncMessages(line)
        self.threads = AsyncThreads(line)
        self.approvals = AsyncApprovals(line)
        self.events = AsyncEvents(line)
        self.webhooks = AsyncWebhooks(line)
        self.suppressions = AsyncSuppressions(line)
        self.reports = AsyncReports(line)
        self.keys = AsyncKeys(line)
        self.tenants = AsyncTenants(line)
        self.audit = AsyncAudit(line)
        self.email = AsyncEmail(line)
