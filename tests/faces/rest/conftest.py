"""A small world behind the REST face: two tenants, a domain and mailboxes each, and a key of every role."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import httpx2
import pytest
import structlog

from mailwright.core import accounts, agents, identity, mailboxes, receiving
from mailwright.core.model import Alignment, Domain, KeyState, Mailbox, OversightMode, Role
from mailwright.core.ports import Ports, Settings, Tx
from mailwright.faces.rest import close, create_app
from mailwright.faces.rest.application import Application, Options
from mailwright.faces.rest.bell import Pace
from mailwright.mail.questions import Asks, Zone, answer
from mailwright.testing.clock import CountingIds, ManualClock
from mailwright.testing.memory import MemoryStore

T = TypeVar("T")


class Inline:
    """CPU work at once, in place."""

    async def run(self, work: Callable[[], T]) -> T:
        return work()


@dataclass
class ZoneResolver:
    """DNS that is a table."""

    zone: Zone = field(default_factory=Zone)

    async def resolve(self, check: Asks[T]) -> T:
        return answer(check, self.zone)

    resolve_aside = resolve
    resolve_afresh = resolve


@dataclass(frozen=True)
class House:
    """One tenant: its keys by role, its domain and its mailbox."""

    tenant_id: str
    domain: Domain
    mailbox: Mailbox
    keys: dict[str, str]


@dataclass
class World:
    """The application, what is behind it, and how to talk to it."""

    ports: Ports
    clock: ManualClock
    app: Application
    http: httpx2.AsyncClient
    ours: House
    theirs: House

    async def call(self, method: str, path: str, body: Any = None, *, key: str = "operator", **headers: str) -> httpx2.Response:
        """A request with the key of that role of ours; `key` may also be a secret, or empty for none."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        secret = self.ours.keys.get(key, key)
        if secret:
            fields["authorization"] = f"Bearer {secret}"
        if body is None:
            return await self.http.request(method, path, headers=fields)
        if isinstance(body, bytes):
            return await self.http.request(method, path, content=body, headers={"content-type": "application/json"} | fields)
        return await self.http.request(method, path, json=body, headers=fields)

    async def send_raw(self, key: str = "agent", **fields: Any) -> httpx2.Response:
        """Ask for a message to be sent from our mailbox."""
        body = {"to": ["bob@there.example"], "subject": "Tea?", "text": "At four?"} | fields
        return await self.call("POST", f"/v1/mailboxes/{self.ours.mailbox.id}/send", body, key=key)

    async def send(self, key: str = "agent", **fields: Any) -> dict[str, Any]:
        """A message sent from our mailbox; the answer."""
        found = await self.send_raw(key, **fields)
        assert found.status_code == 202, found.text
        told: dict[str, Any] = found.json()
        return told

    async def arrive(self, raw: bytes, mail_from: str = "bob@there.example") -> str:
        """A message that comes in for our mailbox; its id."""
        spool = self.ports.store.blobs.spool()
        spool.write(raw.replace(b"\n", b"\r\n"))
        peer = receiving.Peer("192.0.2.99", "mx.there.example")
        to = receiving.Recipient(self.ours.mailbox.address, self.ours.mailbox)
        return (await receiving.receive(self.ports, peer, mail_from, [to], spool)).ids[0]

    async def set_mode(self, mode: OversightMode) -> None:
        """Let our mailbox have that oversight."""

        async def script(tx: Tx) -> None:
            row = await tx.mailboxes.get(self.ours.tenant_id, self.ours.mailbox.id)
            assert row is not None
            await tx.mailboxes.put(replace(row, oversight_mode=mode))

        await self.ports.store.write(script)


async def furnish(tx: Tx, ports: Ports, name: str) -> House:
    """A tenant with a domain that is aligned, a mailbox that sends at once, and a key of every role."""
    tenant, _, operator = await accounts.bootstrap(tx, ports, name)
    caller = accounts.system(tenant.id)
    domain = Domain(ports.ids.new("dom"), tenant.id, f"{name}.example.com", Alignment.ALIGNED, (), "none", ports.clock.now())
    keys = (identity.new_key(ports, domain.name, KeyState.SIGNING),)
    domain = replace(domain, owned_at=ports.clock.now(), identity_keys=keys)
    await tx.domains.add(domain)
    agent = await agents.create(tx, ports, caller, agents.NewAgent("ada"))
    wanted = mailboxes.NewMailbox(f"ada@{domain.name}", "Ada", agent.id, OversightMode.AUTONOMOUS)
    mailbox = await mailboxes.create(tx, ports, caller, wanted)
    keys = {"operator": operator}
    for role, bound in ((Role.APPROVER, None), (Role.AGENT, mailbox.id), (Role.AUDITOR, None)):
        new = accounts.NewKey(role.value, role, mailbox_id=bound)
        keys[role.value] = (await accounts.create_key(tx, ports, replace(caller, permissions=accounts.ALL), new))[1]
    return House(tenant.id, domain, mailbox, keys)


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """What was logged, instead of a terminal full of it."""
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """The small world, new for each test."""
    clock, store = ManualClock(), MemoryStore()
    settings = Settings(
        hostname="mx.example.com", addresses=("192.0.2.1",), public_url="https://mail.example.com", message_limit=1024 * 1024
    )
    nobody: Any = None
    ports = Ports(store, ZoneResolver(), nobody, nobody, Inline(), clock, CountingIds(), settings)

    async def furnish_both(tx: Tx) -> tuple[House, House]:
        return await furnish(tx, ports, "ours"), await furnish(tx, ports, "theirs")

    ours, theirs = await store.write(furnish_both)
    app = create_app(ports, Options(pace=Pace(heartbeat=0.05, patience=1.0, recheck=0.05)))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://mail.example.com") as http:
        yield World(ports, clock, app, http, ours, theirs)
    close(app)
