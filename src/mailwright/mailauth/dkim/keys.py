"""DKIM keys: public ones as DNS gives them, private ones as we hold them.

Standards: RFC 6376 §3.6.1 (key records), RFC 8301 (key sizes), RFC 8463 (Ed25519), RFC 8616 (names in other scripts).
Promises: a record never raises; parsed records are cached (bounded), since a key is met again and again.
Not here: where a record comes from (verify.py asks for it), what is signed (canonical.py).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

from mailwright.mailauth.dkim.tags import decode_base64, parse_tags, split_list
from mailwright.mailauth.names import MAX_NAME, to_dns_name

MIN_RSA_BITS, MAX_RSA_BITS = 1024, 4096
MAX_RECORD = 4096  # octets; an RSA key of 4096 bits takes some 750
MAX_RECORDS = 5  # read where a name has several
_MAX_EXPONENT_BITS = 33  # 65537 is what everybody uses; a long one would make each verification as dear as a signature

_PADDING = PKCS1v15()
_SHA256 = hashes.SHA256()
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


class Algorithm(StrEnum):
    """The algorithms that DKIM allows today (RFC 8301 §3.1, RFC 8463 §3)."""

    RSA_SHA256 = "rsa-sha256"
    ED25519_SHA256 = "ed25519-sha256"

    @property
    def key_type(self) -> str:
        """The `k=` of a key record that goes with it."""
        return "rsa" if self is Algorithm.RSA_SHA256 else "ed25519"


@dataclass(frozen=True, slots=True)
class BadKey:
    """A key record that can't be used, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key record that was read. `hashes` and `services` are None where the record leaves them open."""

    algorithm: Algorithm
    key: RSAPublicKey | Ed25519PublicKey
    bits: int
    hashes: Collection[str] | None = None  # h=
    services: Collection[str] | None = None  # s=
    testing: bool = False  # t=y
    strict: bool = False  # t=s: the domain of i= must be d= itself

    def refusal(self, algorithm: Algorithm, service: str) -> str:
        """Why this key may not check a signature of that algorithm for that service (RFC 6376 §6.1.2); "" if it may."""
        if self.algorithm is not algorithm:
            return f"key is not for {algorithm}"
        if self.hashes is not None and "sha256" not in self.hashes:
            return "key does not allow sha256"
        if self.services is not None and service not in self.services and "*" not in self.services:
            return f"key is not for {service}"
        return ""

    def verify(self, signature: bytes, signed: bytes) -> bool:
        """Whether that is this key's signature over `signed` (the canonical header)."""
        try:
            if self.algorithm is Algorithm.RSA_SHA256:  # `isinstance` of an abstract class takes longer
                cast(RSAPublicKey, self.key).verify(signature, signed, _PADDING, _SHA256)
            else:
                # RFC 8463 §3: PureEdDSA over the SHA-256 of what is signed.
                cast(Ed25519PublicKey, self.key).verify(signature, sha256(signed).digest())
        except (InvalidSignature, ValueError):
            return False
        return True


@lru_cache(maxsize=1024)
def _parse_key(record: str) -> PublicKey | BadKey:
    listed = parse_tags(record)
    if listed.defect:
        return BadKey(f"key syntax: {listed.defect}")
    tags = listed.tags
    # RFC 6376 §3.6.1 v=: if there, it comes first and says DKIM1; records that say otherwise are discarded.
    if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
        return BadKey("key is not of version DKIM1")
    if "p" not in tags:
        return BadKey("key syntax: no p=")
    if not tags["p"]:
        return BadKey("key revoked")
    packed = decode_base64(tags["p"])
    if packed is None:
        return BadKey("key syntax: p= is not base64")
    loaded = _load_public(tags.get("k", "rsa"), packed)
    if isinstance(loaded, BadKey):
        return loaded
    key, bits = loaded
    flags = split_list(tags.get("t", ""))
    return PublicKey(
        Algorithm.RSA_SHA256 if isinstance(key, RSAPublicKey) else Algorithm.ED25519_SHA256,
        key,
        bits,
        hashes=split_list(tags["h"]) if "h" in tags else None,
        services=split_list(tags["s"]) if "s" in tags else None,
        testing="y" in flags,
        strict="s" in flags,
    )


def parse_key(record: str) -> PublicKey | BadKey:
    """Read a key record, the strings of the TXT record joined (RFC 6376 §3.6.1). Unknown tags and flags are ignored."""
    return BadKey("key record too long") if len(record) > MAX_RECORD else _parse_key(record)


def choose_key(records: Iterable[str], algorithm: Algorithm, service: str = "email") -> PublicKey | BadKey:
    """The first of a name's records that fits a signature (RFC 6376 §6.1.2); else what is wrong with the first of all."""
    # RFC 6376 §3.6.2.2: several records are the publisher's mistake; §6.1.2 lets the verifier choose.
    refused: BadKey | None = None
    for record in tuple(records)[:MAX_RECORDS]:
        key = parse_key(record)
        if isinstance(key, PublicKey):
            reason = key.refusal(algorithm, service)
            if not reason:
                return key
            key = BadKey(reason)
        refused = refused or key
    return refused or BadKey("no key")


