"""Requests over real sockets, to a server that says what the test wants it to say."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mailwright.core import webhooks
from mailwright.core.ports import NotPosted, Posted
from mailwright.mail.questions import Asks, Question, Zone, answer
from mailwright.net.guard import LOOPBACK
from mailwright.net.poster import LOCAL, Fetched, Poster, PosterOptions
from mailwright.net.tls import ensure_self_signed, server_context

NOW = datetime.datetime.now(datetime.UTC)


class Table:
    """A resolver that reads a zone."""

    def __init__(self, text: str) -> None:
        self.zone = Zone.parse(text)
        self.asked: list[Question] = []

    async def resolve(self, check: Asks[Any]) -> Any:
        return answer(check, self.look)

    def look(self, question: Question):  # type: ignore[no-untyped-def]
        self.asked.append(question)
        return self.zone(question)


HERE = "hooks.example A 127.0.0.1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Endpoint:
    """A server that keeps each request and gives one answer; None holds the connection open in silence."""

    def __init__(self, reply: bytes | None = OK) -> None:
        self.reply = reply
        self.requests: list[bytes] = []
        self.port = 0
        self.server: asyncio.Server | None = None

    async def start(self, context: ssl.SSLContext | None = None) -> Endpoint:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
            self.requests.append(head + body)
            if self.reply is None:
                await reader.read()
            else:
                writer.write(self.reply)
                await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()


Serve = Callable[..., Awaitable[Endpoint]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    started: list[Endpoint] = []

    async def serve(reply: bytes | None = OK, context: ssl.SSLContext | None = None) -> Endpoint:
        started.append(await Endpoint(reply).start(context))
        return started[-1]

    yield serve
    for endpoint in started:
        assert endpoint.server
        endpoint.server.close()


async def test_a_post_carries_its_headers_and_body_and_brings_the_answer(serve: Serve) -> None:
    endpoint = await serve()
    poster = Poster(Table(HERE), LOCAL)
    url = f"http://hooks.example:{endpoint.port}/in?a=1"
    assert Posted(200, "hello") == await poster.post(url, [("webhook-id", "evt_1"), ("Host", "evil")], b'{"a":1}')
    head, _, body = endpoint.requests[0].partition(b"\r\n\r\n")
    assert b'{"a":1}' == body
    assert [
        b"POST /in?a=1 HTTP/1.1",
        b"Host: hooks.example:%d" % endpoint.port,
        b"Connection: close",
        b"User-Agent: Mailwright",
        b"Content-Length: 7",
        b"webhook-id: evt_1",
    ] == head.split(b"\r\n")


async def test_s15_every_status_is_an_answer_and_a_redirect_is_not_followed(serve: Serve) -> None:
    inside = await serve()
    reply = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % inside.port
    endpoint = await serve(reply)
    found = await Poster(Table(HERE), LOCAL).post(f"http://hooks.example:{endpoint.port}/", [], b"")
    assert Posted(302, "") == found
    assert [] == inside.requests


def test_the_ports_that_a_webhook_may_name_are_those_that_are_open() -> None:
    assert webhooks.PORTS == PosterOptions().ports


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://hooks.example/", "refused_url"),
        ("https://a:b@hooks.example/", "refused_url"),
        ("https://hooks.example:25/", "refused_url"),
        ("https://2130706433/", "refused_url"),
        ("https://127.0.0.1/", "refused_address"),
        ("https://localhost/", "refused_address"),
        ("https://[::1]/", "refused_address"),
        ("https://[::ffff:169.254.169.254]/", "refused_address"),
        ("https://[64:ff9b::a9fe:a9fe]/", "refused_address"),
        ("https://169.254.169.254/latest/meta-data/", "refused_address"),
        ("https://hooks.example/", "refused_address"),
        ("https://mixed.example/", "refused_address"),
        ("https://mapped.example/", "refused_address"),
        ("https://alias.example/", "refused_address"),
        ("https://nowhere.example/", "dns"),
        ("https://dead.example/", "dns"),
    ],
)
async def test_s15_what_is_closed_is_refused_before_a_connection_is_made(
    url: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = """
    hooks.example  A     127.0.0.1
    mixed.example  A     1.1.1.1
    mixed.example  A     10.0.0.1
    mapped.example AAAA  ::ffff:10.0.0.1
    alias.example  CNAME hooks.example
    dead.example   *     !servfail
    """
    poster = Poster(Table(zone))

    async def connect(*_: object) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr(poster, "_connect", connect)
    found = await poster.post(url, [], b"{}")
    assert isinstance(found, NotPosted)
    assert reason == found.reason


async def test_s15_a_name_is_resolved_once_for_each_attempt_and_judged_anew(serve: Serve) -> None:
    endpoint = await serve()
    table = Table(HERE)
    poster = Poster(table, LOCAL)
    url = f"http://hooks.example:{endpoint.port}/"
    assert isinstance(await poster.post(url, [], b""), Posted)
    assert 2 == len(table.asked)  # A and AAAA
    table.zone = Zone.parse("hooks.example A 10.0.0.1")
    found = await poster.post(url, [], b"")
    assert NotPosted("refused_address", "hooks.example is at 10.0.0.1, which is closed to us: private") == found
    assert 1 == len(endpoint.requests)


async def test_the_next_address_is_tried_when_one_does_not_answer(serve: Serve) -> None:
    endpoint = await serve()
    table = Table("hooks.example AAAA ::1\nhooks.example A 127.0.0.1")
    assert isinstance(await Poster(table, LOCAL).post(f"http://hooks.example:{endpoint.port}/", [], b""), Posted)


async def test_nobody_there_is_told_as_connect() -> None:
    found = await Poster(Table(HERE), LOCAL).post("http://hooks.example:1/", [], b"")
    assert isinstance(found, NotPosted)
    assert "connect" == found.reason


async def test_s15_a_response_is_read_up_to_its_limit(serve: Serve) -> None:
    endpoint = await serve(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000)
    found = await Poster(Table(HERE), LOCAL).fetch("GET", f"http://hooks.example:{endpoint.port}/")
    assert isinstance(found, Fetched)
    assert (64 * 1024, False) == (len(found.body), found.whole)
    posted = await Poster(Table(HERE), LOCAL).post(f"http://hooks.example:{endpoint.port}/", [], b"")
    assert Posted(200, "x" * 2000) == posted


async def test_a_fetch_brings_status_headers_and_body(serve: Serve) -> None:
    endpoint = await serve(b"HTTP/1.1 404 No\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    found = await Poster(Table(HERE), LOCAL).fetch("GET", f"http://hooks.example:{endpoint.port}/")
    assert Fetched(404, (("x-a", "b"), ("transfer-encoding", "chunked")), b"abc", True) == found
    assert endpoint.requests[0].startswith(b"GET / HTTP/1.1\r\n")
    assert b"content-length" not in endpoint.requests[0].lower()


@pytest.mark.parametrize(
    "reply",
    [
        None,
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf",
        b"",
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
)
async def test_trouble_with_the_peer_is_a_value_and_takes_bounded_time(serve: Serve, reply: bytes | None) -> None:
    endpoint = await serve(reply)
    options = PosterOptions(("http",), None, LOOPBACK, timeout=0.3)
    async with asyncio.timeout(10):
        found = await Poster(Table(HERE), options).post(f"http://hooks.example:{endpoint.port}/", [], b"{}")
    assert isinstance(found, NotPosted)
    assert ("timeout" if reply is None else "protocol") == found.reason


@pytest.mark.parametrize("header", [("x", "a\r\nInjected: 1"), ("x y", "a"), ("x", "ä"), ("x", "a\0")])
async def test_a_header_that_could_not_stand_is_not_sent(serve: Serve, header: tuple[str, str]) -> None:
    endpoint = await serve()
    found = await Poster(Table(HERE), LOCAL).post(f"http://hooks.example:{endpoint.port}/", [header], b"")
    assert isinstance(found, NotPosted)
    assert ("protocol", []) == (found.reason, endpoint.requests)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    ensure_self_signed(folder / "c.pem", folder / "k.pem", ["hooks.example"], NOW)
    return folder / "c.pem", folder / "k.pem"


async def test_s15_https_goes_to_the_judged_address_under_the_name_of_the_url(
    serve: Serve, certificate: tuple[Path, Path]
) -> None:
    names: list[str | None] = []
    context = server_context(*certificate)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    endpoint = await serve(OK, context)
    options = PosterOptions(("https",), None, LOOPBACK, ca_file=str(certificate[0]))
    found = await Poster(Table(HERE), options).post(f"https://hooks.example:{endpoint.port}/", [], b"{}")
    assert Posted(200, "hello") == found
    assert ["hooks.example"] == names


async def test_a_certificate_that_does_not_hold_is_told_as_tls(serve: Serve, certificate: tuple[Path, Path]) -> None:
    endpoint = await serve(OK, server_context(*certificate))
    url = f"https://other.example:{endpoint.port}/"
    table = Table("other.example A 127.0.0.1")
    for ca_file in (None, str(certificate[0])):
        options = PosterOptions(("https",), None, LOOPBACK, ca_file=ca_file)
        found = await Poster(table, options).post(url, [], b"{}")
        assert isinstance(found, NotPosted)
        assert "tls" == found.reason


async def test_a_server_that_does_not_speak_tls_is_told_as_tls() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    options = PosterOptions(("https",), None, LOOPBACK, timeout=3)
    found = await Poster(Table(HERE), options).post(f"https://hooks.example:{port}/", [], b"")
    assert isinstance(found, NotPosted)
    assert "tls" == found.reason
    server.close()
