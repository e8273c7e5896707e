"""The client session, told as dialogs: `S:` is what the peer sends, `C:` what we must send next, `*` an event."""

from __future__ import annotations

import mmap
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.wire.smtp_client import (
    CHUNK,
    TRANSITIONS,
    Capabilities,
    Closed,
    Credentials,
    Cue,
    Deferred,
    Delivered,
    Event,
    Finished,
    Options,
    Ready,
    Recipient,
    Rejected,
    Session,
    StartTls,
    State,
    Tls,
    Transaction,
    Unknown,
    Unready,
    parse_capabilities,
    xtext,
)
from mailwright.wire.smtp_client.content import pieces, shape, stuffed

MESSAGE = b"Subject: Tea?\r\n\r\nAt four.\r\n"
PLAIN = Options("us.example", tls=Tls.NEVER)


def to(*addresses: str, message: bytes = MESSAGE, mail_from: str = "a@us.example") -> Transaction:
    """A transaction with nothing special."""
    return Transaction(mail_from, tuple(Recipient(address) for address in addresses), (message,))


def drain(session: Session) -> bytes:
    """All that the session wants to send now."""
    out = b""
    while chunk := session.bytes_to_send():
        out += chunk
    return out


def play(session: Session, script: str) -> list[Event]:
    """Hold the dialog: feed each `S:` line; each `C:` line must be what we say next. The events, in order."""
    events: list[Event] = []
    said: list[str] = []
    for line in filter(str.strip, script.splitlines()):
        mark, _, text = line.strip().partition(": ")
        said += drain(session).decode().splitlines()
        if mark == "S":
            assert [] == said, "we said something that the script does not have"
            events += session.receive_data(text.encode() + b"\r\n")
        else:
            assert text == (said.pop(0) if said else None)
    assert [] == said
    return events


def ready(session: Session, *keywords: str) -> Session:
    """Bring a session to READY with a peer that offers these keywords."""
    lines = ["peer.example", *keywords]
    session.receive_data(b"220 peer.example\r\n")
    drain(session)
    reply = "".join(f"250{'-' if n < len(lines) else ' '}{text}\r\n" for n, text in enumerate(lines, 1))
    (event,) = session.receive_data(reply.encode())
    assert isinstance(event, Ready)
    return session


def outcomes(events: list[Event]) -> list[object]:
    """The outcomes of the one Finished among the events."""
    (finished,) = [event for event in events if isinstance(event, Finished)]
    return list(finished.outcomes)


# --- getting ready -------------------------------------------------------------------------------------------------


def test_a_peer_that_knows_ehlo_is_ready_after_two_replies() -> None:
    session = Session(PLAIN)
    events = play(
        session,
        """
        S: 220 peer.example ESMTP
        C: EHLO us.example
        S: 250-peer.example
        S: 250 SIZE 1000
        """,
    )
    assert [Ready(Capabilities(frozenset({"SIZE"}), size=1000))] == events
    assert State.READY == session.state


@pytest.mark.parametrize("code", [500, 501, 502])
def test_an_old_peer_is_greeted_with_helo(code: int) -> None:
    session = Session(PLAIN)
    events = play(
        session,
        f"""
        S: 220 peer.example
        C: EHLO us.example
        S: {code} what?
        C: HELO us.example
        S: 250 peer.example
        """,
    )
    assert [Ready(Capabilities())] == events


@pytest.mark.parametrize(
    ("greeting", "expected"),
    [
        ("554 5.7.1 go away", Rejected(554, "5.7.1", "5.7.1 go away")),
        ("521 no mail here", Rejected(521, None, "no mail here")),
        ("450 4.3.2 later", Deferred(450, "4.3.2", "4.3.2 later")),
    ],
)
def test_a_peer_that_refuses_at_the_greeting_is_left_with_quit(greeting: str, expected: object) -> None:
    session = Session(PLAIN)
    events = play(session, f"S: {greeting}\nC: QUIT\nS: 221 bye")
    assert [Unready(expected, State.GREETING), Closed("the session is over")] == events  # type: ignore[arg-type]


def test_a_421_greeting_closes_without_another_word() -> None:
    events = play(Session(PLAIN), "S: 421 4.3.2 too busy")
    assert [Unready(Deferred(421, "4.3.2", "4.3.2 too busy"), State.GREETING), Closed("the peer closes (421)")] == events


