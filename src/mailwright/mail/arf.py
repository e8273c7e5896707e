"""Complaint reports: somebody pressed "this is spam", or found that a message did not authenticate.

Standards: RFC 5965 (ARF), RFC 6591 (authentication failures), RFC 6650, RFC 6692 (source ports).
Those that are nearly ARF count too: a feedback part in another multipart, and Microsoft's JMRP, which sends the message back
with a note of the recipient in its header.
Pure; never raises. What is read here is believed only where the return path proves that the message was ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from mailwright.mail.address import parse_address_list
from mailwright.mail.dates import parse_date
from mailwright.mail.header import Header, parse_header
from mailwright.mail.mime import Part, leaves, walk

MAX_REPORT = 64 * 1024
MAX_NAMED = 100  # addresses, domains, URIs

_JMRP = "x-hmxmroriginalrecipient"
_ABOUT = re.compile(r"complaint about message from ", re.IGNORECASE)
_HEADER_TYPES = frozenset(["text/rfc822-headers", "text/rfc822-header", "message/rfc822-headers", "message/global-headers"])
_TYPED = re.compile(r"^[A-Za-z0-9-]{1,40}[ \t]*;[ \t]*")


@dataclass(frozen=True, slots=True)
class Complaint:
    """One report: its type (abuse, fraud, virus, not-spam, auth-failure, ...) and what it says of the message.

    `returned` is the header of that message, where it came back. `dkim` holds what RFC 6591 names DKIM-*, by lower-case name.
    """

    feedback_type: str
    original_rcpt_to: tuple[str, ...]
    original_mail_from: str | None
    source_ip: str | None
    reported_domain: tuple[str, ...]
    user_agent: str | None
    reported_uri: tuple[str, ...] = ()
    arrival_date: datetime | None = None
    authentication_results: tuple[str, ...] = ()
    incidents: int = 1
    original_envelope_id: str | None = None
    reporting_mta: str | None = None
    version: str | None = None
    source_port: int | None = None
    auth_failure: str | None = None
    delivery_result: str | None = None
    identity_alignment: str | None = None
    spf_dns: str | None = None
    dkim: dict[str, str] = field(default_factory=dict)
    returned: Header | None = field(default=None, repr=False)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who complained: as the report names them, else the recipients of the message that came back."""
        if self.original_rcpt_to or self.returned is None:
            return self.original_rcpt_to
        written = self.returned.value("x-rcpt-to") or self.returned.value("to") or ""
        return tuple(one.addr_spec for one in parse_address_list(written).mailboxes[:MAX_NAMED] if one.domain)


def parse_complaint(root: Part) -> Complaint | None:
    """The complaint that a message is: one with a readable part of type message/feedback-report (RFC 5965 §2), or a JMRP's."""
    if root.type != "multipart":
        return _jmrp(root, root.header)
    report = next((part for part in _own(root) if part.content_type == "message/feedback-report"), None)
    if report is None:
        attached = next((part for part in root.children if part.content_type == "message/rfc822" and part.children), None)
        return _jmrp(root, attached.children[0].header if attached else root.header)
    fields = parse_header(report.decoded(MAX_REPORT).lstrip(b"\r\n"))
    feedback_type = fields.value("feedback-type")
    if not feedback_type:
        return None  # RFC 5965 §3.1: the one field that must be there
    return Complaint(
        feedback_type=feedback_type.split()[0].strip(";").lower(),
        original_rcpt_to=tuple(_bare(one.value) for one in fields.all("original-rcpt-to")[:MAX_NAMED]),
        original_mail_from=fields.value("original-mail-from"),
        source_ip=_first_word(fields, "source-ip"),
        reported_domain=_all(fields, "reported-domain"),
        user_agent=fields.value("user-agent"),
        reported_uri=_all(fields, "reported-uri"),
        # RFC 5965 §3.2: Arrival-Date; Received-Date is its name in drafts, and still in use.
        arrival_date=parse_date(fields.value("arrival-date") or fields.value("received-date") or ""),
        authentication_results=_all(fields, "authentication-results"),
        incidents=_number(fields, "incidents") or 1,
        original_envelope_id=fields.value("original-envelope-id"),
        reporting_mta=_TYPED.sub("", fields.value("reporting-mta") or "") or None,
        version=fields.value("version"),
        source_port=_number(fields, "source-port"),
        auth_failure=_lower(fields, "auth-failure"),
        delivery_result=_lower(fields, "delivery-result"),
        identity_alignment=_lower(fields, "identity-alignment"),
        spf_dns=fields.value("spf-dns"),
        dkim={name: fields.value(name) or "" for name in fields.names if name.startswith("dkim-")},
        returned=_returned(root),
    )


def _own(root: Part) -> list[Part]:
    """The leaves of the report, those of the message that it returns left out."""
    attached = [part for part in walk(root) if part.content_type == "message/rfc822"]
    theirs = {id(part) for message in attached[:1] for part in walk(message)}
    return [part for part in leaves(root) if id(part) not in theirs]


def _jmrp(root: Part, returned: Header) -> Complaint | None:
    if not (returned.first(_JMRP) and (root.header.first(_JMRP) or _ABOUT.match(root.header.value("subject") or ""))):
        return None
    recipients = tuple(_bare(one.value) for one in returned.all(_JMRP)[:MAX_NAMED])
    return Complaint("abuse", recipients, None, None, (), "JMRP", returned=returned)


def _returned(root: Part) -> Header | None:
    for part in root.children:
        if part.content_type == "message/rfc822" and part.children:
            return part.children[0].header
        if part.content_type in _HEADER_TYPES or part.content_type == "message/rfc822":
            return parse_header(part.decoded(MAX_REPORT))
    return None


def _bare(text: str) -> str:
    found = parse_address_list(text[:1000]).mailboxes
    return found[0].addr_spec if found else text.strip("<> ")[:320]


def _all(fields: Header, name: str) -> tuple[str, ...]:
    return tuple(one.value for one in fields.all(name)[:MAX_NAMED])


def _first_word(fields: Header, name: str) -> str | None:
    words = (fields.value(name) or "").split()
    return words[0] if words else None


def _lower(fields: Header, name: str) -> str | None:
    value = fields.value(name)
    return value.lower() if value else None


def _number(fields: Header, name: str) -> int | None:
    word = _first_word(fields, name) or ""
    return int(word) if word.isascii() and word.isdigit() and len(word) < 10 else None
