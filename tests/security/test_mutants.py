"""S13: mail of others, damaged at random, goes through every reader of the way in: it is judged or refused, and can be told."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from mailwright.core import returning
from mailwright.core.errors import Refusal
from mailwright.core.examining import Envelope, Peer, examine
from mailwright.mail import bounces, mime
from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mail.quoting import new_text
from mailwright.mailauth.reports import read_report

pytestmark = [pytest.mark.slow, pytest.mark.corpora]

MUTANTS = int(os.environ.get("MAILWRIGHT_MUTANTS", "1500"))
SEED = int(os.environ.get("MAILWRIGHT_SEED", "1"))
LARGEST = 60_000
KINDS = ("", ".eml", ".msg", ".txt", ".mbox", ".arf", ".xml", ".json")
PIECES = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\0", b"\xff", b"\xb9", b"(", b")", b"<", b">", b'"', b"\\", b";", b"=", b":", b"@",
    b"=?utf-8?b?", b"?=", b"Content-Type: ", b"multipart/mixed; boundary=", b"message/rfc822", b"message/delivery-status",
    b"--", b"base64", b"charset=utf-7", b"charset=utf-16", b"charset=idna", b"begin 644 x\r\n", b"Received: from ", b"Date: ",
    b"DKIM-Signature: v=1; ", b"ARC-Seal: i=1; ", b"Agent-Identity: v=2; ", b"550 5.1.1 ", b"9" * 30, b"\\ud800",
]  # fmt: skip
ENVELOPE = Envelope(
    Peer("192.0.2.1", "there.example"), "b@there.example", ("a@here.example",), "mx.here.example", 1_795_000_000_000
)


def damaged(octets: bytes, other: bytes, chance: random.Random) -> bytes:
    """A message with a few pieces put in, taken out, doubled, or taken from another."""
    out = bytearray(octets)
    for _ in range(chance.choice((1, 1, 2, 4, 8, 16))):
        at, far, size = (chance.randrange(len(out) + 1) for _ in range(3))
        kinds: Sequence[Callable[[], bytes]] = (
            lambda: chance.choice(PIECES),
            lambda: chance.randbytes(1),
            lambda far=far: bytes(out[far : far + 200]),
            lambda: other[chance.randrange(len(other) + 1) :][: chance.choice((20, 2000))],
            lambda: b"",
        )
        out[at : at + chance.choice((0, 1, min(size, 300)))] = chance.choice(kinds)()
    return bytes(out)


def read(octets: bytes) -> None:
    header, root = parse_header(octets), mime.parse(octets)
    msgspec.json.encode([bounces.read(root), read_report(root), new_text(mime.body_text(root)).text])
    returning.read_report(header, octets, "")
    try:
        found = answer(examine(octets, ENVELOPE), Zone({}))
    except Refusal:
        return
    msgspec.json.encode([found.authentication, found.subject, found.header_from, found.to, found.cc, found.people, found.text])


def test_s13_damaged_mail_of_others_is_judged_or_refused(shared: Path, tell: Callable[[str], None]) -> None:
    files = sorted(one for one in (shared / "corpora").rglob("*") if one.is_file() and one.suffix in KINDS)
    mails = [one.read_bytes() for one in files if one.stat().st_size < LARGEST]
    chance = random.Random(SEED)
    for _ in range(MUTANTS):
        read(damaged(chance.choice(mails), chance.choice(mails), chance))
    tell(f"{MUTANTS} mutants of {len(mails)} files, seed {SEED}")