def test_a_greeting_of_several_lines_is_one_reply() -> None:
    session = Session(PLAIN)
    play(session, "S: 220-peer.example\nS: 220-no spam\nS: 220 please\nC: EHLO us.example")
    assert ("S: 220-peer.example", "S: 220-no spam", "S: 220 please") == session.transcript[:3]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["peer"], Capabilities()),
        (["peer", "pipelining", "8bitmime"], Capabilities(frozenset({"PIPELINING", "8BITMIME"}))),
        (["peer", "SIZE"], Capabilities(frozenset({"SIZE"}))),
        (["peer", "SIZE 0"], Capabilities(frozenset({"SIZE"}))),
        (["peer", "SIZE 52428800"], Capabilities(frozenset({"SIZE"}), size=52428800)),
        (["peer", "SIZE lots"], Capabilities(frozenset({"SIZE"}))),
        (["peer", "SIZE " + "9" * 4000], Capabilities(frozenset({"SIZE"}))),
        (["peer", "AUTH PLAIN LOGIN"], Capabilities(frozenset({"AUTH"}), auth=frozenset({"PLAIN", "LOGIN"}))),
        (["peer", "AUTH=LOGIN PLAIN"], Capabilities(frozenset({"AUTH"}), auth=frozenset({"PLAIN", "LOGIN"}))),
        (
            ["peer", "LIMITS RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1 X=y"],
            Capabilities(frozenset({"LIMITS"}), recipients_max=20, transactions_max=5),
        ),
        (["peer", "LIMITS RCPTMAX=0 MAILMAX=x"], Capabilities(frozenset({"LIMITS"}))),
        (["peer", "", "   "], Capabilities()),
    ],
)
def test_ehlo_lines_become_capabilities(lines: list[str], expected: Capabilities) -> None:
    assert expected == parse_capabilities(lines)


# --- STARTTLS ------------------------------------------------------------------------------------------------------

TLS_OFFERED = """
    S: 220 peer.example
    C: EHLO us.example
    S: 250-peer.example
    S: 250-PIPELINING
    S: 250 STARTTLS
    C: STARTTLS
"""


def test_s5_after_starttls_everything_is_asked_again_and_nothing_is_remembered() -> None:
    session = Session(Options("us.example"))
    assert [StartTls()] == play(session, TLS_OFFERED + "S: 220 go ahead")
    assert State.HANDSHAKE == session.state
    session.tls_started("TLSv1.3")
    assert Capabilities() == session.capabilities
    events = play(session, "C: EHLO us.example\nS: 250-peer.example\nS: 250 SIZE 5")
    assert [Ready(Capabilities(frozenset({"SIZE"}), size=5))] == events
    assert session.encrypted


def test_s5_plain_text_behind_the_starttls_reply_aborts_whatever_it_says() -> None:
    session = Session(Options("us.example"))
    play(session, TLS_OFFERED)
    events = session.receive_data(b"220 go ahead\r\n250-injected\r\n250 AUTH PLAIN\r\n")
    reason = "the peer sent plain text behind its reply to STARTTLS"
    assert [StartTls(), Unready(Deferred(None, "4.4.2", reason), State.HANDSHAKE), Closed(reason)] == events
    assert b"" == drain(session)


def test_s5_half_a_line_behind_the_starttls_reply_aborts_as_well() -> None:
    session = Session(Options("us.example"))
    play(session, TLS_OFFERED)
    assert isinstance(session.receive_data(b"220 go ahead\r\n2")[-1], Closed)


def test_s5_plain_text_in_a_later_packet_than_the_starttls_reply_aborts() -> None:
    session = Session(Options("us.example"))
    play(session, TLS_OFFERED + "S: 220 go ahead")
    assert isinstance(session.receive_data(b"250 injected\r\n")[-1], Closed)


def test_tls_not_available_now_goes_on_in_plain_text_when_it_was_only_wished_for() -> None:
    events = play(Session(Options("us.example")), TLS_OFFERED + "S: 454 4.7.0 not now")
    assert isinstance(events[0], Ready)


def test_tls_not_available_now_ends_the_session_when_it_is_required() -> None:
    events = play(Session(Options("us.example", tls=Tls.REQUIRED)), TLS_OFFERED + "S: 454 4.7.0 not now\nC: QUIT")
    assert [Unready(Deferred(454, "4.7.0", "4.7.0 not now"), State.STARTTLS)] == events


@pytest.mark.parametrize("reply", ["250 peer.example", "502 what?"])
def test_a_peer_that_does_not_offer_tls_is_left_when_tls_is_required(reply: str) -> None:
    session = Session(Options("us.example", tls=Tls.REQUIRED))
    events = play(session, f"S: 220 hello\nC: EHLO us.example\nS: {reply}\nC: QUIT")
    outcome = Deferred(None, "4.7.10", "the peer does not offer STARTTLS, and TLS is required")
    assert [Unready(outcome, State.EHLO)] == events


# --- AUTH ----------------------------------------------------------------------------------------------------------

LOGGED_IN = Options("us.example", Tls.NEVER, encrypted=True, credentials=Credentials("ada", "hunter2"))
START = "S: 220 hi\nC: EHLO us.example\nS: 250-hi\n"


def test_s28_plain_is_preferred_and_leaves_no_secret_in_the_transcript() -> None:
    session = Session(LOGGED_IN)
    events = play(session, START + "S: 250 AUTH LOGIN PLAIN\nC: AUTH PLAIN AGFkYQBodW50ZXIy\nS: 235 2.7.0 welcome")
    assert isinstance(events[-1], Ready)
    assert ("C: AUTH PLAIN <redacted>", "S: 235 2.7.0 welcome") == session.transcript[-2:]


