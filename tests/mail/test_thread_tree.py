"""Trees of messages, as RFC 5256 grows them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.mail.header import parse_header
from mailwright.mail.references import MessageIds, message_ids
from mailwright.mail.thread_tree import Member, by_references, ordered_subject, render_trees


def member(number: int, own: str = "", refs: str = "", subject: str = "", at: float | None = None) -> Member:
    ids = MessageIds(f"<{own}>" if own else "", (), tuple(f"<{one}>" for one in refs.split()))
    return Member(number, ids, subject, float(number) if at is None else at)


@pytest.mark.parametrize(
    ("why", "members", "expected"),
    [
        ("one message", [member(1, "a")], "(1)"),
        ("a chain", [member(1, "a"), member(2, "b", "a"), member(3, "c", "a b")], "(1 2 3)"),
        ("a chain that came backwards", [member(1, "c", "a b"), member(2, "b", "a"), member(3, "a")], "(3 2 1)"),
        ("two answers", [member(1, "a"), member(2, "b", "a"), member(3, "c", "a")], "(1 (2)(3))"),
        ("a missing middle", [member(1, "a"), member(2, "c", "a b")], "(1 2)"),
        ("a missing root with one child", [member(1, "b", "a")], "(1)"),
        ("a missing root with two children", [member(1, "b", "a"), member(2, "c", "a")], "((1)(2))"),
        ("children of a missing child rise", [member(1, "a"), member(2, "c", "a b"), member(3, "d", "a b")], "(1 (2)(3))"),
        ("a truncated References is mended", [member(1, "c", "a b"), member(2, "b", "x")], "(2 1)"),
        ("a message without references has no parent", [member(1, "c", "a b"), member(2, "b")], "(2 1)"),
        ("the same id twice", [member(1, "a"), member(2, "a"), member(3, "b", "a")], "(1 3)(2)"),
        ("it answers itself", [member(1, "a", "a")], "(1)"),
        ("two that answer each other", [member(1, "a", "b"), member(2, "b", "a")], "(2 1)"),
        ("In-Reply-To where References are missing", [member(1, "a"), Member(2, MessageIds("", ("<a>",), ()), "", 2)], "(1 2)"),
        ("roots are sorted by date", [member(1, "a", at=9), member(2, "b", at=3), member(3, "c", at=9)], "(2)(1)(3)"),
        ("a missing root is sorted by its first child", [
            member(1, "a", at=5), member(2, "b", "x", at=9), member(3, "c", "x", at=1)], "((3)(2))(1)"),
        ("siblings are sorted by date", [member(1, "a"), member(2, "b", "a", at=9), member(3, "c", "a", at=4)], "(1 (3)(2))"),
    ],
)  # fmt: skip
def test_references_make_trees(why: str, members: list[Member], expected: str) -> None:
    assert expected == render_trees(by_references(members)), why


@pytest.mark.parametrize(
    ("why", "members", "expected"),
    [
        ("an answer goes below", [member(1, "a", subject="Tea?"), member(2, "b", subject="Re: tea?")], "(1 2)"),
        ("an answer that came first goes below", [member(1, "b", subject="Re: Tea?"), member(2, "a", subject="Tea?")], "(2 1)"),
        ("two openings stand side by side", [member(1, subject="Tea?"), member(2, subject="Tea?")], "((1)(2))"),
        ("two answers stand side by side", [member(1, subject="Re: Tea?"), member(2, subject="Re: Tea?")], "((1)(2))"),
        ("a third joins them", [member(n, subject="Tea?") for n in (1, 2, 3)], "((1)(2)(3))"),
        ("two missing roots become one", [
            member(1, "a", "x", "Tea?"), member(2, "b", "x"), member(3, "c", "y", "Tea?"), member(4, "d", "y")],
            "((1)(2)(3)(4))"),
        ("an opening joins a missing root", [
            member(1, "a", "x", "Tea?"), member(2, "b", "x"), member(3, subject="Tea?")], "((1)(2)(3))"),
        ("no subject is no subject in common", [member(1), member(2)], "(1)(2)"),
    ],
)  # fmt: skip
def test_roots_with_the_same_subject_are_gathered(why: str, members: list[Member], expected: str) -> None:
    assert expected == render_trees(by_references(members)), why


def test_ordered_subject_puts_the_earliest_above_all_others() -> None:
    members = [
        member(1, subject="Re: Tea?"),
        member(2, subject="Cake"),
        member(3, subject="tea?"),
        member(4, subject="Fwd: Tea?"),
    ]
    assert "(1 (3)(4))(2)" == render_trees(ordered_subject(members))


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["thread", "thread4", "thread6"])
def test_trees_agree_with_the_imap_tester(shared: Path, name: str) -> None:
    folder = shared / "corpora/threading/imaptest"
    members = []
    for number, text in enumerate(re.split(r"(?m)^(?=From \S+  )", (folder / f"{name}.mbox").read_text())[1:], 1):
        line, _, message = text.partition("\n")
        header = parse_header(message.encode())
        at = datetime.strptime(line.split("  ")[1], "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC).timestamp()
        members.append(Member(number, message_ids(header), header.value("subject") or "", at))
    expected = re.findall(r"(?i)^\* thread (.*)$", (folder / f"{name}.txt").read_text(), re.MULTILINE)
    assert expected[0] == render_trees(by_references(members))
    if len(expected) > 1:  # the script removes the first message
        rest = [Member(one.number - 1, one.ids, one.subject, one.sent_at) for one in members[1:]]
        assert expected[1] == render_trees(by_references(rest))


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=4)), max_size=9))
@settings(max_examples=150)
def test_every_message_stands_in_the_trees_exactly_once(rows: list[tuple[str, list[str]]]) -> None:
    members = [member(number, own, " ".join(refs), own) for number, (own, refs) in enumerate(rows, 1)]
    for trees in (by_references(members), ordered_subject(members)):
        text = render_trees(trees)
        assert list(range(1, len(rows) + 1)) == sorted(map(int, re.findall(r"\d+", text)))
        assert text.count("(") == text.count(")")


def test_a_long_chain_is_no_deep_recursion() -> None:
    members = [member(n, f"{n}", f"{n - 1}") for n in range(3000, 0, -1)]
    assert f"({' '.join(map(str, range(1, 3001)))})" == render_trees(by_references(members))


def test_a_node_is_named_by_its_message_and_a_placeholder_by_nothing() -> None:
    (root,) = by_references([member(7, "b", "a"), member(9, "c", "a")])
    assert (None, [7, 9]) == (root.number, [child.number for child in root.children])


def test_a_chain_of_claims_too_long_to_climb_is_left_unlinked() -> None:
    """Only a message that already has children can close a cycle; its link is given up after a thousand ancestors."""
    chain = [member(n, f"{n}", f"{n - 1}") for n in range(1, 1200)]
    late = [member(2000, "child", "late"), member(2001, "late", "1199")]
    assert "(2001 2000)" in render_trees(by_references([*chain, *late]))
