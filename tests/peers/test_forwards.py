"""What a rule hands on: signed by a Postfix with opendkim, forwarded by us, judged at its end by opendkim, opendmarc, rspamd.

The rule's target may send it straight back, too: then it has to end here.
"""

from __future__ import annotations

import re
import smtplib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import ours
import programs
import pytest
from live.rest import Api, Json, eventually
from room import DOMAIN, HOSTNAME, OURS, PLACE, THEIR_DOMAIN, THEIR_HOSTNAME, THEIRS

pytestmark = [
    pytest.mark.peers("postfix", "opendkim", "opendkim-genkey", "opendmarc", "openssl", "rspamd"),
    pytest.mark.slow,
]

CAROL = f"carol@{THEIR_DOMAIN}"


@dataclass(frozen=True, slots=True)
class World:
    """All of the scene."""

    api: Api
    postfix: programs.Postfix

    def mailbox(self, name: str, to: str, mode: str = "autonomous") -> Json:
        box: Json = self.api.post("/v1/mailboxes", {"address": f"{name}@{DOMAIN}", "oversight_mode": mode})
        self.api.post(f"/v1/mailboxes/{box['id']}/forwards", {"to": to})
        return box

    def write(self, box: Json, subject: str) -> None:
        """Carol writes from her own host, which signs."""
        head = (
            f"From: Carol <{CAROL}>\r\nTo: {box['address']}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@{THEIR_DOMAIN}>\r\n"
        )
        with smtplib.SMTP(THEIRS, 25, source_address=(THEIRS, 0), timeout=20) as client:
            client.sendmail(
                CAROL,
                [box["address"]],
                f"{head}\r\nGr\u00fc\u00dfe  from \u00dcbersee \r\n\r\n\r\n".encode(),
                ["BODY=8BITMIME"],
            )

    def got(self, subject: str, name: str = "bob") -> bytes:
        """The message in the Maildir of a name, with CRLF."""
        look = lambda: [raw for raw in self.postfix.got(name) if f"<{subject}@".encode() in raw]  # noqa: E731
        return eventually(look, 20, lambda: f"{subject} did not arrive")[0].replace(b"\n", b"\r\n")

    def reasons(self, box: Json) -> list[str]:
        return [one["data"]["reason"] for one in self.api.events("message.not_forwarded") if one["mailbox_id"] == box["id"]]


@pytest.fixture(scope="module")
def world() -> World:
    us = ours.begin()
    key = PLACE / "signing"
    key.mkdir()
    subprocess.run(["opendkim-genkey", "-b", "2048", "-d", THEIR_DOMAIN, "-s", "own", "-D", str(key)], check=True)
    us.dns.add(f"own._domainkey.{THEIR_DOMAIN} TXT {''.join((key / 'own.txt').read_text().split(chr(34))[1::2])}")
    (key / "inside").write_text(f"{THEIRS}\n")
    signing = {"Domain": THEIR_DOMAIN, "Selector": "own", "KeyFile": str(key / "own.private"), "RequireSafeKeys": "no"}
    judging = {"AuthservID": THEIR_HOSTNAME, "AlwaysAddARHeader": "yes", "InternalHosts": str(key / "inside")}
    _, dkim_socket = programs.opendkim({"Mode": "sv", **signing, **judging})
    names = {"AuthservID": THEIR_HOSTNAME, "TrustedAuthservIDs": THEIR_HOSTNAME, "IgnoreHosts": str(key / "inside")}
    _, dmarc_socket = programs.opendmarc({"SPFSelfValidate": "true", "RejectFailures": "false", **names})
    programs.rspamd()
    back = {f"again@{THEIR_DOMAIN}": f"ping@{DOMAIN}"}
    return World(us.api, programs.Postfix([dkim_socket, dmarc_socket], aliases=back))


def verdicts(raw: bytes) -> str:
    """What the last receiver wrote on top."""
    fields = re.findall(rb"(?mi)^authentication-results:((?:.*\r\n)(?:[ \t].*\r\n)*)", raw.partition(b"\r\n\r\n")[0] + b"\r\n")
    ours = [one for one in fields if THEIR_HOSTNAME.encode() in one]
    return re.sub(r"\s+", " ", b"\n".join(ours).decode())


def test_opendkim_and_opendmarc_find_a_forward_authentic(world: World, tell: Callable[[str], None]) -> None:
    world.write(world.mailbox("on", f"bob@{THEIR_DOMAIN}"), "on")
    said = verdicts(world.got("on"))
    tell(said)
    assert re.search(rf"dkim=pass .*?header\.d={THEIR_DOMAIN}", said), "the author's own signature is whole"
    assert re.search(rf"spf=pass smtp\.mailfrom=bounce\.{DOMAIN}", said), "the return path is ours"
    assert f"dmarc=pass (p=reject dis=none) header.from={THEIR_DOMAIN}" in said


def test_rspamd_finds_its_chain_whole(world: World, tell: Callable[[str], None]) -> None:
    world.write(world.mailbox("sealed", f"bob@{THEIR_DOMAIN}"), "sealed")
    raw = world.got("sealed")
    path = re.search(rb"Return-Path: <(.*?)>", raw)
    assert path is not None
    left = raw[raw.index(b"ARC-Seal:") :]  # as it left us: without what the receiver wrote on top
    envelope = {"IP": OURS, "Helo": HOSTNAME, "From": path[1].decode(), "Rcpt": f"bob@{THEIR_DOMAIN}"}
    said = programs.ask_rspamd(left, **envelope)["symbols"]
    tell(", ".join(f"{name} {one.get('options', [])}" for name, one in sorted(said.items())))
    assert {"ARC_ALLOW", "R_DKIM_ALLOW", "R_SPF_ALLOW", "DMARC_POLICY_ALLOW"} <= set(said)
    changed = programs.ask_rspamd(left.replace(b"from", b"fr0m"), **envelope)["symbols"]
    assert "ARC_REJECT" in changed


def test_a_held_copy_is_as_whole_once_a_person_lets_it_go(world: World) -> None:
    world.write(world.mailbox("gated", f"bob@{THEIR_DOMAIN}", "gated_send"), "gated")
    look = lambda: [one for one in world.api.everything("/v1/approvals", status="pending") if one["direction"] == "outbound"]  # noqa: E731
    (held,) = eventually(look, 20, lambda: "nobody was asked")
    assert not [raw for raw in world.postfix.got("bob") if b"<gated@" in raw]
    key = world.api.post("/v1/api-keys", {"name": "person", "role": "approver"})["key"]
    Api(world.api.url, key).post(f"/v1/approvals/{held['id']}/approve", {"digest": held["digest"]})
    assert f"dmarc=pass (p=reject dis=none) header.from={THEIR_DOMAIN}" in verdicts(world.got("gated"))


def test_a_forward_that_comes_straight_back_ends_here(world: World) -> None:
    box = world.mailbox("ping", f"again@{THEIR_DOMAIN}")
    world.write(box, "ping")
    eventually(lambda: world.reasons(box) or world.api.events("message.bounced"), 20, lambda: "it still goes round")
    came = world.api.everything("/v1/messages", mailbox_id=box["id"], direction="inbound")
    left = world.api.everything("/v1/messages", mailbox_id=box["id"], direction="outbound")
    assert (1, 1) == (len(left), len({one["rfc_message_id"] for one in came})), (came, left)
    assert len(came) <= 2
