"""Who sent this message, as far as SPF, DKIM, DMARC and ARC can tell? The one call made for every inbound message.

Standards: RFC 7208, 6376, 9989, 8617; RFC 8601 (what to write down).
Pure: asks DNS by yielding questions; SPF, DKIM, ARC and the search for the author's policy run side by side.
Promises: the author domain is one on which all readers of the From field agree, or the message has none.
Not here: what to do about it (core/receiving.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from mailwright.mail.header import Header, Raw
from mailwright.mail.questions import Asks, together
from mailwright.mailauth.arc import ArcResult, ArcVerdict
from mailwright.mailauth.arc import verify as verify_chain
from mailwright.mailauth.authors import authors_of
from mailwright.mailauth.authres import MethodResult, Property, dkim_results, parse, render
from mailwright.mailauth.dkim import Result as DkimResult
from mailwright.mailauth.dkim import Verdict as DkimVerdict
from mailwright.mailauth.dkim import verify
from mailwright.mailauth.dmarc import (
    DmarcResult,
    DmarcVerdict,
    Policy,
    author_domain,
    discover,
    identifiers,
    judge,
    not_applicable,
)
from mailwright.mailauth.names import to_dns_name
from mailwright.mailauth.spf import SpfResult, SpfScope, SpfVerdict, check_host
from mailwright.mailauth.spf.macros import IPAddress
from mailwright.values import dataclass


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
    arc: ArcVerdict


def authenticate(
    message: Raw,
    header: Header,
    *,
    ip: IPAddress | None,
    helo: str,
    mail_from: str,
    now: int,
    honor_reject: bool = False,
    trusted_sealers: Collection[str] = (),
) -> Asks[Authentication]:
    """Authenticate a message (CRLF line ends) that came from `ip` at time `now` (seconds since 1970).

    Without `ip`, SPF is none: nobody knows who handed the message over. `mail_from` is the reverse path without brackets,
    "" for the null one. `honor_reject` as in `dmarc.evaluate`. `trusted_sealers` are domains whose ARC seals may excuse a
    DMARC failure. Never raises: what can't be told is told in the results.
    """
    authors = authors_of(header)
    domain, refusal = author_domain(authors.domains)
    if authors.problem:
        refusal = not_applicable(authors.problem)
    spf_verdict, spf_helo, signatures, arc_verdict, discovery = yield from together(
        _spf(ip, mail_from, helo, now),
        # RFC 7208 §2.3: HELO is checked as well; for a null reverse path it already is (§2.4).
        check_host(ip, mail_from="", helo=helo, now=now) if ip and mail_from.strip("<>") else _no_check(),
        verify(header, message, now=now),
        verify_chain(header, message, now=now),
        _no_check() if refusal else discover(domain),
    )
    if refusal is not None:
        return Authentication(spf_verdict, spf_helo, signatures, refusal, authors.domains, arc_verdict)
    # RFC 9989 §3.2.4: the SPF identity is MAIL FROM; HELO stands in only for a null reverse path.
    authenticated = identifiers([(spf_verdict.domain, spf_verdict.result)], _dkim_identifiers(signatures))
    verdict = yield from judge(discovery, authenticated, honor_reject=honor_reject)
    verdict = _excused(verdict, arc_verdict, trusted_sealers)
    return Authentication(spf_verdict, spf_helo, signatures, verdict, authors.domains, arc_verdict)


def authentication_results(authentication: Authentication, authserv_id: str, further: Iterable[MethodResult] = ()) -> bytes:
    """The Authentication-Results field for a message, CRLF at its end (RFC 8601 §2.2, §2.7; RFC 9989 §9.1).

    `further` results stand at the end.
    """
    checks = [authentication.spf]
    if authentication.spf_helo is not None and authentication.spf_helo.result is not SpfResult.NONE:
        checks.append(authentication.spf_helo)
    return render(
        authserv_id,
        [
            *map(_spf_result, checks),
            *dkim_results(authentication.dkim),
            _dmarc_result(authentication.dmarc),
            # RFC 8617 §4.4, §10.1. Without a chain there is no reason to give.
            MethodResult("arc", authentication.arc.result, reason=authentication.arc.reason),
            *further,
        ],
    )


def _spf(ip: IPAddress | None, mail_from: str, helo: str, now: int) -> Asks[SpfVerdict]:
    if ip is not None:
        return (yield from check_host(ip, mail_from=mail_from, helo=helo, now=now))
    reason = "nobody said which host handed the message over"
    return SpfVerdict(SpfResult.NONE, "", SpfScope.MFROM, reason=reason, steps=(f"none: {reason}",))


def _excused(verdict: DmarcVerdict, chain: ArcVerdict, trusted: Collection[str]) -> DmarcVerdict:
    """A failure is not acted on where all who handled the message are trusted, and the first of them saw DMARC pass."""
    if verdict.result is not DmarcResult.FAIL or chain.result is not ArcResult.PASS or chain.partial:
        return verdict
    if not set(chain.sealers) <= {to_dns_name(domain) for domain in trusted}:
        return verdict
    seen = parse(chain.first_results.partition(";")[2]).results
    passed = [each for each in seen if each.method == "dmarc" and each.result == "pass"]
    if not any(to_dns_name(each.get("header.from") or "") == verdict.domain for each in passed):
        return verdict
    # RFC 8617 §7.2.1: local policy may let a chain that it trusts override the policy of the author's domain.
    step = f"not acted on: {chain.sealers[0]}, which is trusted, saw dmarc=pass before the message was changed"
    return replace(verdict, disposition=Policy.NONE, steps=(*verdict.steps, step))


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
    return MethodResult("spf", verdict.result, reason=verdict.reason, properties=properties)


def _dmarc_result(verdict: DmarcVerdict) -> MethodResult:
    properties = []
    if verdict.domain:
        properties.append(Property("header", "from", verdict.domain))
    if verdict.policy is not None:
        properties.append(Property("policy", "dmarc", verdict.policy))
    reason = "" if verdict.result is DmarcResult.PASS else verdict.reason
    return MethodResult("dmarc", verdict.result, reason=reason, properties=tuple(properties))


def _no_check() -> Asks[None]:
    return None
    yield
