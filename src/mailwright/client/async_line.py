"""The asynchronous line to a server: a pump for `asking` and `Following`. `line.py` is its twin."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from random import random
from typing import TypeVar

import httpx2

from mailwright.client import calling
from mailwright.client.calling import Answer, Call, Content
from mailwright.client.following import QUIET, Following
from mailwright.client.line import lost
from mailwright.client.pages import AsyncPages
from mailwright.client.retrying import Lost, Patience, Pause, asking
from mailwright.client.settings import Settings
from mailwright.client.shapes.events import Event
from mailwright.client.shapes.page import Page

T = TypeVar("T")


class AsyncLine:
    """Asks a server, patiently."""

    def __init__(self, settings: Settings, transport: httpx2.AsyncBaseTransport | None) -> None:
        self._settings = settings
        self.http = httpx2.AsyncClient(base_url=settings.url, headers=settings.headers, transport=transport)

    async def ask(self, call: Call, kind: type[T], patience: Patience | None = None) -> T:
        """The answer as a value."""
        return calling.decode(await self._answer(call, patience), kind)

    async def nothing(self, call: Call) -> None:
        """No answer but that it is done."""
        await self._answer(call)

    async def content(self, call: Call) -> Content:
        """The answer as bytes."""
        return calling.content(await self._answer(call))

    def pages(self, call: Call, kind: type[Page[T]]) -> AsyncPages[T]:
        """The answer as a list that goes on."""
        return AsyncPages(lambda after: self.ask(call.after(after), kind))

    async def poll(self, call: Call) -> AsyncIterator[Event]:
        """Events without end, by asking again and again and waiting at the server."""
        patience = None
        while True:
            page = await self.ask(call, Page[Event], patience)
            patience = self._settings.patience.endless()
            for event in page.items:
                yield event
            call = call.after(page.next_cursor)

    async def follow(self, call: Call) -> AsyncIterator[Event]:
        """Events without end, as a stream that goes on where it broke."""
        following = Following(call, self._settings.patience, random)
        while True:
            got: Answer | Lost = Lost("the stream ended")
            try:
                async with self._open(following.request()) as response:
                    if response.status_code == 200:
                        async for chunk in response.aiter_bytes():
                            for event in following.feed(chunk):
                                yield event
                    else:
                        got = Answer(response.status_code, response.headers, await response.aread())
            except httpx2.TransportError as wrong:
                got = lost(wrong)
            await sleep(following.after_failure(got))

    def _open(self, call: Call) -> AbstractAsyncContextManager[httpx2.Response]:
        timeout = self._settings.timeouts(QUIET)
        return self.http.stream(call.method, call.path, params=call.parameters, timeout=timeout)

    async def _answer(self, call: Call, patience: Patience | None = None) -> Answer:
        conversation = asking(call, patience or self._settings.patience, random)
        step = next(conversation)
        while True:
            got: Answer | Lost | None = None
            if isinstance(step, Pause):
                await sleep(step.seconds)
            else:
                got = await self._try(call)
            try:
                step = conversation.send(got)
            except StopIteration as done:
                found: Answer = done.value
                return found

    async def _try(self, call: Call) -> Answer | Lost:
        timeout = self._settings.timeouts(self._settings.timeout + call.wait)
        try:
            response = await self.http.request(
                call.method, call.path, params=call.parameters, content=call.body, headers=call.headers, timeout=timeout
            )
        except httpx2.TransportError as wrong:
            return lost(wrong)
        return Answer(response.status_code, response.headers, response.content)
