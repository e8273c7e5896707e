"""Which messages wait to be indexed, and which are."""

from __future__ import annotations

from mailwright.store.database import Notes
from mailwright.store.sqlite.words import BATCH, Plan, WordIndex


def test_new_messages_wait_until_there_are_enough_of_them() -> None:
    index = WordIndex({1: ["a"]})
    plan = index.plan(Notes(words={2: ["b"]}))
    assert Plan({1: ["a"], 2: ["b"]}) == plan
    index.done(plan)
    full = index.plan(Notes(words={n: ["c"] for n in range(3, BATCH + 1)}))
    assert ({}, []) == (full.waiting, full.forget)
    assert list(range(1, BATCH + 1)) == sorted(full.add)


def test_a_plan_that_was_not_committed_changes_nothing() -> None:
    index = WordIndex({1: ["a"]})
    index.plan(Notes(words={2: ["b"]}, rewritten={1: None}))
    assert Plan({1: ["a"]}) == index.plan(Notes())


def test_what_changes_is_indexed_again_at_once_if_it_was_indexed() -> None:
    index = WordIndex({7: ["a"]})
    plan = index.plan(Notes(words={8: ["b"], 9: ["c"]}, rewritten={1: ["x"], 2: None, 7: ["y"], 8: ["z"], 9: None}))
    assert Plan({7: ["y"], 8: ["z"]}, [1, 2], {1: ["x"]}) == plan


def test_what_came_and_changed_in_one_transaction_counts_as_it_ended() -> None:
    notes = Notes(words={1: ["a"]})
    notes.take(Notes(words={2: ["b"]}, rewritten={1: ["c"], 2: None}, topics={"queue"}, unneeded=["blb_1"]))
    assert ({"queue"}, ["blb_1"]) == (notes.topics, notes.unneeded)
    assert Plan({1: ["c"]}) == WordIndex({}).plan(notes)
