"""Attacks on a server as it is run: octets of strangers on port 25 and at the API, and what is left when they are gone."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import httpx2
import pytest
from live.processes import descendants
from live.rest import eventually

from security.conftest import World, handed_in, said

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

RELAY = [
    b"<carol@there.example>", b"<@agents.example:carol@there.example>", b"<carol%there.example@agents.example>",
    b'<"carol@there.example"@agents.example>', b"<there.example!carol@agents.example>", b"<carol@[127.0.0.1]>",
    b"<carol@agents.example.there.example>", b"<ada@agents.example@there.example>", b"<ada@AGENTS.EXAMPLE.>",
]  # fmt: skip
TRUSTED_LOOKS = [
    b"EHLO mx.agents.example\r\n", b"EHLO localhost\r\n", b"EHLO [127.0.0.1]\r\n", b"EHLO agents.example\r\n",
    b"HELO 172.17.0.1\r\n",
]  # fmt: skip


@pytest.mark.parametrize("hello", TRUSTED_LOOKS)
def test_s7_nobody_relays_from_this_very_machine_whatever_they_call_themselves(world: World, hello: bytes) -> None:
    before = len(world.wire.octets)
    with world.dial() as line:
        said(line, hello, until=b"\r\n")
        for mail_from in (b"<ada@agents.example>", b"<>", b"<root@mx.agents.example>"):
            said(line, b"MAIL FROM:" + mail_from + b"\r\n", until=b"\r\n")
            for path in RELAY:
                answer = said(line, b"RCPT TO:" + path + b"\r\n", until=b"\r\n")
                assert answer[:3] in (b"550", b"501", b"521", b"553"), (path, answer)
            said(line, b"RSET\r\n", until=b"\r\n")
        assert said(line, b"RCPT TO:<ada@agents.example\0>\r\n").startswith(b"521 ")
    assert before == len(world.wire.octets)


@pytest.mark.parametrize(
    "proxied",
    [
        b"PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n",
        b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c" + b"\x7f" * 12,
        b"XCLIENT ADDR=127.0.0.1\r\n",
    ],
)
def test_s7_nobody_says_where_he_comes_from_in_another_protocol(world: World, proxied: bytes) -> None:
    with world.dial() as line:
        answer = said(line, proxied, until=b"\r\n")
    assert answer[:3] in (b"500", b"502", b"554", b"521"), answer


def test_s6_auth_is_no_command_here_in_the_clear_nor_under_tls(world: World) -> None:
    with world.dial() as line:
        assert b"AUTH" not in said(line, b"EHLO there.example\r\n", until=b"250 ")
        for command in (b"AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n", b"AUTH LOGIN\r\n", b"AUTH SCRAM-SHA-256 biws\r\n"):
            assert said(line, command, until=b"\r\n")[:3] in (b"502", b"503", b"538", b"504", b"530")


def test_s20_a_name_that_is_here_is_told_from_one_that_is_not_by_rcpt_alone_and_slower_each_time(world: World) -> None:
    with world.dial() as line:
        said(line, b"EHLO there.example\r\n", until=b"250 ")
        asked = (b"VRFY ada\r\n", b"VRFY nobody\r\n", b"EXPN ada\r\n", b"VRFY ada@agents.example\r\n", b"EXPN nobody\r\n")
        assert 2 == len({said(line, command, until=b"\r\n") for command in asked})
        said(line, b"MAIL FROM:<bob@there.example>\r\n", until=b"\r\n")
        begun = time.monotonic()
        for number in range(7):
            assert said(line, b"RCPT TO:<guess%d@agents.example>\r\n" % number, until=b"\r\n").startswith(b"550 5.1.1")
        assert time.monotonic() - begun > 1.9


NASTY = [
    b"<$(touch pwned)@there.example>",
    b'<"`touch pwned`"@there.example>',
    b'<"|touch pwned"@there.example>',
    b"<a'||'b@there.example>",
    b'<"); DROP TABLE messages;--"@there.example>',
    b"<%s%n%x@there.example>",
    b"<{0.__class__}@there.example>",
    b'<"../../x"@there.example>',
]


def test_s23_what_an_envelope_holds_is_text_and_nothing_else(world: World) -> None:
    before = len(world.api.everything("/v1/messages"))
    with world.dial() as line:
        said(line, b"EHLO $(id).there.example\r\n", until=b"\r\n")
        said(line, b"EHLO there.example\r\n", until=b"250 ")
        for path in NASTY:
            if said(line, b"MAIL FROM:" + path + b"\r\n", until=b"\r\n").startswith(b"250"):
                said(line, b"RCPT TO:" + path.replace(b"there.example", b"agents.example") + b"\r\n", until=b"\r\n")
                said(line, b"RCPT TO:<ada@agents.example>\r\n", until=b"\r\n")
                said(line, b"DATA\r\n", until=b"\r\n")
                text = b"From: <bob@there.example>\r\nSubject: ' OR 1=1; $(id) {{7*7}} %n\r\n\r\n.\r\n"
                assert said(line, text, until=b"\r\n").startswith(b"250")
            else:
                said(line, b"RSET\r\n", until=b"\r\n")
    after = world.api.everything("/v1/messages")
    assert len(after) > before
    assert "' OR 1=1; $(id) {{7*7}} %n" == after[0]["subject"]
    for query in ("' OR '1'='1", '"', "a*) OR (b", "NEAR(", "col:x", "-a", "%", "{7*7}"):
        word = any(one.isalnum() for one in query)
        assert (200 if word else 422) == world.api.ask("GET", "/v1/messages", params={"q": query}).status_code
    assert not any(Path(place, "pwned").exists() for place in (world.server.folder, world.server.data, Path.cwd(), Path("/")))


def test_s21_a_hundred_silent_connections_keep_nobody_out(world: World) -> None:
    silent = [socket.create_connection(("127.0.0.1", world.server.smtp_port), 10) for _ in range(45)]
    begun = [socket.create_connection(httpx_address(world), 10) for _ in range(100)]
    try:
        for line in begun:
            line.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 100")
        assert handed_in(world, b"From: <bob@there.example>\r\n\r\nStill here.\r\n").startswith(b"250")
        assert 200 == httpx2.get(f"{world.server.api_url}/readyz").status_code
    finally:
        for line in (*silent, *begun):
            line.close()


def httpx_address(world: World) -> tuple[str, int]:
    url = httpx2.URL(world.server.api_url)
    return url.host, url.port


def test_s30_the_processes_beside_the_main_one_have_no_file_of_the_store_open_and_no_key(world: World) -> None:
    """Those that read strangers' octets are among them."""
    assert world.server.process is not None
    beside = descendants(world.server.process.pid)
    assert len(beside) >= 2
    for pid in beside:
        opened = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()]
        assert [] == [name for name in opened if str(world.server.data) in name and "/incoming/" not in name]
        started = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
        assert world.api.key.encode() not in started


def test_the_server_lives_and_nothing_of_it_was_a_bug(world: World) -> None:
    """The last of this folder's attacks."""
    eventually(lambda: httpx2.get(f"{world.server.api_url}/readyz").status_code == 200, 10)
    log = world.log()
    assert "Traceback" not in log
    assert [] == [line for line in log.splitlines() if '"level": "error"' in line]
