"""How refusals are told."""

from __future__ import annotations

import msgspec
import pytest

from mailwright.contract.errors import STATUS, body_of, refusals_by_status, retry_after, status_of
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
