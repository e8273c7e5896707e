"""The rules for ARC: what makes a chain, what breaks it, what is sealed, and what it may excuse."""

from __future__ import annotations

import ipaddress

import pytest
from dkim_reference import ED, MESSAGE, NOW, RSA
from hypothesis import given
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Answer, Question, Status, Zone, answer
from mailwright.mailauth.arc import ArcResult, ArcVerdict, seal, verify
from mailwright.mailauth.arc.fields import MAX_INSTANCE, ArcSet, parse_message_signature, parse_seal
from mailwright.mailauth.arc.verify import signed_by_seals
from mailwright.mailauth.authenticate import Authentication, authenticate, authentication_results
from mailwright.mailauth.authres import own_results, parse
from mailwright.mailauth.dkim import dns_record
from mailwright.mailauth.dkim.keys import PublicKey, parse_key
from mailwright.mailauth.dmarc import Policy

RECORDS = {(key.name, "TXT"): (dns_record(key),) for key in (RSA, ED)}
ZONE = Zone(RECORDS)
SEEN = "spf=pass smtp.mailfrom=example.com; dmarc=pass header.from=example.com"


def check(message: bytes, zone: Zone = ZONE, now: int = NOW) -> ArcVerdict:
    return answer(verify(parse_header(message), message, now=now), zone)


def sealed(message: bytes = MESSAGE, times: int = 1, key=RSA, results: str = SEEN) -> bytes:  # type: ignore[no-untyped-def]
    for _ in range(times):
        header = parse_header(message)
        body = message[header.body_start :]
        chain = check(message)
        message = seal(header, body, key, chain=chain, authserv_id="mx.list.test", results=results, now=NOW) + message
    return message


def fields(message: bytes) -> list[bytes]:
    """The ARC fields on top, and all the rest as one."""
    top = [field.raw for field in parse_header(message).fields if field.name.startswith("arc-")]
    return [*top, message[sum(map(len, top)) :]]


def test_arc_1_a_message_without_sets_has_no_chain() -> None:
    verdict = check(MESSAGE)
    assert (ArcResult.NONE, 0, ("the message has no ARC sets",)) == (verdict.result, verdict.instance, verdict.steps)


@pytest.mark.parametrize("key", [RSA, ED])
@pytest.mark.parametrize("times", [1, 2, 5])
def test_arc_1_what_we_seal_passes_however_often(times: int, key) -> None:  # type: ignore[no-untyped-def]
    verdict = check(sealed(times=times, key=key))
    assert (ArcResult.PASS, times, ("example.com",) * times) == (verdict.result, verdict.instance, verdict.sealers)
    assert SEEN in verdict.first_results


def test_arc_1_the_steps_show_keys_as_observed_and_each_signature() -> None:
    steps = check(sealed()).steps
    assert f"the message signature of i=1: {RSA.name} TXT: {dns_record(RSA)}" in steps
    assert "the seal of i=1: pass" in steps
    assert "pass: sealed by example.com" == steps[-1]


