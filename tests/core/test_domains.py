"""The records of a domain: what to publish, and what DNS is found to hold instead."""

from __future__ import annotations

from dataclasses import replace

import dns.zone
import pytest

from mailwright.core import domains
from mailwright.core.domains import NewDomain
from mailwright.core.errors import AlreadyExists, DomainNotAligned, InUse, InvalidInput, NotFound
from mailwright.core.inspection import Found, inspection
from mailwright.core.model import Alignment, DkimKey, Domain, Smarthost
from mailwright.core.ports import Settings
from mailwright.core.records import WHY, Purpose, records, zone_file
from mailwright.mail.questions import Status, Zone, answer
from mailwright.mailauth import dkim
from mailwright.system.machine import RandomIds

SETTINGS = Settings(hostname="mx.agents.example", addresses=("192.0.2.1", "2001:db8::1"))
KEYS = (
    DkimKey("r1", "rsa-sha256", "", "v=DKIM1; k=rsa; p=AAAA"),
    DkimKey("e1", "ed25519-sha256", "", "v=DKIM1; k=ed25519; p=BBBB"),
)
DOMAIN = Domain("dom_1", "ten_1", "there.example", Alignment.PENDING, KEYS, "quarantine", 0, dmarc_rua="dmarc@there.example")
SPF = "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"
ZONE = f"""
there.example MX 10 mx.agents.example
there.example TXT {SPF}
r1._domainkey.there.example TXT v=DKIM1; k=rsa; p=AAAA
e1._domainkey.there.example TXT v=DKIM1; k=ed25519; p=BBBB
_dmarc.there.example TXT v=DMARC1; p=quarantine; rua=mailto:dmarc@there.example
bounce.there.example MX 10 mx.agents.example
bounce.there.example TXT {SPF}
_smtp._tls.there.example TXT v=TLSRPTv1; rua=mailto:dmarc@there.example
"""
RSA, ED = "r1._domainkey.there.example", "e1._domainkey.there.example"
DMARC, BOUNCE = "_dmarc.there.example", "bounce.there.example"


def inspect(zone: str, settings: Settings = SETTINGS):
    return answer(inspection(DOMAIN, settings), Zone.parse(zone))


def changed(name: str, kind: str, *values: str) -> str:
    """The zone with other records there."""
    kept = [line for line in ZONE.splitlines() if line.split()[:2] != [name, kind]]
    return "\n".join([*kept, *(f"{name} {kind} {value}" for value in values)])


def test_what_to_publish():
    assert [
        ("MX", "there.example", "10 mx.agents.example", "mx"),
        ("TXT", "there.example", SPF, "spf"),
        ("TXT", RSA, "v=DKIM1; k=rsa; p=AAAA", "dkim"),
        ("TXT", ED, "v=DKIM1; k=ed25519; p=BBBB", "dkim"),
        ("TXT", DMARC, "v=DMARC1; p=quarantine; rua=mailto:dmarc@there.example", "dmarc"),
        ("MX", BOUNCE, "10 mx.agents.example", "return_path_mx"),
        ("TXT", BOUNCE, SPF, "return_path_spf"),
        ("TXT", "_smtp._tls.there.example", "v=TLSRPTv1; rua=mailto:dmarc@there.example", "tls_reports"),
    ] == [(one.type, one.name, one.value, one.purpose) for one in records(DOMAIN, SETTINGS)]


def test_every_purpose_says_what_it_is_for():
    assert set(Purpose) == set(WHY)


def test_a_server_without_known_addresses_is_named_in_spf():
    settings = replace(SETTINGS, addresses=())
    assert "v=spf1 a:mx.agents.example -all" == records(DOMAIN, settings)[1].value


def test_a_domain_without_reports_asks_for_none():
    assert "v=DMARC1; p=quarantine" == records(replace(DOMAIN, dmarc_rua=None), SETTINGS)[4].value


