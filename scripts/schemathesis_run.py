#!/usr/bin/env python3
"""Let schemathesis ask an API of ours whatever its description allows, and whatever it does not.

    scripts/schemathesis_run.py [--seconds 60] [more arguments of `schemathesis run`]

Serves a private world in this process (a store in memory, no network) on a port of its own, and runs all checks. Ends
with schemathesis' own exit code.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn

from mailwright.contract.operations import OPERATIONS
from mailwright.core import accounts, domains
from mailwright.core.model import Permission, Role
from mailwright.faces.rest import Options, close, create_app
from mailwright.testing import Internet
from mailwright.testing.internet.server import signing_keys

# No schema says all: a cursor is opaque, addresses and domains have grammars of their own, fields exclude each other, an
# Idempotency-Key was used before. What is refused for that is 422, with the fields by their paths; 400, 405, 413 and 415 are
# no answers to what the description allows.
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "422", "429", "503"]


@dataclass(frozen=True)
class Keys:
    """Whom the answers are for: most operations, those that decide, those that are the house's."""

    operator: str
    approver: str
    host: str

    def of(self, permission: Permission | None) -> str:
        """The key that may."""
        match permission:
            case Permission.APPROVALS_DECIDE:
                return self.approver
            case Permission.TENANTS_MANAGE:
                return self.host
            case _:
                return self.operator


def furnished() -> tuple[Internet, Keys]:
    """A world with some mail in it, one message of which is held, and its keys."""
    internet = Internet()
    ada = internet.agent("ada")
    internet.person("bob@there.example").write(ada.address, "Tea?", "At four?")
    ada.send(to="bob@there.example", subject="Yes", text="Gladly.")
    internet.agent("eve", mode="gated_send").send(to="bob@there.example", subject="Yes?", text="Gladly.")
    internet.run()
    operator, approver = (internet.home.seat.new_key(accounts.NewKey(role, role)) for role in (Role.OPERATOR, Role.APPROVER))
    _, _, host = internet.write(lambda tx: accounts.bootstrap(tx, internet.ports, "another"))
    return internet, Keys(operator, approver, host)


def settings(keys: Keys) -> Iterable[str]:
    """schemathesis.toml: who asks what, and which checks are left out."""
    yield f'headers = {{ Authorization = "Bearer {keys.operator}" }}'
    yield f"[checks.positive_data_acceptance]\nexpected-statuses = {ACCEPTED}"
    for one in OPERATIONS:
        if one.streams:  # never ends; tests/faces/rest/test_events.py reads it
            yield f'[[operations]]\ninclude-name = "{one.method} {one.path}"\nenabled = false'
        elif (key := keys.of(one.permission)) != keys.operator:
            yield f'[[operations]]\ninclude-name = "{one.method} {one.path}"'
            yield f'headers = {{ Authorization = "Bearer {key}" }}'


async def run(seconds: int, more: list[str], folder: Path) -> int:
    """Serve, and let it ask."""
    internet, keys = await asyncio.to_thread(furnished)
    config = folder / "schemathesis.toml"
    config.write_text("\n".join(settings(keys)) + "\n")
    app = create_app(internet.ports, Options())
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off", access_log=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config), "run",
        f"http://127.0.0.1:{port}/openapi.json", "--url", f"http://127.0.0.1:{port}", f"--max-time={seconds}",
        "--generation-database=none", "--no-color", "--output-sanitize=false", "--suppress-health-check=all", *more,
    ]  # fmt: skip
    hooks = {"PYTHONPATH": str(Path(__file__).parent), "SCHEMATHESIS_HOOKS": "schemathesis_hooks"}
    asking = await asyncio.create_subprocess_exec(*command, cwd=folder, env={**os.environ, **hooks})
    try:
        return await asyncio.wait_for(asking.wait(), 2 * seconds + 60)
    finally:
        if asking.returncode is None:
            asking.kill()
        close(app)
        server.should_exit = True
        await serving


async def ready_keys(*_: object) -> object:
    """Keys that are there already: making one takes longer than everything else that is asked."""
    return signing_keys()


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    given, more = parser.parse_known_args()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(40), logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    domains.make_keys = ready_keys  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run(given.seconds, more, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
