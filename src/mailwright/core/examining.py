"""What is there to know of an incoming message, before anybody is told of it? Authenticated, read, and the trace written.

Pure: asks DNS by yielding questions, and gives a value that can cross to another process and back; so this, the larger part
of the work on a message and the one that strangers' bytes pass through, can be done in a process of its own (smtpd/).
Not here: whose mailbox it is for, and filing it (receiving.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from email.utils import formatdate
from functools import lru_cache
from ipaddress import ip_address

from mailwright.core import reports
from mailwright.core.arrivals import EVENT_TEXT, SUSPICIOUS
from mailwright.core.errors import BlockedByPolicy, MailLoop, UnusableMessage
from mailwright.core.model import Json
from mailwright.mail import mime
from mailwright.mail.address import Address, AddressList, parse_address_list
from mailwright.mail.dsn import is_automatic
from mailwright.mail.header import MAX_FIELDS, MAX_HEADER, Header, Raw, parse_header
from mailwright.mail.questions import Asks, together
from mailwright.mail.received import handed_on_by
from mailwright.mail.references import MessageIds, message_ids
from mailwright.mail.words import decode_unstructured
from mailwright.mailauth import provenance
from mailwright.mailauth.authenticate import Authentication, authenticate, authentication_results
from mailwright.mailauth.authres import MethodResult, Property
from mailwright.mailauth.dmarc import DmarcVerdict
from mailwright.mailauth.summary import summary
from mailwright.values import dataclass

READ = 4 * EVENT_TEXT  # bytes, of which that many characters are made in any script
_UNREAD = frozenset(["too-long", "too-many-fields"])  # defects of a header of which the rest was not looked at
_SPECIAL = re.compile(r"[()<>\\;]")
_date = lru_cache(maxsize=4)(formatdate)  # of this second, for all messages that come in it
_ip = lru_cache(maxsize=1024)(ip_address)
MAX_ADDRESSES = 200  # of To and of Cc, kept as facts


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is talking: its address, what it calls itself, how the line is protected ("" for plain text)."""

    ip: str
    helo: str
    tls: str = ""
    protocol: str = "ESMTP"
    require_tls: bool = False  # it asked for that with this message (RFC 8689)


@dataclass(frozen=True, slots=True)
class Envelope:
    """With what a message came, and when (milliseconds); `hostname` is ours."""

    peer: Peer
    mail_from: str
    rcpt_to: tuple[str, ...]
    hostname: str
    now: int
    honor_reject: bool = False
    received_limit: int = 30
    trusted_sealers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Examined:
    """All that filing needs. `trace` goes on top (I9); `content` is SHA-256 of the message; texts are untrusted."""

    header_from: str  # as it reads
    from_address: str
    ids: MessageIds
    subject: str
    text: str
    truncated: bool  # there may be more text than that
    preview: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    reply_to: tuple[str, ...]
    people: tuple[str, ...]  # bare addresses in To and Cc
    attachments: int
    automatic: str | None
    content: bytes
    trace: bytes
    authentication: Json
    verified_domain: str | None  # the author's, where DMARC passes
    suspicious: bool  # DMARC fails and its policy asks for more than nothing
    identity: provenance.Result  # of Agent-Identity, whoever the recipient is
    require_tls: bool
    identity_aligned: bool  # it is genuine, and by a domain that DMARC vouches for
    forwarded_from: tuple[str, ...] = ()  # mailboxes that say that they handed it on
    told: Json | None = None  # what it reports of our mail (reports.py)