def test_the_zone_file_can_be_read_by_a_name_server():
    long = replace(DOMAIN, dkim_keys=(replace(KEYS[0], record="v=DKIM1; p=" + 'A"\\' * 200),))
    zone = dns.zone.from_text(zone_file(long, SETTINGS), origin="example.", relativize=False, check_origin=False)
    texts = [b"".join(rdata.strings).decode() for _, _, rdata in zone.iterate_rdatas("TXT")]
    assert {one.value for one in records(long, SETTINGS) if one.type == "TXT"} == set(texts)
    exchangers = {(str(name), str(rdata.exchange)) for name, _, rdata in zone.iterate_rdatas("MX")}
    assert {("there.example.", "mx.agents.example."), ("bounce.there.example.", "mx.agents.example.")} == exchangers


def test_a_domain_whose_records_are_all_there_is_aligned():
    found = inspect(ZONE)
    assert (Alignment.ALIGNED, {Found.VALID}) == (found.status, {check.found for check in found.checks})
    assert {""} == {check.why for check in found.checks}


def test_a_domain_without_records_waits_for_them():
    found = inspect("there.example A 192.0.2.7")
    assert (Alignment.PENDING, {Found.MISSING}) == (found.status, {check.found for check in found.checks})
    assert "there is no MX record" in found.detail


OTHER_KEY = "another key is published than the one we sign with"
CASES = [
    ("no MX", "there.example", "MX", [], Found.MISSING, "there is no MX record"),
    ("another exchanger", "there.example", "MX", ["10 mx.else.example"], Found.INVALID, "mail goes to other hosts"),
    ("ours among others", "there.example", "MX", ["5 mx.else.example", "10 MX.Agents.Example."], Found.VALID, ""),
    ("no SPF", "there.example", "TXT", ["hello"], Found.MISSING, "there is no SPF record"),
    ("two SPF records", "there.example", "TXT", [SPF, "v=spf1 mx -all"], Found.INVALID, "there are 2 SPF records"),
    ("SPF beside other texts", "there.example", "TXT", [SPF, "site-verification=1"], Found.VALID, ""),
    ("SPF of others", "there.example", "TXT", ["v=spf1 ip4:198.51.100.1 -all"], Found.INVALID, "SPF says fail"),
    ("SPF of one address", "there.example", "TXT", ["v=spf1 ip4:192.0.2.1 -all"], Found.INVALID, "SPF says fail"),
    ("SPF that is soft", "there.example", "TXT", ["v=spf1 ~all"], Found.INVALID, "SPF says softfail"),
    ("SPF that says nothing", "there.example", "TXT", ["v=spf1"], Found.INVALID, "SPF says neutral"),
    ("SPF with a typo", "there.example", "TXT", ["v=spf1 ipv4:192.0.2.1 -all"], Found.INVALID, "SPF says permerror"),
    ("SPF by our name", "there.example", "TXT", ["v=spf1 a:our.example -all"], Found.VALID, ""),
    (
        "SPF that names a silent host",
        "there.example",
        "TXT",
        ["v=spf1 include:dead.example -all"],
        Found.UNKNOWN,
        "DNS did not",
    ),
    ("no DKIM key", RSA, "TXT", [], Found.MISSING, "the key is not published"),
    ("another DKIM key", RSA, "TXT", ["v=DKIM1; k=rsa; p=CCCC"], Found.INVALID, OTHER_KEY),
    ("a DKIM key in pieces", RSA, "TXT", ["v=DKIM1; k=rsa; p=AA AA ;"], Found.VALID, ""),
    ("a revoked DKIM key", RSA, "TXT", ["v=DKIM1; p="], Found.INVALID, OTHER_KEY),
    ("two DKIM records", RSA, "TXT", ["v=DKIM1; p=AAAA", "v=DKIM1; p=CCCC"], Found.INVALID, "several records stand"),
    ("the second key missing", ED, "TXT", [], Found.MISSING, "the key is not published"),
    ("no DMARC", DMARC, "TXT", ["v=spf1 -all"], Found.MISSING, "there is no DMARC record"),
    ("two DMARC records", DMARC, "TXT", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], Found.INVALID, "there are several"),
    ("DMARC of another policy", DMARC, "TXT", ["v=DMARC1; p=none"], Found.VALID, ""),
    ("DMARC that is none", DMARC, "TXT", ["v=DMARC1 p=none"], Found.INVALID, "receivers can't read it"),
    ("no MX for bounces", BOUNCE, "MX", [], Found.MISSING, "there is no MX record"),
    ("no SPF for bounces", BOUNCE, "TXT", [], Found.MISSING, "there is no SPF record"),
    ("SPF of others for bounces", BOUNCE, "TXT", ["v=spf1 -all"], Found.INVALID, "SPF says fail"),
    ("DNS fails", "there.example", "MX", ["!servfail"], Found.UNKNOWN, "DNS did not answer (servfail)"),
    ("DNS is silent", DMARC, "TXT", ["!timeout"], Found.UNKNOWN, "DNS did not answer (timeout)"),
]
WORSE = {Found.VALID: Alignment.ALIGNED, Found.INVALID: Alignment.MISALIGNED}
EXTRA = """
our.example A 192.0.2.1
our.example AAAA 2001:db8::1
dead.example TXT !servfail
"""


