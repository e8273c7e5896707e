"""Was this message sent by a program? Then no program may answer it by itself.

Standards: RFC 3834 §2 and §5, RFC 5230 §4.6, RFC 2919 and 2369 (lists), RFC 5321 §4.5.5 (null reverse path).
Not here: what only the receiver knows (his own address, his place in To and Cc, the verdict on authentication), and the
budget within which agents may talk to each other all the same.
"""

from __future__ import annotations

from enum import StrEnum

from mailwright.mail.address import Address, parse_address_list
from mailwright.mail.header import Header


class Automatic(StrEnum):
    """The sign by which a message is known to be automatic."""

    NULL_PATH = "null-reverse-path"  # a bounce: never bounce it, never answer it
    REPORT = "multipart-report"
    AUTO_SUBMITTED = "auto-submitted"
    LIST = "list"
    PRECEDENCE = "precedence"
    SUPPRESS = "auto-response-suppress"  # its writer wants no automatic answer
    ROLE_ADDRESS = "role-address"  # mailer-daemon, noreply, owner-..., ...-request


_PRECEDENCE = frozenset(["bulk", "junk", "list", "auto_reply"])
_SUPPRESS = frozenset(["all", "autoreply", "oof"])
_ROLES = frozenset(
    ["mailer-daemon", "postmaster", "noreply", "no-reply", "no_reply", "do-not-reply", "donotreply", "listserv", "majordomo"]
)


def is_automatic(header: Header, mail_from: str | None = None) -> Automatic | None:
    """By which sign the message is automatic, or None: a person may have written it.

    `mail_from` is the address of the envelope, "" for the null path, None where it is not known; then Return-Path counts.
    """
    path = _return_path(header) if mail_from is None else mail_from.strip("<> ")
    if path == "":
        return Automatic.NULL_PATH
    if _word(header, "content-type").startswith("multipart/report"):
        return Automatic.REPORT
    # RFC 3834 §5: whatever it is, if it is not "no".
    if _word(header, "auto-submitted") not in ("", "no"):
        return Automatic.AUTO_SUBMITTED
    if any(name.startswith("list-") for name in header.names):
        return Automatic.LIST
    if _word(header, "precedence") in _PRECEDENCE:
        return Automatic.PRECEDENCE
    suppress = header.value("x-auto-response-suppress")
    if suppress and not _SUPPRESS.isdisjoint(suppress.lower().replace(",", " ").split()):
        return Automatic.SUPPRESS
    if _word(header, "x-autoreply") == "yes":
        return Automatic.SUPPRESS
    if _is_role(path or "") or any(_is_role(one.local_part) for one in _authors(header)):
        return Automatic.ROLE_ADDRESS
    return None


def _return_path(header: Header) -> str | None:
    value = header.value("return-path")
    return None if value is None else value.strip("<> ")


def _word(header: Header, name: str) -> str:
    # The first word, without parameters and comments.
    value = header.value(name)
    words = value.replace(";", " ").replace("(", " ").split(None, 1) if value else ()
    return words[0].lower() if words else ""


def _authors(header: Header) -> tuple[Address, ...]:
    return parse_address_list(header.value("from") or "").mailboxes[:10]


def _is_role(address: str) -> bool:
    local = address.rpartition("@")[0] or address
    local = local.lower()
    return local.partition("+")[0] in _ROLES or local.startswith("owner-") or local.endswith("-request")
