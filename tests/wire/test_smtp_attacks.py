"""The attack cases that an SMTP session must answer by itself, each named after its case, with the real bytes."""

from __future__ import annotations

import itertools

import pytest
from smtp_script import Shell

from mailwright.wire.smtp_paths import Path
from mailwright.wire.smtp_server import Chunk, MailFrom, MessageEnd, Options, RcptTo, StartTls, Why

ENVELOPE = "MAIL FROM:<ada@there.example>\r\nRCPT TO:<bob@here.example>\r\n"
SMUGGLED = b"MAIL FROM:<eve@there.example>\r\nRCPT TO:<bob@here.example>\r\nDATA\r\nfrom eve\r\n.\r\nQUIT\r\n"
LINE_ENDS = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\0", b"\0\r\n"]
FALSE_ENDS = [one + b"." + two for one, two in itertools.product(LINE_ENDS, LINE_ENDS) if (one + two)[:4] != b"\r\n\r\n"]


def in_data(**options: object) -> Shell:
    shell = Shell(Options(hostname="mx.example", **options)).helloed()  # type: ignore[arg-type]
    shell.send(ENVELOPE + "DATA\r\n")
    shell.events.clear()
    return shell


def assert_dropped_whole(shell: Shell, replies: list[str], expected: str = "521 5.5.2") -> None:
    assert [expected] == [reply[:9] for reply in replies]
    assert shell.session.closed
    assert [] == shell.messages
    assert [] == shell.of(MailFrom)


@pytest.mark.parametrize("false_end", FALSE_ENDS, ids=repr)
def test_s1_a_false_end_of_data_ends_the_session_and_nothing_is_accepted(false_end: bytes):
    attack = b"Subject: x\r\n\r\nfrom ada" + false_end + SMUGGLED
    for step in (0, 1, 2, 3):
        shell = in_data()
        assert_dropped_whole(shell, shell.send(attack, step))
        assert Why.SMUGGLING == shell.why


@pytest.mark.parametrize("false_end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n\0.\r\n", b"\r\n.\r"], ids=repr)
def test_s1_a_false_end_of_data_is_found_wherever_the_packets_are_cut(false_end: bytes):
    attack = b"body" + false_end + SMUGGLED
    for cut in range(1, len(attack)):
        shell = in_data()
        assert_dropped_whole(shell, shell.send(attack[:cut]) + shell.send(attack[cut:]))


@pytest.mark.parametrize("bad", [b"a\nb", b"a\rb", b"a\r\r\n", b"a\n", b"a\0b\r\n", b"\n", b"a\r"], ids=repr)
def test_s1_chunks_are_held_to_the_same_lines(bad: bytes):
    for step in (0, 1):
        shell = Shell().helloed()
        shell.send(ENVELOPE)
        shell.events.clear()
        command = f"BDAT {len(bad)} LAST\r\n".encode()
        assert_dropped_whole(shell, shell.send(command + bad + SMUGGLED, step))


def test_s1_a_bare_cr_at_the_end_of_one_chunk_is_seen_in_the_next():
    shell = Shell().helloed()
    shell.send(ENVELOPE + "BDAT 2\r\na\r")
    shell.events.clear()
    assert_dropped_whole(shell, shell.send(b"BDAT 1\r\nb"))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"NOOP\nQUIT\r\n", "521 5.5.2 Bare <LF>"),
        (b"NOOP\rQUIT\r\n", "521 5.5.2 Bare <CR>"),
        (b"NOOP\r\r\n", "521 5.5.2 Bare <CR>"),
        (b"NO\0OP\r\n", "521 5.5.2 NUL"),
        (b"x" * 20_000 + b"\n", "500 5.5.2"),
    ],
)
def test_s1_commands_end_in_crlf_or_the_session_ends(line: bytes, text: str):
    for step in (0, 1):
        shell = Shell().helloed()
        assert shell.send(line, step)[0].startswith(text)
        assert shell.session.closed


def test_s1_no_octet_of_a_second_line_end_is_taken_for_a_stuffed_dot():
    shell = in_data()
    shell.send(b".\r.\r\n.\r\n")
    assert Why.SMUGGLING == shell.why


def test_s4_who_talks_before_the_greeting_is_sent_away():
    shell = Shell()
    assert ["554 5.5.0"] == [reply[:9] for reply in shell.send("EHLO client.example\r\n")]
    assert Why.OUT_OF_STEP == shell.why
    assert shell.session.closed


@pytest.mark.parametrize(
    "together",
    [
        "EHLO client.example\r\nMAIL FROM:<ada@there.example>\r\n",
        "HELO client.example\r\nM",
        "NOOP\r\nEHLO client.example\r\n",
        "MAIL FROM:<ada@there.example>\r\nRCPT TO:<bob@here.example>\r\n",
    ],
)
def test_s4_pipelining_before_it_was_offered_ends_the_session(together: str):
    shell = Shell().greeted()
    assert shell.send(together)[-1].startswith("554 5.5.0")
    assert [] == shell.of(MailFrom)
    assert shell.session.closed