def test_s28_login_answers_both_prompts_and_leaves_no_secret_in_the_transcript() -> None:
    session = Session(LOGGED_IN)
    events = play(
        session,
        START
        + """S: 250 AUTH LOGIN
        C: AUTH LOGIN
        S: 334 VXNlcm5hbWU6
        C: YWRh
        S: 334 UGFzc3dvcmQ6
        C: aHVudGVyMg==
        S: 235 welcome
        """,
    )
    assert isinstance(events[-1], Ready)
    assert not any("aHVud" in line or "YWRh" in line for line in session.transcript)


def test_s28_a_peer_that_repeats_the_password_does_not_get_it_into_our_records() -> None:
    session = Session(LOGGED_IN)
    script = "S: 250 AUTH PLAIN\nC: AUTH PLAIN AGFkYQBodW50ZXIy\nS: 535 5.7.8 no: hunter2 AGFkYQBodW50ZXIy\nC: QUIT"
    events = play(session, START + script)
    assert [Unready(Deferred(535, "5.7.8", "5.7.8 no: <redacted> <redacted>"), State.AUTH)] == events
    assert not any("hunter2" in line or "AGFk" in line for line in session.transcript)
    assert "hunter2" not in repr(LOGGED_IN)


def test_s28_credentials_never_go_over_plain_text_unless_that_is_allowed() -> None:
    session = Session(Options("us.example", Tls.IF_OFFERED, credentials=Credentials("ada", "hunter2")))
    (event,) = play(session, START + "S: 250 AUTH PLAIN\nC: QUIT")
    assert isinstance(event, Unready)
    assert "4.7.11" == event.outcome.enhanced
    allowed = Options("us.example", credentials=Credentials("ada", "hunter2"), plaintext_auth=True)
    play(Session(allowed), START + "S: 250 AUTH PLAIN\nC: AUTH PLAIN AGFkYQBodW50ZXIy")


def test_a_peer_without_a_mechanism_of_ours_is_not_used_without_login() -> None:
    (event,) = play(Session(LOGGED_IN), START + "S: 250 AUTH CRAM-MD5\nC: QUIT")
    assert isinstance(event, Unready)
    assert "4.7.4" == event.outcome.enhanced


def test_prompts_without_end_are_a_protocol_error() -> None:
    script = "S: 250 AUTH PLAIN\nC: AUTH PLAIN AGFkYQBodW50ZXIy\nS: 334\nC: AGFkYQBodW50ZXIy\nS: 334"
    assert Closed("protocol error: 334 to AUTH") == play(Session(LOGGED_IN), START + script)[-1]


# --- transactions --------------------------------------------------------------------------------------------------


def test_without_pipelining_each_step_awaits_its_reply() -> None:
    session = ready(Session(PLAIN))
    session.begin(to("b@there.example", "c@there.example"))
    events = play(
        session,
        """
        C: MAIL FROM:<a@us.example>
        S: 250 2.1.0 ok
        C: RCPT TO:<b@there.example>
        S: 250 2.1.5 ok
        C: RCPT TO:<c@there.example>
        S: 550 5.1.1 who?
        C: DATA
        S: 354 go
        C: Subject: Tea?
        C:
        C: At four.
        C: .
        S: 250 2.0.0 queued as 4711
        """,
    )
    assert [Delivered(250, "2.0.0", "2.0.0 queued as 4711"), Rejected(550, "5.1.1", "5.1.1 who?")] == outcomes(events)
    assert (
        "S: 220 peer.example",
        "C: EHLO us.example",
        "S: 250 peer.example",
        "C: MAIL FROM:<a@us.example>",
        "S: 250 2.1.0 ok",
        "C: RCPT TO:<b@there.example>",
        "S: 250 2.1.5 ok",
        "C: RCPT TO:<c@there.example>",
        "S: 550 5.1.1 who?",
        "C: DATA",
        "S: 354 go",
        "C: <27 bytes>",
        "S: 250 2.0.0 queued as 4711",
    ) == session.transcript


GROUP = """
    C: MAIL FROM:<a@us.example>
    C: RCPT TO:<b@there.example>
    C: RCPT TO:<c@there.example>
    C: DATA
"""


def test_with_pipelining_the_envelope_is_one_group() -> None:
    session = ready(Session(PLAIN), "PIPELINING")
    session.begin(to("b@there.example", "c@there.example"))
    events = play(
        session,
        GROUP
        + """
        S: 250 ok
        S: 450 4.2.0 busy
        S: 250 ok
        S: 354 go
        C: Subject: Tea?
        C:
        C: At four.
        C: .
        S: 250 taken
        """,
    )
    assert [Deferred(450, "4.2.0", "4.2.0 busy"), Delivered(250, None, "taken")] == outcomes(events)


