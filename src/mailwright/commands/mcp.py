"""The command that an MCP host starts: `mcp`."""

from __future__ import annotations

import os
import sys

import typer

URL, KEY = "MAILWRIGHT_URL", "MAILWRIGHT_KEY"


def add(cli: typer.Typer) -> None:
    """Add this command to the command line."""
    cli.command()(mcp)


def mcp() -> None:
    """Serve MCP on standard input and output, for a host that starts it: a pipe to the server that MAILWRIGHT_URL names.

    MAILWRIGHT_KEY is the key whose tools the host sees.
    """
    import asyncio
    import contextlib

    from mailwright.faces.mcp.stdio import serve

    url, key = os.environ.get(URL, ""), os.environ.get(KEY, "")
    if not url.startswith(("http://", "https://")) or not key.isascii() or not key.isprintable() or not key:
        wanted = f"set {URL} to the server's address (https://mail.example.com) and {KEY} to an API key"
        typer.echo(f"mailwright: {wanted}", err=True)
        raise typer.Exit(2)
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        asyncio.run(serve(url, key, sys.stdin.buffer, sys.stdout.buffer))
