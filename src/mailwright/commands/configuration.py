"""The commands about the configuration: `config describe` and `config check`."""

from __future__ import annotations

import typer

from mailwright.commands.server import ConfigFile


def add(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="The configuration.")
    group.command()(describe)
    group.command()(check)
    cli.add_typer(group, name="config")


def describe() -> None:
    """Print every setting with its documentation and its default: a file to start from."""
    from mailwright.config import describe as text

    typer.echo(text(), nl=False)


def check(config: ConfigFile = None) -> None:
    """Read the configuration as `serve` would, and say what is wrong with it."""
    from mailwright.config import ConfigError, load

    try:
        load(config)
    except ConfigError as wrong:
        typer.echo(f"mailwright: {wrong}", err=True)
        raise typer.Exit(2) from None
    typer.echo("The configuration can be used.")
