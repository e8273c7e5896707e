"""The blocking line to a server: a pump for `asking` and `Following`. `async_line.py` is its twin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from random import random
from time import sleep
from typing import TypeVar

import httpx2

from mailwright.client import calling
from mailwright.client.calling import Answer, Call, Content
from mailwright.client.following import QUIET, Broken, Following, Frame
from mailwright.client.pages import Pages
from mailwright.client.retrying import Loss, Lost, Patience, Pause, asking
from mailwright.client.settings import Settings
from mailwright.client.shapes.events import Event
from mailwright.client.shapes.page import Page

T = TypeVar("T")


class Line:
    """Asks a server, patiently."""

    def __init__(self, settings: Settings, transport: httpx2.BaseTransport | None) -> None:
        self._settings = settings
        self.http = httpx2.Client(base_url=settings.url, headers=settings.headers, transport=transport)

    def ask(self, call: Call, kind: type[T], patience: Patience | None = None) -> T:
        """The answer as a value."""
        return calling.decode(self.answer(call, patience), kind)

    def nothing(self, call: Call) -> None:
        """No answer but that it is done."""
        self.answer(call)

    def content(self, call: Call) -> Content:
        """The answer as bytes."""
        return calling.content(self.answer(call))

    def pages(self, call: Call, kind: type[Page[T]]) -> Pages[T]:
        """The answer as a list that goes on."""
        return Pages(lambda after: self.ask(call.after(after), kind))

    def poll(self, call: Call) -> Iterator[Event]:
        """Events without end, by asking again and again and waiting at the server."""
        patience = None
        while True:
            page = self.ask(call, Page[Event], patience)
            patience = self._settings.patience.endless()
            yield from page.items
            call = call.after(page.next_cursor)

    def follow(self, call: Call) -> Iterator[Event]:
        """Events without end, as a stream that goes on where it broke."""
        for told in self.frames(call):
            if isinstance(told, Frame) and told.is_event:
                yield told.event()

    def frames(self, call: Call) -> Iterator[Frame | Broken]:
        """The same as it came in, with a word each time that it breaks."""
        following = Following(call, self._settings.patience, random)
        while True:
            got: Answer | Lost = Lost("the stream ended")
            try:
                with self._open(following.request()) as response:
                    if response.status_code == 200:
                        for chunk in response.iter_bytes():
                            yield from following.frames(chunk)
                    else:
                        got = Answer(response.status_code, response.headers, response.read())
            except httpx2.TransportError as wrong:
                got = lost(wrong)
            pause = following.after_failure(got)
            yield Broken(pause)
            sleep(pause)

    def _open(self, call: Call) -> AbstractContextManager[httpx2.Response]:
        timeout = self._settings.timeouts(QUIET)
        return self.http.stream(call.method, call.path, params=call.parameters, timeout=timeout)

    def answer(self, call: Call, patience: Patience | None = None) -> Answer:
        """The answer as it came in; raises MailwrightError where it is a refusal, or none."""
        conversation = asking(call, patience or self._settings.patience, random)
        step = next(conversation)
        while True:
            got: Answer | Lost | None = None
            if isinstance(step, Pause):
                sleep(step.seconds)
            else:
                got = self._try(call)
            try:
                step = conversation.send(got)
            except StopIteration as done:
                found: Answer = done.value
                return found

    def _try(self, call: Call) -> Answer | Lost:
        timeout = self._settings.timeouts(self._settings.timeout + call.wait)
        try:
            response = self.http.request(
                call.method, call.path, params=call.parameters, content=call.body, headers=call.headers, timeout=timeout
            )
        except httpx2.TransportError as wrong:
            return lost(wrong)
        return Answer(response.status_code, response.headers, response.content)


def lost(wrong: httpx2.TransportError) -> Lost:
    """What the library raises, as we tell it."""
    reason = str(wrong) or type(wrong).__name__
    match wrong:
        case httpx2.ConnectError():
            return Lost(reason, Loss.NOT_REACHED)
        case httpx2.TimeoutException():
            return Lost(reason, Loss.LATE)
        case _:
            return Lost(reason)
