"""The DNS server of the test kit, asked with dnspython's own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from mailwright.mail.questions import Answer, Question, RecordType, Status, Zone
from mailwright.testing.dns import ZoneServer, serve_zone

ZONE = Zone.parse("""
here.example   A     192.0.2.1
here.example   TXT   hello world
alias.example  CNAME here.example
slow.example   *     !timeout
""")


@pytest.fixture
async def server() -> AsyncIterator[ZoneServer]:
    running = await serve_zone(ZONE)
    yield running
    running.close()


async def udp(server: ZoneServer, name: str, kind: str) -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    return await dns.asyncquery.udp(query, "127.0.0.1", port=server.port, timeout=1)


async def test_an_alias_is_followed_and_shown(server: ZoneServer) -> None:
    response = await udp(server, "alias.example", "A")
    assert ["alias.example. 300 IN CNAME here.example.", "here.example. 300 IN A 192.0.2.1"] == [
        str(rrset) for rrset in response.answer
    ]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("here.example", "AAAA", dns.rcode.NOERROR),
        ("here.example", "HTTPS", dns.rcode.NOERROR),
        ("nowhere.example", "A", dns.rcode.NXDOMAIN),
        ("nowhere.example", "HTTPS", dns.rcode.NXDOMAIN),
    ],
)
async def test_an_absence_comes_with_an_soa(server: ZoneServer, name: str, kind: str, expected: dns.rcode.Rcode) -> None:
    response = await udp(server, name, kind)
    assert (expected, [], dns.rdatatype.SOA) == (response.rcode(), response.answer, response.authority[0].rdtype)


async def test_what_is_too_large_for_udp_is_cut_and_whole_over_tcp(server: ZoneServer) -> None:
    server.zone = Zone({("big.example", "TXT"): ("x" * 3000,)})
    assert (await udp(server, "big.example", "TXT")).flags & dns.flags.TC
    query = dns.message.make_query("big.example", "TXT")
    response = await dns.asyncquery.tcp(query, "127.0.0.1", port=server.port, timeout=1)
    assert b"x" * 3000 == b"".join(response.answer[0][0].strings)


async def test_the_zone_may_be_replaced_while_it_runs(server: ZoneServer) -> None:
    server.zone = Zone.parse("here.example A 192.0.2.2")
    assert "here.example. 300 IN A 192.0.2.2" == str((await udp(server, "here.example", "A")).answer[0])
    assert [Question("here.example", RecordType.A)] == server.questions


async def test_a_value_that_dns_can_not_hold_is_servfail(server: ZoneServer) -> None:
    server.zone = Zone.parse("here.example A not-an-address")
    assert dns.rcode.SERVFAIL == (await udp(server, "here.example", "A")).rcode()


async def test_silence_is_silence(server: ZoneServer) -> None:
    query = dns.message.make_query("slow.example", "A")
    with pytest.raises(dns.exception.Timeout):
        await dns.asyncquery.udp(query, "127.0.0.1", port=server.port, timeout=0.05)


async def test_rubbish_is_not_answered_and_does_no_harm(server: ZoneServer) -> None:
    assert [None] * 4 == [server.respond(octets, udp=True) for octets in (b"", b"x", b"\0" * 12, b"\xff" * 99)]


async def test_after_closing_nobody_answers() -> None:
    server = await serve_zone(lambda _: Answer(Status.NODATA))
    reader, _ = await asyncio.open_connection("127.0.0.1", server.port)
    server.close()
    assert b"" == await reader.read()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_a_port_that_is_taken_is_refused(server: ZoneServer) -> None:
    with pytest.raises(OSError):
        await serve_zone(ZONE, port=server.port)
