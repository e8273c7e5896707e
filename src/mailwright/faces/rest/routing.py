"""Which operation does this request mean? A tree of path segments, made from the table of operations.

Looking a path up costs a handful of dictionary look-ups, however many operations there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

from mailwright.core.errors import MethodNotAllowed, NotFound, Refusal

Target = TypeVar("Target")
MAX_PATH = 512  # characters: no path of ours is longer


@dataclass(slots=True)
class Node(Generic[Target]):
    """One segment: the fixed segments below it, the one that varies, and what answers here."""

    fixed: dict[str, Node[Target]] = field(default_factory=dict)
    varying: Node[Target] | None = None
    methods: dict[str, Target] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match(Generic[Target]):
    """What a request means: its target, and the path's varying segments in order."""

    target: Target
    values: tuple[str, ...]


def tree(routes: Iterable[tuple[str, str, Target]]) -> Node[Target]:
    """The tree of (method, path, target); `{name}` in a path varies."""
    root: Node[Target] = Node()
    for method, path, target in routes:
        node = root
        for segment in path.strip("/").split("/"):
            if segment.startswith("{"):
                node.varying = node = node.varying or Node()
            else:
                node = node.fixed.setdefault(segment, Node())
        node.methods[method] = target
    return root


def find(root: Node[Target], method: str, path: str) -> Match[Target]:
    """What a request means, by its path as it was sent; raises NotFound or MethodNotAllowed. HEAD is answered as GET is."""
    node, values = walk(root, path)
    target = node.methods.get("GET" if method == "HEAD" else method)
    if target is None:
        raise MethodNotAllowed(details={"allowed": allowed(node)})
    return Match(target, values)


def walk(root: Node[Target], path: str) -> tuple[Node[Target], tuple[str, ...]]:
    """The node that a path leads to, and its varying segments; raises NotFound."""
    node, values = root, []
    for written in path[1 : MAX_PATH + 2].split("/"):
        # RFC 3986 §2.2: an encoded slash is part of its segment. It must not lead from an id to another operation.
        segment = unquote(written) if "%" in written else written
        below = node.fixed.get(segment)
        if below is None and node.varying is not None and segment:
            below = node.varying
            values.append(segment)
        if below is None:
            raise _nothing_here(path)
        node = below
    if not node.methods or len(path) > MAX_PATH:
        raise _nothing_here(path)
    return node, tuple(values)


def allowed(node: Node[Target]) -> list[str]:
    """The methods that a path answers to."""
    return sorted({*node.methods, "OPTIONS"} | ({"HEAD"} if "GET" in node.methods else set()))


def _nothing_here(path: str) -> Refusal:
    return NotFound(f"There is nothing at {path[:100]}: /openapi.json lists the paths there are.")
