"""Writing a delivery status notification.

Standards: RFC 3464 §2, RFC 6522 §3, RFC 3461 §6, RFC 6533 §3, RFC 3834 §3.1.7 (Auto-Submitted).
The whole is 7-bit: a returned message that is not comes back as its header alone. To be sent with the null reverse path
only, and never about a message that had it: both are the caller's to keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailwright.mail.address import Address
from mailwright.mail.compose.body import Part, around, boundaries, encode_text, seven_bit, text_part, written
from mailwright.mail.compose.checks import address_faults, own_id_faults
from mailwright.mail.compose.draft import ComposeError
from mailwright.mail.compose.fields import address_field, date_text, fold, ids_field, text_field
from mailwright.mail.dsn.model import Action, RecipientStatus
from mailwright.mail.header import Header, Raw, parse_header
from mailwright.mail.references import message_ids
from mailwright.mail.words import decode_unstructured

MAX_RETURNED = 256 * 1024  # octets; of a longer message the header comes back
_MAX_TOKEN = 400  # characters without a space in a field of ours
_MAX_DIAGNOSTIC = 4000

_HEADLINES = {
    Action.FAILED: "Undelivered mail",
    Action.DELAYED: "Delayed mail",
    Action.DELIVERED: "Delivered mail",
    Action.RELAYED: "Relayed mail",
    Action.EXPANDED: "Expanded mail",
}
_SAID = {
    Action.FAILED: "Your message could not be delivered to the following recipients.\nNo further attempt will be made.",
    Action.DELAYED: "Your message has not been delivered to the following recipients yet.\n"
    "You need not send it again: further attempts will be made.",
    Action.DELIVERED: "Your message has been delivered to the following recipients.",
    Action.RELAYED: "Your message has been handed on for the following recipients,\nto a host that reports no delivery.",
    Action.EXPANDED: "Your message has been handed to the members behind the following addresses.",
}


class Ret(StrEnum):
    """How much of the original comes back (RFC 3461 §4.3)."""

    FULL = "FULL"  # where it is short and 7-bit; else its header
    HDRS = "HDRS"


@dataclass(frozen=True, slots=True, kw_only=True)
class DsnDraft:
    """A report to be written. `recipients` are those it is about; `original` is the message as it was accepted."""

    header_from: Address  # "Mail Delivery System" <mailer-daemon@...>
    to: Address  # the reverse path of the original
    message_id: str
    sent_at: datetime
    reporting_mta: str  # our host name
    recipients: tuple[RecipientStatus, ...]
    original: Raw
    original_envelope_id: str = ""  # ENVID, decoded from xtext
    arrived_at: datetime | None = None
    ret: Ret = Ret.HDRS


def render_dsn(draft: DsnDraft) -> bytes:
    """The whole report as a message: multipart/report with its three parts.

    Raises ComposeError for an address or an id that can't stand in a header.
    """
    faults = [*address_faults(draft.header_from, "from"), *address_faults(draft.to, "to"), *own_id_faults(draft.message_id)]
    if faults:
        raise ComposeError(*faults)
    header = parse_header(draft.original)
    returned = _returned(draft, header)
    parts = (text_part("plain", "\n".join(_words(draft, header))), _status_part(draft), returned)
    marks = boundaries(draft.message_id, [piece for part in parts for piece in part.content])
    body = around("report", parts, marks, ("report-type", "delivery-status"))
    head = "".join((*_fields(draft, header), "MIME-Version: 1.0\r\n", body.fields)).encode()
    return b"".join((head, b"\r\n", *written(body)))


def _fields(draft: DsnDraft, original: Header) -> Iterator[str]:
    yield f"Date: {date_text(draft.sent_at)}\r\n"
    yield f"Message-ID: {draft.message_id}\r\n"
    yield address_field("From", [draft.header_from])
    yield address_field("To", [draft.to])
    worst = min((list(_HEADLINES).index(one.action or Action.FAILED) for one in draft.recipients), default=0)
    subject = decode_unstructured(original.value("subject") or "")[:200]
    yield text_field("Subject", f"{list(_HEADLINES.values())[worst]}{': ' if subject else ''}{subject}")
    own = message_ids(original).own
    if own.isascii() and own:
        yield ids_field("In-Reply-To", [own])
        yield ids_field("References", [own])
    yield "Auto-Submitted: auto-replied\r\n"


def _words(draft: DsnDraft, original: Header) -> Iterator[str]:
    """The part for people."""
    yield f"This is the mail system at {_plain(draft.reporting_mta)}."
    for action, said in _SAID.items():
        about = [one for one in draft.recipients if (one.action or Action.FAILED) is action]
        if not about:
            continue
        yield f"\n{said}\n"
        for one in about:
            yield f"  <{_visible(one.original_recipient or one.final_recipient)}>"
            if one.diagnostic:
                host = f"{_plain(one.remote_mta)} said: " if one.remote_mta else ""
                yield f"    {host}{_visible(one.diagnostic)}"
            if one.will_retry_until and action is Action.DELAYED:
                yield f"    Attempts will go on until {date_text(one.will_retry_until)}."
    subject = decode_unstructured(original.value("subject") or "")[:200]
    yield f"\nThe message was about: {subject}" if subject else "\nThe message had no subject."
    yield "This report was made automatically; nobody reads answers to it."


def _status_part(draft: DsnDraft) -> Part:
    groups = ["".join(_about_message(draft)), *("".join(_about_recipient(one)) for one in draft.recipients)]
    fields = "Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: 7bit\r\n"
    return Part(fields, ("\r\n".join(groups).encode("ascii"),))


def _about_message(draft: DsnDraft) -> Iterator[str]:
    yield _typed("Reporting-MTA", "dns", draft.reporting_mta)
    if draft.original_envelope_id:
        yield fold("Original-Envelope-Id", _pieces(draft.original_envelope_id))
    if draft.arrived_at:
        yield f"Arrival-Date: {date_text(draft.arrived_at)}\r\n"


def _about_recipient(one: RecipientStatus) -> Iterator[str]:
    # RFC 3464 §2.3: Final-Recipient, Action and Status must be there.
    if one.original_recipient:
        yield _address("Original-Recipient", one.original_recipient)
    yield _address("Final-Recipient", one.final_recipient)
    action = one.action or Action.FAILED
    yield f"Action: {action}\r\n"
    kind = {Action.FAILED: 5, Action.DELAYED: 4}.get(action, 2)
    yield f"Status: {one.status or f'{kind}.0.0'}\r\n"
    if one.remote_mta:
        yield _typed("Remote-MTA", "dns", one.remote_mta)
    if one.diagnostic:
        yield _typed("Diagnostic-Code", one.diagnostic_type or "smtp", one.diagnostic)
    if one.last_attempt:
        yield f"Last-Attempt-Date: {date_text(one.last_attempt)}\r\n"
    if one.will_retry_until:
        yield f"Will-Retry-Until: {date_text(one.will_retry_until)}\r\n"


def _typed(name: str, kind: str, text: str) -> str:
    return fold(name, [f" {_plain(kind)};", *_pieces(text)])


def _address(name: str, address: str) -> str:
    if address.isascii():
        return _typed(name, "rfc822", address)
    return _typed(name, "utf-8", "".join(_embedded(char) for char in address))


def _embedded(char: str) -> str:
    # RFC 6533 §3: in a message/delivery-status the address stands as utf-8-addr-xtext.
    return char if "!" <= char <= "~" and char not in "\\+=" else f"\\x{{{ord(char):02X}}}"


def _pieces(text: str) -> Sequence[str]:
    return [f" {word[at : at + _MAX_TOKEN]}" for word in _plain(text).split() for at in range(0, len(word), _MAX_TOKEN)]


def _plain(text: str) -> str:
    """Printable ASCII on one line; what a remote host said is not to be trusted with more."""
    return "".join(char if " " <= char <= "~" else " " if char.isspace() else "?" for char in text[:_MAX_DIAGNOSTIC])


def _visible(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text[:_MAX_DIAGNOSTIC])


def _returned(draft: DsnDraft, header: Header) -> Part:
    short = draft.ret is Ret.FULL and len(draft.original) <= MAX_RETURNED
    if short and (whole := seven_bit(bytes(draft.original))) is not None:
        return Part("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n", (whole,))
    block = b"".join(field.raw for field in header.fields)[:MAX_RETURNED].replace(b"\0", b" ")
    lines = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if (clean := seven_bit(lines)) is not None:
        return Part("Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n", (clean,))
    # RFC 6533 §6: the type for a header in UTF-8, which may be encoded.
    encoding, encoded = encode_text(lines)
    return Part(f"Content-Type: message/global-headers\r\nContent-Transfer-Encoding: {encoding}\r\n", (encoded,))
