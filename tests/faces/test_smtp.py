"""SMTP over real sockets on the loopback, with a reception that keeps what it is given."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
import trustme
import uvloop
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from mailwright.core import errors
from mailwright.core.receiving import Peer, Receipt, Recipient
from mailwright.core.sending import IN_MEMORY
from mailwright.faces.smtp import (
    DoorLimits,
    Listen,
    Reception,
    Server,
    ServerOptions,
    Tarpit,
    Timing,
    metrics,
    serve,
)
from mailwright.faces.smtp.translation import address_of, addresses_of, reply_to
from mailwright.wire.smtp_paths import Path
from mailwright.wire.smtp_server import Options

LINE = b"x" * 70 + b"\r\n"
ENVELOPE = "MAIL FROM:<ada@there.example>\r\nRCPT TO:<bob@here.example>\r\n"
HOST = "127.0.0.1"


@dataclass
class MemorySpool:
    content: bytearray = field(default_factory=bytearray)
    discarded: bool = False
    full: bool = False
    slow: threading.Event | None = None  # a disk that is behind: until then

    @property
    def size(self) -> int:
        return len(self.content)

    def write(self, chunk: bytes) -> None:
        if self.slow is not None and len(self.content) + len(chunk) > IN_MEMORY:
            assert self.slow.wait(10)
        if self.full:
            raise OSError(28, "No space left on device")
        self.content += chunk

    def raw(self) -> bytes:
        return bytes(self.content)

    def discard(self) -> None:
        self.discarded = True


@dataclass
class Desk:
    """A reception that knows bob and eve at here.example; `hold` keeps messages waiting."""

    received: list[tuple[Peer, str, tuple[str, ...], bytes]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    spools: list[MemorySpool] = field(default_factory=list)
    refusal: Exception | None = None
    trouble: Exception | None = None
    full: bool = False
    slow: threading.Event | None = None
    hold: asyncio.Event | None = None
    busy: asyncio.Event = field(default_factory=asyncio.Event)

    async def recipient(self, address: str) -> Recipient:
        self.asked.append(address)
        if self.trouble is not None:
            raise self.trouble
        local, _, domain = address.lower().rpartition("@")
        if domain != "here.example":
            raise errors.RelayDenied
        if local not in ("bob", "eve", "postmaster"):
            raise errors.UnknownRecipient(f"There is no mailbox {address} here.")
        await asyncio.sleep(0)
        return Recipient(address)

    async def receive(self, peer: Peer, mail_from: str, recipients: Sequence[Recipient], spool: MemorySpool) -> Receipt:
        self.busy.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.refusal is not None:
            raise self.refusal
        self.received.append((peer, mail_from, tuple(one.address for one in recipients), spool.raw()))
        return Receipt((f"msg_{len(self.received)}",))

    def spool(self) -> MemorySpool:
        self.spools.append(MemorySpool(full=self.full, slow=self.slow))
        return self.spools[-1]

    def reception(self) -> Reception:
        return Reception(self.recipient, self.receive, self.spool)  # type: ignore[arg-type]


QUICK = Timing(command=5, block=5, handshake=2, linger=0.5)
PLAIN = ServerOptions(Options(hostname="mx.here.example", max_size=1_000_000), timing=QUICK)

ANYWHERE = Listen(HOST, 0)


@contextlib.asynccontextmanager
async def serving(desk: Desk, options: ServerOptions = PLAIN, listen: Listen = ANYWHERE) -> AsyncIterator[Server]:
    server = await serve([listen], desk.reception(), options)
    try:
        yield server
    finally:
        await server.close(grace=0.2)
        assert server.connections == 0
        assert all(spool.discarded for spool in desk.spools)


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def reply(self) -> str:
        """The next reply, its lines joined; "" at the end of the connection."""
        lines: list[str] = []
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), 5)).decode("ascii")
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return " ".join(lines)

    def say(self, words: str | bytes) -> None:
        self.writer.write(words.encode() if isinstance(words, str) else words)

    async def ask(self, words: str | bytes) -> str:
        self.say(words)
        return await self.reply()

    async def codes(self, words: str | bytes, count: int) -> list[str]:
        self.say(words)
        return [(await self.reply())[:3] for _ in range(count)]

    async def gone(self) -> bool:
        """True where the server closed, with nothing more to say."""
        try:
            return await asyncio.wait_for(self.reader.read(), 5) == b""
        except ConnectionResetError:
            return True

    async def starttls(self, context: ssl.SSLContext) -> None:
        await self.writer.start_tls(context, server_hostname="mx.here.example")


@contextlib.asynccontextmanager
async def client(server: Server, ehlo: bool = True) -> AsyncIterator[Client]:
    one = Client(*await asyncio.open_connection(HOST, server.port))
    try:
        if ehlo:
            assert (await one.reply()).startswith("220 mx.here.example")
            assert (await one.ask("EHLO client.example\r\n")).startswith("250-mx.here.example")
        yield one
    finally:
        one.writer.transport.abort()
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def certificate() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's context and the client's."""
    authority = trustme.CA()
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("mx.here.example").configure_cert(ours)
    theirs = ssl.create_default_context()
    authority.configure_trust(theirs)
    return ours, theirs


