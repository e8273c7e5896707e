"""What TLS towards a domain's exchangers must show: DANE by DNSSEC, else MTA-STS (RFC 7672 §2.2, RFC 8461 §2 and §5)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
from core.delivering import begin, send

from mailwright.core.delivery import find_route
from mailwright.core.ports import Deferred, Host, Rejected, Route, TlsFault, TlsPolicy
from mailwright.core.routing import Here, exchangers
from mailwright.core.tls_policies import relaxed, required, with_sts
from mailwright.mail.header import parse_header
from mailwright.mail.questions import Answer, Question, Status, Zone, answer
from mailwright.mailauth.mta_sts import Mode, Policy

HERE = Here("mx.agents.example", ("192.0.32.9",))
RECORD = "3 1 1 " + "ab" * 32
OTHER = "3 1 1 " + "cd" * 32
ZONE = f"""
there.example MX 10 a.there.example
there.example MX 20 b.else.example
a.there.example A 1.1.1.1
b.else.example A 1.1.1.2
_25._tcp.a.there.example TLSA {RECORD}
_25._tcp.b.else.example TLSA {RECORD}
"""
EVERYTHING = ("there.example", "a.there.example", "_25._tcp.a.there.example")


def route(secure: Collection[str] = EVERYTHING, zone: str = ZONE, asked: list[Question] | None = None) -> Route:
    """The route to there.example where these names are signed, and a validating resolver says so."""

    def lookup(question: Question) -> Answer:
        if asked is not None:
            asked.append(question)
        found = Zone.parse(zone)(question)
        signed = question.name in secure and found.status is not Status.SERVFAIL
        return replace(found, authenticated=signed)

    found = answer(exchangers("there.example", HERE, lambda names: None), lookup)
    assert isinstance(found, Route)
    return found


def policies(found: Route) -> list[tuple[str, bool, str | None] | None]:
    return [p and (p.type, p.enforce, p.fault.type if p.fault else None) for p in (host.policy for host in found.hosts)]


DANE = ("tlsa", True, None)
BOGUS = ("tlsa", True, "dnssec-invalid")
ENFORCED = ("sts", True, None)
UNLISTED = ("sts", True, "validation-failure")


def test_secure_tlsa_records_count_for_each_host_by_itself() -> None:
    found = route()
    assert [DANE, None] == policies(found)
    assert TlsPolicy("tlsa", "a.there.example", (RECORD,), names=("a.there.example", "there.example")) == found.hosts[0].policy


def test_an_exchanger_that_is_an_alias_may_have_its_records_at_the_end_of_it() -> None:
    aliased = ZONE.replace("a.there.example A 1.1.1.1", "a.there.example CNAME host.else.example\nhost.else.example A 1.1.1.1")
    zone = f"{aliased}\n_25._tcp.host.else.example TLSA {OTHER}"
    secure = (*EVERYTHING, "_25._tcp.host.else.example")
    there = TlsPolicy("tlsa", "a.there.example", (OTHER,), names=("host.else.example", "there.example"))
    assert there == route(secure, zone).hosts[0].policy
    # RFC 7672 §2.2.2: where none are there, or nobody vouches for them, those at its own name count.
    own = TlsPolicy("tlsa", "a.there.example", (RECORD,), names=("a.there.example", "there.example"))
    assert (own, own) == (route(EVERYTHING, zone).hosts[0].policy, route(secure, aliased).hosts[0].policy)
    bogus = zone.replace(f"TLSA {OTHER}", "TLSA !servfail")
    assert [BOGUS, None] == policies(route(secure, bogus))


@pytest.mark.parametrize(("field", "enforced"), [(b"TLS-Required: No", False), (b"TLS-Required: yes", True), (b"X: y", True)])
def test_an_author_may_want_no_tls_rather_than_no_delivery(field: bytes, enforced: bool) -> None:
    found = relaxed(route(), parse_header(field + b"\r\n\r\n"))
    assert [("tlsa", enforced, None), None] == policies(found)


# RFC 8689 §4.2.1: a message that must not go on in the clear


def test_what_requires_tls_goes_to_hosts_that_somebody_vouches_for() -> None:
    assert [DANE] == policies(required(route()))
    bogus = route(zone=ZONE.replace(f"a.there.example TLSA {RECORD}", "a.there.example TLSA !servfail"))
    assert [BOGUS] == policies(required(bogus))  # it waits: DNS may vouch for it later
    tested = with_sts(route(()), "there.example", sts("a.there.example", "b.else.example", mode=Mode.TESTING), None)
    assert [ENFORCED, ENFORCED] == policies(required(tested))


def test_what_requires_tls_goes_nowhere_where_nobody_says_what_tls_must_show() -> None:
    unusable = route(zone=ZONE.replace(RECORD, RECORD.replace("3", "1", 1)))
    for found in (route(()), unusable):
        refused = required(found)
        assert isinstance(refused, Rejected)
        assert "5.7.30" == refused.enhanced


def test_what_requires_tls_waits_for_a_policy_that_could_not_be_fetched() -> None:
    unfetched = with_sts(route(()), "there.example", None, TlsFault("sts-policy-fetch-error", "it could not be fetched"))
    assert Deferred(None, "4.7.5", "it requires TLS: it could not be fetched") == required(unfetched)


def test_what_requires_tls_may_stay_here_or_go_to_whom_an_operator_named() -> None:
    for found in (replace(route(()), tls="none", ours=True), replace(route(()), tls="implicit")):
        assert found == required(found)


@pytest.mark.parametrize("insecure", EVERYTHING)
def test_what_dnssec_does_not_vouch_for_asks_for_nothing(insecure: str) -> None:
    assert [None, None] == policies(route([name for name in EVERYTHING if name != insecure]))


def test_without_a_validating_resolver_nobody_asks_for_tlsa() -> None:
    asked: list[Question] = []
    route((), asked=asked)
    assert "TLSA" not in {question.type for question in asked}


@pytest.mark.parametrize(
    "trouble", [("_25._tcp.a.there.example TLSA !servfail", RECORD), ("a.there.example AAAA !timeout", "")]
)
def test_s17_a_bogus_answer_keeps_mail_from_that_host(trouble: tuple[str, str]) -> None:
    zone = ZONE.replace(f"_25._tcp.a.there.example TLSA {trouble[1]}", "") if trouble[1] else ZONE
    assert [BOGUS, None] == policies(route(zone=f"{zone}\n{trouble[0]}"))


def test_trouble_with_what_is_not_signed_is_no_reason_to_wait() -> None:
    assert [None, None] == policies(route((), zone=ZONE + "\na.there.example AAAA !timeout"))


def sts(*mx: str, mode: Mode = Mode.ENFORCE) -> Policy:
    return Policy(mode, mx, 86_400)


def test_hosts_that_the_policy_does_not_list_stay_with_the_reason() -> None:
    found = with_sts(route(()), "there.example", sts("*.there.example"), None)
    assert [ENFORCED, UNLISTED] == policies(found)
    assert found.hosts[0].policy
    assert ("version: STSv1", "mode: enforce", "mx: *.there.example", "max_age: 86400") == found.hosts[0].policy.strings


def test_dane_wins() -> None:
    assert [DANE, UNLISTED] == policies(with_sts(route(), "there.example", sts("x.example"), None))
    bogus = route(zone=ZONE.replace(f"a.there.example TLSA {RECORD}", "a.there.example TLSA !servfail"))
    assert BOGUS == policies(with_sts(bogus, "there.example", sts("a.there.example"), None))[0]


@pytest.mark.parametrize(("mode", "expected"), [(Mode.ENFORCE, ENFORCED), (Mode.TESTING, DANE), (Mode.NONE, DANE)])
def test_records_of_which_none_is_usable_ask_for_less_than_an_enforced_policy(mode: Mode, expected: object) -> None:
    found = route(zone=ZONE.replace(RECORD, RECORD.replace("3", "1", 1)))
    assert expected == policies(with_sts(found, "there.example", sts("a.there.example", mode=mode), None))[0]


def test_in_testing_nothing_is_enforced() -> None:
    found = with_sts(route(()), "there.example", sts("a.there.example", mode=Mode.TESTING), None)
    assert [("sts", False, None), ("sts", False, "validation-failure")] == policies(found)


def test_a_policy_that_could_not_be_fetched_is_told_and_enforces_nothing() -> None:
    plain = Route("there", (Host("a.there.example", ("1.1.1.1",)),))
    fault = TlsFault("sts-policy-fetch-error", "it could not be fetched")
    assert [("no-policy-found", False, "sts-policy-fetch-error")] == policies(with_sts(plain, "there.example", None, fault))
    assert plain == with_sts(plain, "there.example", None, None)
    assert plain == with_sts(plain, "there.example", sts(mode=Mode.NONE), None)


def test_a_delivery_asks_what_its_domain_promised(internet) -> None:  # type: ignore[no-untyped-def]
    class Promised:
        """Every domain promises this."""

        async def of(self, domain: str) -> tuple[Policy | None, TlsFault | None]:
            return sts("mail.elsewhere.example"), None

    send(internet)
    (job,) = begin(internet)
    ports = replace(internet.ports, sts=Promised())
    found = internet.do(find_route(ports, job, None, lambda names: None))
    assert [UNLISTED] == policies(found)
