"""Is the author domain of this message authenticated, and what does its owner want done if not?

Standards: RFC 9989 §4.4 (alignment), §4.10.2 (when no walk is needed), §5.3, §5.4 and §7.4 (handling), §11.5.
Pure: asks DNS by yielding questions. Equal names and strict alignment ask nothing; an identifier that is not at or
under the author's organizational domain can't align, and is not walked for either.
Not here: reading From (authenticate.py), finding the record (discovery.py), Authentication-Results (authenticate.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from mailwright.mail.questions import Asks, together
from mailwright.mailauth.dmarc.discovery import Discovery, Walk, discover, finish_walk, walk_from
from mailwright.mailauth.dmarc.record import Alignment, DmarcRecord, Policy
from mailwright.mailauth.names import to_dns_name
from mailwright.values import dataclass

_LABEL = re.compile(r"[a-z0-9_-]+")
_MAX_IDENTIFIERS = 20


class DmarcResult(StrEnum):
    """The results, by the names that Authentication-Results uses (RFC 9989 §9.2)."""

    PASS = "pass"
    FAIL = "fail"
    NONE = "none"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Method(StrEnum):
    """What authenticated an identifier."""

    SPF = "spf"
    DKIM = "dkim"


class Identifier(NamedTuple):
    """A domain, and what SPF or DKIM said of it: `pass` authenticates it, `temperror` might have."""

    method: Method
    domain: str
    result: str


@dataclass(frozen=True, slots=True)
class DmarcVerdict:
    """The answer of `evaluate`, with what led to it.

    `policy` is what the owner asks for this author domain, with `sp`, `np` and `t` worked in; it stands whatever the
    result is. `disposition` is what to do: none unless the result is fail, or the author can't be told (permerror).
    `aligned` are the identifiers that made it pass. `org_domain` is that of the author, None where DNS hides it.
    """

    result: DmarcResult
    domain: str
    org_domain: str | None = None
    policy: Policy | None = None
    disposition: Policy = Policy.NONE
    aligned: tuple[Identifier, ...] = ()
    policy_domain: str | None = None
    record: DmarcRecord | None = None
    reason: str = ""
    steps: tuple[str, ...] = ()


def evaluate(
    header_from: Sequence[str],
    spf: Iterable[tuple[str, str]],
    dkim: Iterable[tuple[str, str]],
    *,
    honor_reject: bool = False,
) -> Asks[DmarcVerdict]:
    """Judge a message by the domains of its From addresses and by (domain, result) of SPF and DKIM (RFC 9989 §5.3).

    For SPF that is the MAIL FROM domain, or the HELO name of a null reverse path (§3.2.4). Names may be U-labels.
    With `honor_reject`, a fail under p=reject is to be rejected; else it is quarantined. Never raises.
    """
    domain, refusal = author_domain(header_from)
    if refusal is not None:
        return refusal
    discovery = yield from discover(domain)
    return (yield from judge(discovery, identifiers(spf, dkim), honor_reject=honor_reject))


def author_domain(header_from: Sequence[str]) -> tuple[str, DmarcVerdict | None]:
    """The one author domain, ready to be asked for; or the verdict on a message that has none, or several."""
    names = [to_dns_name(domain) for domain in header_from]
    valid = {name for name in names if name is not None and _is_host_name(name)}
    if not names:
        return "", not_applicable("From names no author")
    if len(valid) < len(set(names)):
        return "", not_applicable("From names a domain that is none")
    if len(valid) > 1:
        return "", not_applicable(f"From names authors of {len(valid)} domains")
    return valid.pop(), None


@lru_cache(maxsize=1024)
def _is_host_name(name: str) -> bool:
    # Underscores pass: they stand in addresses that people have, and in no grammar.
    return all(_LABEL.fullmatch(label) and label[0] != "-" != label[-1] for label in name.split("."))


def not_applicable(reason: str) -> DmarcVerdict:
    """The verdict on a message whose author can't be told.

    RFC 9989 §5.3.1, §11.5: DMARC does not apply, and such a message is to be recognised as the threat it might be.
    """
    return DmarcVerdict(DmarcResult.PERMERROR, "", disposition=Policy.REJECT, reason=reason, steps=(f"permerror: {reason}",))


def identifiers(spf: Iterable[tuple[str, str]], dkim: Iterable[tuple[str, str]]) -> tuple[Identifier, ...]:
    """What SPF and DKIM said, without results that prove nothing and names that are none."""
    found = [(Method.SPF, *each) for each in spf] + [(Method.DKIM, *each) for each in dkim]
    kept = []
    for method, domain, result in found:
        # Whoever authenticated it knows which domain it is: dots around a name change nothing of that.
        name = to_dns_name(domain.strip(".")) if result in ("pass", "temperror") else None
        if name is not None:
            kept.append(Identifier(method, name, str(result)))
    return tuple(dict.fromkeys(kept))[:_MAX_IDENTIFIERS]


def judge(discovery: Discovery, authenticated: Sequence[Identifier], *, honor_reject: bool = False) -> Asks[DmarcVerdict]:
    """The verdict, once the policy was looked for and SPF and DKIM are done."""
    record = discovery.record
    if discovery.trouble:
        return _undecided(discovery, DmarcResult.TEMPERROR, discovery.trouble)
    if record is None:
        # RFC 9989 §4.10.1: without a record the mechanism MUST NOT be applied.
        return _undecided(discovery, DmarcResult.NONE, f"no policy record applies to {discovery.domain}")
    if not record.applies:
        reason = f"the record of {discovery.policy_domain} has no usable policy"
        return _undecided(discovery, DmarcResult.NONE, reason)
    policy = _with_testing(discovery.policy, record)
    found = yield from _align(discovery, record, authenticated)
    result, reason = _result(discovery.domain, policy, found)
    disposition = _disposition(policy, honor_reject) if result is DmarcResult.FAIL else Policy.NONE
    return DmarcVerdict(
        result,
        discovery.domain,
        found.org_domain,
        policy,
        disposition,
        found.passed,
        discovery.policy_domain,
        record,
        reason,
        (*discovery.steps, *_weakened(discovery.policy, policy, disposition, result), f"{result}: {reason}"),
    )


def _weakened(asked: Policy | None, policy: Policy | None, disposition: Policy, result: DmarcResult) -> list[str]:
    steps = [f"{asked} is being tested (t=y): it counts as {policy}"] if asked is not policy else []
    if result is DmarcResult.FAIL and policy is not disposition:
        steps.append(f"{policy} is acted on as {disposition}: nothing else speaks against the message")
    return steps


class _Alignment(NamedTuple):
    org_domain: str | None
    passed: tuple[Identifier, ...]
    doubt: str  # what might have passed, had DNS answered


def _align(discovery: Discovery, record: DmarcRecord, authenticated: Sequence[Identifier]) -> Asks[_Alignment]:
    author, walk, doubt = discovery.domain, discovery.walk, ""
    aligned = [each for each in authenticated if each.domain == author]
    done = {each.method for each in aligned if each.result == "pass"}
    others = [each for each in authenticated if each.domain != author and each.method not in done]
    # What might have passed only matters where nothing does.
    relaxed = [each for each in others if _may_align(record, each, author) and (not done or each.result == "pass")]
    if (relaxed or not done) and walk.org_domain is None:
        walk = yield from finish_walk(walk)
        doubt = walk.trouble if relaxed else ""
    if relaxed and walk.org_domain is not None:
        near, doubt = yield from _near(walk, walk.org_domain, relaxed)
        aligned += near
    passed = tuple(each for each in aligned if each.result == "pass")
    if aligned and not passed:
        doubt = f"{aligned[0].method} could not be checked for {aligned[0].domain}"
    # §4.10.2: where author and identifiers are one name with a record, that name is the organizational domain.
    return _Alignment(walk.org_domain or (author if passed else None), passed, doubt)


def _may_align(record: DmarcRecord, identifier: Identifier, author: str) -> bool:
    mode = record.aspf if identifier.method is Method.SPF else record.adkim
    return mode is Alignment.RELAXED and identifier.domain.rpartition(".")[2] == author.rpartition(".")[2]


def _near(walk: Walk, org_domain: str, candidates: Sequence[Identifier]) -> Asks[tuple[list[Identifier], str]]:
    """Those whose organizational domain is the author's; and the trouble on the way, if any."""
    below = "." + org_domain
    # The organizational domain is its own organizational domain: only names under it need a walk.
    names = dict.fromkeys(each.domain for each in candidates if each.domain.endswith(below))
    walks = (yield from together(*(walk_from(name, walk.answers) for name in names))) if names else ()
    near = {org_domain, *(each.start for each in walks if each.org_domain == org_domain)}
    doubt = next((each.trouble for each in walks if each.trouble), "")
    return [each for each in candidates if each.domain in near], doubt


