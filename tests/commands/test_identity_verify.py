"""Agent-Identity verified without a server: by the command, and by the one file that shares no code with it."""

from __future__ import annotations

import base64
import importlib.util
import json
import quopri
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mailwright.__main__ import cli
from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth import provenance

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/verify_agent_identity.py"
VECTORS: dict[str, Any] = json.loads((ROOT.parent / "shared/data/agent_identity_vectors.json").read_text())
CASES = [pytest.param(case, id=case["name"]) for case in VECTORS["cases"]]
INTACT = base64.b64decode(VECTORS["cases"][0]["message"])
FILED = base64.b64decode(VECTORS["cases"][10]["message"])
NOW = VECTORS["cases"][0]["now"]


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    path = tmp_path / "zone"
    path.write_text("# keys\n" + "".join(f"{name}. TXT {text}\n" for name, text in VECTORS["zone_txt"].items()))
    return path


def asked(case: dict[str, Any], path: Path, zone: Path) -> list[str]:
    path.write_bytes(base64.b64decode(case["message"]))
    rcpt = ["--rcpt", case["rcpt"]] if case["rcpt"] else []
    return [str(path), *rcpt, "--zone", str(zone), "--now", str(case["now"]), "--json"]


@pytest.mark.corpora
@pytest.mark.parametrize("case", CASES)
def test_the_command_gives_the_verdict(case: dict[str, Any], tmp_path: Path, zone: Path) -> None:
    done = CliRunner().invoke(cli, ["identity", "verify", *asked(case, tmp_path / "m.eml", zone)])
    told = json.loads(done.stdout)
    assert {"verdict", "steps", "tags"} == set(told)
    assert (case["expect"], 0 if case["expect"] == "pass" else 1) == (told["verdict"], done.exit_code)


@pytest.mark.corpora
@pytest.mark.parametrize("case", CASES)
def test_the_single_file_gives_the_verdict(case: dict[str, Any], tmp_path: Path, zone: Path) -> None:
    command = [sys.executable, "-I", str(SCRIPT), *asked(case, tmp_path / "m.eml", zone)]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False, cwd=tmp_path)
    assert b"" == done.stderr
    told = json.loads(done.stdout)
    assert {"verdict", "steps", "tags"} == set(told)
    assert (case["expect"], 0 if case["expect"] == "pass" else 1) == (told["verdict"], done.returncode)


def test_people_are_told_in_words(tmp_path: Path, zone: Path) -> None:
    path = tmp_path / "m.eml"
    path.write_bytes(INTACT.replace(b"\r\n", b"\n"))
    done = CliRunner().invoke(cli, ["identity", "verify", str(path), "--zone", str(zone), "--now", str(NOW), "--rcpt", "x@y.z"])
    assert re.match(r"identity +pass relayed\n +mail.example.com speaks for From", done.stdout)
    assert "  agent_id = onboarding-agent-v2\n" in done.stdout
    assert 0 == done.exit_code


@pytest.mark.parametrize(("file", "zone"), [("missing.eml", "zone"), ("m.eml", "missing")])
def test_what_can_not_be_read_is_told(file: str, zone: str, tmp_path: Path) -> None:
    (tmp_path / "m.eml").write_bytes(INTACT)
    (tmp_path / "zone").write_text("")
    given = [str(tmp_path / file), "--zone", str(tmp_path / zone)]
    for command in ([sys.executable, "-m", "mailwright", "identity", "verify"], [sys.executable, str(SCRIPT)]):
        done = subprocess.run([*command, *given], capture_output=True, timeout=30, check=False)
        assert (2, b"") == (done.returncode, done.stdout)
        assert b"missing" in done.stderr
        assert b"Traceback" not in done.stderr


def test_the_single_file_imports_nothing_of_ours() -> None:
    assert [] == re.findall(r"^\s*(?:from|import) mailwright", SCRIPT.read_text("utf-8"), re.MULTILINE)


# --- the two agree ------------------------------------------------------------------------------------------------------


def single() -> Any:
    spec = importlib.util.spec_from_file_location("verify_agent_identity", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SINGLE = single()
ZONE = Zone({(name, "TXT"): (text,) for name, text in VECTORS["zone_txt"].items()})
KEY = provenance.new_key("mail.example.com", "a1", bytes.fromhex(VECTORS["private_key_hex"]))
WHO = provenance.Statement(agent_id="ada", oversight="monitored", rcpt="bob@dest.example")


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.encodebytes,
    "quoted-printable": quopri.encodestring,
    "8bit": bytes,
}


def line_at(at: int) -> bytes:
    return FILED[FILED.rfind(b"\n", 0, at) + 1 : FILED.find(b"\n", at) + 1]


def mended(message: bytes) -> bytes:
    """With the line ends that mail has on the wire."""
    return re.sub(rb"\r(?!\n)|(?<!\r)\n", b"\r\n", message)


def both(message: bytes) -> tuple[str, str]:
    ours = answer(provenance.verify(parse_header(message), message, now=NOW), ZONE)
    theirs = SINGLE.verify(message, lambda name: list(ZONE.records.get((name, "TXT"), ())), NOW, None)
    return ours.verdict.value, theirs["verdict"]


JUNK = st.sampled_from([b"", b"x", b" ", b"\r\n", b";", b"=", b"--", b"\xc3\xa4", b"\0"])
PLACES = range(len(FILED))
# Of broken MIME and broken base64 there is more than one reading; only `pass` is the same for all.
OPEN = [
    at
    for at in range(FILED.index(b"Content-Type: application"))
    if not any(word in line_at(at) for word in (b"boundary", b"ontent-", b"=="))
]


