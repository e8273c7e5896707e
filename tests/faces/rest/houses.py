"""Two tenants behind one API, for the state machine: what each may know, how it asks, and what it was told.

A house knows the ids that it was told, or typed in itself. Its words carry a mark; the words in its agent's second mailbox,
which its agent's key is not for, carry another one.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette

from mailwright.contract.operations import OPERATIONS, Operation
from mailwright.core import accounts
from mailwright.core.accounts import ROLES
from mailwright.core.model import Report, Role
from mailwright.core.ports import Store
from mailwright.faces.rest import Options, close, create_app
from mailwright.faces.rest.bell import Pace
from mailwright.store.sqlite import open_store
from mailwright.testing import Hook, Internet, Tenant

ID = re.compile(r"\b(?:agt|apr|dom|evt|fwd|key|mbx|msg|rpt|sup|thr|whd|whk)_[0-9a-zA-Z]{12,}")
NOISE = re.compile(r"\b(?:req|evt)_[0-9a-zA-Z]+|mw_(?:live|test)_\w+|whsec_[\w+/=]+|\d{4}-\d\d-\d\dT[\d:.]+Z")
PREFIXES = {
    "agent_id": "agt", "approval_id": "apr", "domain_id": "dom", "forward_id": "fwd", "key_id": "key", "mailbox_id": "mbx",
    "message_id": "msg", "suppression_id": "sup", "thread_id": "thr", "delivery_id": "whd", "webhook_id": "whk",
}  # fmt: skip
LISTS = [one for one in OPERATIONS if one.method == "GET" and not one.path_fields and not one.streams]
FROM = {"events.list": {"after": "start"}}
DIGEST, MESSAGE_ID = re.compile(r'"digest":"([^"]+)"'), re.compile(r'"rfc_message_id":"([^"]+)"')


@dataclass
class House:
    """One tenant."""

    name: str
    tenant: Tenant
    mailboxes: tuple[str, str]  # its agent's, and one that its agent's key is not for
    keys: dict[Role, str]
    hook: Hook
    told: set[str] = field(default_factory=set)  # ids
    typed: set[str] = field(default_factory=set)
    digests: list[str] = field(default_factory=list)  # of what it may approve
    message_ids: list[str] = field(default_factory=list)
    base: frozenset[str] = frozenset()  # what it needs to go on
    seen: str = ""  # all that its lists say, while it does nothing itself

    @property
    def mark(self) -> str:
        """In all its words."""
        return f"canary{self.name}"

    @property
    def sealed(self) -> str:
        """In words that its agent must not read."""
        return f"sealed{self.name}"

    def of(self, prefix: str) -> list[str]:
        """The ids of one kind, the latest last."""
        return sorted(one for one in self.told if one.startswith(prefix))


class Street:
    """The server, and both houses."""

    def __init__(self) -> None:
        """Move in: a domain, two mailboxes, mail in both of them, a webhook and a key of every role each."""
        self._folder = tempfile.TemporaryDirectory()
        self.internet = Internet(domain="a.example", store=self._open)
        self.bob = self.internet.person("bob@there.example")
        self.app: Starlette = create_app(self.internet.ports, Options(pace=Pace(heartbeat=0.01, patience=1.0, recheck=9.0)))
        transport = httpx2.ASGITransport(app=self.app)
        self.http = httpx2.AsyncClient(transport=transport, base_url="http://mail.example.com")
        self.houses = tuple(
            self._furnish(*one) for one in (("a", self.internet.home), ("b", self.internet.tenant("b.example")))
        )
        for house in self.houses:
            for number, mark in enumerate((house.mark, house.mark + house.sealed)):
                self.bob.write(f"box{number}@{house.name}.example", f"Tea? {mark}", f"At four? {mark}")
        self.settle()
        for house in self.houses:
            self.look(house)
            self._use(house)
            self.look(house)
            house.base = frozenset(house.told)
            house.seen = ""

    async def _open(self) -> Store:
        return await open_store(Path(self._folder.name))

    def _furnish(self, name: str, tenant: Tenant) -> House:
        agents = [tenant.agent(f"box{number}") for number in range(2)]
        seat = tenant.seat
        bound = {Role.AGENT: agents[0].mailbox_id}
        keys = {role: seat.new_key(accounts.NewKey(f"{role} canary{name}", role, mailbox_id=bound.get(role))) for role in Role}
        hook = tenant.webhook(f"https://hooks.{name}.example/1")
        return House(name, tenant, (agents[0].mailbox_id, agents[1].mailbox_id), keys, hook)

    def _use(self, house: House) -> None:
        """Have one of everything: what it does not have could not be told to others."""
        words = f"{house.mark} {house.sealed}"
        held = {"to": "bob@there.example", "subject": words, "text": words, "oversight_mode": "gated_send"}
        wanted: list[tuple[str, str, dict[str, Any]]] = [
            ("messages.send", house.mailboxes[1], held),
            ("forwards.add", house.mailboxes[1], {"to": f"grace@{house.mark}.example"}),
            ("suppressions.add", "", {"address": f"gone@{house.mark}.example", "detail": words}),
            ("webhooks.test", house.hook.id, {}),
            ("webhooks.create", "", {"url": f"https://{house.mark}.example/", "client_id": "client0"}),
            ("agents.create", "", {"name": house.mark, "client_id": "client0"}),
            ("mailboxes.create", "", {"address": f"{house.mark}@{house.name}.example", "client_id": "client0"}),
            ("domains.add", "", {"domain": f"{house.mark}.example", "client_id": "client0"}),
            ("messages.label", house.of("msg")[0], {"add_labels": ["done", house.mark]}),
        ]
        for name, subject, body in wanted:
            one = next(row for row in OPERATIONS if row.name == name)
            path = one.path.format(**dict.fromkeys(one.path_fields, subject))
            assert self.ask(house, Role.OPERATOR, one, Request(path, body)).is_success, name
        message_id = house.of("msg")[0]
        row = Report("", house.tenant.id, "dmarc", f"{house.name}.example", house.mark, "1", {"kind": "dmarc"}, message_id, 0)
        self.internet.write(lambda tx: tx.reports.add(replace(row, id=self.internet.ports.ids.new("rpt"))))

    def close(self) -> None:
        """Everything."""
        close(self.app)
        self.internet.do(self.http.aclose())
        self.internet.close()
        self._folder.cleanup()

    def settle(self) -> None:
        """Let mail be delivered and webhooks be called: to both something may happen."""
        self.internet.run()
        for house in self.houses:
            house.seen = ""

    # --- asking ------------------------------------------------------------

    def ask(self, house: House, role: Role, operation: Operation[Any, Any], request: Request) -> httpx2.Response:
        """Ask as one of the house; remembers what it typed and what it was told."""
        house.typed.update(ID.findall(request.text))
        headers = {"authorization": f"Bearer {house.keys[role]}"}
        body = None if operation.method in ("GET", "DELETE") else request.body
        query = request.body if body is None else None
        work = self.http.request(operation.method, request.path, params=query, json=body, headers=headers)
        answer = self.internet.do(work)
        if answer.is_success:
            house.told.update(set(ID.findall(answer.text)) - house.typed)
            house.digests += DIGEST.findall(answer.text)
            house.message_ids += MESSAGE_ID.findall(answer.text)
        return answer

    def stream(self, house: House, role: Role) -> str:
        """What its stream of events says, from the first one on to the first sign of life."""
        return self.internet.do(self._stream(house.keys[role]))

    async def _stream(self, key: str) -> str:
        said: list[bytes] = []
        enough = asyncio.Event()
        pending = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            if pending:
                return pending.pop()
            await enough.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message.get("body", b""))
            if message["type"] == "http.response.body" and (b"\n:" in said[-1] or said[-1][:1] == b":"):
                enough.set()

        headers = [(b"authorization", f"Bearer {key}".encode())]
        scope = {
            "type": "http", "method": "GET", "path": "/v1/events/stream", "query_string": b"after=start", "headers": headers,
            "raw_path": b"", "root_path": "", "scheme": "http", "http_version": "1.1", "client": ("::1", 1), "server": None,
        }  # fmt: skip
        await asyncio.wait_for(self.app(scope, receive, send), 10)
        return b"".join(said).decode()

    def look(self, house: House) -> str:
        """All that its lists say, to its own operator."""
        ours = [one for one in LISTS if one.permission in ROLES[Role.OPERATOR]]
        pages = [
            self.ask(house, Role.OPERATOR, one, Request(one.path, {"limit": "200"} | FROM.get(one.name, {}))) for one in ours
        ]
        return "\n".join(page.text for page in pages)


@dataclass(frozen=True)
class Request:
    """Where to, and with what."""

    path: str
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """All of it."""
        return self.path + json.dumps(self.body)

    def instead(self, words: dict[str, str]) -> Request:
        """The same with these words replaced."""
        text = json.dumps([self.path, self.body])
        for old, new in words.items():
            text = text.replace(old, new)
        return Request(*json.loads(text))


def plain(answer: httpx2.Response, words: dict[str, str]) -> tuple[int, str]:
    """An answer without what differs between any two; of one that gives something, what it is made of."""
    if answer.is_success:
        return answer.status_code, _shape(answer.json() if answer.content[:1] == b"{" else "")
    text = NOISE.sub("*", answer.text)
    for old, new in words.items():
        text = text.replace(old, new)
    return answer.status_code, ID.sub("id", text)


def _shape(found: Any) -> str:
    if isinstance(found, dict):
        return str({name: _shape(value) for name, value in found.items()})
    return f"{len(found)} items" if isinstance(found, list) else type(found).__name__