def test_with_pipelining_a_message_nobody_may_have_is_ended_empty() -> None:
    session = ready(Session(PLAIN), "PIPELINING")
    session.begin(to("b@there.example", "c@there.example"))
    script = "S: 250 ok\nS: 550 no\nS: 551 no\nS: 354 go\nC: .\nS: 554 no valid recipients"
    events = play(session, GROUP + script)
    assert [Rejected(550, None, "no"), Rejected(551, None, "no")] == outcomes(events)
    assert "C: <0 bytes>" in session.transcript
    session.begin(to("d@there.example"))
    play(session, "C: MAIL FROM:<a@us.example>\nC: RCPT TO:<d@there.example>\nC: DATA")


def test_with_pipelining_a_refused_mail_from_settles_everybody() -> None:
    session = ready(Session(PLAIN), "PIPELINING")
    session.begin(to("b@there.example", "c@there.example"))
    events = play(session, GROUP + "S: 451 4.7.1 slow down\nS: 503 what?\nS: 503 what?\nS: 503 what?")
    assert [Deferred(451, "4.7.1", "4.7.1 slow down")] * 2 == outcomes(events)
    assert State.READY == session.state


def test_without_pipelining_a_refused_mail_from_asks_no_more() -> None:
    session = ready(Session(PLAIN))
    session.begin(to("b@there.example"))
    assert [Rejected(550, None, "no")] == outcomes(play(session, "C: MAIL FROM:<a@us.example>\nS: 550 no"))


def test_without_pipelining_a_message_nobody_may_have_is_not_announced() -> None:
    session = ready(Session(PLAIN))
    session.begin(to("b@there.example"))
    script = "C: MAIL FROM:<a@us.example>\nS: 250 ok\nC: RCPT TO:<b@there.example>\nS: 550 no"
    assert [Rejected(550, None, "no")] == outcomes(play(session, script))


def test_a_refused_data_counts_for_those_who_were_accepted() -> None:
    session = ready(Session(PLAIN), "PIPELINING")
    session.begin(to("b@there.example", "c@there.example"))
    events = play(session, GROUP + "S: 250 ok\nS: 250 ok\nS: 550 no\nS: 451 4.3.0 disk")
    assert [Deferred(451, "4.3.0", "4.3.0 disk"), Rejected(550, None, "no")] == outcomes(events)


def test_after_a_broken_off_transaction_the_next_one_begins_with_rset() -> None:
    session = ready(Session(PLAIN), "PIPELINING")
    session.begin(to("b@there.example"))
    script = "C: MAIL FROM:<a@us.example>\nC: RCPT TO:<b@there.example>\nC: DATA\nS: 250 ok\nS: 550 no\nS: 503 no"
    play(session, script)
    session.begin(to("b@there.example"))
    events = play(
        session,
        """
        C: RSET
        C: MAIL FROM:<a@us.example>
        C: RCPT TO:<b@there.example>
        C: DATA
        S: 250 flushed
        S: 250 ok
        S: 250 ok
        S: 354 go
        C: Subject: Tea?
        C:
        C: At four.
        C: .
        S: 250 ok
        """,
    )
    assert [Delivered(250, None, "ok")] == outcomes(events)
    assert "* transaction 2 on this connection" == session.transcript[0]


def test_after_a_whole_transaction_the_next_one_needs_no_rset_and_quit_takes_leave() -> None:
    session = ready(Session(PLAIN), "PIPELINING")
    for _ in range(3):
        session.begin(to("b@there.example"))
        play(session, "C: MAIL FROM:<a@us.example>\nC: RCPT TO:<b@there.example>\nC: DATA")
        session.receive_data(b"250 ok\r\n250 ok\r\n354 go\r\n")
        assert MESSAGE + b".\r\n" == drain(session)
        assert [Delivered(250, None, "ok")] == outcomes(session.receive_data(b"250 ok\r\n"))
    session.quit()
    assert [Closed("the session is over")] == play(session, "C: QUIT\nS: 221 bye")


def test_bdat_is_used_where_it_is_offered_and_waits_for_the_recipients() -> None:
    session = ready(Session(PLAIN), "PIPELINING", "CHUNKING")
    session.begin(to("b@there.example", message=b"Subject: x\r\n\r\n.dots stay.\r\n"))
    events = play(
        session,
        """
        C: MAIL FROM:<a@us.example>
        C: RCPT TO:<b@there.example>
        S: 250 ok
        S: 250 ok
        C: BDAT 27 LAST
        C: Subject: x
        C: 
        C: .dots stay.
        S: 250 ok
        """,
    )
    assert [Delivered(250, None, "ok")] == outcomes(events)
    assert ("C: BDAT 27 LAST", "C: <27 bytes>", "S: 250 ok") == session.transcript[-3:]


def test_bdat_is_not_begun_when_nobody_was_accepted() -> None:
    session = ready(Session(PLAIN), "CHUNKING")
    session.begin(to("b@there.example"))
    script = "C: MAIL FROM:<a@us.example>\nS: 250 ok\nC: RCPT TO:<b@there.example>\nS: 450 no"
    assert [Deferred(450, None, "no")] == outcomes(play(session, script))


