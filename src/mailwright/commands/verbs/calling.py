"""A server to be asked from the command line: the Python client's line, with what goes wrong told to a person.

Exit codes: 1 refused (`code` and `fix` on standard error), 3 the server was not reached, 4 it took too long.
Not here: how a request travels, and when it is tried again (client/line.py, client/retrying.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx2
import typer

from mailwright.client import calling
from mailwright.client.calling import Answer, Call
from mailwright.client.errors import Garbled, MailwrightError, NotConfigured, TimedOut, Unreachable
from mailwright.client.following import Frame
from mailwright.client.line import Line
from mailwright.client.retrying import Loss, Patience
from mailwright.client.settings import Settings, address, usable
from mailwright.commands.given import stop
from mailwright.commands.verbs.profiles import Connection

REFUSED, UNREACHED, TOO_LATE = 1, 3, 4
# A person looks on: who is not there, or silent, is told at once.
PATIENCE = Patience(tries=3, longest=10.0, most=10.0, bears=frozenset({Loss.BROKEN}))


def new_idempotency_key() -> str:
    """One that nobody used before."""
    return f"cli-{uuid.uuid4().hex}"


def say(text: str) -> None:
    """Tell a person, beside the answer."""
    typer.echo(f"mailwright: {text}", err=True)


class Server:
    """A server to be asked."""

    def __init__(self, to: Connection, timeout: float, transport: httpx2.BaseTransport | None = None) -> None:
        self.url = to.url
        self._timeout = timeout
        try:
            settings = Settings(address(to.url), usable(to.key or ""), timeout, PATIENCE, program="mailwright-cli")
        except NotConfigured as wrong:
            stop(f"{wrong.message} {wrong.fix}")
        self._line = Line(settings, transport)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.http.close()

    def call(self, call: Call) -> Answer:
        """The answer. Ends the command where it is a refusal, or none."""
        got = self.ask(call)
        return got if isinstance(got, Answer) else self.refuse(got)

    def json(self, call: Call) -> Any:
        """The answer as JSON. Ends the command where it is a refusal, or none."""
        return self.read(self.call(call))

    def read(self, answer: Answer) -> Any:
        """An answer's JSON. Ends the command where it is none."""
        try:
            return calling.decode(answer, dict[str, Any])
        except Garbled as wrong:
            wrong.status = answer.status
            self.refuse(wrong)

    def ask(self, call: Call) -> Answer | MailwrightError:
        """The answer, or the refusal. Ends the command where the server is not reached, or silent."""
        try:
            return self._line.answer(call)
        except Unreachable as wrong:
            self.refuse(wrong, self._timeout + call.wait)
        except MailwrightError as wrong:
            return wrong

    def frames(self, call: Call) -> Iterator[Frame]:
        """All that a stream tells, over as many connections as it takes."""
        try:
            for told in self._line.frames(call):
                if isinstance(told, Frame):
                    yield told
                else:
                    say(f"the stream broke; going on from where it was in {told.seconds:.0f} s")
        except MailwrightError as wrong:
            self.refuse(wrong, self._timeout)

    def refuse(self, wrong: MailwrightError, waited: float = 0.0) -> NoReturn:
        """Say on standard error what is wrong and what to do; end with the code for it."""
        match wrong:
            case TimedOut():
                say(f"{self.url} did not answer within {waited:.0f} seconds")
                raise typer.Exit(TOO_LATE)
            case Unreachable():
                say(f"{self.url} can't be reached: {wrong.message} Does a server run there?")
                raise typer.Exit(UNREACHED)
            case Garbled():
                say(f"the answer was {_status(wrong.status)}: is {urlsplit(self.url).hostname} a Mailwright server?")
            case _:
                _tell(wrong)
        raise typer.Exit(REFUSED)


def _tell(wrong: MailwrightError) -> None:
    """A refusal for a person: what is wrong with which code, what to do, and the fields at fault."""
    say(f"{wrong.message} ({wrong.code})")
    if wrong.fix:
        say(f"fix: {wrong.fix}")
    fields = [one for one in wrong.details if "path" in one] if isinstance(wrong.details, list) else []
    for one in fields if len(fields) > 1 else ():
        say(f"  {one['path']}: {one.get('message', '')}")


def _status(number: int | None) -> str:
    try:
        return f"{number} {HTTPStatus(number or 0).phrase}"
    except ValueError:
        return str(number)
