"""What the tests of Agent-Identity share: a key, a zone, a message, and how to sign and verify them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth import provenance

SHARED = Path(__file__).parents[3] / "shared/data/agent_identity_vectors.json"
NOW = 1_795_000_000
NONCE = bytes(range(12))
KEY = provenance.new_key("mail.example.com", "a1", hashlib.sha256(b"a key for tests").digest())
WHO = provenance.Statement(agent_id="ada", oversight="gated_send", rcpt="bob@there.example")
MESSAGE = (
    b"From: Ada <ada@mail.example.com>\r\nTo: bob@there.example\r\nSubject: Tea\r\n"
    b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@mail.example.com>\r\nAuto-Submitted: auto-generated\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nAt four?  \r\n\r\nAda\r\n"
)


def zone(record: str = "", *, selector: str = "a1") -> Zone:
    return Zone({(f"{selector}._agentid.mail.example.com", "TXT"): (record or provenance.dns_record(KEY),)})


def signed(message: bytes = MESSAGE, statement: provenance.Statement = WHO, **options: Any) -> bytes:
    given = {"now": NOW, "nonce": NONCE, **options}
    return provenance.sign(parse_header(message), message, statement, given.pop("key", KEY), **given) + message


def verdict(message: bytes, zone: Zone = zone(), *, now: int = NOW, rcpt: str | None = None) -> provenance.Result:  # noqa: B008
    return answer(provenance.verify(parse_header(message), message, now=now, rcpt=rcpt), zone)
