"""From SMTP's words to core's and back: paths to addresses, refusals to replies.

Standards: RFC 5321 §4.2 and §4.5.1, RFC 3463 and RFC 7372 (enhanced codes), RFC 6531 §3.7.3 (protocol names).
The one table of replies is here. Not here: sockets (connection.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from mailwright.core import receiving
from mailwright.core.errors import ExaminationFailed, Kind, Refusal
from mailwright.core.ports import Ports, Spool
from mailwright.core.receiving import Arrival, Envelope, Peer, Receipt, Recipient
from mailwright.mail.address import InvalidAddress, domain_to_ascii
from mailwright.wire.smtp_paths import Path
from mailwright.wire.smtp_server import Reply

log = structlog.get_logger("mailwright.smtp")

PATIENCE = 30.0  # seconds that looking at one message may take, DNS included

OUR_FAULT = Reply(451, "4.3.0", "Something went wrong on our side; try again later")
BUG = Reply(421, "4.3.0", "Something went wrong on our side; try again later")
DISK_FULL = Reply(452, "4.3.1", "Insufficient system storage")
TIMEOUT = Reply(421, "4.4.2", "You took too long")
SHUTTING_DOWN = Reply(421, "4.3.2", "Going down for a moment; try again soon")
NO_LOGIN = Reply(454, "4.7.0", "No logins here")

_BY_KIND: dict[Kind, tuple[int, str]] = {
    Kind.MALFORMED: (554, "5.6.0"),
    Kind.UNAUTHENTICATED: (530, "5.7.0"),
    Kind.FORBIDDEN: (550, "5.7.1"),
    Kind.NOT_FOUND: (550, "5.1.1"),
    Kind.CONFLICT: (554, "5.5.0"),
    Kind.TOO_LARGE: (552, "5.3.4"),
    Kind.INVALID: (550, "5.7.1"),
    Kind.RATE_LIMITED: (451, "4.7.1"),
    Kind.UNAVAILABLE: (451, "4.3.0"),
    Kind.INTERNAL: (451, "4.3.0"),
}
_BY_CODE: dict[str, tuple[int, str]] = {
    "mail_loop": (554, "5.4.6"),
    "mailbox_full": (452, "4.2.2"),
    "agent_paused": (450, "4.2.1"),
}


@dataclass(frozen=True, slots=True)
class Reception:
    """What core does for this face. The first two may raise a Refusal; `known` is an answer that is there already."""

    recipient: Callable[[str], Awaitable[Recipient]]
    receive: Callable[[Peer, str, Sequence[Recipient], Spool], Awaitable[Receipt]]
    spool: Callable[[], Spool]
    known: Callable[[str], Recipient | None] = lambda address: None


def reception(ports: Ports) -> Reception:
    """The reception of a running core."""

    async def recipient(address: str) -> Recipient:
        return await receiving.recipient(ports, address)

    async def receive(peer: Peer, mail_from: str, recipients: Sequence[Recipient], spool: Spool) -> Receipt:
        seen = receiving.seen_from_outside(ports.settings, peer, mail_from)
        envelope = receiving.envelope_of(ports.settings, seen, mail_from, recipients, ports.clock.now())
        looking = receiving.looked_at(ports.resolver, spool.raw(), envelope, recipients)
        return await receiving.take(ports, await in_time(looking, envelope), spool)

    return Reception(recipient, receive, ports.store.blobs.spool)


async def in_time(looking: Coroutine[Any, Any, Arrival], envelope: Envelope) -> Arrival:
    """What looking at a message gives; raises ExaminationFailed where it takes too long."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await looking
    except TimeoutError:
        log.error("smtp.look_too_long", ip=envelope.peer.ip, mail_from=envelope.mail_from)
        raise ExaminationFailed from None


def reply_to(refusal: Refusal) -> Reply:
    """How a refusal is said in SMTP."""
    code, enhanced = _BY_CODE.get(refusal.code) or _BY_KIND[refusal.kind]
    return Reply(code, enhanced, refusal.message)


def address_of(path: Path) -> str:
    """A path as core writes addresses: `local@domain`, the domain in lower-case A-labels; "" for the null path."""
    if path.is_null:
        return ""
    domain = path.domain.lower()
    if not domain.isascii():
        try:
            domain = domain_to_ascii(domain)
        except InvalidAddress:
            pass
    return str(Path(path.local_part, domain))


def addresses_of(path: Path, hostname: str) -> list[str]:
    """The addresses that a forward path may stand for, in the order in which to try them."""
    role = path.local_part.lower() in ("postmaster", "abuse") and path.domain.lower() == hostname.lower()
    if path.domain and not role:
        return [address_of(path)]
    # RFC 5321 §4.5.1: <postmaster> without a domain is this server's; its domain is that of its name, or the one above. Who
    # knows no more of us than our name writes to postmaster, or abuse, at that.
    above = hostname.partition(".")[2]
    return [f"{path.local_part}@{domain}" for domain in (hostname, above) if domain]


def protocol_name(esmtp: bool, smtputf8: bool) -> str:
    """The word after `with` in our Received field, without the S that TLS adds (RFC 3848, RFC 6531 §3.7.3)."""
    if smtputf8:
        return "UTF8SMTP"
    return "ESMTP" if esmtp else "SMTP"
