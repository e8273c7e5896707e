"""When was it written? Dates of header fields, in the standard's form and in the common dialects.

Standards: RFC 5322 §3.3 and §4.3; RFC 3339 and the form of C's asctime are read too.
Pure, linear, never raises: None for what is no date. What is returned always has an offset.
Not here: writing dates (compose.py), the current time (it is an argument everywhere).
"""

# ruff: noqa: SIM905 - word lists read better as words

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from mailwright.mail.comments import comment_end

MAX_TEXT = 1000

_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_MONTHS |= {
    name: number
    for number, name in enumerate(
        "january february march april may june july august september october november december".split(), 1
    )
}
_MONTHS["sept"] = 9
_DAYS = frozenset("mon tue wed thu fri sat sun tues wednes thur thurs satur".split())

# RFC 5322 §4.3 knows ten names; the rest is what programs write. Names that stand for several offsets (IST, BST in
# Bangladesh, CST in China) have the offset that mail most often means; unknown ones mean "unknown", -0000.
_ZONES = {
    "ut": 0, "gmt": 0, "utc": 0, "z": 0, "wet": 0, "edt": -240, "est": -300, "cdt": -300, "cst": -360, "mdt": -360,
    "mst": -420, "pdt": -420, "pst": -480, "akdt": -480, "akst": -540, "hst": -600, "ast": -240, "adt": -180,
    "nst": -210, "ndt": -150, "brt": -180, "art": -180, "bst": 60, "ist": 330, "west": 60, "cet": 60, "met": 60,
    "mez": 60, "cest": 120, "mest": 120, "mesz": 120, "eet": 120, "sast": 120, "eest": 180, "msk": 180, "msd": 240,
    "pkt": 300, "wib": 420, "ict": 420, "hkt": 480, "sgt": 480, "pht": 480, "awst": 480, "jst": 540, "kst": 540,
    "acst": 570, "aest": 600, "acdt": 630, "aedt": 660, "nzst": 720, "nzdt": 780,
}  # fmt: skip

_STANDARD = re.compile(
    r"(?:[A-Za-z]{3}, {0,3})?(\d\d?) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d)(?::(\d\d))? ([+-])(\d\d)(\d\d)(?: \([A-Z]{3,4}\))?"
)
_TIME = re.compile(r"(\d{1,2})(?:\.(?=\d\d)|:)(\d{1,2})(?:[:.](\d{1,2}))?(?:[.,]\d+)?")
_COLON = re.compile(r"(?<=\d)[ \t]{0,20}:[ \t]{0,20}(?=\d)")  # RFC 5322 §4.3, obs-hour: CFWS on either side
_TOKEN = re.compile(
    r"\d{1,2}(?:\.(?=\d\d)|:)\d{1,2}(?:[:.]\d{1,2})?(?:[.,]\d+)?|[+-]\d{1,2}:?\d{0,2}(?![\d-])|\d+|[A-Za-z]+|\S"
)
_ISO = re.compile(r"(\d{4})[-/](\d\d)[-/](\d\d)[Tt ]+(\d\d):(\d\d)(?::(\d\d))?(?:[.,]\d+)?\s*(.*)", re.DOTALL)
_DASHED = re.compile(r"\b(\d{1,2})-([A-Za-z]{3,9})-(\d{2,4})\b")
_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{2})?")
_POSIX_ZONE = re.compile(r"\b([A-Za-z]{3,4})-?\d{1,2}(?=[A-Za-z]{3,4}\b)")  # "MET-1MEST", whose sign is that of the west
_SPACED_SIGN = re.compile(r"(?<=[\s\d])([+-]) {1,3}(?=\d{4}\b)")
MAX_PIECES = 5  # between semicolons


def parse_date(text: str) -> datetime | None:
    """The moment that a date-time names, with its offset; None if it can't be told.

    Of a whole Received field, what stands after the last semicolon behind which there is a date is read. An unknown zone
    counts as UTC (RFC 5322 §4.3: "-0000").
    """
    match = _STANDARD.fullmatch(text)
    if match is not None:
        month = _MONTHS.get(match[2].lower())
        offset = (int(match[8]) * 60 + int(match[9])) * (-1 if match[7] == "-" else 1)
        return _moment((int(match[3]), month, int(match[1])), (int(match[4]), int(match[5]), int(match[6] or 0)), offset)
    pieces = _without_comments(text[-MAX_TEXT:]).rsplit(";", MAX_PIECES)
    return next((found for piece in reversed(pieces) if (found := _in_piece(piece.strip())) is not None), None)


