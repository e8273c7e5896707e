"""DNS: drives a check that asks by yielding to its verdict.

Standards: RFC 1035, 2308 (negative answers), 6891 (EDNS), 7766 (TCP after truncation), 6840 §5.7 (AD).
Promises: never raises for DNS trouble (an `Answer` says it); a check whose answers are all cached runs without giving up
the loop; equal questions under way are asked once; cache and number of open sockets are bounded.
Records read as `mail.questions` says. TXT strings are joined octet by octet, then read as UTF-8, else as Latin-1.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.resolver
import idna

from mailwright.addresses import nameserver
from mailwright.mail.questions import Answer, Asks, Question, RecordType, Status

T = TypeVar("T")

MAX_ALIASES = 10
PAYLOAD = 1232  # octets by UDP that pass without fragments


@dataclass(frozen=True, slots=True)
class ResolverOptions:
    """Who is asked, and how long. Times in seconds.

    `nameservers` are `address`, `address:port` or `[v6]:port`; empty takes the system's. `trust_ad` believes the AD bit:
    only for a validating resolver reached over loopback, since anyone on a longer way could set it.
    """

    nameservers: tuple[str, ...] = ()
    trust_ad: bool = False
    timeout: float = 5.0  # for one question, all tries and aliases together
    tries: int = 3
    cache_size: int = 50_000
    min_ttl: int = 5
    max_ttl: int = 86_400
    negative_ttl: int = 300  # at most, whatever the SOA says
    trouble_ttl: int = 5  # SERVFAIL and time-outs are remembered this long
    sockets: int = 200


class Resolver:
    """A caching stub resolver. Use within one event loop; `close` it at the end."""

    def __init__(self, options: ResolverOptions = ResolverOptions(), *, now: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._now = now
        self._servers = tuple(map(nameserver, options.nameservers)) or system_nameservers()
        self._cache: dict[Question, tuple[Answer, float]] = {}
        self._under_way: dict[Question, asyncio.Task[Answer]] = {}
        self._sockets = asyncio.Semaphore(options.sockets)
        self._closed = False

    async def resolve(self, check: Asks[T]) -> T:
        """Drive a check to its verdict. What the check itself raises goes through; DNS trouble is an `Answer`."""
        reply: Any = None
        now = self._now()
        try:
            while True:
                wanted = check.send(reply)
                if isinstance(wanted, Question):
                    held = self._cache.get(wanted)
                    if held is not None and held[1] > now:
                        reply = held[0]
                    else:
                        reply = await self._fetch(wanted)
                        now = self._now()
                else:
                    reply = self._all_cached(wanted, now)
                    if reply is None:
                        reply = await self._fetch_all(wanted)
                        now = self._now()
        except StopIteration as stop:
            verdict: T = stop.value
            return verdict
        finally:
            check.close()

    async def resolve_aside(self, check: Asks[T]) -> T:
        """As `resolve`, with the check's own work in a thread, so that hashing a large message stalls nobody."""

        def step(reply: Any) -> tuple[bool, Any]:
            try:
                return False, check.send(reply)
            except StopIteration as stop:  # must not cross a future
                return True, stop.value

        reply: Any = None
        try:
            while True:
                done, found = await asyncio.to_thread(step, reply)
                if done:
                    verdict: T = found
                    return verdict
                reply = await (self.ask(found) if isinstance(found, Question) else self._fetch_all(found))
        finally:
            # Where time is over while the thread is at work, the check can't be closed: the thread goes on to its end.
            with contextlib.suppress(ValueError):
                check.close()

    async def resolve_afresh(self, check: Asks[T]) -> T:
        """As `resolve`, asking again what is in the cache: for somebody who has just changed a record and wants to see it."""
        asked: set[Question] = set()

        def forget(wanted: Question | tuple[Question, ...]) -> None:
            for question in (wanted,) if isinstance(wanted, Question) else wanted:
                if question not in asked:
                    asked.add(question)
                    self._cache.pop(question, None)

        reply: Any = None
        try:
            while True:
                wanted = check.send(reply)
                forget(wanted)
                reply = await (self.ask(wanted) if isinstance(wanted, Question) else self._fetch_all(wanted))
        except StopIteration as stop:
            verdict: T = stop.value
            return verdict
        finally:
            check.close()

    async def ask(self, question: Question) -> Answer:
        """Answer one question."""
        held = self._cache.get(question)
        return held[0] if held is not None and held[1] > self._now() else await self._fetch(question)

    def forget(self) -> None:
        """Empty the cache."""
        self._cache.clear()

    async def close(self) -> None:
        """Give up what is under way; whoever waits for it is told of a time-out."""
        self._closed = True
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _all_cached(self, wanted: Sequence[Question], now: float) -> tuple[Answer, ...] | None:
        replies = []
        for question in wanted:
            held = self._cache.get(question)
            if held is None or held[1] <= now:
                return None
            replies.append(held[0])
        return tuple(replies)

    async def _fetch_all(self, wanted: Sequence[Question]) -> tuple[Answer, ...]:
        now = self._now()
        tasks: dict[Question, asyncio.Task[Answer]] = {}
        replies: dict[Question, Answer] = {}
        for question in wanted:
            held = self._cache.get(question)
            if held is not None and held[1] > now:
                replies[question] = held[0]
            elif question not in tasks:
                tasks[question] = self._task(question)
        if tasks:
            await asyncio.wait(tasks.values())
        for question, task in tasks.items():
            replies[question] = _result(task)
        return tuple(replies[question] for question in wanted)

    async def _fetch(self, question: Question) -> Answer:
        # `wait` leaves the lookup alone when we are cancelled: others may wait for it too, and the cache wants it.
        task = self._task(question)
        await asyncio.wait((task,))
        return _result(task)

    def _task(self, question: Question) -> asyncio.Task[Answer]:
        task = self._under_way.get(question)
        if task is None:
            task = asyncio.create_task(self._lookup(question))
            self._under_way[question] = task
            task.add_done_callback(lambda _: self._under_way.pop(question, None))
        return task

    async def _lookup(self, question: Question) -> Answer:
        if self._closed:
            return Answer(Status.TIMEOUT)
        name = dns_name(question.name)
        # RFC 7208 §4.3, §4.8: a name that DNS can't hold is as one that does not exist.
        found = Answer(Status.NXDOMAIN) if name is None else await self._ask_servers(name, question.type)
        ttl = self._lifetime(found)
        found = replace(found, ttl=ttl)
        while len(self._cache) >= self._options.cache_size:
            del self._cache[next(iter(self._cache))]  # the oldest entry: dicts keep their order
        self._cache.pop(question, None)
        self._cache[question] = (found, self._now() + ttl)
        return found

    def _lifetime(self, found: Answer) -> int:
        if found.trouble:
            return self._options.trouble_ttl
        ceiling = self._options.negative_ttl if found.void else self._options.max_ttl
        return min(max(found.ttl, self._options.min_ttl), ceiling)

    async def _ask_servers(self, name: dns.name.Name, kind: RecordType) -> Answer:
        trouble = Answer(Status.TIMEOUT)
        share = self._options.timeout / self._options.tries
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.timeout), self._sockets:
                for attempt in range(self._options.tries):
                    server = self._servers[attempt % len(self._servers)]
                    try:
                        async with asyncio.timeout(share):
                            found = await self._follow(name, kind, server)
                    except (TimeoutError, OSError, EOFError):
                        continue
                    except (dns.exception.DNSException, ValueError):
                        found = Answer(Status.SERVFAIL)
                    if found.status is not Status.SERVFAIL:
                        return found
                    trouble = found
                    if len(self._servers) == 1:
                        break
        return trouble

    async def _follow(self, name: dns.name.Name, kind: RecordType, server: tuple[str, int]) -> Answer:
        """Ask one server, and again for the target where it left an alias open."""
        asked, ttl, authenticated = name, self._options.max_ttl, True
        for _ in range(MAX_ALIASES):
            response = await exchange(self._query(name, kind), server)
            if not isinstance(response, dns.message.QueryMessage):
                return Answer(Status.SERVFAIL)
            if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return Answer(Status.SERVFAIL)
            chain = response.resolve_chaining()
            ttl = min(ttl, chain.minimum_ttl)
            authenticated = authenticated and self._options.trust_ad and bool(response.flags & dns.flags.AD)
            if chain.answer is not None:
                alias = "" if chain.canonical_name == asked else chain.canonical_name.to_text(omit_final_dot=True).lower()
                return Answer(Status.OK, tuple(map(present, chain.answer)), ttl, authenticated, alias)
            if response.rcode() == dns.rcode.NXDOMAIN:
                return Answer(Status.NXDOMAIN, (), ttl, authenticated)
            if not chain.cnames or response.authority:
                return Answer(Status.NODATA, (), ttl, authenticated)
            name = chain.canonical_name
        return Answer(Status.SERVFAIL)

    def _query(self, name: dns.name.Name, kind: RecordType) -> dns.message.QueryMessage:
        query = dns.message.make_query(name, kind.value, use_edns=0, payload=PAYLOAD)
        if self._options.trust_ad:
            query.flags |= dns.flags.AD  # RFC 6840 §5.7: asks to be told
        return query


