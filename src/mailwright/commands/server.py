"""The commands that run a server: `serve`, and `local` for a private mail world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", help="The TOML file; the environment wins over it.")]


def add(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    cli.command()(serve)
    cli.command()(local)


def serve(
    config: ConfigFile = None,
    processes: Annotated[
        int | None, typer.Option(help="Processes that speak SMTP, sharing the ports; instead of `smtp.processes`.", min=-1)
    ] = None,
) -> None:
    """Run a server from a configuration file and the environment, until a signal."""
    import msgspec

    from mailwright.app.foreground import run
    from mailwright.app.sockets import CannotStart
    from mailwright.config import ConfigError, load

    try:
        chosen = load(config)
        if processes is not None:
            chosen = msgspec.structs.replace(chosen, smtp=msgspec.structs.replace(chosen.smtp, processes=processes))
        run(chosen)
    except (ConfigError, CannotStart) as wrong:
        typer.echo(f"mailwright: {wrong}", err=True)
        raise typer.Exit(2) from None


def local(
    data: Annotated[
        Path | None, typer.Option(help="Keep the world's data here; otherwise it goes when the world ends.")
    ] = None,
    port_base: Annotated[int, typer.Option(help="The first of five ports to use; 0 takes free ones.", min=0, max=65530)] = 0,
    ready_file: Annotated[Path | None, typer.Option(help="Write the addresses and keys here, as JSON, when all is up.")] = None,
    tour: Annotated[bool, typer.Option(help="Play the main job first, every step printed.")] = True,
) -> None:
    """Start a private mail world on this machine: a server, a DNS zone, and receivers that do as their addresses say."""
    from mailwright.app.sockets import CannotStart
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
