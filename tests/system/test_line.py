"""The line between two processes: whole frames come through in order; one that is too long ends it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from structlog.testing import capture_logs

from mailwright.system.line import HEAD, MAX_FRAME, Drain, Frame, Line, Ping, Pong


class Parcel(Frame, frozen=True, tag=True, array_like=True):
    """Some octets."""

    octets: bytes


class End:
    """A line, and what came over it."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.lost = asyncio.Event()
        self.line = Line(Parcel | Ping | Pong | Drain, self.taken.append, self.lost.set)


@pytest.fixture
async def wire() -> Any:
    """The end of a line, and the socket that leads there."""
    ours, theirs = socket.socketpair()
    for one in (ours, theirs):
        one.setblocking(False)
    end = End()
    await asyncio.get_running_loop().create_connection(lambda: end.line, sock=ours)
    yield end, theirs
    end.line.close()
    theirs.close()


async def test_frames_come_through_whole_and_in_order_however_they_are_cut(wire: Any) -> None:
    end, theirs = wire
    other = End()
    await asyncio.get_running_loop().create_connection(lambda: other.line, sock=theirs)
    said = [Ping(), Parcel(bytes(300_000)), Drain(1.5), Pong([])]
    for one in said:
        other.line.send(one)
    async with asyncio.timeout(5):
        while len(end.taken) < len(said):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert said == end.taken


async def test_s12_a_frame_that_is_longer_than_any_of_ours_ends_the_line_before_it_is_kept(wire: Any) -> None:
    end, theirs = wire
    with capture_logs() as logged:
        theirs.send((MAX_FRAME + 1).to_bytes(HEAD, "big") + b"x")
        async with asyncio.timeout(5):
            await end.lost.wait()
    assert [] == end.taken
    assert [("line.frame_too_long", MAX_FRAME + 1)] == [(one["event"], one["octets"]) for one in logged]


async def test_what_the_other_end_would_not_take_is_not_said(wire: Any) -> None:
    end, theirs = wire
    with pytest.raises(ValueError, match="Parcel has 16777"):
        end.line.send(Parcel(bytes(MAX_FRAME)))
    end.line.send(Ping())
    assert await asyncio.get_running_loop().sock_recv(theirs, 99) == b"\0\0\0\x06\x91\xa4Ping"
