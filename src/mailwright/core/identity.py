"""Who an agent is, to others: the field that its mail carries, and the keys that it is signed with, which anybody may ask for.

The field says which agent wrote a message, in which mode it was sent, for whom, and by whose word. It is made for each
recipient when the message leaves (decision 0003), before DKIM signs, which covers it.
Keys are a domain's own, never those of DKIM. A new one is published first, and signs once it was seen in DNS.
Not here: the field's grammar (mailauth/provenance), what a receiver makes of it (receiving.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from mailwright.core import approvals, audit
from mailwright.core.errors import NotFound
from mailwright.core.model import Agent, Approval, ApprovalStatus, Caller, Domain, IdentityKey, KeyState, Message
from mailwright.core.ports import Ports, Tx
from mailwright.mail.header import Header, Raw, parse_header
from mailwright.mailauth import provenance

DAY = 86_400_000
ASIDE = 64 * 1024  # octets: a longer message is verified in a thread
KEPT = 30 * DAY  # ms that a retired key stays published: longer than any signature by it is good


@dataclass(frozen=True, slots=True)
class Copy:
    """One recipient's copy of a message that leaves, and by whose word it does."""

    message: Message
    domain: Domain
    agent: Agent
    recipient: str
    approval: Approval | None


def field(header: Header, raw: Raw, copy: Copy, *, now: int, nonce: bytes) -> bytes:
    """The Agent-Identity field of a copy, CRLF at its end; nothing where the domain has no key. `now` in seconds."""
    key = signing_key(copy.domain)
    return b"" if key is None else provenance.sign(header, raw, _statement(copy), key, now=now, nonce=nonce)


def _statement(copy: Copy) -> provenance.Statement:
    approved = copy.approval if copy.approval is not None and copy.approval.status is ApprovalStatus.APPROVED else None
    mode = copy.message.oversight_mode
    assert mode is not None
    return provenance.Statement(
        agent_id=copy.agent.name,
        oversight=mode.value,
        rcpt=copy.recipient,
        ai="generated",
        responsible=copy.agent.responsible or "",
        approved_by="human" if approved else "none",
        approval=approvals.record_digest(approved) if approved else "",
    )


# --- keys ---------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _loaded(domain: str, key: IdentityKey) -> provenance.SigningKey:
    return provenance.load_key(domain, key.selector, key.private_pem.encode())


def signing_key(domain: Domain) -> provenance.SigningKey | None:
    """The key that signs for the domain now; None where it has none."""
    found = [key for key in domain.identity_keys if key.state is KeyState.SIGNING]
    return _loaded(domain.name, found[0]) if found else None


def new_key(ports: Ports, domain: str, state: KeyState, beside: Sequence[IdentityKey] = ()) -> IdentityKey:
    """A new key, at a selector that none of the keys beside it has."""
    taken = {key.selector for key in beside}
    while (selector := "a" + ports.ids.new("s")[-6:]) in taken:
        pass
    made = provenance.new_key(domain, selector, ports.ids.secret(32))
    return IdentityKey(made.selector, made.pem().decode(), provenance.dns_record(made), state, ports.clock.now())


def rotated(ports: Ports, domain: Domain) -> Domain:
    """The domain with a key that waits for being published; as it was, where one waits already."""
    if any(key.state is KeyState.NEXT for key in domain.identity_keys):
        return domain
    state = KeyState.NEXT if signing_key(domain) is not None else KeyState.SIGNING
    kept = _unexpired(domain.identity_keys, ports.clock.now())
    return replace(domain, identity_keys=(*kept, new_key(ports, domain.name, state, domain.identity_keys)))


def seen(domain: Domain, published: Collection[str], now: int) -> Domain:
    """The domain after a look at DNS: a waiting key that is published signs from now on, and the one before it never again."""
    ready = [key for key in domain.identity_keys if key.state is KeyState.NEXT and key.record in published]
    if not ready:
        return domain
    states = {KeyState.NEXT: KeyState.SIGNING, KeyState.SIGNING: KeyState.RETIRED}
    keys = [replace(key, state=states[key.state], since=now) if key.state in states else key for key in domain.identity_keys]
    # A private key that signs no more is only good for forging.
    bare = [replace(key, private_pem="") if key.state is KeyState.RETIRED else key for key in keys]
    return replace(domain, identity_keys=_unexpired(bare, now))


def _unexpired(keys: Sequence[IdentityKey], now: int) -> tuple[IdentityKey, ...]:
    return tuple(key for key in keys if key.state is not KeyState.RETIRED or key.since > now - KEPT)


async def rotate(tx: Tx, ports: Ports, caller: Caller, domain: Domain) -> Domain:
    """Make the domain's next key. It is published beside the present one, and signs once `verify` finds it in DNS."""
    changed = rotated(ports, domain)
    if changed is not domain:
        await tx.domains.put(changed)
        await audit.record(tx, ports, caller, "domain.identity_key_made", domain.id)
    return changed


# --- questions ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentKey:
    """The public half of the key that an agent's mail from one of its domains is signed with."""

    agent_id: str
    domain: str
    selector: str
    der: bytes  # SubjectPublicKeyInfo
    owned: bool  # DNS has shown whose domain it is


async def public_keys(ports: Ports, agent_id: str, domain: str | None = None) -> list[AgentKey]:
    """The keys of the agent of that name (or id), at that domain; of several agents, of the eldest that owns its domain.

    Anybody may ask: it says no more than the agent's mail and DNS do. Raises NotFound.
    """
    wanted = None if domain is None else domain.lower().rstrip(".")

    async def script(tx: Tx) -> list[AgentKey]:
        found = [keys for agent in await tx.agents.named(agent_id) if (keys := await _keys_of(tx, agent, wanted))]
        if found:
            return min(found, key=lambda keys: not keys[0].owned)
        raise NotFound(f"There is no key of an agent {agent_id[:64]} here.")

    return await ports.store.read(script)


async def _keys_of(tx: Tx, agent: Agent, wanted: str | None) -> list[AgentKey]:
    found: dict[str, AgentKey] = {}
    for mailbox in await tx.mailboxes.of_agent(agent.tenant_id, agent.id):
        domain = await tx.domains.get(agent.tenant_id, mailbox.domain_id)
        if domain is None or wanted not in (None, domain.name) or domain.name in found:
            continue
        signs = [key for key in domain.identity_keys if key.state is KeyState.SIGNING]
        der = provenance.public_der(signs[0].record) if signs else None
        owner = await tx.domains.by_name(domain.name)
        # S26: who only claims a domain does not speak for the agents of its owner.
        if der is not None and (owner is None or owner.id == domain.id):
            found[domain.name] = AgentKey(agent.name, domain.name, signs[0].selector, der, owner is not None)
    return sorted(found.values(), key=lambda key: not key.owned)


async def verify(ports: Ports, raw: bytes, rcpt: str | None) -> provenance.Result:
    """The verdict on a message that somebody has at hand."""
    check = provenance.verify(parse_header(raw), raw, now=ports.clock.now() // 1000, rcpt=rcpt)
    resolve = ports.resolver.resolve_aside if len(raw) > ASIDE else ports.resolver.resolve
    return await resolve(check)
