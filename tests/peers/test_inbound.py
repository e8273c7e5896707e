"""Mail comes in from real programs: swaks, smtp-source, a Postfix that signs with opendkim, and from those who try to relay."""

from __future__ import annotations

import os
import smtplib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import ours
import programs
import pytest
from live.rest import Api, Json, eventually
from programs import swaks
from room import DOMAIN, HOSTNAME, OURS, PLACE, STRANGER, THEIR_DOMAIN, THEIR_HOSTNAME, THEIRS

pytestmark = [pytest.mark.peers("postfix", "opendkim", "opendkim-genkey", "openssl", "swaks", "smtp-source"), pytest.mark.slow]


ADA, EVE = f"ada@{DOMAIN}", "eve@stranger.example"


@dataclass(frozen=True, slots=True)
class World:
    """All of the scene."""

    us: ours.Ours
    postfix: programs.Postfix

    @property
    def api(self) -> Api:
        return self.us.api

    def came(self, words: str) -> Json:
        """The message with those words in its subject, in whole, once it is here."""
        summary = self.api.arrived(self.us.ada, q=words)
        found: Json = self.api.get(f"/v1/messages/{summary['message_id']}")
        return found


@pytest.fixture(scope="module")
def world() -> World:
    us = ours.begin()
    key = PLACE / "signing"
    key.mkdir()
    subprocess.run(["opendkim-genkey", "-b", "2048", "-d", THEIR_DOMAIN, "-s", "own", "-D", str(key)], check=True)
    text = "".join((key / "own.txt").read_text().split('"')[1::2])
    us.dns.add(f"own._domainkey.{THEIR_DOMAIN} TXT {text}")
    (key / "inside").write_text(f"{THEIRS}\n")
    signing = {"Domain": THEIR_DOMAIN, "Selector": "own", "KeyFile": str(key / "own.private")}
    _, socket = programs.opendkim({"Mode": "s", "InternalHosts": str(key / "inside"), "RequireSafeKeys": "no", **signing})
    return World(us, programs.Postfix([socket]))


# --- swaks ------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "options"),
    [("plain", ()), ("encrypted", ("-tls",)), ("pipelined", ("-pipeline",)), ("old-fashioned", ("--protocol", "SMTP"))],
)
def test_swaks_delivers(world: World, word: str, options: tuple[str, ...]) -> None:
    said = swaks(ADA, EVE, *options, Subject=f"From swaks, {word}")
    message = world.came(word)
    assert (word == "encrypted") == ("TLS started with cipher TLSv1.3" in said)
    assert (EVE, "pass") == (message["envelope_from"], message["authentication"]["spf"]["result"])
    assert "This is a test mailing" in message["text"]


def test_8_bit_mail_is_stored_as_it_came(world: World) -> None:
    text = "Grüße aus Zürich"
    options = [
        "--data",
        f"From: eve@stranger.example\\nTo: ada@{DOMAIN}\\nSubject: eightbit\\nMessage-ID: <8b@stranger.example>\\n"
        f"Content-Type: text/plain; charset=utf-8\\nContent-Transfer-Encoding: 8bit\\n\\n{text}\\n",
    ]
    swaks(ADA, EVE, *options)
    message = world.came("eightbit")
    assert text in message["text"]
    assert f"\r\n\r\n{text}\r\n".encode() in world.api.raw(f"/v1/messages/{message['message_id']}/raw")


def test_an_author_beyond_ascii_comes_in_over_smtputf8(world: World) -> None:
    raw = f"From: Bøb <bøb@stranger.example>\r\nTo: {ADA}\r\nSubject: Grüße, utf8\r\n\r\nHallo.\r\n".encode()
    with smtplib.SMTP(OURS, 25, source_address=(STRANGER, 0), timeout=20) as client:
        client.sendmail("bøb@stranger.example", [ADA], raw, ["SMTPUTF8", "BODY=8BITMIME"])
    message = world.came("utf8")
    assert ("bøb@stranger.example", "Grüße, utf8") == (message["header_from"], message["subject"])
    assert "bøb@stranger.example" == message["envelope_from"]
    assert raw == world.api.raw(f"/v1/messages/{message['message_id']}/raw")


# --- smtp-source ------------------------------------------------------------


