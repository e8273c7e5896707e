"""Mail goes out to a real Postfix, which has opendkim and opendmarc judge it and puts it into a Maildir."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import os
import re
import shutil
import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

import ours
import programs
import pytest
from live.rest import Api, Json, eventually
from room import DOMAIN, HOSTNAME, OURS, STRANGER, THEIR_DOMAIN, THEIR_HOSTNAME

pytestmark = [pytest.mark.peers("postfix", "opendkim", "opendmarc", "openssl"), pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class World:
    """All of the scene."""

    api: Api
    postfix: programs.Postfix
    ada: Json

    def delivered(self, sent: Json, name: str = "bob") -> Message:
        """The message as it lies in the Maildir of a name."""
        rfc_id = self.api.get(f"/v1/messages/{sent['message_id']}")["rfc_message_id"]

        def look() -> Message | None:
            found = [message_from_bytes(raw) for raw in self.postfix.got(name) if rfc_id.encode() in raw]
            return found[-1] if found else None

        return eventually(
            look, 20, lambda: f"{rfc_id} did not arrive: {self.api.get('/v1/messages/' + sent['message_id'])['recipients']}"
        )

    def evidence(self, sent: Json) -> Json:
        """What was seen in the last attempt: the host, its words, the transcript."""
        self.api.settled(sent["message_id"], "delivered", "bounced")
        timeline = self.api.get(f"/v1/messages/{sent['message_id']}/timeline")["items"]
        found: Json = [one["evidence"] for one in timeline if "transcript" in one["evidence"]][-1]
        return found

    def told(self, kind: str, sent: Json) -> Json:
        """The event of that type about the message."""
        found = [one for one in self.api.events(kind) if one["data"]["message_id"] == sent["message_id"]]
        assert found, f"no {kind} for {sent['message_id']}"
        return found[0]

    def suppressed(self) -> dict[str, Json]:
        """Who must not be written to."""
        return {one["address"]: one for one in self.api.everything("/v1/suppressions")}


@pytest.fixture(scope="module")
def world() -> World:
    us = ours.begin()
    _, dkim_socket = programs.opendkim({"Mode": "v", "AuthservID": THEIR_HOSTNAME, "AlwaysAddARHeader": "yes"})
    judging = {"SPFSelfValidate": "true", "RejectFailures": "false"}
    names = {"AuthservID": THEIR_HOSTNAME, "TrustedAuthservIDs": THEIR_HOSTNAME}
    _, dmarc_socket = programs.opendmarc({**judging, **names})
    return World(us.api, programs.Postfix([dkim_socket, dmarc_socket]), us.ada)


def results(message: Message) -> str:
    return "\n".join(re.sub(r"\s+", " ", value) for value in message.get_all("Authentication-Results", []))


@pytest.fixture(scope="module")
def first(world: World) -> Json:
    """The first message that goes out, over a new connection."""
    return world.api.send(world.ada, f"bob@{THEIR_DOMAIN}")


def test_mail_authenticates_where_others_judge_it(world: World, first: Json, tell: Callable[[str], None]) -> None:
    said = results(world.delivered(first))
    tell(said)
    judged = re.findall(r"dkim=(\w+) .*?header\.d=(\S+) .*?header\.a=(\S+)", said)
    assert ("pass", DOMAIN, "rsa-sha256") in judged
    assert "ed25519-sha256" in [algorithm for _, _, algorithm in judged]
    assert f"spf=pass smtp.mailfrom=bounce.{DOMAIN}" in said
    assert f"dmarc=pass (p=none dis=none) header.from={DOMAIN}" in said


def test_rspamd_agrees(world: World, first: Json, tell: Callable[[str], None]) -> None:
    if shutil.which("rspamd", path=programs.PATH) is None:
        pytest.skip("not installed: rspamd (scripts/peers installs them)")
    programs.rspamd()
    path = world.delivered(first)["Return-Path"].strip("<>")
    envelope = {"IP": OURS, "Helo": HOSTNAME, "From": path, "Rcpt": f"bob@{THEIR_DOMAIN}"}
    raw = next(raw for raw in world.postfix.got("bob") if path.encode() in raw)
    sent = raw[raw.index(b"DKIM-Signature:") :]  # as it left us: without what the receiver wrote on top
    said = programs.ask_rspamd(sent, **envelope)["symbols"]
    tell(", ".join(f"{name} {one.get('options', [])}" for name, one in sorted(said.items())))
    assert {"R_DKIM_ALLOW", "R_SPF_ALLOW", "DMARC_POLICY_ALLOW"} <= set(said)


def test_the_line_is_encrypted_where_the_receiver_offers_it(world: World, first: Json, tell: Callable[[str], None]) -> None:
    received = re.sub(r"\s+", " ", world.delivered(first)["Received"])
    evidence = world.evidence(first)
    tell(f"Received: {received}")
    tell(" | ".join(line for line in evidence["transcript"] if "TLS" in line))
    assert "(using TLSv1.3 with cipher " in received
    assert f"from {HOSTNAME} ({HOSTNAME} [{OURS}])" in received
    assert "ESMTPS" in received
    assert evidence["tls"].startswith("TLSv1.3 ")
    assert any("STARTTLS" in line for line in evidence["transcript"])


def test_a_server_without_any_extension_gets_its_mail(world: World) -> None:
    sent = world.api.send(world.ada, "carol@old.example", text="Grüße")
    message = world.delivered(sent, "carol")
    evidence = world.evidence(sent)
    assert evidence["tls"] is None
    assert not any("STARTTLS" in line for line in evidence["transcript"])
    assert "Grüße\n" == message.get_payload(decode=True).decode().replace("\r", "")
    assert "dmarc=pass" in results(message)


def test_a_file_of_20_mb_arrives_byte_for_byte(world: World) -> None:
    content = os.urandom(20_000_000)
    attachment = {"filename": "noise.bin", "content": base64.b64encode(content).decode()}
    sent = world.api.send(world.ada, f"bob@{THEIR_DOMAIN}", attachments=[attachment])
    message = world.delivered(sent)
    arrived = [part.get_payload(decode=True) for part in message.walk() if part.get_filename() == "noise.bin"]
    assert [hashlib.sha256(content).digest()] == [hashlib.sha256(one).digest() for one in arrived]
    assert "dkim=pass" in results(message)


def test_words_beyond_ascii_arrive_as_they_were_written(world: World) -> None:
    subject, text = "Überraschung für 東京 🍵", "Grüße aus Zürich, 東京で会いましょう\n"
    message = world.delivered(world.api.send(world.ada, f"Bøb Ångström <bob@{THEIR_DOMAIN}>", subject=subject, text=text))
    parsed = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
    assert subject == parsed["Subject"]
    assert "Bøb Ångström" == parsed["To"].addresses[0].display_name
    assert text == message.get_payload(decode=True).decode().replace("\r", "")


def test_an_address_beyond_ascii_is_reached_where_the_receiver_speaks_smtputf8(world: World) -> None:
    sent = world.api.send(world.ada, f"bøb@{THEIR_DOMAIN}")
    message = world.delivered(sent, "bøb")
    assert any("SMTPUTF8" in line for line in world.evidence(sent)["transcript"])
    assert "dkim=pass" in results(message)


def test_an_address_beyond_ascii_bounces_where_the_receiver_does_not(world: World) -> None:
    sent = world.api.send(world.ada, "bøb@old.example")
    message = world.api.settled(sent["message_id"], "bounced")
    assert "5.6.7" == message["recipients"][0]["enhanced"]


def eight_bit() -> bytes:
    lines = ["From: Eve <eve@stranger.example>", f"To: ada@{DOMAIN}", "Subject: 8 bits", "Message-ID: <8@stranger.example>"]
    lines += [
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        "Grüße",
        "",
    ]
    return "\r\n".join(lines).encode()


def test_a_forwarded_8_bit_message_keeps_every_byte(world: World) -> None:
    """As a file in base64: an attached message that is 8-bit would not be taken by every server on its way."""
    with smtplib.SMTP(OURS, 25, source_address=(STRANGER, 0)) as client:
        client.sendmail("eve@stranger.example", [world.ada["address"]], eight_bit(), ["BODY=8BITMIME"])
    came = world.api.arrived(world.ada, q="bits")
    wanted = {"to": ["carol@old.example"], "text": "See below."}
    message = world.delivered(world.api.post(f"/v1/messages/{came['message_id']}/forward", wanted), "carol")
    assert [eight_bit()] == [part.get_payload(decode=True) for part in message.walk() if part.get_filename()]
    assert "dkim=pass" in results(message)


# --- what goes wrong ------------------------------------------------------------


def test_a_receiver_that_says_not_now_is_told_word_for_word(world: World) -> None:
    sent = world.api.send(world.ada, f"later@{THEIR_DOMAIN}")
    message = world.api.settled(sent["message_id"], "deferred")
    told = message["recipients"][0]
    assert (451, "4.3.2", THEIR_HOSTNAME) == (told["code"], told["enhanced"], told["mx"])
    assert "Our disk is being changed, come back in an hour" in told["text"]
    event = world.told("message.deferred", sent)
    assert told["text"] == event["data"]["text"]
    assert event["data"]["next_attempt_at"] == told["next_attempt_at"]
    world.api.post(f"/v1/messages/{sent['message_id']}/cancel")


def test_a_receiver_that_does_not_want_the_mail_bounces_it_and_suppresses_nobody(world: World) -> None:
    sent = world.api.send(world.ada, f"unwanted@{THEIR_DOMAIN}")
    told = world.api.settled(sent["message_id"], "bounced")["recipients"][0]
    assert (554, "5.7.1") == (told["code"], told["enhanced"])
    assert "Your mail is not wanted here" in world.told("message.bounced", sent)["data"]["text"]
    assert f"unwanted@{THEIR_DOMAIN}" not in world.suppressed()


def test_an_address_that_is_not_there_bounces_and_is_suppressed(world: World) -> None:
    sent = world.api.send(world.ada, f"nobody@{THEIR_DOMAIN}")
    told = world.api.settled(sent["message_id"], "bounced")["recipients"][0]
    assert (550, "5.1.1") == (told["code"], told["enhanced"])
    assert "User unknown in virtual mailbox table" in world.told("message.bounced", sent)["data"]["text"]
    assert "hard_bounce" == world.suppressed()[f"nobody@{THEIR_DOMAIN}"]["reason"]


def test_a_bounce_that_comes_back_later_ends_the_delivery_it_is_about(world: World) -> None:
    sent = world.api.send(world.ada, [f"accepted-then-lost@{THEIR_DOMAIN}", f"bob@{THEIR_DOMAIN}"])
    path = f"/v1/messages/{sent['message_id']}"
    over = {"delivered", "bounced"}
    look = lambda: [one for one in [world.api.get(path)["recipients"]] if {r["status"] for r in one} == over]  # noqa: E731
    lost, bob = eventually(look, 20, lambda: str(world.api.get(path)["recipients"]))[0]
    assert ("bounced", "5.1.1") == (lost["status"], lost["enhanced"])
    assert "delivered" == bob["status"]
    event = world.told("message.bounced", sent)["data"]
    assert (f"accepted-then-lost@{THEIR_DOMAIN}", True) == (event["recipient"], event["returned"])
    assert "delivered" == world.told("message.delivered", sent)["type"].partition(".")[2]
    assert f"accepted-then-lost@{THEIR_DOMAIN}" in world.suppressed()
