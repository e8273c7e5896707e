"""Two messages out of one: octets that other servers have read as an end, sent to ours and sent by ours."""

from __future__ import annotations

import re

import pytest
from live.smtp import post

from security.conftest import World, said

pytestmark = pytest.mark.slow

ENVELOPE = (
    b"EHLO there.example\r\n",
    b"MAIL FROM:<bob@there.example>\r\n",
    b"RCPT TO:<ada@agents.example>\r\n",
    b"DATA\r\n",
)
INNER = b"MAIL FROM:<eve@there.example>\r\nRCPT TO:<ada@agents.example>\r\nDATA\r\nFrom: <eve@there.example>\r\n\r\nx\r\n.\r\n"
ENDS = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n\0.\r\n", b"\r\n.\r", b"\r\n.\0\r\n", b"\n\n.\r\n", b"\r.\r\n"]


def inbox(world: World) -> list[str]:
    return [one["subject"] for one in world.api.everything("/v1/messages", mailbox_id=world.ada["id"], direction="inbound")]


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_s1_behind_a_false_end_nothing_is_a_second_message(world: World, end: bytes) -> None:
    before = inbox(world)
    with world.dial() as line:
        for command in ENVELOPE:
            said(line, command, until=b"\r\n")
        answer = said(line, b"From: <bob@there.example>\r\nSubject: outer\r\n\r\nHello." + end + INNER + b"QUIT\r\n")
    assert answer.startswith(b"521 5.5.2"), answer
    assert 1 == answer.count(b"\r\n")
    assert before == inbox(world)


BODIES = [
    ".", "..", "\n.\n", "a\n.\nMAIL FROM:<x@y.example>\n", "\r.\r", "a\r\n.\r\nb", "\r\n .\r\n", "a\rb\rc", "\n" * 50,
    "x" * 2000 + "\n.\n", "\u2028.\u2028", "\x85.\x85", "a\x0b.\x0c.\x1c.", ".\r\n." * 200, ("." + "y" * 70 + "\n") * 8000,
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_s2_what_an_agent_writes_leaves_as_one_message_of_whole_lines(world: World, body: str) -> None:
    before = len(world.wire.heard)
    sent = world.agent.send(world.ada, "carol@there.example", text=body, html=f"<pre>{body}</pre>", subject="Line ends")
    world.agent.settled(sent["message_id"], "delivered")
    heard = world.wire.heard[before:]
    assert [] == re.findall(rb"(?<!\r)\n|\r(?!\n)|\0", heard)
    assert 1 == heard.count(b"DATA\r\n")
    assert 1 == heard.count(b"\r\n.\r\n")
    assert heard.index(b"\r\n.\r\n") > heard.index(b"Content-Transfer-Encoding")


def test_s3_a_message_of_our_own_frames_is_a_message(world: World) -> None:
    """Processes of ours speak frames, a length and MessagePack: none begins inside of one, whatever a message says."""
    frame = b"\x93\xa5Taken\x01\x91\xa7msg_bad"
    body = b"\r\n".join([len(frame).to_bytes(4, "big").replace(b"\0", b"\x01") + frame, b"\xdd\xff\xff\xff\xff" * 50]) + b"\r\n"
    raw = b"From: <bob@there.example>\r\nSubject: frames\r\n\r\n" + body
    with world.dial() as line:
        said(line, ENVELOPE[0], until=b"250 ")
        said(line, ENVELOPE[1], until=b"\r\n")
        said(line, ENVELOPE[2], until=b"\r\n")
        answer = said(line, b"BDAT %d LAST\r\n" % len(raw) + raw, until=b"\r\n")
    assert answer.startswith(b"250 "), answer
    arrived = world.api.arrived(world.ada, q="frames")
    assert raw == world.api.raw(f"/v1/messages/{arrived['message_id']}/raw")
    post(world.server.smtp_port, "ada@agents.example", "and after it another")
    assert "and after it another" in inbox(world)
