"""Command lines, read strictly: into an event or into the reply that refuses it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.wire.smtp_paths import Path
from mailwright.wire.smtp_server import Auth, MailFrom, RcptTo, Reply, Verb, replies
from mailwright.wire.smtp_server.commands import JUDGES, Facts, Options
from mailwright.wire.smtp_server.grammar import read_auth, read_base64, read_bdat, read_mail, read_name, read_rcpt, read_verb

ADA = Path("ada", "there.example")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"NOOP", (Verb.NOOP, "")),
        (b"noop  x \t", (Verb.NOOP, "x")),
        (b"MAIL  FROM:<>", (Verb.MAIL, "FROM:<>")),
        (b"NOOP\tx", replies.UNKNOWN_COMMAND),
        (b"MAILFROM:<>", replies.UNKNOWN_COMMAND),
        (b"", replies.UNKNOWN_COMMAND),
        (b"ETRN x", replies.NOT_IMPLEMENTED),
        (b"get /", replies.NOT_SMTP),
        (b" NOOP", replies.NOT_SMTP),
        (b"\xc3\xa9", replies.NOT_SMTP),
        (b"NOOP \xff", replies.BAD_SYNTAX),
        (b"NOOP " + b"x" * 505, (Verb.NOOP, "x" * 505)),
        (b"NOOP " + b"x" * 506, replies.LINE_TOO_LONG),
        (b"MAIL " + b"x" * 2041, (Verb.MAIL, "x" * 2041)),
        (b"MAIL " + b"x" * 2042, replies.LINE_TOO_LONG),
        (b"AUTH " + b"x" * 12_282, replies.LINE_TOO_LONG),
    ],
)
def test_the_verb_is_split_off(line: bytes, expected: tuple[Verb, str] | Reply):
    assert expected == read_verb(line)


@pytest.mark.parametrize("name", ["x", "a_b.example", "[192.0.2.1]", "x" * 255])
def test_a_name_may_be_anything_printable(name: str):
    assert name == read_name(name)


@pytest.mark.parametrize("name", ["", "a b", "a\tb", "é.example", "x" * 256])
def test_a_name_is_one_word(name: str):
    assert replies.BAD_SYNTAX == read_name(name)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("FROM:<ada@there.example>", MailFrom(ADA)),
        ("from:  <ada@there.example>", MailFrom(ADA)),
        ("FROM <ada@there.example>", replies.BAD_REVERSE_PATH),
        ("TO:<ada@there.example>", replies.BAD_REVERSE_PATH),
        ("FROM:", replies.BAD_REVERSE_PATH),
        ("", replies.BAD_REVERSE_PATH),
        ("FROM:<ada@there.example> SIZE=00012", MailFrom(ADA, size=12)),
        ("FROM:<ada@there.example>  SIZE=1  RET=full", MailFrom(ADA, size=1, ret="FULL")),  # type: ignore[arg-type]
        ("FROM:<ada@there.example>\u00a0SIZE=1", replies.BAD_SYNTAX),
        ("FROM:<ada@there.example> SIZE=\u0661", replies.BAD_PARAMETER),
        ("FROM:<ada@there.example> SIZE=1=1", replies.BAD_SYNTAX),
        ("FROM:<ada@there.example> -SIZE=1", replies.BAD_SYNTAX),
        ("FROM:<ada@there.example> ENVID=" + "x" * 101, replies.BAD_PARAMETER),
        ("FROM:<ada@there.example> ENVID=+E9", replies.BAD_PARAMETER),
        ("FROM:<ada@there.example> ENVID=+0", replies.BAD_PARAMETER),
        ("FROM:<ada@there.example> ENVID=é SMTPUTF8", replies.BAD_PARAMETER),
        ("FROM:<ada@there.example> ENVID", replies.BAD_PARAMETER),
        ("FROM:<ada@there.example> BODY", replies.BAD_PARAMETER),
        ("FROM:<ada@there.example> AUTH", replies.BAD_PARAMETER),
        ("FROM:<ada@there.example> AUTH=" + "x" * 501, replies.BAD_PARAMETER),
        ("FROM:<ada@there.example> AUTH=<>", MailFrom(ADA, auth="<>")),
        ("FROM:<ada@there.example> requiretls", MailFrom(ADA, require_tls=True)),
        ("FROM:<ada@there.example> REQUIRETLS=1", replies.BAD_PARAMETER),
        ("FROM:<ada@there.example>" + " SIZE=1" * 21, replies.BAD_SYNTAX),
    ],
)
def test_mail_is_read(argument: str, expected: MailFrom | Reply):
    assert expected == read_mail(argument)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("TO:<Postmaster>", RcptTo(Path("Postmaster", ""))),
        ("TO:<bob@here.example> ORCPT=rfc822;" + "x" * 500, replies.BAD_PARAMETER),
        ("TO:<bob@here.example> ORCPT=a;b;x", RcptTo(Path("bob", "here.example"), orcpt="a;b;x")),
        ("TO:<bob@here.example> ORCPT=a(b;x", replies.BAD_PARAMETER),
        ("TO:<bob@here.example> NOTIFY=", replies.BAD_SYNTAX),
        ("TO:<π@here.example>", replies.NEEDS_SMTPUTF8),
        ("FROM:<bob@here.example>", replies.BAD_FORWARD_PATH),
    ],
)
def test_rcpt_is_read(argument: str, expected: RcptTo | Reply):
    assert expected == read_rcpt(argument, smtputf8=False)


def test_rcpt_under_smtputf8_takes_utf8_in_path_and_parameter():
    expected = RcptTo(Path("π", "here.example"), orcpt="utf-8;π@here.example")
    assert expected == read_rcpt("TO:<π@here.example> ORCPT=utf-8;π@here.example", smtputf8=True)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("0", (0, False)),
        ("86 LAST", (86, True)),
        ("86 last", (86, True)),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("0x10", None),
        ("1 LAST LAST", None),
        ("1  LAST", None),
        ("9" * 21, None),
    ],
)
def test_bdat_is_read(argument: str, expected: tuple[int, bool] | None):
    assert expected == read_bdat(argument)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("PLAIN", Auth("PLAIN", None)),
        ("plain =", Auth("PLAIN", b"")),
        ("SCRAM-SHA-256 bixhPQ==", Auth("SCRAM-SHA-256", b"n,a=")),
        ("", replies.BAD_SYNTAX),
        ("x" * 21, replies.BAD_SYNTAX),
        ("PLAIN AAA", replies.AUTH_NOT_BASE64),
        ("PLAIN AAAA AAAA", replies.AUTH_NOT_BASE64),
    ],
)
def test_auth_is_read(argument: str, expected: Auth | Reply):
    assert expected == read_auth(argument)


@pytest.mark.parametrize(("line", "expected"), [(b"", b""), (b"YQ==", b"a"), (b"YQ=", None), (b"Y Q==", None), (b"\xff", None)])
def test_base64_is_read_strictly(line: bytes, expected: bytes | None):
    assert expected == read_base64(line)


@settings(max_examples=100)
@given(st.sampled_from(list(JUDGES)), st.text() | st.binary().map(lambda octets: octets.decode("latin-1")), st.booleans())
def test_no_argument_makes_a_judge_raise(verb: Verb, argument: str, tls: bool):
    options = Options(starttls=True, auth_mechanisms=("PLAIN",))
    keyword = {Verb.MAIL: "FROM:<a@b> ", Verb.RCPT: "TO:<a@b> "}.get(verb, "")
    for text in (argument, keyword + argument):
        assert JUDGES[verb](Facts(tls, esmtp=True), options, text) is not None
