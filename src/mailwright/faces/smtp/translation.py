"""From SMTP's words to core's and back: paths to addresses, refusals to replies.

Standards: RFC 5321 §4.2 and §4.5.1, RFC 3463 and RFC 7372 (enhanced codes), RFC 6531 §3.7.3 (protocol names).
The one table of replies is here. Not here: sockets (connection.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from mailwright.core import receiving
from mailwright.core.errors import Kind, Refusal
from mailwright.core.ports import Ports, Spool
from mailwright.core.receiving import Peer, Receipt, Recipient
from mailwright.mail.address import InvalidAddress, domain_to_ascii
from mailwright.wire.smtp_paths import Path
from mailwright.wire.smtp_server import Reply

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
    "dns_unavailable": (451, "4.4.3"),
    "agent_paused": (450, "4.2.1"),
}


@dataclass(frozen=True, slots=True)
class Reception:
    """What core does for this face. Both may raise a Refusal."""

    recipient: Callable[[str], Awaitable[Recipient]]
    receive: Callable[[Peer, str, Sequence[Recipient], Spool], Awaitable[Receipt]]
    spool: Callable[[], Spool]


def reception(ports: Ports) -> Reception:
    """The reception of a running core."""

    async def recipient(address: str) -> Recipient:
        return await receiving.recipient(ports, address)

    async def receive(peer: Peer, mail_from: str, recipients: Sequence[Recipient], spool: Spool) -> Receipt:
        return await receiving.receive(ports, peer, mail_from, recipients, spool)

    return Reception(recipient, receive, ports.store.blobs.spool)


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
    if path.domain:
        return [address_of(path)]
    # RFC 5321 §4.5.1: <postmaster> without a domain is this server's; its domain is that of its name, or the one above.
    above = hostname.partition(".")[2]
    return [f"{path.local_part}@{domain}" for domain in (hostname, above) if domain]


def protocol_name(esmtp: bool, smtputf8: bool) -> str:
    """The word after `with` in our Received field, without the S that TLS adds (RFC 3848, RFC 6531 §3.7.3)."""
    if smtputf8:
        return "UTF8SMTP"
    return "ESMTP" if esmtp else "SMTP"