def _load_public(kind: str, packed: bytes) -> tuple[RSAPublicKey | Ed25519PublicKey, int] | BadKey:
    if kind == "ed25519":
        # RFC 8463 §4: the bare 32 octets, no SubjectPublicKeyInfo around them.
        if len(packed) != 32:
            return BadKey("key syntax: Ed25519 keys are 32 octets")
        return Ed25519PublicKey.from_public_bytes(packed), 256
    if kind != "rsa":
        return BadKey(f"key type unknown: {kind[:20]}")
    try:
        # RFC 6376 erratum 3017: what everybody publishes is SubjectPublicKeyInfo; the bare RSAPublicKey loads as well.
        key = serialization.load_der_public_key(packed)
    except (ValueError, UnsupportedAlgorithm, TypeError):
        return BadKey("key syntax: p= holds no RSA key")
    if not isinstance(key, RSAPublicKey):
        return BadKey("key syntax: p= holds no RSA key")
    # RFC 8301 §3.2: below 1024 bits nothing is valid; above 4096 nobody has to follow.
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        return BadKey(f"RSA key of {key.key_size} bits; {MIN_RSA_BITS} to {MAX_RSA_BITS} are accepted")
    exponent = key.public_numbers().e
    if not 3 <= exponent < 1 << _MAX_EXPONENT_BITS:
        return BadKey("RSA key with an unusual exponent")
    return key, key.key_size


def domain_name(text: str) -> str | None:
    """A domain or selector as DNS wants it: lower case, A-labels (RFC 8616 §4); None where it can't be a name.

    Underscores are let through, since selectors have them.
    """
    return _domain_name(text) if len(text) <= MAX_NAME + 1 else None


@lru_cache(maxsize=4096)
def _domain_name(text: str) -> str | None:
    name = None if text.endswith(".") else to_dns_name(text)
    return name if name is not None and _NAME.fullmatch(name) else None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the place where its public half is published: <selector>._domainkey.<domain>.

    Raises ValueError when key and algorithm differ, a name is none, or an RSA key is not of 1024 to 4096 bits.
    """

    domain: str
    selector: str
    algorithm: Algorithm
    key: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        for attribute in ("domain", "selector"):
            name = domain_name(getattr(self, attribute))
            if name is None:
                raise ValueError(f"{attribute} is not a name: {getattr(self, attribute)[:80]!r}")
            object.__setattr__(self, attribute, name)
        wanted = RSAPrivateKey if self.algorithm is Algorithm.RSA_SHA256 else Ed25519PrivateKey
        if not isinstance(self.key, wanted):
            raise ValueError(f"the key of {self.selector} is not for {self.algorithm}")
        if isinstance(self.key, RSAPrivateKey) and not MIN_RSA_BITS <= self.key.key_size <= MAX_RSA_BITS:
            raise ValueError(f"RSA key of {self.key.key_size} bits; {MIN_RSA_BITS} to {MAX_RSA_BITS} are accepted")

    @property
    def name(self) -> str:
        """Where the public key is published."""
        return f"{self.selector}._domainkey.{self.domain}"

    def sign(self, signed: bytes) -> bytes:
        """The signature over a canonical header. Safe in threads; RSA drops the interpreter lock."""
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(signed, _PADDING, _SHA256)
        return self.key.sign(sha256(signed).digest())  # RFC 8463 §3

    def pem(self) -> bytes:
        """The private key as PKCS #8 PEM, not encrypted: what `load_key` takes back."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def load_key(domain: str, selector: str, material: bytes) -> SigningKey:
    """A signing key from PEM, or from the 32 octets of an Ed25519 seed, bare or in base64. Raises ValueError.

    Reading an RSA key checks it, which takes tens of milliseconds: load once and keep the object.
    """
    if b"-----BEGIN" in material:
        try:
            key = serialization.load_pem_private_key(material, password=None)
        except (TypeError, UnsupportedAlgorithm) as error:
            raise ValueError(f"can't read the key of {selector}: {error}") from None
        if isinstance(key, RSAPrivateKey):
            return SigningKey(domain, selector, Algorithm.RSA_SHA256, key)
        if isinstance(key, Ed25519PrivateKey):
            return SigningKey(domain, selector, Algorithm.ED25519_SHA256, key)
        raise ValueError(f"the key of {selector} is neither RSA nor Ed25519")
    seed = material if len(material) == 32 else decode_base64(material.decode("ascii", "replace").strip())
    if seed is None or len(seed) != 32:
        raise ValueError(f"the key of {selector} is neither PEM nor 32 octets")
    return SigningKey(domain, selector, Algorithm.ED25519_SHA256, Ed25519PrivateKey.from_private_bytes(seed))


def generate_rsa(domain: str, selector: str, bits: int = 2048) -> SigningKey:
    """A new RSA key of 1024 to 4096 bits; raises ValueError for another size."""
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        raise ValueError(f"RSA key of {bits} bits; {MIN_RSA_BITS} to {MAX_RSA_BITS} are accepted")
    return SigningKey(domain, selector, Algorithm.RSA_SHA256, generate_private_key(65537, bits))


def generate_ed25519(domain: str, selector: str) -> SigningKey:
    """A new Ed25519 key. Never sign with such keys only: many receivers can't check them yet."""
    return SigningKey(domain, selector, Algorithm.ED25519_SHA256, Ed25519PrivateKey.generate())


def dns_record(key: SigningKey | PublicKey) -> str:
    """The value of the TXT record that publishes a key (RFC 6376 §3.6.1), as one string."""
    public = key.key.public_key() if isinstance(key, SigningKey) else key.key
    if isinstance(public, RSAPublicKey):
        packed = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    else:
        packed = public.public_bytes_raw()
    return f"v=DKIM1; k={key.algorithm.key_type}; p={b64encode(packed).decode()}"


def zone_line(key: SigningKey) -> str:
    """The line for a zone file: name, type, and the value cut into strings of at most 255 octets (RFC 1035 §3.3.14)."""
    value = dns_record(key)
    strings = " ".join(f'"{value[at : at + 255]}"' for at in range(0, len(value), 255))
    return f"{key.name}. IN TXT ( {strings} )"
