"""Whom does the From field name?

Standards: RFC 5322 §3.6.2, RFC 6532, RFC 9989 §11.5.
Promises: the domain found is one on which all readers of the field agree (CVE-2023-27043), or there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from mailwright.mail.address import parse_address_list
from mailwright.mail.header import Header
from mailwright.mail.words import decode_words
from mailwright.mailauth.names import to_dns_name

_AFTER_AT = re.compile(r"@([^\s<>()\[\]:;,@\\\"]*)")
_MAX_AUTHORS = 100


class Authors(NamedTuple):
    """The domains of the From addresses, A-labels where they have them; or `problem`, why there are none to rely on."""

    domains: tuple[str, ...]
    problem: str = ""


def authors_of(header: Header) -> Authors:
    """Whose domains the From field names, if all its readers will find the same ones.

    Strict where it matters (CVE-2023-27043, RFC 9989 §11.5): a field that keeps to the grammar is read by it; one
    that does not still counts where a single domain stands in it, however it is read.
    """
    fields = header.all("from")
    if len(fields) != 1:
        return Authors((), "there is no From field" if not fields else f"there are {len(fields)} From fields")
    body = fields[0].body.strip(b" \t")
    if b"\0" in body or b"\r" in body:
        return Authors((), "From has control characters")
    try:
        text, utf8 = body.decode(), True
    except UnicodeDecodeError:
        text, utf8 = body.decode("latin-1"), False
    return _kept(text, utf8) if len(text) < 1000 else _authors(text, utf8)


def _authors(text: str, utf8: bool) -> Authors:
    found = parse_address_list(text)
    if not found.mailboxes or len(found.mailboxes) > _MAX_AUTHORS:
        return Authors((), "From names no author" if not found.mailboxes else "From names a crowd of authors")
    written = dict.fromkeys(mailbox.domain for mailbox in found.mailboxes if mailbox.domain and mailbox.local_part)
    domains = tuple(dict.fromkeys(map(to_dns_name, written)))
    named = tuple(domain for domain in domains if domain is not None)
    # RFC 6532 §3.2: UTF-8 only; of octets in another charset nobody knows which domain they are.
    if not named or named != domains or not (utf8 or all(map(str.isascii, written))):
        return Authors((), "From names a domain that is none")
    if found.defects and not _agree(text, named, decoded=not found.sound):
        return Authors((), f"From can be read in several ways: {', '.join(sorted(found.defects))}")
    return Authors(named)


_kept = lru_cache(maxsize=512)(_authors)  # several ask it of one message, and its author writes again


def _agree(text: str, domains: Sequence[str], *, decoded: bool) -> bool:
    """Whether one domain, and only one, can be read out of a field that is not as it should be.

    `decoded`: also by one who decodes encoded words first, and then looks for addresses.
    """
    texts = (text, decode_words(text)) if decoded and "=?" in text else (text,)
    seen = {to_dns_name(match[1]) for each in texts for match in _AFTER_AT.finditer(each)}
    return len(seen) == 1 and seen == set(domains)