def test_what_the_peer_understands_is_said_in_the_parameters() -> None:
    session = ready(Session(PLAIN), "PIPELINING", "SIZE 1000", "8BITMIME", "DSN")
    recipient = Recipient("b@there.example", ("FAILURE", "DELAY"), "b+x=y@old.example")
    message = b"Subject: x\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
    session.begin(Transaction("a@us.example", (recipient,), (message,), "HDRS", "id 7"))
    play(
        session,
        """
        C: MAIL FROM:<a@us.example> SIZE=23 BODY=8BITMIME RET=HDRS ENVID=id+207
        C: RCPT TO:<b@there.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b+2Bx+3Dy@old.example
        C: DATA
        """,
    )


def test_what_the_peer_does_not_understand_is_left_out() -> None:
    session = ready(Session(PLAIN))
    session.begin(Transaction("", (Recipient("b@there.example", ("NEVER",), "b@x.example"),), (MESSAGE,), "FULL", "id"))
    play(session, "C: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<b@there.example>")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("plain!", "plain!"), ("a=b", "a+3Db"), ("a+b", "a+2Bb"), ("a b", "a+20b"), ("é", "+C3+A9"), ("\r\n", "+0D+0A")],
)
def test_xtext_encodes_what_rfc_3461_section_4_says(text: str, expected: str) -> None:
    assert expected == xtext(text)


# --- what a peer can't take ----------------------------------------------------------------------------------------

EIGHT_BIT_BODY = b"Subject: x\r\n\r\n\xe4\r\n"
EIGHT_BIT_HEADER = b"Subject: \xc3\xa4\r\n\r\nx\r\n"


@pytest.mark.parametrize(
    ("keywords", "transaction", "expected"),
    [
        ((), to("b@there.example", message=EIGHT_BIT_BODY), ["5.6.3"]),
        (("SMTPUTF8",), to("b@there.example", message=EIGHT_BIT_BODY), ["5.6.3"]),
        (("8BITMIME",), to("b@there.example", message=EIGHT_BIT_HEADER), ["5.6.7"]),
        (("8BITMIME",), to("b@there.example", mail_from="ä@us.example"), ["5.6.7"]),
        (("8BITMIME",), to("ä@there.example", "ö@there.example"), ["5.6.7", "5.6.7"]),
        (("SIZE 20",), to("b@there.example", "c@there.example"), ["5.3.4", "5.3.4"]),
    ],
)
def test_a_peer_that_lacks_what_the_message_needs_is_not_asked(
    keywords: tuple[str, ...], transaction: Transaction, expected: list[str]
) -> None:
    session = ready(Session(PLAIN), *keywords)
    events = session.begin(transaction)
    assert b"" == drain(session)
    assert expected == [o.enhanced for o in outcomes(events) if isinstance(o, Rejected) and o.code is None]
    assert State.READY == session.state


def test_only_the_recipient_that_needs_smtputf8_is_refused_by_a_peer_without_it() -> None:
    session = ready(Session(PLAIN))
    session.begin(to("ä@there.example", "b@there.example"))
    script = "C: MAIL FROM:<a@us.example>\nS: 250 ok\nC: RCPT TO:<b@there.example>\nS: 450 no"
    assert ["5.6.7", None] == [o.enhanced for o in outcomes(play(session, script))]  # type: ignore[attr-defined]


def test_smtputf8_is_asked_for_when_it_is_needed_and_offered() -> None:
    session = ready(Session(PLAIN), "8BITMIME", "SMTPUTF8")
    session.begin(to("ä@there.example"))
    play(session, "C: MAIL FROM:<a@us.example> BODY=8BITMIME SMTPUTF8\nS: 250 ok\nC: RCPT TO:<ä@there.example>")


def test_what_must_not_go_on_in_the_clear_is_marked() -> None:
    session = ready(Session(PLAIN), "REQUIRETLS")
    session.begin(replace(to("b@there.example"), require_tls=True))
    play(session, "C: MAIL FROM:<a@us.example> REQUIRETLS\nS: 250 ok\nC: RCPT TO:<b@there.example>")


# --- losing the connection (I6) ------------------------------------------------------------------------------------


def lost_after(script: str, *keywords: str) -> Finished:
    session = ready(Session(PLAIN), *keywords)
    session.begin(to("b@there.example", "c@there.example"))
    play(session, script)
    finished, closed = session.connection_lost("gone")
    assert Closed("gone") == closed
    assert isinstance(finished, Finished)
    assert [] == session.connection_lost("again")
    return finished


@pytest.mark.parametrize(
    ("replies", "expected", "begun"),
    [
        ("", [Deferred(None, "4.4.2", "gone")] * 2, False),
        ("S: 250 ok\nS: 550 no", [Rejected(550, None, "no"), Deferred(None, "4.4.2", "gone")], False),
        ("S: 250 ok\nS: 250 ok\nS: 250 ok", [Deferred(None, "4.4.2", "gone")] * 2, False),
    ],
)
def test_i6_before_the_final_dot_a_lost_connection_defers(replies: str, expected: list[object], begun: bool) -> None:
    finished = lost_after(GROUP + replies, "PIPELINING")
    assert expected == list(finished.outcomes)
    assert begun == finished.content_begun


