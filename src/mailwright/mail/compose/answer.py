"""What a reply or a forward of a message starts from: recipients, subject, references, quoted text.

Standards: RFC 5322 §3.6.2 (Reply-To), §3.6.4 (references), §3.6.5 (subjects).
Pure: gives the parts of a draft; whoever sends fills in the rest. Bcc of the original is never read, and
Mail-Followup-To never honoured: it is no standard, and would let a stranger name the recipients.
Not here: whether these recipients may be written to (a Reply-To elsewhere counts as a new one).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from mailwright.mail.address import Address, parse_address_list
from mailwright.mail.compose.checks import MAX_SUBJECT, address_faults
from mailwright.mail.compose.draft import Attachment
from mailwright.mail.header import Header, Raw, parse_header
from mailwright.mail.references import forward_subject, message_ids, reply_ids, reply_subject
from mailwright.mail.words import decode_unstructured

_MAX_SHOWN = 200  # characters of a foreign field in a line of ours


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reply takes over from the original."""

    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forward:
    """What a forward takes over from the original."""

    subject: str
    text: str
    attachments: tuple[Attachment, ...] = ()


def reply(original: Header, own: Collection[Address]) -> Answer:
    """An answer to whoever wrote the original: its Reply-To, else its From. To oneself it goes on to the original's To.

    `own` are the addresses of the mailbox that answers; subaddresses (`local+label`) count as own too. `to` is empty
    where the original names nobody in a way that all readers agree on.
    """
    to, _ = _recipients(original, own)
    return _answer(original, to, ())


def reply_all(original: Header, own: Collection[Address]) -> Answer:
    """An answer to whoever wrote the original, with everybody in its To and Cc in Cc; nobody twice, ourselves never."""
    to, others = _recipients(original, own)
    return _answer(original, to, others)


def _answer(original: Header, to: tuple[Address, ...], cc: tuple[Address, ...]) -> Answer:
    in_reply_to, references = reply_ids(message_ids(original))
    # RFC 6532 §3.2 allows ids in UTF-8; writing one would make an ordinary answer need SMTPUTF8.
    ascii_ids = tuple(one for one in in_reply_to if one.isascii()), tuple(one for one in references if one.isascii())
    return Answer(to, cc, reply_subject(_subject(original))[:MAX_SUBJECT], *ascii_ids)


def _recipients(original: Header, own: Collection[Address]) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    mine = {_key(address) for address in own}
    authors = _addresses(original, "from")
    others = [*_addresses(original, "to"), *_addresses(original, "cc")]
    if authors and all(_own_key(address) in mine for address in authors):
        to = _unique(_addresses(original, "to"), mine)
    else:
        # An ambiguous Reply-To is as none: two readers would write to two people.
        to = _unique(_addresses(original, "reply-to") or authors, mine)
    return to, _unique(others, mine | {_key(address) for address in to})


def _addresses(header: Header, name: str) -> list[Address]:
    text = header.value(name)
    found = parse_address_list(text) if text else None
    if found is None or not found.sound:
        return []
    return [address for address in found.mailboxes if not any(address_faults(address, name))]


def _unique(addresses: Iterable[Address], without: Collection[tuple[str, str]]) -> tuple[Address, ...]:
    found: dict[tuple[str, str], Address] = {}
    for address in addresses:
        if _own_key(address) not in without and _key(address) not in without:
            found.setdefault(_key(address), address)
    return tuple(found.values())


def _key(address: Address) -> tuple[str, str]:
    return address.local_part.casefold(), address.domain_ascii


def _own_key(address: Address) -> tuple[str, str]:
    return address.local_part.partition("+")[0].casefold(), address.domain_ascii


def _subject(header: Header) -> str:
    return decode_unstructured(header.value("subject") or "")


def forward(original: Raw) -> Forward:
    """The original as an attached message/rfc822: the usual way, since it keeps every byte.

    Its signatures still verify at the recipient, it stays evidence, and not one foreign word becomes text under our
    own signature.
    """
    attached = Attachment("forwarded-message.eml", "message/rfc822", bytes(original))
    return Forward(forward_subject(_subject(parse_header(original)))[:MAX_SUBJECT], "", (attached,))


def forward_inline(original: Header, text: str) -> Forward:
    """The original's `text` below a summary of its header, for recipients who can't open attached messages.

    Its files are the caller's to attach.
    """
    lines = ["---------- Forwarded message ----------"]
    for name in ("From", "Date", "Subject", "To", "Cc"):
        if value := original.value(name.lower()):
            lines.append(f"{name}: {decode_unstructured(value)[:_MAX_SHOWN]}")
    return Forward(forward_subject(_subject(original))[:MAX_SUBJECT], "\n".join([*lines, "", text]))


def attribution(original: Header) -> str:
    """The line above a quotation: "On <date>, <name> wrote:", with the date as the original has it."""
    authors = parse_address_list(original.value("from") or "").mailboxes
    name = (authors[0].display_name or authors[0].addr_spec) if authors else "somebody"
    date = decode_unstructured(original.value("date") or "")[:_MAX_SHOWN]
    return f"On {date}, {name[:_MAX_SHOWN]} wrote:" if date else f"{name[:_MAX_SHOWN]} wrote:"


def quote_original(text: str, attribution_line: str) -> str:
    """The text with "> " before each line, below its attribution; what was quoted already gets one ">" more."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    return "\n".join([attribution_line, *(f">{line}" if not line or line[0] == ">" else f"> {line}" for line in lines)])
