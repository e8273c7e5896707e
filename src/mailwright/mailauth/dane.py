"""DANE: does DNSSEC say which certificate this mail exchanger has, and does it have it?

Standards: RFC 7672 (SMTP), RFC 7671 (operation), RFC 6698 (TLSA).
Pure: takes the chain as the peer showed it. Only what a validating resolver vouched for may be given here (§2.1).
Not here: asking for the records (core/routing.py), the handshake (net/courier.py).
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import verification

MAX_RECORDS = 32  # of one host; each is compared with each certificate of a chain
MAX_CHAIN = 12
_RECORD = re.compile(r"([0-9]{1,3}) ([0-9]{1,3}) ([0-9]{1,3}) ([0-9a-fA-F \t]+)")


class Usage(IntEnum):
    """Which certificate of the chain a record is about. PKIX-TA(0) and PKIX-EE(1) are unusable here (RFC 7672 §3.1.3)."""

    DANE_TA = 2
    DANE_EE = 3


@dataclass(frozen=True, slots=True)
class Tlsa:
    """A record that is usable: its usage, whether it is about the whole certificate or its key, how it is hashed, the value."""

    usage: Usage
    selector: int
    matching: int
    value: bytes


def parse_tlsa(record: str) -> Tlsa | None:
    """A TLSA record, `3 1 1 <hex>`; None for one that can't be used (RFC 7672 §3.1: then it is as if it were not there)."""
    found = _RECORD.fullmatch(record)
    if found is None:
        return None
    usage, selector, matching = (int(found[n]) for n in (1, 2, 3))
    digits = "".join(found[4].split())
    if usage not in tuple(Usage) or selector > 1 or matching > 2 or len(digits) % 2:
        return None
    value = bytes.fromhex(digits)
    return None if matching and len(value) != (0, 32, 64)[matching] else Tlsa(Usage(usage), selector, matching, value)


def usable(records: Iterable[str]) -> tuple[Tlsa, ...]:
    """The usable ones. None at all, with secure records there: TLS is a must, and nothing is authenticated (§2.2)."""
    return tuple(found for record in list(records)[:MAX_RECORDS] if (found := parse_tlsa(record)))


def mismatch(records: Sequence[Tlsa], chain: Sequence[bytes], names: Sequence[str], now: datetime.datetime) -> str | None:
    """Why the chain (DER, the server's first) is none that the records vouch for; None where one does.

    `names` are those that a certificate under a DANE-TA record may be for (§3.2.2): the host, and the mail's domain.
    """
    if not chain:
        return "the peer showed no certificate"
    if any(_matches(record, chain[0]) for record in records if record.usage is Usage.DANE_EE):
        return None  # §3.1.1: neither names nor dates are looked at
    anchors = [der for der in chain[:MAX_CHAIN] if any(_matches(one, der) for one in records if one.usage is Usage.DANE_TA)]
    if not anchors:
        return "no TLSA record matches the certificate"
    wrong = [_unanchored(anchors, chain[:MAX_CHAIN], name, now) for name in names]
    return None if None in wrong else f"under the trust anchor of a TLSA record: {wrong[0]}"


def _matches(record: Tlsa, der: bytes) -> bool:
    try:
        content = der if record.selector == 0 else _key_of(der)
    except (ValueError, TypeError):  # a stranger's certificate
        return False
    hashed = (content, hashlib.sha256(content).digest(), hashlib.sha512(content).digest())
    return record.value == hashed[record.matching]


def _key_of(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _may_sign(_: object, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("a key that may not sign certificates signed one")


# RFC 7672 §3.1.2: anchors are often private ones, which do not keep the CA/Browser Forum's rules; who signed whom is checked.
_EITHER = verification.Criticality.AGNOSTIC
_AUTHORITIES = (
    verification.ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, _EITHER, None)
    .may_be_present(x509.KeyUsage, _EITHER, _may_sign)
)
# Deviates: §3.2.3 lets names stand in the subject where there is no subjectAltName; no public authority issues such any more.
_SERVERS = verification.ExtensionPolicy.permit_all().require_present(x509.SubjectAlternativeName, _EITHER, None)


def _unanchored(anchors: Sequence[bytes], chain: Sequence[bytes], name: str, now: datetime.datetime) -> str | None:
    """What is wrong with the way from the server's certificate up to one of the anchors."""
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in chain]
        store = verification.Store([x509.load_der_x509_certificate(der) for der in anchors])
        policy = verification.PolicyBuilder().extension_policies(ca_policy=_AUTHORITIES, ee_policy=_SERVERS).store(store)
        policy.time(now).build_server_verifier(x509.DNSName(name)).verify(certificates[0], certificates[1:])
    except (verification.VerificationError, ValueError, TypeError) as wrong:
        return str(wrong)
    return None
