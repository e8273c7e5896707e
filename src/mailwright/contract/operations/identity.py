"""Operations on Agent-Identity: the public key of an agent, for anybody, and a verdict on a message."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Annotated, Any

from msgspec import Meta, Struct

from mailwright.contract.operations.domains import DomainId, DomainName
from mailwright.contract.operations.row import Example, Operation
from mailwright.contract.resources import domains as shown_domains
from mailwright.contract.resources import identity as shown
from mailwright.contract.scalars import AGENT_NAME, ONE_LINE, doc
from mailwright.core import domains, identity
from mailwright.core.errors import InvalidInput
from mailwright.core.model import Caller, Permission
from mailwright.core.ports import Ports, Tx

AgentName = Annotated[str, Meta(min_length=1, max_length=64, pattern=AGENT_NAME)]
Recipient = Annotated[str, Meta(max_length=320, pattern=ONE_LINE)]

_BARE_LF = re.compile(rb"(?<!\r)\n")


class PublicKeyOf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose key."""

    agent_id: Annotated[AgentName, doc("The agent's name, as `agent_id` in its mail has it; or its id.", example="ada")]
    domain: Annotated[DomainName | None, doc("The domain (`d` in its mail), where agents of several are called so.")] = None


class IdentityVerify(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message to be verified."""

    message: Annotated[str, doc("The raw message, in base64; or as text, which has a colon in its first field.")]
    recipient: Annotated[Recipient | None, doc("The envelope recipient; left out, none is compared.")] = None


async def _public_key(ports: Ports, caller: Caller, given: PublicKeyOf) -> shown.PublicKey:
    return shown.public_key(await identity.public_keys(ports, given.agent_id, given.domain))


async def _verify(ports: Ports, caller: Caller, given: IdentityVerify) -> shown.Verified:
    return shown.verified(await identity.verify(ports, _octets(given.message), given.recipient))


def _octets(text: str) -> bytes:
    if ":" in text:
        return _BARE_LF.sub(b"\r\n", text.encode())
    try:
        return _BARE_LF.sub(b"\r\n", b64decode(text, validate=True))
    except (Base64Error, ValueError):
        raise InvalidInput.at("message", "a raw message, or the base64 of one") from None


async def _rotate(tx: Tx, ports: Ports, caller: Caller, given: DomainId) -> shown_domains.Domain:
    domain = await domains.load(tx, caller, given.domain_id)
    return shown_domains.domain(await identity.rotate(tx, ports, caller, domain), ports.settings)


ROWS: tuple[Operation[Any, Any], ...] = (
    Operation(
        name="identity.public_key",
        summary="The public key that an agent's mail is signed with",
        permission=None,
        method="GET",
        path="/v1/identity/pubkey/{agent_id}",
        command="identity public-key",
        input=PublicKeyOf,
        output=shown.PublicKey,
        read=_public_key,
        notes=(
            "For verifiers that know the first three tags of Agent-Identity only: such a signature says who wrote some "
            "message, not that it was this one. All others ask DNS, as `docs/agent-identity.md` says."
        ),
    ),
    Operation(
        name="identity.verify",
        summary="Verify the Agent-Identity of a message",
        permission=Permission.MESSAGES_READ,
        method="POST",
        path="/v1/identity/verify",
        command="identity verify-remote",
        input=IdentityVerify,
        output=shown.Verified,
        read=_verify,
        large=True,
        raw="message",
        tool="verify_identity",
        examples=(Example("A message without an identity", {"message": "From: ada@agents.example.com\n\nTea?\n"}),),
        notes="The message may also be the body itself, as `message/rfc822`, with `recipient` in the query.",
    ),
    Operation(
        name="identity.rotate",
        summary="Make the next identity key of a domain",
        permission=Permission.DOMAINS_MANAGE,
        method="POST",
        path="/v1/domains/{domain_id}/identity/rotate",
        input=DomainId,
        output=shown_domains.Domain,
        act=_rotate,
        tool="rotate_identity_key",
        command="identity rotate",
        notes=(
            "Publish the record of the key that is `next`, then verify the domain: once it is seen in DNS, it signs. Keep "
            "the one before it published while it is listed as `retired`."
        ),
    ),
)
