"""A Mailwright server in the box: the real core and the real workers, over ports without sockets and without time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from mailwright import workers
from mailwright.contract.events import encode
from mailwright.core import domains, receiving
from mailwright.core.errors import BodyTooLarge, Refusal
from mailwright.core.model import Caller, DkimKey, Domain
from mailwright.core.ports import Deferred, Delivered, Host, Outcome, Parcel, Ports, Rejected, Settings, Store, Tx
from mailwright.core.receiving import Peer, Recipient
from mailwright.core.records import records
from mailwright.faces.smtp.translation import reply_to
from mailwright.mailauth import dkim
from mailwright.testing.clock import CountingIds
from mailwright.testing.internet.driving import Driver
from mailwright.testing.internet.network import TLS, BoxCourier, BoxPoster, Inline, Network


@lru_cache(maxsize=1)
def signing_keys() -> tuple[DkimKey, ...]:
    """An RSA and an Ed25519 key for every domain of the process: an RSA key takes 0.1 s to make."""
    made = (
        dkim.generate_rsa("box.example", "rbox"),
        dkim.load_key("box.example", "ebox", b"mailwright".ljust(32, b".")),
    )
    return tuple(DkimKey(k.selector, k.algorithm.value, k.pem().decode(), dkim.dns_record(k)) for k in made)


class Server:
    """One server: its ports, its workers, and its mail exchanger, which listens in the box."""

    def __init__(self, network: Network, drive: Driver, store: Store, hostname: str, settings: Settings) -> None:
        """Settle at `hostname`; what depends on the place is filled into `settings`."""
        self.network, self.drive = network, drive
        address = network.settle(hostname, self)
        self.peer = Peer(address, hostname, TLS)
        ids = CountingIds("" if not network.servers else f"s{len(network.servers)}x")
        network.servers.append(self)
        self.ports = Ports(
            store=store,
            resolver=network.dns,
            courier=BoxCourier(network, self.peer),
            poster=BoxPoster(network),
            cpu=Inline(),
            clock=network.clock,
            ids=ids,
            settings=replace(
                settings,
                hostname=hostname,
                addresses=(address,),
                verp_secret=ids.secret(32),
                public_url=f"https://{hostname}",
            ),
        )
        local = Host(hostname, (address,))
        self.deliveries = workers.Deliveries(self.ports, local, random.Random(1))
        url = self.ports.settings.public_url
        self.tellings = workers.Tellings(self.ports, lambda event: encode(event, url), random.Random(2))

    async def step(self) -> int:
        """One pass of every worker; how much there was to do."""
        await workers.tidy(self.ports)
        return await self.deliveries.step() + await self.tellings.step()

    async def next_due(self) -> int | None:
        """When the next delivery, to a person or to a webhook, is due."""

        async def script(tx: Tx) -> list[int | None]:
            return [await tx.queue.next_due(), await tx.webhooks.next_due()]

        return min((due for due in await self.ports.store.read(script) if due is not None), default=None)

    async def take(self, peer: Peer, parcel: Parcel) -> Sequence[Outcome] | None:
        """SMTP in, from the envelope on: RCPT for each recipient, then DATA for those that were taken."""
        outcomes: dict[str, Outcome] = {}
        recipients: dict[str, Recipient] = {}
        for address in parcel.rcpt_to:
            try:
                recipients[address] = await receiving.recipient(self.ports, address)
            except Refusal as no:
                outcomes[address] = _said(no)
        if recipients:
            outcome = await self._data(peer, parcel, list(recipients.values()))
            outcomes |= dict.fromkeys(recipients, outcome)
        return [outcomes[address] for address in parcel.rcpt_to]

    async def _data(self, peer: Peer, parcel: Parcel, recipients: Sequence[Recipient]) -> Outcome:
        spool = self.ports.store.blobs.spool()
        try:
            if parcel.message.size > self.ports.settings.message_limit:
                raise BodyTooLarge
            spool.write(parcel.message.prefix)
            spool.write(bytes(parcel.message.raw))
            receipt = await receiving.receive(self.ports, peer, parcel.mail_from, recipients, spool)
        except Refusal as no:
            return _said(no)
        finally:
            spool.discard()
        return Delivered(250, "2.0.0", "Accepted " + " ".join(receipt.ids))

    def add_domain(self, caller: Caller, name: str, *, publish: bool = True) -> Domain:
        """Add a domain to a tenant; where it is published, it is verified too."""
        wanted = domains.NewDomain(name, signing_keys(), dmarc_policy="reject")
        domain = self.drive(self.ports.store.write(lambda tx: domains.add(tx, self.ports, caller, wanted)))
        if not publish:
            return domain
        published = records(domain, self.ports.settings)
        self.network.dns.add((one.name, one.type.value, one.value) for one in published)
        return self.verify(caller, domain.id)

    def verify(self, caller: Caller, domain_id: str) -> Domain:
        """Look at a domain's records, and keep what was found."""
        checks = self.drive(domains.inspect(self.ports, caller, domain_id))
        return self.drive(self.ports.store.write(lambda tx: domains.verified(tx, self.ports, caller, domain_id, checks)))


def _said(no: Refusal) -> Outcome:
    reply = reply_to(no)
    kind = Rejected if reply.code >= 500 else Deferred
    return kind(reply.code, reply.enhanced, reply.text)
