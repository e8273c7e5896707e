"""How refusals are told."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from mailwright.contract.errors import STATUS, body_of, invalid, refusals_by_status, retry_after, status_of
from mailwright.contract.operations import OPERATIONS
from mailwright.contract.scalars import IN_WORDS, Moment
from mailwright.core import errors
from mailwright.core.errors import Kind, every_refusal


def test_every_kind_has_a_status():
    assert set(Kind) == set(STATUS)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("malformed_request", 400),
        ("unauthenticated", 401),
        ("missing_permission", 403),
        ("permission_escalation", 403),
        ("sender_not_owned", 403),
        ("blocked_by_policy", 403),
        ("not_found", 404),
        ("method_not_allowed", 405),
        ("idempotency_in_flight", 409),
        ("approval_stale", 409),
        ("not_pending", 409),
        ("too_large", 413),
        ("validation_error", 422),
        ("recipient_suppressed", 422),
        ("idempotency_key_reuse", 422),
        ("rate_limited", 429),
        ("internal_error", 500),
        ("storage_busy", 503),
    ],
)
def test_a_promised_code_keeps_its_status(code, status):
    assert {status} == {status_of(one) for one in every_refusal() if one.code == code}


def test_a_refusal_is_told_with_what_to_do_next():
    refusal = errors.InvalidInput.at("to[0]", "there is no @ in it")
    told = msgspec.json.decode(msgspec.json.encode(body_of(refusal, "req_1", "https://mail.example.com/")))
    assert told == {
        "error": {
            "code": "validation_error",
            "message": "to[0]: there is no @ in it",
            "fix": errors.InvalidInput.fix,
            "docs": "https://mail.example.com/docs#validation_error",
            "request_id": "req_1",
            "details": [{"path": "to[0]", "message": "there is no @ in it"}],
        }
    }


@pytest.mark.parametrize(
    ("refusal", "seconds"),
    [
        (errors.RateLimited(retry_after=30), 30),
        (errors.RateLimited(), 5),
        (errors.StorageBusy(), 5),
        (errors.IdempotencyInFlight(retry_after=1), 1),
        (errors.NotFound(), None),
    ],
)
def test_only_what_may_succeed_later_says_when(refusal, seconds):
    assert seconds == retry_after(refusal)


def test_all_refusals_are_grouped_by_status():
    grouped = refusals_by_status()
    assert sorted(grouped) == list(grouped)
    assert set(every_refusal()) == {one for group in grouped.values() for one in group}


def patterns(schema: object) -> set[str]:
    """All patterns in a JSON schema."""
    if isinstance(schema, dict):
        here = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
        return here.union(*map(patterns, schema.values()))
    return set().union(*map(patterns, schema)) if isinstance(schema, list | tuple) else set()


def test_people_are_told_in_words_what_a_pattern_asks_for():
    asked = patterns(list(msgspec.json.schema_components([one.input for one in OPERATIONS])))
    assert asked
    assert asked <= set(IN_WORDS)


@pytest.mark.parametrize("pattern", IN_WORDS)
def test_a_text_that_misses_a_pattern_is_refused_in_words(pattern):
    kind = msgspec.defstruct("Asked", [("subject", Annotated[str, Meta(pattern=pattern)])])
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.json.decode(rb'{"subject": "\u0000"}', type=kind)
    refused = invalid(wrong.value)
    assert [{"path": "subject", "message": IN_WORDS[pattern]}] == refused.details


def test_a_time_that_is_none_is_refused_with_one_that_is():
    kind = msgspec.defstruct("Asked", [("send_at", Moment)])
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.json.decode(b'{"send_at": "yesterday"}', type=kind)
    assert "2026-11-20T09:30:00Z" in str(invalid(wrong.value))