def test_arc_1_fields_may_stand_in_any_order() -> None:
    *top, rest = fields(sealed(times=2))
    assert ArcResult.PASS == check(b"".join([*reversed(top), rest])).result


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda top: top[1:], "arc-seal is missing for i=2"),
        (lambda top: top[:1] + top[2:], "arc-message-signature is missing for i=2"),
        (lambda top: top[:2] + top[3:], "arc-authentication-results is missing for i=2"),
        (lambda top: top[:3], "arc-authentication-results is missing for i=1"),
        (lambda top: [top[0], *top], "arc-seal stands 2 times for i=2"),
        (lambda top: [*top, top[4]], "arc-message-signature stands 2 times for i=1"),
        (lambda top: [top[0].replace(b"i=2", b"i=51"), *top[1:]], "arc-seal without an instance from 1 to 50"),
        (lambda top: [top[0].replace(b"i=2", b"i=0"), *top[1:]], "arc-seal without an instance from 1 to 50"),
        (lambda top: [top[0].replace(b"i=2", b"i=3"), *top[1:]], "arc-authentication-results is missing for i=3"),
        (lambda top: [top[0].replace(b"cv=pass", b"cv=none"), *top[1:]], "the seal of i=2 says cv=none, not pass"),
        (lambda top: [*top[:3], top[3].replace(b"cv=none", b"cv=pass"), *top[4:]], "the seal of i=1 says cv=pass, not none"),
        (lambda top: [top[0].replace(b"cv=pass", b"cv=fail"), *top[1:]], "the newest seal says that the chain failed before"),
        (lambda top: [top[0].replace(b"cv=pass", b"cv=maybe"), *top[1:]], "the seal of i=2 says cv=maybe, not pass"),
        (lambda top: [top[0].replace(b"cv=pass;", b""), *top[1:]], "the seal of i=2: signature syntax: no cv="),
        (lambda top: [top[0].replace(b"cv=", b"h=from; cv="), *top[1:]], "the seal of i=2: a seal has no h="),
        (lambda top: [top[0].replace(b"rsa-sha256", b"rsa-sha1"), *top[1:]], "the seal of i=2: rsa-sha1 is not accepted"),
        (lambda top: [*top[:2], top[2].replace(b"dmarc=pass", b"dmarc=fail"), *top[3:]], "the seal of i=2: a set was changed"),
        (lambda top: [*top[:5], top[5].replace(b"dmarc=pass", b"dmarc=fail")], "the seal of i=2: a set was changed"),
        (
            lambda top: [top[0], top[1].replace(b"h=", b"h=arc-seal:"), *top[2:]],
            "the message signature of i=2: h= lists ARC-Seal",
        ),
    ],
)
def test_arc_1_a_chain_that_is_not_whole_fails(change, reason: str) -> None:  # type: ignore[no-untyped-def]
    *top, rest = fields(sealed(times=2))
    changed = b"".join([*change(top), rest])
    assert changed != b"".join([*top, rest])
    verdict = check(changed)
    assert (ArcResult.FAIL, True) == (verdict.result, verdict.reason.startswith(reason)), verdict.reason
    assert verdict.steps[-1] == f"fail: {verdict.reason}"


def test_arc_1_only_the_newest_signature_on_the_message_has_to_match() -> None:
    once = sealed()
    changed = once.replace(b"Subject: ", b"Subject: [list] ")
    assert ArcResult.FAIL == check(changed).result
    header = parse_header(changed)
    body = changed[header.body_start :]
    # The list changes the message after it looked: its set vouches for what it saw, its signature for what it sends.
    new = seal(header, body, RSA, chain=check(once), authserv_id="list.test", results="arc=pass", now=NOW)
    verdict = check(new + changed)
    assert (ArcResult.PASS, 2) == (verdict.result, verdict.instance)


def test_arc_1_a_failed_chain_is_sealed_once_and_never_again() -> None:
    broken = sealed().replace(b"Subject: ", b"Subject: [list] ")
    told = sealed(broken)
    assert b"cv=fail" in fields(told)[0]
    verdict = check(told)
    assert (ArcResult.FAIL, True, 2) == (verdict.result, verdict.ended, verdict.instance)
    assert told == sealed(told)


def test_arc_1_a_seal_over_a_failed_chain_covers_its_own_set_alone() -> None:
    broken = sealed().replace(b"Subject: ", b"Subject: [list] ")
    own_seal, message, results = parse_header(sealed(broken)).fields[:3]
    read = parse_seal(own_seal)
    (signed,) = signed_by_seals((ArcSet(2, results, parse_message_signature(message), read, "fail"),))
    key = parse_key(dns_record(RSA))
    assert isinstance(key, PublicKey)
    assert key.verify(read.signature, signed)


@pytest.mark.slow
def test_arc_1_fifty_sets_are_the_most() -> None:
    full = sealed(times=MAX_INSTANCE, key=ED)
    assert (ArcResult.PASS, MAX_INSTANCE) == ((verdict := in_time(1, lambda: check(full))).result, verdict.instance)
    assert full == sealed(full)
    extra = full.replace(b"i=50", b"i=51", 3)
    assert ArcResult.FAIL == check(extra).result


def test_s17_a_thousand_sets_cost_no_lookup_and_no_time() -> None:
    asked: list[Question] = []

    def lookup(question: Question) -> Answer:
        asked.append(question)
        return Answer(Status.NXDOMAIN)

    crowd = b"".join(
        b"ARC-Seal: i=%d; a=rsa-sha256; d=d%d.test; s=s; cv=pass; b=eA==\r\n" % (n % 50 + 1, n) for n in range(900)
    )
    message = crowd + MESSAGE
    verdict = in_time(0.5, lambda: answer(verify(parse_header(message), message, now=NOW), lookup))
    assert (ArcResult.FAIL, []) == (verdict.result, asked)


