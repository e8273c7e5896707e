"""The envelope of events."""

from __future__ import annotations

import msgspec
import pytest

from mailwright.contract.events import PAYLOAD_LIMIT, cursor_of, encode, event, place_of
from mailwright.contract.scalars import write_cursor
from mailwright.core.errors import InvalidInput
from mailwright.core.model import Event

URL = "https://mail.example.com"


def happened(data: dict, kind: str = "message.received") -> Event:
    return Event("evt_1", kind, "ten_1", "mbx_1", 1_780_000_000_000, data, 42)


def test_the_envelope_holds_what_is_promised():
    told = msgspec.json.decode(encode(happened({"message_id": "msg_1"}), URL))
    assert told == {
        "id": "evt_1",
        "type": "message.received",
        "created_at": "2026-05-28T20:26:40.000Z",
        "cursor": cursor_of(42),
        "tenant_id": "ten_1",
        "mailbox_id": "mbx_1",
        "data": {"message_id": "msg_1"},
        "truncated": False,
        "url": None,
    }


def test_an_event_is_one_line_whatever_is_in_it():
    assert b"\n" not in encode(happened({"subject": "a\r\nb\u2028c"}), URL)


def test_times_in_the_payload_are_told_as_times_are():
    told = event(happened({"expires_at": 0, "send_at": None, "attempts": 3, "sent_at": "as it was"}), URL)
    assert told.data == {"expires_at": "1970-01-01T00:00:00.000Z", "send_at": None, "attempts": 3, "sent_at": "as it was"}


def test_a_payload_at_the_limit_is_whole():
    data = {"text": "x" * (PAYLOAD_LIMIT - len('{"text":""}'))}
    assert (data, False, None) == ((told := event(happened(data), URL)).data, told.truncated, told.url)


def test_a_payload_past_the_limit_loses_its_large_fields_and_says_where_they_are():
    told = event(happened({"message_id": "msg_1", "subject": "Tea?", "text": "x" * PAYLOAD_LIMIT}), URL)
    assert (told.data, told.truncated) == ({"message_id": "msg_1", "subject": "Tea?"}, True)
    assert told.url == "https://mail.example.com/v1/messages/msg_1"


def test_what_was_cut_before_says_where_the_rest_is():
    told = event(happened({"message_id": "msg_1", "text": "the beginn", "truncated": True}), URL)
    assert (told.truncated, told.url) == (True, "https://mail.example.com/v1/messages/msg_1")


@pytest.mark.parametrize(
    ("name", "path"),
    [("approval_id", "approvals"), ("domain_id", "domains"), ("thread_id", "threads"), ("webhook_id", "webhooks")],
)
def test_the_place_follows_from_what_the_event_is_about(name, path):
    told = event(happened({name: "x_1", "text": "x" * PAYLOAD_LIMIT}), URL)
    assert told.url == f"{URL}/v1/{path}/x_1"


def test_a_cursor_gives_its_place_back():
    assert [0, 1, 10**17] == [place_of(cursor_of(place)) for place in (0, 1, 10**17)]


@pytest.mark.parametrize(
    "cursor", ["", "42", write_cursor("evt", "-1"), write_cursor("evt", "1" * 19), write_cursor("evt", "x")]
)
def test_what_is_no_cursor_of_the_log_is_refused(cursor):
    with pytest.raises(InvalidInput):
        place_of(cursor)
