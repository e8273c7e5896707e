"""One request to a server, and its answer; or a stream of events.

A request that may be repeated carries an idempotency key of its own, and is repeated where the line broke or the server was
busy. Exit codes: 1 refused (`code` and `fix` on standard error), 3 the server was not reached, 4 it took too long.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import httpx2
import typer

from mailwright import __version__
from mailwright.commands.verbs.profiles import Connection

Query = list[tuple[str, str | int | float | bool | None]]  # as the HTTP library has it

REFUSED, UNREACHED, TOO_LATE = 1, 3, 4
TRIES = 3
PAUSE = 0.5  # seconds before a second try; doubled after each
LONGEST_PAUSE = 10.0
SILENCE = 45.0  # seconds without a word, three signs of life long, after which a stream is taken for dead


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked."""

    method: str
    path: str
    query: Query = field(default_factory=list)
    body: dict[str, Any] | None = None
    idempotency_key: str | None = None
    extra_time: float = 0.0  # seconds that the answer may take on purpose

    @property
    def repeatable(self) -> bool:
        """Whether asking twice does what asking once does."""
        return self.method in ("GET", "DELETE") or self.idempotency_key is not None


def new_idempotency_key() -> str:
    """One that nobody used before."""
    return f"cli-{uuid.uuid4().hex}"


def say(text: str) -> None:
    """Tell a person, beside the answer."""
    typer.echo(f"mailwright: {text}", err=True)


class Server:
    """A server to be asked."""

    def __init__(self, to: Connection, patience: float, transport: httpx2.BaseTransport | None = None) -> None:
        headers = {"User-Agent": f"mailwright-cli/{__version__}"}
        if to.key is not None:
            headers["Authorization"] = f"Bearer {to.key}"
        self.url = to.url
        self._patience = patience
        try:
            self._http = httpx2.Client(base_url=to.url, headers=headers, transport=transport, timeout=patience)
        except (httpx2.InvalidURL, ValueError) as wrong:
            say(f"{to.url!r} can't be used: {wrong}")
            raise typer.Exit(2) from None

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, request: Request) -> httpx2.Response:
        """The answer, 2xx. Ends the command where it is another, or none."""
        answer = self.ask(request)
        return answer if answer.is_success else self.refuse(answer)

    def ask(self, request: Request) -> httpx2.Response:
        """The answer, whatever it is. Ends the command where there is none."""
        pause = PAUSE
        for left in reversed(range(TRIES if request.repeatable else 1)):
            try:
                answer = self._send(request)
                if not left or not _again(answer):
                    return answer
                pause = _told_pause(answer, pause)
            except httpx2.ConnectError as wrong:
                self._unreached(wrong)
            except httpx2.TimeoutException:
                self._too_late(request.extra_time)
            except httpx2.TransportError as wrong:
                if not left:
                    self._unreached(wrong)
            time.sleep(pause)
            pause *= 2
        raise AssertionError("the last try returns or raises")

    def refuse(self, answer: httpx2.Response) -> NoReturn:
        """Say on standard error why it was refused, and what to do; end with code 1."""
        answer.read()
        for line in refusal(answer):
            say(line)
        raise typer.Exit(REFUSED)

    def events(self, request: Request, deadline: float | None) -> Iterator[str]:
        """The JSON of one event after another, over as many connections as it takes. Ends at the deadline."""
        after: str | None = None
        pause, begun = PAUSE, False
        while deadline is None or time.monotonic() < deadline:
            try:
                with self._stream(request, after, deadline) as answer:
                    if not answer.is_success and not (begun and answer.status_code == 503):
                        self.refuse(answer)
                    begun = True
                    for cursor, text in frames(answer.iter_lines()):
                        after, pause = cursor or after, PAUSE
                        yield text
                        if deadline is not None and time.monotonic() >= deadline:
                            return
            except httpx2.TimeoutException:
                if not begun and deadline is None:
                    self._too_late(0)
                continue  # so long without a sign of life: the line is dead, or the deadline came
            except httpx2.TransportError as wrong:
                if not begun:
                    self._unreached(wrong)
            left = pause if deadline is None else min(pause, max(0.0, deadline - time.monotonic()))
            say(f"the stream broke; going on from where it was in {left:.0f} s")
            time.sleep(left)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _stream(self, request: Request, after: str | None, deadline: float | None) -> Any:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
        read = SILENCE if deadline is None else max(0.01, min(SILENCE, deadline - time.monotonic()))
        timeout = httpx2.Timeout(self._patience, read=read)
        query = httpx2.QueryParams(request.query)
        return self._http.stream(request.method, request.path, params=query, headers=headers, timeout=timeout)

    def _send(self, request: Request) -> httpx2.Response:
        headers = {"Idempotency-Key": request.idempotency_key} if request.idempotency_key else {}
        return self._http.request(
            request.method,
            request.path,
            params=httpx2.QueryParams(request.query),
            json=request.body,
            headers=headers,
            timeout=self._patience + request.extra_time,
        )

    def _too_late(self, extra_time: float) -> NoReturn:
        say(f"{self.url} did not answer within {self._patience + extra_time:.0f} seconds")
        raise typer.Exit(TOO_LATE) from None

    def _unreached(self, wrong: Exception) -> NoReturn:
        say(f"{self.url} can't be reached: {wrong or type(wrong).__name__}. Does a server run there?")
        raise typer.Exit(UNREACHED) from None


def frames(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Cursor and data of each server-sent event (WHATWG HTML §9.2.6)."""
    cursor, data = "", list[str]()
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                cursor = value
            elif name == "data":
                data.append(value)
        elif data:
            yield cursor, "\n".join(data)
            data = []


def refusal(answer: httpx2.Response) -> list[str]:
    """A refusal in lines for a person: what is wrong with which code, what to do, and the fields at fault."""
    try:
        error = answer.json()["error"]
        lines = [f"{error['message']} ({error['code']})"]
        if error.get("fix"):
            lines.append(f"fix: {error['fix']}")
        if isinstance(error.get("details"), list) and len(error["details"]) > 1:
            lines += [f"  {one['path']}: {one['message']}" for one in error["details"] if "path" in one]
        return lines
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"the answer was {answer.status_code} {answer.reason_phrase}: is {answer.url.host} a Mailwright server?"]


def _again(answer: httpx2.Response) -> bool:
    if answer.status_code == 409:  # a repeated request that came while the first one was still worked on
        return "idempotency_in_flight" in answer.text
    return answer.status_code == 503


def _told_pause(answer: httpx2.Response, otherwise: float) -> float:
    told = answer.headers.get("Retry-After", "")
    return min(float(told), LONGEST_PAUSE) if told.isdecimal() else otherwise
