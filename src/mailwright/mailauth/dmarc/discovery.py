"""Where is the policy for this author domain, and what is its organizational domain?

Standards: RFC 9989 §4.10 (DNS Tree Walk), §4.10.1 (policy), §4.10.2 (organizational domain); RFC 8020 (existence).
Pure: asks DNS by yielding questions, at most 8 in a walk. The domain's own name is asked first, because it mostly
decides; the names above it are asked together. No list of public suffixes takes part.
Not here: alignment and the verdict (evaluate.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache

from mailwright.mail.questions import Answer, Asks, Question, RecordType, Status, ask, ask_all, seen
from mailwright.mail.recall import Memory
from mailwright.mailauth.dmarc.record import DmarcRecord, Policy, Psd, parse_record
from mailwright.mailauth.names import MAX_NAME, to_dns_name
from mailwright.values import dataclass

MAX_QUERIES = 8
_WIDE = MAX_QUERIES - 1  # labels of the second name that a long domain is asked for

_NOWHERE = Answer(Status.NXDOMAIN)


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk over `_dmarc` names found. `answers` is keyed by the domain, without `_dmarc`.

    `org_domain` is None where it is not known: the walk is not finished, or DNS trouble hides it.
    `psd_domain` is the public suffix, other than the start, whose record says `psd=y`.
    """

    start: str
    answers: Mapping[str, Answer] = field(default_factory=dict)
    org_domain: str | None = None
    psd_domain: str | None = None
    trouble: str = ""

    def record(self, domain: str | None) -> DmarcRecord | None:
        """The one record at that domain; None if there is none, or several (§4.10: all are discarded)."""
        return published(self.answers.get(domain or "", _NOWHERE))


@dataclass(frozen=True, slots=True)
class Discovery:
    """The policy record for an author domain, and what its walk knows.

    `policy` is what the owner asks for this domain by `p`, `sp` or `np`, before `t`; None where there is no record or
    DNS trouble hides which of them it is. `trouble` says what DNS left unanswered, "" for nothing that matters.
    """

    domain: str
    walk: Walk
    policy_domain: str | None = None
    record: DmarcRecord | None = None
    policy: Policy | None = None
    trouble: str = ""
    steps: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def walk_names(domain: str) -> tuple[str, ...]:
    """The domains whose `_dmarc` name a walk asks for, in order, at most 8 (RFC 9989 §4.10)."""
    labels = domain.split(".")
    # §4.10 step 4: from eight labels on, the second name is the one of the right-most seven.
    rest = labels[1:] if len(labels) < MAX_QUERIES else labels[-_WIDE:]
    return (domain, *(".".join(rest[index:]) for index in range(len(rest))))


def published(answer: Answer) -> DmarcRecord | None:
    """The DMARC record among TXT records; None where there is none, or more than one (§4.10 steps 2 and 6)."""
    records = [record for text in answer.records if (record := parse_record(text)) is not None]
    return records[0] if len(records) == 1 else None


def discover(domain: str) -> Asks[Discovery]:
    """Find the policy for an author domain (an A-label name, lower case). Never raises."""
    return (yield from _past.recall(domain, lambda: _discover(domain)))


_past = Memory[Discovery]()


def _discover(domain: str) -> Asks[Discovery]:
    walk = yield from _walk_start(domain)
    record = walk.record(domain)
    if record is not None:
        steps = (*_seen(walk), f"{domain} has a policy record of its own")
        return Discovery(domain, walk, domain, record, record.p, steps=steps)
    walk = walk if walk.trouble else (yield from finish_walk(walk))
    if walk.trouble:
        return Discovery(domain, walk, trouble=walk.trouble, steps=_seen(walk))
    # §4.10.1: the organizational domain's record, else the public suffix's.
    policy_domain = next((name for name in (walk.org_domain, walk.psd_domain) if walk.record(name)), None)
    record = walk.record(policy_domain)
    if policy_domain is None or record is None:
        return Discovery(domain, walk, steps=(*_seen(walk), f"no policy record for {domain} or above it"))
    policy, existence = yield from _policy_for_subdomain(domain, walk, record)
    steps = (*_seen(walk), f"the policy record for {domain} is the one of {policy_domain}", *existence)
    return Discovery(domain, walk, policy_domain, record, policy, steps=steps)


