"""The commands about Agent-Identity: `identity verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from mailwright.commands.given import InputFile, Json, Now, ZoneFile, ask, at, read_message, tell

Rcpt = Annotated[str | None, typer.Option(metavar="ADDRESS", help="The envelope recipient; left out, none is compared.")]


def add(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Agent-Identity: which agent wrote a message, and who allowed it.")
    group.callback()(_group)
    group.command()(verify)
    cli.add_typer(group, name="identity")


def _group() -> None:
    """Agent-Identity: which agent wrote a message, and who allowed it."""


def verify(file: InputFile, rcpt: Rcpt = None, zone: ZoneFile = None, now: Now = None, as_json: Json = False) -> None:
    """Verify a message's Agent-Identity field, and say step by step how the verdict came about."""
    from mailwright.commands.judging import paragraph
    from mailwright.mail.header import parse_header
    from mailwright.mailauth import provenance

    raw = read_message(file)
    found = ask(provenance.verify(parse_header(raw), raw, now=at(now), rcpt=rcpt), zone)
    tags = dict(found.tags or {})
    answer = {"verdict": found.verdict.value, "steps": list(found.steps), "tags": tags}
    said = [f"{name} = {value}" for name, value in tags.items()] if found.genuine else []
    tell(answer, "\n".join(paragraph("identity", found.verdict, "", (*found.steps, *said))), as_json=as_json)
    raise typer.Exit(0 if found.passes else 1)
