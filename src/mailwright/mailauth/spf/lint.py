"""Is this record a good one to publish? Advice to the owner of a domain, before receivers give it.

Standards: RFC 7208 §4.6.4 (limits), §5.1 (`+all`), §5.5 (`ptr` SHOULD NOT be used), §3.2 (one record).
Pure: asks DNS by yielding questions, follows every include and redirect, and judges no message.
Lookups are counted as if no term matched, which is what a host that is not listed meets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mailwright.mail.questions import Answer, Asks, Question, RecordType, ask
from mailwright.mailauth.names import to_dns_name
from mailwright.mailauth.spf.mechanisms import MAX_HOSTS, MAX_LOOKUPS, MAX_VOID_LOOKUPS
from mailwright.mailauth.spf.record import Kind, Mechanism, Record, is_spf, parse_record
from mailwright.mailauth.spf.verdict import SpfResult

BROAD_IP4 = 8  # a prefix this long or shorter covers 16 million addresses
BROAD_IP6 = 16
_MAX_FOLLOWED = 30  # lookups made before the survey gives up


class SpfAdvice(StrEnum):
    """What can be wrong with a record that is published."""

    NO_RECORD = "no-record"
    SEVERAL_RECORDS = "several-records"
    SYNTAX = "syntax"
    PTR = "ptr"
    PASS_ALL = "pass-all"
    OPEN_END = "open-end"
    BROAD_NETWORK = "broad-network"
    UNREACHABLE = "unreachable"
    TOO_MANY_LOOKUPS = "too-many-lookups"
    TOO_MANY_HOSTS = "too-many-hosts"
    VOID_LOOKUP = "void-lookup"
    BROKEN_INCLUDE = "broken-include"
    DNS_TROUBLE = "dns-trouble"


@dataclass(frozen=True, slots=True)
class SpfFinding:
    """One piece of advice: `text` says it to a person, `domain` is whose record it is about, `term` which term."""

    code: SpfAdvice
    text: str
    domain: str
    term: str = ""


@dataclass(slots=True)
class _Survey:
    findings: list[SpfFinding] = field(default_factory=list)
    lookups: int = 0
    void_lookups: int = 0
    path: list[str] = field(default_factory=list)  # from the domain down to the record that is read now

    def tell(self, code: SpfAdvice, domain: str, text: str, term: str = "") -> None:
        self.findings.append(SpfFinding(code, text, domain, term))


def lint(domain: str, texts: Sequence[str]) -> Asks[tuple[SpfFinding, ...]]:
    """What to mend in the SPF record of `domain`, given all of its TXT records. Empty: nothing. Never raises."""
    survey = _Survey()
    domain = to_dns_name(domain) or domain
    records = [text for text in texts if is_spf(text)]
    if not records:
        survey.tell(SpfAdvice.NO_RECORD, domain, f"{domain} publishes no SPF record, so SPF never passes for it.")
    if len(records) > 1:
        text = f"{domain} publishes {len(records)} SPF records; receivers then use none of them. Merge them into one."
        survey.tell(SpfAdvice.SEVERAL_RECORDS, domain, text)
    for text in records:
        yield from _survey(survey, domain, parse_record(text), top=True)
    if survey.lookups > MAX_LOOKUPS:
        text = f"The record needs more than {MAX_LOOKUPS} lookups, includes counted; receivers answer permerror."
        survey.tell(SpfAdvice.TOO_MANY_LOOKUPS, domain, text)
    if survey.void_lookups > MAX_VOID_LOOKUPS:
        text = f"{survey.void_lookups} lookups find nothing; above {MAX_VOID_LOOKUPS}, receivers answer permerror."
        survey.tell(SpfAdvice.VOID_LOOKUP, domain, text)
    return tuple(dict.fromkeys(survey.findings))


def _survey(survey: _Survey, domain: str, record: Record, *, top: bool = False) -> Asks[None]:
    survey.path.append(domain)
    yield from _survey_terms(survey, domain, record, top=top)
    survey.path.pop()


def _survey_terms(survey: _Survey, domain: str, record: Record, *, top: bool) -> Asks[None]:
    if record.error:
        survey.tell(SpfAdvice.SYNTAX, domain, f"The record of {domain} can't be read: {record.error}.")
        return
    for position, mechanism in enumerate(record.mechanisms):
        _judge(survey, domain, mechanism)
        if mechanism.kind is Kind.ALL:
            _tell_rest(survey, domain, record, position)
            return
        if mechanism.kind in (Kind.IP4, Kind.IP6):
            continue
        survey.lookups += 1
        if survey.lookups <= _MAX_FOLLOWED:
            yield from _follow(survey, domain, mechanism)
    if record.redirect is not None:
        survey.lookups += 1
        target = record.redirect.fixed and to_dns_name(record.redirect.fixed)
        if target and survey.lookups <= _MAX_FOLLOWED:
            yield from _enter(survey, domain, f"redirect={record.redirect.text}", target, top=top)
    elif top:
        survey.tell(SpfAdvice.OPEN_END, domain, f"The record of {domain} ends without `all`: it forbids nothing.")


def _judge(survey: _Survey, domain: str, mechanism: Mechanism) -> None:
    term = mechanism.text
    if mechanism.kind is Kind.PTR:
        text = f"`{term}` of {domain} is slow and unreliable, and large receivers dislike it. List addresses instead."
        survey.tell(SpfAdvice.PTR, domain, text, term)
    if mechanism.kind is Kind.ALL and mechanism.result is SpfResult.PASS:
        survey.tell(SpfAdvice.PASS_ALL, domain, f"`{term}` of {domain} lets every host of the world pass.", term)
    if mechanism.kind is Kind.ALL and mechanism.result is SpfResult.NEUTRAL:
        survey.tell(SpfAdvice.OPEN_END, domain, f"`{term}` of {domain} forbids nothing; `~all` or `-all` does.", term)
    if mechanism.result is SpfResult.PASS and _broad(mechanism):
        text = f"`{term}` of {domain} covers a great part of the internet, and lets strangers pass."
        survey.tell(SpfAdvice.BROAD_NETWORK, domain, text, term)


def _broad(mechanism: Mechanism) -> bool:
    if mechanism.kind is Kind.IP6:
        return mechanism.mask.bit_count() <= BROAD_IP6
    if mechanism.kind is Kind.IP4:
        return mechanism.mask.bit_count() <= BROAD_IP4
    hosts = mechanism.kind in (Kind.A, Kind.MX)
    return hosts and (mechanism.mask.bit_count() <= BROAD_IP4 or mechanism.mask6.bit_count() <= BROAD_IP6)


def _tell_rest(survey: _Survey, domain: str, record: Record, position: int) -> None:
    rest = [mechanism.text for mechanism in record.mechanisms[position + 1 :]]
    if record.redirect is not None:
        rest.append(f"redirect={record.redirect.text}")  # RFC 7208 §6.1: ignored where there is an `all`
    if rest:
        text = f"{domain}: what stands after `all` is never reached: {' '.join(rest)[:200]}."
        survey.tell(SpfAdvice.UNREACHABLE, domain, text, rest[0])


def _follow(survey: _Survey, domain: str, mechanism: Mechanism) -> Asks[None]:
    target = mechanism.target
    name = domain if target is None else target.fixed and to_dns_name(target.fixed)
    if not name or mechanism.kind is Kind.PTR:
        return  # a macro: what it asks depends on the message
    if mechanism.kind is Kind.INCLUDE:
        yield from _enter(survey, domain, mechanism.text, name)
        return
    if mechanism.kind is Kind.A:
        yield from _ask_hosts(survey, domain, mechanism.text, name)
        return
    found = yield from ask(name, RecordType.MX if mechanism.kind is Kind.MX else RecordType.A)
    _note(survey, domain, mechanism.text, found)
    if mechanism.kind is Kind.MX and len(found.records) > MAX_HOSTS:
        text = f"{name} has more than {MAX_HOSTS} MX records; for `{mechanism.text}` receivers answer permerror."
        survey.tell(SpfAdvice.TOO_MANY_HOSTS, domain, text, mechanism.text)


def _ask_hosts(survey: _Survey, domain: str, term: str, name: str) -> Asks[None]:
    found4, found6 = yield (Question(name, RecordType.A), Question(name, RecordType.AAAA))
    _note(survey, domain, term, found4 if found4.records or found4.trouble else found6)


def _enter(survey: _Survey, domain: str, term: str, name: str, *, top: bool = False) -> Asks[None]:
    if name in survey.path:
        text = f"`{term}` of {domain} leads back to {name}: receivers answer permerror."
        survey.tell(SpfAdvice.BROKEN_INCLUDE, domain, text, term)
        return
    answer = yield from ask(name, RecordType.TXT)
    if answer.trouble:
        _note(survey, domain, term, answer)
        return
    records = [text for text in answer.records if is_spf(text)]
    if len(records) != 1:
        text = f"`{term}` of {domain} needs one SPF record at {name}, which publishes {len(records)}: permerror."
        survey.tell(SpfAdvice.BROKEN_INCLUDE, domain, text, term)
        return
    yield from _survey(survey, name, parse_record(records[0]), top=top)


def _note(survey: _Survey, domain: str, term: str, answer: Answer) -> None:
    if answer.trouble:
        text = f"DNS gave no answer for `{term}` of {domain}; receivers answer temperror."
        survey.tell(SpfAdvice.DNS_TROUBLE, domain, text, term)
    elif answer.void:
        survey.void_lookups += 1
        survey.tell(SpfAdvice.VOID_LOOKUP, domain, f"`{term}` of {domain} names nothing that exists.", term)
