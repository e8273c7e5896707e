"""What goes on top of a message that a rule hands on, for the copy of one recipient; the message itself stays as it came (I9).

Standards: RFC 5322 §3.6.6 (Resent-*), RFC 8617 §5.1 (ARC), RFC 9228 (Delivered-To); DS-6, SM-8.
From top to bottom: an ARC set of the mailbox's domain, by which the next host can know what we saw; Resent-* and the marker
of our own forwards; the trace of the arrival. From is kept and no byte below is changed, so that the author's DKIM signature,
and with it DMARC, holds. We sign nothing ourselves: the words are not ours (decision 0022).
Not here: the return path (delivery.py), which rule applies (forwarding.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from email.utils import formatdate

from mailwright.core.model import Domain, Mailbox, Message
from mailwright.core.signing import signing_keys
from mailwright.mail.header import Header, parse_header
from mailwright.mail.received import LOOP_MARKER
from mailwright.mailauth import arc, authres
from mailwright.mailauth.arc.fields import read_chain
from mailwright.mailauth.dkim.signature import parse_signature


def prefix(
    message: Message,
    mailbox: Mailbox,
    domain: Domain,
    recipient: str,
    *,
    header: Header,
    body: Callable[[], bytes | Iterable[bytes]],
    hostname: str,
    now: int,
) -> bytes:
    """The fields for the copy of `recipient`; `now` in seconds. `header` is the message's own, without forged verdicts."""
    own = _resent(message, mailbox, recipient, now) + message.trace
    own = _unsigned(own, header)
    top = replace(header, fields=(*parse_header(own).fields, *header.fields))
    return _sealed(message, domain, top, body, hostname, now) + own


def _resent(message: Message, mailbox: Mailbox, recipient: str, now: int) -> bytes:
    unique, host = message.id.partition("_")[2], domain_of(mailbox)
    lines = (
        f"Resent-Date: {formatdate(now)}",
        f"Resent-From: {mailbox.address}",
        f"Resent-To: {recipient}",
        f"Resent-Message-ID: <{unique}@{host}>",
        f"{LOOP_MARKER.title()}: {mailbox.address}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()


def domain_of(mailbox: Mailbox) -> str:
    """What stands behind the @."""
    return mailbox.address.rpartition("@")[2]


def _unsigned(own: bytes, header: Header) -> bytes:
    # RFC 6376 §5.4.2: a signature may cover a field that was not there (Exim and rspamd do so with Resent-*): adding one
    # would break it. These fields are a courtesy, and the signature is what DMARC stands on.
    covered = {name for field in header.all("dkim-signature") for name in parse_signature(field).names}
    covered &= {"resent-date", "resent-from", "resent-to", "resent-message-id", LOOP_MARKER, "delivered-to"}
    kept = [field.raw for field in parse_header(own).fields if field.name not in covered]
    return b"".join(raw if raw.endswith(b"\r\n") else raw + b"\r\n" for raw in kept) if covered else own


def _sealed(
    message: Message, domain: Domain, top: Header, body: Callable[[], bytes | Iterable[bytes]], hostname: str, now: int
) -> bytes:
    seen = arc.ArcResult((message.authentication or {}).get("arc", {}).get("result", "none"))
    keys = signing_keys(domain)
    if seen is arc.ArcResult.TEMPERROR or not keys:
        return b""  # nobody knows whether the chain holds; a wrong word would end it
    chain = read_chain(top)
    verdict = arc.ArcVerdict(seen, chain.highest, ended=chain.failed)
    results = authres.own_results(top, hostname)
    try:
        return arc.seal(top, body(), keys[0], chain=verdict, authserv_id=hostname, results=results, now=now)
    except ValueError:
        return b""  # a header that readers take apart differently can't be sealed; it goes on all the same
