"""What every command about mail is given, used and misused."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from mailwright.commands import given
from mailwright.mail.questions import Answer, Asks, RecordType, Status, ask


def asked(name: str) -> Asks[Answer]:
    return (yield from ask(name, RecordType.A))


def problem(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_a_message_is_read_as_it_stood_on_the_wire(tmp_path: Path) -> None:
    file = tmp_path / "message.eml"
    file.write_bytes(b"A: 1\nB: 2\r\n\nx\ry\n")
    assert given.read_message(str(file)) == b"A: 1\r\nB: 2\r\n\r\nx\ry\r\n"


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"A: 1\r\n")))
    assert given.read("-") == b"A: 1\r\n"


def test_a_pipe_is_read_to_its_end() -> None:
    code = "from mailwright.commands import given; print(len(given.read('-')))"
    done = subprocess.run([sys.executable, "-c", code], input=b"x" * 300_000, capture_output=True, timeout=30, check=True)
    assert done.stdout == b"300000\n"


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_read_is_told(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as end:
        given.read(str(tmp_path / name))
    assert (2, True) == (end.value.exit_code, "can't be read" in problem(capsys))


def test_input_that_never_ends_is_given_up_by_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "MAX_OCTETS", 5 * 1024 * 1024)
    with pytest.raises(typer.Exit):
        given.read("/dev/zero")
    assert "larger than 5 MiB" in problem(capsys)


def test_input_that_never_comes_is_given_up_by_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "MAX_SECONDS", 0.1)
    os.mkfifo(tmp_path / "pipe")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    with pytest.raises(typer.Exit):
        given.read(str(tmp_path / "pipe"))
    os.close(writer)
    assert "did not end within" in problem(capsys)


def test_the_zone_file_answers(tmp_path: Path) -> None:
    (tmp_path / "zone").write_text("a.test A 192.0.2.1\nb.test A !timeout\n")
    assert Answer(Status.OK, ("192.0.2.1",)) == given.ask(asked("a.test"), tmp_path / "zone")
    assert Answer(Status.TIMEOUT) == given.ask(asked("b.test"), tmp_path / "zone")
    assert Answer(Status.NXDOMAIN) == given.ask(asked("c.test"), tmp_path / "zone")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\n\nwhat\n", "zone: line 3: expected `name TYPE value`, found 'what'"),
        (b"a.test TXT x\n\xff", "zone: line 2: not UTF-8"),
    ],
)
def test_a_zone_file_that_cannot_be_read_names_the_line(
    content: bytes, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "zone").write_bytes(content)
    with pytest.raises(typer.Exit):
        given.ask(asked("a.test"), tmp_path / "zone")
    assert told in problem(capsys)


def test_a_mistake_in_a_check_is_not_taken_for_one_in_the_zone(tmp_path: Path) -> None:
    def broken() -> Asks[None]:
        yield from asked("a.test")
        raise ValueError("a bug")

    (tmp_path / "zone").write_text("")
    with pytest.raises(ValueError, match="a bug"):
        given.ask(broken(), tmp_path / "zone")


def test_without_a_zone_the_resolver_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(self: object, check: Asks[Answer]) -> str:
        check.close()
        return "the resolver's answer"

    monkeypatch.setattr("mailwright.net.resolver.Resolver.resolve", resolve)
    assert "the resolver's answer" == given.ask(asked("a.test"), None)


def test_dns_that_does_not_end_is_given_up(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(self: object, check: Asks[Answer]) -> None:
        import asyncio

        check.close()
        await asyncio.sleep(60)

    monkeypatch.setattr("mailwright.net.resolver.Resolver.resolve", resolve)
    monkeypatch.setattr(given, "MAX_SECONDS", 0.05)
    with pytest.raises(typer.Exit):
        given.ask(asked("a.test"), None)
    assert "DNS did not answer" in problem(capsys)


def test_an_answer_is_json_or_text(capsys: pytest.CaptureFixture[str]) -> None:
    given.tell({"a": "é\ud800"}, "", as_json=True)
    assert {"a": "é\ud800"} == json.loads(capsys.readouterr().out)
    given.tell({}, "a line\n", as_json=False)
    assert "a line\n" == capsys.readouterr().out


def test_the_time_given_goes_before_the_clock() -> None:
    assert (5, 0) == (given.at(5), given.at(0))
    assert given.at(None) > 1_700_000_000


@pytest.mark.parametrize(("words", "missing"), [(("serve",), "structlog"), (("check", "-"), "cryptography")])
def test_a_command_whose_extra_is_not_installed_says_what_to_install(words: tuple[str, ...], missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; sys.argv[1:] = {list(words)!r}\n"
    code += "from mailwright.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, input="A: 1\n\n", check=False
    )
    assert (2, True, False) == (done.returncode, "pip install 'mailwright[" in done.stderr, "Traceback" in done.stderr)
