"""Everybody else: people, and the mail hosts they are at. They know of Mailwright what DNS and SMTP say, and nothing more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Protocol

from mailwright.core.ports import Delivered, Outcome, Parcel, Route, Signed
from mailwright.core.receiving import Peer
from mailwright.mail import compose, mime
from mailwright.mail.address import Address, parse_mailbox
from mailwright.mail.header import Header, parse_header
from mailwright.mail.references import message_ids
from mailwright.mail.words import decode_unstructured
from mailwright.mailauth import dkim
from mailwright.mailauth.authenticate import Authentication
from mailwright.testing.internet.conduct import TAKEN, Conducted
from mailwright.testing.internet.driving import Driver
from mailwright.testing.internet.network import TLS, Network
from mailwright.testing.internet.reports import bounce, complaint


class Identified(Protocol):
    """A message with a Message-ID: an agent's, or a letter."""

    @property
    def rfc_message_id(self) -> str:
        """With its angle brackets."""


@dataclass(frozen=True)
class Letter:
    """A message as somebody outside got it."""

    raw: bytes
    mail_from: str
    rcpt_to: str
    at: int
    authentication: Authentication

    @cached_property
    def header(self) -> Header:
        """Its fields."""
        return parse_header(self.raw)

    @property
    def rfc_message_id(self) -> str:
        """Its Message-ID, with angle brackets."""
        return message_ids(self.header).own

    @property
    def subject(self) -> str:
        """Its subject, decoded."""
        return decode_unstructured(self.header.value("subject") or "")

    @property
    def text(self) -> str:
        """Its text, line ends as \\n."""
        return mime.body_text(mime.parse(self.raw)).replace("\r\n", "\n").strip()

    @property
    def verdicts(self) -> dict[str, str]:
        """What the receiver found: "pass" or else, for spf, dkim (the worst signature) and dmarc."""
        signatures = sorted({one.result.value for one in self.authentication.dkim}, key=lambda word: word == "pass")
        return {
            "spf": self.authentication.spf.result.value,
            "dkim": signatures[0] if signatures else "none",
            "dmarc": self.authentication.dmarc.result.value,
        }


@dataclass(frozen=True)
class Dispatch:
    """What became of something that somebody outside sent."""

    rfc_message_id: str
    outcome: Outcome

    @property
    def accepted(self) -> bool:
        """Whether the receiver took it."""
        return isinstance(self.outcome, Delivered)


@dataclass
class Host(Conducted):
    """A mail host outside, for one domain: published in DNS, with SPF, DKIM and DMARC (`p=reject`)."""

    domain: str
    network: Network
    letters: list[Letter] = field(default_factory=list)
    people: dict[str, Person] = field(default_factory=dict)
    _up: bool = field(default=True, init=False)
    _written: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.name = f"mx.{self.domain}"
        self.key = dkim.load_key(self.domain, "box", hashlib.sha256(self.domain.encode()).digest())
        self.address = self.network.settle(self.name, self)
        self.peer = Peer(self.address, self.name, TLS)
        self.network.dns.publish(
            f"""
            {self.domain} MX 10 {self.name}
            {self.domain} TXT v=spf1 ip4:{self.address} -all
            {self.name} TXT v=spf1 a -all
            _dmarc.{self.domain} TXT v=DMARC1; p=reject
            box._domainkey.{self.domain} TXT {dkim.dns_record(self.key)}
            """
        )

    def goes_down(self) -> None:
        """Nobody answers the phone."""
        self._up = False

    def comes_up(self) -> None:
        """Somebody does again."""
        self._up = True

    def new_id(self) -> str:
        """The next Message-ID."""
        self._written += 1
        return f"<{self._written}.box@{self.domain}>"

    async def take(self, peer: Peer, parcel: Parcel) -> Sequence[Outcome] | None:
        """Take a parcel, as each recipient likes."""
        return [self._take(peer, parcel, address) for address in parcel.rcpt_to] if self._up else None

    def _take(self, peer: Peer, parcel: Parcel, address: str) -> Outcome:
        now, person = self.network.clock.now(), self.people.get(address.lower())
        chosen = self.conduct(parcel, address, now) or (person.conduct(parcel, address, now) if person else None)
        outcome, kept = chosen or (TAKEN, True)
        if kept:
            raw = parcel.message.prefix + bytes(parcel.message.raw)
            found = self.network.authenticate(raw, peer, parcel.mail_from)
            self.letters.append(Letter(raw, parcel.mail_from, address, now, found))
        return outcome


