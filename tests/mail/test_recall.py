"""Checks that were made before."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.mail import recall
from mailwright.mail.questions import Answer, Asks, Question, RecordType, Status, Zone, answer, together
from mailwright.mail.recall import Memory
from mailwright.mailauth.dmarc import discover
from mailwright.mailauth.dmarc.discovery import Discovery
from mailwright.mailauth.spf import check_host

FIRST, SECOND, THIRD = (Question(name, RecordType.TXT) for name in ("one.test", "two.test", "three.test"))


class Checks:
    """A check that asks one, and what that says next; it counts how often it is made."""

    def __init__(self) -> None:
        self.made = 0
        self.memory = Memory[str]()

    def __call__(self, key: str = "key", lasts: Callable[[str], bool] = lambda _: True) -> Asks[str]:
        return self.memory.recall(key, self._check, lasts)

    def _check(self) -> Asks[str]:
        self.made += 1
        first = yield FIRST
        second, third = yield (SECOND, THIRD)
        return " ".join((*first.records, *second.records, *third.records))


def zone(*texts: str) -> Zone:
    return Zone({(question.name, "TXT"): (text,) for question, text in zip((FIRST, SECOND, THIRD), texts, strict=True)})


def test_told_the_same_it_comes_to_the_same_without_being_made() -> None:
    check = Checks()
    assert ["a b c", "a b c"] == [answer(check(), zone("a", "b", "c")) for _ in range(2)]
    assert 1 == check.made


@pytest.mark.parametrize("now", [("x", "b", "c"), ("a", "x", "c"), ("a", "b", "x")])
def test_told_something_else_it_is_made_anew(now: tuple[str, str, str]) -> None:
    check = Checks()
    answer(check(), zone("a", "b", "c"))
    assert " ".join(now) == answer(check(), zone(*now))
    assert " ".join(now) == answer(check(), zone(*now))
    assert 2 == check.made


def test_each_question_is_asked_once_even_where_it_is_made_anew() -> None:
    check, asked = Checks(), list[Question]()

    def lookup(question: Question) -> Answer:
        asked.append(question)
        return Answer(Status.OK, (str(len(asked)),))

    answer(check(), lookup)
    asked.clear()
    answer(check(), lambda question: lookup(question) if question is not FIRST else Answer(Status.OK, ("1",)))
    assert [SECOND, THIRD] == asked


def test_of_two_arguments_each_has_its_own_verdict() -> None:
    check = Checks()
    answer(check("key"), zone("a", "b", "c"))
    answer(check("other"), zone("a", "b", "c"))
    assert 2 == check.made


def test_what_does_not_last_is_not_kept() -> None:
    check = Checks()
    for _ in range(2):
        answer(check(lasts=lambda verdict: verdict != "a b c"), zone("a", "b", "c"))
    assert 2 == check.made


def test_long_records_are_not_kept() -> None:
    check = Checks()
    for _ in range(2):
        answer(check(), zone("a", "b", "c" * recall.MAX_TOLD))
    assert 2 == check.made


def test_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "MAX_HELD", 2)
    check = Checks()
    for key in ("one", "two", "three", "one"):
        answer(check(key), zone("a", "b", "c"))
    assert 4 == check.made
    answer(check("three"), zone("a", "b", "c"))
    assert 4 == check.made


def test_it_is_recalled_beside_others() -> None:
    check, records = Checks(), zone("a", "b", "c")
    assert ("a b c", "a b c") == answer(together(check(), check("other")), records)
    assert ("a b c", "a b c") == answer(together(check("other"), check()), records)
    assert 2 == check.made


RECORDS = st.sampled_from(
    [
        (),
        ("v=spf1 ip4:192.0.2.1 -all",),
        ("v=spf1 include:b.test -all",),
        ("v=spf1 include:%{l}.test a:b.test -all",),
        ("v=spf1 exists:%{i}.%{h}.test ?all",),
        ("v=spf1 redirect=b.test",),
        ("v=spf1 -all exp=b.test",),
        ("%{l} at %{t}",),
        ("v=DMARC1; p=none; psd=y",),
        ("v=DMARC1; p=reject; np=none",),
        ("!servfail",),
    ]
)
NAMES = ("a.test", "b.test", "ada.test", "_dmarc.a.test", "_dmarc.test")
ZONES = st.lists(RECORDS, min_size=len(NAMES), max_size=len(NAMES)).map(
    lambda found: Zone({(name, "TXT"): texts for name, texts in zip(NAMES, found, strict=True) if texts})
)
MESSAGES = st.tuples(st.sampled_from(["ada@a.test", "bob@a.test", "ada@b.test", ""]), st.integers(1, 3))


@given(st.lists(st.tuples(ZONES, MESSAGES), min_size=2, max_size=6))
@settings(max_examples=200)
def test_what_came_before_changes_no_verdict(history: list[tuple[Zone, tuple[str, int]]]) -> None:
    def both(now: Zone, mail_from: str, at: int) -> tuple[object, Discovery]:
        spf = check_host(ip_address("192.0.2.1"), mail_from=mail_from, helo="a.test", now=at)
        return answer(spf, now), answer(discover("a.test"), now)

    after = [both(now, *message) for now, message in history]
    alone = []
    for now, message in history:
        with pytest.MonkeyPatch.context() as fresh:
            fresh.setattr("mailwright.mailauth.spf.evaluate._past", Memory())
            fresh.setattr("mailwright.mailauth.dmarc.discovery._past", Memory())
            alone.append(both(now, *message))
    assert alone == after
