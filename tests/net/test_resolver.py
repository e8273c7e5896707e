"""The resolver against a DNS server on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import dns.flags
import dns.message
import pytest

from mailwright.addresses import nameserver
from mailwright.mail.questions import Answer, Asks, Question, RecordType, Status, Zone, ask, ask_all, together
from mailwright.net.resolver import Resolver, ResolverOptions, dns_name, system_nameservers
from mailwright.testing.dns import ZoneServer, serve_zone

ZONE = Zone.parse("""
there.example       MX    10 mx1.there.example
there.example       MX    20 MX2.there.example
null.example        MX    0 .
mx1.there.example   A     192.0.2.1
mx1.there.example   AAAA  2001:db8:0::1
there.example       TXT   v=spf1 -all
empty.example       TXT
utf8.example        TXT   Grüße
alias.example       CNAME there.example
loop.example        CNAME loop.example
_25._tcp.there.example TLSA 3 1 1 00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF
1.2.0.192.in-addr.arpa PTR mx1.there.example
there.example       NS    ns.there.example
dead.example        *     !servfail
slow.example        *     !timeout
gone.example        *     !nxdomain
""")


def says(answer: Answer) -> Callable[[Question], Answer]:
    """All of DNS gives this answer, and has no aliases."""
    return lambda question: Answer(Status.NODATA) if question.type is RecordType.CNAME else answer


Start = Callable[..., Awaitable[Resolver]]


@pytest.fixture
async def server() -> AsyncIterator[ZoneServer]:
    running = await serve_zone(ZONE)
    yield running
    running.close()


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def start(server: ZoneServer, clock: Clock) -> AsyncIterator[Start]:
    started: list[Resolver] = []

    async def start(**changes: Any) -> Resolver:
        options = {"nameservers": (f"127.0.0.1:{server.port}",), "timeout": 0.3, "tries": 2, **changes}
        started.append(Resolver(ResolverOptions(**options), now=clock))
        return started[-1]

    yield start
    for resolver in started:
        await resolver.close()


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("there.example", "MX", ("10 mx1.there.example", "20 mx2.there.example")),
        ("null.example", "MX", ("0 .",)),
        ("mx1.there.example", "A", ("192.0.2.1",)),
        ("mx1.there.example", "AAAA", ("2001:db8::1",)),
        ("there.example", "TXT", ("v=spf1 -all",)),
        ("empty.example", "TXT", ("",)),
        ("utf8.example", "TXT", ("Grüße",)),
        ("alias.example", "TXT", ("v=spf1 -all",)),
        ("alias.example", "CNAME", ("there.example",)),
        ("_25._tcp.there.example", "TLSA", ("3 1 1 " + 2 * "00112233445566778899aabbccddeeff",)),
        ("1.2.0.192.in-addr.arpa", "PTR", ("mx1.there.example",)),
        ("there.example", "NS", ("ns.there.example",)),
        ("there.example", "AAAA", Status.NODATA),
        ("nowhere.example", "A", Status.NXDOMAIN),
        ("gone.example", "A", Status.NXDOMAIN),
        ("dead.example", "A", Status.SERVFAIL),
        ("slow.example", "A", Status.TIMEOUT),
        ("loop.example", "A", Status.SERVFAIL),
        ("a..b", "A", Status.NXDOMAIN),
        ("x" * 64 + ".example", "A", Status.NXDOMAIN),
        ("a.b." * 80 + "example", "A", Status.NXDOMAIN),
    ],
)
async def test_answers_read_as_the_questions_module_says(
    start: Start, name: str, kind: str, expected: tuple[str, ...] | Status
) -> None:
    found = await (await start()).ask(Question(name, RecordType(kind)))
    if isinstance(expected, Status):
        assert (expected, ()) == (found.status, found.records)
    else:
        assert (Status.OK, sorted(expected)) == (found.status, sorted(found.records))


async def test_octets_that_are_no_utf8_are_read_as_latin1(start: Start, server: ZoneServer) -> None:
    server.zone = says(Answer(Status.OK, ("v=\udce4",)))
    assert ("v=ä",) == (await (await start()).ask(Question("x.example", RecordType.TXT))).records


async def test_a_record_of_several_strings_too_long_for_udp_comes_whole_over_tcp(start: Start, server: ZoneServer) -> None:
    text = "".join(f"{n:05d}" for n in range(2000))
    server.zone = says(Answer(Status.OK, (text,)))
    assert (text,) == (await (await start()).ask(Question("x.example", RecordType.TXT))).records


def both(name: str) -> Asks[tuple[Answer, ...]]:
    first = yield from ask(name, RecordType.MX)
    rest = yield from ask_all(Question(f"mx{n}.{name}", RecordType.A) for n in (1, 2))
    return (first, *rest)


async def test_a_check_runs_to_its_verdict(start: Start) -> None:
    mx, first, second = await (await start()).resolve(both("there.example"))
    assert [Status.OK, Status.OK, Status.NXDOMAIN] == [mx.status, first.status, second.status]


async def test_several_checks_side_by_side_ask_each_question_once(start: Start, server: ZoneServer) -> None:
    resolver = await start()
    one, two = await resolver.resolve(together(both("there.example"), both("there.example")))
    assert one == two
    assert 3 == len(server.questions)


async def test_equal_questions_under_way_are_asked_once(start: Start, server: ZoneServer) -> None:
    resolver = await start()
    replies = await asyncio.gather(*[resolver.resolve(ask("there.example", RecordType.MX)) for _ in range(20)])
    assert 1 == len(set(replies)) == len(server.questions)


async def test_what_is_cached_is_answered_without_giving_up_the_loop(start: Start, server: ZoneServer) -> None:
    resolver = await start()
    expected = await resolver.resolve(both("there.example"))
    server.close()  # nobody is there to be asked
    coroutine = resolver.resolve(both("there.example"))
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    assert expected == stopped.value.value


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(Status.OK, ("192.0.2.1",), ttl=600), 600),
        (Answer(Status.OK, ("192.0.2.1",), ttl=0), 5),
        (Answer(Status.OK, ("192.0.2.1",), ttl=10_000_000), 86_400),
        (Answer(Status.NXDOMAIN, ttl=3600), 300),
        (Answer(Status.NODATA, ttl=60), 60),
        (Answer(Status.SERVFAIL), 5),
        (Answer(Status.TIMEOUT), 5),
    ],
)
async def test_an_answer_is_kept_for_its_time_and_no_longer(
    start: Start, server: ZoneServer, clock: Clock, answer: Answer, expected: int
) -> None:
    server.zone = says(answer)
    resolver = await start(timeout=0.05, tries=1)
    question = Question("x.example", RecordType.A)
    assert (answer.status, expected) == ((first := await resolver.ask(question)).status, first.ttl)
    server.zone = says(Answer(Status.OK, ("192.0.2.9",)))
    clock.time += expected - 1
    assert first == await resolver.ask(question)
    clock.time += 1
    assert ("192.0.2.9",) == (await resolver.ask(question)).records


async def test_the_cache_is_bounded_and_drops_the_oldest(start: Start, server: ZoneServer) -> None:
    resolver = await start(cache_size=3)
    for name in "abcd":
        await resolver.ask(Question(name, RecordType.A))
    server.questions.clear()
    for name in "dcba":
        await resolver.ask(Question(name, RecordType.A))
    assert [Question("a", RecordType.A)] == server.questions


async def test_the_second_server_is_asked_when_the_first_fails(start: Start, server: ZoneServer) -> None:
    broken = await serve_zone(says(Answer(Status.SERVFAIL)))
    silent = await serve_zone(says(Answer(Status.TIMEOUT)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        refused = closed.getsockname()[1]
    for port in (broken.port, silent.port, refused):
        resolver = await start(nameservers=(f"127.0.0.1:{port}", f"127.0.0.1:{server.port}"))
        assert Status.OK == (await resolver.ask(Question("there.example", RecordType.MX))).status
    broken.close()
    silent.close()


@pytest.mark.parametrize("trust", [True, False])
async def test_s17_the_ad_bit_is_believed_only_when_that_is_configured(start: Start, server: ZoneServer, trust: bool) -> None:
    server.zone = says(Answer(Status.OK, ("192.0.2.1",), authenticated=True))
    assert trust == (await (await start(trust_ad=trust)).ask(Question("x.example", RecordType.A))).authenticated


async def test_silence_takes_no_longer_than_the_time_out(start: Start) -> None:
    resolver = await start(timeout=0.1, tries=300)
    async with asyncio.timeout(10):
        assert Status.TIMEOUT == (await resolver.ask(Question("slow.example", RecordType.A))).status


async def test_who_stops_waiting_does_not_spoil_it_for_others(start: Start, server: ZoneServer) -> None:
    resolver = await start(timeout=0.2)
    waits = [asyncio.create_task(resolver.resolve(ask("slow.example", RecordType.A))) for _ in range(2)]
    await asyncio.sleep(0.02)
    waits[0].cancel()
    assert Status.TIMEOUT == (await waits[1]).status
    assert waits[0].cancelled()


async def test_a_check_that_is_given_up_is_closed() -> None:
    resolver = Resolver(ResolverOptions(("127.0.0.1:9",), timeout=1))
    closed = []

    def check() -> Asks[None]:
        try:
            yield from ask("slow.example", RecordType.A)
        finally:
            closed.append(True)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await resolver.resolve(check())
    assert [True] == closed
    await resolver.close()


async def test_closing_ends_what_is_under_way_with_a_time_out(start: Start) -> None:
    resolver = await start(timeout=5)
    waiting = asyncio.create_task(resolver.resolve(ask("slow.example", RecordType.A)))
    await asyncio.sleep(0.02)
    await resolver.close()
    assert Status.TIMEOUT == (await waiting).status
    assert Status.TIMEOUT == (await resolver.ask(Question("other.example", RecordType.A))).status


class _Liar(asyncio.DatagramProtocol):
    """Answers with rubbish and forgeries before the truth."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        forged = dns.message.make_response(dns.message.make_query("evil.example", "A"))
        truth = dns.message.make_response(dns.message.from_wire(data))
        truth.flags |= dns.flags.RA
        for octets in (b"", b"\0" * 5, b"\xff" * 40, data, forged.to_wire(), truth.to_wire()):
            self.transport.sendto(octets, addr)


