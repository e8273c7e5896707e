"""An SMTP session from the shell's side: the table, the decisions, the parameters, the octets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smtp_script import Shell, plain

from mailwright.wire.smtp_paths import NULL_PATH, Path
from mailwright.wire.smtp_server import (
    TRANSITIONS,
    Auth,
    AuthCancelled,
    AuthResponse,
    Body,
    Chunk,
    Closed,
    DataStarted,
    Event,
    Hello,
    MailFrom,
    MessageAborted,
    MessageEnd,
    Notify,
    Options,
    RcptTo,
    Reply,
    Reset,
    Ret,
    Session,
    StartTls,
    State,
    Verb,
    Why,
)
from mailwright.wire.smtp_server.grammar import AUTH_LINE

ADA = Path("ada", "there.example")
BOB = Path("bob", "here.example")
ENVELOPE = "MAIL FROM:<ada@there.example>\r\nRCPT TO:<bob@here.example>\r\n"
NO = Reply(450, "4.2.0", "Not now")


# --- the table ------------------------------------------------------------

ARGUMENTS = {
    Verb.HELO: "x", Verb.EHLO: "x", Verb.MAIL: "FROM:<ada@there.example>", Verb.RCPT: "TO:<bob@here.example>",
    Verb.BDAT: "0", Verb.VRFY: "x", Verb.AUTH: "PLAIN",
}  # fmt: skip
WAYS = {
    State.GREETED: [],
    State.READY: ["EHLO x"],
    State.MAIL: ["EHLO x", "MAIL FROM:<ada@there.example>"],
    State.RCPT: ["EHLO x", "MAIL FROM:<ada@there.example>", "RCPT TO:<bob@here.example>"],
    State.CHUNKED: ["EHLO x", "MAIL FROM:<ada@there.example>", "RCPT TO:<bob@here.example>", "BDAT 0"],
}


@pytest.mark.parametrize("state", WAYS)
@pytest.mark.parametrize("verb", Verb)
def test_the_session_obeys_the_table(state: State, verb: Verb):
    """TLS and AUTH exclude each other as first steps, so each is offered only where it is tried."""
    tls = verb is Verb.AUTH
    options = Options(starttls=not tls, auth_mechanisms=("PLAIN",) if tls else ())
    shell = Shell(options, tls, decide=lambda session, event: isinstance(event, Auth) and not session.challenge(b""))
    shell.greeted()
    for line in WAYS[state]:
        shell.send(line + "\r\n")
    assert state is shell.session.state
    reply = shell.send(f"{verb} {ARGUMENTS.get(verb, '')}".strip() + "\r\n")[0]
    expected = TRANSITIONS.get((state, verb), state)
    expected = {State.CHUNK: State.CHUNKED}.get(expected, expected)  # a chunk of no octets is over at once
    assert expected is shell.session.state
    assert ((state, verb) not in TRANSITIONS) == (reply[:3] == "503")


# --- events ------------------------------------------------------------


def test_a_transaction_is_told_as_events():
    shell = Shell().helloed()
    shell.send(ENVELOPE + "DATA\r\n")
    shell.send("Subject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n")
    content = b"Subject: x\r\n\r\n.dot\r\n"
    expected: list[Event] = [MailFrom(ADA), RcptTo(BOB), DataStarted(), Chunk(content), MessageEnd(len(content))]
    assert [*expected, Closed(Why.QUIT)] == shell.events


def test_hello_is_told_with_the_name():
    shell = Shell().greeted()
    shell.send("EHLO [IPv6:2001:db8::1]\r\n")
    shell.send("helo mx_1.example \r\n")
    assert [Hello("[IPv6:2001:db8::1]", True), Hello("mx_1.example", False)] == shell.events


def test_the_parameters_of_mail_are_told():
    shell = Shell().helloed()
    shell.send("MAIL FROM:<> SIZE=12 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=ada+40there.example\r\n")
    assert [
        MailFrom(NULL_PATH, size=12, body=Body.EIGHT_BIT, smtputf8=True, ret=Ret.HDRS, envid="a+b", auth="ada@there.example")
    ] == shell.events


@pytest.mark.parametrize(
    ("parameters", "notify", "orcpt"),
    [
        ("", [], None),
        (" NOTIFY=NEVER", [Notify.NEVER], None),
        (" notify=Success,FAILURE,delay", [Notify.SUCCESS, Notify.FAILURE, Notify.DELAY], None),
        (" ORCPT=rfc822;bob+2Btea@here.example", [], "rfc822;bob+tea@here.example"),
        (" ORCPT=utf-8;bob\\x{3C0}@here.example", [], "utf-8;bob\\x{3C0}@here.example"),
        (" ORCPT=X400;/C+3DFR/", [], "X400;/C=FR/"),
    ],
)
def test_the_parameters_of_rcpt_are_told(parameters: str, notify: list[Notify], orcpt: str | None):
    shell = Shell().helloed()
    shell.send(f"MAIL FROM:<ada@there.example>\r\nRCPT TO:<bob@here.example>{parameters}\r\n")
    assert [RcptTo(BOB, frozenset(notify), orcpt)] == shell.of(RcptTo)


def test_a_transaction_that_is_dropped_is_told_once():
    shell = Shell().helloed()
    shell.send("RSET\r\n")
    assert [] == shell.events
    shell.send(ENVELOPE + "RSET\r\nRSET\r\n")
    assert [Reset()] == shell.of(Reset)
    shell.send(ENVELOPE + "EHLO x\r\n")
    assert [Reset(), Reset()] == shell.of(Reset)


def test_chunks_are_told_as_one_message():
    shell = Shell().helloed()
    shell.send(ENVELOPE + "BDAT 4\r\na\r\n.BDAT 3 LAST\r\n\r\nb")
    assert [b"a\r\n.\r\nb"] == shell.messages
    assert [DataStarted(chunked=True)] == shell.of(DataStarted)
    assert [MessageEnd(7)] == shell.of(MessageEnd)


def test_a_client_that_goes_leaves_nothing_behind():
    shell = Shell().helloed()
    shell.send(ENVELOPE + "DATA\r\n")
    shell.send("Subject: x\r\n")
    shell.handle(shell.session.receive_eof())
    assert Why.EOF == shell.why
    shell.handle(shell.session.receive_eof())
    assert 1 == len(shell.of(Closed))
    assert [] == shell.send("\r\n.\r\n")
    assert [] == shell.messages


# --- decisions ------------------------------------------------------------


def refusing(kind: type[Event], reply: Reply = NO) -> Shell:
    def decide(session: Session, event: Event) -> bool:
        if isinstance(event, kind):
            session.refuse(reply)
        return isinstance(event, kind)

    return Shell(decide=decide).helloed()


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (MailFrom, [450, 503, 503]),
        (RcptTo, [250, 450, 554]),
        (DataStarted, [250, 250, 450]),
        (MessageEnd, [250, 250, 354]),
    ],
)
def test_each_step_can_be_refused(kind: type[Event], codes: list[int]):
    shell = refusing(kind)
    assert codes == [int(reply[:3]) for reply in shell.send(ENVELOPE + "DATA\r\n")]
    if kind is MessageEnd:
        assert ["450 4.2.0 Not now"] == shell.send(".\r\n")
        assert State.READY is shell.session.state


def test_a_refused_chunk_is_dropped_before_the_reply():
    shell = refusing(DataStarted)
    replies = shell.send(ENVELOPE + "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
    assert ["250", "250", "450", "503", "250"] == [reply[:3] for reply in replies]
    assert [] == shell.of(Chunk)
    assert [] == shell.messages


@pytest.mark.parametrize("code", [421, 521])
@pytest.mark.parametrize("kind", [MailFrom, RcptTo, DataStarted, MessageEnd])
def test_a_refusal_that_says_goodbye_ends_the_session(kind: type[Event], code: int):
    shell = refusing(kind, Reply(code, f"{code // 100}.3.2", "Going down"))
    shell.send(ENVELOPE + "DATA\r\n")
    shell.send(".\r\n")
    assert shell.session.closed
    assert shell.replies[-1].startswith(str(code))
    assert Why.SERVER == shell.why


def test_accepting_may_say_something():
    def decide(session: Session, event: Event) -> bool:
        if isinstance(event, MessageEnd):
            session.accept("queued as msg_1\r\n250 2.0.0 ha")
        elif isinstance(event, MailFrom):
            session.accept("welcome")
        return isinstance(event, MessageEnd | MailFrom)

    shell = Shell(decide=decide).helloed()
    assert "250 2.1.0 welcome" == shell.send(ENVELOPE + "DATA\r\n")[0]
    assert ["250 2.0.0 queued as msg_1? 2.0.0 250 2.0.0 ha"] == shell.send(".\r\n")


def test_an_unanswered_event_is_a_bug_of_the_shell():
    session = Session(Options())
    session.greet()
    list(session.receive_data(b"EHLO x\r\n"))
    events = session.receive_data(b"MAIL FROM:<>\r\n")
    assert MailFrom(NULL_PATH) == next(events)
    with pytest.raises(RuntimeError, match="MailFrom was not answered"):
        next(events)


def test_answers_without_a_question_are_bugs_of_the_shell():
    session = Session(Options())
    for wrong in (session.accept, lambda: session.refuse(NO), lambda: session.challenge(b""), session.tls_started):
        with pytest.raises(RuntimeError):
            wrong()
    session.greet()
    with pytest.raises(RuntimeError):
        session.greet()
    list(session.receive_data(b"EHLO x\r\n"))
    next(session.receive_data(b"MAIL FROM:<>\r\n"))
    with pytest.raises(RuntimeError, match="only an authentication"):
        session.challenge(b"")


def test_octets_that_come_while_a_decision_is_pending_wait():
    session = Session(Options())
    session.greet()
    list(session.receive_data(b"EHLO x\r\n"))
    events = session.receive_data(b"MAIL FROM:<>\r\nRCPT TO:<bob@here.ex")
    assert MailFrom(NULL_PATH) == next(events)
    assert events is session.receive_data(b"ample>\r\n")
    session.accept()
    assert RcptTo(BOB) == next(events)


def test_the_message_can_be_abandoned_on_the_way():
    def decide(session: Session, event: Event) -> bool:
        if isinstance(event, Chunk):
            session.abandon(Reply(452, "4.3.1", "Disk full"))
            session.abandon(NO)
        return isinstance(event, Chunk)

    for command, end in (("DATA\r\n", "\r\n.\r\n"), ("BDAT 2000 LAST\r\n", "")):
        shell = Shell(decide=decide).helloed()
        shell.send(ENVELOPE + command)
        for _ in range(20):
            shell.send("x" * 98 + "\r\n")
        shell.send(end)
        assert [MessageAborted()] == shell.of(MessageAborted)
        assert 1 == len(shell.of(Chunk))
        assert [] == shell.messages
        assert "452 4.3.1 Disk full" == shell.replies[-1]
        assert "250" == shell.send("NOOP\r\n")[0][:3]


def test_a_message_can_be_abandoned_though_all_of_it_came_at_once():
    """The disk may be found full with the last chunk, when the end of data is in hand already."""

    def decide(session: Session, event: Event) -> bool:
        if isinstance(event, Chunk):
            session.abandon(Reply(452, "4.3.1", "Disk full"))
        return isinstance(event, Chunk)

    for words in ("DATA\r\n|a: b\r\n.\r\n", "BDAT 6 LAST\r\na: b\r\n", "BDAT 6\r\na: b\r\n"):
        shell = Shell(decide=decide).helloed()
        shell.send(ENVELOPE)
        for part in words.split("|"):
            shell.send(part)
        assert [] == shell.messages
        assert "452 4.3.1 Disk full" == shell.replies[-1]
        assert State.READY is shell.session.state


# --- the end ------------------------------------------------------------


def test_draining_ends_a_session_at_once_or_after_the_message_that_it_is_in():
    goodbye = Reply(421, "4.3.2", "Restarting")
    shell = Shell().helloed()
    shell.session.drain(goodbye)
    shell.handle(shell.session.receive_data(b""))
    assert ["421 4.3.2 Restarting"] == shell.replies
    assert shell.session.closed

    shell = Shell().helloed()
    shell.send(ENVELOPE + "DATA\r\n")
    shell.session.drain(goodbye)
    assert [] == shell.send("")
    assert [] == shell.send("Subject: x\r\n")
    assert ["250", "421"] == [reply[:3] for reply in shell.send(".\r\n")]
    assert 1 == len(shell.messages)

    shell = Shell().helloed()
    shell.send(ENVELOPE)
    shell.session.drain(goodbye)
    shell.handle(shell.session.receive_data(b""))
    assert "421 4.3.2 Restarting" == shell.replies[-1]  # which is all that it could hear to DATA, too
    assert shell.session.closed

    shell = Shell().helloed()
    shell.send("MAIL FR")
    shell.session.drain(goodbye)
    shell.handle(shell.session.receive_data(b""))
    assert not shell.session.closed
    assert ["421"] == [reply[:3] for reply in shell.send("OM:<>\r\n")]


def test_hanging_up_ends_a_session_in_the_middle_of_anything():
    timeout = Reply(421, "4.4.2", "Timed out")
    for words in ("", ENVELOPE, "MAIL FR"):
        shell = Shell().helloed()
        shell.send(words)
        shell.session.hang_up(timeout)
        shell.session.hang_up(timeout)
        shell.handle(shell.session.receive_data(b"more"))
        assert "421 4.4.2 Timed out" == shell.replies[-1]
        assert 1 == len(shell.of(Closed))
        assert 0 == shell.session.held


def test_hanging_up_while_a_decision_is_pending_takes_the_question_back():
    session = Session(Options())
    session.greet()
    list(session.receive_data(b"EHLO x\r\n"))
    events = session.receive_data(b"MAIL FROM:<>\r\n")
    next(events)
    session.hang_up(Reply(421, "4.4.2", "Timed out"))
    assert [Closed(Why.SERVER)] == list(events)
    with pytest.raises(RuntimeError):
        session.accept()


# --- AUTH ------------------------------------------------------------

SUBMISSION = Options(auth_mechanisms=("PLAIN", "LOGIN"), auth_required=True)


def test_auth_is_told_decoded():
    shell = Shell(SUBMISSION, tls=True).helloed()
    shell.send(f"AUTH PLAIN {plain('ada', 'secret')}\r\n")
    assert [Auth("PLAIN", b"\0ada\0secret")] == shell.events
    assert shell.session.authenticated
    shell = Shell(SUBMISSION, tls=True).helloed()
    shell.send("AUTH LOGIN =\r\n")
    shell.send("c2VjcmV0\r\n")
    assert [Auth("LOGIN", b""), AuthResponse(b"secret")] == shell.events
    assert not shell.session.authenticated


def test_an_exchange_that_is_broken_off_is_told_and_counts_as_an_error():
    shell = Shell(SUBMISSION, tls=True).helloed()
    for line in ("*", "====", "a", "YWRh YWRh", "x" * (AUTH_LINE + 1)):
        shell.send("AUTH LOGIN\r\n")
        assert shell.send(line + "\r\n")[0][:3] in ("501", "500")
        assert AuthCancelled() == shell.events[-1]
        assert State.READY is shell.session.state


def test_a_response_of_12288_octets_is_taken():
    shell = Shell(SUBMISSION, tls=True).helloed()
    shell.send("AUTH LOGIN\r\n")
    shell.send("YWFh" * ((AUTH_LINE - 2) // 4) + "\r\n")
    assert AuthResponse(b"aaa" * ((AUTH_LINE - 2) // 4)) == shell.events[-1]


def test_s6_a_password_sent_before_it_was_asked_for_ends_the_session():
    for words in ("AUTH LOGIN\r\nYWRh\r\n", "AUTH LOGIN\r\n|YWRh\r\nc2VjcmV0\r\n"):
        shell = Shell(SUBMISSION, tls=True).helloed()
        for part in words.split("|"):
            shell.send(part)
        assert Why.OUT_OF_STEP == shell.why


def test_s6_auth_is_neither_offered_nor_taken_in_the_clear():
    shell = Shell(Options(auth_mechanisms=("PLAIN",), auth_required=True, starttls=True)).greeted()
    assert "AUTH" not in shell.send("EHLO x\r\n")[0]
    assert shell.send(f"AUTH PLAIN {plain('ada', 'secret')}\r\n")[0].startswith("538 5.7.11")
    assert [] == shell.of(Auth)
    assert shell.send("MAIL FROM:<ada@there.example>\r\n")[0].startswith("530 5.7.0")


# --- STARTTLS ------------------------------------------------------------


def test_s5_starttls_is_told_and_begins_afresh():
    shell = Shell(Options(starttls=True, auth_mechanisms=("PLAIN",))).helloed()
    shell.send("STARTTLS\r\n")
    assert [StartTls()] == shell.events
    assert State.HANDSHAKE is shell.session.state
    shell.session.tls_started()
    offer = shell.send("EHLO x\r\n")[0]
    assert "STARTTLS" not in offer
    assert "AUTH PLAIN" in offer


# --- any octets, any split ------------------------------------------------------------

COMMANDS = [
    "MAIL FROM:<ada@there.example> SIZE=5", "MAIL FROM:<>", "RCPT TO:<bob@here.example>", "RCPT TO:<x@refused.example>",
    "RCPT TO:bob", "RSET", "NOOP", "VRFY x", "HELP", "JUNK", "BDAT 0", "BDAT 3 LAST", "BDAT 5", "QUIT x", "a: b", "",
    "..", "..x", "x" * 150,
]  # fmt: skip
ENDS = ["EHLO x", "EHLO", "DATA", "AUTH PLAIN", "STARTTLS", "STARTTLS x", ".", "QUIT"]
SMALL = Options(max_size=300, max_text_line=100, max_errors=8, max_idle_commands=12, max_recipients=2)

segment = st.tuples(
    st.lists(st.sampled_from(COMMANDS).map(lambda line: line.encode() + b"\r\n") | st.binary(max_size=4), max_size=6),
    st.sampled_from(ENDS),
).map(lambda parts: b"".join(parts[0]) + parts[1].encode() + b"\r\n")
opening = st.just((ENVELOPE + "DATA\r\n").encode()) | st.just((ENVELOPE + "BDAT 9\r\n").encode()) | segment


def waits(segment: bytes) -> bool:
    """True where the client says nothing more after a command whose answer it must wait for."""
    lines = segment.split(b"\r\n")[:-2]
    return not any(line.split(b" ")[0].upper() in (b"EHLO", b"HELO", b"DATA", b"AUTH", b"STARTTLS") for line in lines)


@settings(max_examples=150)
@given(opening, st.lists(segment.filter(waits), max_size=4), st.data())
def test_the_same_octets_are_the_same_events_and_replies_under_any_split(
    first: bytes, others: list[bytes], data: st.DataObject
):
    whole, cut = Shell(SMALL).helloed(), Shell(SMALL).helloed()
    for part in (first, *others):
        whole.send(part)
        cut.send(part, step=data.draw(st.integers(1, 8)))
    assert whole.replies == cut.replies
    assert whole.told() == cut.told()
    assert whole.messages == cut.messages


noise = st.binary(max_size=30) | st.sampled_from([f"{line}\r\n".encode() for line in (*COMMANDS, *ENDS, "x" * 13_000)])


@settings(max_examples=150)
@given(st.lists(noise, max_size=25), st.booleans())
def test_no_octets_raise_or_pile_up(octets: list[bytes], tls: bool):
    shell = Shell(Options(starttls=True, auth_mechanisms=("PLAIN", "LOGIN"), max_size=100), tls).helloed()
    for part in octets:
        shell.send(part)
        assert shell.session.held < AUTH_LINE
    shell.handle(shell.session.receive_eof())
    assert shell.session.closed
    assert isinstance(shell.events[-1], Closed)
    assert 1 == len(shell.of(Closed))
