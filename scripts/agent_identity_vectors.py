"""Write docs/agent-identity-vectors.json: messages with their verdicts, signed with a fixed key at a fixed time."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

from mailwright.mail.header import parse_header
from mailwright.mailauth import provenance

TARGET = Path(__file__).parents[1] / "docs/agent-identity-vectors.json"
SEED = hashlib.sha256(b"Agent-Identity v2, published vectors").digest()
NOW = 1_795_000_000
DOMAIN = "agents.example.com"
BOB = "bob@there.example"

HEAD = (
    f"From: Ada <ada@{DOMAIN}>\r\nTo: {BOB}\r\nSubject: Tea?\r\nDate: Wed, 18 Nov 2026 10:00:00 +0000\r\n"
    f"Message-ID: <1@{DOMAIN}>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
).encode()
PLAIN = (
    HEAD + b'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: 8bit\r\n\r\nTea at four? \xe2\x98\x95\r\n'
)
MIXED = (
    HEAD + b'Content-Type: multipart/mixed; boundary="=_b"\r\n\r\n--=_b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n'
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nCaf=E9 at four?  \r\n\r\n--=_b\r\nContent-Type: application/pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=menu.pdf\r\n\r\nJVBERi0=\r\n--=_b--\r\n"
)
FOOTER = b"--=_b\r\nContent-Type: text/plain\r\n\r\n-- the list\r\n--=_b--\r\n"
EMPTY = HEAD + b"\r\n"


def key(selector: str = "a1") -> provenance.SigningKey:
    """The key of the vectors."""
    return provenance.new_key(DOMAIN, selector, SEED)


def signed(message: bytes = PLAIN, *, selector: str = "a1", lifetime: int = 14 * 86_400, **stated: str) -> bytes:
    """A message with its field."""
    given = {"agent_id": "ada", "oversight": "gated_send", "rcpt": BOB, "ai": "generated", "apr": "human"} | stated
    given["approved_by"] = given.pop("apr")
    nonce = hashlib.sha256(message).digest()[:12]
    who = provenance.Statement(**given)
    return (
        provenance.sign(parse_header(message), message, who, key(selector), now=NOW, nonce=nonce, lifetime=lifetime) + message
    )


def zone() -> dict[str, str]:
    """What DNS has."""
    record = provenance.dns_record(key())
    return {
        f"a1._agentid.{DOMAIN}": record,
        f"one._agentid.{DOMAIN}": record.replace("agent=*", "agent=eve"),
        f"modes._agentid.{DOMAIN}": f"{record}; m=monitored:autonomous",
        f"gone._agentid.{DOMAIN}": re.sub("p=[^;]*", "p=", record),
        f"other._agentid.{DOMAIN}": provenance.dns_record(provenance.new_key(DOMAIN, "other", bytes(32))),
        f"bad._agentid.{DOMAIN}": "v=AGENTID1; k=ed25519; p=AAAA",
    }


def cases() -> list[dict[str, Any]]:
    """Every case."""
    fine, mixed = signed(), signed(MIXED)
    again = mixed.replace(b"Caf=E9 at four?  \r\n", b"Caf\xe9 at four?\r\n").replace(b"quoted-printable", b"8bit")
    latin = mixed.replace(b"Caf=E9", b"Caf=C3=A9").replace(b"iso-8859-1", b"utf-8")
    field = fine[: -len(PLAIN)]
    rows: list[tuple[str, str, bytes, dict[str, Any]]] = [
        ("intact", "pass", fine, {"rcpt": BOB}),
        ("intact, recipient in other case", "pass", fine, {"rcpt": "Bob@There.Example"}),
        ("intact, nobody asks for whom", "pass", fine, {}),
        ("made for another recipient", "pass relayed", fine, {"rcpt": "eve@there.example"}),
        ("made for nobody in particular", "pass", signed(rcpt=""), {"rcpt": BOB}),
        ("parts, intact", "pass", mixed, {"rcpt": BOB}),
        ("an empty body", "pass", signed(EMPTY), {}),
        ("an empty body that gained empty lines", "pass", signed(EMPTY) + b"\r\n\r\n", {}),
        ("From in a subdomain", "pass", signed(PLAIN.replace(b"ada@", b"ada@sub.")), {}),
        ("a field refolded", "pass", fine.replace(b";\r\n ", b"; ").replace(b"; ", b";\r\n\t", 9), {}),
        ("fields that are not signed were added", "pass", b"Received: from a by b\r\nX-Spam: no\r\n" + fine, {}),
        ("white space changed in the header", "pass", fine.replace(b"Subject: Tea?", b"subject:\r\n \tTea? "), {}),
        ("30 days are allowed", "pass", signed(lifetime=30 * 86_400), {}),
        ("a clock 300 seconds behind", "pass", fine, {"now": NOW - 300}),
        ("another subject", "pass-content", fine.replace(b"Tea?\r\nDate", b"Gin?\r\nDate"), {}),
        ("a Cc was added", "pass-content", fine.replace(b"Subject:", b"Cc: eve@there.example\r\nSubject:"), {}),
        ("a second To was added", "pass-content", fine.replace(b"Subject:", b"To: eve@there.example\r\nSubject:"), {}),
        ("a part in another transfer encoding", "pass-content", again, {}),
        ("a part in another charset", "pass-content", latin, {}),
        ("a list added a footer", "pass-content+added", mixed.replace(b"--=_b--\r\n", FOOTER), {}),
        ("no field", "none", PLAIN, {}),
        ("an algorithm not known", "none", fine.replace(b"a=ed25519-sha256", b"a=ml-dsa-44"), {}),
        ("two fields", "permerror", b"Agent-Identity: x=1\r\n" + fine, {}),
        (
            "a field of the first version",
            "permerror",
            b"Agent-Identity: agent_id=a; oversight=autonomous; sig=AAAA\r\n" + PLAIN,
            {},
        ),
        ("a tag twice", "permerror", fine.replace(b" v=2;", b" v=2;\r\n v=2;"), {}),
        ("a semicolon at the end", "permerror", fine.replace(b"==\r\nFrom", b"==;\r\nFrom"), {}),
        ("a tag left out", "permerror", fine.replace(b" v=2;\r\n", b""), {}),
        ("an agent with a colon", "permerror", fine.replace(b"agent_id=ada", b"agent_id=a:b"), {}),
        ("a mode that is none", "permerror", fine.replace(b"oversight=gated_send", b"oversight=free"), {}),
        ("h too small", "permerror", fine.replace(b"h=from:to:", b"h=from:"), {}),
        ("h names a field twice", "permerror", fine.replace(b"h=from:to:", b"h=from:to:to:"), {}),
        ("a header that is damaged", "permerror", fine.replace(b"Subject:", b"no field\r\nSubject:"), {}),
        ("no key there", "permerror", signed(selector="none"), {}),
        ("the key was revoked", "permerror", signed(selector="gone"), {}),
        ("the key can't be read", "permerror", signed(selector="bad"), {}),
        ("another key is there", "fail", signed(selector="other"), {}),
        ("the key is for another agent", "fail", signed(selector="one"), {}),
        ("the key is for other modes", "fail", signed(selector="modes"), {}),
        ("the mode was changed", "fail", fine.replace(b"oversight=gated_send", b"oversight=autonomous"), {}),
        ("the approval was changed", "fail", fine.replace(b"apr=human", b"apr=none"), {}),
        ("the approval was taken out", "fail", fine.replace(b" apr=human;\r\n", b""), {}),
        ("a tag was added", "fail", fine.replace(b" v=2;", b" v=2;\r\n z=1;"), {}),
        ("a second From", "fail", fine.replace(b"Subject:", b"From: eve@agents.example.com\r\nSubject:"), {}),
        ("two authors", "fail", fine.replace(b">\r\nTo", b">, eve@agents.example.com\r\nTo"), {}),
        ("From elsewhere", "fail", fine.replace(b"ada@agents.example.com", b"ada@example.com"), {}),
        ("From in a name that only ends alike", "fail", fine.replace(b"ada@agents.", b"ada@myagents."), {}),
        ("another name of the author", "fail", fine.replace(b"From: Ada", b"From: Boss"), {}),
        ("another date", "fail", fine.replace(b"10:00:00", b"11:00:00"), {}),
        ("the field on another message", "fail", field + MIXED.replace(b"<1@", b"<2@"), {}),
        ("the field on another message of the same id", "fail", field + MIXED, {}),
        ("another text", "fail", fine.replace(b"four", b"five"), {}),
        ("a part was taken out", "fail", mixed[: mixed.index(b"--=_b\r\nContent-Type: application")] + b"--=_b--\r\n", {}),
        ("a file of another name", "fail", mixed.replace(b"menu.pdf", b"bill.pdf"), {}),
        ("a file of another type", "fail", mixed.replace(b"application/pdf", b"application/zip"), {}),
        ("31 days are too many", "fail", signed(lifetime=31 * 86_400), {}),
        ("from the future", "fail", fine, {"now": NOW - 301}),
        ("expired", "expired", fine, {"now": NOW + 14 * 86_400 + 1}),
    ]
    return [
        {"name": name, "message": b64encode(message).decode(), "rcpt": None, "now": NOW, "expect": expected} | asked
        for name, expected, message, asked in rows
    ]


def text() -> str:
    """The file."""
    return json.dumps({"key": SEED.hex(), "signed_at": NOW, "zone": zone(), "cases": cases()}, indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), "utf-8")