def test_smtp_source_delivers_a_thousand_messages_over_kept_connections(world: World, tell: Callable[[str], None]) -> None:
    bulk = world.api.mailbox(f"bulk@{DOMAIN}")
    begun = time.monotonic()
    options = ["-d", "-s", "10", "-m", "1000", "-l", "5000", "-f", EVE, "-M", "stranger.example"]
    done = subprocess.run(
        ["smtp-source", *options, "-t", bulk["address"], f"inet:{OURS}:25"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    taken = time.monotonic() - begun
    assert (0, "") == (done.returncode, done.stderr)
    assert 1000 == len(world.api.everything("/v1/messages", mailbox_id=bulk["id"]))
    tell(f"smtp-source -m 1000 -s 10 -d -l 5000: {taken:.1f} s, {1000 / taken:.0f} messages a second")


# --- who tries to relay ------------------------------------------------------------


@pytest.fixture
def stranger() -> Iterator[smtplib.SMTP]:
    client = smtplib.SMTP(OURS, 25, "stranger.example", source_address=(STRANGER, 0), timeout=20)
    client.ehlo()
    yield client
    client.close()


VICTIM = f"bob@{THEIR_DOMAIN}"
RELAYS = {
    "plainly": f"<{VICTIM}>",
    "with a percent sign": f"<bob%{THEIR_DOMAIN}@{DOMAIN}>",
    "in quotes": f'<"{VICTIM}"@{DOMAIN}>',
    "by a source route": f"<@{DOMAIN}:{VICTIM}>",
    "by two of them": f"<@{DOMAIN},@{HOSTNAME}:{VICTIM}>",
    "by a bang path": f"<{THEIR_DOMAIN}!bob@{DOMAIN}>",
    "by a bang path alone": f"<{THEIR_DOMAIN}!bob>",
    "to an address literal": f"<bob@[{THEIRS}]>",
    "to our own literal": f"<bob%{THEIR_DOMAIN}@[{OURS}]>",
    "to loopback": "<root@[127.0.0.1]>",
    "to our own host": f"<bob%{THEIR_DOMAIN}@{HOSTNAME}>",
    "to localhost": "<root@localhost>",
    "without a local part": f"<@{THEIR_DOMAIN}>",
    "with two at signs": f"<{VICTIM}@{DOMAIN}>",
    "below our domain": f"<bob@{THEIR_DOMAIN}.{DOMAIN}>",
    "with a trailing dot": f"<{VICTIM}.>",
    "with a null byte": f"<{VICTIM}\0@{DOMAIN}>",
    "with a line of its own": f"<ada@{DOMAIN}>\r\nRCPT TO:<{VICTIM}>",
    "to a forged return path": f"<b+0123456789abcdef01234567.aaaaaaaaaaaaaaaa@bounce.{DOMAIN}>",
}
SENDERS = {
    "a stranger": "<eve@stranger.example>",
    "nobody": "<>",
    "our own agent": f"<ada@{DOMAIN}>",
    "our postmaster": f"<postmaster@{HOSTNAME}>",
}


@pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
@pytest.mark.parametrize("victim", RELAYS.values(), ids=RELAYS)
def test_s7_nobody_relays_through_us(world: World, stranger: smtplib.SMTP, victim: str, sender: str) -> None:
    assert 250 == stranger.docmd("MAIL", f"FROM:{sender}")[0]
    stranger.send(f"RCPT TO:{victim}\r\n")
    code, text = stranger.getreply()
    if "\r\n" in victim:  # the first line is mail for us; the second is the relay that was tried
        assert 250 == code
        code, text = stranger.getreply()
    assert 500 <= code <= 554, text
    assert not text.startswith(b"2.")


@pytest.mark.parametrize("name", [HOSTNAME, DOMAIN, "localhost", f"[{OURS}]", "[127.0.0.1]"])
def test_s7_a_borrowed_name_in_ehlo_opens_nothing(world: World, name: str) -> None:
    with smtplib.SMTP(OURS, 25, name, source_address=(STRANGER, 0), timeout=20) as client:
        client.ehlo()
        client.docmd("MAIL", f"FROM:<ada@{DOMAIN}>")
        assert (550, b"5.7.1") == (lambda reply: (reply[0], reply[1][:5]))(client.docmd("RCPT", f"TO:<{VICTIM}>"))


@pytest.mark.parametrize(
    "command",
    [
        f"XCLIENT ADDR=127.0.0.1 NAME=localhost LOGIN=ada@{DOMAIN}",
        f"PROXY TCP4 127.0.0.1 {OURS} 1025 25",
        "XFORWARD ADDR=127.0.0.1",
        "AUTH PLAIN AGFkYQBhZGE=",
        "AUTH LOGIN",
        "HELP",
        "EXPN all",
        "TURN",
        "ETRN there.example",
    ],
)
def test_s7_nobody_becomes_somebody_else_on_port_25(world: World, stranger: smtplib.SMTP, command: str) -> None:
    code, _ = stranger.docmd(command)
    assert 214 == code or 454 <= code <= 554
    stranger.docmd("MAIL", f"FROM:<ada@{DOMAIN}>")
    assert 550 == stranger.docmd("RCPT", f"TO:<{VICTIM}>")[0]


def test_s7_in_the_end_nothing_left_us(world: World) -> None:
    assert [] == world.api.events("message.queued")
    assert [] == world.postfix.got("bob")


# --- a Postfix that signs ------------------------------------------------------------


def test_mail_that_opendkim_signed_is_believed(world: World, tell: Callable[[str], None]) -> None:
    lines = [
        f"From: Carol <carol@{THEIR_DOMAIN}>",
        f"To: ada@{DOMAIN}",
        "Subject: Signed by opendkim",
        "",
        "Four o'clock, then.",
        "",
    ]
    with smtplib.SMTP(THEIRS, 25, source_address=(THEIRS, 0), timeout=20) as client:
        client.sendmail(f"carol@{THEIR_DOMAIN}", [ADA], "\r\n".join(lines))
    message = world.came("opendkim")
    verdicts = message["authentication"]
    tell(
        str(
            {
                name: one.get("result", one) if isinstance(one, dict) else [d["result"] for d in one]
                for name, one in verdicts.items()
            }
        )
    )
    assert ["pass"] == [one["result"] for one in verdicts["dkim"]]
    assert ("pass", "pass") == (verdicts["spf"]["result"], verdicts["dmarc"]["result"])
    assert (THEIR_DOMAIN, "dmarc_pass") == (message["verified_domain"], message["trust"])
    encrypted = f"TLS connection established to {HOSTNAME}[{OURS}]:25: TLSv1.3"
    eventually(lambda: encrypted in world.postfix.log.read_text(), 5, lambda: "Postfix did not use STARTTLS")


def test_a_signed_file_of_20_mb_comes_in_byte_for_byte(world: World) -> None:
    header = f"From: carol@{THEIR_DOMAIN}\r\nTo: ada@{DOMAIN}\r\nSubject: Twenty megabytes\r\n\r\n".encode()
    body = b"".join(os.urandom(36).hex().encode() + b"\r\n" for _ in range(20_000_000 // 74))
    with smtplib.SMTP(THEIRS, 25, source_address=(THEIRS, 0), timeout=30) as client:
        client.sendmail(f"carol@{THEIR_DOMAIN}", [ADA], header + body)
    message = world.came("megabytes")
    assert ["pass"] == [one["result"] for one in message["authentication"]["dkim"]]
    stored = world.api.raw(f"/v1/messages/{message['message_id']}/raw")
    assert body == stored.partition(b"\r\n\r\n")[2]


# --- who lies ------------------------------------------------------------


def test_s9_nobody_else_speaks_in_our_name(world: World) -> None:
    lie = f"{HOSTNAME}; dkim=pass header.d=bank.example; dmarc=pass header.from=bank.example"
    other = f"{THEIR_HOSTNAME}; dkim=pass header.d=bank.example"
    options = [
        "--add-header",
        f"Authentication-Results: {lie}",
        "--add-header",
        f"authentication-results: (c) {HOSTNAME} ; spf=pass",
    ]
    swaks(
        ADA,
        EVE,
        *options,
        "--add-header",
        f"Authentication-Results: {other}",
        Subject="forged results",
        From="boss@bank.example",
    )
    message = world.came("forged")
    raw = world.api.raw(f"/v1/messages/{message['message_id']}/raw")
    assert HOSTNAME.encode() not in raw
    assert other.encode() in raw  # somebody else's word stays somebody else's word
    assert HOSTNAME not in message["headers"]["authentication-results"]
    assert ("none", "unauthenticated") == (message["authentication"]["dmarc"]["result"], message["trust"])


def test_mail_in_our_own_domains_name_from_outside_is_not_believed(world: World) -> None:
    swaks(ADA, ADA, From=f"Ada <ada@{DOMAIN}>", Subject="ourselves?")
    message = world.came("ourselves")
    assert ("fail", "unauthenticated") == (message["authentication"]["dmarc"]["result"], message["trust"])
