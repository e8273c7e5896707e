"""The courier against peers on loopback that behave, misbehave, and vanish at the worst moments."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import mmap
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from live.ports import free_port

from mailwright.core import limits
from mailwright.core.ports import Deferred, Delivered, Host, Parcel, Rejected, Report, Route, Signed, Unknown
from mailwright.mail.questions import Asks, Zone, answer
from mailwright.net.courier import Courier, CourierOptions
from mailwright.net.link import RFC_TIMEOUTS
from mailwright.net.tls import ensure_self_signed, server_context
from mailwright.wire.smtp_client import State

MESSAGE = b"Subject: Tea?\r\n\r\n.At four.\r\n"
SIGNED = Signed(b"DKIM-Signature: x\r\n", MESSAGE)
WHOLE = SIGNED.prefix + MESSAGE
OK = Delivered(250, "2.0.0", "2.0.0 taken")
NOW = datetime.datetime.now(datetime.UTC)


class Peer:
    """An SMTP server of few words. `replies` overrides what it says to a verb; "close" hangs up, "silence" waits."""

    def __init__(self, replies: dict[str, str] | None = None, features: tuple[str, ...] = ("PIPELINING", "SIZE 100000000")):
        self.replies = replies or {}
        self.features = features
        self.once: set[str] = set()  # replies to be given a single time
        self.context: ssl.SSLContext | None = None
        self.connections = 0
        self.verbs: list[str] = []
        self.lines: list[str] = []
        self.messages: list[bytes] = []
        self.clients: list[str] = []
        self.port = 0
        self.server: asyncio.Server | None = None
        self.writers: list[asyncio.StreamWriter] = []

    async def start(self, implicit: bool = False) -> Peer:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context if implicit else None)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def close(self) -> None:
        assert self.server
        self.server.close()
        self.hang_up()

    def hang_up(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        self.clients.append(writer.get_extra_info("peername")[0])
        try:
            await self._talk(reader, writer)
        except (OSError, EOFError, _Hangup, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._say(writer, "greeting", "220 peer.example")
        while line := await reader.readline():
            text = line.decode().rstrip("\r\n")
            verb = text.split()[0].upper()
            self.verbs.append(verb)
            self.lines.append(text)
            match verb:
                case "EHLO":
                    starttls = ("STARTTLS",) if self.context and not writer.get_extra_info("ssl_object") else ()
                    lines = ("peer.example", *self.features, *starttls)
                    default = "\r\n".join(f"250{'-' if n < len(lines) else ' '}{t}" for n, t in enumerate(lines, 1))
                    await self._say(writer, verb, default)
                case "STARTTLS":
                    await self._say(writer, verb, "220 go")
                    assert self.context
                    await writer.start_tls(self.context)
                case "DATA":
                    await self._say(writer, verb, "354 go")
                    if not self.replies.get(verb, "3").startswith("3"):
                        continue
                    if self.replies.get("content") == "close":
                        raise _Hangup
                    self.messages.append(await _message(reader))
                    await self._say(writer, "end", "250 2.0.0 taken")
                case "BDAT":
                    self.messages.append(await reader.readexactly(int(text.split()[1])))
                    await self._say(writer, "end", "250 2.0.0 taken")
                case "AUTH":
                    await self._say(writer, verb, "235 welcome")
                case "RCPT":
                    address = text[text.index("<") : text.index(">") + 1]
                    await self._say(writer, address if address in self.replies else verb, "250 ok")
                case "QUIT":
                    await self._say(writer, verb, "221 bye")
                    return
                case _:
                    await self._say(writer, verb, "250 ok")

    async def _say(self, writer: asyncio.StreamWriter, key: str, default: str) -> None:
        reply = self.replies.get(key, default)
        if key in self.once:
            del self.replies[key]
            self.once.discard(key)
        if reply == "close":
            raise _Hangup
        if reply == "silence":
            await asyncio.sleep(30)
        writer.write(reply.encode() + b"\r\n")
        await writer.drain()


class _Hangup(Exception):
    pass


async def _message(reader: asyncio.StreamReader) -> bytes:
    lines = []
    while (line := await reader.readline()) != b".\r\n":
        if not line:
            raise EOFError
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)


class Table:
    """A resolver that reads a zone."""

    def __init__(self, text: str = "") -> None:
        self.zone = Zone.parse(text)

    async def resolve(self, check: Asks[Any]) -> Any:
        return answer(check, self.zone)


async def until(condition: Callable[[], object]) -> None:
    """Wait until that holds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