async def test_s17_rubbish_and_forged_answers_do_not_end_the_wait() -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(_Liar, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    resolver = Resolver(ResolverOptions((f"127.0.0.1:{port}",), timeout=1))
    assert Status.NODATA == (await resolver.ask(Question("x.example", RecordType.A))).status
    await resolver.close()
    transport.close()


async def test_a_response_that_can_not_be_read_ends_the_wait_when_it_bears_the_right_id(
    start: Start, server: ZoneServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "respond", lambda wire, udp: wire[:2] + b"\x80" * 11)
    assert Status.SERVFAIL == (await (await start(timeout=5)).ask(Question("x.example", RecordType.A))).status


async def test_an_alias_left_open_by_the_server_is_followed(start: Start, server: ZoneServer) -> None:
    class Lazy(ZoneServer):
        def _fill(self, response: Any, asked: Any) -> bool:
            filled = super()._fill(response, asked)
            if response.answer:
                response.answer = response.answer[:1]
            return filled

    server.__class__ = Lazy
    assert ("v=spf1 -all",) == (await (await start()).ask(Question("alias.example", RecordType.TXT))).records


async def test_s17_a_ring_of_aliases_of_which_each_answer_tells_one_ends(start: Start, server: ZoneServer) -> None:
    asked = 0

    class Ring(ZoneServer):
        def _fill(self, response: Any, asked_for: Any) -> bool:
            nonlocal asked
            asked += 1
            other = "b.ring.example." if str(asked_for.name).startswith("a") else "a.ring.example."
            response.answer.append(dns.rrset.from_text(asked_for.name, 60, "IN", "CNAME", other))
            return True

    server.__class__ = Ring
    assert Status.SERVFAIL == (await (await start(timeout=5)).ask(Question("a.ring.example", RecordType.A))).status
    assert asked <= 2 * 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
        ("[::1]", ("::1", 53)),
    ],
)
def test_name_servers_are_written_with_or_without_port(text: str, expected: tuple[str, int]) -> None:
    assert expected == nameserver(text)