# --- messages ------------------------------------------------------------


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_message_comes_to_the_reception_as_it_was_sent(run: Callable[[Awaitable[None]], None]):
    async def scenario() -> None:
        desk = Desk()
        async with serving(desk) as server, client(server) as one:
            assert ["250", "250", "354"] == await one.codes(ENVELOPE + "DATA\r\n", 3)
            assert "250 2.0.0 Accepted msg_1" == await one.ask("Subject: Tea?\r\n\r\n..\r\n.\r\n")
            assert ["250", "250"] == await one.codes("MAIL FROM:<>\r\nRCPT TO:<eve@HERE.example>\r\n", 2)
            assert "250 2.0.0 Accepted msg_2" == await one.ask(b"BDAT 8 LAST\r\na: b\r\n\r\n")
            assert "221" == (await one.ask("QUIT\r\n"))[:3]
            assert await one.gone()
        peer = Peer(HOST, "client.example", "", "ESMTP")
        assert [
            (peer, "ada@there.example", ("bob@here.example",), b"Subject: Tea?\r\n\r\n.\r\n"),
            (peer, "", ("eve@here.example",), b"a: b\r\n\r\n"),
        ] == desk.received

    run(scenario())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_smtplib_delivers_over_starttls(run: Callable[[Awaitable[None]], None], certificate):
    def deliver(port: int, context: ssl.SSLContext) -> None:
        with smtplib.SMTP(HOST, port, local_hostname="client.example", timeout=5) as smtp:
            smtp._host = "mx.here.example"  # the name to verify
            smtp.starttls(context=context)
            refused = smtp.sendmail(
                "ada@there.example", ["bob@here.example", "nobody@here.example"], "Subject: x\n\n" + "line\n" * 50_000
            )
            assert ["nobody@here.example"] == list(refused)

    async def scenario() -> None:
        desk = Desk()
        ours, theirs = certificate
        async with serving(desk, replace(PLAIN, context=ours)) as server:
            await asyncio.to_thread(deliver, server.port, theirs)
        [(peer, mail_from, recipients, content)] = desk.received
        assert ("ada@there.example", ("bob@here.example",)) == (mail_from, recipients)
        assert "Subject: x\r\n\r\n" + "line\r\n" * 50_000 == content.decode()
        assert "ESMTP" == peer.protocol
        assert peer.tls.startswith("TLSv1.")

    run(scenario())


async def over_tls(server: Server, context: ssl.SSLContext) -> Client:
    streams = await asyncio.open_connection(HOST, server.port, ssl=context, server_hostname="mx.here.example")
    one = Client(*streams)
    await one.reply()
    return one


async def test_who_asks_for_tls_all_the_way_is_heard(certificate):
    desk = Desk()
    ours, theirs = certificate
    async with serving(desk, replace(PLAIN, context=ours), Listen(HOST, 0, implicit_tls=True)) as server:
        one = await over_tls(server, theirs)
        assert "REQUIRETLS" in await one.ask("EHLO client.example\r\n")
        for envelope in (ENVELOPE.replace(">\r\n", "> REQUIRETLS\r\n", 1), ENVELOPE):
            await one.codes(envelope + "DATA\r\n", 3)
            assert "250" == (await one.ask(".\r\n"))[:3]
        one.writer.transport.abort()
    assert [True, False] == [peer.require_tls for peer, *_ in desk.received]


