"""Where mail for a domain goes: its exchangers, in the order to be tried.

Standards: RFC 5321 §5.1 (MX, implicit MX), RFC 7505 (null MX), RFC 3463 codes, RFC 7672 §2.2 (TLSA of exchangers).
Pure: asks DNS by yielding questions. At most 20 exchangers are looked at (S17); ones that are ourselves, and all less
preferred, are left out, so that mail can't go round in circles.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, MutableSequence
from dataclasses import dataclass

from mailwright.core.ports import Deferred, Host, Rejected, Route
from mailwright.core.tls_policies import dane
from mailwright.mail.questions import Answer, Asks, Question, RecordType, Status, ask, ask_all

MAX_EXCHANGERS = 20
NULL_MX = "5.1.10"  # RFC 7505 §4.2
LOOP = "5.4.6"  # RFC 3463: routing loop detected


@dataclass(frozen=True, slots=True)
class Here:
    """What is ourselves, and what may be connected to."""

    hostname: str
    addresses: Collection[str] = ()
    port: int = 25
    allow_private: bool = False


def exchangers(domain: str, here: Here, shuffle: Callable[[MutableSequence[str]], None]) -> Asks[Route | Deferred | Rejected]:
    """The route to a domain, or the outcome that its DNS dictates without any connection.

    `shuffle` puts a list in random order: hosts of equal preference share the load (RFC 5321 §5.1).
    """
    reply = yield from ask(domain, RecordType.MX)
    if reply.trouble:
        return Deferred(None, "4.4.3", f"DNS did not say where mail for {domain} goes ({reply.status})")
    if reply.status is Status.NXDOMAIN:
        return Rejected(None, "5.1.2", f"the domain {domain} does not exist")
    names = _preferred(reply, here, shuffle) if reply.records else [domain]
    if names is None:
        return Rejected(None, NULL_MX, f"{domain} accepts no mail: it publishes a null MX (RFC 7505)")
    if not names:
        return _loop(domain)
    return (yield from _located(domain, names, here, secure=reply.authenticated))


def _preferred(reply: Answer, here: Here, shuffle: Callable[[MutableSequence[str]], None]) -> list[str] | None:
    """Exchanger names in order; None for a null MX; empty when only we and less preferred ones are listed."""
    by_preference: dict[int, list[str]] = {}
    for record in reply.records[:MAX_EXCHANGERS]:
        preference, _, name = record.partition(" ")
        name = name.strip().rstrip(".").lower()
        if not preference.isdecimal():
            continue
        # RFC 7505 §3: a null MX stands alone; beside others it is a mistake and is passed over.
        if name == "" and len(reply.records) == 1:
            return None
        if name:
            by_preference.setdefault(int(preference), []).append(name)
    ordered: list[str] = []
    for rank in sorted(by_preference):
        if here.hostname in by_preference[rank]:
            break  # RFC 5321 §5.1: ourselves and everything less preferred must be left out
        shuffle(by_preference[rank])
        ordered += by_preference[rank]
    return ordered


def _located(domain: str, names: list[str], here: Here, *, secure: bool) -> Asks[Route | Deferred | Rejected]:
    pairs = [Question(name, kind) for name in names for kind in (RecordType.AAAA, RecordType.A)]
    answers = yield from ask_all(pairs)
    hosts, private, ours = [], False, False
    located: dict[str, tuple[Answer, ...]] = {}
    for index, name in enumerate(names):
        located[name] = answers[2 * index : 2 * index + 2]
        found = [address for reply in located[name] for address in reply.records]
        if any(address in here.addresses for address in found):
            ours = True  # by another name
            break
        usable = tuple(address for address in found if here.allow_private or _public(address))
        private = private or len(usable) < len(found)
        if usable:
            hosts.append(Host(name, usable, here.port))
    if hosts:
        # RFC 7672 §2.2.1: an exchanger that DNSSEC did not name can't be vouched for by its own records.
        hosts = (yield from dane(domain, hosts, located)) if secure else hosts
        return Route(",".join(sorted(host.name for host in hosts)), tuple(hosts))
    if ours:
        return _loop(domain)
    if any(reply.trouble for reply in answers):
        return Deferred(None, "4.4.3", f"DNS did not give the addresses of the exchangers of {domain}")
    if private:
        return Rejected(None, "5.4.4", f"the exchangers of {domain} have only private or loopback addresses")
    return Rejected(None, "5.4.4", f"the exchangers of {domain} have no address")


def _loop(domain: str) -> Rejected:
    return Rejected(
        None, LOOP, f"mail for {domain} would come back to this server: it is its best exchanger, and unaware of it"
    )


def _public(address: str) -> bool:
    # S17: an MX that points at loopback or at a private network would make us attack ourselves.
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False
