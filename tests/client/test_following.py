"""The event stream, however it is cut into pieces."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailwright.client import Garbled, NotFound, Patience, Unreachable
from mailwright.client.calling import Answer, Call
from mailwright.client.following import Following
from mailwright.client.retrying import Lost

DATA = '{"id":"%s","type":"message.sent","created_at":"","cursor":"%s","tenant_id":"t","mailbox_id":null,"data":{"a":"\u00e9"}}'
READY = "retry: 2000\nid: c0\nevent: stream.ready\ndata: {}\n\n"
STREAM = READY + "".join(f"id: c{n}\nevent: message.sent\ndata: {DATA % (f'e{n}', f'c{n}')}\n\n: alive\n\n" for n in (1, 2))


def following() -> Following:
    return Following(Call("GET", "/v1/events/stream"), Patience(tries=3), lambda: 1.0)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, len(STREAM.encode()) - 1)))
def test_pieces_of_any_size_give_the_same_events(cuts: list[int]) -> None:
    raw, one = STREAM.encode(), following()
    places = [0, *sorted(set(cuts)), len(raw)]
    found = [event.id for start, end in pairwise(places) for event in one.feed(raw[start:end])]
    assert (["e1", "e2"], "c2") == (found, one.cursor)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary(max_size=60)))
def test_nothing_but_garbled_is_raised_for_nonsense(chunks: list[bytes]) -> None:
    one = following()
    with contextlib.suppress(Garbled):
        for chunk in chunks:
            list(one.feed(chunk))


def test_it_asks_again_from_where_it_stood_and_forgets_half_a_line() -> None:
    one = following()
    list(one.feed(STREAM.encode() + b"id: c9\ndata: {"))
    assert {"after": "c2"} == one.request().query
    assert ["e3"] == [event.id for event in one.feed(f"id: c3\ndata: {DATA % ('e3', 'c3')}\n\n".encode())]


def test_a_server_that_was_never_there_is_not_waited_for() -> None:
    one = following()
    assert [0.5, 1.0] == [one.after_failure(Lost("refused")) for _ in range(2)]
    with pytest.raises(Unreachable):
        one.after_failure(Lost("refused"))


def test_a_server_that_was_there_is_waited_for() -> None:
    one = following()
    list(one.feed(READY.encode()))
    assert 8.0 == [one.after_failure(Lost("refused")) for _ in range(50)][-1]
    with pytest.raises(NotFound):
        one.after_failure(Answer(404, {}, b'{"error":{"code":"not_found"}}'))