async def test_implicit_tls_needs_no_starttls(certificate):
    desk = Desk()
    ours, theirs = certificate
    async with serving(desk, replace(PLAIN, context=ours), Listen(HOST, 0, implicit_tls=True)) as server:
        one = await over_tls(server, theirs)
        assert "STARTTLS" not in await one.ask("EHLO client.example\r\n")
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        assert "250" == (await one.ask(".\r\n"))[:3]
        one.writer.transport.abort()
    assert desk.received[0][0].tls.startswith("TLSv1.")


async def test_what_the_client_calls_itself_is_told_with_the_message():
    desk = Desk()
    async with serving(desk) as server, client(server, ehlo=False) as one:
        await one.reply()
        await one.ask("HELO old.example\r\n")
        for line in ("MAIL FROM:<ada@there.example>\r\n", "RCPT TO:<bob@here.example>\r\n", "DATA\r\n", ".\r\n"):
            await one.ask(line)
        await one.ask("EHLO new.example\r\n")
        await one.codes("MAIL FROM:<π@bücher.example> SMTPUTF8\r\nRCPT TO:<bob@here.example>\r\nDATA\r\n", 3)
        await one.ask(".\r\n")
    assert [
        (Peer(HOST, "old.example", "", "SMTP"), "ada@there.example"),
        (Peer(HOST, "new.example", "", "UTF8SMTP"), "π@xn--bcher-kva.example"),
    ] == [(peer, mail_from) for peer, mail_from, _, _ in desk.received]


async def test_two_connections_do_not_wait_for_each_other():
    desk = Desk(hold=asyncio.Event())
    async with serving(desk) as server, client(server) as one, client(server) as other:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        one.say(".\r\n")
        await asyncio.wait_for(desk.busy.wait(), 5)
        assert "250" == (await other.ask("NOOP\r\n"))[:3]
        desk.hold.set()
        assert "250 2.0.0 Accepted msg_1" == await one.reply()


async def test_words_that_come_while_a_message_is_judged_are_answered_after_it():
    desk = Desk(hold=asyncio.Event())
    async with serving(desk) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        one.say(".\r\n")
        await asyncio.wait_for(desk.busy.wait(), 5)
        one.say(ENVELOPE + "DATA\r\n")
        await asyncio.sleep(0.05)
        desk.hold.set()
        assert ["250", "250", "250", "354"] == [(await one.reply())[:3] for _ in range(4)]


async def test_a_client_that_sends_on_while_a_message_is_judged_is_not_read_until_then():
    desk = Desk(hold=asyncio.Event())
    options = replace(PLAIN, protocol=replace(PLAIN.protocol, max_size=19_000_000))
    async with serving(desk, options) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        one.say(".\r\n")
        await asyncio.wait_for(desk.busy.wait(), 5)
        one.say(ENVELOPE + "BDAT 20000000 LAST\r\n")
        flood = asyncio.ensure_future(_flood(one, b"z" * 9_998 + b"\r\n", 2000))
        await asyncio.sleep(0.2)
        [connection] = server._shared.connections
        assert not flood.done()
        assert not connection._transport.is_reading()
        assert connection._session.held < 600_000
        desk.hold.set()
        assert ["250", "250", "250", "552"] == [(await one.reply())[:3] for _ in range(4)]
        await flood


async def _flood(one: Client, octets: bytes, times: int) -> None:
    for _ in range(times):
        one.say(octets)
        await one.writer.drain()


# --- refusals ------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (errors.MailLoop(), "554 5.4.6 The message has been through"),
        (errors.UnusableMessage(), "550 5.7.1 The message is not one"),
        (errors.BlockedByPolicy("DMARC fails\r\n250 OK"), "550-5.7.1 DMARC fails? 550 5.7.1 250 OK"),
        (errors.StorageBusy(), "451 4.3.0 The message could not be stored"),
        (errors.MailboxFull(), "452 4.2.2 The mailbox has no room"),
        (errors.RateLimited(), "451 4.7.1"),
        (errors.BodyTooLarge(), "552 5.3.4"),
        (errors.AgentPaused(), "450 4.2.1"),
        (errors.InternalError(), "451 4.3.0"),
        (RuntimeError("a bug"), "451 4.3.0 Something went wrong on our side"),
    ],
)
async def test_a_refusal_by_core_is_said_in_smtp(refusal: Exception, expected: str):
    desk = Desk(refusal=refusal)
    async with serving(desk) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        assert (await one.ask(".\r\n")).startswith(expected)
        assert "250" == (await one.ask("NOOP\r\n"))[:3]


def test_every_refusal_has_a_reply():
    for kind in errors.every_refusal():
        assert 400 <= reply_to(kind()).code < 600


