"""Does this mechanism match? One function for each kind, and the ways to ask that they share.

Standards: RFC 7208 §4.6.4 (limits), §5 (mechanisms), §7.3 (`%{p}`).
Pure: asks DNS by yielding questions. What ends a whole check is raised as `Stop`, which evaluate.py turns into a verdict.
Not here: `include` and `redirect`, which check another domain (evaluate.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from mailwright.mail.questions import Answer, Asks, Question, RecordType, seen
from mailwright.mailauth.names import to_dns_name
from mailwright.mailauth.spf.macros import Facts, MacroString, expand_name
from mailwright.mailauth.spf.record import Kind, Mechanism
from mailwright.mailauth.spf.verdict import SpfResult

MAX_LOOKUPS = 10
MAX_VOID_LOOKUPS = 2
MAX_HOSTS = 10


class Stop(Exception):
    """The check ends with this result, wherever it stands."""

    def __init__(self, result: SpfResult, reason: str) -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason


@dataclass(slots=True)
class Check:
    """What one check knows so far."""

    facts: Facts
    number: int  # the client address
    v6: bool
    lookups: int = 0
    void_lookups: int = 0
    ahead: int = 0  # questions asked before their terms were reached
    answers: dict[Question, Answer] = field(default_factory=dict)
    record: str | None = None  # what the checked domain itself publishes
    validated: list[str] | None = None  # names of the client, for %{p}
    expanded: bool = False  # a macro that speaks of the message had its say
    steps: list[str] = field(default_factory=list)


def matches_locally(check: Check, mechanism: Mechanism) -> bool:
    """Whether `all`, `ip4` or `ip6` matches."""
    if mechanism.kind is Kind.ALL:
        return True
    return check.v6 is (mechanism.kind is Kind.IP6) and check.number & mechanism.mask == mechanism.network


# Asking.


def ask(check: Check, question: Question) -> Asks[Answer]:
    """Ask, at most once in a check."""
    known = check.answers.get(question)
    if known is None:
        known = yield question
        check.answers[question] = known
    return known


def _ask_all(check: Check, questions: Sequence[Question]) -> Asks[list[Answer]]:
    missing = tuple(dict.fromkeys(question for question in questions if question not in check.answers))
    if missing:
        check.answers.update(zip(missing, (yield missing), strict=True))
    return [check.answers[question] for question in questions]


def ask_ahead(check: Check, domain: str, mechanisms: Sequence[Mechanism]) -> Asks[None]:
    """Ask together what the terms up to the first that surely matches will ask first. Judges and counts nothing.

    Only names that are known beforehand, and at most 10 such questions in a check: a hostile record gains nothing.
    """
    room = MAX_LOOKUPS - max(check.lookups, check.ahead)
    wanted: list[Question] = []
    for mechanism in mechanisms:
        if not mechanism.local:
            question = mechanism.question6 if check.v6 else mechanism.question
            if question is None and mechanism.target is None:
                question = _question_for_domain(check, domain, mechanism.kind)
            if question is not None and question not in check.answers:
                wanted.append(question)
        elif matches_locally(check, mechanism):
            break
    wanted = wanted[:room]
    if len(wanted) > 1:
        check.ahead += len(wanted)
        yield from _ask_all(check, wanted)


def _question_for_domain(check: Check, domain: str, kind: Kind) -> Question | None:
    if kind is Kind.MX:
        return Question(domain, RecordType.MX)
    return Question(domain, _address_type(check)) if kind is Kind.A else None


def _address_type(check: Check) -> RecordType:
    # RFC 7208 §5: the type follows the address of the client.
    return RecordType.AAAA if check.v6 else RecordType.A


def count(check: Check) -> None:
    """Count one term that asks DNS; the eleventh ends the check (RFC 7208 §4.6.4)."""
    check.lookups += 1
    if check.lookups > MAX_LOOKUPS:
        raise Stop(SpfResult.PERMERROR, f"the record needs more than {MAX_LOOKUPS} lookups")


def _count_void(check: Check, asked: str) -> None:
    check.void_lookups += 1
    if check.void_lookups > MAX_VOID_LOOKUPS:
        raise Stop(SpfResult.PERMERROR, f"more than {MAX_VOID_LOOKUPS} lookups found nothing, the last for {asked}")


def _found(check: Check, question: Question) -> Asks[Answer]:
    """Ask for a term: trouble ends the check, and nothing found counts against the limit (RFC 7208 §4.6.4, §5)."""
    answer = yield from ask(check, question)
    check.steps.append(seen(question, answer))
    if answer.trouble:
        raise Stop(SpfResult.TEMPERROR, f"DNS gave no answer for {question.name} {question.type} ({answer.status})")
    if answer.void:
        _count_void(check, question.name)
    return answer


# Names.


def target_name(check: Check, domain: str, target: MacroString | None) -> Asks[str | None]:
    """The name a term speaks of; None where DNS can't be asked for it."""
    if target is None:
        return domain
    if target.fixed is None:
        check.expanded = True
    validated = "unknown"
    if target.asks_name:
        validated = yield from validated_name(check, domain)
    name = expand_name(target, check.facts, domain, validated)
    return None if name is None else to_dns_name(name)