MESSAGE_LINES = "C: Subject: Tea?\nC:\nC: At four.\nC: .\n"


def test_i6_after_the_final_dot_a_lost_connection_is_unknown_for_those_accepted() -> None:
    finished = lost_after(GROUP + "S: 250 ok\nS: 550 no\nS: 250 ok\nS: 354 go\n" + MESSAGE_LINES, "PIPELINING")
    assert (Rejected(550, None, "no"), Unknown("gone")) == finished.outcomes
    assert finished.content_begun


def test_i6_between_two_chunks_of_a_large_message_a_lost_connection_defers() -> None:
    session = ready(Session(PLAIN))
    session.begin(to("b@there.example", message=b"0123456789abcd\r\n" * (CHUNK // 8)))
    play(session, "C: MAIL FROM:<a@us.example>\nS: 250 ok\nC: RCPT TO:<b@there.example>\nS: 250 ok\nC: DATA")
    session.receive_data(b"354 go\r\n")
    assert session.bytes_to_send()
    assert State.CONTENT == session.state
    assert [Deferred(None, "4.4.2", "gone")] == outcomes(session.connection_lost("gone"))


def test_i6_after_the_last_bdat_a_lost_connection_is_unknown() -> None:
    script = """
        C: MAIL FROM:<a@us.example>
        C: RCPT TO:<b@there.example>
        C: RCPT TO:<c@there.example>
        S: 250 ok
        S: 250 ok
        S: 250 ok
        C: BDAT 27 LAST
        C: Subject: Tea?
        C:
        C: At four.
    """
    assert (Unknown("gone"), Unknown("gone")) == lost_after(script, "PIPELINING", "CHUNKING").outcomes


def test_i6_a_reply_that_can_not_be_read_after_the_final_dot_is_unknown() -> None:
    session = ready(Session(PLAIN), "PIPELINING")
    session.begin(to("b@there.example", "c@there.example"))
    play(session, GROUP + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n" + MESSAGE_LINES)
    events = session.receive_data(b"<html>\r\n")
    assert all(isinstance(outcome, Unknown) for outcome in outcomes(events))


def test_i6_a_final_dot_that_could_not_be_written_defers() -> None:
    session = ready(Session(PLAIN), "PIPELINING")
    session.begin(to("b@there.example", "c@there.example"))
    play(session, GROUP + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n" + MESSAGE_LINES)
    assert [Deferred(None, "4.4.2", "broken pipe")] * 2 == outcomes(session.write_failed("broken pipe"))


def test_421_to_the_final_dot_is_a_reply_and_defers() -> None:
    session = ready(Session(PLAIN), "PIPELINING")
    session.begin(to("b@there.example", "c@there.example"))
    events = play(
        session, GROUP + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\n" + MESSAGE_LINES + "S: 421 4.3.2 shutting down"
    )
    assert [Deferred(421, "4.3.2", "4.3.2 shutting down")] * 2 == outcomes(events)
    assert isinstance(events[-1], Closed)


def test_421_to_a_recipient_defers_all_that_are_open() -> None:
    session = ready(Session(PLAIN), "PIPELINING")
    session.begin(to("b@there.example", "c@there.example"))
    events = play(session, GROUP + "S: 250 ok\nS: 550 no\nS: 421 4.7.0 too many")
    assert [Rejected(550, None, "no"), Deferred(421, "4.7.0", "4.7.0 too many")] == outcomes(events)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("552 5.3.4 too large", Rejected(552, "5.3.4", "5.3.4 too large")),
        ("250 ok", Deferred(None, "4.5.0", "the peer answered 250 before the end of the message")),
    ],
)
def test_an_answer_before_the_end_of_the_message_never_counts_as_delivered(reply: str, expected: object) -> None:
    session = ready(Session(PLAIN))
    session.begin(to("b@there.example", message=b"0123456789abcd\r\n" * (CHUNK // 8)))
    play(session, "C: MAIL FROM:<a@us.example>\nS: 250 ok\nC: RCPT TO:<b@there.example>\nS: 250 ok\nC: DATA")
    session.receive_data(b"354 go\r\n")
    session.bytes_to_send()
    events = session.receive_data(reply.encode() + b"\r\n")
    assert [expected] == outcomes(events)
    assert isinstance(events[-1], Closed)
    assert b"" == session.bytes_to_send()


def test_an_idle_peer_that_says_421_closes() -> None:
    session = ready(Session(PLAIN))
    assert [Closed("the peer closes (421)")] == session.receive_data(b"421 idle\r\n")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("552 too many", Deferred),
        ("552 5.5.3 too many", Deferred),
        ("552 5.2.2 mailbox full", Rejected),
        ("452 4.5.3 too many", Deferred),
        ("553 no", Rejected),
        ("550 4.1.1 odd", Rejected),
    ],
)
def test_a_recipient_is_deferred_or_rejected_by_its_reply(reply: str, expected: type) -> None:
    session = ready(Session(PLAIN))
    session.begin(to("b@there.example"))
    script = f"C: MAIL FROM:<a@us.example>\nS: 250 ok\nC: RCPT TO:<b@there.example>\nS: {reply}"
    assert [expected] == [type(outcome) for outcome in outcomes(play(session, script))]


# --- bad replies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [
        b"hello\r\n",
        b"99 x\r\n",
        b"600 x\r\n",
        b"250x\r\n",
        b"250\tx\r\n",
        b"\r\n",
        b"250 nul\0\r\n",
        b"250 bare\n",
        b"250 " + b"x" * 3000 + b"\r\n",
        b"x" * 100_000,
        b"250-more\r\n" * 101,
        b"354 to EHLO\r\n",
    ],
)
def test_what_is_no_reply_closes_the_session(octets: bytes) -> None:
    session = Session(PLAIN)
    session.receive_data(b"220 hi\r\n")
    drain(session)
    assert isinstance(session.receive_data(octets)[-1], Closed)


@pytest.mark.parametrize("octets", [b"250\r\n", b"250 \r\n", b"250 " + b"x" * 2000 + b"\r\n", b"250-x\r\n" * 99 + b"250 x\r\n"])
def test_what_is_odd_but_clear_is_taken(octets: bytes) -> None:
    session = Session(PLAIN)
    session.receive_data(b"220 hi\r\n")
    assert isinstance(session.receive_data(octets)[-1], Ready)


def test_s23_control_characters_of_a_reply_do_not_reach_the_transcript() -> None:
    session = Session(PLAIN)
    session.receive_data("220 a\x1b[31mb\u2028c\u0085d".encode() + b"\xff\r\n")
    assert "S: 220 a\ufffd[31mb c\ufffdd\ufffd" == session.transcript[0]


def test_the_transcript_is_bounded_and_says_what_it_left_out() -> None:
    session = ready(Session(PLAIN), "PIPELINING")
    session.begin(to(*[f"r{n}@there.example" for n in range(400)]))
    session.receive_data(b"250 ok\r\n" * 401)
    lines = session.transcript
    assert len(lines) == 201
    assert "* 607 lines left out" == lines[150]


# --- what leaves (S2) ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n\n", b"\r", b"\n", b"x\r\n.\r\r\n", b"x\n.\n", b"x\r\n.\n"])
def test_s2_a_bare_cr_or_lf_is_refused_before_anything_is_sent(text: bytes) -> None:
    session = ready(Session(PLAIN))
    with pytest.raises(ValueError, match="bare CR or LF"):
        session.begin(to("b@there.example", message=text))
    assert b"" == drain(session)
    assert State.READY == session.state


@pytest.mark.parametrize(
    "address",
    [
        "b",
        "b@",
        "@x",
        "a b@x.example",
        "a@x.example> SIZE=1",
        "a@x\r\nRSET",
        "a\0@x",
        "<a@x>",
        "a@x@y",
        "a,b@x",
        '"a"b@x',
        "a@[x",
    ],
)
def test_s23_an_address_that_would_break_out_of_its_command_is_refused(address: str) -> None:
    session = ready(Session(PLAIN))
    with pytest.raises(ValueError, match="not an address"):
        session.begin(to("ok@there.example", address))
    with pytest.raises(ValueError, match="not an address"):
        session.begin(to("ok@there.example", mail_from=address))
    assert b"" == drain(session)


@pytest.mark.parametrize(
    "address", ['"a b"@x.example', "a+b=c@x.example", "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "o'x/y@x.example"]
)
def test_an_odd_address_that_the_grammar_allows_is_carried(address: str) -> None:
    session = ready(Session(PLAIN))
    session.begin(to(address))
    play(session, f"C: MAIL FROM:<a@us.example>\nS: 250 ok\nC: RCPT TO:<{address}>")


def unstuffed(wire: bytes) -> bytes:
    """What a strict server reads: up to CRLF.CRLF, one leading dot of each line taken away."""
    end = (b"\r\n" + wire).index(b"\r\n.\r\n")
    assert end + 3 == len(wire), "something follows the end of data"
    return (b"\r\n" + wire[:end]).replace(b"\r\n.", b"\r\n")[2:]


lines = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"x", b"x.", b"x" * 30]), max_size=12)