def organizational_domain(domain: str) -> Asks[str | None]:
    """The organizational domain of any domain (RFC 9989 §4.10.2), in A-labels.

    None where DNS trouble hides it, or where the text is no domain name.
    """
    name = to_dns_name(domain)
    if name is None:
        return None
    return (yield from walk_from(name)).org_domain


def walk_from(domain: str, known: Mapping[str, Answer] | None = None) -> Asks[Walk]:
    """Walk up from a domain, all of its names in one round but those whose answers are known already."""
    walk = Walk(domain, {name: known[name] for name in walk_names(domain) if name in known} if known else {})
    return (yield from finish_walk(walk))


def finish_walk(walk: Walk) -> Asks[Walk]:
    """Ask for what a walk has not asked yet, and say what follows."""
    names = () if _stops(walk) else walk_names(walk.start)
    missing = [name for name in names if name not in walk.answers]
    askable = [name for name in missing if len(name) <= MAX_NAME - len("_dmarc.")]
    replies = yield from ask_all(_question(name) for name in askable)
    answers = {**walk.answers, **dict.fromkeys(missing, _NOWHERE), **dict(zip(askable, replies, strict=True))}
    return _conclude(walk.start, answers)


def _walk_start(domain: str) -> Asks[Walk]:
    if len(domain) > MAX_NAME - len("_dmarc."):
        return Walk(domain, {domain: _NOWHERE})
    answer = yield _question(domain)
    return Walk(domain, {domain: answer}, trouble=_trouble(domain, answer))


def _question(domain: str) -> Question:
    return Question("_dmarc." + domain, RecordType.TXT)


def _stops(walk: Walk) -> bool:
    record = walk.record(walk.start)
    return record is not None and record.psd is not Psd.UNKNOWN


def _conclude(start: str, answers: Mapping[str, Answer]) -> Walk:
    """Pick the organizational domain, from the longest name to the shortest (§4.10.2)."""
    shortest = None
    for name in walk_names(start):
        answer = answers.get(name, _NOWHERE)
        trouble = _trouble(name, answer)
        if trouble:
            return Walk(start, answers, trouble=trouble)
        record = published(answer)
        if record is None:
            continue
        if record.psd is Psd.NO:
            return Walk(start, answers, name)
        if record.psd is Psd.YES:
            below = _one_label_below(name, start)
            return Walk(start, answers, below, name if name != start else None)
        shortest = name
    return Walk(start, answers, shortest or start)


def _one_label_below(name: str, start: str) -> str:
    # Where the walk began at the public suffix itself, that is its organizational domain.
    labels = name.count(".") + 2
    return ".".join(start.split(".")[-labels:])


def _trouble(domain: str, answer: Answer) -> str:
    return f"DNS gave no answer for _dmarc.{domain} ({answer.status})" if answer.trouble else ""


def _seen(walk: Walk) -> tuple[str, ...]:
    return tuple([seen(_question(name), answer) for name, answer in walk.answers.items()])


def _policy_for_subdomain(domain: str, walk: Walk, record: DmarcRecord) -> Asks[tuple[Policy | None, tuple[str, ...]]]:
    existing = record.sp or record.p
    if record.np is None or record.np is existing:
        return existing, ()  # §4.7: np falls back to sp, and sp to p
    exists = yield from _exists(domain, walk)
    if exists is None:
        return None, ()
    return (existing, ()) if exists else (record.np, (f"{domain} does not exist: np applies",))


def _exists(domain: str, walk: Walk) -> Asks[bool | None]:
    if walk.answers[domain].status is not Status.NXDOMAIN:
        return True  # RFC 8020: a name exists when one below it does
    # §3.2.13: a domain does not exist when the answer for it, of whatever type, is NXDOMAIN.
    answer = yield from ask(domain, RecordType.A)
    return None if answer.trouble else answer.status is not Status.NXDOMAIN
