"""Delivery reports, the codes in them, and what may be answered."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.mail.address import Address
from mailwright.mail.compose import ComposeError
from mailwright.mail.dsn import (
    Action,
    Automatic,
    Dsn,
    DsnDraft,
    EnhancedStatus,
    RecipientStatus,
    Ret,
    SmtpReply,
    decode_xtext,
    encode_xtext,
    is_automatic,
    parse_dsn,
    parse_status,
    render_dsn,
    split_reply,
)
from mailwright.mail.dsn.read import parse_status_text
from mailwright.mail.header import parse_header
from mailwright.mail.mime import parse

VECTORS = Path(__file__).parent / "vectors"
EXCEPTIONS = Path(__file__).parents[1] / "exceptions" / "bounces.md"


def at(day: int, hour: int, second: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, 0, second, tzinfo=UTC)


def vector(name: str) -> Dsn | None:
    return parse_dsn(parse((VECTORS / f"{name}.eml").read_bytes()))


def found(name: str) -> Dsn:
    report = vector(name)
    assert report is not None
    return report


# Codes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5.1.1", EnhancedStatus(5, 1, 1)),
        (" 4.4.7 (delivery time expired)", EnhancedStatus(4, 4, 7)),
        ("2.0.0 Ok", EnhancedStatus(2, 0, 0)),
        ("5.7.509 Access denied", EnhancedStatus(5, 7, 509)),
        ("5.1", None),
        ("5.1.1.1", None),
        ("3.1.1", None),
        ("5.1.1234", None),
        ("", None),
    ],
)
def test_enhanced_codes_are_read_strictly(text: str, expected: EnhancedStatus | None) -> None:
    assert expected == parse_status(text)


def test_an_enhanced_code_is_written_as_it_was_read() -> None:
    assert ("5.7.1", False, True) == (str(parse_status("5.7.1")), EnhancedStatus(5, 7, 1).vague, EnhancedStatus(4, 0, 0).vague)


@pytest.mark.parametrize(
    ("text", "code", "enhanced", "rest"),
    [
        ("250 2.0.0 Ok: queued", 250, "2.0.0", "Ok: queued"),
        ("250 Ok", 250, None, "Ok"),
        ("250", 250, None, ""),
        ("421 4.7.0 [TSS04] Messages deferred", 421, "4.7.0", "[TSS04] Messages deferred"),
        ("550-5.1.1 No such user\r\n550-5.1.1 here.\r\n550 5.1.1 Bye", 550, "5.1.1", "No such user here. Bye"),
        ("550-No such user\n550 5.1.1 here", 550, "5.1.1", "No such user here"),
        ("550-5.1.1 No such user 550-5.1.1 here 550 5.1.1 https://x", 550, "5.1.1", "No such user here https://x"),
        ("554-No 554-at all 554 see 554 forms", 554, None, "No at all 554 see 554 forms"),
        ("550 #5.1.0 Address rejected.", 550, "5.1.0", "Address rejected."),
        ("550 [5.7.1] Go away", 550, "5.7.1", "Go away"),
        ("550 Go away (#5.7.1)", 550, "5.7.1", "Go away (#5.7.1)"),
        ("550 5.1.1: Recipient address rejected", 550, "5.1.1", "Recipient address rejected"),
        ("550 10.0.0.1 is listed", 550, None, "10.0.0.1 is listed"),
        ("550 5.1.1.1 is no code", 550, None, "5.1.1.1 is no code"),
        ("5.4.4 no such domain", None, "5.4.4", "5.4.4 no such domain"),
        ("Connection timed out", None, None, "Connection timed out"),
        ("5501 is no code", None, None, "5501 is no code"),
        ("", None, None, ""),
    ],
)
def test_replies_are_taken_apart(text: str, code: int | None, enhanced: str | None, rest: str) -> None:
    assert SmtpReply(code, parse_status(enhanced) if enhanced else None, rest) == split_reply(text)


@given(st.text("0125.- #([\n x", max_size=60) | st.text(max_size=60))
@settings(max_examples=100)
def test_any_text_is_a_reply_of_one_line(text: str) -> None:
    reply = split_reply(text)
    assert "\n" not in reply.text
    assert reply.code is None or 200 <= reply.code <= 599


@pytest.mark.parametrize(
    ("text", "coded"),
    [("QQ314159", "QQ314159"), ("a+b=c", "a+2Bb+3Dc"), ("a b", "a+20b"), ("é", "+C3+A9"), ("", "")],
)
def test_xtext_there_and_back(text: str, coded: str) -> None:
    assert (coded, text) == (encode_xtext(text), decode_xtext(coded))


@pytest.mark.parametrize(("coded", "text"), [("a+2", "a+2"), ("a+zz", "a+zz"), ("+FF", "\ufffd"), ("日+41", "日+41")])
def test_bad_xtext_is_read_leniently(coded: str, text: str) -> None:
    assert text == decode_xtext(coded)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(max_examples=50)
def test_any_text_survives_xtext(text: str) -> None:
    coded = encode_xtext(text)
    assert re.fullmatch(r"[!-~]*", coded)
    assert text == decode_xtext(coded)


# Reading


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("Final-Recipient: rfc822; bob@x.example\nStatus: 5.1.1", [("bob@x.example", "5.1.1")]),
        ("Final-Recipient: rfc822; <bob@x.example>\nStatus: 5.1.1", [("bob@x.example", "5.1.1")]),
        ("Final-Recipient: rfc822; bob@x.example (Bob)\nStatus: 5.1.1", [("bob@x.example", "5.1.1")]),
        ("Final-Recipient: rfc822;@r.example:bob@x.example\nStatus: 5.1.1", [("bob@x.example", "5.1.1")]),
        ('Final-Recipient: rfc822;"b (c) d"@x.example\nStatus: 5.1.1', [('"b (c) d"@x.example', "5.1.1")]),
        ("Final-Recipient: rfc822; bob@x.example\n\nAction: failed\nStatus: 5.1.1", [("bob@x.example", "5.1.1")]),
        ("Final-Recipient: rfc822; bob@x.example\nStatus: 5.1.1\n\nStatus: 5.2.2", [("bob@x.example", "5.1.1")]),
        (
            "Final-Recipient: rfc822; bob@x.example\n\nStatus: 5.1.1\n\nFinal-Recipient: rfc822; eve@x.example\nStatus: 5.2.2",
            [("bob@x.example", "5.1.1"), ("eve@x.example", "5.2.2")],
        ),
    ],
)
def test_recipients_are_read_however_their_fields_are_written(fields: str, expected: list[tuple[str, str]]) -> None:
    text = f"Reporting-MTA: dns; there.example\n\n{fields}\n"
    assert expected == [(one.final_recipient, str(one.status)) for one in parse_status_text(text)]


def test_a_report_tells_of_each_recipient() -> None:
    report = found("dsn-failed-and-delayed")
    assert ("mx.there.example", "env-77", at(20, 11)) == (report.reporting_mta, report.original_envelope_id, report.arrived_at)
    assert report.returned_message_id == "<sent-1@agents.example>"
    assert report.returned is not None
    assert report.returned.value("subject") == "Tea?"
    bob, carol = report.recipients
    assert bob == RecipientStatus(
        final_recipient="bob@inner.there.example",
        action=Action.FAILED,
        status=EnhancedStatus(5, 0, 0),
        original_recipient="team@there.example",
        diagnostic="550-5.1.1 No such user 550 5.1.1 here",
        diagnostic_type="smtp",
        remote_mta="inner.there.example",
        last_attempt=at(20, 11, 5),
    )
    assert SmtpReply(550, EnhancedStatus(5, 1, 1), "No such user here") == bob.reply
    expected = RecipientStatus("carol@there.example", Action.DELAYED, EnhancedStatus(4, 4, 1), will_retry_until=at(22, 11))
    assert expected == carol


def test_recipients_in_one_block_are_told_apart() -> None:
    report = found("dsn-one-block")
    assert [("bob@there.example", "5.2.2"), ("carol@there.example", "5.1.1")] == [
        (one.final_recipient, str(one.status)) for one in report.recipients
    ]
    assert ("552 5.0.0 mailbox full", "<sent-2@agents.example>") == (
        report.recipients[0].diagnostic,
        report.returned_message_id,
    )


def test_utf8_addresses_are_read_in_both_forms() -> None:
    report = found("dsn-utf8")
    (one,) = report.recipients
    assert ("bücher@there.example", "bücher@there.example") == (one.original_recipient, one.final_recipient)
    assert report.returned_message_id == "<sent-3@agents.example>"


def test_a_report_inside_an_attached_message_is_not_this_message() -> None:
    assert vector("dsn-inside-a-forward") is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Subject: x\r\n\r\nbody",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nno status part\r\n--b--",
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\r\n--b--",
        b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; a@b\r\n",
    ],
)
def test_what_names_no_recipient_is_no_report(raw: bytes) -> None:
    assert parse_dsn(parse(raw)) is None


@pytest.mark.parametrize(
    ("status", "diagnostic", "cause"),
    [
        ("5.0.0", "550 5.1.1 No such user", "5.1.1"),
        ("4.4.7", "450 4.7.1 Come back later", "4.7.1"),
        ("5.2.2", "552 5.0.0 full", "5.2.2"),
        ("5.1.1", "550 No such user", "5.1.1"),
        ("", "550 5.0.0 no", "5.0.0"),
        ("", "", "None"),
    ],
)
def test_the_cause_is_what_the_refusing_host_said_unless_that_says_nothing(status: str, diagnostic: str, cause: str) -> None:
    assert cause == str(RecipientStatus("a@b", Action.FAILED, parse_status(status), diagnostic=diagnostic).cause)


@given(st.lists(st.sampled_from(
    ["Final-Recipient: ", "Original-Recipient: ", "Action: ", "Status: ", "rfc822;", "utf-8;", "\\x{110000}", "\\x{D800}", "\n",
     "\n\n", "\r\n \r\n", "5.1.1", "failed", "Reporting-MTA: x", "--b", "\0", "é", ": ", "Last-Attempt-Date: 99"]
), max_size=30))  # fmt: skip
@settings(max_examples=120)
def test_no_report_breaks_the_reading(pieces: list[str]) -> None:
    body = "".join(pieces)
    head = "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
    report = parse_dsn(parse(f"{head}{body}".encode()))
    assert report is None or report.recipients


def excused() -> set[str]:
    return set(re.findall(r"^\| `([^`]+)`", EXCEPTIONS.read_text(), re.MULTILINE))


@pytest.mark.corpora
def test_real_reports_in_the_standard_form_are_understood(shared: Path) -> None:
    folder = shared / "corpora/bounces/sisimai"
    expected = json.loads((folder / "expected.json").read_text())
    total, readable, wrong, recipients = 0, 0, [], 0
    for path in sorted((folder / "eml").glob("*.eml")):
        root = parse(path.read_bytes())
        report = parse_dsn(root)
        recipients += len(report.recipients) if report else 0
        if root.content_type != "multipart/report":
            continue
        total += 1
        readable += report is not None
        causes = [str(one.cause or "") for one in report.recipients] if report else []
        if causes != [one["status"] for one in expected[path.name]]:
            wrong.append(path.name)
    right = total - len(wrong)
    print(f"dsn: {right}/{readable} of those in the standard form, {right}/{total} of all that call themselves reports")
    print(f"dsn: {recipients} recipients found")
    assert set(wrong) == excused()
    assert right / readable >= 0.95


@pytest.mark.corpora
def test_no_real_bounce_breaks_the_reading(shared: Path) -> None:
    files = [path for path in (shared / "corpora/bounces").rglob("*") if path.is_file() and path.suffix != ".json"]
    reports = [report for path in files if (report := parse_dsn(parse(path.read_bytes())))]
    print(f"bounces: {len(reports)} of {len(files)} files are reports in the standard form")
    assert all(one.final_recipient for report in reports for one in report.recipients)


# Writing

FAILED = RecipientStatus(
    "bob@there.example", Action.FAILED, EnhancedStatus(5, 1, 1), diagnostic="550 5.1.1 No such user", diagnostic_type="smtp",
    remote_mta="mx.there.example", last_attempt=at(20, 11), original_recipient="team@there.example",
)  # fmt: skip
ORIGINAL = b"From: ada@agents.example\r\nMessage-ID: <sent@agents.example>\r\nSubject: Tea?\r\n\r\nAt four.\r\n"
DRAFT = DsnDraft(
    header_from=Address("Mail Delivery System", "mailer-daemon", "mx.agents.example"),
    to=Address("", "ada", "agents.example"),
    message_id="<report@mx.agents.example>",
    sent_at=at(20, 12),
    reporting_mta="mx.agents.example",
    recipients=(FAILED,),
    original=ORIGINAL,
    original_envelope_id="env-77",
    arrived_at=at(20, 10),
)


def test_a_report_reads_as_it_was_written() -> None:
    delayed = RecipientStatus("bücher@there.example", Action.DELAYED, EnhancedStatus(4, 4, 1), will_retry_until=at(22, 11))
    raw = render_dsn(replace(DRAFT, recipients=(FAILED, delayed)))
    report = parse_dsn(parse(raw))
    assert report is not None
    assert (FAILED, delayed) == report.recipients
    assert ("mx.agents.example", "env-77", at(20, 10)) == (report.reporting_mta, report.original_envelope_id, report.arrived_at)
    assert report.returned_message_id == "<sent@agents.example>"
    assert raw.isascii()
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")


def test_a_report_has_the_three_parts_of_the_standard() -> None:
    root = parse(render_dsn(DRAFT))
    assert ("multipart/report", "delivery-status") == (root.content_type, root.params["report-type"])
    assert ["text/plain", "message/delivery-status", "text/rfc822-headers"] == [part.content_type for part in root.children]
    header = root.header
    assert ("Undelivered mail: Tea?", "auto-replied") == (header.value("subject"), header.value("auto-submitted"))
    assert header.value("in-reply-to") == "<sent@agents.example>"


def test_the_human_part_says_it_in_plain_words() -> None:
    expected = (
        "This is the mail system at mx.agents.example.\n"
        "\n"
        "Your message could not be delivered to the following recipients.\n"
        "No further attempt will be made.\n"
        "\n"
        "  <team@there.example>\n"
        "    mx.there.example said: 550 5.1.1 No such user\n"
        "\n"
        "The message was about: Tea?\n"
        "This report was made automatically; nobody reads answers to it."
    )
    assert expected == parse(render_dsn(DRAFT)).children[0].text().strip()


@pytest.mark.parametrize(
    ("action", "subject", "status"),
    [
        (Action.FAILED, "Undelivered mail: Tea?", "5.0.0"),
        (Action.DELAYED, "Delayed mail: Tea?", "4.0.0"),
        (Action.DELIVERED, "Delivered mail: Tea?", "2.0.0"),
        (Action.RELAYED, "Relayed mail: Tea?", "2.0.0"),
        (Action.EXPANDED, "Expanded mail: Tea?", "2.0.0"),
    ],
)
def test_the_subject_says_what_happened(action: Action, subject: str, status: str) -> None:
    root = parse(render_dsn(replace(DRAFT, recipients=(RecipientStatus("bob@there.example", action, None),))))
    report = parse_dsn(root)
    assert report is not None
    assert (subject, status) == (root.header.value("subject"), str(report.recipients[0].status))


@pytest.mark.parametrize(
    ("original", "ret", "expected"),
    [
        (ORIGINAL, Ret.FULL, "message/rfc822"),
        (ORIGINAL, Ret.HDRS, "text/rfc822-headers"),
        (ORIGINAL + b"\xff", Ret.FULL, "text/rfc822-headers"),
        (ORIGINAL + b"x" * 300_000, Ret.FULL, "text/rfc822-headers"),
        ("Subject: é\r\nMessage-ID: <sent@agents.example>\r\n\r\n".encode(), Ret.FULL, "message/global-headers"),
        (b"", Ret.FULL, "message/rfc822"),
        (b"--=_x\r\n\r\nno header at all", Ret.HDRS, "text/rfc822-headers"),
    ],
)
def test_the_original_comes_back_whole_only_where_it_can(original: bytes, ret: Ret, expected: str) -> None:
    raw = render_dsn(replace(DRAFT, original=original, ret=ret))
    assert expected == parse(raw).children[2].content_type
    assert raw.isascii()


def test_what_a_remote_host_says_can_not_add_fields() -> None:
    evil = replace(
        FAILED, diagnostic="550 no\r\n\r\nFinal-Recipient: rfc822; x@y\r\n\x00é" + "z" * 3000, remote_mta="a\r\nB: c"
    )
    raw = render_dsn(replace(DRAFT, recipients=(evil,), reporting_mta="m\r\nX: y", original_envelope_id="e\r\n\r\nZ: y"))
    report = parse_dsn(parse(raw))
    assert report is not None
    assert ["bob@there.example"] == [one.final_recipient for one in report.recipients]
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_an_address_that_can_not_be_written_is_refused() -> None:
    with pytest.raises(ComposeError) as refused:
        render_dsn(replace(DRAFT, to=Address("", "a\r\nb", "agents.example"), message_id="<a\r\n@b>"))
    assert ["to", "message_id"] == [fault.path for fault in refused.value.faults]


@given(st.binary(max_size=300), st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(max_examples=80)
def test_any_original_and_any_reply_make_a_readable_report(original: bytes, text: str) -> None:
    recipient = RecipientStatus(text, None, None, text, text, text, text)
    raw = render_dsn(
        replace(DRAFT, original=original, recipients=(FAILED, recipient), reporting_mta=text, original_envelope_id=text)
    )
    assert raw.isascii()
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    report = parse_dsn(parse(raw))
    assert report is not None
    assert FAILED == report.recipients[0]


# What is automatic


@pytest.mark.parametrize(
    ("lines", "mail_from", "expected"),
    [
        ("From: bob@there.example", "bob@there.example", None),
        ("From: bob@there.example\nAuto-Submitted: no", "bob@there.example", None),
        ("From: bob@there.example\nAuto-Submitted: No (really)", None, None),
        ("From: bob@there.example\nPrecedence: first-class", None, None),
        ("From: requester@there.example", None, None),
        ("From: bob@there.example", "", Automatic.NULL_PATH),
        ("From: bob@there.example", "<>", Automatic.NULL_PATH),
        ("Return-Path: <>\nFrom: bob@there.example", None, Automatic.NULL_PATH),
        ("Return-Path: <>\nFrom: bob@there.example", "bob@there.example", None),
        ("Content-Type: multipart/report; report-type=x", "a@b", Automatic.REPORT),
        ("Auto-Submitted: auto-generated", "a@b", Automatic.AUTO_SUBMITTED),
        ("Auto-Submitted: auto-replied; owner=x", "a@b", Automatic.AUTO_SUBMITTED),
        ("Auto-Submitted: something-new", "a@b", Automatic.AUTO_SUBMITTED),
        ("List-Id: <l.example>", "a@b", Automatic.LIST),
        ("List-Unsubscribe: <mailto:x@y>", "a@b", Automatic.LIST),
        ("Precedence: Bulk", "a@b", Automatic.PRECEDENCE),
        ("Precedence: list", "a@b", Automatic.PRECEDENCE),
        ("X-Auto-Response-Suppress: DR, OOF, AutoReply", "a@b", Automatic.SUPPRESS),
        ("X-Auto-Response-Suppress: DR", "a@b", None),
        ("X-Autoreply: yes", "a@b", Automatic.SUPPRESS),
        ("From: MAILER-DAEMON@there.example", "a@b", Automatic.ROLE_ADDRESS),
        ("From: x <no-reply+tag@there.example>", "a@b", Automatic.ROLE_ADDRESS),
        ("From: bob@there.example", "owner-list@there.example", Automatic.ROLE_ADDRESS),
        ("From: bob@there.example", "list-request@there.example", Automatic.ROLE_ADDRESS),
        ("From: bob@there.example", "PostMaster", Automatic.ROLE_ADDRESS),
    ],
)
def test_s19_automatic_mail_is_known_by_its_signs(lines: str, mail_from: str | None, expected: Automatic | None) -> None:
    """RFC 3834 §2, RFC 5230 §4.6."""
    assert expected == is_automatic(parse_header(f"{lines}\n\n".encode()), mail_from)


def test_our_own_reports_are_automatic() -> None:
    assert is_automatic(parse_header(render_dsn(DRAFT)), "mailer-daemon@mx.agents.example") is Automatic.REPORT


def test_of_too_many_recipients_the_first_are_read() -> None:
    groups = b"".join(b"\r\nFinal-Recipient: rfc822; a%d@b.example\r\n" % number for number in range(1200))
    head = b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    report = parse_dsn(parse(head + groups + b"\r\n--b--\r\n"))
    assert report is not None
    assert 1000 == len(report.recipients)
