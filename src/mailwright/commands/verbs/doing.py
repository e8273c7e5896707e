"""What happens when a verb is run: ask, wait where that is wanted, show.

Standard output holds the answer alone. Exit codes: 0 done, 1 refused, 2 wrongly typed, 3 not reached, 4 too late, 130 stopped.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer

from mailwright.client.calling import Answer, Call
from mailwright.commands.given import confirm, stop
from mailwright.commands.verbs import asking, showing
from mailwright.commands.verbs.calling import TOO_LATE, Server, say
from mailwright.commands.verbs.cells import clean, clean_text
from mailwright.commands.verbs.profiles import connection
from mailwright.commands.verbs.table import Verb

PATIENCE = 30.0  # seconds
LOOKING = 5.0  # seconds between two looks at a domain's records


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was typed beside the fields."""

    url: str | None
    key: str | None
    profile: str | None
    timeout: float | None
    json: bool
    idempotency_key: str | None = None
    wait: float | None = None
    count: int | None = None
    seconds: float | None = None
    output: Path | None = None
    all: bool = False
    yes: bool = False


def do(verb: Verb, typed: dict[str, Any], wish: Wish) -> None:
    """Run a verb."""
    to = connection(wish.url, wish.key, wish.profile)
    with Server(to, wish.timeout if wish.timeout is not None else PATIENCE) as server:
        if verb.destructive and not wish.yes and _somebody_there() and "digest" not in typed:
            confirm(f"{verb.summary}: {' '.join(_arguments(verb, typed))}. Go on?")
        if "digest" in typed and typed["digest"] is None:
            typed = typed | {"digest": _seen(verb, typed, server)}
        request = asking.request(verb, typed, server, wish.idempotency_key)
        _WAYS.get("verify" if wish.wait is not None else verb.answer, _json)(verb, request, server, wish)


def _json(verb: Verb, request: Call, server: Server, wish: Wish) -> None:
    if wish.all:
        _every_page(verb, request, server, wish)
        return
    answer = server.call(request)
    found = server.read(answer)
    _told(verb, answer, wish)
    if found.get("status") == "held" and found.get("approval_id"):
        say(f"held: a person has to decide. mailwright approvals show {found['approval_id']}")


def _told(verb: Verb, answer: Answer, wish: Wish) -> None:
    if wish.json:
        typer.echo(answer.body)
    else:
        showing.show(verb, json.loads(answer.body))


def _every_page(verb: Verb, request: Call, server: Server, wish: Wish) -> None:
    items: list[Any] = []
    after: str | None = None
    while True:
        page = server.json(request.after(after))
        for one in page["items"] if wish.json else ():
            typer.echo(json.dumps(one, ensure_ascii=False, separators=(",", ":")))
        items += [] if wish.json else page["items"]
        # The event log's cursor is never null: there an empty page is the end.
        if page["next_cursor"] in (None, after) or not page["items"]:
            break
        after = page["next_cursor"]
        _progress(f"{len(items)} read", wish.json)
    if after is not None:
        _progress("", wish.json)
    if not wish.json:
        showing.show_items(verb, items)


def _nothing(verb: Verb, request: Call, server: Server, wish: Wish) -> None:
    server.call(request)
    if not wish.json:
        typer.echo("Done.", err=True)


def _content(verb: Verb, request: Call, server: Server, wish: Wish) -> None:
    answer = server.call(request)
    octets = answer.body
    if wish.output is not None:
        try:
            wish.output.write_bytes(octets)
        except OSError as wrong:
            stop(f"{wish.output} can't be written: {wrong.strerror or wrong}")
        typer.echo(f"{len(octets):,} bytes in {wish.output}", err=True)
    elif not sys.stdout.isatty():
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
    elif answer.headers.get("content-type", "").startswith("application/octet-stream") or b"\0" in octets:
        stop("this is no text: write it to a file with --output")
    else:
        typer.echo(clean_text(octets.decode("utf-8", "replace")))


def _verify(verb: Verb, request: Call, server: Server, wish: Wish) -> None:
    """Look at a domain's records until all are in place, or the time is over."""
    begun, known = time.monotonic(), ""
    while True:
        answer = server.call(replace(request, once=None))  # each look is a new one
        found = server.read(answer)
        left = (wish.wait or 0.0) - (time.monotonic() - begun)
        if found["status"] == "aligned" or left <= 0:
            break
        if found["detail"] != known and not wish.json:
            known = found["detail"]
            typer.echo(f"{found['status']}: {clean(known)}", err=True)
        _progress(f"looking again for another {left:.0f} s", wish.json)
        time.sleep(min(LOOKING, left))
    if known:
        _progress("", wish.json)
    _told(verb, answer, wish)
    if found["status"] != "aligned":
        say(f"the records are not in place after {wish.wait:g} seconds")
        raise typer.Exit(TOO_LATE)


def _stream(verb: Verb, request: Call, server: Server, wish: Wish) -> None:
    """Print events as they happen: until as many came as were asked for, or the time is over."""
    came = 0
    with contextlib.suppress(_Enough), _ending_after(wish.seconds):
        for frame in server.frames(request):
            if wish.json:
                typer.echo(frame.data)  # flushes: whoever reads a pipe sees it now
            elif frame.is_event:
                typer.echo(showing.event_line(json.loads(frame.data)))
            came += frame.is_event
            if wish.count is not None and came >= wish.count:
                return
    if wish.count is not None:
        say(f"{came} of {wish.count} came within {wish.seconds:g} seconds")
        raise typer.Exit(TOO_LATE)


class _Enough(Exception):
    """The time is over."""


@contextlib.contextmanager
def _ending_after(seconds: float | None) -> Iterator[None]:
    # A signal: the time may be over while a read waits, and a stream's signs of life put off any time-out.
    def end(number: int, frame: object) -> None:
        raise _Enough

    if seconds is not None:
        signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        if seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)


_WAYS: dict[str, Callable[[Verb, Call, Server, Wish], None]] = {
    "nothing": _nothing,
    "content": _content,
    "stream": _stream,
    "verify": _verify,
}


def _seen(verb: Verb, typed: dict[str, Any], server: Server) -> str:
    """Show what is decided on, ask, and give the digest of what was shown."""
    if not _somebody_there():
        stop("give the --digest of what was read: `mailwright approvals show` tells it")
    approval = server.json(Call("GET", f"/v1/approvals/{quote(typed['approval_id'], safe='')}"))
    showing.show(verb, approval)
    message = server.ask(Call("GET", f"/v1/messages/{quote(approval['message_id'], safe='')}"))
    if not isinstance(message, Answer):
        stop("this key may not read the message itself: read it elsewhere, and give its --digest")
    typer.echo("")
    content = server.read(message)
    showing.show(verb, content)
    if content.get("text") and content.get("html"):  # the two need not say the same, and both are approved
        typer.echo(f"\nAnd as HTML, which most readers show instead:\n\n{clean_text(content['html'])}")
    confirm(f"\n{verb.summary}?")
    return str(approval["digest"])


def _somebody_there() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _arguments(verb: Verb, typed: dict[str, Any]) -> list[str]:
    return [str(typed[one.name]) for one in verb.parameters if one.argument]


def _progress(text: str, silent: bool) -> None:
    """A line that is written over, where a person looks on."""
    if not silent and sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
