"""Who sent this message, as far as SPF, DKIM and DMARC can tell? The one call made for every inbound message.

Standards: RFC 7208, 6376, 9989; RFC 8601 (what to write down).
Pure: asks DNS by yielding questions; SPF, DKIM and the search for the author's policy run side by side.
Promises: the author domain is one on which all readers of the From field agree, or the message has none.
Not here: what to do about it (core/receiving.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mailwright.mail.header import Header, Raw
from mailwright.mail.questions import Asks, together
from mailwright.mailauth.authors import authors_of
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
from mailwright.mailauth.spf import SpfResult, SpfScope, SpfVerdict, check_host
from mailwright.mailauth.spf.macros import IPAddress


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
