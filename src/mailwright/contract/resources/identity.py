"""Keys and verdicts of Agent-Identity, as told to callers."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Annotated

from msgspec import Struct

from mailwright.contract.scalars import doc
from mailwright.core.identity import AgentKey
from mailwright.mailauth import provenance


class KeyOfDomain(Struct, frozen=True, kw_only=True):
    """A key that signs for an agent at one of its domains."""

    domain: Annotated[str, doc("The domain: `d` in the agent's mail.", example="agents.example.com")]
    selector: Annotated[str, doc("The key's selector: `s`.", example="a5qm3tk")]
    public_key_der: Annotated[str, doc("The key as SubjectPublicKeyInfo (DER), in base64.")]
    dns_name: Annotated[str, doc("Where DNS has it.", example="a5qm3tk._agentid.agents.example.com")]


class PublicKey(KeyOfDomain, frozen=True, kw_only=True):
    """The key that an agent's mail is signed with now."""

    agent_id: Annotated[str, doc("The agent's name, as its mail has it.", example="ada")]
    algorithm: Annotated[str, doc("Always `ed25519`.", example="ed25519")]
    keys: Annotated[tuple[KeyOfDomain, ...], doc("All of them, where it writes from several domains; this one is first.")]


class Verified(Struct, frozen=True, kw_only=True):
    """What became of a message's claim."""

    verdict: Annotated[provenance.Verdict, doc("The verdict; only `pass` stands for the whole message.")]
    reason: Annotated[str, doc("Why it is not a pass; empty where it is.")]
    signed: Annotated[bool, doc("Whether the tags are what the key's owner signed, whatever became of the message.")]
    tags: Annotated[dict[str, str], doc("What the field says. Not to be believed unless `signed`.")]
    steps: Annotated[tuple[str, ...], doc("How the verdict came about.")]


def public_key(keys: Sequence[AgentKey]) -> PublicKey:
    """The keys of one agent, as told; the first is the one."""
    told = tuple(_key(one) for one in keys)
    first = told[0]
    return PublicKey(
        agent_id=keys[0].agent_id,
        algorithm="ed25519",
        domain=first.domain,
        selector=first.selector,
        public_key_der=first.public_key_der,
        dns_name=first.dns_name,
        keys=told,
    )


def _key(key: AgentKey) -> KeyOfDomain:
    return KeyOfDomain(
        domain=key.domain,
        selector=key.selector,
        public_key_der=b64encode(key.der).decode(),
        dns_name=f"{key.selector}._agentid.{key.domain}",
    )


def verified(found: provenance.Result) -> Verified:
    """A verdict, as told."""
    return Verified(
        verdict=found.verdict, reason=found.reason, signed=found.signed, tags=dict(found.tags or {}), steps=found.steps
    )