def test_s4_pipelining_after_helo_ends_the_session():
    shell = Shell().greeted()
    shell.send("HELO client.example\r\n")
    assert ["554 5.5.0"] == [reply[:9] for reply in shell.send(ENVELOPE)]


def test_s4_a_message_that_comes_before_354_ends_the_session():
    shell = Shell().helloed()
    assert shell.send(ENVELOPE + "DATA\r\nSubject: x\r\n\r\n.\r\n")[-1].startswith("554 5.5.0")
    assert [] == shell.messages
    assert [] == shell.of(Chunk)


@pytest.mark.parametrize("injected", ["EHLO x\r\n", "RSET\r\n", "x", "\r\n", ENVELOPE])
def test_s5_words_behind_starttls_are_dropped_and_the_session_with_them(injected: str):
    shell = Shell(Options(starttls=True)).helloed()
    assert_dropped_whole(shell, shell.send("STARTTLS\r\n" + injected), "554 5.5.0")
    assert [] == shell.of(StartTls)
    assert 0 == shell.session.held


def test_s5_plain_text_between_starttls_and_the_handshake_ends_the_session():
    shell = Shell(Options(starttls=True)).helloed()
    assert ["220 2.0.0"] == [reply[:9] for reply in shell.send("STARTTLS\r\n")]
    assert_dropped_whole(shell, shell.send("EHLO x\r\n"), "554 5.5.0")


def test_s5_plain_text_that_the_shell_had_in_hand_during_the_handshake_ends_the_session():
    shell = Shell(Options(starttls=True)).helloed()
    events = shell.session.receive_data(b"STARTTLS\r\n")
    assert StartTls() == next(events)
    shell.session.receive_data(b"EHLO injected\r\n")
    shell.session.tls_started()
    shell.handle(events)
    assert Why.OUT_OF_STEP == shell.why
    assert ["220", "554"] == [reply[:3] for reply in shell.replies]


def test_s5_nothing_said_in_the_clear_counts_after_the_handshake():
    shell = Shell(Options(starttls=True)).helloed("liar.example")
    shell.send("STARTTLS\r\n")
    shell.session.tls_started()
    assert shell.session.tls
    assert not shell.session.authenticated
    assert ["503 5.5.1"] == [reply[:9] for reply in shell.send("MAIL FROM:<ada@there.example>\r\n")]
    assert ["554 5.5.0"] == [reply[:9] for reply in shell.send("EHLO x\r\n" + ENVELOPE)]


def test_s5_pipelining_that_was_offered_in_the_clear_is_not_offered_any_more():
    shell = Shell(Options(starttls=True)).helloed()
    shell.send("STARTTLS\r\n")
    shell.session.tls_started()
    assert ["554 5.5.0"] == [reply[:9] for reply in shell.send("NOOP\r\nNOOP\r\n")]
    assert shell.session.closed


def test_s5_starttls_is_refused_in_a_transaction_and_under_tls():
    shell = Shell(Options(starttls=True)).helloed()
    assert shell.send("MAIL FROM:<ada@there.example>\r\nSTARTTLS\r\n")[-1].startswith("503 5.5.1")
    shell = Shell(Options(starttls=True, auth_mechanisms=("PLAIN",)), tls=True).helloed()
    assert shell.send("AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n")[-1].startswith("235 2.7.0")
    assert shell.send("STARTTLS\r\n")[-1].startswith("503 5.5.1")


@pytest.mark.parametrize(
    ("path", "local_part", "domain"),
    [
        ("<@us.example:user@victim.example>", "user", "victim.example"),
        ("<@us.example,@us.example:user@victim.example>", "user", "victim.example"),
        ("<user%victim.example@us.example>", "user%victim.example", "us.example"),
        ('<"user@victim.example"@us.example>', "user@victim.example", "us.example"),
        (r'<"user\@victim.example"@us.example>', "user@victim.example", "us.example"),
        ("<victim.example!user@us.example>", "victim.example!user", "us.example"),
        ("<user@[127.0.0.1]>", "user", "[127.0.0.1]"),
        ("<user@[IPv6:::1]>", "user", "[IPv6:::1]"),
        ('<"> RCPT TO:<x"@us.example>', "> RCPT TO:<x", "us.example"),
    ],
)
def test_s7_a_forward_path_is_decided_on_by_its_final_address(path: str, local_part: str, domain: str):
    shell = Shell().helloed()
    shell.send(f"MAIL FROM:<ada@there.example>\r\nRCPT TO:{path}\r\n")
    assert [RcptTo(Path(local_part, domain))] == shell.of(RcptTo)


