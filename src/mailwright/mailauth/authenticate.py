"""Who sent this message, as far as SPF, DKIM and DMARC can tell? The one call made for every inbound message.

Standards: RFC 7208, 6376, 9989; RFC 8601 (what to write down).
Pure: asks DNS by yielding questions; SPF, DKIM and the search for the author's policy run side by side.
Promises: the author domain is one on which all readers of the From field agree, or the message has none.
Not here: what to do about it (core/receiving.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mailwright.mail.address import parse_address_list
from mailwright.mail.header import Header, Raw
from mailwright.mail.questions import Asks, together
from mailwright.mail.words import decode_words
from mailwright.mailauth.authres import MethodResult, Property, dkim_results, render
from mailwright.mailauth.dkim import Result as DkimResult
from mailwright.mailauth.dkim import Verdict as DkimVerdict
from mailwright.mailauth.dkim import verify
from mailwright.mailauth.dmarc import (
    DmarcResult,
    DmarcVerdict,
    author_domain,
    discover,
    identifiers,
    judge,
    not_applicable,
)
from mailwright.mailauth.names import to_dns_name
from mailwright.mailauth.spf import SpfResult, SpfScope, SpfVerdict, check_host
from mailwright.mailauth.spf.macros import IPAddress

_AFTER_AT = re.compile(r"@([^\s<>()\[\]:;,@\\\"]*)")
_MAX_AUTHORS = 100


@dataclass(frozen=True, slots=True)
class Authentication:
    """What was found. `header_from` are the domains of the authors, as in DNS; empty where From can't be trusted.

    `spf` is about MAIL FROM, or about HELO where the reverse path is null; `spf_helo` is about HELO where it is not.
    """

    spf: SpfVerdict
    spf_helo: SpfVerdict | None
    dkim: tuple[DkimResult, ...]
    dmarc: DmarcVerdict
    header_from: tuple[str, ...]


class Authors(NamedTuple):
    """The domains of the From addresses, A-labels where they have them; or `problem`, why there are none to rely on."""

    domains: tuple[str, ...]
    problem: str = ""


def authenticate(
    message: Raw,
    header: Header,
    *,
    ip: IPAddress,
    helo: str,
    mail_from: str,
    now: int,
    honor_reject: bool = False,
) -> Asks[Authentication]:
    """Authenticate a message (CRLF line ends) that came from `ip` at time `now` (seconds since 1970).

    `mail_from` is the reverse path without brackets, "" for the null one. `honor_reject` as in `dmarc.evaluate`.
    Never raises: what can't be told is told in the results.
    """
    authors = authors_of(header)
    domain, refusal = author_domain(authors.domains)
    if authors.problem:
        refusal = not_applicable(authors.problem)
    spf_verdict, spf_helo, signatures, discovery = yield from together(
        check_host(ip, mail_from=mail_from, helo=helo, now=now),
        # RFC 7208 §2.3: HELO is checked as well; for a null reverse path it already is (§2.4).
        check_host(ip, mail_from="", helo=helo, now=now) if mail_from.strip("<>") else _no_check(),
        verify(header, message, now=now),
        _no_check() if refusal else discover(domain),
    )
    if refusal is not None:
        return Authentication(spf_verdict, spf_helo, signatures, refusal, authors.domains)
    # RFC 9989 §3.2.4: the SPF identity is MAIL FROM; HELO stands in only for a null reverse path.
    authenticated = identifiers([(spf_verdict.domain, spf_verdict.result)], _dkim_identifiers(signatures))
    verdict = yield from judge(discovery, authenticated, honor_reject=honor_reject)
    return Authentication(spf_verdict, spf_helo, signatures, verdict, authors.domains)


def authentication_results(authentication: Authentication, authserv_id: str) -> bytes:
    """The Authentication-Results field for a message, CRLF at its end (RFC 8601 §2.2, §2.7; RFC 9989 §9.1)."""
    checks = [authentication.spf]
    if authentication.spf_helo is not None and authentication.spf_helo.result is not SpfResult.NONE:
        checks.append(authentication.spf_helo)
    results = [*map(_spf_result, checks), *dkim_results(authentication.dkim), _dmarc_result(authentication.dmarc)]
    return render(authserv_id, results)


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
        return _authors(body.decode(), utf8=True)
    except UnicodeDecodeError:
        return _authors(body.decode("latin-1"), utf8=False)


def _authors(text: str, *, utf8: bool) -> Authors:
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


def _agree(text: str, domains: Sequence[str], *, decoded: bool) -> bool:
    """Whether one domain, and only one, can be read out of a field that is not as it should be.

    `decoded`: also by one who decodes encoded words first, and then looks for addresses.
    """
    texts = (text, decode_words(text)) if decoded and "=?" in text else (text,)
    seen = {to_dns_name(match[1]) for each in texts for match in _AFTER_AT.finditer(each)}
    return len(seen) == 1 and seen == set(domains)


def _dkim_identifiers(signatures: Iterable[DkimResult]) -> list[tuple[str, str]]:
    # A signature that leaves part of the body open (l=) vouches for nothing: anybody may have written that part.
    return [
        (each.domain, "pass" if each.vouches else "temperror")
        for each in signatures
        if each.vouches or each.result is DkimVerdict.TEMPERROR
    ]


def _spf_result(verdict: SpfVerdict) -> MethodResult:
    name = "helo" if verdict.scope is SpfScope.HELO else "mailfrom"
    properties = (Property("smtp", name, verdict.domain),) if verdict.domain else ()
    return MethodResult("spf", verdict.result.value, reason=verdict.reason, properties=properties)


def _dmarc_result(verdict: DmarcVerdict) -> MethodResult:
    properties = []
    if verdict.domain:
        properties.append(Property("header", "from", verdict.domain))
    if verdict.policy is not None:
        properties.append(Property("policy", "dmarc", verdict.policy.value))
    reason = "" if verdict.result is DmarcResult.PASS else verdict.reason
    return MethodResult("dmarc", verdict.result.value, reason=reason, properties=tuple(properties))


def _no_check() -> Asks[None]:
    return None
    yield
