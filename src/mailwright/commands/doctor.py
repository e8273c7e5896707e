"""The command that checks an installation: `doctor`."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from mailwright.commands.given import stop
from mailwright.commands.server import ConfigFile

MARKS = {"ok": "ok     ", "warning": "WARNING", "failed": "FAILED ", "unknown": "?      "}


def add(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command()(doctor)


def doctor(
    config: ConfigFile = None,
    exchanger: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[:PORT]", help="Try to reach this mail exchanger, to learn whether outgoing port 25 is blocked."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check this host, its configuration, DNS and data, and say how to mend what is wrong; then the exit status is 1.

    Warnings don't change the exit status. Run it as the server's user, whether the server runs or not.
    """
    import asyncio

    from mailwright.config import ConfigError, load
    from mailwright.doctor.finding import Finding, failed, ok
    from mailwright.doctor.looking import Asked, look

    found: list[Finding] = []

    def tell(one: Finding) -> None:
        found.append(one)
        if not as_json:
            typer.echo(f"{MARKS[one.level]} {one.check}: {one.what}" + (f"\n        {one.fix}" if one.fix else ""))

    async def examine(asked: Asked) -> None:
        async for one in look(asked):
            tell(one)

    try:
        asked = Asked(load(config), _host_and_port(exchanger) if exchanger else None)
    except ConfigError as wrong:
        tell(failed("configuration", str(wrong), "mailwright config describe prints every setting."))
    else:
        tell(ok("configuration", "it can be read"))
        asyncio.run(examine(asked))
    counted: dict[str, Any] = {level: sum(one.level == level for one in found) for level in MARKS}
    if as_json:
        typer.echo(json.dumps({"findings": [one.as_json() for one in found], **counted}))
    else:
        typer.echo(", ".join(f"{count} {level}" for level, count in counted.items()))
    if counted["failed"]:
        raise typer.Exit(1)


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, number = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        return text, 25
    if not number.isdecimal() or not 0 < int(number) < 65536:
        stop(f"--exchanger {text!r}: write it as HOST or HOST:PORT")
    return host.strip("[]"), int(number)