@given(lines, st.integers(1, 9))
@settings(max_examples=150)
def test_s2_no_message_ends_early_or_loses_a_dot_however_it_is_cut(parts: list[bytes], cut: int) -> None:
    message = b"".join(line + b"\r\n" for line in parts)
    wire = b"".join(stuffed([message[:cut], message[cut:]]))
    assert message == unstuffed(wire)
    assert wire.count(b"\r") == wire.count(b"\n") == wire.count(b"\r\n")


def test_s2_lines_that_straddle_chunks_are_stuffed(monkeypatch: pytest.MonkeyPatch) -> None:
    message = b"\r\n.\r\n..\r\nx\r\n.\r\n"
    for size in range(1, 8):
        monkeypatch.setattr("mailwright.wire.smtp_client.content.CHUNK", size)
        assert b"\r\n..\r\n...\r\nx\r\n..\r\n.\r\n" == b"".join(stuffed([message]))
        assert message == b"".join(pieces([message]))
        assert shape([message]).size == len(message)


@pytest.mark.parametrize(
    ("message", "expected"),
    [(b"", b".\r\n"), (b"x", b"x\r\n.\r\n"), (b"x\r\n", b"x\r\n.\r\n"), (b".", b"..\r\n.\r\n"), (b"\r\n", b"\r\n.\r\n")],
)
def test_the_end_of_data_follows_a_whole_line(message: bytes, expected: bytes) -> None:
    assert expected == b"".join(stuffed([message]))