async def test_recipients_are_refused_one_by_one():
    desk = Desk()
    async with serving(desk) as server, client(server) as one:
        assert "250" == (await one.ask("MAIL FROM:<ada@there.example>\r\n"))[:3]
        assert (await one.ask("RCPT TO:<nobody@here.example>\r\n")).startswith("550 5.1.1 There is no mailbox nobody@")
        assert (await one.ask("RCPT TO:<bob@elsewhere.example>\r\n")).startswith("550 5.7.1 This server does not accept")
        assert (await one.ask("RCPT TO:<@here.example:bob@elsewhere.example>\r\n")).startswith("550 5.7.1")
        desk.trouble = RuntimeError("a bug")
        assert (await one.ask("RCPT TO:<bob@here.example>\r\n")).startswith("451 4.3.0")
        desk.trouble = None
        assert (await one.ask("RCPT TO:<eve@here.example>\r\n")).startswith("250 2.1.5")
        await one.ask("DATA\r\n")
        await one.ask(".\r\n")
    assert [("eve@here.example",)] == [recipients for _, _, recipients, _ in desk.received]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (Path("", ""), ""),
        (Path("Ada", "There.Example"), "Ada@there.example"),
        (Path("ada b", "there.example"), '"ada b"@there.example'),
        (Path("ada", "[IPv6:2001:DB8::1]"), "ada@[ipv6:2001:db8::1]"),
        (Path("π", "BÜCHER.example"), "π@xn--bcher-kva.example"),
        (Path("ada", "b\u00b7.example"), "ada@b\u00b7.example"),
    ],
)
def test_a_path_is_written_as_core_writes_addresses(path: Path, expected: str):
    assert expected == address_of(path)


async def test_postmaster_without_a_domain_is_ours():
    desk = Desk()
    async with serving(desk) as server, client(server) as one:
        assert ["250", "250"] == await one.codes("MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\n", 2)
    assert ["Postmaster@mx.here.example", "Postmaster@here.example"] == desk.asked


async def test_a_full_disk_is_a_temporary_failure():
    desk = Desk(full=True)
    async with serving(desk) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        assert (await one.ask("x" * 78 + "\r\n.\r\n")).startswith("452 4.3.1")
    assert [] == desk.received

    desk.spool = lambda: (_ for _ in ()).throw(OSError(24, "Too many open files"))  # type: ignore[method-assign]
    async with serving(desk) as server, client(server) as one:
        assert ["250", "250", "452"] == await one.codes(ENVELOPE + "DATA\r\n", 3)


LARGE = (b"x" * 78 + b"\r\n") * 8000


async def test_s12_a_disk_that_is_behind_holds_up_nobody_else():
    desk = Desk(slow=threading.Event())
    async with serving(desk) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        one.say(LARGE)
        await asyncio.sleep(0.05)
        async with client(server) as other:  # is greeted
            assert (await other.ask("NOOP\r\n")).startswith("250")
        desk.slow.set()
        assert (await one.ask(".\r\n")).startswith("250")
    assert LARGE == desk.received[0][3]


async def test_a_client_that_goes_while_the_disk_is_behind_leaves_nothing():
    desk = Desk(slow=threading.Event())
    async with serving(desk) as server:
        async with client(server) as one:
            await one.codes(ENVELOPE + "DATA\r\n", 3)
            one.say(LARGE)
            await asyncio.sleep(0.05)
        assert [False] == [spool.discarded for spool in desk.spools]  # a thread is writing into it
        desk.slow.set()
        await asyncio.wait_for(server._shared.quiet.wait(), 5)
        assert [True] == [spool.discarded for spool in desk.spools]
    assert [] == desk.received


async def test_a_disk_that_gets_full_in_a_large_message_is_a_temporary_failure():
    desk = Desk(full=True)
    async with serving(desk) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        assert (await one.ask(LARGE + b".\r\n")).startswith("452 4.3.1")
        assert (await one.ask("NOOP\r\n")).startswith("250")
    assert [] == desk.received


async def test_a_client_that_goes_in_the_middle_leaves_nothing():
    desk = Desk()
    async with serving(desk) as server:
        async with client(server) as one:
            await one.codes(ENVELOPE + "DATA\r\n", 3)
            one.say("Subject: half\r\n")
            await one.writer.drain()
            await asyncio.sleep(0.02)
        await asyncio.wait_for(server._shared.quiet.wait(), 5)
    assert [] == desk.received
    assert [True] == [spool.discarded for spool in desk.spools]


