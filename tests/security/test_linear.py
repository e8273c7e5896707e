"""S13: no reader is slow on purpose-made text. Every target of `make fuzz` is given the same few octets over and over."""

from __future__ import annotations

from functools import partial

import pytest
from test_fuzz import TARGETS
from timing import in_time

pytestmark = pytest.mark.slow

LENGTH = 40_000
MOST = 1.0  # seconds of processor: ten times what the slowest takes, and a tenth of what one that is quadratic would
AGAIN = [
    b"(", b"<", b'"', b"\\", b",", b";", b":", b"@", b"=?", b"=?utf-8?q?a?= ", b"\r\n ", b"\r\n", b"\r", b" ", b"a",
    b".", b"=", b"--b\r\n", b"&amp;", b"<p><div>", b"<!--", b"a@b,", b"*0=a;", b"%{i}", b"On x wrote:\n", b"> ",
    b"X:\r\n", b"\0", b"\xff", b"<![CDATA[", b"Re: ", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
]  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_s13_no_text_takes_longer_than_its_length(name: str) -> None:
    target = TARGETS[name]
    seed = target.seeds[0]
    slow = []
    for again in AGAIN:
        octets = seed[: len(seed) // 2] + again * (LENGTH // len(again)) + seed[len(seed) // 2 :]
        try:
            in_time(MOST, partial(target.feed, octets))
        except AssertionError as why:
            slow.append((again, str(why)))
    assert [] == slow
