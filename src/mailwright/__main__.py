"""The command `mailwright`: what runs a server. Imports of weight wait until a command needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailwright import __version__

cli = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Real mailboxes for AI agents."
)
config_commands = typer.Typer(no_args_is_help=True, help="The configuration.")
cli.add_typer(config_commands, name="config")

ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", help="The TOML file; the environment wins over it.")]


@cli.command()
def serve(config: ConfigFile = None) -> None:
    """Run a server from a configuration file and the environment, until a signal."""
    from mailwright import app
    from mailwright.config import ConfigError, load

    try:
        app.run(load(config))
    except (ConfigError, app.CannotStart) as wrong:
        typer.echo(f"mailwright: {wrong}", err=True)
        raise typer.Exit(2) from None


@cli.command()
def local(
    data: Annotated[
        Path | None, typer.Option(help="Keep the world's data here; otherwise it goes when the world ends.")
    ] = None,
    port_base: Annotated[int, typer.Option(help="The first of five ports to use; 0 takes free ones.", min=0, max=65530)] = 0,
    ready_file: Annotated[Path | None, typer.Option(help="Write the addresses and keys here, as JSON, when all is up.")] = None,
    tour: Annotated[bool, typer.Option(help="Play the main job first, every step printed.")] = True,
) -> None:
    """Start a private mail world on this machine: a server, a DNS zone, and receivers that do as their addresses say."""
    from mailwright.app import CannotStart
    from mailwright.local.tour import TourFailed
    from mailwright.local.world import Options, run

    try:
        run(Options(data, port_base, ready_file, tour))
    except CannotStart as wrong:
        typer.echo(f"mailwright: {wrong}", err=True)
        raise typer.Exit(2) from None
    except TourFailed as wrong:
        typer.echo(f"mailwright: the tour failed: {wrong}", err=True)
        raise typer.Exit(1) from None


@config_commands.command("describe")
def describe() -> None:
    """Print every setting with its documentation and its default: a file to start from."""
    from mailwright.config import describe as text

    typer.echo(text(), nl=False)


@config_commands.command("check")
def check(config: ConfigFile = None) -> None:
    """Read the configuration as `serve` would, and say what is wrong with it."""
    from mailwright.config import ConfigError, load

    try:
        load(config)
    except ConfigError as wrong:
        typer.echo(f"mailwright: {wrong}", err=True)
        raise typer.Exit(2) from None
    typer.echo("The configuration can be used.")


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
