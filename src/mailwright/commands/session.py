"""The commands that come before all others on a new machine: `login`, `logout`, `completion`."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

Profile = Annotated[str, typer.Option(help="The profile's name: one for each server or key.")]


class Shell(StrEnum):
    """Shells that can be told what to complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def add(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    cli.command()(login)
    cli.command()(logout)
    cli.command()(completion)


def login(
    url: Annotated[str, typer.Argument(help="The server: https://mail.example.com")],
    profile: Profile = "default",
    key: Annotated[
        str | None,
        typer.Option(help="The API key; left out, it is asked for, or read from standard input.", show_default=False),
    ] = None,
) -> None:
    """Keep a server's address and a key in a file that only you may read, for the commands that ask a server."""
    from mailwright.client import Forbidden
    from mailwright.client.calling import Answer, Call
    from mailwright.commands.verbs import profiles
    from mailwright.commands.verbs.calling import Server

    address = profiles.checked_url(url)
    if key is None:
        key = _typed() if sys.stdin.isatty() else sys.stdin.readline(1000)
    key = key.strip()
    with Server(profiles.Connection(address, key), 30.0) as server:
        # Any key is answered here, if only that it may not look; one that is none is told so.
        got = server.ask(Call("GET", "/v1/mailboxes", {"limit": 1}))
        if not isinstance(got, Answer | Forbidden):
            server.refuse(got)
    kept = profiles.read()
    kept[profile] = {"url": address, "key": key}
    profiles.write(kept)
    typer.echo(f"Logged in to {address}; kept in {profiles.path()} as {profile!r}.", err=True)


def _typed() -> str:
    from getpass import getpass

    from mailwright.commands.given import stop

    try:
        return getpass("API key: ")
    except EOFError:
        stop("no key was typed")


def logout(profile: Profile = "default") -> None:
    """Forget a profile. The key itself stays good: `mailwright keys revoke` ends it."""
    from mailwright.commands.given import stop
    from mailwright.commands.verbs import profiles

    kept = profiles.read()
    if kept.pop(profile, None) is None:
        stop(f"there is no profile {profile!r}")
    profiles.write(kept)


def completion(shell: Annotated[Shell, typer.Argument(help="The shell that shall complete.")]) -> None:
    """Print what makes a shell complete commands and ids: for bash, `eval "$(mailwright completion bash)"` in ~/.bashrc."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    typer.echo(get_completion_script(prog_name="mailwright", complete_var="_MAILWRIGHT_COMPLETE", shell=shell.value))
