"""A DNS server that answers from a `Zone`, for tests and for `mailwright local`.

Standards: RFC 1035, 2308 (negative answers carry an SOA), 6891 (EDNS size), 7766 (TCP).
Serves UDP and TCP on one port. `!servfail`, `!nxdomain` and `!timeout` do what they say. `server.zone` may be replaced
while it runs. Not here: delegation, zone transfer, DNSSEC.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeAlias

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.rrset

from mailwright.mail.questions import Answer, Question, RecordType, Status

Lookup: TypeAlias = Callable[[Question], Answer]

MAX_ALIASES = 10
TCP_IDLE = 10.0  # seconds
_RCODES = {Status.NXDOMAIN: dns.rcode.NXDOMAIN, Status.SERVFAIL: dns.rcode.SERVFAIL}
_ROOT_SOA = ". . 1 3600 600 86400 {ttl}"


class ZoneServer:
    """A running server. `port` is where it listens; assign `zone` to change what it says."""

    def __init__(self, zone: Lookup) -> None:
        self.zone = zone
        self.port = 0
        self.questions: list[Question] = []  # what was asked so far, for tests
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    def close(self) -> None:
        """Stop listening and drop what is connected."""
        if self._udp:
            self._udp.close()
        if self._tcp:
            self._tcp.close()
        for writer in self._connections:
            writer.close()

    def respond(self, wire: bytes, *, udp: bool) -> bytes | None:
        """The response to a query in wire form; None where silence is the answer."""
        try:
            query = dns.message.from_wire(wire)
            asked = query.question[0]
            response = dns.message.make_response(query, recursion_available=True)
        except (dns.exception.DNSException, IndexError):
            return None
        limit = max(query.payload, 512) if udp else 65535
        try:
            return response.to_wire(max_size=limit) if self._fill(response, asked) else None
        except dns.exception.TooBig:
            response.answer.clear()
            response.authority.clear()
            response.flags |= dns.flags.TC  # RFC 1035 §4.2.1: the client comes back over TCP
        except (dns.exception.DNSException, ValueError):  # a zone with a value that DNS can't hold
            response.answer.clear()
            response.set_rcode(dns.rcode.SERVFAIL)
        return response.to_wire()

    def _fill(self, response: dns.message.Message, asked: dns.rrset.RRset) -> bool:
        name, kind = asked.name, dns.rdatatype.to_text(asked.rdtype)
        known = kind in RecordType.__members__
        for _ in range(MAX_ALIASES):
            alias = self._ask(name, RecordType.CNAME) if kind != RecordType.CNAME else Answer(Status.NODATA)
            if not alias.records:
                break
            response.answer.append(_rrset(name, RecordType.CNAME, alias))
            name = dns.name.from_text(alias.records[0])
        found = self._ask(name, RecordType(kind) if known else RecordType.A)
        self.questions.append(Question(_text(asked.name), RecordType(kind))) if known else None
        if found.status is Status.TIMEOUT:
            return False
        response.set_rcode(_RCODES.get(found.status, dns.rcode.NOERROR))
        if found.authenticated:
            response.flags |= dns.flags.AD
        if found.status is Status.OK and known:
            response.answer.append(_rrset(name, RecordType(kind), found))
        elif found.status is not Status.SERVFAIL:
            # RFC 2308 §3: the SOA says how long the absence may be remembered.
            soa = _ROOT_SOA.format(ttl=found.ttl)
            response.authority.append(dns.rrset.from_text(dns.name.root, found.ttl, "IN", "SOA", soa))
        return True

    def _ask(self, name: dns.name.Name, kind: RecordType) -> Answer:
        return self.zone(Question(_text(name), kind))

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                while True:
                    async with asyncio.timeout(TCP_IDLE):
                        size = int.from_bytes(await reader.readexactly(2), "big")
                        response = self.respond(await reader.readexactly(size), udp=False)
                        if response is not None:
                            writer.write(len(response).to_bytes(2, "big") + response)
                            await writer.drain()
        finally:
            self._connections.discard(writer)
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: ZoneServer) -> None:
        self.server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.server._udp = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = self.server.respond(data, udp=True)
        if response is not None and self.server._udp:
            self.server._udp.sendto(response, addr)


async def serve_zone(zone: Lookup, host: str = "127.0.0.1", port: int = 0) -> ZoneServer:
    """Start a server; port 0 takes a free one. Raises OSError where the address is taken."""
    server = ZoneServer(zone)
    loop = asyncio.get_running_loop()
    for attempt in range(10):
        server._tcp = await asyncio.start_server(server._serve_tcp, host, port)
        server.port = server._tcp.sockets[0].getsockname()[1]
        try:
            await loop.create_datagram_endpoint(lambda: _Datagrams(server), local_addr=(host, server.port))
        except OSError:  # the free TCP port was no free UDP port
            server.close()
            if port or attempt == 9:
                raise
        else:
            break
    return server


def _text(name: dns.name.Name) -> str:
    return b".".join(name.labels[:-1]).decode("latin-1").lower()


def _rrset(name: dns.name.Name, kind: RecordType, answer: Answer) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, answer.ttl, [_rdata(kind, record) for record in answer.records])


def _rdata(kind: RecordType, record: str) -> dns.rdata.Rdata:
    if kind is RecordType.TXT:
        octets = record.encode("utf-8", "surrogateescape")
        # RFC 1035 §3.3: a character-string holds at most 255 octets.
        strings = [octets[at : at + 255] for at in range(0, len(octets) or 1, 255)]
        return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)
    return dns.rdata.from_text(dns.rdataclass.IN, kind.value, record, dns.name.root, relativize=False)