@given(st.sampled_from(PLACES), JUNK)
def test_the_two_never_differ_on_what_is_intact(at: int, junk: bytes) -> None:
    ours, theirs = both(mended(FILED[:at] + junk + FILED[at + 1 :]))
    assert (ours == "pass") == (theirs == "pass")


@given(st.sampled_from(OPEN), JUNK)
def test_the_two_agree_wherever_the_mistake_is_none_in_the_syntax_of_mime(at: int, junk: bytes) -> None:
    message = mended(FILED[:at] + junk + FILED[at + 1 :])
    assert len(set(both(message))) == 1


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200),
    st.sampled_from(["base64", "quoted-printable", "8bit"]),
)
def test_the_two_hash_the_same_of_any_text_in_any_encoding(text: str, encoding: str) -> None:
    octets = text.replace("\r", "").replace("\n", "\r\n").encode()
    body = PACKED[encoding](octets).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    bare = INTACT[INTACT.index(b"From:") : INTACT.index(b"Content-Type")]
    bare += f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body
    message = provenance.sign(parse_header(bare), bare, WHO, KEY, now=NOW, nonce=bytes(12)) + bare
    assert ("pass", "pass") == both(message)
    assert ("pass-content", "pass-content") == both(message.replace(b"Subject: Hi", b"Subject: Ho"))


# --- hostile messages ---------------------------------------------------------------------------------------------------


def made_to_carry(part: bytes) -> bytes:
    """An intact message with a part put to it, by somebody who has no key."""
    head, _, rest = INTACT.partition(b"Content-Type: ")
    first = b"Content-Type: " + rest
    return head + b"Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n" + first + b"\r\n--B\r\n" + part + b"\r\n--B--\r\n"


CODECS = ["zlib", "bz2", "hex", "base64", "uu", "quopri", "rot13", "idna", "undefined", "a\0b"]
STRANGE = [
    *(f'Content-Type: text/plain; charset="{codec}"' for codec in CODECS),
    *(
        f'Content-Disposition: attachment; filename="{name}"'
        for name in ("=?bogus?q?x?=", "=?utf-8?b?a?=", "=?utf-8?b?//8=?=", "=?utf-16?q?x?=", "=?zlib?q?x?=", "=?a\0b?q?x?=")
    ),
    "Content-Disposition: attachment; filename*=a%00b''x",
    "Content-Disposition: attachment; filename*1=b; filename*0=a; filename*x=z; filename*=q",
    "Content-Type: multipart/mixed; boundary*=a\0b''B",
]


@pytest.mark.parametrize("field", STRANGE)
def test_a_part_that_python_stumbles_over_is_one_that_was_added(field: str) -> None:
    assert ("pass-content+added",) * 2 == both(made_to_carry(field.encode() + b"\r\n\r\nzzz\r\n"))


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "raw-unicode-escape", "palmos", "charmap", "hex", "zlib"])
def test_what_no_mail_is_written_in_is_read_as_utf_8_by_both(charset: str) -> None:
    bare = INTACT[INTACT.index(b"From:") : INTACT.index(b"Content-Type")]
    bare += f"Content-Type: text/plain; charset={charset}\r\n\r\ncaf-dma \\u0041\r\n".encode()
    message = provenance.sign(parse_header(bare), bare, WHO, KEY, now=NOW, nonce=bytes(12)) + bare
    assert ("pass-content", "pass-content") == both(message.replace(b"Subject: Hi", b"Subject: Ho"))


@pytest.mark.parametrize("author", [b"(" * 2_000, b"(x)" * 80_000, b"a " * 100_000, b"=?utf-8?q?a?= " * 10_000])
def test_an_author_that_takes_long_to_read_is_none(author: bytes) -> None:
    start, end = INTACT.index(b"From: "), INTACT.index(b"\r\n", INTACT.index(b"From: "))
    began = time.process_time()
    assert ("fail", "fail") == both(INTACT[:end] + b" " + author + INTACT[end:])
    assert ("fail", "fail") == both(INTACT[: start + 6] + author + INTACT[start + 6 :])
    assert 10 > time.process_time() - began


@pytest.mark.parametrize(
    "author",
    [
        "<ada@mail.example.com>@theirs.example",
        "<ada@mail.example.com> agents]@theirs.example",
        "ada@mail.example.com<@theirs.example",
        "<ada@mail.example.com>\\@theirs.example",
        '(") ada@mail.example.com (") <x>@theirs.example',
        "ada@theirs.example <ada@mail.example.com>",
    ],
)
def test_an_author_who_can_be_read_as_another_is_none(author: str) -> None:
    """Whoever has a key of their own signs it, and hopes for a reader who finds somebody else in it (CVE-2023-27043)."""
    bare = re.sub(rb"From: [^\r]*", b"From: " + author.encode(), INTACT[INTACT.index(b"From:") :])
    message = provenance.sign(parse_header(bare), bare, WHO, KEY, now=NOW, nonce=bytes(12)) + bare
    assert ("fail", "fail") == both(message)


@pytest.mark.parametrize("author", ['"ada@theirs.example" <ada@mail.example.com>', "Ada (a@b) <ada@mail.example.com>"])
def test_an_address_in_quotes_or_in_a_comment_is_no_author(author: str) -> None:
    bare = re.sub(rb"From: [^\r]*", b"From: " + author.encode(), INTACT[INTACT.index(b"From:") :])
    message = provenance.sign(parse_header(bare), bare, WHO, KEY, now=NOW, nonce=bytes(12)) + bare
    assert ("pass", "pass") == both(message)
