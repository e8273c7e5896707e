"""Every operation, blocking, by noun.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from mailwright.client.blocking.agents import Agents
from mailwright.client.blocking.approvals import Approvals
from mailwright.client.blocking.audit import Audit
from mailwright.client.blocking.domains import Domains
from mailwright.client.blocking.events import Events
from mailwright.client.blocking.forwards import Forwards
from mailwright.client.blocking.identity import Identity
from mailwright.client.blocking.keys import Keys
from mailwright.client.blocking.mailboxes import Mailboxes
from mailwright.client.blocking.messages import Messages
from mailwright.client.blocking.reports import Reports
from mailwright.client.blocking.send_email import Email
from mailwright.client.blocking.suppressions import Suppressions
from mailwright.client.blocking.tenants import Tenants
from mailwright.client.blocking.threads import Threads
from mailwright.client.blocking.webhooks import Webhooks
from mailwright.client.line import Line


class Operations:
    """The nouns."""

    def __init__(self, line: Line) -> None:
        self.domains = Domains(line)
        self.identity = Identity(line)
        self.agents = Agents(line)
        self.mailboxes = Mailboxes(line)
        self.forwards = Forwards(line)
        self.messages = Messages(line)
        self.threads = Threads(line)
        self.approvals = Approvals(line)
        self.events = Events(line)
        self.webhooks = Webhooks(line)
        self.suppressions = Suppressions(line)
        self.reports = Reports(line)
        self.keys = Keys(line)
        self.tenants = Tenants(line)
        self.audit = Audit(line)
        self.email = Email(line)