def validated_name(check: Check, domain: str) -> Asks[str]:
    """`%{p}`: the name of the client that its addresses confirm, or "unknown"."""
    if check.validated is None:
        count(check)  # RFC 7208 §4.6.4: the PTR lookup of %{p} is one of the ten
        check.validated = []
        names = yield from _client_names(check)
        check.validated = yield from _validate(check, names)
    # RFC 7208 §7.3: the domain itself is best, then a name under it, then any.
    best = [name for name in check.validated if name == domain] or _under(check.validated, domain) or check.validated
    return best[0] if best else "unknown"


def _client_names(check: Check) -> Asks[list[str]]:
    question = Question(check.facts.ip.reverse_pointer, RecordType.PTR)
    answer = yield from ask(check, question)
    check.steps.append(seen(question, answer))
    if answer.void:
        _count_void(check, "the name of the client")
    # RFC 7208 §5.5: trouble means no match; only ten names are looked at.
    names = (to_dns_name(name) for name in answer.records[:MAX_HOSTS])
    return [name for name in names if name is not None]


def _validate(check: Check, names: list[str]) -> Asks[list[str]]:
    answers = yield from _addresses(check, names)
    mask = (1 << (128 if check.v6 else 32)) - 1
    return [name for name, answer in zip(names, answers, strict=True) if _holds(check, answer, mask)]


def _addresses(check: Check, hosts: Sequence[str]) -> Asks[list[Answer]]:
    kind = _address_type(check)
    questions = [Question(host, kind) for host in hosts]
    answers = yield from _ask_all(check, questions)
    check.steps += map(seen, questions, answers)
    return answers


def _under(names: list[str], domain: str) -> list[str]:
    below = "." + domain
    return [name for name in names if name.endswith(below)]


# One matcher for each mechanism that asks (RFC 7208 §5).


def _match_a(check: Check, domain: str, mechanism: Mechanism) -> Asks[bool]:
    name = yield from target_name(check, domain, mechanism.target)
    if name is None:
        return False
    answer = yield from _found(check, Question(name, _address_type(check)))
    return _holds(check, answer, _mask(check, mechanism))


def _match_mx(check: Check, domain: str, mechanism: Mechanism) -> Asks[bool]:
    name = yield from target_name(check, domain, mechanism.target)
    if name is None:
        return False
    exchanges = yield from _found(check, Question(name, RecordType.MX))
    if len(exchanges.records) > MAX_HOSTS:
        raise Stop(SpfResult.PERMERROR, f"{name} has more than {MAX_HOSTS} MX records")
    hosts = [host for host in map(_exchange, exchanges.records) if host is not None]
    answers = yield from _addresses(check, hosts)
    mask = _mask(check, mechanism)
    if any(_holds(check, answer, mask) for answer in answers):
        return True
    for host, answer in zip(hosts, answers, strict=True):
        if answer.trouble:
            raise Stop(SpfResult.TEMPERROR, f"DNS gave no answer for the address of {host} ({answer.status})")
    if answers and all(answer.void for answer in answers):
        _count_void(check, f"the addresses of the mail hosts of {name}")
    return False


def _match_ptr(check: Check, domain: str, mechanism: Mechanism) -> Asks[bool]:
    name = yield from target_name(check, domain, mechanism.target)
    if name is None:
        return False
    names = yield from _client_names(check)
    # Only names at or under the target can match, so only these need to be validated.
    validated = yield from _validate(check, [found for found in names if found == name] + _under(names, name))
    return bool(validated)


def _match_exists(check: Check, domain: str, mechanism: Mechanism) -> Asks[bool]:
    name = yield from target_name(check, domain, mechanism.target)
    if name is None:
        return False
    # RFC 7208 §5.7: the type is A, even where the client has an IPv6 address.
    answer = yield from _found(check, Question(name, RecordType.A))
    return bool(answer.records)


MATCHERS: dict[Kind, Callable[[Check, str, Mechanism], Asks[bool]]] = {
    Kind.A: _match_a,
    Kind.MX: _match_mx,
    Kind.PTR: _match_ptr,
    Kind.EXISTS: _match_exists,
}


def _exchange(record: str) -> str | None:
    words = record.split(None, 1)
    return to_dns_name(words[1]) if len(words) == 2 else None


def _mask(check: Check, mechanism: Mechanism) -> int:
    return mechanism.mask6 if check.v6 else mechanism.mask


def _holds(check: Check, answer: Answer, mask: int) -> bool:
    wanted = check.number & mask
    for record in answer.records:
        number = _number(record, check.v6)
        if number is not None and number & mask == wanted:
            return True
    return False


@lru_cache(maxsize=4096)
def _number(address: str, v6: bool) -> int | None:
    try:
        return int(IPv6Address(address) if v6 else IPv4Address(address))
    except AddressValueError:
        return None
