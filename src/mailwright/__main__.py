"""The command `mailwright`, put together from the groups in `commands/`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from mailwright import __version__
from mailwright.commands import configuration, doctor, identity, judging, keeping, mcp, reading, server, session, signing, verbs

EXTRAS = (
    "What runs a server or looks after one needs `pip install 'mailwright[server]'`, "
    "what reads and judges mail `pip install 'mailwright[mailauth]'`."
)
cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its help takes 0.2 s to be imported
    help="Real mailboxes for AI agents.",
)
for group in (server, mcp, configuration, doctor, keeping, session, judging, reading, identity, signing, verbs):
    group.add(cli)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@cli.callback()
def top(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Real mailboxes for AI agents: authenticated mail out and in, with a person in command."""


def main() -> None:
    """The entry point."""
    if "_MAILWRIGHT_COMPLETE" in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    try:
        cli(prog_name="mailwright")
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "mailwright":
            raise
        typer.echo(f"mailwright: {missing.name} is not installed here. {EXTRAS}", err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
