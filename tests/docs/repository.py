"""What these tests read: the project's files, its modules as trees, and who imports whom."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "mailwright"
DOCS = ROOT / "docs"


def read(path: str) -> str:
    """A file of the project."""
    return (ROOT / path).read_text("utf-8")


@cache
def files() -> tuple[Path, ...]:
    """Every text file of the project, as far as git knows of it or would."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, capture_output=True, check=False).stdout.decode().split("\0")
    found = [ROOT / name for name in listed if name] or [path for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return tuple(path for path in found if path.is_file())


def pages() -> list[Path]:
    """Every page in Markdown."""
    return [path for path in files() if path.suffix == ".md"]


@cache
def generator() -> ModuleType:
    """scripts/docs.py, as a module."""
    spec = importlib.util.spec_from_file_location("docs_script", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its dotted name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text("utf-8"))
    return found


@dataclass(frozen=True)
class Function:
    """One function or method: where, how long without its docstring, how many parameters, whether it says what it does."""

    module: str
    name: str
    lines: int
    parameters: int
    documented: bool


@cache
def functions() -> tuple[Function, ...]:
    """Every function of the package."""
    return tuple(found for module, tree in modules().items() for found in _functions(module, tree))


def _functions(module: str, tree: ast.Module) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node) is not None
            lines = (node.end_lineno or 0) - node.lineno + 1
            if documented:
                lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            parameters = [one for one in arguments if one.arg not in ("self", "cls")]
            yield Function(module, node.name, lines, len(parameters), documented)


def imports(depth: int = 99) -> dict[str, set[str]]:
    """Which module imports which, at import time; names are cut to `depth` parts. The package's own name is no floor."""
    graph: dict[str, set[str]] = {}
    for name, tree in modules().items():
        targets = {_known(target) for target in _imported(tree)} - {"mailwright"}
        home = ".".join(name.split(".")[:depth])
        graph.setdefault(home, set()).update(".".join(target.split(".")[:depth]) for target in targets)
    return {name: targets - {name} for name, targets in graph.items()}


def _imported(tree: ast.Module) -> Iterator[str]:
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        node = pending.pop()
        match node:
            case ast.If() if "TYPE_CHECKING" in ast.dump(node.test):
                pending += node.orelse
            case ast.If() | ast.Try():
                pending += node.body + node.orelse
            case ast.Import():
                yield from (one.name for one in node.names if one.name.startswith("mailwright"))
            case ast.ImportFrom() if (node.module or "").startswith("mailwright"):
                yield from (f"{node.module}.{one.name}" for one in node.names)


def _known(name: str) -> str:
    while name not in modules():
        name = name.rpartition(".")[0]
    return name


def heights(graph: dict[str, set[str]]) -> dict[str, int]:
    """On which floor each stands: one above the highest that it imports. Raises ValueError for a cycle, naming it."""
    found: dict[str, int] = {}

    def climb(name: str, path: tuple[str, ...]) -> int:
        if name in path:
            raise ValueError(" > ".join([*path[path.index(name) :], name]))
        if name not in found:
            found[name] = 1 + max((climb(below, (*path, name)) for below in graph.get(name, ())), default=0)
        return found[name]

    for name in graph:
        climb(name, ())
    return found


def longest_chain(graph: dict[str, set[str]]) -> list[str]:
    """One of the longest ways down, from the top."""
    height = heights(graph)
    chain = [max(height, key=lambda name: height[name])]
    while graph.get(chain[-1]):
        chain.append(max(sorted(graph[chain[-1]]), key=lambda name: height[name]))
    return chain
