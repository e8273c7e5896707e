"""`mailwright check`, `spf`, `dkim` and `arc`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from mailwright.__main__ import cli
from mailwright.mailauth.dkim import dns_record, generate_ed25519, generate_rsa

NOW = "1795000000"
RSA = generate_rsa("example.com", "r1")
ED = generate_ed25519("example.com", "e1")
MESSAGE = (
    b"From: Ada <ada@example.com>\nTo: bob@there.example\nSubject: Tea\nDate: Fri, 20 Nov 2026 10:00:00 +0000\n\nAt four.\n"
)
ZONE = f"""
example.com TXT v=spf1 ip4:192.0.2.1 -all
_dmarc.example.com TXT "v=DMARC1; p=reject"
{RSA.name} TXT {dns_record(RSA)}
{ED.name} TXT {dns_record(ED)}
slow.example TXT !timeout
"""
FROM_ADA = ["--ip", "192.0.2.1", "--helo", "mx.example.com", "--mail-from", "<ada@example.com>"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zone").write_text(ZONE)
    (tmp_path / "m.eml").write_bytes(MESSAGE)
    (tmp_path / "rsa.pem").write_bytes(RSA.pem())
    (tmp_path / "ed.pem").write_bytes(ED.pem())
    return tmp_path


def run(*words: str, stdin: bytes | None = None, now: str = NOW) -> Result:
    when = ["--now", now] if now else []
    return CliRunner().invoke(cli, [*words, *when], input=stdin)


def told(*words: str, **given: Any) -> Any:
    return json.loads(run(*words, "--zone", "zone", "--json", **given).stdout)


def signed(key: str = "rsa.pem", selector: str = "r1", stdin: bytes = MESSAGE) -> bytes:
    return run("dkim", "sign", "-", "-d", "example.com", "-s", selector, "--key", key, stdin=stdin).stdout_bytes


def sealed(stdin: bytes, *more: str) -> bytes:
    words = ("arc", "seal", "-", "-d", "example.com", "-s", "r1", "--key", "rsa.pem", "--zone", "zone", *more)
    return run(*words, stdin=stdin).stdout_bytes


def test_check_tells_all_verdicts_with_their_steps(here: Path) -> None:
    found = told("check", "-", *FROM_ADA, stdin=signed())
    steps = [one.pop("steps") for one in (found["spf"], *found["dkim"], found["dmarc"], found["arc"], found["identity"])]
    assert {
        "spf": {"result": "pass"},
        "dkim": [{"result": "pass", "domain": "example.com", "selector": "r1", "reason": ""}],
        "dmarc": {"result": "pass", "policy": "reject", "disposition": "none", "domain": "example.com"},
        "arc": {"result": "none"},
        "identity": {"verdict": "none"},
    } == found
    assert all(steps)
    assert "example.com TXT: v=spf1 ip4:192.0.2.1 -all" in steps[0]
    assert f"{RSA.name} TXT: {dns_record(RSA)}" in steps[1]
    assert "_dmarc.example.com TXT: v=DMARC1; p=reject" in steps[2]


def test_check_reads_a_file_whatever_its_line_ends(here: Path) -> None:
    for message in (signed(), signed().replace(b"\r\n", b"\n")):
        (here / "s.eml").write_bytes(message)
        assert "pass" == told("check", "s.eml")["dkim"][0]["result"]


def test_check_without_the_host_judges_the_rest(here: Path) -> None:
    found = told("check", "-", stdin=signed())
    assert ("none", "pass", "pass") == (found["spf"]["result"], found["dkim"][0]["result"], found["dmarc"]["result"])


def test_check_says_what_to_do_with_a_forgery(here: Path) -> None:
    found = told("check", "m.eml", "--ip", "198.51.100.1", "--helo", "x.test", "--mail-from", "ada@example.com")
    expected = ("fail", [], "fail", "reject", "quarantine")
    dmarc = found["dmarc"]
    assert expected == (found["spf"]["result"], found["dkim"], dmarc["result"], dmarc["policy"], dmarc["disposition"])


@pytest.mark.parametrize("octets", [b"", b"\n", b"\0\xff", b"no header at all", b"From: \n" * 2000, MESSAGE * 3])
def test_check_has_a_verdict_on_anything(here: Path, octets: bytes) -> None:
    assert {"spf", "dkim", "dmarc", "arc", "identity"} == set(told("check", "-", stdin=octets))


def test_check_tells_people_the_same_in_lines(here: Path) -> None:
    done = run("check", "-", *FROM_ADA, "--zone", "zone", stdin=signed())
    lines = done.stdout.splitlines()
    assert 0 == done.exit_code
    assert ["arc", "dkim", "dmarc", "identity", "spf"] == sorted(line.split()[0] for line in lines if line[0] != " ")
    assert "dmarc     pass       example.com, asks for reject: none" in lines
    assert max(map(len, lines)) < 130


def test_what_strangers_wrote_plays_no_tricks_on_a_terminal(here: Path) -> None:
    (here / "zone").write_text('_dmarc.example.com TXT "v=DMARC1; p=none; x=\\027[31m"')
    assert "\x1b" not in run("check", "m.eml", "--zone", "zone").stdout


@pytest.mark.parametrize(
    ("words", "code", "result"),
    [
        (["--ip", "192.0.2.1", "--mail-from", "ada@example.com"], 0, "pass"),
        (["--ip", "::ffff:192.0.2.1", "--mail-from", "ada@example.com"], 0, "pass"),
        (["--ip", "[192.0.2.1]", "--helo", "example.com"], 0, "pass"),
        (["--ip", "192.0.2.2", "--mail-from", "ada@example.com"], 1, "fail"),
        (["--ip", "192.0.2.2", "--mail-from", "ada@slow.example"], 1, "temperror"),
        (["--ip", "192.0.2.2", "--mail-from", "ada@gone.example"], 1, "none"),
        (["--ip", "192.0.2.2", "--helo", "localhost"], 1, "none"),
        (["--ip", "192.0.2.2"], 1, "none"),
    ],
)
def test_spf_of_a_host(here: Path, words: list[str], code: int, result: str) -> None:
    done = run("spf", *words, "--zone", "zone", "--json")
    found = json.loads(done.stdout)
    assert (code, result, True) == (done.exit_code, found["result"], bool(found["steps"]))
    assert result in run("spf", *words, "--zone", "zone").stdout


def test_dkim_signs_and_verifies(here: Path) -> None:
    twice = signed("ed.pem", "e1", stdin=signed())
    found = told("dkim", "verify", "-", stdin=twice)["dkim"]
    assert [("pass", "e1"), ("pass", "r1")] == [(one["result"], one["selector"]) for one in found]
    for message, code in ((twice, 0), (twice.replace(b"four", b"five"), 1), (MESSAGE, 1)):
        assert code == run("dkim", "verify", "-", "--zone", "zone", stdin=message).exit_code


def test_dkim_sign_tells_the_record_to_publish(here: Path) -> None:
    found = json.loads(run("dkim", "sign", "m.eml", "-d", "example.com", "-s", "r1", "--key", "rsa.pem", "--json").stdout)
    assert {"name": RSA.name, "type": "TXT", "value": dns_record(RSA)} == found["record"]
    assert found["fields"].startswith("DKIM-Signature: ")


def test_a_signature_expires(here: Path) -> None:
    found = told("dkim", "verify", "-", stdin=signed(), now="1796300000")["dkim"]
    assert ("fail", "expired") == (found[0]["result"], found[0]["reason"])


def test_arc_seals_and_verifies(here: Path) -> None:
    twice = sealed(sealed(signed()))
    assert {"result": "pass", "instance": 2, "sealers": ["example.com"] * 2, "reason": ""} == {
        name: value for name, value in told("arc", "verify", "-", stdin=twice).items() if name != "steps"
    }
    assert "pass" == told("check", "-", stdin=twice)["arc"]["result"]
    for message, code in ((twice, 0), (twice.replace(b"four", b"five"), 1), (MESSAGE, 1)):
        assert code == run("arc", "verify", "-", "--zone", "zone", stdin=message).exit_code


def test_arc_seal_tells_what_was_found_or_what_our_fields_say(here: Path) -> None:
    checked = sealed(signed(), *FROM_ADA).partition(b"DKIM-Signature")[0]
    assert b"spf=pass" in checked
    assert b"dkim=pass" in checked
    ours = b"Authentication-Results: mx.test; spf=softfail\r\n" + signed()
    assert b"i=1; mx.test; spf=softfail\r\n" in sealed(ours, "--authserv-id", "mx.test")


def test_arc_seal_signs_the_fields_asked_for(here: Path) -> None:
    assert b"h=from:subject;" in sealed(signed(), "--headers", "From: Subject")


def test_a_chain_that_is_over_is_not_sealed(here: Path) -> None:
    over = sealed(sealed(signed()).replace(b"four", b"five"))
    done = run("arc", "seal", "-", "-d", "example.com", "-s", "r1", "--key", "rsa.pem", "--zone", "zone", stdin=over)
    assert (1, over) == (done.exit_code, done.stdout_bytes)
    assert "not sealed: the newest seal says that the chain failed before" in done.stderr


KEY = ["-d", "example.com", "-s", "r1", "--key", "rsa.pem"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["check", "gone.eml"], "gone.eml can't be read"),
        (["check", "m.eml", "--ip", "300.1.1.1"], "--ip is not an address"),
        (["check", "m.eml", "--zone", "gone"], "gone can't be read"),
        (["check", "m.eml", "--zone", "m.eml"], "m.eml: line 2: expected `name TYPE value`"),
        (["dkim", "sign", "m.eml", "-d", "example.com", "-s", "r1", "--key", "zone"], "neither PEM nor 32 octets"),
        (["dkim", "sign", "m.eml", "-d", "a b", "-s", "r1", "--key", "rsa.pem"], "domain is not a name"),
        (["dkim", "sign", "zone", *KEY], "zone: "),
        (["arc", "seal", "zone", *KEY, "--zone", "zone"], "zone: "),
        (["arc", "seal", "m.eml", *KEY, "--zone", "zone", "--headers", "arc-seal"], "never covers"),
    ],
)
def test_what_can_not_be_used_is_told_without_a_trace(here: Path, words: list[str], problem: str) -> None:
    done = run(*words)
    assert (2, "") == (done.exit_code, done.stdout)
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