@pytest.mark.parametrize("cut", [0, 1, 13, 14, 15, 16, 17, 18, 19])
def test_eight_bit_text_is_found_in_header_and_body_however_the_parts_are_cut(cut: int) -> None:
    def halves(message: bytes) -> tuple[bool, bool]:
        found = shape([message[:cut], message[cut:]])
        return found.eight_bit_header, found.eight_bit_body

    assert (False, False) == halves(b"Subject: abcd\r\n\r\nabcd\r\n")
    assert (False, True) == halves(b"Subject: abcd\r\n\r\nab\xc3\xa4\r\n")
    assert (True, False) == halves(b"Subject: ab\xc3\xa4\r\n\r\nabcd\r\n")
    assert (True, True) == halves(b"Subject: ab\xc3\xa4\r\n\r\n\xc3\xa4bcd\r\n")
    assert (False, True) == halves(b"\r\nab\xc3\xa4 and no header\r\n")


def test_a_mapped_file_is_sent_like_bytes() -> None:
    text = b"Subject: x\r\n\r\n" + b".0123456789abc\r\n" * (CHUNK // 8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m")
        path.write_bytes(text)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            session = ready(Session(PLAIN))
            session.begin(Transaction("a@us.example", (Recipient("b@there.example"),), (b"X: y\r\n", mapped)))
            play(session, "C: MAIL FROM:<a@us.example>\nS: 250 ok\nC: RCPT TO:<b@there.example>\nS: 250 ok\nC: DATA")
            session.receive_data(b"354 go\r\n")
            chunks = []
            while chunk := session.bytes_to_send():
                chunks.append(chunk)
    assert b"X: y\r\n" + text == unstuffed(b"".join(chunks))
    assert max(map(len, chunks)) < 3 * CHUNK


# --- the table, and anything a peer may do -------------------------------------------------------------------------


def test_every_state_can_be_reached_and_left_and_only_closed_is_final() -> None:
    reached = {State.GREETING} | {after for moves in TRANSITIONS.values() for after in moves.values()}
    assert set(State) == reached == set(TRANSITIONS)
    assert [State.CLOSED] == [state for state, moves in TRANSITIONS.items() if Cue.LOST not in moves]


def test_a_transaction_begins_on_a_ready_session_only() -> None:
    with pytest.raises(RuntimeError):
        Session(PLAIN).begin(to("b@there.example"))


replies = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"250-PIPELINING\r\n250-CHUNKING\r\n250 STARTTLS\r\n", b"250 AUTH PLAIN\r\n", b"250-x\r\n", b"\r", b"\n"]),
    st.sampled_from([220, 250, 354, 421, 450, 550, 334, 235]).map(lambda code: b"%d x\r\n" % code),
)


@given(st.lists(replies, max_size=25), st.sampled_from(list(Tls)), st.booleans())
@settings(max_examples=250)
def test_no_reply_raises_or_hangs_and_every_recipient_gets_one_outcome(said: list[bytes], tls: Tls, login: bool) -> None:
    credentials = Credentials("ada", "hunter2") if login else None
    session = Session(Options("us.example", tls=tls, credentials=credentials, plaintext_auth=True))
    begun = finished = 0
    events: list[Event] = []
    for data in [*said, None]:
        events = session.connection_lost("end") if data is None else session.receive_data(data)
        wire = drain(session)
        assert wire.count(b"\r") == wire.count(b"\n") == wire.count(b"\r\n")
        if StartTls() in events and session.state is State.HANDSHAKE:
            session.tls_started("TLSv1.3")
        for event in events:
            if isinstance(event, Finished):
                finished += 1
                assert 2 == len(event.outcomes)
        if session.state is State.READY:
            begun += 1
            assert [] == session.begin(to("b@there.example", "c@there.example"))
    assert begun == finished
    assert State.CLOSED == session.state


@given(st.binary(max_size=60), st.integers(0, 60))
@settings(max_examples=150)
def test_how_replies_are_cut_makes_no_difference(data: bytes, cut: int) -> None:
    def run(*chunks: bytes) -> tuple[list[Event], tuple[str, ...]]:
        session = Session(PLAIN)
        events = [event for chunk in (b"220 hi\r\n", *chunks) for event in session.receive_data(chunk)]
        return events, session.transcript

    octets = b"250-a\r\n" + data
    assert run(octets) == run(octets[:cut], octets[cut:])
