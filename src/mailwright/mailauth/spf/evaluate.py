"""May this host send for this domain?

Standards: RFC 7208 with erratum 5436 (it only mends the grammar of Received-SPF, which is not written here), RFC 8616.
Pure: asks DNS by yielding questions. Limits: 10 terms that ask, 2 void lookups, 10 MX and 10 PTR names (§4.6.4).
Not here: the grammar (record.py, macros.py), single mechanisms (mechanisms.py), Authentication-Results (authres.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from mailwright.mail.questions import Asks, Question, RecordType
from mailwright.mail.recall import Memory
from mailwright.mailauth.names import to_dns_name
from mailwright.mailauth.spf.macros import (
    MAX_EXPLANATION,
    Facts,
    IPAddress,
    MacroString,
    MacroSyntaxError,
    expand,
    parse_explanation,
)
from mailwright.mailauth.spf.mechanisms import (
    MATCHERS,
    Check,
    Stop,
    ask,
    ask_ahead,
    count,
    matches_locally,
    target_name,
    validated_name,
)
from mailwright.mailauth.spf.record import Kind, Mechanism, Record, is_spf, parse_record
from mailwright.mailauth.spf.verdict import SpfResult, SpfScope, SpfVerdict

_MAX_MAIL_FROM = 512  # octets; RFC 5321 §4.5.3.1.3 allows 256
_MAX_HELO = 255
_MAX_SHOWN = 1000  # characters of a record that steps show


@dataclass(slots=True)
class _Outcome:
    result: SpfResult
    domain: str
    record: Record | None = None
    mechanism: Mechanism | None = None
    reason: str = ""


def check_host(ip: IPAddress, *, mail_from: str, helo: str, receiver: str = "", now: int = 0) -> Asks[SpfVerdict]:
    """Whether `ip` may send mail with this reverse path (RFC 7208 §4).

    `mail_from` is without angle brackets, "" for the null reverse path: then the HELO identity is checked (§2.4).
    `receiver` (the name of this host) and `now` (seconds since 1970) are only used in the owner's explanation.
    Never raises; what strangers wrote wrong ends in `none` or `permerror`, DNS trouble in `temperror`.
    """
    local_part, domain, scope = _identity(mail_from, helo)
    name = to_dns_name(domain)
    if name is None or "." not in name or name[0] == "[":
        # RFC 7208 §4.3: malformed, a single label, or an address literal.
        reason = "no domain name of two labels or more to check"
        return SpfVerdict(SpfResult.NONE, domain, scope, reason=reason, steps=(f"none: {reason}",))
    ip = _plain(ip)

    def afresh() -> Asks[_Judged]:
        return _judge(Facts(ip, local_part, name, to_dns_name(helo) or helo[:_MAX_HELO], receiver, now), scope)

    judged = yield from _past.recall((int(ip), ip.version, name, scope), afresh, _lasts)
    return judged.verdict


class _Judged(NamedTuple):
    verdict: SpfVerdict
    expanded: bool  # a macro had its say, whose value may be another in the next message of that domain by that client


_past = Memory[_Judged]()


def _lasts(judged: _Judged) -> bool:
    return not judged.expanded


def _judge(facts: Facts, scope: SpfScope) -> Asks[_Judged]:
    ip, name = facts.ip, facts.sender_domain
    check = Check(facts, int(ip), ip.version == 6)
    try:
        outcome = yield from _check_domain(check, name)
    except Stop as stop:
        outcome = _Outcome(stop.result, name, reason=stop.reason)
    mechanism = outcome.mechanism.text if outcome.mechanism else None
    counts = check.lookups, check.void_lookups
    explanation = (yield from _explain(check, outcome)) if outcome.result is SpfResult.FAIL else ""
    result = f"{outcome.result}: {outcome.reason}" if outcome.reason else outcome.result.value
    steps = (*check.steps, result)
    verdict = SpfVerdict(outcome.result, name, scope, mechanism, explanation, *counts, check.record, outcome.reason, steps)
    return _Judged(verdict, check.expanded)


def _identity(mail_from: str, helo: str) -> tuple[str, str, SpfScope]:
    if mail_from in ("", "<>"):
        return "postmaster", helo, SpfScope.HELO
    if len(mail_from) > _MAX_MAIL_FROM:
        return "postmaster", "", SpfScope.MFROM
    local_part, _, domain = mail_from.rpartition("@")
    return local_part or "postmaster", domain, SpfScope.MFROM


def _plain(ip: IPAddress) -> IPAddress:
    if isinstance(ip, IPv4Address):
        return ip
    # RFC 7208 §5: an IPv4-mapped IPv6 address is an IPv4 address.
    return ip.ipv4_mapped or (IPv6Address(int(ip)) if ip.scope_id else ip)


def _check_domain(check: Check, domain: str) -> Asks[_Outcome]:
    answer = yield from ask(check, Question(domain, RecordType.TXT))
    if answer.trouble:
        raise Stop(SpfResult.TEMPERROR, f"DNS gave no answer for the record of {domain} ({answer.status})")
    texts = [text for text in answer.records if is_spf(text)]
    if not texts:
        if not answer.records:
            check.steps.append(f"{domain} TXT: {answer.status}")
        return _Outcome(SpfResult.NONE, domain, reason=f"{domain} publishes no SPF record")
    if len(texts) > 1:
        # RFC 7208 §4.5: more than one record is a permanent error, equal or not.
        raise Stop(SpfResult.PERMERROR, f"{domain} publishes {len(texts)} SPF records")
    check.steps.append(f"{domain} TXT: {texts[0][:_MAX_SHOWN]}")
    record = parse_record(texts[0])
    if check.record is None:
        check.record = record.text
    if record.error:
        raise Stop(SpfResult.PERMERROR, f"the record of {domain} can't be read: {record.error}")
    return (yield from _evaluate(check, domain, record))


def _evaluate(check: Check, domain: str, record: Record) -> Asks[_Outcome]:
    yield from ask_ahead(check, domain, record.mechanisms)
    for mechanism in record.mechanisms:
        if mechanism.local:
            matched = matches_locally(check, mechanism)
        else:
            count(check)
            matcher = _match_include if mechanism.kind is Kind.INCLUDE else MATCHERS[mechanism.kind]
            matched = yield from matcher(check, domain, mechanism)
            if not matched:
                check.steps.append(f"{mechanism.text[:80]} of {domain} does not match")
        if matched:
            check.steps.append(f"{mechanism.text[:80]} of {domain} matches")
            return _Outcome(mechanism.result, domain, record, mechanism)
    if record.redirect is not None:
        return (yield from _redirect(check, domain, record.redirect))
    check.steps.append(f"nothing in the record of {domain} matches")
    return _Outcome(SpfResult.NEUTRAL, domain, record)  # RFC 7208 §4.7


def _redirect(check: Check, domain: str, target: MacroString) -> Asks[_Outcome]:
    count(check)
    name = yield from target_name(check, domain, target)
    if name is None or "." not in name:
        raise Stop(SpfResult.PERMERROR, f"redirect={target.text[:80]} of {domain} leads to no domain name")
    check.steps.append(f"{domain} redirects to {name}")
    outcome = yield from _check_domain(check, name)
    if outcome.result is SpfResult.NONE:
        # RFC 7208 §6.1: no record at the target is a permanent error.
        raise Stop(SpfResult.PERMERROR, f"{domain} redirects to {name}, which publishes no record")
    return outcome


def _match_include(check: Check, domain: str, mechanism: Mechanism) -> Asks[bool]:
    name = yield from target_name(check, domain, mechanism.target)
    if name is None or "." not in name:
        raise Stop(SpfResult.PERMERROR, f"{mechanism.text[:80]} of {domain} leads to no domain name")
    outcome = yield from _check_domain(check, name)
    if outcome.result is SpfResult.NONE:
        # RFC 7208 §5.2: an included domain without a record is a permanent error.
        raise Stop(SpfResult.PERMERROR, f"{domain} includes {name}, which publishes no record")
    return outcome.result is SpfResult.PASS


# The owner's explanation (RFC 7208 §6.2): any trouble on the way means that there is none.


def _explain(check: Check, outcome: _Outcome) -> Asks[str]:
    target = outcome.record.exp if outcome.record else None
    if target is None:
        return ""
    check.lookups = check.void_lookups = 0  # RFC 7208 §4.6.4: what exp asks is not counted
    try:
        text = yield from _explanation(check, outcome.domain, target)
        validated = "unknown"
        if text is not None and text.asks_name:
            validated = yield from validated_name(check, outcome.domain)
    except (Stop, MacroSyntaxError):
        return ""
    if text is not None:
        check.expanded = check.expanded or text.fixed is None
    value = expand(text, check.facts, outcome.domain, validated) if text else None
    return (value or "")[:MAX_EXPLANATION]


def _explanation(check: Check, domain: str, target: MacroString) -> Asks[MacroString | None]:
    name = yield from target_name(check, domain, target)
    if name is None:
        return None
    answer = yield from ask(check, Question(name, RecordType.TXT))
    if len(answer.records) != 1 or len(answer.records[0]) > 10 * MAX_EXPLANATION:
        return None
    return parse_explanation(answer.records[0])
