"""The client has every operation, once, as the table has it; and works where no server is installed."""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from mailwright.client import AsyncMailwright, Mailwright
from mailwright.contract.operations import OPERATIONS

ROOT = Path(__file__).resolve().parents[2]
BY_HAND = {"events.poll"}  # events.list, asked for ever
CLIENTS = (Mailwright("http://localhost", "key"), AsyncMailwright("http://localhost", "key"))


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("client_script", ROOT / "scripts" / "client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_was_written_from_the_table_is_what_it_says_now() -> None:
    """If this fails: `make docs`."""
    script = _script()
    made = script.modules()
    assert made == {name: (script.CLIENT / name).read_text("utf-8") for name in made}
    folders = ("shapes", "blocking", "awaiting")
    there = {f"{folder}/{path.name}" for folder in folders for path in (script.CLIENT / folder).glob("*.py")}
    assert there == set(made)


@pytest.mark.parametrize("client", CLIENTS)
def test_every_operation_is_one_method_with_its_fields(client: Mailwright | AsyncMailwright) -> None:
    groups = {name: group for name, group in vars(client).items() if not name.startswith("_")}
    methods = {
        f"{name}.{method}": getattr(group, method)
        for name, group in groups.items()
        for method in dir(group)
        if not method.startswith("_")
    }
    assert {one.name for one in OPERATIONS} == set(methods) - BY_HAND
    for one in OPERATIONS:
        parameters = set(inspect.signature(methods[one.name]).parameters)
        assert {field.name for field in msgspec.structs.fields(one.input)} == parameters - {"idempotency_key"}
        assert one.repeatable == ("idempotency_key" in parameters)


def test_whatever_changes_by_post_can_be_repeated() -> None:
    """The client tries every request again: that is safe where the server knows the key, or where nothing is changed."""
    assert [] == [one.name for one in OPERATIONS if one.method == "POST" and one.changes and not one.repeatable]


BLOCKED = """
import sys
for name in ("apsw cryptography dns h2 httptools mcp prometheus_client starlette structlog uvicorn uvloop acme josepy").split():
    sys.modules[name] = None
import mailwright.client
ours = sorted(name for name in sys.modules if name.startswith("mailwright."))
assert all(name.startswith("mailwright.client") for name in ours), ours
"""


def test_it_imports_nothing_of_the_server() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, timeout=20, check=False)
    assert (0, "") == (done.returncode, done.stderr)


PROGRAM = """
from collections.abc import Iterator
from mailwright.client import AsyncMailwright, Event, Mailwright, Webhook

def subjects(mw: Mailwright) -> list[str]:
    return [one.subject for one in mw.messages.list(direction="inbound")]

def follow(mw: Mailwright) -> Iterator[Event]:
    return mw.events.stream(after="start")

async def send(mw: AsyncMailwright) -> str:
    sent = await mw.messages.send("mbx_1", to=["a@b.example"], subject="x", text="y")
    async for one in mw.threads.list():
        return one.subject
    reveal_type(sent.approval_id)
    return sent.message_id

def wrong(mw: Mailwright) -> None:
    mw.messages.list(direction="sideways")
    mw.messages.send(mailbox="mbx_1")
"""


@pytest.mark.slow
def test_a_program_of_theirs_is_checked_strictly(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "/dev/null", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=55, check=False)
    told = [line.partition(": ")[2] for line in done.stdout.splitlines() if ": error:" in line]
    assert 'Revealed type is "str | None"' in done.stdout
    kinds = [line.rpartition("[")[2] for line in told]
    assert {"arg-type]", "call-arg]"} == set(kinds), done.stdout