Make = Callable[..., Courier]
Serve = Callable[..., Awaitable[Peer]]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[Courier] = []

    def make(zone: str = "", timeouts: dict[State, float] | None = None, **changes: Any) -> Courier:
        options = {"allow_private": True, "connect_timeout": 2.0, "timeouts": {**RFC_TIMEOUTS, **(timeouts or {})}, **changes}
        made.append(Courier(CourierOptions("us.example", **options), Table(zone)))
        return made[-1]

    yield make
    for courier in made:
        await courier.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    peers: list[Peer] = []

    async def serve(replies: dict[str, str] | None = None, **changes: Any) -> Peer:
        implicit, context = changes.pop("implicit", False), changes.pop("context", None)
        peers.append(Peer(replies, **changes))
        peers[-1].context = context
        return await peers[-1].start(implicit)

    yield serve
    for peer in peers:
        peer.close()


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test may leave an exception that nobody caught in the loop's log."""
    yield
    assert [] == [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    ensure_self_signed(folder / "c.pem", folder / "k.pem", ["relay.example"], NOW)
    return folder / "c.pem", folder / "k.pem"


def route(*peers: Peer | int, **changes: Any) -> Route:
    ports = [peer if isinstance(peer, int) else peer.port for peer in peers]
    hosts = tuple(Host(f"mx{n}.there.example", ("127.0.0.1",), port) for n, port in enumerate(ports, 1))
    return Route("there", hosts, **changes)


def parcel(*rcpt_to: str, message: Signed = SIGNED) -> Parcel:
    return Parcel("a@us.example", rcpt_to or ("b@there.example",), message)


# --- a parcel arrives ----------------------------------------------------------------------------------------------


async def test_a_parcel_is_delivered_and_the_report_says_where_and_how(make: Make, serve: Serve) -> None:
    peer = await serve()
    report = await make().deliver(route(peer), parcel())
    assert ((OK,), "mx1.there.example", "127.0.0.1", None) == (report.outcomes, report.host, report.address, report.tls)
    assert [WHOLE] == peer.messages
    assert (
        f"* connecting to mx1.there.example [127.0.0.1]:{peer.port}",
        "S: 220 peer.example",
        "C: EHLO us.example",
        "S: 250-peer.example",
        "S: 250-PIPELINING",
        "S: 250 SIZE 100000000",
        f"C: MAIL FROM:<a@us.example> SIZE={len(WHOLE)}",
        "C: RCPT TO:<b@there.example>",
        "C: DATA",
        "S: 250 ok",
        "S: 250 ok",
        "S: 354 go",
        f"C: <{len(WHOLE)} bytes>",
        "S: 250 2.0.0 taken",
    ) == report.transcript


@pytest.mark.parametrize("features", [(), ("PIPELINING",), ("CHUNKING",), ("PIPELINING", "CHUNKING")])
async def test_every_way_of_talking_brings_the_same_bytes(make: Make, serve: Serve, features: tuple[str, ...]) -> None:
    peer = await serve({"<c@there.example>": "550 5.1.1 who?"}, features=features)
    report = await make().deliver(route(peer), parcel("b@there.example", "c@there.example"))
    assert (OK, Rejected(550, "5.1.1", "5.1.1 who?")) == report.outcomes
    assert [WHOLE] == peer.messages
    assert ("BDAT" in peer.verbs) == ("CHUNKING" in features)


@pytest.mark.parametrize("features", [(), ("PIPELINING", "CHUNKING")])
async def test_a_large_mapped_message_goes_out_whole(
    make: Make, serve: Serve, tmp_path: Path, features: tuple[str, ...]
) -> None:
    text = b"Subject: x\r\n\r\n" + b".0123456789abcdef\r\n" * 60_000
    (tmp_path / "m").write_bytes(text)
    peer = await serve(features=features)
    with (tmp_path / "m").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        report = await make().deliver(route(peer), parcel(message=Signed(b"", mapped)))
    assert (OK,) == report.outcomes
    assert [text] == peer.messages


async def test_more_recipients_than_the_peer_takes_at_once_go_in_several_transactions(make: Make, serve: Serve) -> None:
    peer = await serve(features=("LIMITS RCPTMAX=2 MAILMAX=2",))
    report = await make().deliver(route(peer), parcel(*[f"r{n}@there.example" for n in range(7)]))
    assert (OK,) * 7 == report.outcomes
    assert (4, 2) == (len(peer.messages), peer.connections)


async def test_the_source_address_is_bound_except_towards_this_machine(
    make: Make, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = await serve()
    await make(source_ipv4="192.0.2.1").deliver(route(peer), parcel())
    monkeypatch.setattr("mailwright.net.guard.closed", lambda _: None)
    await make(source_ipv4="127.0.0.9").deliver(route(peer), parcel())
    assert ["127.0.0.1", "127.0.0.9"] == peer.clients


async def test_a_message_that_no_client_may_send_is_rejected_and_the_connection_lives(make: Make, serve: Serve) -> None:
    peer, courier = await serve(), make()
    report = await courier.deliver(route(peer), parcel(message=Signed(b"", b"bare\nline\r\n")))
    (outcome,) = report.outcomes
    assert isinstance(outcome, Rejected)
    assert ("5.6.0", []) == (outcome.enhanced, peer.messages)
    assert (OK,) == (await courier.deliver(route(peer), parcel())).outcomes
    assert 1 == peer.connections


# --- which host ----------------------------------------------------------------------------------------------------


async def test_the_next_host_is_tried_when_one_can_not_be_reached_or_turns_us_away(make: Make, serve: Serve) -> None:
    away, busy, vanishing, good = (
        await serve({"greeting": "554 no"}),
        await serve({"greeting": "421 busy"}),
        None,
        await serve(),
    )
    vanishing = await serve({"MAIL": "close"})
    report = await make().deliver(route(free_port(), away, busy, vanishing, good), parcel())
    assert (OK,) == report.outcomes
    assert "mx5.there.example" == report.host
    assert 0 == len(away.messages + busy.messages + vanishing.messages)
    assert any("no connection to mx1.there.example" in line for line in report.transcript)


async def test_a_temporary_reply_to_a_recipient_is_an_answer_and_no_other_host_is_asked(make: Make, serve: Serve) -> None:
    grey, other = await serve({"RCPT": "450 4.7.1 greylisted"}), await serve()
    report = await make().deliver(route(grey, other), parcel())
    assert (Deferred(450, "4.7.1", "4.7.1 greylisted"),) == report.outcomes
    assert 0 == other.connections


@pytest.mark.parametrize(
    ("greetings", "expected"),
    [
        (["521 no mail", "554 no"], Rejected(554, None, "no")),
        (["554 no", "450 later"], Deferred(450, None, "later")),
        (["450 later", "554 no"], Deferred(450, None, "later")),
    ],
)
async def test_when_all_turn_us_away_one_that_may_take_it_later_is_enough(
    make: Make, serve: Serve, greetings: list[str], expected: object
) -> None:
    peers = [await serve({"greeting": greeting}) for greeting in greetings]
    assert (expected,) == (await make().deliver(route(*peers), parcel())).outcomes


async def test_a_route_that_leads_nowhere_defers(make: Make) -> None:
    report = await make().deliver(route(free_port()), parcel("b@there.example", "c@there.example"))
    assert {"4.4.1"} == {o.enhanced for o in report.outcomes if isinstance(o, Deferred)}
    assert (2, 1) == (len(report.outcomes), len(set(report.outcomes)))
    assert isinstance((await make().deliver(Route("none", ()), parcel())).outcomes[0], Deferred)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
async def test_s17_an_exchanger_inside_is_not_connected_to(make: Make, serve: Serve, address: str) -> None:
    peer = await serve()
    inside = Route("there", (Host("mx.there.example", (address,), peer.port),))
    (outcome,) = (await make(allow_private=False).deliver(inside, parcel())).outcomes
    assert isinstance(outcome, Rejected)
    assert ("5.4.4", 0) == (outcome.enhanced, peer.connections)


async def test_s17_an_exchanger_that_is_ourselves_is_not_connected_to(make: Make) -> None:
    ourselves = Route("there", (Host("mx.there.example", ("198.18.0.1",), 25),))
    (outcome,) = (await make(allow_private=False, own_addresses=("198.18.0.1",)).deliver(ourselves, parcel())).outcomes
    assert isinstance(outcome, Rejected)
    assert "5.4.6" == outcome.enhanced


async def test_s17_only_so_many_addresses_are_tried(make: Make) -> None:
    hosts = tuple(Host(f"mx{n}.there.example", ("127.0.0.1",), free_port()) for n in range(12))
    report = await make(tries=3).deliver(Route("there", hosts), parcel())
    assert 3 == sum(line.startswith("* connecting") for line in report.transcript)


# --- TLS and smarthosts --------------------------------------------------------------------------------------------


async def test_an_exchanger_that_offers_tls_is_spoken_to_in_tls_whatever_its_certificate(
    make: Make, serve: Serve, pair: tuple[Path, Path]
) -> None:
    peer = await serve(context=server_context(*pair))
    courier = make()
    for _ in range(2):
        report = await courier.deliver(route(peer), parcel())
        assert (OK,) == report.outcomes
        assert report.tls
        assert report.tls.startswith("TLSv1.3 TLS_")
    assert 1 == peer.connections
    assert ["EHLO", "STARTTLS", "EHLO", "MAIL"] == peer.verbs[:4]


async def test_a_tls_peer_that_closes_with_its_last_word_leaves_no_trace_in_the_log(
    make: Make, serve: Serve, pair: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    peer, courier = await serve(context=server_context(*pair)), make()
    await courier.deliver(route(peer), parcel())
    await courier.close()
    await asyncio.sleep(0.01)
    assert [] == caplog.records


async def test_where_the_handshake_fails_an_exchanger_is_spoken_to_in_plain_text_on_a_new_connection(
    make: Make, serve: Serve, pair: tuple[Path, Path]
) -> None:
    context = server_context(*pair)
    context.set_ciphers("PSK")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    peer = await serve(context=context)
    report = await make().deliver(route(peer), parcel())
    assert ((OK,), None, 2) == (report.outcomes, report.tls, peer.connections)
    assert "* TLS failed: trying again without it, on a new connection" in report.transcript


async def test_a_peer_that_dies_in_the_handshake_is_tried_in_plain_text(
    make: Make, serve: Serve, pair: tuple[Path, Path]
) -> None:
    peer = await serve(context=server_context(*pair))
    peer.context = _Dead(peer)  # type: ignore[assignment]
    assert (OK,) == (await make().deliver(route(peer), parcel())).outcomes


class _Dead:
    """In the place of a TLS context: hangs up."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    def __bool__(self) -> bool:
        return True

    def __getattr__(self, name: str) -> object:
        self.peer.hang_up()
        raise _Hangup


LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
RELAY = "relay.example A 127.0.0.1"


def relay(peer: Peer, tls: str, **changes: Any) -> Route:
    return Route("smarthost", (Host("relay.example", (), peer.port),), tls, **changes)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_smarthost_is_found_verified_and_logged_into(
    make: Make, serve: Serve, pair: tuple[Path, Path], tls: str
) -> None:
    features = ("PIPELINING", "AUTH PLAIN")
    peer = await serve(context=server_context(*pair), implicit=tls == "implicit", features=features)
    courier = make(RELAY, ca_file=str(pair[0]), allow_private=False, smarthost_networks=LOOPBACK)
    report = await courier.deliver(relay(peer, tls, username="ada", password="hunter2"), parcel())
    assert (OK,) == report.outcomes
    assert "AUTH PLAIN AGFkYQBodW50ZXIy" in peer.lines
    assert "C: AUTH PLAIN <redacted>" in report.transcript
    assert any(line.startswith("* TLSv1.3") for line in report.transcript)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_s28_a_smarthost_whose_certificate_does_not_hold_gets_nothing(
    make: Make, serve: Serve, pair: tuple[Path, Path], tls: str
) -> None:
    peer = await serve(context=server_context(*pair), implicit=tls == "implicit")
    (outcome,) = (await make(RELAY).deliver(relay(peer, tls, username="ada", password="x"), parcel())).outcomes
    assert isinstance(outcome, Deferred)
    assert "4.7.5" == outcome.enhanced
    assert "certificate" in outcome.text
    assert not {"AUTH", "MAIL"} & set(peer.verbs)


async def test_a_smarthost_that_does_not_offer_tls_gets_nothing(make: Make, serve: Serve) -> None:
    peer = await serve(features=("AUTH PLAIN",))
    (outcome,) = (await make(RELAY).deliver(relay(peer, "starttls", username="a", password="b"), parcel())).outcomes
    assert isinstance(outcome, Deferred)
    assert ("4.7.10", []) == (outcome.enhanced, peer.messages)


async def test_a_smarthost_on_this_machine_may_be_logged_into_in_plain_text(make: Make, serve: Serve) -> None:
    peer = await serve(features=("AUTH PLAIN",))
    local = Route("smarthost", (Host("localhost", (), peer.port),), "none", "ada", "hunter2")
    assert (OK,) == (await make(tries=3).deliver(local, parcel())).outcomes


@pytest.mark.parametrize("tls", ["starttls", "implicit", "none"])
async def test_s17_a_smarthost_in_a_network_that_nobody_opened_gets_nothing(make: Make, serve: Serve, tls: str) -> None:
    peer = await serve(features=("AUTH PLAIN",))
    for networks in ((), (ipaddress.ip_network("10.0.0.0/8"),)):
        courier = make(RELAY, allow_private=False, smarthost_networks=networks)
        (outcome,) = (await courier.deliver(relay(peer, tls, username="a", password="b"), parcel())).outcomes
        assert isinstance(outcome, Deferred)
        assert ("4.4.4", []) == (outcome.enhanced, peer.verbs)
        assert "127.0.0.1 is closed to us: loopback" in outcome.text


async def test_our_own_port_is_ours_wherever_it_is(make: Make, serve: Serve) -> None:
    peer = await serve()
    own = Route("local:25", (Host("localhost", ("127.0.0.1",), peer.port),), "none", ours=True)
    assert (OK,) == (await make(allow_private=False).deliver(own, parcel())).outcomes


async def test_a_smarthost_without_an_address_defers(make: Make) -> None:
    nowhere = Route("smarthost", (Host("no-such-host.invalid", (), 25),), "starttls")
    (outcome,) = (await make().deliver(nowhere, parcel())).outcomes
    assert Deferred(None, "4.4.3", "no-such-host.invalid has no address") == outcome


async def test_refused_credentials_leave_the_message_for_later(make: Make, serve: Serve) -> None:
    peer = await serve({"AUTH": "535 5.7.8 no"}, features=("AUTH PLAIN",))
    local = Route("smarthost", (Host("localhost", ("127.0.0.1",), peer.port),), "none", "ada", "hunter2")
    assert (Deferred(535, "5.7.8", "5.7.8 no"),) == (await make().deliver(local, parcel())).outcomes


# --- kept connections ----------------------------------------------------------------------------------------------


async def test_a_connection_is_kept_for_the_next_parcel_of_the_same_route_only(make: Make, serve: Serve) -> None:
    peer, courier = await serve(), make()
    for _ in range(3):
        report = await courier.deliver(route(peer), parcel())
    assert "* transaction 3 on this connection" == report.transcript[0]
    assert 1 == peer.connections
    await courier.deliver(route(peer, username="somebody"), parcel())
    assert 2 == peer.connections


async def test_after_a_refusal_the_kept_connection_is_reset_first(make: Make, serve: Serve) -> None:
    peer, courier = await serve({"<c@there.example>": "550 no"}, features=()), make()
    await courier.deliver(route(peer), parcel("c@there.example"))
    assert (OK,) == (await courier.deliver(route(peer), parcel())).outcomes
    assert ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA"] == peer.verbs


async def test_parcels_at_the_same_time_get_a_connection_each_and_share_them_later(make: Make, serve: Serve) -> None:
    peer, courier = await serve(), make()
    for _ in range(3):
        reports = await asyncio.gather(*[courier.deliver(route(peer), parcel()) for _ in range(5)])
        assert {(OK,)} == {report.outcomes for report in reports}
    assert (5, 15) == (peer.connections, len(peer.messages))


async def test_as_many_are_kept_as_may_be_under_way_to_one_destination(make: Make, serve: Serve) -> None:
    peer, courier = await serve(), make()
    for _ in range(3):
        await asyncio.gather(*[courier.deliver(route(peer), parcel()) for _ in range(int(limits.MOST))])
    assert (20, 60) == (peer.connections, len(peer.messages))


async def test_a_kept_connection_that_died_unseen_costs_nothing_but_a_new_one(make: Make, serve: Serve) -> None:
    peer, courier = await serve(), make()
    await courier.deliver(route(peer), parcel())
    peer.replies["MAIL"] = "close"
    peer.once.add("MAIL")
    report = await courier.deliver(route(peer), parcel())
    assert ((OK,), 2, 2) == (report.outcomes, peer.connections, len(peer.messages))
    assert "* the kept connection was dead" in report.transcript


async def test_a_kept_connection_that_hung_up_meanwhile_is_not_used(make: Make, serve: Serve) -> None:
    peer, courier = await serve(), make()
    await courier.deliver(route(peer), parcel())
    peer.hang_up()
    await asyncio.sleep(0.02)
    report = await courier.deliver(route(peer), parcel())
    assert ((OK,), 2) == (report.outcomes, peer.connections)
    assert report.transcript[0].startswith("* connecting")


async def test_an_idle_connection_takes_leave_when_its_time_is_over(make: Make, serve: Serve) -> None:
    peer, courier = await serve(), make(timeouts={State.READY: 0.05})
    await courier.deliver(route(peer), parcel())
    await asyncio.sleep(0.2)
    assert "QUIT" == peer.verbs[-1]
    await courier.deliver(route(peer), parcel())
    assert 2 == peer.connections


async def test_a_connection_is_used_only_so_often(make: Make, serve: Serve) -> None:
    peer, courier = await serve(), make(transactions_per_connection=2)
    for _ in range(5):
        await courier.deliver(route(peer), parcel())
    assert 3 == peer.connections


async def test_closing_says_goodbye(make: Make, serve: Serve) -> None:
    peer, courier = await serve(), make()
    await courier.deliver(route(peer), parcel())
    await courier.close()
    assert "QUIT" == peer.verbs[-1]


# --- time, and the worst moments (I6) ------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("how", ["silence", "close"])
async def test_i6_trouble_before_the_final_dot_defers(make: Make, serve: Serve, stage: str, how: str) -> None:
    peer = await serve({stage: how}, features=())
    courier = make(timeouts=dict.fromkeys((State.GREETING, State.EHLO, State.ENVELOPE), 0.05))
    (outcome,) = (await courier.deliver(route(peer), parcel())).outcomes
    assert isinstance(outcome, Deferred)
    assert "4.4.2" == outcome.enhanced


@pytest.mark.parametrize("features", [(), ("PIPELINING",), ("CHUNKING",)])
@pytest.mark.parametrize("how", ["silence", "close"])
async def test_i6_trouble_after_the_final_dot_is_unknown_and_not_tried_again(
    make: Make, serve: Serve, features: tuple[str, ...], how: str
) -> None:
    peer, other = await serve({"end": how}, features=features), await serve()
    courier = make(timeouts={State.FINAL: 0.05})
    (outcome,) = (await courier.deliver(route(peer, other), parcel())).outcomes
    assert isinstance(outcome, Unknown)
    assert (1, 0) == (len(peer.messages), other.connections)


async def test_i6_a_connection_lost_within_a_large_message_defers(make: Make, serve: Serve) -> None:
    peer = await serve({"content": "close"})
    message = Signed(b"", b"0123456789abcd\r\n" * 1_000_000)
    (outcome,) = (await make().deliver(route(peer), parcel(message=message))).outcomes
    assert isinstance(outcome, Deferred)


@pytest.mark.parametrize(("stage", "expected"), [("greeting", Deferred), ("MAIL", Deferred), ("end", Unknown)])
async def test_no_parcel_takes_longer_than_its_deadline(make: Make, serve: Serve, stage: str, expected: type) -> None:
    peers = [await serve({stage: "silence"}) for _ in range(3)]
    async with asyncio.timeout(10):
        report = await make(deadline=0.15).deliver(route(*peers), parcel())
    assert [expected] == [type(outcome) for outcome in report.outcomes]


@pytest.mark.parametrize("stage", ["greeting", "MAIL", "end"])
async def test_who_is_cancelled_leaves_no_connection_behind(make: Make, serve: Serve, stage: str) -> None:
    peer, courier = await serve({stage: "silence"}), make()
    task = asyncio.create_task(courier.deliver(route(peer), parcel()))
    seen = {"greeting": lambda: peer.connections, "MAIL": lambda: "MAIL" in peer.verbs, "end": lambda: peer.messages}
    await until(seen[stage])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert set() == courier._links


async def test_closing_in_the_middle_settles_what_is_under_way(make: Make, serve: Serve) -> None:
    peer, courier = await serve({"end": "silence"}), make()
    task = asyncio.create_task(courier.deliver(route(peer), parcel()))
    await until(lambda: peer.messages)
    await courier.close()
    report: Report = await task
    assert (Unknown("closed"),) == report.outcomes


@pytest.mark.parametrize("greeting", ["garbage", "220 " + "x" * 100_000, "220-x\r\n" * 500, "\0\0\0", "999 x"])
async def test_a_peer_that_does_not_speak_smtp_defers(make: Make, serve: Serve, greeting: str) -> None:
    peer = await serve({"greeting": greeting})
    (outcome,) = (await make().deliver(route(peer), parcel())).outcomes
    assert isinstance(outcome, Deferred)


async def test_the_transcript_of_many_recipients_is_bounded(make: Make, serve: Serve) -> None:
    peer = await serve({"RCPT": "550 " + "no " * 50})
    report = await make().deliver(route(peer), parcel(*[f"r{n}@there.example" for n in range(450)]))
    assert 450 == len(report.outcomes)
    assert len(report.transcript) <= 501