@pytest.mark.parametrize(("circumstance", "name", "kind", "values", "found", "why"), CASES, ids=[case[0] for case in CASES])
def test_each_record_is_judged_by_itself_with_what_was_seen_and_why(circumstance, name, kind, values, found, why):
    inspected = inspect(changed(name, kind, *values) + EXTRA)
    (judged,) = [one for one in inspected.checks if (one.record.name, one.record.type) == (name, kind)]
    assert (found, True) == (judged.found, why in judged.why), judged
    others = {one.found for one in inspected.checks if one is not judged}
    assert {Found.VALID} == others
    assert WORSE.get(found, Alignment.PENDING) is inspected.status
    if found is not Found.VALID:
        assert f"{name} {kind}: {judged.why}" == inspected.detail
    if found is Found.INVALID:
        assert set(values) >= set(judged.observed) != set()


@pytest.mark.parametrize(
    ("text", "found"), [("v=spf1 a:mx.agents.example -all", Found.VALID), ("v=spf1 mx -all", Found.INVALID)]
)
def test_a_server_that_does_not_know_its_addresses_looks_for_its_name_in_spf(text, found):
    inspected = inspect(changed("there.example", "TXT", text), replace(SETTINGS, addresses=()))
    assert found is inspected.checks[1].found


def test_a_record_that_is_wrong_counts_more_than_one_that_is_missing():
    assert Alignment.MISALIGNED is inspect("there.example MX 10 mx.else.example").status


# --- verbs --------------------------------------------------------------------------------------------------------------


def add(internet, wanted: NewDomain, caller=None):
    by = caller or internet.home.operator
    return internet.write(lambda tx: domains.add(tx, internet.ports, by, wanted))


def verify(internet):
    home = internet.home
    (domain,) = internet.do(domains.page(internet.ports, home.operator, None, 10))
    return home.server.verify(home.operator, domain.id)


def test_a_new_domain_waits_for_its_records(internet):
    smarthost = Smarthost("relay.example", username="u", password="p")
    domain = add(internet, NewDomain("There.Example.", KEYS, "reject", "Reports <dmarc@There.Example>", smarthost))
    assert ("there.example", Alignment.PENDING, "reject", "dmarc@there.example", smarthost) == (
        domain.name,
        domain.status,
        domain.dmarc_policy,
        domain.dmarc_rua,
        domain.smarthost,
    )
    assert domain == internet.do(domains.get(internet.ports, internet.home.operator, domain.id))
    assert ["domain.added"] == [entry.action for entry in internet.audit(subject=domain.id)]


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (NewDomain("", KEYS), "domain"),
        (NewDomain("localhost", KEYS), "domain"),
        (NewDomain("a b.example", KEYS), "domain"),
        (NewDomain("a..example", KEYS), "domain"),
        (NewDomain("-a.example", KEYS), "domain"),
        (NewDomain("[192.0.2.1]", KEYS), "domain"),
        (NewDomain("there.example", KEYS, "maybe"), "dmarc_policy"),
        (NewDomain("there.example", KEYS, dmarc_rua="nobody"), "dmarc_rua"),
        (NewDomain("there.example", KEYS, dmarc_rua="a,b@there.example"), "dmarc_rua"),
        (NewDomain("there.example", KEYS, dmarc_rua='"a;p=none"@there.example'), "dmarc_rua"),
        (NewDomain("there.example", KEYS, dmarc_rua="a!10m@there.example"), "dmarc_rua"),
        (NewDomain("there.example", KEYS, dmarc_rua="ü@there.example"), "dmarc_rua"),
    ],
)
def test_what_can_not_be_a_domain_is_refused_by_field(internet, wanted, path):
    with pytest.raises(InvalidInput) as refused:
        add(internet, wanted)
    assert [path] == [one["path"] for one in refused.value.details]


