"""Every way to say no has a name of its own, a sentence and a way out."""

from __future__ import annotations

import re

from mailwright.core.errors import BodyTooLarge, InvalidInput, Kind, Refusal, every_refusal

REFUSALS = list(every_refusal())


def test_each_refusal_has_a_code_of_its_own():
    codes = [refusal.code for refusal in REFUSALS]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)
    assert Refusal.code not in codes


def test_each_refusal_says_what_is_wrong_and_what_to_do():
    for refusal in REFUSALS:
        assert re.fullmatch(r"[A-Z].+\.", refusal.summary()), refusal
        assert refusal.fix != Refusal.fix, refusal
        assert isinstance(refusal.kind, Kind)


def test_a_refusal_without_words_says_those_of_its_docstring():
    refusal = BodyTooLarge(details={"limit": 1}, retry_after=3)
    assert (BodyTooLarge.summary(), {"limit": 1}, 3) == (refusal.message, refusal.details, refusal.retry_after)
    assert BodyTooLarge.summary() == str(refusal)


def test_one_bad_field_is_named_with_its_path():
    refusal = InvalidInput.at("to[0]", "it is no address")
    assert ("to[0]: it is no address", [{"path": "to[0]", "message": "it is no address"}]) == (
        refusal.message,
        refusal.details,
    )
