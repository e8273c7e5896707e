"""Agent-Identity on what leaves: which agent wrote it, in which mode, for whom, and by whose word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from delivering import BOB, CAROL, send

from mailwright.core import approvals, identity
from mailwright.core.inspection import Found
from mailwright.core.model import ApprovalStatus, KeyState, OversightMode
from mailwright.core.records import Purpose, records
from mailwright.core.sending import Wanted
from mailwright.mail.header import parse_header
from mailwright.mailauth import provenance

DAY = 86_400_000


def seen(internet, letter, rcpt=None):
    now = internet.ports.clock.now() // 1000
    check = provenance.verify(letter.header, letter.raw, now=now, rcpt=letter.rcpt_to if rcpt is None else rcpt)
    return internet.do(internet.ports.resolver.resolve(check))


def domain_of(internet):
    return internet.read(lambda tx: tx.domains.by_name("agents.example"))


# --- what is said ---------------------------------------------------------------------------------------------------------


def test_a_receiver_outside_verifies_which_agent_wrote_and_in_which_mode(internet):
    bob = internet.person(BOB)
    sent = send(internet)
    found = seen(internet, bob.letter(sent))
    assert "pass" == found.verdict
    said = {"agent_id": "ada", "oversight": "autonomous", "d": "agents.example", "ai": "generated", "apr": "none"}
    assert said == {name: found.tags[name] for name in said}
    assert "ap" not in found.tags


def test_each_recipient_gets_a_field_of_its_own_that_names_none_of_them(internet):
    bob, carol = internet.person(BOB), internet.person(CAROL)
    sent = internet.agent("ada").submit(Wanted(to=(BOB,), bcc=(CAROL,), text="At four?"))
    letters = bob.letter(sent), carol.letter(sent)
    assert ["pass", "pass"] == [seen(internet, letter).verdict for letter in letters]
    assert ["pass relayed"] * 2 == [seen(internet, letters[0], CAROL).verdict, seen(internet, letters[1], BOB).verdict]
    assert CAROL.encode() not in letters[0].raw + letters[1].raw


def test_what_a_person_approved_says_so_and_names_the_decision(internet):
    bob = internet.person(BOB)
    sent = send(internet, mode="gated_send")
    internet.approver().approve(sent)
    found = seen(internet, bob.letter(sent))
    assert ("pass", "gated_send", "human") == (found.verdict, found.tags["oversight"], found.tags["apr"])
    assert approvals.record_digest(sent.approval) == found.tags["ap"]


def test_the_mode_is_the_one_that_the_message_was_judged_by(internet):
    bob = internet.person(BOB)
    sent = send(internet, oversight_mode=OversightMode.GATED_ALL)
    internet.approver().approve(sent)
    internet.agent("ada").set_mode("gated_send")
    assert "gated_all" == seen(internet, bob.letter(sent)).tags["oversight"]


def test_every_fact_of_a_decision_is_in_its_digest(internet):
    sent = send(internet, mode="gated_send")
    internet.approver().approve(sent)
    given = sent.approval
    others = [
        replace(given, id="apr_other"),
        replace(given, decided_at=1),
        replace(given, decided_by="key_other"),
        replace(given, status=ApprovalStatus.REJECTED),
        replace(given, digest="0" * 64),
        replace(given, recipients=(BOB, CAROL)),
    ]
    assert 7 == len({approvals.record_digest(one) for one in (given, *others)})
    assert approvals.record_digest(given) == approvals.record_digest(replace(given, note="fine"))


def test_whoever_answers_for_the_agent_is_named(internet):
    bob = internet.person(BOB)
    box = internet.agent("ada").mailbox

    async def name(tx):
        row = await tx.agents.get(box.tenant_id, box.agent_id)
        await tx.agents.put(replace(row, responsible="olga@example.com"))

    internet.write(name)
    assert "olga@example.com" == seen(internet, bob.letter(send(internet))).tags["rp"]


def test_dkim_covers_the_field(internet):
    bob = internet.person(BOB)
    letter = bob.letter(send(internet))
    (rsa, ed) = letter.authentication.dkim
    assert [2, 2] == [one.header_fields.count("agent-identity") for one in (rsa, ed)]
    assert ["pass", "pass"] == [rsa.result, ed.result]


def test_a_retry_is_signed_anew(internet):
    bob = internet.person(BOB)
    bob.greylists()
    sent = send(internet)
    internet.pass_time(hours=2)
    first, *_, last = (parse_header(one.signature).value("agent-identity") for one in sent.attempts)
    assert first != last == bob.letter(sent).header.value("agent-identity")
    assert "pass" == seen(internet, bob.letter(sent)).verdict


def test_a_domain_without_a_key_says_nothing(internet):
    bob = internet.person(BOB)
    row = domain_of(internet)
    internet.write(lambda tx: tx.domains.put(replace(row, identity_keys=())))
    letter = bob.letter(send(internet))
    assert [] == letter.header.all("agent-identity")
    assert "none" == seen(internet, letter).verdict


# --- keys -----------------------------------------------------------------------------------------------------------------


def test_a_new_domain_has_a_key_that_is_none_of_its_dkim_keys(internet):
    row = domain_of(internet)
    (key,) = row.identity_keys
    assert KeyState.SIGNING is key.state
    assert key.private_pem not in [one.private_pem for one in row.dkim_keys]
    assert [key.record, "v=AGENTID1; req=2"] == [
        one.value for one in records(row, internet.ports.settings) if "_agentid" in one.name
    ]


def rotate(internet):
    row, operator = domain_of(internet), internet.home.operator
    return internet.write(lambda tx: identity.rotate(tx, internet.ports, operator, row))


def publish(internet, row):
    for one in records(row, internet.ports.settings):
        internet.withdraw(one.name, one.type.value)
    internet.dns.add((one.name, one.type.value, one.value) for one in records(row, internet.ports.settings))


def verify(internet, row):
    return internet.home.server.verify(internet.home.operator, row.id)


def test_a_new_key_signs_once_it_is_published_and_the_old_one_stays_so(internet):
    bob = internet.person(BOB)
    old = bob.letter(send(internet))
    row = rotate(internet)
    assert [KeyState.SIGNING, KeyState.NEXT] == [key.state for key in row.identity_keys]
    assert row == rotate(internet)
    assert KeyState.NEXT is verify(internet, row).identity_keys[1].state
    publish(internet, row)
    row = verify(internet, row)
    assert [KeyState.RETIRED, KeyState.SIGNING] == [key.state for key in row.identity_keys]
    assert "" == row.identity_keys[0].private_pem
    told = [event.data["selector"] for event in internet.events("domain.key_rotated")]
    assert [row.identity_keys[1].selector] == told
    new = bob.letter(send(internet))
    assert [key.selector for key in row.identity_keys] == [seen(internet, one).tags["s"] for one in (old, new)]
    assert ["pass", "pass"] == [seen(internet, one).verdict for one in (old, new)]


class Twins:
    """Every id is drawn twice."""

    def __init__(self, ids):
        self._ids, self._drawn = ids, []
        self.secret = ids.secret

    def new(self, prefix):
        self._drawn = self._drawn or [self._ids.new(prefix)] * 2
        return self._drawn.pop()


def test_a_next_key_never_gets_the_selector_of_one_before_it(internet):
    ports = replace(internet.ports, ids=Twins(internet.ports.ids))
    row = replace(domain_of(internet), identity_keys=(identity.new_key(ports, "agents.example", KeyState.SIGNING),))
    first, second = identity.rotated(ports, row).identity_keys
    assert first.selector != second.selector


def test_a_retired_key_goes_when_nothing_it_signed_is_good_any_more(internet):
    for _ in range(2):
        publish(internet, rotate(internet))
        row = verify(internet, domain_of(internet))
        internet.pass_time(days=31)
    assert [KeyState.RETIRED, KeyState.SIGNING] == [key.state for key in row.identity_keys]


def test_a_domain_that_had_no_key_gets_one_that_signs(internet):
    row = domain_of(internet)
    internet.write(lambda tx: tx.domains.put(replace(row, identity_keys=())))
    assert [KeyState.SIGNING] == [key.state for key in rotate(internet).identity_keys]


@pytest.mark.parametrize(
    ("there", "found"),
    [("", Found.MISSING), ("v=AGENTID1; k=ed25519; p=AAAA; agent=*", Found.INVALID), ("!servfail", Found.UNKNOWN)],
)
def test_mail_does_not_wait_for_the_identity_records(internet, there, found):
    row = domain_of(internet)
    name = f"{row.identity_keys[0].selector}._agentid.agents.example"
    internet.withdraw(name)
    internet.withdraw("_policy._agentid.agents.example")
    if there:
        internet.dns.add([(name, "TXT", there), ("_policy._agentid.agents.example", "TXT", there)])
    row = verify(internet, row)
    checks = {one["purpose"]: one["status"] for one in row.checks["records"]}
    assert "aligned" == row.status
    assert (found, found) == (checks[Purpose.IDENTITY], checks[Purpose.IDENTITY_POLICY])


def test_the_field_is_not_made_from_headers_of_the_caller(internet):
    header = parse_header(send(internet).raw)
    assert [] == header.all("agent-identity")