def test_s11_a_name_in_another_script_is_kept_as_dns_knows_it(internet):
    assert "xn--bcher-kva.example" == add(internet, NewDomain("bücher.example", KEYS)).name


def test_a_tenant_has_a_name_once(internet):
    rival = internet.tenant("rival.example")
    first = add(internet, NewDomain("there.example", KEYS))
    with pytest.raises(AlreadyExists) as refused:
        add(internet, NewDomain("there.example", KEYS))
    assert {"id": first.id} == refused.value.details
    with pytest.raises(NotFound):  # S26
        internet.do(domains.get(internet.ports, rival.operator, first.id))


def test_the_same_client_id_gives_the_same_domain(internet):
    first = add(internet, NewDomain("there.example", KEYS, client_id="c1"))
    assert first == add(internet, NewDomain("other.example", KEYS, client_id="c1"))


@pytest.mark.slow
def test_keys_are_made_of_both_kinds_and_can_sign(internet):
    made = internet.do(domains.make_keys(internet.ports, "there.example"))
    assert ["rsa-sha256", "ed25519-sha256"] == [key.algorithm for key in made]
    loaded = [dkim.load_key("there.example", key.selector, key.private_pem.encode()) for key in made]
    assert [key.record for key in made] == [dkim.dns_record(key) for key in loaded]
    assert 2048 == loaded[0].key.key_size


@pytest.mark.slow
def test_selectors_of_domains_that_are_made_one_after_the_other_have_little_in_common(internet):
    """Ids come in blocks that begin alike."""
    ports = replace(internet.ports, ids=RandomIds())
    made = [internet.do(domains.make_keys(ports, "there.example")) for _ in range(3)]
    assert 6 == len({key.selector for keys in made for key in keys})
    assert 3 == len({keys[0].selector[1:6] for keys in made})


def test_a_domain_with_mailboxes_stays(internet):
    ada = internet.agent("ada").mailbox
    with pytest.raises(InUse) as refused:
        internet.write(lambda tx: domains.remove(tx, internet.ports, internet.home.operator, ada.domain_id))
    assert {"mailboxes": [ada.id]} == refused.value.details


def test_a_domain_without_mailboxes_goes_and_may_come_again(internet):
    rival = internet.tenant("rival.example")
    domain = add(internet, NewDomain("there.example", KEYS))
    internet.write(lambda tx: domains.remove(tx, internet.ports, internet.home.operator, domain.id))
    with pytest.raises(NotFound):
        internet.write(lambda tx: domains.remove(tx, internet.ports, internet.home.operator, domain.id))
    assert rival.id == add(internet, NewDomain("there.example", KEYS), rival.operator).tenant_id


# --- what verification changes ------------------------------------------------------------------------------------------


def told(internet) -> list[str]:
    return [event.type for event in internet.events("domain.aligned", "domain.degraded")]


class NoCache:
    """A resolver that must not be asked for what it remembers."""

    def __init__(self, dns) -> None:
        self._dns = dns

    async def resolve(self, check):
        raise AssertionError("an answer out of the cache would do")

    async def resolve_afresh(self, check):
        return await self._dns.resolve(check)


