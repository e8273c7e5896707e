"""Types of identity.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from msgspec import Struct


class PublicKey(Struct, frozen=True, kw_only=True):
    """The key that an agent's mail is signed with now."""

    domain: str
    """The domain: `d` in the agent's mail."""
    selector: str
    """The key's selector: `s`."""
    public_key_der: str
    """The key as SubjectPublicKeyInfo (DER), in base64."""
    dns_name: str
    """Where DNS has it."""
    agent_id: str
    """The agent's name, as its mail has it."""
    algorithm: str
    """Always `ed25519`."""
    keys: tuple[KeyOfDomain, ...]
    """All of them, where it writes from several domains; this one is first."""


class KeyOfDomain(Struct, frozen=True, kw_only=True):
    """A key that signs for an agent at one of its domains."""

    domain: str
    """The domain: `d` in the agent's mail."""
    selector: str
    """The key's selector: `s`."""
    public_key_der: str
    """The key as SubjectPublicKeyInfo (DER), in base64."""
    dns_name: str
    """Where DNS has it."""


class Verified(Struct, frozen=True, kw_only=True):
    """What became of a message's claim."""

    verdict: str
    """The verdict; only `pass` stands for the whole message."""
    reason: str
    """Why it is not a pass; empty where it is."""
    signed: bool
    """Whether the tags are what the key's owner signed, whatever became of the message."""
    tags: dict[str, str]
    """What the field says. Not to be believed unless `signed`."""
    steps: tuple[str, ...]
    """How the verdict came about."""