async def test_a_message_that_core_has_in_hand_is_kept_though_the_client_goes():
    desk = Desk(hold=asyncio.Event())
    async with serving(desk) as server:
        async with client(server) as one:
            await one.codes(ENVELOPE + "DATA\r\n", 3)
            one.say(".\r\n")
            await asyncio.wait_for(desk.busy.wait(), 5)
            reset = struct.pack("ii", 1, 0)
            one.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        await asyncio.wait_for(server._shared.quiet.wait(), 5)
        assert [] == desk.received
        desk.hold.set()
        await asyncio.sleep(0.02)
    assert 1 == len(desk.received)


async def test_a_half_closed_connection_is_answered_to_the_end():
    desk = Desk()
    async with serving(desk) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        one.say(".\r\nNOOP\r\n")
        one.writer.write_eof()
        assert ["250", "250"] == [(await one.reply())[:3] for _ in range(2)]
        assert await one.gone()


# --- attacks ------------------------------------------------------------


@pytest.mark.parametrize("false_end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n\0.\r\n", b"\r\n.\r"], ids=repr)
async def test_s1_a_false_end_of_data_is_answered_with_521_and_the_end(false_end: bytes):
    desk = Desk()
    async with serving(desk) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        attack = b"Subject: x\r\n\r\nx" + false_end + ENVELOPE.encode() + b"DATA\r\nsmuggled\r\n.\r\n"
        assert (await one.ask(attack)).startswith("521 5.5.2")
        assert await one.gone()
    assert [] == desk.received
    assert ["bob@here.example"] == desk.asked


async def test_s4_who_talks_before_the_greeting_is_sent_away():
    desk = Desk()
    slow = replace(PLAIN, timing=replace(QUICK, greeting=0.1))
    async with serving(desk, slow) as server:
        async with client(server, ehlo=False) as one:
            assert (await one.ask("EHLO client.example\r\n")).startswith("554 5.5.0")
            assert await one.gone()
        async with client(server) as one:
            assert "250" == (await one.ask("NOOP\r\n"))[:3]
        async with client(server, ehlo=False):
            pass
        await asyncio.sleep(0.15)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_s5_words_behind_starttls_never_reach_the_encrypted_session(run: Callable[[Awaitable[None]], None], certificate):
    async def scenario() -> None:
        desk = Desk()
        ours, theirs = certificate
        async with serving(desk, replace(PLAIN, context=ours)) as server:
            async with client(server) as one:
                assert (await one.ask("STARTTLS\r\nEHLO injected\r\n")).startswith("554 5.5.0")
                assert await one.gone()
            async with client(server) as one:
                assert (await one.ask("STARTTLS\r\n")).startswith("220 2.0.0")
                one.say("EHLO injected\r\nEHLO injected\r\n")
                assert b"250" not in await _read_to_end(one)
            async with client(server) as one:
                await one.ask("MAIL FROM:<ada@there.example>\r\nRSET\r\n")
                await one.reply()
                assert (await one.ask("STARTTLS\r\n")).startswith("220 2.0.0")
                await one.starttls(theirs)
                assert (await one.ask("MAIL FROM:<ada@there.example>\r\n")).startswith("503 5.5.1 Say EHLO")
                offer = await one.ask("EHLO client.example\r\n")
                assert offer.startswith("250-mx.here.example")
                assert "STARTTLS" not in offer
                assert (await one.ask("STARTTLS\r\n")).startswith("503")

    run(scenario())


async def _read_to_end(one: Client) -> bytes:
    try:
        return await asyncio.wait_for(one.reader.read(), 5)
    except ConnectionResetError:
        return b""


async def test_s5_a_handshake_that_never_comes_ends_the_connection(certificate):
    ours, _ = certificate
    options = replace(PLAIN, context=ours, timing=replace(QUICK, handshake=0.1))
    async with serving(Desk(), options) as server, client(server) as one:
        assert (await one.ask("STARTTLS\r\n")).startswith("220")
        assert b"" == await _read_to_end(one)
        await asyncio.wait_for(server._shared.quiet.wait(), 5)
        assert 0 == server._shared.doors.open