def _in_piece(text: str) -> datetime | None:
    match = _ISO.match(text)
    if match is not None:
        day = int(match[1]), int(match[2]), int(match[3])
        return _moment(day, (int(match[4]), int(match[5]), int(match[6] or 0)), _offset(match[7].split()) or 0)
    text = _SPACED_SIGN.sub(r" \1", _POSIX_ZONE.sub(r"\1 ", _DASHED.sub(r"\1 \2 \3", text)))
    return _dialect(_TOKEN.findall(_COLON.sub(":", text)))


def _without_comments(text: str) -> str:
    out: list[str] = []
    at = 0
    while (start := text.find("(", at)) >= 0:
        end = comment_end(text, start)
        if end < 0:
            text = text[:start]
            break
        out.append(text[at:start] + " ")
        at = end
    return "".join(out) + text[at:]


def _dialect(tokens: list[str]) -> datetime | None:
    """Day, month name, year, time and zone, in any order that leaves no doubt."""
    month: int | None = None
    clock: tuple[int, int, int] | None = None
    numbers: list[str] = []
    rest: list[str] = []
    tokens = [token for token in tokens if token != "."]
    for index, token in enumerate(tokens):
        lower = token.lower()
        if lower in _MONTHS and month is None and _beside_number(tokens, index):
            month = _MONTHS[lower]
        elif clock is None and _TIME.fullmatch(token):
            clock = _clock(token)
        elif token.isdecimal() and len(numbers) < 2:
            numbers.append(token)
        elif lower in ("am", "pm") and clock is not None:
            clock = (clock[0] % 12 + (12 if lower == "pm" else 0), *clock[1:])
        elif token not in ",-/":
            rest.append(token)
    if month is None or clock is None or len(numbers) < 2:
        return None
    day, year = numbers if len(numbers[0]) <= 2 else reversed(numbers)
    if len(day) > 2 or len(year) == 1:  # RFC 5322 §4.3: two digits at least
        return None
    return _moment((_year(year), month, int(day)), clock, _offset(rest) or 0)


def _beside_number(tokens: list[str], index: int) -> bool:
    """Whether day or year stands next to a name, which tells March from the Tuesday of "mar., 1 juil. 2003"."""
    return any(token[0].isdigit() for token in (*tokens[max(0, index - 1) : index], *tokens[index + 1 : index + 2]))


def _clock(token: str) -> tuple[int, int, int]:
    match = _TIME.fullmatch(token)
    assert match is not None
    return int(match[1]), int(match[2]), int(match[3] or 0)


def _year(text: str) -> int:
    # RFC 5322 §4.3: two digits below 50 are of this century, others and three digits count from 1900.
    year = int(text[:6])
    if len(text) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(text) == 3 else year


def _offset(tokens: list[str]) -> int | None:
    """Minutes east of Greenwich: the first offset in digits, else the first zone that has a name."""
    for token in tokens:
        match = _OFFSET.fullmatch(token)
        if match is not None:
            hours, minutes = int(match[2]), int(match[3] or 0)
            return (hours * 60 + minutes) * (-1 if match[1] == "-" else 1)
        if len(token) == 4 and token.isdecimal():  # the sign was forgotten
            return int(token[:2]) * 60 + int(token[2:])
    for token in tokens:
        lower = token.lower()
        if lower in _DAYS:
            continue
        zone = _ZONES.get(lower)
        if zone is not None:
            return zone
    return None


def _moment(day: tuple[int, int | None, int], clock: tuple[int, int, int], offset: int) -> datetime | None:
    year, month, of_month = day
    if month is None or abs(offset) >= 24 * 60:
        return None
    hour, minute, second = clock
    try:
        # RFC 5322 §3.3 allows a leap second; a datetime has none.
        zone = timezone(timedelta(minutes=offset)) if offset else UTC
        moment = datetime(year, month, of_month, hour, minute, min(second, 59), tzinfo=zone)
        moment.astimezone(UTC)  # the first and last day of all have no UTC
    except (ValueError, OverflowError):
        return None
    return moment
