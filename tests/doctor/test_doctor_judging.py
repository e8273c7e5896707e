"""What the doctor concludes from what was seen: one table for each check."""

from __future__ import annotations

import pytest

from mailwright.core.inspection import Check, Checks, Found
from mailwright.core.model import Alignment
from mailwright.core.records import Purpose, Record
from mailwright.doctor import judging
from mailwright.doctor.finding import Finding, Level
from mailwright.doctor.judging import DAY, MEGABYTE, CertificateSeen, Clock, Names, Port
from mailwright.mail.questions import Answer, RecordType, Status

OK, WARNING, FAILED, UNKNOWN = Level.OK, Level.WARNING, Level.FAILED, Level.UNKNOWN
NOW = 2_000_000_000.0


def levels(found: list[Finding]) -> list[Level]:
    return [one.level for one in found]


@pytest.mark.parametrize(
    ("mode", "owner", "us", "inside", "expected"),
    [
        (0o700, 5, 5, [], [OK]),
        (0o700, 5, 0, ["operator.key"], [OK]),
        (0o755, 5, 5, [], [OK]),
        (0o755, 5, 5, ["operator.key"], [FAILED]),
        (0o777, 5, 5, [], [FAILED]),
        (0o700, 5, 6, [], [FAILED]),
    ],
)
def test_data_folder(mode: int, owner: int, us: int, inside: list[str], expected: list[Level]) -> None:
    assert expected == levels(judging.data_folder(mode, owner, us, inside))


@pytest.mark.parametrize(("free", "expected"), [(10, FAILED), (200, WARNING), (5000, OK)])
def test_disk(free: int, expected: Level) -> None:
    assert expected == judging.disk(free * MEGABYTE, 64 * MEGABYTE).level


@pytest.mark.parametrize(("seconds", "expected"), [(0.002, OK), (0.5, WARNING), (0.000001, WARNING), (None, FAILED)])
def test_durability(seconds: float | None, expected: Level) -> None:
    assert expected == judging.durability(seconds, "no space left").level


@pytest.mark.parametrize(("soft", "expected"), [(256, WARNING), (1024, WARNING), (4096, OK)])
def test_open_files(soft: int, expected: Level) -> None:
    assert expected == judging.open_file_limit(soft, 1000).level


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.OK, OK),
        (Status.NXDOMAIN, OK),
        (Status.NODATA, OK),
        (Status.TIMEOUT, FAILED),
        (Status.SERVFAIL, FAILED),
    ],
)
def test_resolver(status: Status, expected: Level) -> None:
    assert expected == judging.resolver(Answer(status), "mx.a.test").level


IP = "192.0.2.1"


@pytest.mark.parametrize(
    ("host", "addresses", "forward", "pointer", "back", "expected"),
    [
        ("mx.a.test", [IP], [IP], Answer(Status.OK, ("MX.a.test.",)), [IP], [OK, OK]),
        ("mx.a.test", [IP], [IP], Answer(Status.OK, ("other.test.",)), [IP], [OK, WARNING]),
        ("mx.a.test", [IP], [IP], Answer(Status.OK, ("other.test.",)), ["192.0.2.9"], [OK, FAILED]),
        ("mx.a.test", [IP], [IP], Answer(Status.NXDOMAIN), [], [OK, FAILED]),
        ("mx.a.test", [IP], [IP], Answer(Status.TIMEOUT), [], [OK, UNKNOWN]),
        ("mx.a.test", [IP], ["192.0.2.9"], Answer(Status.OK, ("mx.a.test.",)), ["192.0.2.9"], [FAILED, FAILED]),
        ("mx.a.test", [], [], Answer(Status.NXDOMAIN), [], [WARNING]),
        ("localhost", [IP], [IP], Answer(Status.NXDOMAIN), [], [FAILED]),
    ],
)
def test_outgoing_name(
    host: str, addresses: list[str], forward: list[str], pointer: Answer, back: list[str], expected: list[Level]
) -> None:
    names = Names(forward, {IP: pointer}, {one.rstrip(".").lower(): back for one in pointer.records})
    assert expected == levels(judging.outgoing_name(host, addresses, names))