async def test_s6_nobody_logs_in_here(certificate):
    ours, theirs = certificate
    options = replace(PLAIN, context=ours, protocol=replace(PLAIN.protocol, auth_mechanisms=("PLAIN",)))
    async with serving(Desk(), options) as server, client(server) as one:
        assert (await one.ask("AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n")).startswith("538")
        await one.ask("STARTTLS\r\n")
        await one.starttls(theirs)
        await one.ask("EHLO client.example\r\n")
        assert (await one.ask("AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n")).startswith("454 4.7.0")


async def test_s12_a_huge_message_is_refused_and_the_server_goes_on():
    desk = Desk()
    options = replace(PLAIN, protocol=replace(PLAIN.protocol, max_size=100_000))
    async with serving(desk, options) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        one.say(b"0123456789" * 7 * 200 + b"\r\n")
        assert (await one.ask((b"x" * 70 + b"\r\n") * 2000 + b".\r\n")).startswith("552 5.3.4")
        assert (await one.ask("NOOP\r\n")).startswith("250")
    assert max(spool.size for spool in desk.spools) <= 100_000


@pytest.mark.parametrize(
    ("content", "code", "reply"),
    [(b"x" * 3_000, "unusable_message", "554"), (LINE * 2_000, "too_large", "552")],
)
async def test_a_message_that_is_refused_for_its_form_is_logged_and_counted(content: bytes, code: str, reply: str):
    registry = CollectorRegistry()
    options = replace(PLAIN, protocol=replace(PLAIN.protocol, max_size=100_000), metrics=metrics(registry))
    with capture_logs() as logged:
        async with serving(Desk(), options) as server, client(server) as one:
            await one.codes(ENVELOPE + "DATA\r\n", 3)
            assert (await one.ask(content + b"\r\n.\r\n")).startswith(reply)
    assert [("smtp.refused", code)] == [(line["event"], line["code"]) for line in logged]
    assert 1 == registry.get_sample_value("mailwright_smtp_refused_total", {"code": reply})


@pytest.mark.parametrize(
    ("path", "addresses"),
    [
        (Path("postmaster", ""), ["postmaster@mx.here.example", "postmaster@here.example"]),
        (Path("Postmaster", "MX.here.example"), ["Postmaster@mx.here.example", "Postmaster@here.example"]),
        (Path("abuse", "mx.here.example"), ["abuse@mx.here.example", "abuse@here.example"]),
        (Path("ada", "mx.here.example"), ["ada@mx.here.example"]),
        (Path("postmaster", "there.example"), ["postmaster@there.example"]),
    ],
)
def test_who_writes_to_the_postmaster_of_our_name_is_heard(path: Path, addresses: list[str]):
    assert addresses == addresses_of(path, "mx.here.example")


async def test_s20_guessing_names_gets_slow():
    desk = Desk()
    options = replace(PLAIN, tarpit=Tarpit(seconds=0.03, after=2))
    async with serving(desk, options) as server, client(server) as one:
        loop = asyncio.get_running_loop()
        await one.ask("MAIL FROM:<ada@there.example>\r\n")
        start = loop.time()
        for n in range(6):
            assert (await one.ask(f"RCPT TO:<n{n}@here.example>\r\n")).startswith("550 5.1.1")
        assert loop.time() - start >= 0.12
        assert (await one.ask("RCPT TO:<bob@here.example>\r\n")).startswith("250")


async def test_s21_one_octet_at_a_time_does_not_win_time_for_a_command():
    options = replace(PLAIN, timing=replace(QUICK, command=0.12))
    async with serving(Desk(), options) as server, client(server, ehlo=False) as one:
        await one.reply()
        loop = asyncio.get_running_loop()
        start = loop.time()
        drip = asyncio.ensure_future(_drip(one, b"NOOP " + b"x" * 400, 0.02))
        assert (await one.reply()).startswith("421 4.4.2")
        assert await one.gone()
        assert loop.time() - start < 4
        drip.cancel()


async def test_s21_one_octet_at_a_time_does_not_win_time_for_a_message():
    desk = Desk()
    options = replace(PLAIN, timing=replace(QUICK, block=0.12))
    async with serving(desk, options) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        drip = asyncio.ensure_future(_drip(one, b"x" * 400, 0.02))
        assert (await asyncio.wait_for(one.reply(), 4)).startswith("421 4.4.2")
        drip.cancel()
    assert [] == desk.received


async def _drip(one: Client, octets: bytes, pause: float) -> None:
    for octet in octets:
        one.say(bytes([octet]))
        await asyncio.sleep(pause)


