"""Signing: what the fields look like, what they cover, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from dkim_reference import ED, MESSAGE, NOW, RSA
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.mail.header import Header, parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth.dkim import SigningKey, Verdict, dns_record, generate_ed25519, sign, verify
from mailwright.mailauth.dkim.sign import LIFETIME, OVERSIGNED
from mailwright.mailauth.dkim.tags import parse_tags

ZONE = Zone({(key.name, "TXT"): (dns_record(key),) for key in (RSA, ED)})


def parts(message: bytes) -> tuple[Header, bytes]:
    header = parse_header(message)
    return header, message[header.body_start :]


def signed(message: bytes, *keys: SigningKey) -> bytes:
    return sign(*parts(message), keys or (RSA, ED), now=NOW) + message


def verdicts(message: bytes) -> list[Verdict]:
    return [result.result for result in answer(verify(parse_header(message), message, now=NOW), ZONE)]


def tags_of(message: bytes, place: int = 0) -> dict[str, str]:
    return dict(parse_tags(parse_header(message).fields[place].raw.partition(b":")[2]).tags)


def test_a_signed_message_verifies_with_both_keys() -> None:
    assert [Verdict.PASS, Verdict.PASS] == verdicts(signed(MESSAGE))


def test_rsa_comes_first_whatever_the_order_of_the_keys() -> None:
    message = signed(MESSAGE, ED, RSA)
    assert ["rsa-sha256", "ed25519-sha256"] == [tags_of(message, 0)["a"], tags_of(message, 1)["a"]]


def test_the_tags_are_the_ones_we_promise_and_no_others() -> None:
    tags = tags_of(signed(MESSAGE))
    assert ["v", "a", "c", "d", "s", "t", "x", "h", "bh", "b"] == list(tags)
    expected = {"v": "1", "a": "rsa-sha256", "c": "relaxed/relaxed", "d": "example.com", "s": "r1"}
    assert expected == {name: tags[name] for name in expected}
    assert (str(NOW), str(NOW + LIFETIME)) == (tags["t"], tags["x"])


def test_every_line_ends_in_crlf_and_has_at_most_78_columns() -> None:
    message = MESSAGE.replace(b"To:", b"".join(f"{name}: x\r\n".encode() for name in OVERSIGNED[1:]) + b"To:")
    fields = sign(*parts(message), (RSA, ED), now=NOW)
    lines = fields.split(b"\r\n")
    assert b"" == lines.pop()
    assert max(map(len, lines)) <= 78
    assert b"\n" not in fields.replace(b"\r\n", b"")
    assert all(line.strip() for line in lines)


def test_names_of_any_length_are_folded_at_the_last_column_that_fits() -> None:
    longest = 0
    for length in range(1, 60):
        fields = sign(*parts(MESSAGE), (replace(ED, selector="s" * length),), now=NOW)
        widths = [len(line) for line in fields.split(b"\r\n")[:2]]
        assert max(widths) <= 78
        longest = max(longest, *widths)
    assert longest == 78


def test_a_name_too_long_for_a_line_stands_on_one_of_its_own() -> None:
    key = generate_ed25519(".".join(["label" * 10] * 4), "e1")
    fields = sign(*parts(MESSAGE), (key,), now=NOW)
    assert f"\r\n d={key.domain};\r\n s=e1;".encode() in fields
    zone = Zone({(key.name, "TXT"): (dns_record(key),)})
    (result,) = answer(verify(parse_header(fields + MESSAGE), fields + MESSAGE, now=NOW), zone)
    assert Verdict.PASS is result.result


def test_the_body_may_come_in_pieces() -> None:
    header, body = parts(MESSAGE)
    pieces = (body[at : at + 3] for at in range(0, len(body), 3))
    assert sign(header, body, (ED,), now=NOW) == sign(header, pieces, (ED,), now=NOW)


def test_an_identity_is_written_so_that_nothing_in_it_is_misread() -> None:
    fields = sign(*parts(MESSAGE), (ED,), now=NOW, identity="a;b=ü c@Mail.example.com")
    assert b"i=a=3Bb=3D=C3=BC=20c@mail.example.com;" in fields
    (result,) = answer(verify(parse_header(fields + MESSAGE), fields + MESSAGE, now=NOW), ZONE)
    assert (Verdict.PASS, "a;b=ü c@mail.example.com") == (result.result, result.identity)


@pytest.mark.parametrize("identity", ["ada@example.org", "ada@notexample.com", "ada", "ada@exam ple.com"])
def test_an_identity_outside_the_domain_is_refused(identity: str) -> None:
    with pytest.raises(ValueError, match=r"not within example\.com"):
        sign(*parts(MESSAGE), (ED,), now=NOW, identity=identity)


def test_a_message_without_from_is_refused() -> None:
    with pytest.raises(ValueError, match="without From"):
        sign(*parts(b"To: a@example.com\r\n\r\n"), (ED,), now=NOW)


def test_a_signature_that_would_expire_at_once_is_refused() -> None:
    with pytest.raises(ValueError, match="later than t="):
        sign(*parts(MESSAGE), (ED,), now=NOW, lifetime=0)


def test_a_malformed_header_is_refused() -> None:
    with pytest.raises(ValueError, match="junk-line"):
        sign(*parts(b"From: a@example.com\r\nnonsense\r\n\r\n"), (ED,), now=NOW)


def test_a_message_that_is_all_header_can_be_signed() -> None:
    assert [Verdict.PASS] == verdicts(signed(b"From: a@example.com\r\n", ED))


def test_without_keys_nothing_is_added() -> None:
    assert b"" == sign(*parts(MESSAGE), (), now=NOW)


def test_many_threads_may_sign_at_once() -> None:
    with ThreadPoolExecutor(4) as threads:
        signatures = set(threads.map(lambda _: sign(*parts(MESSAGE), (RSA, ED), now=NOW), range(16)))
    assert 1 == len(signatures)


LINES = st.lists(st.sampled_from([b"", b" ", b"a", b"two  words", b"\ttab ", b".", "ü".encode()]), max_size=8)


@settings(max_examples=25)
@given(LINES, st.text(alphabet="abc ü=;:\t", max_size=90))
def test_what_we_sign_we_verify(lines: list[bytes], subject: str) -> None:
    header = f"From: a@example.com\r\nSubject: {subject}\r\n\r\n".encode()
    assert [Verdict.PASS] == verdicts(signed(header + b"\r\n".join(lines), ED))
