"""When the client tries again, how long it waits, and what it raises when it does not."""

from __future__ import annotations

import json

import pytest

from mailwright.client import Conflict, Garbled, Invalid, Patience, RateLimited, TimedOut, Unavailable, Unreachable
from mailwright.client.calling import Answer, Call
from mailwright.client.retrying import Loss, Lost, Pause, asking, seconds_in

POST = Call("POST", "/v1/send_email", once="key")
OK = Answer(200, {}, b"{}")
LOST = Lost("connection reset")


def refusal(status: int, code: str = "storage_busy", **headers: str) -> Answer:
    error = {"code": code, "message": "No.", "fix": "Wait.", "request_id": "req_1", "details": [{"path": "to"}]}
    return Answer(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps({"error": error}).encode()
    )


def play(call: Call, *answers: Answer | Lost, patience: Patience | None = None) -> tuple[Answer, list[float]]:
    """The answer that counts, and the pauses before it; every draw is 1."""
    conversation, pauses = asking(call, patience or Patience(), lambda: 1.0), []
    left = list(answers)
    step = next(conversation)
    while True:
        got = None
        if isinstance(step, Pause):
            pauses.append(step.seconds)
        else:
            got = left.pop(0)
        try:
            step = conversation.send(got)
        except StopIteration as done:
            assert [] == left
            return done.value, pauses


@pytest.mark.parametrize(
    "trouble",
    [LOST, refusal(503), refusal(429, "rate_limited"), refusal(409, "idempotency_in_flight"), Answer(502, {}, b"<html>")],
)
def test_what_may_go_better_is_tried_again(trouble: Answer | Lost) -> None:
    assert OK == play(POST, trouble, OK)[0]


def test_pauses_double_up_to_the_longest() -> None:
    patience = Patience(tries=7)
    assert [0.5, 1, 2, 4, 8, 8] == play(POST, *[LOST] * 6, OK, patience=patience)[1]


def test_a_server_that_asks_for_time_gets_it() -> None:
    assert [7.5] == play(POST, refusal(503, retry_after="7"), OK)[1]


def test_nobody_waits_for_hours() -> None:
    with pytest.raises(RateLimited) as wrong:
        play(POST, refusal(429, "warmup_limit", retry_after="7200"))
    assert 7200 == wrong.value.retry_after


def test_a_refusal_is_told_with_everything_that_helps() -> None:
    with pytest.raises(Invalid) as wrong:
        play(POST, refusal(422, "validation_error"))
    told = wrong.value
    assert ("validation_error", "Wait.", "req_1", [{"path": "to"}]) == (told.code, told.fix, told.request_id, told.details)
    assert "validation_error: No. Wait. (req_1)" == str(told)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(LOST, Unreachable), (refusal(503), Unavailable), (Answer(504, {}, b""), Unavailable)],
)
def test_the_last_trouble_is_raised_when_patience_ends(trouble: Answer | Lost, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        play(POST, *[trouble] * 3, patience=Patience(tries=3))


@pytest.mark.parametrize(("why", "kind"), [(Loss.NOT_REACHED, Unreachable), (Loss.LATE, TimedOut)])
def test_a_loss_that_patience_does_not_bear_is_raised_at_once(why: Loss, kind: type[Exception]) -> None:
    with pytest.raises(kind) as wrong:
        play(POST, Lost("gone", why), patience=Patience(bears=frozenset({Loss.BROKEN})))
    assert type(wrong.value) is kind


@pytest.mark.parametrize("trouble", [refusal(409, "not_pending")])
def test_another_conflict_is_not_tried_again(trouble: Answer) -> None:
    with pytest.raises(Conflict):
        play(POST, trouble)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "text"}', b"\xff"])
def test_an_answer_of_something_else_is_called_so(body: bytes) -> None:
    with pytest.raises(Garbled):
        play(POST, Answer(404, {}, body))


def test_what_the_lost_try_took_away_is_gone() -> None:
    gone = refusal(404, "not_found")
    assert 204 == play(Call("DELETE", "/v1/mailboxes/mbx_1"), LOST, gone)[0].status


@pytest.mark.parametrize(
    ("text", "seconds"), [("", None), ("12", 12.0), ("soon", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("-3", None)]
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert seconds == seconds_in(text)
