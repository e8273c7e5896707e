"""How do the messages of a set hang together, as trees?

Standards: RFC 5256 §3 (ORDEREDSUBJECT, REFERENCES), §4 (the form of the answer).
Pure, without recursion: a chain of any length, a cycle of references and a forest of placeholders cost about what a
plain list costs.
Not here: which conversation a message joins when it arrives (references.py); IMAP itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mailwright.mail.references import MessageIds, Subject, split_subject

MAX_CLIMB = 1000  # ancestors looked at for a cycle; a link that would need more is left out, as if it closed one


@dataclass(frozen=True, slots=True)
class Member:
    """One message of the set. `number` is what the trees name it by (sequence number or UID), and its mailbox order."""

    number: int
    ids: MessageIds
    subject: str  # encoded words decoded
    sent_at: float  # RFC 5256 §2.2: the Date field, or the arrival where that can't be read; seconds since 1970


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """A message in its tree, or (`member` None) the place of one that is not in the set."""

    member: Member | None = None
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    held: int = 0  # how many name it as their parent while links are still being made

    @property
    def number(self) -> int | None:
        """The message's number; None for a placeholder."""
        return self.member.number if self.member else None


def ordered_subject(members: Iterable[Member]) -> list[Node]:
    """ORDEREDSUBJECT (RFC 5256 §3): one tree per base subject, the earliest message above all others."""
    trees: dict[str, list[Node]] = {}
    for member in sorted(members, key=lambda one: (one.sent_at, one.number)):
        trees.setdefault(split_subject(member.subject).base.casefold(), []).append(Node(member))
    roots = []
    for root, *rest in trees.values():
        root.children = rest
        roots.append(root)
    return roots


def by_references(members: Sequence[Member]) -> list[Node]:
    """REFERENCES (RFC 5256 §3): trees by ids, and roots of equal base subject gathered under one."""
    roots = [node for node in _link(members) if node.parent is None]  # steps 1 and 2
    roots = _prune(roots)  # step 3
    _sort(roots)  # step 4
    roots = _gather(roots)  # step 5
    for node in _walk(roots):  # step 6; the order within one set of siblings does not depend on another's
        _sort(node.children)
    _sort(roots)
    return roots


def _link(members: Sequence[Member]) -> list[Node]:
    known: dict[str, Node] = {}
    nodes: list[Node] = []

    def node_of(message_id: str) -> Node:
        if (node := known.get(message_id)) is None:
            known[message_id] = node = Node()
            nodes.append(node)
        return node

    for member in members:
        node = node_of(member.ids.own) if member.ids.own else Node(member)
        if node.member is not None:  # RFC 5256 §3 (1): of two messages with one id the first has it
            node = Node(member)
            nodes.append(node)
        node.member = member
        above: Node | None = None
        for message_id in member.ids.references or member.ids.in_reply_to[:1]:
            if (below := node_of(message_id)) is node:
                continue
            if above is not None and below.parent is None and _may_hang(below, above):
                _set_parent(below, above)
            above = below
        # (1)(B): the message's own word on its parent beats what others said of it.
        if node.parent is not above:
            _set_parent(node, None)
            if above is not None and _may_hang(node, above):
                _set_parent(node, above)
    for node in nodes:
        if node.parent is not None:
            node.parent.children.append(node)
    return nodes


def _may_hang(node: Node, parent: Node) -> bool:
    if not node.held:
        return node is not parent
    above: Node | None = parent
    for _ in range(MAX_CLIMB):
        if above is None:
            return True
        if above is node:
            return False
        above = above.parent
    return False


def _set_parent(node: Node, parent: Node | None) -> None:
    if node.parent is not None:
        node.parent.held -= 1
    if parent is not None:
        parent.held += 1
    node.parent = parent


def _walk(roots: Sequence[Node]) -> list[Node]:
    """Every node, parents before their children."""
    found = list(roots)
    for node in found:
        found.extend(node.children)
    return found


def _prune(roots: list[Node]) -> list[Node]:
    for node in reversed(_walk(roots)):  # children first, so that a placeholder's children are pruned already
        if any(child.member is None for child in node.children):
            node.children = list(_promoted(node.children))
    kept: list[Node] = []
    for root in roots:
        if root.member is not None or len(root.children) > 1:
            kept.append(root)
        elif root.children:  # (3)(B): children become roots only when there is one
            kept.append(root.children[0])
    return kept


def _promoted(children: Iterable[Node]) -> Iterator[Node]:
    for child in children:
        if child.member is None:
            yield from child.children
        else:
            yield child


def _first(node: Node) -> Member:
    """The message that speaks for a node: its own, or that of a placeholder's first child."""
    member = node.member or node.children[0].member
    assert member is not None  # pruning leaves no placeholder below another
    return member


def _sort(nodes: list[Node]) -> None:
    for node in nodes:
        if node.member is None:
            node.children.sort(key=_order)
    nodes.sort(key=_order)


def _order(node: Node) -> tuple[float, int]:
    member = _first(node)
    return member.sent_at, member.number


def _gather(roots: list[Node]) -> list[Node]:
    subjects = {id(root): split_subject(_first(root).subject) for root in roots}
    table: dict[str, Node] = {}
    for root in roots:  # (5)(B)
        subject = subjects[id(root)]
        if base := subject.base.casefold():
            held = table.setdefault(base, root)
            answered = subjects[id(held)].is_answer and not subject.is_answer
            if held.member is not None and (root.member is None or answered):
                table[base] = root
    gone: set[int] = set()
    made: list[Node] = []
    for root in roots:  # (5)(C)
        base = subjects[id(root)].base.casefold()
        held = table.get(base, root)
        if held is root:
            continue
        gone.add(id(root))
        if held.member is None:
            held.children += root.children if root.member is None else [root]
        elif subjects[id(root)].is_answer and not subjects[id(held)].is_answer:
            held.children.append(root)
        else:
            gone.add(id(held))
            table[base] = both = Node(children=[held, root])
            subjects[id(both)] = Subject(base, False)
            made.append(both)
    return [root for root in (*roots, *made) if id(root) not in gone]


def render_trees(roots: Iterable[Node]) -> str:
    """The trees as RFC 5256 §4 writes them: "(1 2)(3 (4)(5))"; a placeholder above siblings is "((1)(2))"."""
    out: list[str] = []
    todo: list[Node | None] = list(reversed(list(roots)))  # None stands for a closing bracket
    while todo:
        node = todo.pop()
        if node is None:
            out.append(")")
            continue
        out.append("(")
        todo.append(None)
        out.append(_number(node))
        while len(node.children) == 1:
            node = node.children[0]
            out.append(_number(node))
        todo.extend(reversed(node.children))
    return "".join(out)


def _number(node: Node) -> str:
    if node.member is None:
        return ""
    return f"{node.member.number} " if node.children else f"{node.member.number}"