@pytest.mark.parametrize(
    ("status", "purpose", "found", "expected"),
    [
        (Alignment.ALIGNED, Purpose.SPF, Found.VALID, OK),
        (Alignment.ALIGNED, Purpose.IDENTITY, Found.MISSING, WARNING),
        (Alignment.PENDING, Purpose.MX, Found.MISSING, FAILED),
        (Alignment.MISALIGNED, Purpose.SPF, Found.INVALID, FAILED),
        (Alignment.PENDING, Purpose.SPF, Found.UNKNOWN, UNKNOWN),
    ],
)
def test_domain(status: Alignment, purpose: Purpose, found: Found, expected: Level) -> None:
    check = Check(Record(RecordType.TXT, "a.test", "v", purpose), found, (), "" if found is Found.VALID else "it is not there")
    assert expected == judging.domain("a.test", Checks(status, (check,), "told")).level


@pytest.mark.parametrize(("days", "expected"), [(1, OK), (400, WARNING)])
def test_signing_keys(days: int, expected: Level) -> None:
    assert expected == judging.signing_keys("a.test", days * DAY).level


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Port(True, "220 MX.a.test ESMTP"), OK),
        (Port(True, "220 postfix.test ESMTP"), FAILED),
        (Port(False), WARNING),
        (Port(False, cannot_listen="Permission denied"), FAILED),
    ],
)
def test_port(seen: Port, expected: Level) -> None:
    assert expected == judging.port("SMTP", 25, seen, "mx.a.test").level


@pytest.mark.parametrize(("words", "expected"), [("220 mx ESMTP", OK), ("554 no", WARNING), (None, FAILED)])
def test_outbound(words: str | None, expected: Level) -> None:
    assert expected == judging.outbound("mx.there.test", 25, words, "Connection timed out").level


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Clock(NOW, NOW - 60, 0.5), OK),
        (Clock(NOW, None, None), OK),
        (Clock(NOW, NOW + 3600, None), FAILED),
        (Clock(NOW, None, -30.0), FAILED),
        (Clock(1000.0, None, None), FAILED),
    ],
)
def test_clock(seen: Clock, expected: Level) -> None:
    assert [expected] == levels(judging.clock(seen, NOW - 30 * DAY))


@pytest.mark.parametrize(
    ("names", "begins", "ends", "self_signed", "expected"),
    [
        (["mx.a.test"], -1, 90, False, OK),
        (["*.a.test"], -1, 90, False, OK),
        (["mx.a.test"], -1, 90, True, WARNING),
        (["mx.a.test"], -1, 3, False, WARNING),
        (["mx.a.test"], -9, -1, False, FAILED),
        (["mx.a.test"], 1, 90, False, FAILED),
        (["other.test"], -1, 90, False, FAILED),
        ([], -1, 90, False, FAILED),
    ],
)
def test_certificate(names: list[str], begins: int, ends: int, self_signed: bool, expected: Level) -> None:
    seen = CertificateSeen(names, NOW + begins * DAY, NOW + ends * DAY, self_signed)
    assert expected == judging.certificate("SMTP", "mx.a.test", seen, NOW).level


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("A.test", "a.TEST.", True),
        ("*.a.test", "mx.a.test", True),
        ("*.a.test", "a.test", False),
        ("*.a.test", "x.mx.a.test", False),
        ("*.", "com", False),
    ],
)
def test_covers(pattern: str, host: str, expected: bool) -> None:
    assert expected == judging.covers(pattern, host)


@pytest.mark.parametrize(("mode", "expected"), [(0o600, OK), (0o640, WARNING), (0o644, FAILED)])
def test_private_key(mode: int, expected: Level) -> None:
    assert expected == judging.private_key("/etc/key.pem", mode).level


@pytest.mark.parametrize(("problems", "expected"), [([], OK), (["page 7 is never used"], FAILED)])
def test_store(problems: list[str], expected: Level) -> None:
    assert expected == judging.store(problems).level


def test_whatever_is_wrong_has_a_fix() -> None:
    clock = judging.clock(Clock(1.0, None, None), NOW)
    found = [judging.disk(0, 1), judging.store(["x"]), judging.durability(None, "x"), judging.private_key("k", 0o644), *clock]
    assert [] == [one.check for one in found if not one.fix]