@dataclass
class Person(Conducted):
    """Somebody outside. Looking at what they got lets everything happen first that is due."""

    address: Address
    host: Host
    drive: Driver
    run: Callable[[], None]

    def inbox(self) -> list[Letter]:
        """What came, oldest first."""
        self.run()
        return [letter for letter in self.host.letters if letter.rcpt_to.lower() == self.address.addr_spec.lower()]

    def letter(self, of: Identified) -> Letter:
        """The letter that a message became; raises AssertionError where it never came."""
        inbox = self.inbox()
        found = [letter for letter in inbox if letter.rfc_message_id == of.rfc_message_id]
        if not found:
            about = getattr(of, "status", "unknown")
            raise AssertionError(f"{self.address} never got {of.rfc_message_id}; it is {about}. Inbox: {len(inbox)} letters")
        return found[-1]

    def write(self, to: str, subject: str = "", text: str = "", *, cc: tuple[str, ...] = ()) -> Dispatch:
        """Write to somebody; signed by the host, from an address that SPF allows. `send` takes everything else."""
        draft = self.draft((parse_mailbox(to),), subject, text)
        return self.send(replace(draft, cc=tuple(parse_mailbox(one) for one in cc)))

    def reply(self, to: Identified, text: str, *, subject: str | None = None, automatic: bool = False) -> Dispatch:
        """Answer a letter, as a mail program does; `automatic` as an out-of-office note is."""
        answer = compose.reply(self.letter(to).header, [self.address])
        draft = self.draft(answer.to, answer.subject if subject is None else subject, text)
        marked = compose.AutoSubmitted.REPLIED if automatic else None
        return self.send(replace(draft, in_reply_to=answer.in_reply_to, references=answer.references, auto_submitted=marked))

    def complain(self, about: Identified) -> Dispatch:
        """Press "this is spam": the host reports it to the return path (RFC 5965)."""
        letter = self.letter(about)
        return self._report(letter, complaint(letter, self.host.domain))

    def bounce(self, of: Identified, status: str = "5.1.1", action: str = "failed") -> Dispatch:
        """Have the host return a letter that it took (RFC 3464)."""
        letter = self.letter(of)
        return self._report(letter, bounce(letter, self.host.domain, self.host.new_id(), status, action))

    def draft(self, to: tuple[Address, ...], subject: str = "", text: str = "") -> compose.Draft:
        """A message from this person, to be changed with `dataclasses.replace` and given to `send`."""
        return compose.Draft(
            header_from=self.address,
            message_id=self.host.new_id(),
            sent_at=datetime.fromtimestamp(self.host.network.clock.now() // 1000, UTC),
            to=to,
            subject=subject,
            text=text,
        )

    def send(self, draft: compose.Draft) -> Dispatch:
        """Write it, sign it, and hand it to whoever the domains of its recipients name."""
        outcomes = [self.send_raw(compose.compose(draft), address.addr_spec) for address in (*draft.to, *draft.cc, *draft.bcc)]
        return Dispatch(draft.message_id, outcomes[0])

    def send_raw(self, raw: bytes, to: str, *, mail_from: str | None = None, signed: bool = True) -> Outcome:
        """Hand over these bytes. `mail_from` None: the person's own address."""
        header, now = parse_header(raw), self.host.network.clock.now() // 1000
        prefix = dkim.sign(header, raw[header.body_start :], [self.host.key], now=now) if signed else b""
        own = self.address.addr_spec if mail_from is None else mail_from
        return self.carry(Parcel(own, (to,), Signed(prefix, raw)))

    def carry(self, parcel: Parcel) -> Outcome:
        """Hand over a parcel as it is, from the host's address."""
        network, peer = self.host.network, self.host.peer
        route = network.route(parcel.rcpt_to[0].rpartition("@")[2])
        if not isinstance(route, Route):
            return route
        return self.drive(network.carry(peer, route, parcel)).outcomes[0]

    def _report(self, letter: Letter, raw: bytes) -> Dispatch:
        return Dispatch(message_ids(parse_header(raw)).own, self.send_raw(raw, letter.mail_from, mail_from=""))