def test_verifying_looks_at_dns_past_every_cache(internet):
    """Whoever has just published a record wants to see it; of another tenant's keys that counts as much."""
    rival = internet.tenant("rival.example")
    keys = (DkimKey("own", "rsa-sha256", "", "v=DKIM1; k=rsa; p=OWN="),)
    theirs = add(internet, NewDomain("agents.example", keys), rival.operator)
    internet.publish("own._domainkey.agents.example TXT v=DKIM1; k=rsa; p=OWN=")
    ports = replace(internet.ports, resolver=NoCache(internet.dns))
    found = internet.do(domains.inspect(ports, rival.operator, theirs.id))
    assert (Found.VALID, None) == (next(one.found for one in found.checks if one.record.purpose is Purpose.DKIM), found.vacated)


def test_mail_leaves_a_domain_only_when_its_records_are_in_place(internet):
    domain = internet.home.add_domain("there.example", publish=False)
    grace = internet.agent("grace@there.example")
    with pytest.raises(DomainNotAligned, match="pending"):
        grace.send(to="bob@else.example", subject="Tea?")
    internet.dns.add((one.name, one.type.value, one.value) for one in records(domain, internet.ports.settings))
    assert Alignment.ALIGNED is internet.home.server.verify(internet.home.operator, domain.id).status
    assert "queued" == grace.send(to="bob@else.example", subject="Tea?").status


def test_a_domain_that_loses_a_record_is_degraded_and_told_with_what_was_seen(internet):
    internet.agent("ada")
    internet.withdraw("_dmarc.agents.example")
    domain = verify(internet)
    assert (Alignment.PENDING, ["domain.aligned", "domain.degraded"]) == (domain.status, told(internet))
    event = internet.events("domain.degraded")[0]
    wrong = [record for record in event.data["records"] if record["status"] != "valid"]
    assert [("_dmarc.agents.example", "missing", "there is no DMARC record", [])] == [
        (record["name"], record["status"], record["why"], record["observed"]) for record in wrong
    ]
    with pytest.raises(DomainNotAligned):
        internet.agent("ada").send(to="bob@else.example", subject="Tea?")


def test_what_stays_as_it_was_is_not_told_again(internet):
    verify(internet)
    internet.withdraw("_dmarc.agents.example")
    for _ in range(2):
        verify(internet)
    internet.withdraw("agents.example", "MX")
    internet.publish("agents.example MX 5 mx.else.example")
    assert Alignment.MISALIGNED is verify(internet).status
    assert ["domain.aligned", "domain.degraded"] == told(internet)


@pytest.mark.parametrize("name", ["agents.example", "rbox._domainkey.agents.example", "bounce.agents.example"])
@pytest.mark.parametrize("status", [Status.SERVFAIL, Status.TIMEOUT])
def test_a_domain_stays_aligned_while_dns_is_silent(internet, name, status):
    internet.dns_fails(name, status)
    domain = verify(internet)
    assert (Alignment.ALIGNED, ["domain.aligned"]) == (domain.status, told(internet))
    assert "unknown" in {record["status"] for record in domain.checks["records"]}


def test_a_domain_stays_aligned_while_a_host_in_its_spf_record_is_silent(internet):
    internet.withdraw("agents.example", "TXT")
    internet.publish("agents.example TXT v=spf1 include:dead.example -all")
    internet.dns_fails("dead.example")
    assert Alignment.ALIGNED is verify(internet).status


def test_silence_about_one_record_does_not_hide_that_another_is_wrong(internet):
    internet.dns_fails("agents.example")
    internet.withdraw("ebox._domainkey.agents.example")
    internet.publish("ebox._domainkey.agents.example TXT v=DKIM1; k=ed25519; p=CCCC")
    assert (Alignment.MISALIGNED, ["domain.aligned", "domain.degraded"]) == (verify(internet).status, told(internet))


def test_a_new_domain_is_not_aligned_by_silence(internet):
    domain = internet.home.add_domain("there.example", publish=False)
    internet.dns_fails("there.example")
    assert Alignment.PENDING is internet.home.server.verify(internet.home.operator, domain.id).status


def test_every_verification_stands_in_the_log(internet):
    domain = verify(internet)
    assert [{"status": "aligned"}] * 2 == [entry.data for entry in internet.audit(subject=domain.id, action="domain.verified")]
    assert internet.clock.now() == domain.verified_at
