"""HTTP requests to somebody else's server: webhooks, and whatever else is fetched on somebody's behalf.

Keeps S15 and S16: a URL is read once, its host resolved once, every address judged, and the connection made to an address
that was judged, with Host and SNI of the name. No redirects, no proxies, no cookies, no reuse: each request anew.
Promises: never raises for trouble with the peer or the URL; ends within the time-out; reads a bounded response.
Not here: which addresses are closed (guard.py), signatures and retries (core/webhooks).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import h11
import httpcore2

from mailwright.core.ports import NotPosted, Posted, Resolver
from mailwright.faults import Point, passes
from mailwright.mail.questions import Question, RecordType, ask_all
from mailwright.net import guard
from mailwright.net.tls import verified_context

EXCERPT = 2000  # characters of a response that are kept as evidence
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "user-agent"})


@dataclass(frozen=True, slots=True)
class PosterOptions:
    """What may be reached. `ports` None opens every port; `allow` opens networks that are closed otherwise (S15)."""

    schemes: tuple[str, ...] = ("https",)
    ports: tuple[int, ...] | None = (443, 8443)
    allow: tuple[guard.IPNetwork, ...] = ()
    timeout: float = 15.0  # seconds, for all of it
    body_limit: int = 64 * 1024  # octets of a response that are read
    ca_file: str | None = None
    user_agent: str = "Mailwright"


# For `mailwright local`: plain http, any port, this machine.
LOCAL = PosterOptions(("https", "http"), None, guard.LOOPBACK)


@dataclass(frozen=True, slots=True)
class Fetched:
    """The response. `body` is its beginning where `whole` is False: it was longer than the limit."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool


class Poster:
    """The only way out for HTTP. Fills the port of the same name."""

    def __init__(self, resolver: Resolver, options: PosterOptions = PosterOptions()) -> None:
        self._resolver = resolver
        self._options = options
        self._backend = httpcore2.AnyIOBackend()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = verified_context(self._options.ca_file)
        context.set_alpn_protocols(["http/1.1"])
        return context

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Posted | NotPosted:
        """POST, and what was answered: any status counts as an answer, a redirect too."""
        found = await self.fetch("POST", url, headers, body)
        passes(Point.TELLING_POSTED)
        if isinstance(found, NotPosted):
            return found
        return Posted(found.status, found.body.decode("utf-8", "replace")[:EXCERPT])

    async def fetch(
        self, method: str, url: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Fetched | NotPosted:
        """One request. NotPosted's reasons: refused_url, refused_address, dns, connect, tls, protocol, timeout."""
        try:
            target = guard.parse_url(url, self._options.schemes, self._options.ports)
        except guard.RefusedUrl as refused:
            return NotPosted("refused_url", str(refused))
        try:
            async with asyncio.timeout(self._options.timeout):
                addresses = await self._addresses(target)
                if isinstance(addresses, NotPosted):
                    return addresses
                stream = await self._connect(target, addresses)
                return stream if isinstance(stream, NotPosted) else await self._talk(stream, target, method, headers, body)
        except TimeoutError:
            return NotPosted("timeout", f"{target.host} did not answer within {self._options.timeout:g} seconds")

    async def _addresses(self, target: guard.Target) -> tuple[str, ...] | NotPosted:
        addresses = guard.literal(target.host)
        if addresses is None:
            kinds = (RecordType.AAAA, RecordType.A)
            answers = await self._resolver.resolve(ask_all(Question(target.host, kind) for kind in kinds))
            addresses = tuple(record for answer in answers for record in answer.records)
            if not addresses:
                said = ", ".join(sorted({answer.status.value for answer in answers}))
                return NotPosted("dns", f"{target.host} has no address (DNS said {said})")
        for address in addresses:
            # S15: one closed address spoils them all: which one is taken must not be a matter of luck.
            if why := guard.closed(address, self._options.allow):
                return NotPosted("refused_address", f"{target.host} is at {address}, which is closed to us: {why}")
        return addresses

    async def _connect(self, target: guard.Target, addresses: Sequence[str]) -> httpcore2.AsyncNetworkStream | NotPosted:
        trouble = ""
        for position, address in enumerate(addresses):
            # Each address gets its share of the time, so that a dead one leaves some for those after it.
            share = self._options.timeout / (len(addresses) - position + 1)
            try:
                stream = await self._backend.connect_tcp(address, target.port, timeout=share)
            except (httpcore2.NetworkError, httpcore2.TimeoutException, OSError) as error:
                trouble = f"{address}: {error or 'no answer'}"
                continue
            if target.scheme == "http":
                return stream
            try:
                async with _closed_unless_done(stream):
                    return await stream.start_tls(self._tls, target.host)
            except (httpcore2.NetworkError, httpcore2.TimeoutException, ssl.SSLError, OSError, ValueError) as error:
                return NotPosted("tls", f"no TLS with {target.host}: {error or 'the handshake broke off'}")
        return NotPosted("connect", f"no connection to {target.host}: {trouble}")

    async def _talk(
        self,
        stream: httpcore2.AsyncNetworkStream,
        target: guard.Target,
        method: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> Fetched | NotPosted:
        origin = httpcore2.Origin(target.scheme.encode(), target.host.encode(), target.port)
        connection = httpcore2.AsyncHTTP11Connection(origin, stream)
        url = httpcore2.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=target.target)
        ours = [("Host", target.authority), ("Connection", "close"), ("User-Agent", self._options.user_agent)]
        ours += [("Content-Length", str(len(body)))] if body or method == "POST" else []
        given = [(name, value) for name, value in headers if name.lower() not in _OURS]
        try:
            fields = [(name.encode("ascii"), value.encode("ascii")) for name, value in (*ours, *given)]
            request = httpcore2.Request(method, url, headers=fields, content=body)
            return await self._read(await connection.handle_async_request(request))
        except (httpcore2.NetworkError, httpcore2.ProtocolError, h11.ProtocolError, OSError, UnicodeError) as error:
            return NotPosted("protocol", f"{target.host} gave no readable answer: {error or 'the connection was lost'}")
        finally:
            with contextlib.suppress(Exception):
                await connection.aclose()

    async def _read(self, response: httpcore2.Response) -> Fetched:
        body, limit = b"", self._options.body_limit
        async with contextlib.aclosing(response.aiter_stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > limit:
                    break
        headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers)
        return Fetched(response.status, headers, body[:limit], len(body) <= limit)


@contextlib.asynccontextmanager
async def _closed_unless_done(stream: httpcore2.AsyncNetworkStream) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):
            await stream.aclose()
        raise
