"""How others are reached: DNS, SMTP out, webhooks; and what comes of it, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from mailwright.mail.header import Raw
from mailwright.mail.outcomes import Outcome
from mailwright.mail.questions import Asks
from mailwright.mailauth import mta_sts

if TYPE_CHECKING:  # what is carried; else the ports would stand on top of delivery
    from mailwright.core.delivery import Job

T = TypeVar("T")


class Resolver(Protocol):
    """DNS."""

    async def resolve(self, check: Asks[T]) -> T:
        """Drive a check to its verdict. Never raises for DNS trouble: that is an `Answer`."""

    async def resolve_afresh(self, check: Asks[T]) -> T:
        """As `resolve`, past any cache: a record that was published a moment ago is seen."""

    async def resolve_aside(self, check: Asks[T]) -> T:
        """As `resolve`, with the check's own work in a thread: for checks that hash a large message."""


@dataclass(frozen=True, slots=True)
class TlsFault:
    """What is wrong with TLS towards a host: the word that reports use (RFC 8460 §4.3), and a sentence."""

    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """What TLS with a host must show, by the word of a domain (RFC 8461, 7672).

    Where `enforce` is False the domain wants to be told, and to get its mail. `fault`: what is wrong before anybody dials.
    """

    type: str  # sts | tlsa | no-policy-found: as reports call it (RFC 8460 §4.2)
    domain: str  # who gave the word: the mail's domain, for tlsa the host
    strings: tuple[str, ...] = ()  # the lines of the policy; for tlsa the records
    mx: tuple[str, ...] = ()
    enforce: bool = True
    names: tuple[str, ...] = ()  # for tlsa: whom a certificate below a trust anchor may be for
    fault: TlsFault | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """A server to try: its name, and its addresses in the order to be tried (IPv6 first, then IPv4)."""

    name: str
    addresses: tuple[str, ...]
    port: int = 25
    policy: TlsPolicy | None = None  # None: encrypted where it is offered


@dataclass(frozen=True, slots=True)
class Route:
    """Where a delivery goes. `key` names the destination for limits and connection reuse: the set of its exchangers."""

    key: str
    hosts: tuple[Host, ...]
    tls: str = "opportunistic"  # opportunistic | starttls (verified, required) | implicit (verified) | none
    username: str | None = None
    password: str | None = None
    ours: bool = False  # our own port: whatever its address is


@dataclass(frozen=True, slots=True)
class Signed:
    """A message that may leave: fields to put on top (DKIM-Signature), and the bytes as stored. Only signing makes one."""

    prefix: bytes
    raw: Raw

    @property
    def size(self) -> int:
        """Octets on the wire, before dot-stuffing."""
        return len(self.prefix) + len(self.raw)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One SMTP transaction: the envelope and the message."""

    mail_from: str  # "" is the null path
    rcpt_to: tuple[str, ...]
    message: Signed
    envelope_id: str | None = None  # ENVID, for receivers that speak DSN
    smtputf8: bool = False
    require_tls: bool = False  # REQUIRETLS (RFC 8689): only to servers that hand it on so


@dataclass(frozen=True, slots=True)
class TlsResult:
    """How TLS went on one connection, for the reports to domains (RFC 8460); no `fault` where it was as it must be."""

    host: str
    address: str
    policy: TlsPolicy | None
    fault: TlsFault | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a parcel: an outcome for each recipient, and what was said, secrets left out (S28)."""

    outcomes: tuple[Outcome, ...]  # in the order of Parcel.rcpt_to
    transcript: tuple[str, ...]
    host: str | None = None
    address: str | None = None
    tls: str | None = None  # "TLSv1.3 TLS_AES_256_GCM_SHA384", or None for plain text
    tls_results: tuple[TlsResult, ...] = ()


class StsPolicies(Protocol):
    """What domains promise by MTA-STS, as found now or cached from before."""

    async def of(self, domain: str) -> tuple[mta_sts.Policy | None, TlsFault | None]:
        """The policy that holds, if any; else what kept us from one that DNS announces. Never raises."""


class Courier(Protocol):
    """SMTP out. Never raises for trouble with the peer: that is a Report."""

    async def deliver(self, route: Route, parcel: Parcel) -> Report: ...


class Carrier(Protocol):
    """`delivery.carry` somewhere else, in a process of its own. Never raises."""

    async def carry(self, job: Job, route: Route, raw: bytes) -> tuple[Report, bytes]:
        """The report, and the fields that were put on top."""


@dataclass(frozen=True, slots=True)
class Posted:
    """The endpoint answered."""

    status: int
    body: str  # the beginning of it


@dataclass(frozen=True, slots=True)
class NotPosted:
    """There was no answer. `reason` is a word (refused_address, timeout, connect, tls, protocol), `detail` a sentence."""

    reason: str
    detail: str


class Poster(Protocol):
    """HTTP POST to somebody else's server, guarded (S15). Never raises for trouble with the peer."""

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Posted | NotPosted: ...
