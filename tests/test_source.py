"""What no module of ours may do, whoever asks: S23 (no shell), S24 (no pickles, nothing evaluated), S29 (pinned)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PICKLES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell"}
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


def shells(tree: ast.AST) -> set[str]:
    return set(calls(tree)) & (SHELLS | {"shell"})


def evaluates(tree: ast.AST) -> set[str]:
    return set(imported(tree)) & PICKLES | set(calls(tree)) & EVALUATES


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
