"""A draft, written: `compose`.

Standards: RFC 5322 §3.6 (each field once), RFC 3834 §5, RFC 2369 and RFC 8058 §3.1, RFC 6532 (UTF-8 headers).
"""

from __future__ import annotations

from mailwright.mail.compose.body import body_part, written
from mailwright.mail.compose.checks import draft_faults
from mailwright.mail.compose.draft import ComposeError, Draft, Fault, FaultCode
from mailwright.mail.compose.fields import address_field, date_text, fold, ids_field, text_field
from mailwright.mail.references import cut_references

MAX_HEADER = 64 * 1024  # octets of all fields together


def compose(draft: Draft) -> bytes:
    """The whole message: CRLF line ends, 7-bit but for a header that needs SMTPUTF8. Raises ComposeError.

    The same draft always gives the same bytes. Bcc is never among them. References are cut as `cut_references` does.
    """
    if faults := draft_faults(draft):
        raise ComposeError(*faults)
    body = body_part(draft)
    head = "".join((*_own_fields(draft), "MIME-Version: 1.0\r\n", body.fields)).encode()
    if len(head) > MAX_HEADER:
        raise ComposeError(Fault(FaultCode.TOO_LONG, "headers", f"the header would be longer than {MAX_HEADER} octets"))
    return b"".join((head, b"\r\n", *written(body)))


def _own_fields(draft: Draft) -> list[str]:
    # RFC 5322 §3.6: at most one of each; receivers refuse a message with two of them.
    out = [
        f"Date: {date_text(draft.sent_at)}\r\n",
        f"Message-ID: {draft.message_id}\r\n",
        address_field("From", [draft.header_from]),
    ]
    if draft.reply_to:
        out.append(address_field("Reply-To", draft.reply_to))
    if draft.to:
        out.append(address_field("To", draft.to))
    elif not draft.cc:
        out.append("To: undisclosed-recipients:;\r\n")  # RFC 5322 §3.4: an empty group
    if draft.cc:
        out.append(address_field("Cc", draft.cc))
    out.append(text_field("Subject", draft.subject))
    if draft.in_reply_to:
        out.append(ids_field("In-Reply-To", cut_references(draft.in_reply_to)))
    if draft.references:
        out.append(ids_field("References", cut_references(draft.references)))
    if draft.auto_submitted:
        out.append(f"Auto-Submitted: {draft.auto_submitted}\r\n")
    out += _unsubscribe_fields(draft.list_unsubscribe)
    out += [text_field(name, value) for name, value in draft.headers]
    return out


def _unsubscribe_fields(uris: tuple[str, ...]) -> list[str]:
    if not uris:
        return []
    pieces = [f" <{uri}>," for uri in uris]
    pieces[-1] = pieces[-1][:-1]
    out = [fold("List-Unsubscribe", pieces)]
    if any(uri.startswith("https:") for uri in uris):
        out.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")  # RFC 8058 §3.1: exactly this
    return out


def needs_smtputf8(draft: Draft) -> bool:
    """True where an address of the draft, Bcc included, can't travel without SMTPUTF8 (RFC 6531 §3.2).

    Only such a draft is written with UTF-8 in its header (RFC 6532); names, subjects and domains never need it.
    """
    addresses = (draft.header_from, *draft.to, *draft.cc, *draft.bcc, *draft.reply_to)
    return any(address.needs_smtputf8 for address in addresses)
