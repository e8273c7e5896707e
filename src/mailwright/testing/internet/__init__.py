"""The Internet in a box: agents, people, mail hosts and DNS in one process, without sockets and without real time.

Mail takes the whole way through the real core: policy, approval, queue, signing, DNS, SPF, DKIM, DMARC, threads, events.
Only what core reaches through its ports is replaced: the network by function calls, the clock by one that a test moves, the
disk by memory. The same test gives the same ids, times and bytes in every run.
Not here: SMTP and HTTP themselves; `mailwright local` has those.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from mailwright.core.model import AuditEntry, Event, OversightMode
from mailwright.core.ports import Outcome, Parcel, Ports, Route, Script, Settings, Signed, Store
from mailwright.core.receiving import Peer
from mailwright.mail.address import parse_mailbox
from mailwright.mail.questions import Status, Zone
from mailwright.testing.clock import START, ManualClock
from mailwright.testing.internet.agents import Agent, Approver
from mailwright.testing.internet.driving import Driver, Looping, at_once
from mailwright.testing.internet.hooks import Answer, Call, Hook
from mailwright.testing.internet.mail import Conversation, Mail
from mailwright.testing.internet.network import Dns, Network
from mailwright.testing.internet.people import Dispatch, Host, Letter, Person
from mailwright.testing.internet.server import Server
from mailwright.testing.internet.tenants import Tenant
from mailwright.testing.memory import MemoryStore

__all__ = [
    "Agent",
    "Approver",
    "Call",
    "Conversation",
    "Dispatch",
    "Hook",
    "Host",
    "Internet",
    "Letter",
    "Mail",
    "Person",
    "Tenant",
]

T = TypeVar("T")
OpenStore = Callable[[], Awaitable[Store]]

ROUNDS = 200
LEAPS = 20_000


class Internet:
    """All of it. `domain` is the agents' own; `settings` are those of every server, `store` opens another kind of store."""

    def __init__(
        self,
        *,
        domain: str = "agents.example",
        zone: Zone | None = None,
        settings: Settings | None = None,
        store: OpenStore | None = None,
        at: int = START,
    ) -> None:
        self.clock = ManualClock(at)
        self.dns = Dns(zone or Zone())
        self.network = Network(self.clock, self.dns)
        self._settings, self._open = settings or Settings(), store
        self._looping = Looping() if store else None
        self._drive: Driver = self._looping or at_once
        self._stores: list[Store] = []
        self._servers: list[Server] = []
        self._hosts: dict[str, Host] = {}
        self._people: dict[str, Person] = {}
        self.home = self.server(domain)

    def __enter__(self) -> Internet:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close what is open: needed only with a store that is not in memory."""
        for store in self._stores:
            self._drive(_closed(store))
        if self._looping:
            self._looping.close()

    # --- inside: the home server's first tenant

    @property
    def ports(self) -> Ports:
        """The home server's ports: for tests that call core directly, through `do`."""
        return self.home.ports

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of core to its end."""
        return self._drive(work)

    def write(self, script: Script[T]) -> T:
        """Run a script in one transaction of the home server's store."""
        return self._drive(self.ports.store.write(script))

    def read(self, script: Script[T]) -> T:
        """Read from the home server's store."""
        return self._drive(self.ports.store.read(script))

    def agent(
        self,
        name: str,
        *,
        mode: OversightMode | str = OversightMode.AUTONOMOUS,
        overseer: str | None = None,
        at_most_once: bool = False,
    ) -> Agent:
        """The agent of that name; the options count when it is first named."""
        return self.home.agent(name, mode=mode, overseer=overseer, at_most_once=at_most_once)

    def approver(self) -> Approver:
        """A person who decides on what is held."""
        return self.home.approver()

    def webhook(self, url: str = "https://hooks.example/1", *types: str, answer: Answer = 204) -> Hook:
        """A webhook and the end point behind it."""
        return self.home.webhook(url, *types, answer=answer)

    def events(self, *types: str) -> list[Event]:
        """What was told, oldest first."""
        return self.home.events(*types)

    def audit(self, *, subject: str | None = None, action: str | None = None) -> list[AuditEntry]:
        """What the audit log says, oldest first."""
        return self.home.audit(subject=subject, action=action)

    # --- others

    def server(self, domain: str) -> Tenant:
        """Another Mailwright server, of another house; its first tenant, with that domain."""
        store: Store = MemoryStore() if self._open is None else self._drive(_opened(self._open))
        self._stores.append(store)
        server = Server(self.network, self._drive, store, f"mx.{domain}", self._settings)
        self._servers.append(server)
        return Tenant(server, domain, domain)

    def tenant(self, domain: str) -> Tenant:
        """Another tenant of the home server, with that domain."""
        return Tenant(self.home.server, domain, domain)

    def host(self, domain: str) -> Host:
        """The mail host of a domain outside; it is made, and published, when it is first named."""
        name = domain.lower()
        if name not in self._hosts:
            self._hosts[name] = Host(name, self.network)
        return self._hosts[name]

    def person(self, address: str) -> Person:
        """Somebody outside; their host is made when it is first named."""
        parsed = parse_mailbox(address)
        key = parsed.addr_spec.lower()
        if key not in self._people:
            host = self.host(parsed.domain_ascii)
            self._people[key] = host.people[key] = Person(parsed, host, self._drive, self.run)
        return self._people[key]

    def inject(self, raw: bytes, *, to: str | tuple[str, ...], mail_from: str = "", peer: Peer | None = None) -> Outcome:
        """Hand bytes to the exchanger of a domain, as anybody on the Internet may: from nowhere in particular, unsigned."""
        recipients = (to,) if isinstance(to, str) else to
        peer = peer or Peer("11.255.255.255", "nowhere.example")
        route = self.network.route(recipients[0].rpartition("@")[2])
        if not isinstance(route, Route):
            return route
        return self._drive(self.network.carry(peer, route, Parcel(mail_from, recipients, Signed(b"", raw)))).outcomes[0]

    # --- DNS

    def publish(self, text: str) -> None:
        """Add DNS records, one a line: `there.example TXT v=spf1 -all`."""
        self.dns.publish(text)

    def withdraw(self, name: str, kind: str | None = None) -> None:
        """Take the DNS records of a name away: those of one type, or all."""
        self.dns.withdraw(name, kind)

    def dns_fails(self, name: str, status: Status = Status.SERVFAIL) -> None:
        """Let every question for that name fail."""
        self.dns.fail(name, status)

    def dns_recovers(self, name: str) -> None:
        """Let questions for that name be answered again."""
        self.dns.recover(name)

    # --- time

    def run(self) -> None:
        """Let everything happen that is due now; raises AssertionError where that never ends."""
        for _ in range(ROUNDS):
            if not self._drive(self._round()):
                return
        raise AssertionError(f"after {ROUNDS} rounds there is still something to do: mail or webhooks go round in circles")

    async def _round(self) -> int:
        return sum([await server.step() for server in self._servers])

    def pass_time(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass, and everything happen in it that is due, each at its time."""
        end = self.clock.now() + round(1000 * (seconds + 60 * (minutes + 60 * (hours + 24 * days))))
        self.run()
        for _ in range(LEAPS):
            due = self._drive(self._next_due())
            if due is None or due > end:
                break
            self.clock.at = max(due, self.clock.at + 1)
            self.run()
        self.clock.at = max(end, self.clock.at)
        self.run()

    async def _next_due(self) -> int | None:
        times = [await server.next_due() for server in self._servers]
        return min((at for at in times if at is not None), default=None)


async def _opened(open_store: OpenStore) -> Store:
    return await open_store()


async def _closed(store: Store) -> None:
    close: Any = getattr(store, "close", None)
    if close is not None:
        await close()
