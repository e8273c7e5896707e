"""Single values on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailwright.contract.scalars import milliseconds, read_cursor, rfc3339, rfc3339_or_none, write_cursor
from mailwright.core.errors import InvalidInput


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (1_780_000_000_999, "2026-05-28T20:26:40.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_rfc_3339_in_utc_to_the_millisecond(at, told):
    assert told == rfc3339(at)
    assert at == milliseconds("at", datetime.fromisoformat(told))


def test_no_time_stays_none():
    assert rfc3339_or_none(None) is None
    assert rfc3339_or_none(0) == "1970-01-01T00:00:00.000Z"


def test_a_time_with_another_offset_is_the_same_moment():
    here = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert milliseconds("at", here) == milliseconds("at", datetime(2026, 11, 20, 6, 30, tzinfo=UTC))


@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_a_year_that_nobody_means_is_refused(year):
    with pytest.raises(InvalidInput) as refused:
        milliseconds("send_at", datetime(year, 1, 1, tzinfo=UTC))
    assert refused.value.details[0]["path"] == "send_at"


@pytest.mark.parametrize("place", ["dom_abc", "0", "a:b"])
def test_a_cursor_gives_its_place_back(place):
    assert place == read_cursor("dom", write_cursor("dom", place))


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%%%",
        "ZXZ0OjE" * 20,
        "\x00",
        "é",
        write_cursor("msg", "msg_1"),
        write_cursor("dom", ""),
        write_cursor("dom", "\n"),
    ],
)
def test_what_is_no_cursor_of_this_list_is_refused(cursor):
    with pytest.raises(InvalidInput) as refused:
        read_cursor("dom", cursor)
    assert refused.value.details[0]["path"] == "after"