def _result(domain: str, policy: Policy | None, found: _Alignment) -> tuple[DmarcResult, str]:
    if found.passed:
        best = found.passed[0]
        return DmarcResult.PASS, f"{best.method} authenticates {best.domain}, which is aligned with {domain}"
    # RFC 9989 §5.3.6: where a query that is needed was not answered, the message neither passes nor fails.
    if found.doubt:
        return DmarcResult.TEMPERROR, found.doubt
    if policy is None:
        return DmarcResult.TEMPERROR, f"DNS does not say whether {domain} exists, so its policy is not known"
    return DmarcResult.FAIL, f"nothing that SPF or DKIM authenticates is aligned with {domain}"


def _with_testing(policy: Policy | None, record: DmarcRecord) -> Policy | None:
    # RFC 9989 §4.7 t: what is being tested is applied one step weaker.
    if not record.testing or policy is None:
        return policy
    return Policy.QUARANTINE if policy is Policy.REJECT else Policy.NONE


def _disposition(policy: Policy | None, honor_reject: bool) -> Policy:
    # RFC 9989 §7.4: receivers MUST NOT reject because of p=reject alone; without other knowledge, quarantine.
    if policy is Policy.REJECT and not honor_reject:
        return Policy.QUARANTINE
    return policy or Policy.NONE


def _undecided(discovery: Discovery, result: DmarcResult, reason: str) -> DmarcVerdict:
    return DmarcVerdict(
        result,
        discovery.domain,
        discovery.walk.org_domain,
        policy_domain=discovery.policy_domain,
        record=discovery.record,
        reason=reason,
        steps=(*discovery.steps, f"{result}: {reason}"),
    )
