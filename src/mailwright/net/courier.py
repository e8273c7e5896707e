"""SMTP out: takes a parcel to the hosts of a route and brings back what became of each recipient.

Standards: RFC 5321 §5.1 (which host next), RFC 3207 and 7435 (opportunistic TLS), RFC 7672 and 8461 (TLS that a domain asks
for), RFC 8314 (submission), RFC 8689 (TLS that a message asks for), RFC 9422 (limits).
Promises: never raises for trouble with the peer; ends by its deadline; an outcome for every recipient, `Unknown` only as
I6 says; memory bounded; connections are kept for the next parcel of the same route, and a kept one that turns out dead
before the message costs nothing but another connection. Cancelling closes what was open.
Not here: the dialog (wire/smtp_client), MX lookup (core/routing), retries (core/delivery), how policies are found.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TypeAlias

from mailwright.core import ports
from mailwright.core.limits import MOST
from mailwright.core.ports import Parcel, Report, Route
from mailwright.mail.questions import Question, RecordType, ask_all
from mailwright.mailauth import dane
from mailwright.net import guard
from mailwright.net.link import RFC_TIMEOUTS, Link, Place
from mailwright.net.tls import opportunistic_context, shown_chain, verified_context
from mailwright.wire import smtp_client as wire
from mailwright.wire.smtp_client import Credentials, Finished, Ready, Recipient, StartTls, State, Tls, Transaction, Unready

MAX_TRANSCRIPT = 500  # lines of one report
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,250}[A-Za-z0-9])?")

Failure: TypeAlias = ports.Deferred | ports.Rejected
_NEEDS_TLS = {"starttls": Tls.REQUIRED, "opportunistic": Tls.IF_OFFERED}


@dataclass(frozen=True, slots=True)
class NoTls:
    """A peer that would not encrypt, or did not prove who it is: why in the words of reports, and as a failure."""

    fault: ports.TlsFault
    failure: ports.Deferred


@dataclass(frozen=True, slots=True)
class CourierOptions:
    """How we send. Times in seconds. `hostname` is our name in EHLO: fully qualified, and what our PTR record says.

    `allow_private` lets mail exchangers be at loopback and private addresses: for local use only (S17); smarthosts may be in
    `smarthost_networks` too. `deadline` bounds one parcel, connecting included; it must be shorter than a delivery's lease.
    """

    hostname: str
    source_ipv4: str | None = None
    source_ipv6: str | None = None
    allow_private: bool = False
    smarthost_networks: tuple[guard.IPNetwork, ...] = ()
    own_addresses: tuple[str, ...] = ()
    ca_file: str | None = None
    chunking: bool = True
    deadline: float = 840.0
    connect_timeout: float = 30.0
    timeouts: Mapping[State, float] = field(default_factory=lambda: RFC_TIMEOUTS)
    tries: int = 8  # addresses that are tried for one parcel
    idle_per_route: int = int(MOST)  # with fewer, a busy route closes what it opens again for the next message
    idle_total: int = 200
    transactions_per_connection: int = 100
    recipients_per_transaction: int = 100  # RFC 5321 §4.5.3.1.8: a server takes at least as many


class Courier:
    """Keeps the open connections. Fills the port of the same name; use within one event loop and `close` it at the end."""

    def __init__(self, options: CourierOptions, resolver: ports.Resolver) -> None:
        self._options = options
        self._resolver = resolver
        self._idle: dict[tuple[object, ...], list[Link]] = {}
        self._links: set[Link] = set()
        self._tick = max(0.01, min(1.0, min(options.timeouts.values()) / 4, options.deadline / 4))
        self._timer: asyncio.TimerHandle | None = None

    @cached_property
    def _opportunistic(self) -> ssl.SSLContext:
        return opportunistic_context()

    @cached_property
    def _verified(self) -> ssl.SSLContext:
        return verified_context(self._options.ca_file)

    async def deliver(self, route: Route, parcel: Parcel) -> Report:
        """One parcel to one route, in as many transactions as the peer's limits ask for."""
        journey = _Journey(route, parcel, asyncio.get_running_loop().time() + self._options.deadline)
        while len(journey.outcomes) < len(parcel.rcpt_to):
            await self._next_transaction(journey)
        return journey.report()

    async def close(self) -> None:
        """Take leave of idle peers and give up what is under way; waits a moment for the good-byes."""
        for link in list(self._links):
            link.quit()
        for _ in range(500):
            if not self._links:
                break
            await asyncio.sleep(0.002)
        for link in list(self._links):
            link.lose("closed")

    # --- one transaction -------------------------------------------------------------------------------------------------

    async def _next_transaction(self, journey: _Journey) -> None:
        link = self._kept(journey.route)
        kept = link is not None
        if link is None:
            opened = await self._next_door(journey)
            if not isinstance(opened, Link):
                journey.fail() if opened is None else journey.failures.append(opened)
                return
            link = opened
        journey.place, journey.tls = link.place, link.tls
        if journey.parcel.require_tls and not (link.tls and link.session.capabilities.require_tls):
            # RFC 8689 §4.2.1: another exchanger may; a kept connection is opened anew, for there is no saying of what it shows.
            journey.transcript += [] if kept else link.session.transcript
            link.quit()
            unwilling = ports.Rejected(
                None, "5.7.30", f"{link.place.host} does not offer REQUIRETLS, and the message asks for it"
            )
            journey.failures += [] if kept else [journey.told(unwilling)]
            return
        finished = await self._transact(link, journey)
        journey.transcript += finished.transcript
        if not link.usable and not finished.content_begun:
            # Nothing of the message has left, so it may be tried at another door, or over a new connection.
            journey.note("the kept connection was dead" if kept else "the connection ended before the message was sent")
            journey.failures += [] if kept else [_failure(outcome) for outcome in finished.outcomes[-1:]]
            return
        journey.succeed(finished.outcomes)
        self._keep(link)

    async def _transact(self, link: Link, journey: _Journey) -> Finished:
        limits = (self._options.recipients_per_transaction, link.session.capabilities.recipients_max)
        batch = journey.parcel.rcpt_to[len(journey.outcomes) :][: min(limit for limit in limits if limit)]
        link.deadline = journey.deadline
        try:
            if link.usable:
                link.begin(journey.transaction(batch))
            event = await link.event()
        except ValueError as error:
            # Not ours to mend here: a message or an address that no SMTP client may send (S2, S23).
            return Finished((wire.Rejected(None, "5.6.0", str(error)),) * len(batch), (f"* {error}",), content_begun=True)
        except BaseException:
            link.lose("given up")
            raise
        if isinstance(event, Finished):
            return event
        lost = wire.Deferred(None, "4.4.2", event.reason if isinstance(event, wire.Closed) else "the connection was lost")
        return Finished((lost,) * len(batch), link.session.transcript, content_begun=False)

    # --- kept connections --------------------------------------------------------------------------------------------------

    def _kept(self, route: Route) -> Link | None:
        links = self._idle.get(_pool_key(route), [])
        while links:
            link = links.pop()
            if link.usable:
                return link
        return None

    def _keep(self, link: Link) -> None:
        link.deadline = float("inf")
        links = self._idle.setdefault(link.key, [])
        used, limit = link.session.transactions, self._options.transactions_per_connection
        limit = min(limit, link.session.capabilities.transactions_max or limit)
        crowded = len(links) >= self._options.idle_per_route or len(self._links) > self._options.idle_total
        if used >= limit or crowded or not link.usable:
            link.quit()
        else:
            links.append(link)

    def _forget(self, link: Link) -> None:
        self._links.discard(link)
        links = self._idle.get(link.key, [])
        if link in links:
            links.remove(link)
        if not links:
            self._idle.pop(link.key, None)

    def _watch(self) -> None:
        """Look at the time-outs of all links, again and again while there are any."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for link in list(self._links):
            link.check(now)
        self._timer = loop.call_later(self._tick, self._watch) if self._links else None

    # --- new connections -----------------------------------------------------------------------------------------------------

    async def _next_door(self, journey: _Journey) -> Link | Failure | None:
        """Try the next host and address of the route: a ready link, or why not; None where none is left."""
        if journey.places is None:
            journey.places = deque((await self._places(journey))[: self._options.tries])
        if not journey.places:
            return None
        place = journey.place = journey.places.popleft()
        journey.tls = None
        why = self._closed(journey.route, place.address)
        return journey.told(why) if why else await self._open(journey, place)

    async def _places(self, journey: _Journey) -> list[Place]:
        places = []
        for host in journey.route.hosts:
            addresses = host.addresses or await self._addresses(host.name)
            if not addresses:
                journey.failures.append(journey.told(ports.Deferred(None, "4.4.3", f"{host.name} has no address")))
            places += [Place(host.name, address, host.port, host.policy) for address in addresses]
        return places

    async def _addresses(self, name: str) -> tuple[str, ...]:
        """The addresses of a host that came without: DNS, else what this system knows (its hosts file)."""
        if found := guard.literal(name):
            return found
        kinds = (RecordType.AAAA, RecordType.A)  # RFC 5321 §5.1, SM-10: IPv6 first
        answers = await self._resolver.resolve(ask_all(Question(name.rstrip(".").lower(), kind) for kind in kinds))
        if any(answer.records or answer.trouble for answer in answers):
            return tuple(record for answer in answers for record in answer.records)
        try:
            known = await asyncio.get_running_loop().getaddrinfo(name, None, type=1)
        except OSError:
            return ()
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in known))

    def _closed(self, route: Route, address: str) -> Failure | None:
        if route.ours or self._options.allow_private:
            return None
        if route.tls != "opportunistic":
            # S16, S17: a tenant named it, and only whoever runs this server says which inner networks are theirs to reach.
            why = guard.closed(address, self._options.smarthost_networks)
            return ports.Deferred(None, "4.4.4", f"the smarthost's address {address} is closed to us: {why}") if why else None
        if address in self._options.own_addresses:
            return ports.Rejected(None, "5.4.6", f"the exchanger's address {address} is our own")
        if why := guard.closed(address):
            return ports.Rejected(None, "5.4.4", f"the exchanger's address {address} is closed to us: {why}")
        return None

    async def _open(self, journey: _Journey, place: Place) -> Link | Failure:
        if place.policy is None:
            return await self._open_as_offered(journey, place)
        opened = await self._open_as_asked(journey, place, place.policy)
        if not isinstance(opened, NoTls):
            return opened
        if place.policy.enforce:
            return opened.failure
        # RFC 8461 §5.1: in testing, the domain wants to be told and to get its mail.
        journey.note(f"{place.policy.domain} enforces no TLS policy: going on as with any other exchanger")
        return await self._open_as_offered(journey, replace(place, policy=None), told=True)

    async def _open_as_asked(self, journey: _Journey, place: Place, policy: ports.TlsPolicy) -> Link | Failure | NoTls:
        """A link that shows what the domain asks for."""
        if policy.fault is not None:
            journey.tell_tls(place, policy.fault)
            return NoTls(policy.fault, _insecure(journey, policy.fault.reason))
        opened = await self._open_once(journey, place, Tls.REQUIRED)
        if isinstance(opened, NoTls):
            journey.tell_tls(place, opened.fault)
        elif isinstance(opened, Link):
            journey.tell_tls(place, None)
        return opened

    async def _open_as_offered(self, journey: _Journey, place: Place, *, told: bool = False) -> Link | Failure:
        """A link that is encrypted as the route says: for exchangers, where it can be. `told`: how TLS went was told before."""
        wish = _NEEDS_TLS.get(journey.route.tls, Tls.NEVER)
        opened = await self._open_once(journey, place, wish)
        fault: ports.TlsFault | None = None
        if isinstance(opened, NoTls):
            if wish is Tls.REQUIRED:
                return opened.failure
            # RFC 7435 §3: encryption was a bonus, so without it is as good as with a peer that never offered it.
            journey.note("TLS failed: trying again without it, on a new connection")
            fault, opened = opened.fault, await self._open_once(journey, place, Tls.NEVER)
        if isinstance(opened, NoTls):
            return opened.failure
        if isinstance(opened, Link) and wish is Tls.IF_OFFERED and not told:
            plain = None if opened.tls else ports.TlsFault("starttls-not-supported", f"{place.host} offers no STARTTLS")
            journey.tell_tls(place, fault or plain)
        return opened

    async def _open_once(self, journey: _Journey, place: Place, wish: Tls) -> Link | Failure | NoTls:
        """A ready link, or why not."""
        journey.note(f"connecting to {place.host} [{place.address}]:{place.port}")
        try:
            link = await self._connect(journey, place, wish)
        except (OSError, TimeoutError, ValueError) as error:
            code, what = ("4.7.5", "no TLS with") if isinstance(error, ssl.SSLError) else ("4.4.1", "no connection to")
            reason = _reason(error)
            return journey.told(ports.Deferred(None, code, f"{what} {place.host} [{place.address}]: {reason}"))
        try:
            failure = await self._make_ready(journey, link)
        except BaseException:
            link.lose("given up")
            raise
        if failure is None:
            return link
        journey.transcript += link.session.transcript
        link.quit()
        if isinstance(failure, NoTls):
            return failure
        text = failure.outcome.text
        if failure.state is State.HANDSHAKE:
            return NoTls(ports.TlsFault("validation-failure", text), ports.Deferred(None, "4.7.5", text))
        if wish is Tls.REQUIRED and (failure.outcome.enhanced == "4.7.10" or failure.state is State.STARTTLS):
            return NoTls(ports.TlsFault("starttls-not-supported", text), ports.Deferred(None, "4.7.10", text))
        return _failure(failure.outcome)

    async def _connect(self, journey: _Journey, place: Place, wish: Tls) -> Link:
        loop, route, options = asyncio.get_running_loop(), journey.route, self._options
        implicit = route.tls == "implicit"
        loopback = guard.closed(place.address) == "loopback"
        session = wire.Session(
            wire.Options(
                options.hostname,
                wish,
                encrypted=implicit,
                credentials=Credentials(route.username, route.password or "") if route.username else None,
                plaintext_auth=loopback,
                chunking=options.chunking,
            )
        )
        source = options.source_ipv6 if ":" in place.address else options.source_ipv4
        async with asyncio.timeout_at(min(journey.deadline, loop.time() + options.connect_timeout)):
            _, link = await loop.create_connection(
                lambda: Link(session, place, options.timeouts, journey.deadline, self._forget),
                place.address,
                place.port,
                local_addr=(source, 0) if source and not loopback else None,
                ssl=self._verified if implicit else None,
                server_hostname=place.host if implicit else None,
            )
        if link.tls:
            session.note(link.tls)
        link.key = _pool_key(route)
        if session.state is State.CLOSED:
            return link  # over already: what it said is still to be read
        self._links.add(link)
        if self._timer is None:
            self._timer = loop.call_later(self._tick, self._watch)
        return link

    async def _make_ready(self, journey: _Journey, link: Link) -> Unready | NoTls | None:
        while True:
            match await link.event():
                case Ready():
                    return None
                case Unready() as failure:
                    return failure
                case StartTls():
                    try:
                        await self._start_tls(journey, link)
                    except (OSError, TimeoutError, ValueError) as error:
                        reason = f"no TLS with {link.place.host}: {_reason(error)}"
                        link.lose(reason)
                        return NoTls(ports.TlsFault(_fault_type(error), reason), ports.Deferred(None, "4.7.5", reason))
                case wire.Closed(reason):
                    return Unready(wire.Deferred(None, "4.4.2", reason), State.CLOSED)

    async def _start_tls(self, journey: _Journey, link: Link) -> None:
        policy = link.place.policy
        # An exchanger's name comes out of DNS: what could not be a host name is not put into SNI, where it would raise.
        # For DANE it is where the TLSA records stand (RFC 7672 §8.1).
        shown = policy.names[0] if policy is not None and policy.names else link.place.host
        name = shown if _NAME.fullmatch(shown) else None
        if journey.route.tls == "starttls" or (policy is not None and policy.type == "sts"):
            await link.start_tls(self._verified, link.place.host)
        elif policy is not None and policy.type == "tlsa":
            await link.start_tls(self._opportunistic, name, partial(_judge, policy))
        else:
            await link.start_tls(self._opportunistic, name)


class _Journey:
    """One parcel under way: what is known so far."""

    def __init__(self, route: Route, parcel: Parcel, deadline: float) -> None:
        self.route = route
        self.parcel = parcel
        self.deadline = deadline
        self.outcomes: list[ports.Outcome] = []
        self.failures: list[Failure] = []  # one for each door that did not open
        self.transcript: list[str] = []
        self.places: deque[Place] | None = None  # still to be tried; None: not looked up yet
        self.place: Place | None = None
        self.tls: str | None = None
        self.tls_results: list[ports.TlsResult] = []

    def tell_tls(self, place: Place, fault: ports.TlsFault | None) -> None:
        self.tls_results.append(ports.TlsResult(place.host, place.address, place.policy, fault))

    def note(self, text: str) -> None:
        self.transcript.append(f"* {text}")

    def told(self, failure: Failure) -> Failure:
        self.note(failure.text)
        return failure

    def transaction(self, batch: tuple[str, ...]) -> Transaction:
        parcel = self.parcel
        return Transaction(
            parcel.mail_from,
            tuple(map(Recipient, batch)),
            (parcel.message.prefix, parcel.message.raw),
            envelope_id=parcel.envelope_id,
            smtputf8=parcel.smtputf8,
            require_tls=parcel.require_tls,
        )

    def succeed(self, outcomes: Iterable[ports.Outcome]) -> None:
        """A transaction was held; the next one may try every door again."""
        self.outcomes += outcomes
        self.failures.clear()
        self.places = None

    def fail(self) -> None:
        """No door is left: the recipients that are open share the fate of the doors."""
        # RFC 5321 §5.1: one host that may take it later is reason enough to come back.
        hopeful = [failure for failure in self.failures if isinstance(failure, ports.Deferred)]
        none = ports.Deferred(None, "4.4.1", "the route has no host")
        fate = hopeful[-1] if hopeful else self.failures[-1] if self.failures else none
        self.outcomes += [fate] * (len(self.parcel.rcpt_to) - len(self.outcomes))

    def report(self) -> Report:
        lines, half = self.transcript, MAX_TRANSCRIPT // 2
        if len(lines) > MAX_TRANSCRIPT:
            lines = [*lines[:half], f"* {len(lines) - 2 * half} lines left out", *lines[-half:]]
        host, address = (self.place.host, self.place.address) if self.place else (None, None)
        return Report(tuple(self.outcomes), tuple(lines), host, address, self.tls, tuple(self.tls_results))


def _pool_key(route: Route) -> tuple[object, ...]:
    hosts = tuple((host.name, host.port, _proof(host.policy)) for host in route.hosts)
    return (route.key, route.tls, route.username, route.password, hosts)


def _proof(policy: ports.TlsPolicy | None) -> object:
    """What a kept connection has shown. Domains that ask for the same of the same exchangers share it."""
    if policy is None:
        return None
    return (
        policy.type,
        policy.enforce,
        policy.fault is not None,
        (policy.strings, policy.names) if policy.type == "tlsa" else (),
    )


def _judge(policy: ports.TlsPolicy, connection: ssl.SSLObject) -> None:
    records = dane.usable(policy.strings)
    # RFC 7672 §2.2: where no record is usable, TLS is a must all the same, with whoever answers.
    if records and (why := dane.mismatch(records, shown_chain(connection), policy.names, datetime.now(UTC))):
        raise ConnectionError(f"DANE: {why}")


def _insecure(journey: _Journey, reason: str) -> ports.Deferred:
    journey.note(reason)
    return ports.Deferred(None, "4.7.5", reason)


def _fault_type(error: BaseException) -> str:
    """The word of RFC 8460 §4.3.1 and §4.3.2 for what went wrong in a handshake."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return "validation-failure"
    names = {10: "certificate-expired", 62: "certificate-host-mismatch", 64: "certificate-host-mismatch"}  # X509_V_ERR_*
    return names.get(error.verify_code, "certificate-not-trusted")


def _failure(outcome: ports.Outcome) -> Failure:
    """Why no message was handed over; nothing can be unknown before there was one."""
    return outcome if isinstance(outcome, Failure) else ports.Deferred(None, "4.4.2", outcome.text)


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    return "no answer in time" if isinstance(error, TimeoutError) and not error.args else str(error) or type(error).__name__
