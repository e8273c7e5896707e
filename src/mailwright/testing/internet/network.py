"""What is between the hosts of the box: names, addresses, and parcels that are carried at once.

A courier walks a route as the real one does, but hands the parcel to whoever listens at the address; a poster calls functions.
Names are looked up in one table for all, which tests may change at any time.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from mailwright.core.ports import Deferred, NotPosted, Outcome, Parcel, Posted, Rejected, Report, Route
from mailwright.core.receiving import Peer
from mailwright.core.routing import Here, exchangers
from mailwright.mail.header import parse_header
from mailwright.mail.questions import Answer, Asks, Question, RecordType, Status, Zone, answer
from mailwright.mailauth.authenticate import Authentication, authenticate
from mailwright.testing.clock import ManualClock

T = TypeVar("T")

TLS = "TLSv1.3 TLS_AES_256_GCM_SHA384"
FIRST_ADDRESS = int(ipaddress.IPv4Address("11.0.0.1"))


class Dns:
    """A zone that can be changed: `core.ports.Resolver`, and what to call with a question."""

    def __init__(self, zone: Zone) -> None:
        """Start with these records."""
        self._table = dict(zone.records)
        self._troubles: dict[str, Status] = {}

    def __call__(self, question: Question) -> Answer:
        """The answer as it is now."""
        trouble = self._troubles.get(question.name)
        return Answer(trouble) if trouble else Zone(self._table)(question)

    def publish(self, text: str) -> None:
        """Add records, in the text form of `Zone`: `name TYPE value`, one a line."""
        self.add((name, kind, value) for (name, kind), values in Zone.parse(text).records.items() for value in values)

    def add(self, records: Iterable[tuple[str, str, str]]) -> None:
        """Add records, each as name, type and value."""
        for name, kind, value in records:
            self._table[name, kind] = (*self._table.get((name, kind), ()), value)

    def withdraw(self, name: str, kind: str | None = None) -> None:
        """Take records of a name away: those of one type, or all."""
        for key in [key for key in self._table if key[0] == name and kind in (None, key[1])]:
            del self._table[key]

    def fail(self, name: str, status: Status = Status.SERVFAIL) -> None:
        """Every question for that name fails until `recover`."""
        self._troubles[name] = status

    def recover(self, name: str) -> None:
        """Questions for that name are answered again."""
        self._troubles.pop(name, None)

    async def resolve(self, check: Asks[T]) -> T:
        """Drive a check to its verdict."""
        return answer(check, self)

    resolve_aside = resolve
    resolve_afresh = resolve


class Listener(Protocol):
    """A host that takes parcels."""

    async def take(self, peer: Peer, parcel: Parcel) -> Sequence[Outcome] | None:
        """An outcome for each recipient; None where nobody answers the call."""


class Endpoint(Protocol):
    """An HTTP end point."""

    def post(self, headers: Sequence[tuple[str, str]], body: bytes) -> Posted | NotPosted:
        """Answer a request."""


@dataclass
class Network:
    """All that is reachable."""

    clock: ManualClock
    dns: Dns
    listeners: dict[str, Listener] = field(default_factory=dict)  # by address
    endpoints: dict[str, Endpoint] = field(default_factory=dict)  # by URL
    servers: list[object] = field(default_factory=list)  # those that are Mailwright's
    _addresses: int = FIRST_ADDRESS

    def settle(self, name: str, listener: Listener) -> str:
        """Give a host an address, and its name in DNS there; the address."""
        address = str(ipaddress.IPv4Address(self._addresses))
        self._addresses += 1
        self.listeners[address] = listener
        self.dns.add([(name, "A", address)])
        return address

    def route(self, domain: str) -> Route | Deferred | Rejected:
        """Where somebody outside sends mail for a domain: perhaps to the same host."""
        return answer(exchangers(domain, Here(hostname=""), lambda names: None), self.dns)

    async def carry(self, peer: Peer, route: Route, parcel: Parcel) -> Report:
        """Hand a parcel to the first host of the route that answers."""
        _check(parcel)
        for host in route.hosts:
            for address in host.addresses or self.dns(Question(host.name, RecordType.A)).records:
                listener = self.listeners.get(address)
                outcomes = await listener.take(peer, parcel) if listener else None
                if outcomes is not None:
                    said = tuple(_transcript(peer, parcel, outcomes))
                    tls = None if route.tls == "none" else TLS
                    return Report(tuple(outcomes), said, host=host.name, address=address, tls=tls)
        nobody = Deferred(None, "4.4.1", f"no host of {route.key} answers")
        return Report(tuple(nobody for _ in parcel.rcpt_to), ("(connection refused)",))

    def authenticate(self, raw: bytes, peer: Peer, mail_from: str) -> Authentication:
        """What a receiver finds who knows nothing but what DNS says."""
        check = authenticate(
            raw,
            parse_header(raw),
            ip=ipaddress.ip_address(peer.ip),
            helo=peer.helo,
            mail_from=mail_from,
            now=self.clock.now() // 1000,
        )
        return answer(check, self.dns)


def _check(parcel: Parcel) -> None:
    # S2: whatever we hand over has CRLF line ends and no others, or somebody will read two messages out of it.
    whole = parcel.message.prefix + bytes(parcel.message.raw)
    if not whole.count(b"\r\n") == whole.count(b"\r") == whole.count(b"\n"):
        raise AssertionError("a message with bare CR or LF was about to leave")


def _transcript(peer: Peer, parcel: Parcel, outcomes: Sequence[Outcome]) -> Iterable[str]:
    yield f"C: EHLO {peer.helo}"
    yield f"C: MAIL FROM:<{parcel.mail_from}>"
    for address, outcome in zip(parcel.rcpt_to, outcomes, strict=True):
        yield f"C: RCPT TO:<{address}>"
        code = getattr(outcome, "code", None)
        yield f"S: {code} {getattr(outcome, 'enhanced', None) or ''} {outcome.text}" if code else f"({outcome.text})"


@dataclass(frozen=True)
class BoxCourier:
    """`core.ports.Courier` of one host."""

    network: Network
    peer: Peer

    async def deliver(self, route: Route, parcel: Parcel) -> Report:
        """Carry it at once."""
        return await self.network.carry(self.peer, route, parcel)


@dataclass(frozen=True)
class BoxPoster:
    """`core.ports.Poster`: calls whoever stands at the URL."""

    network: Network

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Posted | NotPosted:
        """Post it at once."""
        endpoint = self.network.endpoints.get(url)
        if endpoint is None:
            return NotPosted("connect", f"nobody listens at {url}")
        return endpoint.post(headers, body)


class Inline:
    """`core.ports.Cpu`: work is done where it stands."""

    async def run(self, work: Callable[[], T]) -> T:
        """Do it now."""
        return work()
