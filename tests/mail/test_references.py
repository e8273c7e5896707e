"""Conversations: ids read and written, subjects compared, a message put where it belongs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.mail.header import parse_header
from mailwright.mail.references import (
    MAX_OCTETS,
    MAX_READ,
    MAX_WRITTEN,
    SUBJECT_WINDOW,
    Arrival,
    Candidate,
    MessageIds,
    Subject,
    base_subject,
    choose_thread,
    conversation_subject,
    cut_references,
    forward_subject,
    message_ids,
    reply_ids,
    reply_subject,
    split_subject,
)

DAY = 86400.0


def ids_of(*lines: str) -> MessageIds:
    return message_ids(parse_header("\r\n".join([*lines, "", ""]).encode()))


# Ids, read


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Message-ID: <a@b>"], MessageIds("<a@b>", (), ())),
        (["Message-ID: (why not) <a@b> (no)"], MessageIds("<a@b>", (), ())),
        (["Message-ID: a@b"], MessageIds("<a@b>", (), ())),
        (["Message-ID:", " <a@\r\n b>"], MessageIds("<a@b>", (), ())),
        (["Message-ID: <>"], MessageIds("", (), ())),
        (["Message-ID: <a\x00@b>"], MessageIds("", (), ())),
        (["Message-ID: <first@b>", "Message-ID: <second@b>"], MessageIds("<first@b>", (), ())),
        (["References: <a@b>\t<c@d><e@f>"], MessageIds("", (), ("<a@b>", "<c@d>", "<e@f>"))),
        (["References: <a@b> <c@d> <a@b>"], MessageIds("", (), ("<c@d>", "<a@b>"))),
        (["References: a@b c@d nonsense"], MessageIds("", (), ("<a@b>", "<c@d>"))),
        (["In-Reply-To: Your message of Tue from bob@x <a@b>"], MessageIds("", ("<a@b>",), ())),
        (["In-Reply-To: bob@x's message of Tue"], MessageIds("", (), ())),
        (["In-Reply-To: <a@b> <c@d>"], MessageIds("", ("<a@b>", "<c@d>"), ())),
        (["Message-ID: <é@b>"], MessageIds("<é@b>", (), ())),
        (["Subject: nothing"], MessageIds("", (), ())),
    ],
)
def test_message_ids_are_read_as_mailers_write_them(lines: list[str], expected: MessageIds) -> None:
    assert expected == ids_of(*lines)


def test_of_too_many_references_the_first_and_the_last_are_read() -> None:
    found = ids_of("References: " + " ".join(f"<{n}@x>" for n in range(1000))).references
    assert ("<0@x>", "<901@x>", "<999@x>", MAX_READ) == (found[0], found[1], found[-1], len(found))


def test_the_nearest_ancestor_comes_first_and_each_once() -> None:
    assert ("<c@x>", "<b@x>", "<a@x>") == MessageIds("", ("<c@x>",), ("<a@x>", "<b@x>", "<c@x>")).nearest_first


@given(st.binary(max_size=200), st.binary(max_size=200))
@settings(max_examples=60)
def test_no_field_breaks_the_reading(one: bytes, other: bytes) -> None:
    ids = message_ids(parse_header(b"Message-ID: " + one + b"\r\nReferences: " + other + b"<x\r\n\r\n"))
    assert all(text[0] == "<" and text[-1] == ">" for text in (*ids.references, *ids.in_reply_to))


# Ids, written


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        (MessageIds("<p@x>", (), ()), (("<p@x>",), ("<p@x>",))),
        (MessageIds("<p@x>", ("<o@x>",), ("<n@x>", "<o@x>")), (("<p@x>",), ("<n@x>", "<o@x>", "<p@x>"))),
        (MessageIds("<p@x>", ("<o@x>",), ()), (("<p@x>",), ("<o@x>", "<p@x>"))),
        (MessageIds("<p@x>", ("<o@x>", "<m@x>"), ()), (("<p@x>",), ("<p@x>",))),
        (MessageIds("<p@x>", (), ("<p@x>", "<n@x>")), (("<p@x>",), ("<n@x>", "<p@x>"))),
        (MessageIds("", (), ("<n@x>",)), ((), ("<n@x>",))),
        (MessageIds("", (), ()), ((), ())),
    ],
)
def test_an_answer_refers_to_its_parent_and_to_what_the_parent_referred_to(
    parent: MessageIds, expected: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    """RFC 5322 §3.6.4."""
    assert expected == reply_ids(parent)


def test_references_keep_the_first_and_the_last() -> None:
    assert ("<0@x>", *(f"<{n}@x>" for n in range(31, 50))) == cut_references([f"<{n}@x>" for n in range(50)])


def test_two_ids_too_long_for_one_line_leave_the_parent() -> None:
    parent = f"<{'p' * 600}@x>"
    assert (parent,) == cut_references([f"<{'r' * 600}@x>", parent])


@given(st.lists(st.text("abc@<>é", min_size=1, max_size=400), max_size=60))
@settings(max_examples=60)
def test_cut_references_always_fit_on_a_line_and_keep_the_parent(ids: list[str]) -> None:
    kept = cut_references(ids)
    assert len(kept) <= MAX_WRITTEN
    assert len(" ".join(kept).encode()) <= max(MAX_OCTETS, len(ids[-1].encode()) if ids else 0)
    assert kept[-1:] == tuple(ids[-1:])


# Subjects


@pytest.mark.parametrize(
    ("subject", "base", "answer"),
    [
        ("Tea?", "Tea?", False),
        ("  Tea \t at\r\n four ", "Tea at four", False),
        ("Re: Tea?", "Tea?", True),
        ("RE : Fwd: fw: re[list]: Tea?", "Tea?", True),
        ("Tea? (fwd) (FWD)", "Tea?", True),
        ("[list] Re: [list] Tea?", "Tea?", True),
        ("[list] Tea?", "Tea?", False),
        ("[a] [b]", "[b]", False),
        ("[fwd: [x] Tea?]", "Tea?", True),
        ("[fwd: Re: Tea? (fwd)]", "Tea?", True),
        ("Re: [fwd: ]", "", True),
        ("Reply: Tea?", "Reply: Tea?", False),
        ("Re Tea?", "Re Tea?", False),
        ("AW: Tea?", "AW: Tea?", False),
        ("[never closed re: Tea?", "[never closed re: Tea?", False),
        ("Re: a\0b", "", True),
        ("", "", False),
    ],
)
def test_base_subject_is_that_of_rfc_5256(subject: str, base: str, answer: bool) -> None:
    assert Subject(base, answer) == split_subject(subject)
    assert base == base_subject(subject)


@pytest.mark.corpora
def test_base_subjects_agree_with_another_server(shared: Path) -> None:
    rows = json.loads((shared / "corpora/threading/mox-threadsubject/cases.json").read_text())
    wrong = []
    for row in rows:
        base, answer = split_subject(row["subject"])
        if (base.lower(), answer) != (row["base"], row["is_response"]):
            wrong.append((row, base, answer))
    print(f"base subjects: {len(rows) - len(wrong)}/{len(rows)}")
    assert [] == wrong


@pytest.mark.parametrize(
    "subject",
    [
        "Tea?",
        "AW: Tea?",
        "Re[2]: tea?",
        "回复：Tea?",
        "SV: VS: RE: Tea?",
        "[list] Antw: [list] Tea?",
        "TR : Tea?",
        "Rif: Tea? (fwd)",
    ],
)
def test_an_answer_in_any_language_has_the_subject_of_what_it_answers(subject: str) -> None:
    assert Subject("tea?", subject != "Tea?") == conversation_subject(subject)


@pytest.mark.parametrize(
    ("subject", "reply", "forward"),
    [
        ("Tea?", "Re: Tea?", "Fwd: Tea?"),
        ("Re: Tea?", "Re: Tea?", "Fwd: Re: Tea?"),
        ("RE: Re[3]: AW: SV: Tea?", "Re: Tea?", "Fwd: RE: Re[3]: AW: SV: Tea?"),
        ("Fwd: WG: Tea?", "Re: Fwd: WG: Tea?", "Fwd: Tea?"),
        ("Results: 3 of 4", "Re: Results: 3 of 4", "Fwd: Results: 3 of 4"),
        ("a\r\n b", "Re: a b", "Fwd: a b"),
        ("", "Re:", "Fwd:"),
    ],
)
def test_an_answer_says_so_once(subject: str, reply: str, forward: str) -> None:
    assert (reply, forward) == (reply_subject(subject), forward_subject(subject))


@given(st.text("[]rewd: f()\0x", max_size=80) | st.text(max_size=40))
@settings(max_examples=80)
def test_a_base_subject_is_its_own_base(subject: str) -> None:
    base = base_subject(subject)
    assert base == base_subject(base)
    assert conversation_subject(base).base == conversation_subject(subject).base


# Choosing a conversation

ANSWER = MessageIds("<new@there>", ("<sent@here>",), ("<first@here>", "<sent@here>"))


def conversation(
    thread_id: str = "thr_1",
    ids: Sequence[str] = ("<sent@here>",),
    people: Sequence[str] = ("ada@here", "bob@there"),
    subject: str = "tea?",
    last_at: float = 0.0,
) -> Candidate:
    return Candidate(thread_id, frozenset(ids), frozenset(people), subject, last_at)


def arriving(
    ids: MessageIds = ANSWER,
    header_from: str = "bob@there",
    others: Sequence[str] = ("ada@here",),
    subject: str = "Re: Tea?",
    at: float = DAY,
) -> Arrival:
    return Arrival(ids, header_from, frozenset(others), conversation_subject(subject), at)


NO_IDS = MessageIds("<new@there>", (), ())
UNKNOWN_IDS = MessageIds("<new@there>", ("<rewritten@relay>",), ())


@pytest.mark.parametrize(
    ("why", "arrival", "joins"),
    [
        ("a partner answers", arriving(), True),
        ("a partner answers under another subject", arriving(subject="Cake!"), True),
        ("a partner names References alone", arriving(MessageIds("", (), ("<sent@here>",))), True),
        ("an alias of a partner answers", arriving(header_from="robert@elsewhere"), True),
        ("an alias answers in German", arriving(header_from="robert@elsewhere", subject="AW: Tea?"), True),
        ("a stranger forges References", arriving(header_from="eve@evil", subject="Invoice"), False),
        ("a stranger forges References and gives no subject", arriving(header_from="eve@evil", subject=""), False),
        ("a partner opens a new matter", arriving(NO_IDS, subject="Cake!"), False),
        ("a partner writes the same subject anew", arriving(NO_IDS, subject="Tea?"), False),
        ("a partner answers through a relay that rewrites ids", arriving(UNKNOWN_IDS), True),
        ("a partner answers without any ids", arriving(NO_IDS), True),
        ("a stranger writes Re: the same subject", arriving(NO_IDS, header_from="eve@evil"), False),
        ("a partner writes Re: the same subject to others too", arriving(NO_IDS, others=["ada@here", "x@y"]), False),
        ("a partner writes Re: the same subject too late", arriving(NO_IDS, at=SUBJECT_WINDOW + 1.0), False),
    ],
)
def test_a_message_joins_a_conversation_only_when_it_belongs_there(why: str, arrival: Arrival, joins: bool) -> None:
    assert ("thr_1" if joins else None) == choose_thread([conversation()], arrival), why


def test_two_messages_without_subject_are_not_the_same_matter() -> None:
    assert choose_thread([conversation(subject="")], arriving(header_from="eve@evil", subject="Re:")) is None
    assert choose_thread([conversation(subject="")], arriving(NO_IDS, subject="Re:")) is None


def test_the_conversation_with_the_nearest_reference_wins() -> None:
    old = conversation("thr_old", ["<first@here>"], last_at=5 * DAY)
    new = conversation("thr_new", ["<sent@here>"], last_at=DAY)
    assert "thr_new" == choose_thread([old, new], arriving()) == choose_thread([new, old], arriving())


def test_a_forged_nearest_reference_does_not_hide_a_true_one() -> None:
    other = conversation("thr_other", ["<sent@here>"], ["ada@here", "carol@x"], "wages")
    mine = conversation("thr_mine", ["<first@here>"])
    assert "thr_mine" == choose_thread([other, mine], arriving())


def test_equal_claims_go_to_the_latest_and_then_to_the_smallest_id() -> None:
    one, two, three = conversation("thr_c"), conversation("thr_b", last_at=7.0), conversation("thr_a", last_at=7.0)
    assert "thr_a" == choose_thread([one, two, three], arriving()) == choose_thread([three, two, one], arriving(NO_IDS))


def test_no_candidates_open_a_new_conversation() -> None:
    assert choose_thread([], arriving()) is None
