"""What no module of ours may do, whoever asks.

S3 (SMTP is spoken to strangers only), S16 (nothing fetches on its own), S23 (no shell), S24 (no pickles, nothing evaluated),
S29 (pinned).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PICKLES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell"}
FETCH = {"httpx", "httpx2", "httpcore2", "requests", "aiohttp", "urllib3"}
DIAL = {"create_connection", "open_connection", "connect_tcp", "open_unix_connection", "sock_connect", "connect"}
EVALUATES = {"eval", "exec", "yaml.load", "yaml.unsafe_load", "builtins.eval", "builtins.exec"}


def imported(tree: ast.AST) -> Iterator[str]:
    """The first names of the modules that are imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def calls(tree: ast.AST) -> Iterator[str]:
    """What is called, as written; with `shell` where a process is to be started through one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)
            if ast.unparse(node.func).startswith(("subprocess.", "Popen")):
                yield from ("shell" for one in node.keywords if one.arg == "shell" and ast.unparse(one.value) != "False")


def modules(tree: ast.AST) -> Iterator[str]:
    """The modules that are imported, and what is taken out of them, by their whole names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{one.name}" for one in node.names))


def who(finds: Callable[[ast.AST], bool]) -> set[str]:
    """Our modules of which that is so, from the package's folder on."""
    package = ROOT / "src" / "mailwright"
    return {path.relative_to(package).as_posix() for path in SOURCES if finds(ast.parse(path.read_bytes()))}


def beneath(*folders: str) -> set[str]:
    """Our modules in these folders."""
    package = ROOT / "src" / "mailwright"
    found = {path.relative_to(package).as_posix() for path in SOURCES}
    return {one for one in found if one.startswith(folders)}


def shells(tree: ast.AST) -> set[str]:
    return set(calls(tree)) & (SHELLS | {"shell"})


def evaluates(tree: ast.AST) -> set[str]:
    return set(imported(tree)) & PICKLES | set(calls(tree)) & EVALUATES


def test_s3_smtp_is_spoken_to_other_hosts_and_between_no_processes_of_ours() -> None:
    speaking = who(lambda tree: any(one.startswith("mailwright.wire.smtp_client") for one in modules(tree)))
    assert {"net/courier.py", "net/link.py"} == speaking - beneath("wire/smtp_client/")
    assert set() == who(lambda tree: "smtplib" in set(imported(tree)))


def test_s16_nothing_that_serves_fetches_but_through_the_guarded_client() -> None:
    fetching = who(lambda tree: bool(set(imported(tree)) & FETCH or set(modules(tree)) & {"urllib.request", "http.client"}))
    # ACME's server is the operator's choice.
    assert {"net/poster.py", "net/acme.py"} == fetching - beneath(
        "client/", "commands/", "doctor/", "local/", "faces/mcp/stdio.py"
    )


def test_s16_nothing_that_serves_dials_but_the_courier_and_the_guarded_client() -> None:
    dialling = who(lambda tree: any(one.rpartition(".")[2] in DIAL for one in calls(tree)))
    lines = {"system/processes.py", "smtpd/process.py", "couriers/process.py", "system/supervisor.py"}  # on this machine
    assert {"net/courier.py", "net/poster.py"} == dialling - lines - beneath("doctor/")


def test_S23_no_module_starts_a_shell() -> None:
    assert {} == {str(path): found for path in SOURCES if (found := shells(ast.parse(path.read_bytes())))}


def test_S24_no_module_unpickles_or_evaluates() -> None:
    assert {} == {str(path): found for path in SOURCES if (found := evaluates(ast.parse(path.read_bytes())))}


@pytest.mark.parametrize("bad", ["import pickle", "from marshal import loads", "eval(x)", "yaml.load(x)"])
def test_an_evaluation_would_be_found(bad: str) -> None:
    assert evaluates(ast.parse(bad))


@pytest.mark.parametrize("bad", ["os.system(x)", "subprocess.run(x, shell=True)", "subprocess.run(x, shell=y)"])
def test_a_shell_would_be_found(bad: str) -> None:
    assert shells(ast.parse(bad))


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_S29_every_dependency_is_pinned_with_its_hashes(name: str) -> None:
    joined = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
    wanted = [line for line in joined if line and not line.lstrip().startswith(("#", "--"))]
    assert wanted
    assert [] == [line for line in wanted if "==" not in line or "--hash=sha256:" not in line]
