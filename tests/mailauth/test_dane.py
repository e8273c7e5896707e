"""DANE: which TLSA records count, and which chains they vouch for (RFC 7672 §3)."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from mailwright.mailauth.dane import MAX_RECORDS, Tlsa, Usage, mismatch, parse_tlsa, usable

NOW = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
MX = "mx.there.example"
NAMES = (MX, "there.example")
ZEROS = "00" * 32


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def digest(self) -> str:
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(public).hexdigest()


def made(name: str, issuer: Made | None = None, *, ca: bool = False, days: int = 30, signs: bool | None = None) -> Made:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=60))
        .not_valid_after(NOW + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
    )
    if not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    if signs is not None:
        usages = {"digital_signature": True, "key_cert_sign": signs, "crl_sign": False, "content_commitment": False}
        others = ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
        usages |= dict.fromkeys(others, False)
        builder = builder.add_extension(x509.KeyUsage(**usages), critical=True)
    return Made(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


ROOT = made("root", ca=True)
MIDDLE = made("middle", ROOT, ca=True)
LEAF = made(MX, MIDDLE)
CHAIN = (LEAF, MIDDLE, ROOT)


def why(record: str, *chain: Made, names: tuple[str, ...] = NAMES) -> str | None:
    return mismatch(usable([record]), [one.der for one in chain], names, NOW)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (f"3 1 1 {ZEROS}", Tlsa(Usage.DANE_EE, 1, 1, bytes(32))),
        (f"2 0 1 {ZEROS[:10]} {ZEROS[10:]}", Tlsa(Usage.DANE_TA, 0, 1, bytes(32))),
        ("3 0 0 30", Tlsa(Usage.DANE_EE, 0, 0, b"0")),
        (f"0 1 1 {ZEROS}", None),  # RFC 7672 §3.1.3
        (f"1 1 1 {ZEROS}", None),
        (f"4 1 1 {ZEROS}", None),
        (f"3 2 1 {ZEROS}", None),
        (f"3 1 3 {ZEROS}", None),
        ("3 1 1 00", None),  # no SHA-256 is so short
        ("3 1 1 0", None),
        ("3 1 1", None),
        ("", None),
    ],
)
def test_which_records_are_usable(record: str, expected: Tlsa | None) -> None:
    assert expected == parse_tlsa(record)


def test_of_very_many_records_the_first_count() -> None:
    assert MAX_RECORDS == len(usable([f"3 1 1 {ZEROS}"] * 1000))


@pytest.mark.parametrize(
    "record",
    [
        f"3 1 1 {LEAF.digest}",
        f"3 0 1 {hashlib.sha256(LEAF.der).hexdigest()}",
        f"3 0 2 {hashlib.sha512(LEAF.der).hexdigest()}",
        f"3 0 0 {LEAF.der.hex()}",
    ],
    ids=["key", "certificate", "sha512", "whole"],
)
def test_dane_ee_in_all_its_forms(record: str) -> None:
    assert why(record, *CHAIN) is None
    assert why(record, made(MX, MIDDLE), MIDDLE, ROOT) == "no TLSA record matches the certificate"


def test_dane_ee_looks_neither_at_names_nor_at_dates() -> None:
    old = made("other.example", days=-10)
    assert why(f"3 1 1 {old.digest}", old) is None


@pytest.mark.parametrize("anchor", [ROOT, MIDDLE], ids=["root", "intermediate"])
def test_dane_ta_vouches_for_what_is_signed_below_it(anchor: Made) -> None:
    assert why(f"2 1 1 {anchor.digest}", *CHAIN) is None


def test_dane_ta_looks_at_names_and_dates() -> None:
    record = f"2 1 1 {ROOT.digest}"
    assert why(record, *CHAIN, names=("x.example",)) is not None
    assert why(record, made(MX, ROOT, days=-10), ROOT) is not None
    assert why(record, made("there.example", ROOT), ROOT) is None  # §3.2.2: the domain's name will do


def test_a_certificate_that_may_not_sign_signs_nothing() -> None:
    middle = made("evil.example", ROOT)
    assert "basicConstraints.cA" in (why(f"2 1 1 {ROOT.digest}", made(MX, middle), middle, ROOT) or "")


@pytest.mark.parametrize("signs", [True, False])
def test_a_key_signs_certificates_only_where_its_own_says_so(signs: bool) -> None:
    middle = made("middle", ROOT, ca=True, signs=signs)
    found = why(f"2 1 1 {ROOT.digest}", made(MX, middle), middle, ROOT)
    assert signs == (found is None)


def test_an_anchor_that_signed_nothing_in_the_chain_vouches_for_nothing() -> None:
    assert why(f"2 1 1 {ROOT.digest}", made(MX), ROOT) is not None


def test_no_chain_proves_nothing() -> None:
    assert why(f"3 1 1 {ZEROS}") == "the peer showed no certificate"


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.sampled_from(["3 1 1", "2 1 1", "2 0 1"]))
def test_a_chain_of_anything_is_none(chain: list[bytes], kind: str) -> None:
    records = usable([f"{kind} {hashlib.sha256(chain[-1]).hexdigest()}"])
    assert mismatch(records, chain, NAMES, NOW) is not None


@given(st.text("0123 abcdef", max_size=80))
def test_no_record_is_too_much(text: str) -> None:
    found = parse_tlsa(text)
    assert found is None or found.usage in (2, 3)