def test_s17_a_chain_asks_for_each_key_once() -> None:
    asked: list[Question] = []

    def lookup(question: Question) -> Answer:
        asked.append(question)
        return ZONE(question)

    message = sealed(times=4)
    assert ArcResult.PASS == answer(verify(parse_header(message), message, now=NOW), lookup).result
    assert [RSA.name] == [question.name for question in asked]


@pytest.mark.parametrize("trouble", ["!servfail", "!timeout"])
def test_dns_trouble_is_told_apart_from_a_broken_chain(trouble: str) -> None:
    zone = Zone({(RSA.name, "TXT"): (trouble,)})
    verdict = check(sealed(), zone)
    assert (ArcResult.TEMPERROR, ()) == (verdict.result, verdict.sealers)
    broken = sealed().replace(b"cv=none", b"cv=pass")
    assert ArcResult.FAIL == check(broken, zone).result
    with pytest.raises(ValueError, match="not known"):
        seal(parse_header(MESSAGE), b"", RSA, chain=verdict, authserv_id="x", results="", now=NOW)


@pytest.mark.parametrize(
    "record",
    [None, "v=DKIM1; p=", "v=DKIM1; p=x", "v=DKIM1; k=ed25519; p=" + dns_record(ED)[-44:]],
    ids=["none", "revoked", "nonsense", "another"],
)
def test_a_key_that_is_missing_revoked_or_another_breaks_the_chain(record: str | None) -> None:
    zone = Zone({(RSA.name, "TXT"): (record,)} if record else {})
    assert ArcResult.FAIL == check(sealed(), zone).result


def test_a_malformed_header_breaks_the_chain() -> None:
    assert "malformed header: junk-line" == check(b"junk\r\n" + sealed()).reason
    assert ArcResult.NONE == check(b"junk\r\n" + MESSAGE).result


@pytest.mark.parametrize("message", [b"Subject: x\r\n\r\nx", b"junk\r\nFrom: a@b.test\r\n\r\nx"])
def test_what_must_not_be_sent_is_not_sealed(message: bytes) -> None:
    with pytest.raises(ValueError):
        seal(parse_header(message), b"x", RSA, chain=check(message), authserv_id="x", results="", now=NOW)


def test_a_seal_never_signs_seals_or_results() -> None:
    for name in ("ARC-Seal", "arc-authentication-results", "Authentication-Results"):
        with pytest.raises(ValueError, match="never covers"):
            seal(
                parse_header(MESSAGE),
                b"",
                RSA,
                chain=check(MESSAGE),
                authserv_id="x",
                results="",
                now=NOW,
                names=["from", name],
            )


def test_lines_of_a_seal_are_short_but_for_signatures() -> None:
    long = "; ".join(f"dkim=pass header.d=d{n}.example.com header.s=selector" for n in range(30))
    top = fields(sealed(results=long))[:3]
    assert all(len(line) <= 78 or line.lstrip().startswith(b"b=") for raw in top for line in raw.split(b"\r\n"))
    assert ArcResult.PASS == check(sealed(results=long)).result


def test_results_can_not_break_out_of_the_field() -> None:
    written = fields(sealed(results="spf=pass\r\nX-Evil: 1\r\n\r\nbody"))
    assert 4 == len(written)
    assert b"\nX-Evil" not in b"".join(written[:3])


def test_our_own_results_are_gathered_from_all_our_fields() -> None:
    raw = (
        b"Authentication-Results: mx.test; arc=none;\r\n  spf=pass smtp.mfrom=a@b.test\r\n"
        b"Authentication-Results: MX.TEST 1; dkim=pass (1024-bit key) header.i=@b.test;\r\n"
        b"Authentication-Results: other.test; dmarc=fail\r\n"
        b"Authentication-Results: mx.test; none\r\n\r\n"
    )
    expected = "arc=none;  spf=pass smtp.mfrom=a@b.test; dkim=pass (1024-bit key) header.i=@b.test"
    assert expected == own_results(parse_header(raw), "mx.test")
    assert "" == own_results(parse_header(raw), "nobody.test")
    assert "none" == own_results(parse_header(b"Authentication-Results: mx.test; none\r\n" * 2 + b"\r\n"), "mx.test")