class _Exchange(asyncio.DatagramProtocol):
    """One query by UDP on a socket of its own, so that its port is as hard to guess as its id (RFC 5452)."""

    def __init__(self, query: dns.message.QueryMessage) -> None:
        self.query = query
        self.done: asyncio.Future[dns.message.Message] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.sendto(self.query.to_wire())  # type: ignore[attr-defined]

    def datagram_received(self, data: bytes, addr: object) -> None:
        try:
            response = dns.message.from_wire(data, raise_on_truncation=True)
        except dns.message.Truncated as truncated:
            response = truncated.kwargs["message"]
        except Exception as error:  # A stranger's octets: what lacks our id is no answer, and must not end the wait.
            if data[:2] == self.query.id.to_bytes(2, "big"):
                self.connection_lost(ValueError(str(error)))
            return
        if self.query.is_response(response) and not self.done.done():
            self.done.set_result(response)

    def error_received(self, exc: Exception) -> None:
        self.connection_lost(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("the socket was closed"))


async def exchange(query: dns.message.QueryMessage, server: tuple[str, int]) -> dns.message.Message:
    """Ask one server by UDP, then by TCP where the response was cut off. Raises OSError, EOFError or DNSException."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _Exchange(query), remote_addr=server)
    try:
        response = await protocol.done
    finally:
        protocol.done.cancel()
        transport.close()
    if response.flags & dns.flags.TC:
        return await dns.asyncquery.tcp(query, server[0], port=server[1], ignore_trailing=True)
    return response


def dns_name(text: str) -> dns.name.Name | None:
    """The name in wire form, every character but the dot standing for itself; None where DNS can't hold it."""
    try:
        ascii_text = text if text.isascii() else idna.encode(text, uts46=True).decode("ascii")
        labels = ascii_text.encode("ascii").split(b".") if ascii_text else []
        return dns.name.Name([*labels, b""])
    except (dns.exception.DNSException, idna.IDNAError, UnicodeError):
        return None


