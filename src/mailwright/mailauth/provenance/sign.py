"""The Agent-Identity field for what we send.

Standard: docs/agent-identity.md. One field for each recipient, put on before DKIM signs, which covers it.
The message must be what goes on the wire: CRLF, after any downgrade to 7 bits.
Not here: which key, and what an agent may claim (core/signing.py).
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache

from mailwright.mail.header import Header, Raw
from mailwright.mailauth.provenance.hashes import CORE, body_hash, header_hash, part_hashes, parts_tag, recipient_hash
from mailwright.mailauth.provenance.keys import SigningKey
from mailwright.mailauth.provenance.tags import (
    AGENT,
    ALGORITHM,
    FIELD,
    LEAST_SIGNED,
    MODES,
    legacy_octets,
    render,
    signed_octets,
)

LIFETIME = 14 * 24 * 3600  # seconds, as long as our DKIM signatures; verifiers take 30 days at most
_VALUE = re.compile(r"[!-:<-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is said of a message: who wrote it and in which mode, for whom, and who allowed it. Empty is left out."""

    agent_id: str
    oversight: str
    rcpt: str = ""  # envelope recipient
    ai: str = ""  # generated | assisted
    responsible: str = ""  # whoever answers for the agent
    approved_by: str = ""  # human | policy | none
    approval: str = ""  # digest of the approval record
    log: str = ""  # origin#index


def sign(
    header: Header, raw: Raw, statement: Statement, key: SigningKey, *, now: int, nonce: bytes, lifetime: int = LIFETIME
) -> bytes:
    """The field to put before the message, CRLF at its end. `now` in seconds; `nonce` are 12 random octets.

    Raises ValueError for what no verifier would take: a bad agent or mode, a message that has the field already, no From.
    """
    if not AGENT.fullmatch(statement.agent_id) or statement.oversight not in MODES:
        raise ValueError(f"no agent or no mode: {statement.agent_id[:80]!r}, {statement.oversight[:80]!r}")
    if header.first(FIELD) or not header.first("from"):
        raise ValueError("the message has an Agent-Identity already, or no From")
    if len(nonce) != 12:
        raise ValueError("the nonce is not 12 octets")
    tags = {
        "agent_id": statement.agent_id,
        "oversight": statement.oversight,
        "sig": _legacy(key, statement.agent_id, statement.oversight),
        "v": "2",
        "a": ALGORITHM,
        "d": key.domain,
        "s": key.selector,
        "t": str(now),
        "x": str(now + lifetime),
        "n": nonce.hex(),
        "ch": header_hash(header, CORE),
        "h": ":".join(LEAST_SIGNED),
        "hh": header_hash(header, LEAST_SIGNED),
        "bh": body_hash(raw, header.body_start),
        "ph": parts_tag(part_hashes(raw, header)),
        **_optional(statement, nonce),
        "b": "",
    }
    tags["b"] = b64encode(key.key.sign(signed_octets(tags))).decode()
    return render(tags)


@lru_cache(maxsize=1024)
def _legacy(key: SigningKey, agent_id: str, oversight: str) -> str:
    """`sig`: Ed25519 says the same of the same, and all mail of an agent says the same here."""
    return b64encode(key.key.sign(legacy_octets(agent_id, oversight))).decode()


def _optional(statement: Statement, nonce: bytes) -> dict[str, str]:
    tags = {
        "rc": recipient_hash(nonce.hex(), statement.rcpt) if statement.rcpt else "",
        "ai": statement.ai,
        "rp": statement.responsible,
        "apr": statement.approved_by,
        "ap": statement.approval,
        "lg": statement.log,
    }
    # What can't stand in a field is left out rather than written otherwise than it was given.
    return {name: value for name, value in tags.items() if _VALUE.fullmatch(value)}