@pytest.mark.slow
async def test_s21_a_message_that_comes_in_blocks_has_time_for_each():
    desk = Desk()
    options = replace(PLAIN, timing=replace(QUICK, block=0.4, rate=1000.0))
    async with serving(desk, options) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        for _ in range(6):
            await asyncio.sleep(0.08)
            one.say("x" * 498 + "\r\n")
        assert (await one.ask(".\r\n")).startswith("250")
    assert 3000 == len(desk.received[0][3])


async def test_s21_time_that_we_take_is_not_counted_against_the_client():
    desk = Desk(hold=asyncio.Event())
    options = replace(PLAIN, timing=replace(QUICK, command=0.1, block=0.1))
    async with serving(desk, options) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        one.say(".\r\n")
        await asyncio.sleep(0.18)
        desk.hold.set()
        assert (await one.reply()).startswith("250")


async def test_s21_connections_are_limited_by_address_and_in_all():
    options = replace(PLAIN, doors=DoorLimits(at_once=3, per_address=2))
    async with serving(Desk(), options) as server:
        async with client(server), client(server), client(server, ehlo=False) as third:
            assert (await third.reply()).startswith("421 4.7.0 Too many connections from your network")
            assert await third.gone()
        for _ in range(100):
            if not server.connections:
                break
            await asyncio.sleep(0.01)
        async with client(server):
            assert 1 == server.connections


@pytest.mark.slow
async def test_s21_a_client_that_takes_no_replies_is_not_read():
    desk = Desk()
    options = replace(PLAIN, protocol=replace(PLAIN.protocol, max_idle_commands=10**9, max_errors=10**9))
    async with serving(desk, options) as server:
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(stuck, (HOST, server.port))
        await loop.sock_sendall(stuck, b"EHLO x\r\n")
        await asyncio.sleep(0.05)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(loop.sock_sendall(stuck, b"HELP\r\n" * 2_000_000), 0.4)
        [connection] = server._shared.connections
        assert not connection._transport.is_reading()
        assert connection._transport.get_write_buffer_size() < 20_000_000
        while not connection._transport.is_reading():
            await asyncio.wait_for(loop.sock_recv(stuck, 1 << 20), 5)
        stuck.close()


@pytest.mark.slow
async def test_s21_without_file_descriptors_open_sessions_go_on_and_new_ones_come_later(caplog):
    import resource

    desk = Desk()
    async with serving(desk) as server, client(server) as one:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        waiting = [socket.socket() for _ in range(4)]
        top = max(found.fileno() for found in waiting)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (top + 1, hard))
            for found in waiting:
                found.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    found.connect((HOST, server.port))
            await asyncio.sleep(0.1)
            assert (await one.ask("NOOP\r\n")).startswith("250")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        loop = asyncio.get_running_loop()
        for found in waiting:
            greeting = await asyncio.wait_for(loop.sock_recv(found, 100), 5)
            assert greeting.startswith(b"220")
            found.close()


async def test_http_on_the_smtp_port_is_sent_away():
    async with serving(Desk()) as server, client(server, ehlo=False) as one:
        await one.reply()
        assert (await one.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")).startswith("554 5.5.0")
        assert await one.gone()


# --- the end ------------------------------------------------------------


async def test_closing_lets_a_message_end_and_tells_the_idle():
    desk = Desk()
    async with serving(desk) as server, client(server) as idle, client(server) as busy:
        await busy.codes(ENVELOPE + "DATA\r\n", 3)
        closing = asyncio.ensure_future(server.close(grace=5))
        assert (await idle.reply()).startswith("421 4.3.2")
        assert await idle.gone()
        with pytest.raises(OSError):
            await asyncio.open_connection(HOST, server.port if server.sockets else 1)
        assert (await busy.ask("Subject: x\r\n\r\n.\r\n")).startswith("250")
        assert (await busy.reply()).startswith("421 4.3.2")
        await asyncio.wait_for(closing, 5)
    assert 1 == len(desk.received)


async def test_closing_does_not_wait_for_ever_and_leaves_core_what_it_has_in_hand():
    desk = Desk(hold=asyncio.Event())
    async with serving(desk) as server, client(server) as one, client(server) as other:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        one.say(".\r\n")
        await asyncio.wait_for(desk.busy.wait(), 5)
        await other.codes(ENVELOPE + "DATA\r\n", 3)
        closing = asyncio.ensure_future(server.close(grace=0.1))
        assert (await one.reply()).startswith("421")
        assert (await other.reply()).startswith("421")
        desk.hold.set()
        await asyncio.wait_for(closing, 5)
        assert 1 == len(desk.received)


@pytest.mark.slow
async def test_closing_does_not_wait_for_a_client_that_is_deaf():
    desk = Desk()
    options = replace(PLAIN, timing=replace(QUICK, linger=30), protocol=replace(PLAIN.protocol, max_idle_commands=10**9))
    async with serving(desk, options) as server:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, (HOST, server.port))
        await loop.sock_sendall(deaf, b"EHLO x\r\n")
        await asyncio.sleep(0.02)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(loop.sock_sendall(deaf, b"HELP\r\n" * 1_000_000), 0.2)
        await asyncio.wait_for(server.close(grace=0.1), 5)
        assert 0 == server.connections
        deaf.close()