def present(rdata: dns.rdata.Rdata) -> str:
    """One record as `mail.questions` writes it: names in lower case without their final dot."""
    match rdata.rdtype:
        case dns.rdatatype.A | dns.rdatatype.AAAA:
            return str(rdata.address)  # type: ignore[attr-defined]
        case dns.rdatatype.TXT:
            octets = b"".join(rdata.strings)  # type: ignore[attr-defined]
            try:
                return octets.decode()
            except UnicodeDecodeError:
                return octets.decode("latin-1")
        case dns.rdatatype.MX:
            return f"{rdata.preference} {_present_name(rdata.exchange)}"  # type: ignore[attr-defined]
        case dns.rdatatype.CNAME | dns.rdatatype.NS | dns.rdatatype.PTR:
            return _present_name(rdata.target)  # type: ignore[attr-defined]
        case dns.rdatatype.TLSA:
            return f"{rdata.usage} {rdata.selector} {rdata.mtype} {rdata.cert.hex()}"  # type: ignore[attr-defined]
        case _:
            return rdata.to_text()


def _present_name(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def system_nameservers() -> tuple[tuple[str, int], ...]:
    """The servers of /etc/resolv.conf, else loopback."""
    try:
        found = [str(server) for server in dns.resolver.Resolver().nameservers]
    except (dns.exception.DNSException, OSError):
        found = []
    return tuple((server, 53) for server in found) or (("127.0.0.1", 53),)


def _result(task: asyncio.Task[Answer]) -> Answer:
    return Answer(Status.TIMEOUT) if task.cancelled() else task.result()
