"""Dates, in the standard's form and in the common dialects."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.dates import parse_date
from mailwright.mail.header import parse_header

EXCEPTIONS = Path(__file__).parents[1] / "exceptions" / "headers.md"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tue, 1 Jul 2003 10:52:37 +0200", "2003-07-01T10:52:37+02:00"),
        ("1 Jul 2003 10:52 -0730", "2003-07-01T10:52:00-07:30"),
        ("Tue,  1 Jul 2003 10:52:37 +0200 (CEST)", "2003-07-01T10:52:37+02:00"),
        ("Tue, 1 Jul 2003 ((tricky) comment) 10:52:37 +0200", "2003-07-01T10:52:37+02:00"),
        ("21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06+00:00"),
        ("21 Nov 49 09:55:06 GMT", "2049-11-21T09:55:06+00:00"),
        ("21 Nov 103 09:55:06 GMT", "2003-11-21T09:55:06+00:00"),
        ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "1997-11-21T09:55:06-06:00"),  # RFC 5322 appendix A.6.3
        ("1 Jan 2021 7:5:0 +0000", "2021-01-01T07:05:00+00:00"),
        ("1 Jan 2021 7.05 +0000", "2021-01-01T07:05:00+00:00"),
        ("Thu, 13 Feb 1969 23:32 -0330 (Newfoundland Time)", "1969-02-13T23:32:00-03:30"),
        ("1 Jan 2021 00:00:00 EST", "2021-01-01T00:00:00-05:00"),
        ("1 Jan 2021 00:00:00 EST5EDT", "2021-01-01T00:00:00-05:00"),
        ("1 Jan 2021 00:00:00 Z", "2021-01-01T00:00:00+00:00"),
        ("1 Jan 2021 00:00:00 A", "2021-01-01T00:00:00+00:00"),
        ("1 Jan 2021 00:00:00 -0000", "2021-01-01T00:00:00+00:00"),
        ("1 Jan 2021 00:00:00 XYZ", "2021-01-01T00:00:00+00:00"),
        ("1 Jan 2021 00:00:00", "2021-01-01T00:00:00+00:00"),
        ("1 Jan 2021 00:00:00 GMT+02:00", "2021-01-01T00:00:00+02:00"),
        ("1 Jan 2021 00:00:00 UTC-3", "2021-01-01T00:00:00-03:00"),
        ("17 Jan 2011 08:23:27 -0800 PST", "2011-01-17T08:23:27-08:00"),
        ("Sun Nov 13 14:50:12 2005", "2005-11-13T14:50:12+00:00"),
        ("Sun Nov 13 14:50:12 CET 2005", "2005-11-13T14:50:12+01:00"),
        ("Sunday, November 13, 2005 2:50 PM", "2005-11-13T14:50:00+00:00"),
        ("November 13, 2005 12:05 AM +0100", "2005-11-13T00:05:00+01:00"),
        ("2005-11-13T14:50:12.345Z", "2005-11-13T14:50:12+00:00"),
        ("2005-11-13 14:50:12 +0100", "2005-11-13T14:50:12+01:00"),
        ("Thu, 02 Apr 2020 07:53:55.516 +0000 (UTC)", "2020-04-02T07:53:55+00:00"),
        ("13-Nov-2005 14:50:12 +0100", "2005-11-13T14:50:12+01:00"),
        ("Wed, 31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59+00:00"),
        ("by x.example with SMTP id 5; Mon, 10 Oct 2022 10:31:15 -0700 (PDT)", "2022-10-10T10:31:15-07:00"),
        ("Tue, 1 Jul 2003 10:52:37 +0200 (here; there)", "2003-07-01T10:52:37+02:00"),
        ("Tue, 1 Jul 2003 10:52:37 +0200; a remark", "2003-07-01T10:52:37+02:00"),
        ("Tue, 1 Jul 2003 10:52:37 0200", "2003-07-01T10:52:37+02:00"),
        ("Tue, 1 Jul 2003 10:52:37 - 0730", "2003-07-01T10:52:37-07:30"),
        ("Tue, 1 Jul 2003 10:52:37 MET-1MEST", "2003-07-01T10:52:37+01:00"),
        ("2003/07/01 10:52:37", "2003-07-01T10:52:37+00:00"),
        ("1. Jul. 2003 10:52:37", "2003-07-01T10:52:37+00:00"),
        ("mar., 1 juil. 2003 10:52:37 +0200", None),  # Tuesday, and no month that is known
        ("Tue=2C 1 Jul 2003 10:52:37 +0200", None),
        ("Tue, 7 All 2026 19:14:51 +0000", None),
        ("Tue, 30 Feb 2026 19:14:51 +0000", None),
        ("Tue, 7 Jan 2026 24:14:51 +0000", None),
        ("Tue, 7 Jan 2026 19:14:51 +9900", None),
        ("1 Jan 0001 00:00:00 +1400", None),
        ("1 Jan 2021", None),
        ("yesterday", None),
        ("¹ Jan 2021 00:00:00", None),  # a digit to Unicode, and no number
        ("1 Jan ²⁰²¹ 00:00:00", None),
        ("", None),
        ("1 Jan 99999999999999999999 00:00:00", None),
        ("9" * 5000 + " Jan 2021 00:00:00", None),
    ],
)
def test_a_date_is_a_moment_with_its_offset(text: str, expected: str | None) -> None:
    moment = parse_date(text)
    assert expected == (None if moment is None else moment.isoformat())


# Within the unit run a size at which a loop of Python in a loop shows; with the slow ones, at which one of C does.
SIZES = [10_000, pytest.param(250_000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", ["(", ")", "1", "1 ", "Jan ", "+", "-1", ":", "10:", "a", " ", "10:10 ", "\\", ";"])
def test_time_is_in_proportion_to_length(piece: str, size: int) -> None:
    in_time(size / 20_000, lambda: parse_date(piece * (size // len(piece))))


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*"0129 :+-,();./¹٣፩Ⅷ", "Jan", "Feb", "GMT", " 10:10 ", "20"]), max_size=20).map("".join))
def test_whatever_comes_a_moment_has_an_offset(text: str) -> None:
    moment = parse_date(text)
    assert moment is None or moment.astimezone(UTC) == moment


@settings(max_examples=50)
@given(st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_a_date_in_the_standard_form_comes_back(moment: datetime, offset: int) -> None:
    aware = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=offset)))
    assert aware == parse_date(aware.strftime("%a, %d %b %Y %H:%M:%S %z"))


@pytest.mark.corpora
def test_mail_parser_date_table(shared: Path) -> None:
    listed = {line.split("`")[1] for line in EXCEPTIONS.read_text().splitlines() if line.startswith("- `")}
    rows = json.loads((shared / "corpora/headers/mail-parser/date.json").read_text())
    failed = []
    for row in rows:
        value = parse_header(b"X: " + row["header"].encode()).value("x") or ""
        if parse_date(value) != expectation(row["expected"]) and " ".join(value.split()) not in listed:
            failed.append(value)
    print(f"\ndate headers: {len(rows) - len(failed)}/{len(rows)}")
    assert [] == failed


def expectation(row: Any) -> datetime | None:
    if row is None:
        return None
    offset = timedelta(hours=row["tz_hour"], minutes=row["tz_minute"])
    zone = timezone(-offset if row["tz_before_gmt"] else offset)
    return datetime(row["year"], row["month"], row["day"], row["hour"], row["minute"], row["second"], tzinfo=zone)