def examine(raw: Raw, envelope: Envelope) -> Asks[Examined]:
    """Look at a message, in these steps: hops, author, SPF with DKIM and DMARC, what a list shows, the trace.

    Raises MailLoop, UnusableMessage without exactly one author, BlockedByPolicy where DMARC is to refuse.
    """
    header = parse_header(raw)
    refuse_loops(header, envelope.received_limit, envelope.rcpt_to)
    author = _author(header)
    authentication, identity = yield from together(
        authenticate(
            raw,
            header,
            ip=_ip(envelope.peer.ip),
            helo=envelope.peer.helo,
            mail_from=envelope.mail_from,
            now=envelope.now // 1000,
            honor_reject=envelope.honor_reject,
            trusted_sealers=envelope.trusted_sealers,
        ),
        provenance.verify_incoming(header, raw, now=envelope.now // 1000),
    )
    dmarc = authentication.dmarc
    # DM-13, RFC 9989 §7.4: refusing only because the policy says `reject` is the operator's own decision.
    if dmarc.disposition == "reject" and not dmarc.domain:
        # RFC 9989 §11.5: no policy asks for this; nobody can tell whom such a From field means.
        raise UnusableMessage(f"The author can't be authenticated: {dmarc.reason}.")
    if dmarc.disposition == "reject":
        raise BlockedByPolicy(f"DMARC fails for {dmarc.domain}, whose policy is to reject such mail.")
    root = mime.parse(raw, header)
    text, longer = mime.read_text(root, READ)
    cut = longer or len(text) > EVENT_TEXT
    to, cc = _list(header, "to"), _list(header, "cc")
    return Examined(
        header_from=str(author),
        from_address=f"{author.local_part}@{author.domain_ascii}".lower(),
        ids=message_ids(header),
        subject=decode_unstructured(header.value("subject") or "")[:998],
        text=text[:EVENT_TEXT],
        truncated=cut,
        preview=mime.preview(text),
        to=_shown(to),
        cc=_shown(cc),
        reply_to=_shown(_list(header, "reply-to")),
        people=tuple(f"{a.local_part}@{a.domain_ascii}".lower() for a in (*to.mailboxes, *cc.mailboxes)[:MAX_ADDRESSES]),
        attachments=len(mime.attachments(root)),
        automatic=is_automatic(header, envelope.mail_from),
        content=hashlib.sha256(raw).digest(),
        trace=_trace(envelope, authentication, identity),
        authentication=summary(authentication),
        verified_domain=dmarc.domain if dmarc.result == "pass" else None,
        suspicious=dmarc.disposition == SUSPICIOUS,
        identity=identity,
        require_tls=envelope.peer.require_tls,
        identity_aligned=_aligned(identity, dmarc),
        forwarded_from=handed_on_by(header),
        told=reports.read(root),
    )


def _aligned(identity: provenance.Result, dmarc: DmarcVerdict) -> bool:
    """AI-8: whether the identity's domain is the author's or between it and the organization's, and DMARC passes for it."""
    domain = (identity.tags or {}).get("d", "").lower()
    return identity.genuine and dmarc.result == "pass" and f".{domain}".endswith(f".{dmarc.org_domain or dmarc.domain}")


def refuse_loops(header: Header, limit: int, own: Sequence[str]) -> None:
    """Raise MailLoop for a message that has been here before, or nearly everywhere (SM-8)."""
    # RFC 5321 §6.3: counting the hops is the one loop check that always works.
    if len(header.all("received")) > limit:
        raise MailLoop
    if any(field.value.lower() in own for field in header.all("delivered-to")):
        raise MailLoop("The message was delivered to this mailbox before.")  # RFC 9228 §4


def _author(header: Header) -> Address:
    # S18: whatever stands behind what we read would be shown by others, and judged by nobody.
    if not _UNREAD.isdisjoint(header.defects):
        raise UnusableMessage(f"The header is longer than {MAX_HEADER // 1024} KB, or has more than {MAX_FIELDS} fields.")
    # DM-12: without exactly one author there is nobody to authenticate; readers would disagree on whom to show (S11).
    fields = header.all("from")
    if len(fields) != 1:
        raise UnusableMessage(f"The message has {len(fields)} From fields; exactly one is needed.")
    found = parse_address_list(fields[0].value)
    if len(found.mailboxes) != 1 or not found.sound or not found.mailboxes[0].domain:
        raise UnusableMessage("The From field does not hold exactly one readable address.")
    return found.mailboxes[0]


def _list(header: Header, name: str) -> AddressList:
    return parse_address_list(header.value(name) or "")


def _shown(found: AddressList) -> tuple[str, ...]:
    return tuple(str(address) for address in found.mailboxes[:MAX_ADDRESSES])


def _trace(envelope: Envelope, authentication: Authentication, identity: provenance.Result) -> bytes:
    """The fields on top: Return-Path, Authentication-Results, Received (RFC 5321 §4.4)."""
    peer, host = envelope.peer, envelope.hostname
    single = f"\r\n\tfor <{envelope.rcpt_to[0]}>" if len(envelope.rcpt_to) == 1 else ""
    secured = f"\r\n\t({_printable(peer.tls)})" if peer.tls else ""
    protocol = peer.protocol + ("S" if peer.tls and not peer.protocol.endswith("S") else "")
    received = (
        f"Received: from {_printable(peer.helo) or 'unknown'} ([{_literal(peer.ip)}]){secured}\r\n"
        f"\tby {host} with {protocol}{single};\r\n\t{_date(envelope.now // 1000)}\r\n"
    )
    results = authentication_results(authentication, host, _identity_result(identity))
    return f"Return-Path: <{_printable(envelope.mail_from)}>\r\n".encode() + results + received.encode()


def _identity_result(identity: provenance.Result) -> tuple[MethodResult, ...]:
    """As an unregistered method (AI-10); nothing where nobody claimed anything."""
    if identity.tags is None:
        return ()
    result = identity.verdict.replace("+", "-").replace(" ", "-")
    if not identity.genuine:
        return (MethodResult("x-agent-identity", result),)
    who = Property("header", "d", identity.tags["d"]), Property("policy", "agent", identity.tags["agent_id"])
    return (MethodResult("x-agent-identity", result, properties=who),)


def delivered_to(trace: bytes, address: str) -> bytes:
    """The trace of the copy for that recipient: Delivered-To behind Return-Path, so that a loop shows (RFC 9228 §4, SM-8)."""
    first, _, rest = trace.partition(b"\r\n")
    return first + b"\r\nDelivered-To: " + _printable(address).encode() + b"\r\n" + rest


def _printable(text: str) -> str:
    if text.isprintable() and not _SPECIAL.search(text):
        return text[:255]
    return "".join(c for c in text if c.isprintable() and not _SPECIAL.match(c))[:255]


def _literal(ip: str) -> str:
    return f"IPv6:{ip}" if ":" in ip else ip
