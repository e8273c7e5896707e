"""May this draft be written? Every string of it is looked at, as if a stranger had sent it.

Standards: RFC 5322 §3.6 (what may stand once), §3.6.4 (message ids), §2.2 (field names), RFC 2045 §5.1, RFC 2392.
The answer to header injection: nothing that could end a line gets as far as the writer.
Not here: whether the account owns the From address, and any other policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailwright.mail.address import Address, InvalidAddress, domain_to_ascii
from mailwright.mail.compose.draft import Attachment, Draft, Fault, FaultCode
from mailwright.mail.references import MAX_ID

MAX_LOCAL_PART = 64  # octets, RFC 5321 §4.5.3.1.1
MAX_ADDRESS = 254  # octets: a path has at most 256, brackets included (RFC 5321 §4.5.3.1.3)
MAX_RECIPIENTS = 1000  # To, Cc, Bcc and Reply-To together
MAX_ATTACHMENTS = 200
MAX_HEADERS = 100
MAX_HEADER_NAME = 76
MAX_VALUE = 8000  # characters of one further field
MAX_SUBJECT = 998
MAX_NAME = 250  # characters of a display name or a file name
MAX_OWN_ID = 250  # octets; longer ids break other people's databases
MAX_URI = 900

# C0, DEL and C1, and what Unicode adds to the line breaks.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_FIELD_NAME = re.compile(r"[!-9;-~]+")
_DOT_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_OWN_ID = re.compile(rf"<{_DOT_ATOM}@(?:{_DOT_ATOM}|\[[!-Z^-~]*\])>")
_OTHER_ID = re.compile(r"<[!-;=?-~]+>")
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]+")
_URI = re.compile(r"(?:https://|mailto:)[!-+\--;=?-~]+")  # RFC 2369 §2: no space, comma or angle bracket
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
CONTENT_TYPE = re.compile(rf"({_TOKEN})/({_TOKEN})((?:[ ]*;[ ]*{_TOKEN}=(?:{_TOKEN}|\"[ !#-\[\]-~]*+\"))*)")
# These hold parts or refer to things elsewhere, so an attachment of that type is not what it seems.
_NO_ATTACHMENT = frozenset(["message/partial", "message/external-body"])

_HAVE_THEIR_OWN_PLACE = (
    "from sender reply-to to cc bcc date message-id subject in-reply-to references mime-version auto-submitted"
)
_HOPS_WRITE = "return-path received received-spf delivered-to apparently-to envelope-to original-recipient x-original-to"
_SIGNERS_WRITE = "agent-identity x-agent-identity x-multimail-identity message-instance domainkey-signature"
_REFUSED = frozenset(f"{_HAVE_THEIR_OWN_PLACE} {_HOPS_WRITE} {_SIGNERS_WRITE} list-unsubscribe list-unsubscribe-post".split())
_REFUSED_PREFIXES = ("authentication-results", "dkim", "arc-", "resent-", "content-", "x-mailwright-")


def draft_faults(draft: Draft) -> tuple[Fault, ...]:
    """Everything that is wrong with a draft, in the order of its fields; empty if it can be written."""
    return tuple(_faults(draft))


def _faults(draft: Draft) -> Iterator[Fault]:
    yield from address_faults(draft.header_from, "from")
    yield from _recipient_faults(draft)
    yield from _line_faults(draft.subject, "subject", MAX_SUBJECT)
    yield from _surrogate_faults(draft.text or "", "text")
    yield from _surrogate_faults(draft.html or "", "html")
    if draft.sent_at.utcoffset() is None:
        yield Fault(FaultCode.BAD_DATE, "sent_at", "the date has no time zone")
    yield from _id_faults(draft)
    yield from _attachment_faults(draft.attachments)
    yield from _header_faults(draft.headers)
    for index, uri in enumerate(draft.list_unsubscribe):
        if len(uri) > MAX_URI or _URI.fullmatch(uri) is None:
            yield Fault(FaultCode.BAD_URI, f"list_unsubscribe[{index}]", "expected an https: or mailto: URI")


def _line_faults(text: str, path: str, limit: int) -> Iterator[Fault]:
    if len(text) > limit:
        yield Fault(FaultCode.TOO_LONG, path, f"at most {limit} characters are allowed")
    if text.isascii() and text.isprintable():
        return
    if _CONTROL.search(text):
        yield Fault(FaultCode.CONTROL_CHARACTER, path, "line breaks and other control characters are not allowed")
    yield from _surrogate_faults(text, path)


def _surrogate_faults(text: str, path: str) -> Iterator[Fault]:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        yield Fault(FaultCode.NOT_TEXT, path, "it holds half of a surrogate pair, which is no character")


def address_faults(address: Address, path: str) -> Iterator[Fault]:
    """What is wrong with one address that is to stand in a header."""
    yield from _line_faults(address.display_name, f"{path}.display_name", MAX_NAME)
    local = address.local_part
    yield from (control := list(_line_faults(local, path, MAX_LOCAL_PART)))
    if control:
        return
    if not local:
        yield Fault(FaultCode.BAD_ADDRESS, path, "the part before the @ is missing")
    try:
        domain = domain_to_ascii(address.domain)
    except InvalidAddress as error:
        yield Fault(FaultCode.BAD_ADDRESS, path, str(error))
        return
    size = len(local.encode())
    if size > MAX_LOCAL_PART or size + 1 + len(domain) > MAX_ADDRESS:
        yield Fault(FaultCode.TOO_LONG, path, "an address has at most 64 octets before the @ and 254 in all")


def _recipient_faults(draft: Draft) -> Iterator[Fault]:
    groups = {"to": draft.to, "cc": draft.cc, "bcc": draft.bcc, "reply_to": draft.reply_to}
    if sum(map(len, groups.values())) > MAX_RECIPIENTS:
        yield Fault(FaultCode.TOO_MANY, "to", f"at most {MAX_RECIPIENTS} addresses are allowed")
        return
    for name, addresses in groups.items():
        for index, address in enumerate(addresses):
            yield from address_faults(address, f"{name}[{index}]")


def own_id_faults(message_id: str) -> Iterator[Fault]:
    """What is wrong with the Message-ID of a new message."""
    if len(message_id) > MAX_OWN_ID or _OWN_ID.fullmatch(message_id) is None:
        yield Fault(FaultCode.BAD_MESSAGE_ID, "message_id", "expected <unique@domain>")


def _id_faults(draft: Draft) -> Iterator[Fault]:
    yield from own_id_faults(draft.message_id)
    for name, ids in (("in_reply_to", draft.in_reply_to), ("references", draft.references)):
        for index, one in enumerate(ids):
            if len(one) > MAX_ID or _OTHER_ID.fullmatch(one) is None:
                yield Fault(FaultCode.BAD_MESSAGE_ID, f"{name}[{index}]", "expected <unique@domain>, in ASCII")


def _attachment_faults(attachments: tuple[Attachment, ...]) -> Iterator[Fault]:
    if len(attachments) > MAX_ATTACHMENTS:
        yield Fault(FaultCode.TOO_MANY, "attachments", f"at most {MAX_ATTACHMENTS} attachments are allowed")
        return
    for index, one in enumerate(attachments):
        path = f"attachments[{index}]"
        yield from _line_faults(one.filename, f"{path}.filename", MAX_NAME)
        if "/" in one.filename or "\\" in one.filename or _BIDI.search(one.filename):
            message = "a file name has no slash, no backslash and no character that turns the writing direction"
            yield Fault(FaultCode.BAD_FILENAME, f"{path}.filename", message)
        kind = CONTENT_TYPE.fullmatch(one.content_type) if len(one.content_type) <= MAX_NAME else None
        if kind is None or kind[1].lower() == "multipart" or f"{kind[1]}/{kind[2]}".lower() in _NO_ATTACHMENT:
            yield Fault(FaultCode.BAD_CONTENT_TYPE, f"{path}.content_type", "expected type/subtype of a single file")
        if one.content_id and (len(one.content_id) > MAX_NAME or not _CONTENT_ID.fullmatch(one.content_id)):
            yield Fault(FaultCode.BAD_CONTENT_ID, f"{path}.content_id", "expected letters, digits, dots and one @")


def _header_faults(headers: tuple[tuple[str, str], ...]) -> Iterator[Fault]:
    if len(headers) > MAX_HEADERS:
        yield Fault(FaultCode.TOO_MANY, "headers", f"at most {MAX_HEADERS} further fields are allowed")
        return
    seen: set[str] = set()
    for index, (name, value) in enumerate(headers):
        path, lower = f"headers[{index}]", name.lower()
        if len(name) > MAX_HEADER_NAME or _FIELD_NAME.fullmatch(name) is None:
            yield Fault(FaultCode.BAD_HEADER_NAME, f"{path}.name", "a field name is ASCII without spaces and colons")
        elif lower in _REFUSED or lower.startswith(_REFUSED_PREFIXES):
            yield Fault(FaultCode.REFUSED_HEADER, f"{path}.name", f"{name} is written by the server or not at all")
        elif lower in seen:
            yield Fault(FaultCode.DUPLICATE_HEADER, f"{path}.name", f"{name} is given twice")
        seen.add(lower)
        yield from _line_faults(value, f"{path}.value", MAX_VALUE)
