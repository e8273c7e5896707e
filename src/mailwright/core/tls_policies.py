"""What TLS towards a domain's exchangers must show: what DNSSEC vouches for (DANE), else what the domain promised (MTA-STS).

Standards: RFC 7672 §2.2 (which answers count), RFC 8461 §2 (DANE wins) and §5 (what follows), RFC 8460 §4.3 (words),
RFC 8689 §3 and §4.2 (authors who would rather have no TLS than no delivery, and those who would rather have none).
Pure. A host that must not be tried stays in the route with the reason, so that the attempt tells it.
Not here: fetching policies (net/mta_sts.py), judging certificates (mailauth/dane.py, net/courier.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mailwright.core.ports import Deferred, Host, Rejected, Route, TlsFault, TlsPolicy
from mailwright.mail.header import Header
from mailwright.mail.questions import Answer, Asks, Question, RecordType, ask_all
from mailwright.mailauth import mta_sts
from mailwright.mailauth.dane import usable

DANE = "tlsa"
STS = "sts"
NO_POLICY = "no-policy-found"


def dane(domain: str, hosts: Sequence[Host], located: Mapping[str, tuple[Answer, ...]]) -> Asks[list[Host]]:
    """The hosts with what their TLSA records ask; `located` are the answers about their addresses."""
    # §2.2.2: a host whose addresses are not secure has no secure TLSA records, and is not asked for any.
    bases = {host.name: _bases(host.name, located[host.name]) for host in hosts}
    asked = [(host, base) for host in hosts for base in bases[host.name]]
    answers = yield from ask_all([Question(f"_{host.port}._tcp.{base}", RecordType.TLSA) for host, base in asked])
    found = {(host.name, base): reply for (host, base), reply in zip(asked, answers, strict=True)}
    return [
        _with_dane(domain, host, located[host.name], {base: found[host.name, base] for base in bases[host.name]})
        for host in hosts
    ]


def _bases(name: str, located: Sequence[Answer]) -> tuple[str, ...]:
    """Where the TLSA records of a host may stand (§2.2.2): at the end of its aliases, or else at its own name."""
    if not all(reply.authenticated for reply in located):
        return ()
    return tuple(dict.fromkeys([*(reply.alias for reply in located if reply.alias), name]))


def _with_dane(domain: str, host: Host, located: Sequence[Answer], told: Mapping[str, Answer]) -> Host:
    # S17, RFC 7672 §2.1.2: a bogus answer looks like trouble, and who could force it could have mail in plain text.
    fault = TlsFault("dnssec-invalid", f"DNS did not say whether {host.name} has TLSA records")
    unsaid = replace(host, policy=TlsPolicy(DANE, host.name, fault=fault))
    if any(reply.trouble for reply in located):
        return unsaid
    for base, reply in told.items():
        if reply.trouble:
            return unsaid
        if reply.records and reply.authenticated:
            return replace(host, policy=TlsPolicy(DANE, host.name, reply.records, names=(base, domain)))
    return host


def relaxed(route: Route, header: Header) -> Route:
    """The route for a message whose author would rather have it arrive than be secret (RFC 8689 §3: `TLS-Required: No`)."""
    if (header.value("tls-required") or "").strip().lower() != "no":
        return route
    hosts = [replace(host, policy=replace(host.policy, enforce=False)) if host.policy else host for host in route.hosts]
    return replace(route, hosts=tuple(hosts))


def required(route: Route) -> Route | Deferred | Rejected:
    """The route for a message that must not go on in the clear: hosts that DANE or MTA-STS vouches for (RFC 8689 §4.2.1)."""
    if route.ours or route.tls != "opportunistic":
        return route  # it stays here, or goes to whom an operator named
    hosts = [
        replace(host, policy=replace(host.policy, enforce=True)) for host in route.hosts if host.policy and _named(host.policy)
    ]
    if not hosts:
        for host in route.hosts:
            if host.policy and host.policy.fault:  # a policy that could not be fetched may be there later
                return Deferred(None, "4.7.5", f"it requires TLS: {host.policy.fault.reason}")
        return Rejected(None, "5.7.30", "it requires TLS, and neither DANE nor MTA-STS says what TLS must show there")
    return replace(route, hosts=tuple(hosts))


def _named(policy: TlsPolicy) -> bool:
    # RFC 7672 §2.2: where no TLSA record is usable there is TLS, with whoever answers.
    return policy.type == STS or (policy.type == DANE and (policy.fault is not None or bool(usable(policy.strings))))


def with_sts(route: Route, domain: str, policy: mta_sts.Policy | None, fault: TlsFault | None) -> Route:
    """The route with what the domain promised about its exchangers."""
    if policy is None or policy.mode is mta_sts.Mode.NONE:
        told = TlsPolicy(NO_POLICY, domain, enforce=False, fault=fault)
        hosts = [replace(host, policy=host.policy or told) for host in route.hosts] if fault else list(route.hosts)
    else:
        hosts = [_with_sts(domain, host, policy) for host in route.hosts]
    return replace(route, hosts=tuple(hosts))


def _with_sts(domain: str, host: Host, policy: mta_sts.Policy) -> Host:
    enforce = policy.mode is mta_sts.Mode.ENFORCE
    above = host.policy
    # RFC 8461 §2: a promise must not undo what DANE asks. Records of which none is usable ask for less than it does.
    if above is not None and (above.fault or usable(above.strings) or not enforce):
        return host
    fault = TlsFault("validation-failure", f"the MTA-STS policy of {domain} does not list the exchanger {host.name}")
    fault_or_not = None if policy.covers(host.name) else fault
    return replace(host, policy=TlsPolicy(STS, domain, policy.strings, policy.mx, enforce, fault=fault_or_not))
