"""The rules for DKIM in the design, one test each or more. Most single cases are vectors (test_dkim_vectors.py)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dkim_reference import ED, MESSAGE, NOW, RSA, forge

from mailwright.mail.header import MAX_FIELDS, MAX_HEADER, parse_header
from mailwright.mail.questions import Answer, Question, RecordType, Status, Zone, answer
from mailwright.mailauth.dkim import Result, SigningKey, Verdict, dns_record, generate_rsa, sign, verify
from mailwright.mailauth.dkim.sign import LIFETIME, OVERSIGNED
from mailwright.mailauth.dkim.verify import MAX_SIGNATURES

ZONE = Zone({(key.name, "TXT"): (dns_record(key),) for key in (RSA, ED)})


def signed(message: bytes = MESSAGE, *keys: SigningKey) -> bytes:
    header = parse_header(message)
    return sign(header, message[header.body_start :], keys or (RSA, ED), now=NOW) + message


def check(message: bytes, zone: Zone = ZONE, now: int = NOW) -> tuple[Result, ...]:
    return answer(verify(parse_header(message), message, now=now), zone)


def verdicts(message: bytes, zone: Zone = ZONE) -> list[Verdict]:
    return [result.result for result in check(message, zone)]


def published(key: SigningKey, extra: str = "") -> Zone:
    return Zone({(key.name, "TXT"): (dns_record(key) + extra,)})


def test_an_unsigned_message_has_no_results_and_asks_nothing() -> None:
    assert () == check(MESSAGE, Zone())


def test_dkim_1_both_algorithms_verify_and_sha1_does_not() -> None:
    assert [Verdict.PASS, Verdict.PASS] == verdicts(signed())
    (result,) = check(forge(MESSAGE, RSA, {"a": "rsa-sha1"}))
    assert (Verdict.PERMERROR, "rsa-sha1 is not accepted") == (result.result, result.reason)


def test_dkim_1_we_make_no_key_that_others_must_refuse() -> None:
    with pytest.raises(ValueError):
        generate_rsa("example.com", "weak", 1023)
    with pytest.raises(ValueError):
        generate_rsa("example.com", "huge", 4104)
    assert 2048 == check(signed())[0].key_bits


def test_dkim_2_testing_is_told_and_changes_nothing() -> None:
    plain, testing = check(signed(MESSAGE, ED))[0], check(signed(MESSAGE, ED), published(ED, "; t=y"))[0]
    assert (Verdict.PASS, False, True) == (testing.result, plain.testing, testing.testing)
    broken = signed(MESSAGE, ED).replace(b"four.", b"five.")
    assert [Verdict.FAIL] == verdicts(broken, published(ED, "; t=y"))


def test_dkim_2_an_empty_key_is_revoked() -> None:
    (result,) = check(signed(MESSAGE, ED), Zone({(ED.name, "TXT"): ("v=DKIM1; k=ed25519; p=",)}))
    assert (Verdict.PERMERROR, "key revoked") == (result.result, result.reason)


def test_dkim_2_a_key_for_another_service_checks_that_service_only() -> None:
    message, zone = signed(MESSAGE, ED), published(ED, "; s=tlsrpt")
    assert [Verdict.PERMERROR] == verdicts(message, zone)
    (result,) = answer(verify(parse_header(message), message, now=NOW, service="tlsrpt"), zone)
    assert Verdict.PASS is result.result


def test_dkim_3_the_body_hash_is_compared_before_the_signature() -> None:
    message = signed(MESSAGE, ED).replace(b"four.", b"five.").replace(b"Subject: Tea", b"Subject: Pie")
    (result,) = check(message)
    assert (Verdict.FAIL, "body was changed") == (result.result, result.reason)


def test_dkim_3_results_say_what_was_found_step_by_step() -> None:
    (result,) = check(signed(MESSAGE, ED))
    assert (
        f"e1._domainkey.example.com TXT: {dns_record(ED)}",
        "key: ed25519-sha256, 256 bits",
        "body hash matches, relaxed",
        "signature matches, 5 fields, relaxed",
        "pass",
    ) == result.steps
    assert ("example.com", "e1", "ed25519-sha256", "@example.com") == (
        result.domain,
        result.selector,
        result.algorithm,
        result.identity,
    )


def test_dkim_3_a_broken_signature_still_tells_whose_it_claims_to_be() -> None:
    (result,) = check(forge(MESSAGE, ED, {"h": "to"}))
    assert (Verdict.PERMERROR, "example.com", "e1") == (result.result, result.domain, result.selector)


def test_dkim_4_an_empty_body_is_one_line_end_to_simple_and_nothing_to_relaxed() -> None:
    empty = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    for form in ("simple", "relaxed"):
        assert [Verdict.PASS] == verdicts(forge(empty, ED, {"c": f"relaxed/{form}"}))


def test_dkim_5_we_never_limit_the_length() -> None:
    assert b" l=" not in signed().partition(b"Received:")[0]


@pytest.mark.parametrize(("length", "partial"), [("10", True), ("0", True), ("37", False)])
def test_dkim_5_s18_a_signature_over_part_of_the_body_vouches_for_nothing(length: str, partial: bool) -> None:
    (result,) = check(forge(MESSAGE, ED, {"l": length}))
    assert (Verdict.PASS, partial, not partial) == (result.result, result.partial, result.vouches)


def test_dkim_5_s18_text_added_behind_the_length_is_seen() -> None:
    (result,) = check(forge(MESSAGE, ED, {"l": "37"}) + b"Buy more!\r\n")
    assert (Verdict.PASS, True, False) == (result.result, result.partial, result.vouches)
    assert "l= leaves 15 octets of the body unsigned" in result.steps


def test_dkim_6_the_fields_that_matter_are_those_of_the_design() -> None:
    wanted = (
        "from sender reply-to to cc subject date message-id in-reply-to references mime-version content-type "
        "content-transfer-encoding list-unsubscribe list-unsubscribe-post auto-submitted agent-identity"
    )
    assert set() == set(wanted.split()) - set(OVERSIGNED)


@pytest.mark.parametrize("name", OVERSIGNED)
def test_dkim_6_s18_a_field_that_matters_can_neither_be_added_nor_doubled(name: str) -> None:
    extra = f"{name}: intruder@example.org\r\n".encode()
    for message in (MESSAGE, extra + MESSAGE if name != "from" else MESSAGE):
        sound = signed(message, ED)
        assert [Verdict.PASS] == verdicts(sound)
        assert [Verdict.FAIL] == verdicts(extra + sound)
        assert [Verdict.FAIL] == verdicts(sound.replace(b"\r\n\r\n", b"\r\n" + extra + b"\r\n", 1))


def test_dkim_6_s18_a_second_from_is_noticed_even_where_the_signer_did_not_oversign() -> None:
    (result,) = check(b"From: Eve <eve@example.org>\r\n" + forge(MESSAGE, ED))
    assert (Verdict.POLICY, "a From field is not signed", False) == (result.result, result.reason, result.vouches)


def test_dkim_7_a_signature_lives_for_a_fortnight_and_then_fails() -> None:
    message = signed(MESSAGE, ED)
    assert 14 * 86400 == LIFETIME
    assert Verdict.PASS is check(message, now=NOW + LIFETIME)[0].result
    (result,) = check(message, now=NOW + LIFETIME + 1)
    assert (Verdict.FAIL, "expired", True) == (result.result, result.reason, result.expired)
    assert (NOW, NOW + LIFETIME) == (result.signed_at, result.expires_at)


def test_dkim_7_for_an_expired_signature_nothing_is_asked() -> None:
    check_ = verify(parse_header(signed()), signed(), now=NOW + LIFETIME + 1)
    with pytest.raises(StopIteration):
        next(check_)


def test_dkim_8_ed25519_that_a_receiver_cannot_check_does_not_harm_rsa() -> None:
    assert [Verdict.PASS, Verdict.PERMERROR] == verdicts(signed(), published(RSA))


def test_dkim_9_two_selectors_live_side_by_side_and_the_retired_one_is_revoked_later() -> None:
    new = replace(ED, selector="e2")
    old_mail, new_mail = signed(MESSAGE, ED), signed(MESSAGE, new)
    both = Zone({(ED.name, "TXT"): (dns_record(ED),), (new.name, "TXT"): (dns_record(new),)})
    assert [Verdict.PASS, Verdict.PASS] == [*verdicts(old_mail, both), *verdicts(new_mail, both)]
    later = Zone({(ED.name, "TXT"): ("v=DKIM1; k=ed25519; p=",), (new.name, "TXT"): (dns_record(new),)})
    assert [Verdict.PERMERROR, Verdict.PASS] == [*verdicts(old_mail, later), *verdicts(new_mail, later)]


def test_dkim_10_the_signature_outlives_the_wire_and_a_refolded_header() -> None:
    message = signed(MESSAGE, ED)
    on_the_wire = message.replace(b"\r\n.", b"\r\n..")
    assert message != on_the_wire
    assert [Verdict.PASS] == verdicts(on_the_wire.replace(b"\r\n..", b"\r\n."))
    assert [Verdict.PASS] == verdicts(message.replace(b"Subject: Tea  at\r\n four?", b"SUBJECT:Tea\r\n\tat four? \t"))
    assert [Verdict.PASS] == verdicts(message.replace(b";\r\n ", b"; "))


def test_dkim_11_s17_only_the_topmost_signatures_are_looked_at_and_all_keys_asked_for_at_once() -> None:
    message = MESSAGE
    for number in range(MAX_SIGNATURES + 2):
        message = forge(message, replace(ED, selector=f"s{number}"))
    check_ = verify(parse_header(message), message, now=NOW)
    asked = next(check_)
    assert tuple(Question(f"s{n}._domainkey.example.com", RecordType.TXT) for n in range(11, 1, -1)) == asked
    with pytest.raises(StopIteration) as stop:
        check_.send((Answer(Status.OK, (dns_record(ED),)),) * len(asked))
    assert [Verdict.PASS] * MAX_SIGNATURES == [result.result for result in stop.value.value]


def test_dkim_11_a_key_that_several_signatures_need_is_asked_for_once() -> None:
    message = forge(forge(MESSAGE, ED), ED)
    assert (Question(ED.name, RecordType.TXT),) == next(verify(parse_header(message), message, now=NOW))


def test_trouble_with_one_key_leaves_the_other_signature_alone() -> None:
    zone = Zone({(RSA.name, "TXT"): (dns_record(RSA),), (ED.name, "TXT"): ("!timeout",)})
    assert [Verdict.PASS, Verdict.TEMPERROR] == verdicts(signed(), zone)


def test_s18_a_line_end_that_only_some_programs_see_does_not_move_the_body() -> None:
    message = signed(MESSAGE, ED).replace(b"Subject: Tea", b"X: y\n\nFrom: eve@example.org\r\nSubject: Tea")
    assert Verdict.PASS not in verdicts(message)


def test_s18_a_malformed_header_is_not_believed() -> None:
    (result,) = check(signed(MESSAGE, ED).replace(b"To: ", b"no field at all\r\nTo: "))
    assert (Verdict.PERMERROR, "malformed header: junk-line") == (result.result, result.reason)


@pytest.mark.parametrize(
    ("defect", "filling"), [("too-long", b"X: " + b"y" * MAX_HEADER + b"\r\n"), ("too-many-fields", b"X: y\r\n" * MAX_FIELDS)]
)
def test_s18_a_header_that_is_not_read_to_its_end_is_not_believed(defect: str, filling: bytes) -> None:
    """What stands behind the part that was read could be a From that others show."""
    (result,) = check(signed(MESSAGE, ED).replace(b"To: ", filling + b"To: "))
    assert (Verdict.PERMERROR, f"malformed header: {defect}") == (result.result, result.reason)