@pytest.mark.parametrize(
    ("defect", "reply"), [(b"bare\nLF\r\n", "521 5.5.2"), (b"NUL\0\r\n", "521 5.5.2"), (LINE * 32_000, "552 5.3.4")]
)
async def test_a_client_in_the_middle_of_a_message_can_say_all_of_it_and_is_told(defect: bytes, reply: str):
    async with serving(Desk()) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        one.say(defect)
        for _ in range(30):  # as octets come over a line: not all at once
            one.say(LINE * 1_000)
            await one.writer.drain()
            await asyncio.sleep(0.005)
        one.writer.write_eof()
        assert (await one.reply()).startswith(reply)
        assert b"" == await asyncio.wait_for(one.reader.read(), 5)  # the end, and no reset


async def test_whoever_talks_on_and_on_is_cut_off():
    options = replace(PLAIN, timing=replace(QUICK, linger=0.2))
    async with serving(Desk(), options) as server, client(server) as one:
        await one.codes(ENVELOPE + "DATA\r\n", 3)
        one.say(b"bare\nLF\r\n")
        talking = asyncio.ensure_future(_talk(one))
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(talking, 5)
        assert 0 == server.connections


async def _talk(one: Client) -> None:
    while True:
        one.say(LINE)
        await one.writer.drain()
        await asyncio.sleep(0.005)


async def test_a_bug_ends_its_connection_and_no_other():
    desk = Desk()
    desk.spool = lambda: 1 // 0  # type: ignore[method-assign]
    async with serving(desk) as server, client(server) as other, client(server) as one:
        one.say(ENVELOPE + "DATA\r\n")
        assert ["250", "250", "421"] == [(await one.reply())[:3] for _ in range(3)]
        assert await one.gone()
        assert (await other.ask("NOOP\r\n")).startswith("250")


async def test_a_taken_port_is_an_error_and_nothing_stays_open():
    taken = socket.create_server((HOST, 0))
    free = Listen(HOST, 0)
    with pytest.raises(OSError):
        await serve([free, Listen(HOST, taken.getsockname()[1])], Desk().reception(), PLAIN)
    taken.close()


async def test_a_bound_socket_may_be_given():
    bound = socket.create_server((HOST, 0))
    async with serving(Desk(), PLAIN, Listen(bound=bound)) as server, client(server) as one:
        assert bound.getsockname()[1] == server.port
        assert (await one.ask("NOOP\r\n")).startswith("250")


async def test_what_happens_is_counted():
    registry = CollectorRegistry()
    desk = Desk()
    options = replace(PLAIN, metrics=metrics(registry), doors=DoorLimits(at_once=1))
    async with serving(desk, options) as server, client(server) as one:
        await one.codes(ENVELOPE + "RCPT TO:<nobody@here.example>\r\nDATA\r\n", 4)
        await one.ask(".\r\n")
        async with client(server, ehlo=False) as other:
            assert (await other.reply()).startswith("421 4.3.2")
        assert 1 == registry.get_sample_value("mailwright_smtp_connections")
        await one.ask("QUIT\r\n")
        assert await one.gone()
    assert 1 == registry.get_sample_value("mailwright_smtp_accepted_total")
    assert 1 == registry.get_sample_value("mailwright_smtp_refused_total", {"code": "550"})
    assert 1 == registry.get_sample_value("mailwright_smtp_turned_away_total")
    assert 1 == registry.get_sample_value("mailwright_smtp_ended_total", {"why": "quit"})
    assert 0 == registry.get_sample_value("mailwright_smtp_connections")
