#!/usr/bin/env python3
"""Run the public MCP conformance suite against `/mcp` of a private mail world.

    scripts/conformance.py [--keep FOLDER]

Installs npm's `@modelcontextprotocol/conformance` and the Node it wants into a scratch folder, starts a world in this process
with a door that adds an agent's key (the suite has none), runs every server scenario that is about the protocol and not about
the tools of the suite's own example server, and prints a table. Ends with 1 where one of `GENERIC` fails.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import uvicorn

from mailwright.app.sockets import bind
from mailwright.faces.mcp.door import Mounted
from mailwright.local import world

VERSION, NODE = "0.1.16", "22"
PATIENCE = 60  # seconds for one scenario
GENERIC = ("server-initialize", "ping", "tools-list", "dns-rebinding-protection")
# What needs a session, which we never make (the suite warns and checks nothing), and what the suite asks of its own example
# server: tools, resources and prompts of fixed names.
SESSIONS = ("server-sse-multiple-streams", "server-sse-polling")
FIXTURES = (
    "logging-set-level", "completion-complete", "tools-call-simple-text", "tools-call-image", "tools-call-audio",
    "tools-call-embedded-resource", "tools-call-mixed-content", "tools-call-with-logging", "tools-call-error",
    "tools-call-with-progress", "tools-call-sampling", "tools-call-elicitation", "json-schema-2020-12",
    "elicitation-sep1034-defaults", "elicitation-sep1330-enums", "resources-list", "resources-read-text",
    "resources-read-binary", "resources-templates-read", "resources-subscribe", "resources-unsubscribe", "prompts-list",
    "prompts-get-simple", "prompts-get-with-args", "prompts-get-embedded-resource", "prompts-get-with-image",
)  # fmt: skip


def install(folder: Path) -> list[str]:
    """The suite's command, installed into the folder if it is not there."""
    node = folder / "node_modules" / "node" / "bin" / "node"
    suite = folder / "node_modules" / ".bin" / "conformance"
    if not node.exists() or not suite.exists():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [f"node@{NODE}", f"@modelcontextprotocol/conformance@{VERSION}"]
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", *wanted], cwd=folder, check=True, timeout=600)
    return [str(node), str(suite)]


def with_key(mounted: Mounted, key: str) -> Any:
    """The same with a key for whoever comes without."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [*scope["headers"], (b"authorization", f"Bearer {key}".encode())]}
        await mounted(scope, receive, send)

    return answer


async def main(keep: Path) -> int:
    """Run all of it; the exit code."""
    suite = install(keep)
    async with AsyncExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory())
        mail = await world.start(world.Options(tour=False), Path(data), stack)
        mounted = Mounted(_nothing, mail.running.ports)
        stack.push_async_callback(mounted.close)
        listener = bind("127.0.0.1", 0)
        settings = uvicorn.Config(with_key(mounted, mail.keys["agent_key"]), log_level="error", lifespan="off")
        server = uvicorn.Server(settings)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        failed = [name for name in GENERIC if not await passes(suite, url, name, "generic", keep)]
        for kind, names in (("session", SESSIONS), ("fixture", FIXTURES)):
            for name in names:
                await passes(suite, url, name, kind, keep)
        server.should_exit = True
        await serving
    print(f"\n{len(GENERIC) - len(failed)} of {len(GENERIC)} generic scenarios pass.")
    return 1 if failed else 0


async def passes(suite: list[str], url: str, name: str, kind: str, keep: Path) -> bool:
    """Run one scenario and print its line."""
    command = [*suite, "server", "--url", url, "--scenario", name, "-o", str(keep / "results")]
    running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        told, _ = await asyncio.wait_for(running.communicate(), PATIENCE)
    except TimeoutError:
        running.kill()
        told = b"took too long"
    good = running.returncode == 0 and b"Passed: 0/0" not in told
    print(f"{'pass' if good else 'FAIL' if kind == 'generic' else 'n/a':<5} {kind:<8} {name}", flush=True)
    (keep / f"{name}.log").write_bytes(told)
    return good


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="MCP conformance")
    arguments.add_argument("--keep", type=Path, default=Path("/var/tmp/mailwright-conformance"), help="scratch folder")
    sys.exit(asyncio.run(main(arguments.parse_args().keep)))
