"""What the commands about mail are given (a message, a zone, a time), and how they answer.

Every such command takes `--zone`, `--now` and `--json`; without a zone the machine's own resolver is asked.
Exit codes, the same for all: 0 an answer was given (where it is a verdict: a pass), 1 the verdict is another one,
2 what was given can't be used.
Promises: input is bounded in size and in time, and so is the asking.
"""

from __future__ import annotations

import json
import os
import re
import select
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from mailwright.mail.questions import Asks, Zone

T = TypeVar("T")

MAX_OCTETS = 100 * 1024 * 1024
MAX_SECONDS = 60.0
_BARE_LF = re.compile(rb"(?<!\r)\n")

InputFile = Annotated[str, typer.Argument(metavar="FILE", help="The file to read, or - for standard input.")]
ZoneFile = Annotated[
    Path | None,
    typer.Option("--zone", metavar="FILE", help="Answer DNS questions from this file of lines `name TYPE value`; ask nobody."),
]
Unasked = Annotated[Path | None, typer.Option("--zone", metavar="FILE", help="Taken as everywhere; nothing is asked here.")]
Now = Annotated[int | None, typer.Option("--now", metavar="UNIX", help="The time to judge by, in seconds since 1970.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def stop(problem: object) -> NoReturn:
    """Say on standard error why nothing can be done, and end with code 2."""
    typer.echo(f"mailwright: {problem}", err=True)
    raise typer.Exit(2)


def confirm(question: str) -> None:
    """Ask on standard error whether it is meant; end with code 1 where not. Ctrl-C ends as it does everywhere."""
    # Not typer's: it takes Ctrl-C for a no.
    typer.echo(f"{question} [y/N] ", nl=False, err=True)
    if sys.stdin.readline(100).strip().casefold() not in ("y", "yes"):
        typer.echo("mailwright: nothing was done", err=True)
        raise typer.Exit(1)


def tell(answer: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Print an answer as JSON, or as text for people."""
    typer.echo(json.dumps(answer, indent=2) if as_json else text.rstrip("\n"))


def read(path: str) -> bytes:
    """The octets of a file, or of standard input for `-`. Stops where they can't be read, are too many or too slow."""
    try:
        if path == "-":
            return _drain(sys.stdin.buffer)
        # Not blocking: to open a named pipe that nobody writes to would wait for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:
            return _drain(file)
    except OSError as wrong:
        stop(f"{path} can't be read: {wrong.strerror or wrong}")


def read_message(path: str) -> bytes:
    """A message as it stood on the wire: every line ends in CRLF, however the file keeps it."""
    return _BARE_LF.sub(b"\r\n", read(path))


def at(now: int | None) -> int:
    """The time given, else the clock's."""
    return int(time.time()) if now is None else now


def ask(check: Asks[T], zone: Path | None) -> T:
    """Drive a check to its verdict: by the zone file, or by the machine's resolver where there is none."""
    if zone is None:
        return _ask_resolver(check)
    from mailwright.mail.questions import answer

    return answer(check, read_zone(zone))


def read_zone(path: Path) -> Zone:
    """A zone file (mail/zone_file.py says how it is written). Stops where it can't be read, and names the line."""
    from mailwright.mail.questions import Zone

    octets = read(str(path))
    try:
        return Zone.parse(octets.decode())
    except UnicodeDecodeError as wrong:
        number = octets.count(b"\n", 0, wrong.start) + 1
        stop(f"{path}: line {number}: not UTF-8")
    except ValueError as wrong:
        stop(f"{path}: {wrong}")


def _drain(stream: Any) -> bytes:
    try:
        descriptor = stream.fileno()
    except OSError:  # no file: somebody runs us inside their own program
        return _within(stream.read(MAX_OCTETS + 1))
    found, size, deadline = [], 0, time.monotonic() + MAX_SECONDS
    while size <= MAX_OCTETS:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            stop(f"the input did not end within {MAX_SECONDS:.0f} seconds")
        chunk = os.read(descriptor, 1 << 20)
        if not chunk:
            break
        found.append(chunk)
        size += len(chunk)
    return _within(b"".join(found))


def _within(octets: bytes) -> bytes:
    if len(octets) > MAX_OCTETS:
        stop(f"the input is larger than {MAX_OCTETS // 1024 // 1024} MiB")
    return octets


def _ask_resolver(check: Asks[T]) -> T:
    import asyncio

    from mailwright.net.resolver import Resolver

    async def drive() -> T:
        resolver = Resolver()
        try:
            async with asyncio.timeout(MAX_SECONDS):
                return await resolver.resolve(check)
        finally:
            await resolver.close()

    try:
        return asyncio.run(drive())
    except TimeoutError:
        stop(f"DNS did not answer all questions within {MAX_SECONDS:.0f} seconds")
