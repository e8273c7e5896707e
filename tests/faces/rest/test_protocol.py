"""Clients that are slow, endless or no HTTP at all: bounded in time and memory (S21)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from mailwright.faces.rest import BoundedProtocol, protocol


@contextlib.asynccontextmanager
async def connected(world: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A raw connection to the application behind the bounded protocol."""
    config = uvicorn.Config(world.app, log_level="critical", lifespan="off", ws="none", http=BoundedProtocol)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server hangs up."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), 5)
    return b""


async def pour(writer: asyncio.StreamWriter, piece: bytes, count: int) -> None:
    """Send it so often, or until the server hangs up."""
    with contextlib.suppress(ConnectionError):
        for _ in range(count):
            writer.write(piece)
            await writer.drain()


async def test_requests_are_answered_one_after_the_other_on_one_connection(world):
    async with connected(world) as (reader, writer):
        for _ in range(3):
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await reader.readuntil(b'{"status":"ok"}')).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"], ids=["nothing", "line", "field"])
async def test_s21_a_head_that_does_not_come_is_not_waited_for(world, begun, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    async with connected(world) as (reader, writer):
        writer.write(begun)
        assert b"" == await rest_of(reader)


async def test_a_second_head_that_does_not_come_is_not_waited_for_either(world, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    async with connected(world) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HT")
        assert 1 == (await rest_of(reader)).count(b"HTTP/1.1 200")


async def test_a_stream_is_no_head_that_does_not_come(world, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    key = world.ours.keys["operator"].encode()
    async with connected(world) as (reader, writer):
        writer.write(b"GET /v1/events/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + key + b"\r\n\r\n")
        for _ in range(3):
            await asyncio.wait_for(reader.readuntil(b": still here"), 5)


@pytest.mark.parametrize("piece", [b"x" * 65536, b"a: b\r\n" * 10_000], ids=["one field", "many fields"])
async def test_s21_a_head_without_end_is_cut_off(world, piece):
    async with connected(world) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\na: ")
        await pour(writer, piece, 100)
        assert b" 200 " not in await rest_of(reader)
        assert reader.at_eof() or reader.exception() is not None


async def test_s21_trailers_without_end_are_cut_off(world):
    async with connected(world) as (reader, writer):
        writer.write(b"POST /v1/agents HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
        await pour(writer, b"a: b\r\n" * 10_000, 100)
        await rest_of(reader)
        assert reader.at_eof() or reader.exception() is not None


async def test_a_refused_request_whose_body_is_still_to_come_ends_the_connection(world):
    async with connected(world) as (reader, writer):
        writer.write(b"POST /v1/agents HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n")
        answer = await rest_of(reader)
        assert answer.startswith(b"HTTP/1.1 401")
        assert b"connection: close" in answer


@pytest.mark.parametrize(
    "raw", [b"\x16\x03\x01\x02\x00", b"EHLO x\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\na b: c\r\n\r\n"]
)
async def test_what_is_no_http_is_told_so_in_the_error_shape(world, raw):
    async with connected(world) as (reader, writer):
        writer.write(raw)
        head, _, body = (await rest_of(reader)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400")
        assert "malformed_request" == json.loads(body)["error"]["code"]


@pytest.mark.parametrize(
    "framing",
    [
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n",
        b"content-length: 5\r\ncontent-length: 6\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"content-length: +5\r\n",
        b"transfer-encoding : chunked\r\n",
    ],
)
async def test_s3_framing_that_two_readers_would_read_differently_is_refused(world, framing):
    async with connected(world) as (reader, writer):
        writer.write(
            b"POST /v1/agents HTTP/1.1\r\nhost: x\r\n" + framing + b"\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
        )
        answer = await rest_of(reader)
        assert b" 200 " not in answer
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401"))


async def test_small_chunks_are_a_body_like_any_other(world):
    key = world.ours.keys["operator"].encode()
    body = b'{"name": "grace", "client_id": "' + b"x" * 100 + b'"}'
    async with connected(world) as (reader, writer):
        head = (
            b"POST /v1/agents HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + key + b"\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        writer.write(head + b"".join(b"1\r\n%c\r\n" % one for one in body) + b"0\r\n\r\n")
        assert (await asyncio.wait_for(reader.readuntil(b"}"), 5)).startswith(b"HTTP/1.1 201")