@pytest.mark.parametrize("text", ["", ":53", "dns.example", "192.0.2.1:-1", "192.0.2.1:x", "192.0.2.1:0", "[::1]:70000"])
def test_what_is_no_name_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="name server"):
        nameserver(text)


def test_there_always_is_a_system_name_server() -> None:
    assert all(port == 53 for _, port in system_nameservers())


def test_names_are_taken_literally_and_put_into_a_labels() -> None:
    assert b"\x03a\\b\x07example\x00" == dns_name("a\\b.example").to_wire()  # type: ignore[union-attr]
    assert "xn--mnchen-3ya.example." == str(dns_name("münchen.example"))
    assert None is dns_name("a\u2028.example")


async def test_a_record_published_a_moment_ago_is_seen_by_who_asks_afresh_and_by_everybody_after(server):
    resolver = Resolver(ResolverOptions((f"127.0.0.1:{server.port}",)))
    name = "new.example"
    assert Status.NXDOMAIN is (await resolver.resolve(ask(name, RecordType.TXT))).status
    server.zone = Zone.parse(f"{name} TXT v=spf1 -all")
    assert Status.NXDOMAIN is (await resolver.resolve(ask(name, RecordType.TXT))).status
    assert ("v=spf1 -all",) == (await resolver.resolve_afresh(ask(name, RecordType.TXT))).records
    assert ("v=spf1 -all",) == (await resolver.resolve(ask(name, RecordType.TXT))).records
    await resolver.close()
