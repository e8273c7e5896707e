"""A server as an operator runs it, with DNS and a receiver of ours around it; attacked by all tests of this folder in turn."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from live.rest import Api, Json
from live.server import Server
from live.zone import Background, Dns

CONTACT = "mailto:security@agents.example"
ZONE = """
    there.example MX 10 mx.there.example
    mx.there.example A 127.0.0.1
    """

# Nobody logs in, and a login that fails is told again, password and all.
_REPLIES = {
    b"EHLO": b"250-there.example\r\n250 AUTH PLAIN LOGIN\r\n",
    b"AUTH": b"535 5.7.8 Not by ECHO\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}


@dataclass
class Wire:
    """A receiver that keeps every octet it is sent."""

    background: Background
    octets: list[bytearray] = field(default_factory=list)
    port: int = 0

    def start(self) -> Wire:
        """Listen on a free port of loopback."""

        async def listen() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**26)
            self.port = server.sockets[0].getsockname()[1]

        self.background.run(listen())
        return self

    @property
    def heard(self) -> bytes:
        """All of it."""
        return b"".join(bytes(one) for one in self.octets)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = bytearray()
        self.octets.append(heard)
        with contextlib.suppress(OSError, EOFError):
            writer.write(b"220 there.example\r\n")
            while line := await reader.readline():
                heard += line
                if line[:4].upper() == b"DATA":
                    writer.write(b"354 Go on\r\n")
                    heard += await reader.readuntil(b"\r\n.\r\n")
                writer.write(_REPLIES.get(line[:4].upper(), b"250 2.0.0 Ok\r\n").replace(b"ECHO", line.strip()))
        writer.close()


@dataclass
class World:
    """The server, whoever listens outside, and an agent's mailbox."""

    server: Server
    dns: Dns
    wire: Wire
    api: Api
    ada: Json
    agent: Api

    def dial(self) -> socket.socket:
        """A connection to port 25, greeted."""
        line = socket.create_connection(("127.0.0.1", self.server.smtp_port), 10)
        assert line.recv(1000).startswith(b"220 ")
        return line

    def log(self) -> str:
        """All that the server wrote so far."""
        return "".join(path.read_text() for path in self.server.logs)


def said(line: socket.socket, octets: bytes, *, until: bytes = b"") -> bytes:
    """What the server answers to these octets; all there is to the end of the connection where `until` is not found."""
    line.sendall(octets)
    heard = b""
    with contextlib.suppress(TimeoutError, ConnectionResetError):
        while not (until and until in heard) and (more := line.recv(65536)):
            heard += more
    return heard


def handed_in(world: World, raw: bytes, rcpt_to: bytes = b"<ada@agents.example>") -> bytes:
    """What the server says in the end to a message handed in by BDAT, which takes any octets."""
    with world.dial() as line:
        line.settimeout(60)
        said(line, b"EHLO there.example\r\n", until=b"250 ")
        said(line, b"MAIL FROM:<bob@there.example>\r\n", until=b"\r\n")
        answer = said(line, b"RCPT TO:%s\r\n" % rcpt_to, until=b"\r\n")
        if not answer.startswith(b"250"):
            return answer
        return said(line, b"BDAT %d LAST\r\n" % len(raw) + raw, until=b"\r\n")


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One server for all."""
    background = Background()
    dns, wire = Dns(background, ZONE), Wire(background).start()
    settings = {
        "server": {"hostname": "mx.agents.example", "addresses": ["127.0.0.1"], "security_contact": CONTACT},
        "dns": {"nameservers": [f"127.0.0.1:{dns.port}"]},
        "delivery": {"allow_private": True, "port": wire.port},
        "smtp": {"message_limit": 5_000_000},
        "log": {"level": "debug"},
    }
    server = Server(tmp_path_factory.mktemp("attacked"), settings, patience=60).start()
    try:
        api = server.api()
        api.aligned_domain("agents.example", dns.publish)
        ada = api.mailbox("ada@agents.example")
        key = api.post("/v1/api-keys", {"name": "ada", "role": "agent", "mailbox_id": ada["id"]})["key"]
        yield World(server, dns, wire, api, ada, server.api(key))
    finally:
        server.end()
        dns.close()
        background.close()
