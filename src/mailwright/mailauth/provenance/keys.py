"""Identity keys: public ones as DNS gives them, private ones as we hold them.

Standard: docs/agent-identity.md §5. TXT at `<selector>._agentid.<domain>`; never the DKIM key, whose old private halves may
be published one day.
Promises: a record never raises; parsed records are cached (bounded).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mailwright.mailauth.dkim.keys import domain_name
from mailwright.mailauth.dkim.tags import decode_base64, parse_tags, split_list

MAX_RECORD = 2048
MAX_RECORDS = 5  # looked at where a name has several
VERSION = "AGENTID1"


@dataclass(frozen=True, slots=True)
class BadKey:
    """A key record that can't be used, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key record that was read: for one agent or for all ("*"), for some modes or for all (None)."""

    key: Ed25519PublicKey
    agent: str
    modes: tuple[str, ...] | None

    def refusal(self, agent_id: str, oversight: str) -> str:
        """Why this key may not speak for that agent in that mode; "" if it may."""
        if self.agent not in ("*", agent_id):
            return "the key is for another agent"
        if self.modes is not None and oversight not in self.modes:
            return f"the key is not for {oversight}"
        return ""

    def verify(self, signature: bytes, signed: bytes) -> bool:
        """Whether that is this key's signature."""
        try:
            self.key.verify(signature, signed)
        except InvalidSignature:
            return False
        return True


def key_name(domain: str, selector: str) -> str | None:
    """Where the key is published; None where that is no name."""
    return domain_name(f"{selector}._agentid.{domain}")


def choose_key(records: Sequence[str]) -> PublicKey | BadKey:
    """The one identity key among a name's TXT records; several make it nobody's."""
    ours = [record for record in records[:MAX_RECORDS] if _is_ours(record)]
    if len(ours) != 1:
        return BadKey("no key" if not ours else "several keys stand at this selector")
    return BadKey("key record too long") if len(ours[0]) > MAX_RECORD else _parse(ours[0])


def _is_ours(record: str) -> bool:
    name, _, value = record.partition(";")[0].partition("=")
    return (name.strip(), value.strip()) == ("v", VERSION)


@lru_cache(maxsize=1024)
def _parse(record: str) -> PublicKey | BadKey:
    listed = parse_tags(record)
    tags = listed.tags
    if listed.defect:
        return BadKey(f"key syntax: {listed.defect}")
    if tags.get("k") != "ed25519":
        return BadKey(f"key type unknown: {tags.get('k', '')[:20]}")
    if not tags.get("p"):
        return BadKey("key revoked" if "p" in tags else "key syntax: no p=")
    packed = decode_base64(tags["p"])
    if packed is None or len(packed) != 32:
        return BadKey("key syntax: p= is not 32 octets in base64")
    modes = split_list(tags["m"]) if "m" in tags else None
    return PublicKey(Ed25519PublicKey.from_public_bytes(packed), tags.get("agent", "*"), modes)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the place where its public half is published. Raises ValueError where a name is none."""

    domain: str
    selector: str
    key: Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        for attribute in ("domain", "selector"):
            name = domain_name(getattr(self, attribute))
            if name is None:
                raise ValueError(f"{attribute} is not a name: {getattr(self, attribute)[:80]!r}")
            object.__setattr__(self, attribute, name)

    def pem(self) -> bytes:
        """The private key as PKCS #8 PEM, not encrypted: what `load_key` takes back."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def new_key(domain: str, selector: str, seed: bytes) -> SigningKey:
    """The key that 32 random octets make."""
    return SigningKey(domain, selector, Ed25519PrivateKey.from_private_bytes(seed))


def load_key(domain: str, selector: str, pem: bytes) -> SigningKey:
    """A signing key from PEM. Raises ValueError for what is none."""
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"the key of {selector} is not Ed25519")
    return SigningKey(domain, selector, key)


def dns_record(key: SigningKey, agent: str = "*") -> str:
    """The value of the TXT record that publishes a key."""
    packed = b64encode(key.key.public_key().public_bytes_raw()).decode()
    return f"v={VERSION}; k=ed25519; p={packed}; agent={agent}"


def public_der(record: str) -> bytes | None:
    """The key of a record as SubjectPublicKeyInfo, which is what the legacy recipe loads; None where there is none."""
    found = choose_key((record,))
    if isinstance(found, BadKey):
        return None
    return found.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
