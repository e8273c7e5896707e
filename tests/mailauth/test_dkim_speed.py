"""What a signature and a verdict cost for a message of 5 KB. Figures are printed; the limits are the design's."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from dkim_reference import ED, MESSAGE, NOW, RSA

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth.dkim import dns_record, sign, verify

pytestmark = pytest.mark.slow

BODY = b"The quick brown fox jumps over the lazy dog, and then again.\r\n" * 75
RAW = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n" + BODY
HEADER = parse_header(RAW)
ZONE = Zone({(key.name, "TXT"): (dns_record(key),) for key in (RSA, ED)})


def microseconds(work: Callable[[], object], times: int) -> float:
    best = float("inf")
    for _ in range(7):
        started = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - started) / times)
    return best * 1e6


def test_signing_costs_hardly_more_than_rsa_itself(capsys: pytest.CaptureFixture[str]) -> None:
    bare = microseconds(lambda: RSA.sign(RAW[:1500]), 150)
    whole = microseconds(lambda: sign(HEADER, BODY, (RSA,), now=NOW), 150)
    both = microseconds(lambda: sign(HEADER, BODY, (RSA, ED), now=NOW), 150)
    with capsys.disabled():
        print(f"\nsign: {whole:.0f} us, {whole / bare:.2f} times bare RSA ({bare:.0f} us); with Ed25519 {both:.0f} us")
    assert whole <= 1.25 * bare


def test_a_verdict_with_a_known_key_costs_little(capsys: pytest.CaptureFixture[str]) -> None:
    for key in (RSA, ED):
        message = sign(HEADER, BODY, (key,), now=NOW) + RAW
        header = parse_header(message)

        def check(header=header, message=message) -> object:  # type: ignore[no-untyped-def]
            return answer(verify(header, message, now=NOW), ZONE)

        cost = microseconds(check, 300)
        with capsys.disabled():
            print(f"\nverify {key.algorithm}: {cost:.0f} us")
        assert cost <= (150 if key is RSA else 250)
