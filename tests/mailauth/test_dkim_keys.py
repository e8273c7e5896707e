"""Keys: records read and written, private keys loaded and kept, and nothing weak made or taken."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from dkim_reference import ED, RSA
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.mailauth.dkim.keys import (
    Algorithm,
    BadKey,
    PublicKey,
    SigningKey,
    dns_record,
    domain_name,
    load_key,
    parse_key,
    zone_line,
)

# RFC 8032 §7.1 test 1, which RFC 8463 appendix A uses
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
SEED_RECORD = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


@pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])
def test_a_published_record_reads_back_as_the_key_that_checks_its_signatures(key: SigningKey) -> None:
    public = parse_key(dns_record(key))
    assert isinstance(public, PublicKey)
    assert (key.algorithm, 2048 if key is RSA else 256) == (public.algorithm, public.bits)
    assert dns_record(public) == dns_record(key)
    assert public.verify(key.sign(b"header"), b"header")
    assert not public.verify(key.sign(b"header"), b"headers")
    assert not public.verify(b"", b"header")


def test_a_record_of_a_known_seed_is_the_published_one() -> None:
    key = load_key("football.example.com", "brisbane", SEED)
    assert ("brisbane._domainkey.football.example.com", SEED_RECORD) == (key.name, dns_record(key))


def test_a_zone_line_cuts_the_value_into_strings_that_dns_can_hold() -> None:
    line = zone_line(RSA)
    assert line.startswith('r1._domainkey.example.com. IN TXT ( "v=DKIM1; k=rsa; p=')
    strings = line.split('"')[1::2]
    assert dns_record(RSA) == "".join(strings)
    assert max(map(len, strings)) <= 255


@pytest.mark.parametrize("key", [RSA, ED], ids=["rsa", "ed25519"])
def test_a_private_key_survives_being_written_as_pem(key: SigningKey) -> None:
    again = load_key("example.com", "other", key.pem())
    assert (key.algorithm, dns_record(key)) == (again.algorithm, dns_record(again))


def test_an_ed25519_seed_loads_bare_and_in_base64() -> None:
    assert dns_record(load_key("a.example", "s", b64encode(SEED) + b"\n")) == dns_record(load_key("a.example", "s", SEED))


def test_the_private_key_does_not_show_in_a_printout() -> None:
    assert "private" not in repr(ED).lower()


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


@pytest.mark.parametrize(
    "material",
    [b"", b"nothing", b"\xff" * 33, b"-----BEGIN PRIVATE KEY-----\n", pem(ec.generate_private_key(ec.SECP256R1()))],
)
def test_material_that_is_no_dkim_key_is_refused(material: bytes) -> None:
    with pytest.raises(ValueError):
        load_key("example.com", "s", material)


def test_a_signing_key_must_fit_its_algorithm_its_names_and_its_size() -> None:
    with pytest.raises(ValueError, match="is not for rsa-sha256"):
        SigningKey("example.com", "s", Algorithm.RSA_SHA256, ED.key)
    with pytest.raises(ValueError, match="domain is not a name"):
        SigningKey("exa mple.com", "s", Algorithm.ED25519_SHA256, ED.key)
    with pytest.raises(ValueError, match="selector is not a name"):
        SigningKey("example.com", "s\r\n", Algorithm.ED25519_SHA256, ED.key)


def test_names_in_other_scripts_become_a_labels() -> None:
    key = SigningKey("Bücher.example", "GRÜN", Algorithm.ED25519_SHA256, ED.key)
    assert "xn--grn-ioa._domainkey.xn--bcher-kva.example" == key.name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.COM", "example.com"),
        ("a_b.example", "a_b.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        ("a" * 64 + ".example", None),
        (".".join(["abcdefgh"] * 29), None),
        ("example.com.", None),
        ("a..b", None),
        (".a", None),
        ("-a.b", None),
        ("a-.b", None),
        ("a b", None),
        ("a;b", None),
        ("", None),
        ("ü" * 300, None),
        ("\ud800.example", None),
    ],
)
def test_a_name_is_one_that_dns_can_be_asked_for(text: str, name: str | None) -> None:
    assert name == domain_name(text)


def test_a_key_is_read_once_and_kept() -> None:
    assert parse_key(SEED_RECORD) is parse_key(SEED_RECORD)


def test_s18_a_key_says_why_it_may_not_be_used() -> None:
    key = parse_key(SEED_RECORD + "; h=sha256; s=email")
    assert isinstance(key, PublicKey)
    assert "" == key.refusal(Algorithm.ED25519_SHA256, "email")
    assert "key is not for tlsrpt" == key.refusal(Algorithm.ED25519_SHA256, "tlsrpt")
    assert "key is not for rsa-sha256" == key.refusal(Algorithm.RSA_SHA256, "email")


@settings(max_examples=60)
@given(
    st.one_of(
        st.text(max_size=60),
        st.binary(max_size=120).map(lambda octets: "v=DKIM1; p=" + b64encode(octets).decode()),
        st.text(alphabet="vkpths=; :DKIM1rsaed25519+/\r\n", max_size=60),
    )
)
def test_no_record_makes_the_parser_stumble(record: str) -> None:
    assert isinstance(parse_key(record), PublicKey | BadKey)


@settings(max_examples=40)
@given(st.integers(0, 293), st.integers(0, 255))
def test_a_damaged_rsa_key_is_another_key_or_none(place: int, octet: int) -> None:
    packed = bytearray(
        RSA.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    packed[place % len(packed)] = octet
    found = parse_key("p=" + b64encode(packed).decode())
    if isinstance(found, PublicKey):
        found.verify(RSA.sign(b"x"), b"x")
