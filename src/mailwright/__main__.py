"""The command `mailwright`, put together from the groups in `commands/`."""

from __future__ import annotations

from typing import Annotated

import typer

from mailwright import __version__
from mailwright.commands import configuration, identity, judging, keeping, mcp, server, signing

cli = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Real mailboxes for AI agents."
)
for group in (server, mcp, configuration, keeping, judging, identity, signing):
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
    cli()


if __name__ == "__main__":
    main()