def test_arc_2_where_nothing_was_found_the_set_says_none() -> None:
    verdict = check(sealed(results=""))
    assert (ArcResult.PASS, "i=1; mx.list.test; none") == (verdict.result, verdict.first_results)


# --- in the verdict on a message ------------------------------------------------------------------------------------------

POLICY = {("_dmarc.example.com", "TXT"): ("v=DMARC1; p=reject",)}


def authenticated(message: bytes, trusted: tuple[str, ...] = ()) -> Authentication:
    check = authenticate(
        message,
        parse_header(message),
        ip=ipaddress.ip_address("192.0.2.1"),
        helo="list.test",
        mail_from="list@list.test",
        now=NOW,
        trusted_sealers=trusted,
    )
    return answer(check, Zone({**RECORDS, **POLICY}))


def test_arc_2_the_result_is_written_down() -> None:
    for message, expected in ((MESSAGE, "none"), (sealed(), "pass"), (sealed().replace(b"cv=none", b"cv=pass"), "fail")):
        field = authentication_results(authenticated(message), "mx.test").decode()
        found = parse(field.partition(":")[2]).results[-1]
        assert ("arc", expected, expected == "fail") == (found.method, found.result, bool(found.reason))


def test_arc_2_a_chain_excuses_nothing_unless_its_sealers_are_trusted() -> None:
    assert Policy.QUARANTINE == authenticated(sealed()).dmarc.disposition
    assert Policy.QUARANTINE == authenticated(sealed(), ("other.test",)).dmarc.disposition
    excused = authenticated(sealed(times=2), ("EXAMPLE.com",)).dmarc
    assert ("fail", Policy.NONE) == (excused.result, excused.disposition)
    assert excused.steps[-1].startswith("not acted on: example.com, which is trusted, saw dmarc=pass")


@pytest.mark.parametrize(
    "message",
    [
        sealed(results="dmarc=fail header.from=example.com"),
        sealed(results="dmarc=pass header.from=other.test"),
        sealed(results="dmarc=pass"),
        sealed(results="none"),
        sealed().replace(b"four", b"five"),
    ],
)
def test_arc_2_a_trusted_chain_excuses_only_what_passed_at_its_start(message: bytes) -> None:
    assert Policy.QUARANTINE == authenticated(message, ("example.com",)).dmarc.disposition


def test_spf_says_nothing_where_nobody_knows_the_host() -> None:
    check = authenticate(MESSAGE, parse_header(MESSAGE), ip=None, helo="", mail_from="a@example.com", now=NOW)
    found = answer(check, ZONE)
    assert ("none", None) == (found.spf.result, found.spf_helo)
    assert ("none: nobody said which host handed the message over",) == found.spf.steps


PIECES = st.sampled_from(
    [
        *(
            b"ARC-Seal: ",
            b"ARC-Message-Signature:",
            b"ARC-Authentication-Results:",
            b"i=1;",
            b"i = 2 ;",
            b"i=99;",
            b"(c)",
            b"((",
        ),
        *(b"a=rsa-sha256;", b"cv=none;", b"cv=pass;", b"d=example.com;", b"s=s1;", b"b=eA==;", b"bh=eA==;", b"h=from;", b"h=;"),
        *(b"\r\n", b"\r\n ", b"From: a@b.c\r\n", b"\0"),
    ]
)


@given(st.lists(PIECES | st.binary(max_size=20), max_size=60).map(b"".join))
def test_any_header_has_a_verdict(raw: bytes) -> None:
    assert check(raw).result in ArcResult


@pytest.mark.parametrize("piece", [b"i=1;", b"(", b"()", b" ", b"i=", b"a:", b"\r\n "])
@pytest.mark.parametrize("name", [b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"])
@pytest.mark.slow
def test_long_fields_cost_no_more_than_they_are(name: bytes, piece: bytes) -> None:
    raw = name + b": " + piece * (250_000 // len(piece)) + b"\r\nFrom: a@b.c\r\n\r\n"
    in_time(1, lambda: check(raw))
