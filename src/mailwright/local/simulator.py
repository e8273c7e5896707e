"""Receivers that behave as their addresses say, and keep what they got.

`success@ bounce@ softbounce@ greylist@ complaint@ ooto@ suppressed@ spamfolder@ slow@`, each also as `name+label@`; all others
simply receive. Every message is checked for SPF, DKIM and DMARC by what DNS says, as a receiver does that knows nothing of us.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from mailwright.core.errors import MailboxFull, RateLimited, Refusal, UnknownRecipient
from mailwright.core.examining import Peer
from mailwright.core.ports import Resolver, Spool
from mailwright.core.receiving import Receipt, Recipient
from mailwright.mail.header import parse_header
from mailwright.mailauth.authenticate import authenticate
from mailwright.mailauth.summary import summary

KEPT = 1_000  # messages in the outbox
GREYLISTED = 5.0  # seconds until a greylisted sender is let in
SLOW = 8.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What an address does: refuse, wait, or answer afterwards (`afterwards`: "complain" or "out_of_office")."""

    text: str
    refusal: type[Refusal] | None = None
    greylists: bool = False
    seconds: float = 0.0
    afterwards: str = ""
    folder: str = "inbox"


BEHAVIOURS: dict[str, Behaviour] = {
    "success": Behaviour("accepts"),
    "bounce": Behaviour("refuses for good: there is no such mailbox", UnknownRecipient),
    "softbounce": Behaviour("refuses for now: the mailbox is full", MailboxFull),
    "greylist": Behaviour(f"refuses strangers for {GREYLISTED:.0f} s", greylists=True),
    "complaint": Behaviour("accepts, then reports the message as spam", afterwards="complain"),
    "ooto": Behaviour("accepts, then answers that nobody is in", afterwards="out_of_office"),
    "suppressed": Behaviour("is on the suppression list", UnknownRecipient),
    "spamfolder": Behaviour("accepts, and files it as spam", folder="spam"),
    "slow": Behaviour(f"takes {SLOW:.0f} s to answer", seconds=SLOW),
}
ANYBODY = Behaviour("accepts")


def behaviour(address: str) -> Behaviour:
    """What an address does."""
    local = address.rpartition("@")[0].lower()
    return BEHAVIOURS.get(local.partition("+")[0], ANYBODY)


@dataclass(frozen=True, slots=True)
class Got:
    """One message as a receiver got it."""

    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes
    verdicts: dict[str, object]
    folder: str
    at: float


@dataclass(slots=True)
class Receivers:
    """What all receivers share: their outbox, whom they know, and what they do after accepting."""

    resolver: Resolver
    now: Callable[[], float]
    afterwards: Callable[[str, Got], Awaitable[None]]
    outbox: deque[Got] = field(default_factory=lambda: deque(maxlen=KEPT))
    _met: dict[tuple[str, str], float] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def recipient(self, address: str) -> Recipient:
        """RCPT TO: raises the address's own refusal."""
        refusal = behaviour(address).refusal
        if refusal is not None:
            raise refusal
        return Recipient(address)

    async def receive(self, peer: Peer, mail_from: str, recipients: Sequence[Recipient], spool: Spool) -> Receipt:
        """DATA."""
        rcpt_to = tuple(one.address for one in recipients)
        for address in rcpt_to:
            self._greylist(mail_from, address)
        await self.take(peer.ip, peer.helo, mail_from, rcpt_to, bytes(spool.raw()))
        return Receipt(("got",))

    def _greylist(self, mail_from: str, address: str) -> None:
        if not behaviour(address).greylists:
            return
        # The return path differs for each delivery, so its domain is what a receiver can get to know.
        first = self._met.setdefault((mail_from.rpartition("@")[2], address), self.now())
        if self.now() - first < GREYLISTED:
            raise RateLimited(f"Greylisted: try again in {GREYLISTED:.0f} seconds.")

    async def take(self, ip: str, helo: str, mail_from: str, rcpt_to: tuple[str, ...], raw: bytes) -> Got:
        """DATA: check, keep, and do what the addresses do."""
        header = parse_header(raw)
        check = authenticate(raw, header, ip=ipaddress.ip_address(ip), helo=helo, mail_from=mail_from, now=int(self.now()))
        told = summary(await self.resolver.resolve(check))
        verdicts: dict[str, object] = {
            "spf": told["spf"]["result"],
            "dkim": [{"result": one["result"], "domain": one["domain"], "selector": one["selector"]} for one in told["dkim"]],
            "dmarc": told["dmarc"]["result"],
        }
        found = [behaviour(address) for address in rcpt_to]
        await asyncio.sleep(max(one.seconds for one in found))
        got = Got(mail_from, rcpt_to, raw, verdicts, found[0].folder, self.now())
        self.outbox.append(got)
        for one in found:
            if one.afterwards:
                task = asyncio.create_task(self._later(one.afterwards, got))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return got

    async def _later(self, what: str, got: Got) -> None:
        await asyncio.sleep(0.2)
        await self.afterwards(what, got)
