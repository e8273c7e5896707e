"""What others test SMTP servers with, read where it lies; exceptions are in exceptions/smtp.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from smtp_script import Shell, exceptions_of

from mailwright.wire.smtp_server import MailFrom, Options, StartTls, Why

pytestmark = pytest.mark.corpora


def dialog(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """A James script as turns: what the client says, and the lines expected after it."""
    said: list[str] = []
    expected: list[str] = []
    for line in text.splitlines():
        mark, words = line[:2], line[3:]
        if mark == "C:":
            if expected:
                yield said, expected
                said, expected = [], []
            said.append(words)
        elif mark == "S:":
            expected.append(words)
    yield said, expected


def codes_of(lines: list[str]) -> list[str]:
    """The codes of the replies that these lines make up, each with its enhanced code where there is one."""
    whole = [line for line in lines if re.match(r"\d{3} |\d{3}$", line)]
    return [found[0] for line in whole if (found := re.match(r"\d{3}(?: \d\.\d\.\d\b)?", line))]


def capabilities_of(lines: list[str]) -> set[str]:
    """What an EHLO reply among these lines offers, but for AUTH, which we do not offer in the clear."""
    offered = [line[4:] for line in lines if re.match(r"250-[A-Z]", line)]
    offered += [line[4:] for line in lines if re.match(r"250 [A-Z0-9]+$", line)]
    return {word for word in offered if not word.startswith("AUTH")}


def ours(expected: list[str], said: list[str], exceptions: dict[tuple[str, str], str]) -> list[str]:
    """The codes expected of us: theirs, but for the exceptions."""
    codes = codes_of(expected)
    rows = {theirs: answer for (line, theirs), answer in exceptions.items() if said and line == said[-1]}
    return [*codes[:-1], rows.get(codes[-1][:3], codes[-1])]


def test_james_dialogs_go_as_written(shared: Path):
    files = sorted((shared / "corpora/smtp/james-mpt").glob("*.test"))
    assert files
    for file in files:
        exceptions = exceptions_of(file.name)
        options = Options(hostname="mydomain.tld", starttls="STARTTLS" in file.read_text(), auth_mechanisms=("PLAIN", "LOGIN"))
        shell = Shell(options)
        shell.session.greet("smtp")
        shell.handle(())
        replies = shell.replies[:]
        for said, expected in dialog(file.read_text()):
            for line in said:
                replies += shell.send(line.encode().decode("unicode_escape") + "\r\n")
            assert len(replies) == len(codes_of(expected)), (file.name, said, replies)
            for code, reply in zip(ours(expected, said, exceptions), replies, strict=True):
                assert reply.startswith(code), (file.name, said, replies)
            if said and said[0].lower().startswith("ehlo"):
                assert capabilities_of(expected) <= set(replies[0].split()), file.name
            replies = []
        assert [] == shell.messages or "content" in file.read_text()


def test_james_login_goes_as_written_once_ehlo_and_tls_are_there(shared: Path):
    text = (shared / "corpora/smtp/james-mpt/authplain.test").read_text()
    shell = Shell(Options(hostname="mydomain.tld", auth_mechanisms=("LOGIN",)), tls=True).helloed()
    shell.decide = lambda session, event: (
        getattr(event, "response", None) == b"secret" and (session.accept(), True)[1]  # type: ignore[func-returns-value]
    )
    replies = ["220 "]
    expected: list[str] = []
    for said, lines in dialog(text):
        replies += [reply for line in said for reply in shell.send(line + "\r\n")]
        expected += codes_of(lines)
    assert expected == [reply[:3] for reply in replies]
    assert ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"] == replies[1:3]


def smuggle(shell: Shell, attack: bytes, cuts: tuple[int, ...]) -> None:
    for start, end in zip((0, *cuts), (*cuts, len(attack)), strict=True):
        shell.send(attack[start:end])
    assert [] == shell.messages
    assert Why.SMUGGLING == shell.why
    assert shell.replies[-1].startswith("521 5.5.2")
    assert 1 == len(shell.of(MailFrom))


def test_no_known_smuggling_sequence_ends_a_message(shared: Path):
    sequences = json.loads((shared / "corpora/smtp/smuggling/end_of_data_sequences.json").read_text())["sequences"]
    assert sequences
    envelope = "MAIL FROM:<ada@there.example>\r\nRCPT TO:<bob@here.example>\r\n"
    for sequence in sequences:
        attack = b"Subject: x\r\n\r\nx" + sequence["sequence"].encode() + b"MAIL FROM:<eve@there.example>\r\n"
        cuts: list[tuple[int, ...]] = [(), tuple(range(1, len(attack))), *((at,) for at in range(1, len(attack)))]
        for cut in cuts:
            shell = Shell().helloed()
            shell.send(envelope + "DATA\r\n")
            smuggle(shell, attack, cut)
            shell = Shell().helloed()
            shell.send(envelope)
            command = f"BDAT {len(attack)} LAST\r\n".encode()
            smuggle(shell, command + attack, tuple(at + len(command) for at in cut))


def test_nothing_injected_behind_starttls_is_answered(shared: Path):
    cases = json.loads((shared / "corpora/smtp/starttls-injection/cases.json").read_text())
    for case in (case for case in cases if case["protocol"] == "smtp"):
        shell = Shell(Options(starttls=True)).greeted()
        for segment in case["plain"]:
            replies = shell.send(segment)
        assert ["554"] == [reply[:3] for reply in replies]
        assert [] == shell.of(StartTls)
        assert [] == shell.send(case["after_tls"])
        assert shell.session.closed