@pytest.mark.parametrize(
    "path",
    [
        "<@us.example>", "<@us.example:>", "<@us.example:@victim.example>", "<>", "<user@>", "<user>", "user@us.example",
        "<user@us.example", "<user@us.example>>", "<user@victim.example@us.example>", "<user@us.example> <x@y.example>",
        "<user @us.example>", "<user@us.example:25>", "<user@127.0.0.1.>", "<user@[127.0.0.1>", "<user@[127.1]>",
        "<user@[0177.0.0.1]>", "<user@[IPv6:fe80::1%eth0]>", "<user@us..example>", "<.user@us.example>", "<us\ter@us.example>",
        "<user(comment)@us.example>", '<"user"x@us.example>', '<"user@us.example>',
    ],
)  # fmt: skip
def test_s7_a_path_that_two_servers_might_read_differently_is_refused(path: str):
    shell = Shell().helloed()
    assert shell.send(f"MAIL FROM:<ada@there.example>\r\nRCPT TO:{path}\r\n")[-1].startswith("501 5.")
    assert [] == shell.of(RcptTo)


def test_s7_nobody_may_say_where_he_comes_from():
    shell = Shell().helloed()
    assert ["502 5.5.1"] == [reply[:9] for reply in shell.send("XCLIENT ADDR=127.0.0.1 LOGIN=root\r\n")]
    assert ["502 5.5.1"] == [reply[:9] for reply in shell.send("XFORWARD ADDR=127.0.0.1\r\n")]
    assert ["500 5.5.2"] == [reply[:9] for reply in shell.send("PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n")]


def test_s12_a_line_without_end_is_not_kept_in_text_nor_in_commands():
    flood = b"x" * 65_536
    shell = in_data()
    for _ in range(100):
        shell.send(flood)
    shell.send(b"\r\n.\r\n")
    assert [] == shell.messages
    assert shell.replies[-1].startswith("554 5.6.0")
    assert 0 == shell.most_held
    shell = Shell().helloed()
    for _ in range(100):
        shell.send(flood)
    assert ["500 5.5.2 Line too long"] == shell.replies
    assert shell.most_held < 16_384


def test_s12_a_message_over_the_limit_is_refused_and_not_passed_on():
    shell = in_data(max_size=100_000)
    for _ in range(2500):
        shell.send(b"0123456789" * 7 + b"\r\n")
    assert sum(len(chunk.content) for chunk in shell.of(Chunk)) <= 100_000  # type: ignore[union-attr]
    shell.send(b".\r\n")
    assert shell.replies[-1].startswith("552 5.3.4")
    assert [] == shell.of(MessageEnd)


def test_s12_a_message_without_end_ends_the_session():
    shell = in_data(max_size=100_000)
    for _ in range(5000):
        shell.send(b"0123456789" * 7 + b"\r\n")
    assert Why.TOO_BIG == shell.why


def test_s12_thousand_recipients_get_452_after_the_hundredth():
    shell = Shell().helloed()
    shell.send("MAIL FROM:<ada@there.example>\r\n")
    codes = [shell.send(f"RCPT TO:<r{n}@here.example>\r\n")[0][:9] for n in range(1000)]
    assert ["250 2.1.5"] * 100 + ["452 4.5.3"] * 900 == codes
    assert not shell.session.closed


def test_s12_errors_and_idle_commands_end_the_session():
    shell = Shell().helloed()
    shell.send("JUNK\r\n" * 50)
    assert 21 == len(shell.replies)
    assert shell.replies[-1].startswith("421 4.7.0")
    shell = Shell().helloed()
    shell.send("NOOP\r\n" * 200)
    assert shell.replies[-1].startswith("421 4.7.0")
    assert len(shell.replies) <= 101


def test_s20_vrfy_and_expn_say_the_same_of_every_name():
    shell = Shell().helloed()
    names = ["bob@here.example", "nobody@here.example", "postmaster", "nobody@refused.example"]
    assert 1 == len({shell.send(f"VRFY {name}\r\n")[0] for name in names})
    assert 1 == len({shell.send(f"EXPN {name}\r\n")[0] for name in names})


def test_s20_a_refused_recipient_counts_against_the_hundred():
    shell = Shell().helloed()
    shell.send("MAIL FROM:<ada@there.example>\r\n")
    codes = [shell.send(f"RCPT TO:<r{n}@refused.example>\r\n")[0][:9] for n in range(102)]
    assert ["550 5.1.1"] * 100 + ["452 4.5.3"] * 2 == codes


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: mx.example\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nEHLO x\r\nMAIL FROM:<x@y.example>\r\n",
        b"CONNECT mx.example:25 HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b'{"json": 1}\r\n',
        b"<?xml?>\r\n",
    ],
)
def test_another_protocol_is_sent_away_with_its_first_line(request_: bytes):
    for step in (0, 1):
        shell = Shell().greeted()
        assert shell.send(request_, step)[-1].startswith("554 5.5.0")
        assert shell.session.closed
        assert [] == shell.of(MailFrom)


def test_a_tls_hello_on_the_plain_port_is_sent_away():
    shell = Shell().greeted()
    shell.send(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(range(256)))
    assert shell.session.closed
