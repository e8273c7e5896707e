"""A tenant of a Mailwright server: its domain, its agents, whoever oversees them."""

from __future__ import annotations

from mailwright.core import accounts, audit, mailboxes, webhooks
from mailwright.core.model import AuditEntry, Caller, Domain, Event, OversightMode, Permission, Role
from mailwright.core.ports import AuditFilter, Ports, Tx
from mailwright.testing.internet.agents import Agent, Approver
from mailwright.testing.internet.hooks import Answer, Hook
from mailwright.testing.internet.seat import Seat
from mailwright.testing.internet.server import Server

READ = 10_000


class Tenant:
    """One customer of a server. Agents and hooks are made when they are first named."""

    def __init__(self, server: Server, name: str, domain: str) -> None:
        """Move in, with a domain that is published and aligned."""
        self.server, self.domain_name = server, domain
        ports = server.ports

        async def bootstrap(tx: Tx) -> tuple[str, str]:
            tenant, _, secret = await accounts.bootstrap(tx, ports, name)
            return tenant.id, secret

        self.id, secret = server.drive(ports.store.write(bootstrap))
        self.operator: Caller = server.drive(accounts.authenticate(ports, secret))
        self.seat = Seat(server, self.operator)
        self.add_domain(domain)
        self._agents: dict[str, Agent] = {}
        self._approver: Approver | None = None

    @property
    def ports(self) -> Ports:
        """What core has to do with: for tests that call it directly."""
        return self.server.ports

    def add_domain(self, name: str, *, publish: bool = True) -> Domain:
        """Add a domain; published and verified unless told otherwise."""
        return self.server.add_domain(self.operator, name, publish=publish)

    def agent(
        self,
        name: str,
        *,
        mode: OversightMode | str = OversightMode.AUTONOMOUS,
        overseer: str | None = None,
        at_most_once: bool = False,
    ) -> Agent:
        """The agent of that name, whose address is `name@<domain>`; what else is said counts when it is first named."""
        if name not in self._agents:
            wanted = mailboxes.NewMailbox(
                f"{name}@{self.domain_name}" if "@" not in name else name,
                name.partition("@")[0].capitalize(),
                oversight_mode=OversightMode(mode),
                overseer=overseer,
                at_most_once=at_most_once,
            )
            box = self.seat.act(
                Permission.MAILBOXES_MANAGE, lambda tx, ports, caller: mailboxes.create(tx, ports, caller, wanted)
            )
            self._agents[name] = self.agent_at(box.id)
        return self._agents[name]

    def agent_at(self, mailbox_id: str) -> Agent:
        """Whoever holds a new key to a mailbox that is there already."""
        secret = self.seat.new_key(accounts.NewKey("agent", Role.AGENT, mailbox_id=mailbox_id))
        return Agent(self.server, self.seat.sit_down(secret), mailbox_id, self.operator)

    def approver(self) -> Approver:
        """A person who decides."""
        if self._approver is None:
            secret = self.seat.new_key(accounts.NewKey("approver", Role.APPROVER))
            self._approver = Approver(self.server, self.seat.sit_down(secret))
        return self._approver

    def webhook(self, url: str = "https://hooks.example/1", *types: str, answer: Answer = 204) -> Hook:
        """A webhook that is told of those types of events (of all, where none is named)."""
        hook = Hook(self.seat, url, answer)
        self.server.network.endpoints[url] = hook
        wanted = webhooks.NewWebhook(url, types)
        made = self.seat.act(Permission.WEBHOOKS_MANAGE, lambda tx, ports, caller: webhooks.create(tx, ports, caller, wanted))
        hook.id = made.id
        return hook

    def events(self, *types: str) -> list[Event]:
        """Everything that was told, or what was of these types, oldest first."""
        script = lambda tx: tx.events.after(self.id, 0, None, types, READ)  # noqa: E731
        return self.seat.ask(Permission.EVENTS_READ, lambda ports, caller: ports.store.browse(script))

    def audit(self, *, subject: str | None = None, action: str | None = None) -> list[AuditEntry]:
        """The tenant's part of the audit log, oldest first."""
        return self.seat.ask(
            Permission.AUDIT_READ,
            lambda ports, caller: audit.page(ports, caller, AuditFilter(subject, action), limit=READ),
        )
