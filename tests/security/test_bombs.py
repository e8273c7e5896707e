"""S12: messages that were made to hurt whoever reads them, handed to a server as it is run, and then read by their agent."""

from __future__ import annotations

import base64
import re
import time
import zipfile
from io import BytesIO
from pathlib import Path

import httpx2
import pytest
from live.processes import descendants

from security.conftest import World, handed_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

HEAD = b"From: <bob@there.example>\r\nMIME-Version: 1.0\r\n"
DOOR = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
NAME = b'Content-Disposition: attachment; filename="'
SIGNATURE = b"DKIM-Signature: v=1; a=rsa-sha256; d=there.example; s=x; h=from; bh=eA==; b=eA==\r\n"
SEAL = b"ARC-Seal: i=1; a=rsa-sha256; d=there.example; s=x; cv=none; b=eA==\r\n"


def memory(world: World) -> int:
    """Octets that all processes of the server hold by themselves."""
    assert world.server.process is not None
    pids = [world.server.process.pid, *descendants(world.server.process.pid)]
    rows = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids if Path(f"/proc/{pid}").exists()]
    return sum(int(re.search(r"^Pss: +(\d+)", row, re.MULTILINE)[1]) * 1024 for row in rows)  # type: ignore[index]


def nested_multiparts(depth: int, filling: bytes) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth)) + filling


def messages_in_messages(depth: int) -> bytes:
    raw = b"Content-Type: text/plain\r\n\r\nx\r\n"
    for _ in range(depth):
        raw = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(raw).replace(
            b"\n", b"\r\n"
        )
    return raw


def zip_bomb() -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("there.example!agents.example!1!2.xml", b"<feedback>" + b"<record/>" * 20_000_000)
    body = base64.encodebytes(packed.getvalue()).replace(b"\n", b"\r\n")
    return (
        b"Subject: Report Domain: agents.example\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + body
    )


BOMBS = {
    "ten thousand multiparts within each other": nested_multiparts(10_000, b"x\r\n"),
    "lines that might each end one of fifty parts": nested_multiparts(49, b"--x\r\n" * 600_000),
    "half a million parts": DOOR + b"--b\r\n\r\nx\r\n" * 400_000,
    "messages in messages": messages_in_messages(25),
    "a header of four megabytes": b"X-Long: " + b"a\r\n " * 1_000_000 + b"\r\n\r\nx\r\n",
    "two hundred thousand fields": b"X: y\r\n" * 200_000 + b"\r\nx\r\n",
    "a name of a file of a megabyte": NAME + (b"a" * 900 + b"\r\n ") * 1000 + b'"\r\n\r\nx\r\n',
    "encoded words without end": b"Subject: " + b"=?utf-8?q?a?=\r\n " * 100_000 + b"\r\n\r\nx\r\n",
    "a hundred thousand recipients in To": b"To: " + b"a@b.example,\r\n " * 100_000 + b"\r\n\r\nx\r\n",
    "a million tags": b"Content-Type: text/html\r\n\r\n" + b"<div><b><table>\r\n" * 250_000,
    "a page of comments": b"Content-Type: text/html\r\n\r\n" + b"<!--<!--\r\n" * 400_000,
    "quotations within quotations": b"\r\n" + (b">" * 900 + b"\r\n") * 4000,
    "a thousand signatures": SIGNATURE * 1000 + b"\r\nx\r\n",
    "a thousand seals": SEAL * 1000 + b"\r\nx\r\n",
    "a report that unpacks to 180 megabytes": zip_bomb(),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_s12_a_bomb_is_stored_as_it_came_or_refused_and_holds_up_nobody(world: World, name: str) -> None:
    raw, before = HEAD + BOMBS[name], memory(world)
    assert len(raw) < 5_000_000
    begun = time.monotonic()
    answer = handed_in(world, raw)
    assert time.monotonic() - begun < 30
    assert answer[:3] in (b"250", b"552", b"554", b"550"), answer
    assert 200 == httpx2.get(f"{world.server.api_url}/readyz", timeout=10).status_code
    assert memory(world) - before < 200 * 1024 * 1024
    if answer.startswith(b"250"):
        message_id = re.search(rb"msg_\w+", answer)[0].decode()  # type: ignore[index]
        assert raw == world.api.raw(f"/v1/messages/{message_id}/raw")
        begun = time.monotonic()
        shown = world.agent.get(f"/v1/messages/{message_id}")
        assert time.monotonic() - begun < 20
        assert len(str(shown)) < 8_000_000
