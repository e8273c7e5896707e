"""The keys that a domain signs with: kept as PEM with the domain, loaded once.

Loading an RSA key is tens of milliseconds of checks, so the key objects are kept; they are read-only.
"""

from __future__ import annotations

from functools import lru_cache

from mailwright.core.model import DkimKey, Domain
from mailwright.mailauth import dkim


@lru_cache(maxsize=4096)
def _loaded(domain: str, key: DkimKey) -> dkim.SigningKey:
    return dkim.load_key(domain, key.selector, key.private_pem.encode())


def signing_keys(domain: Domain) -> tuple[dkim.SigningKey, ...]:
    """The domain's keys in signing order: RSA first, which every receiver knows, then Ed25519 (DKIM-8)."""
    ordered = sorted(domain.dkim_keys, key=lambda key: key.algorithm != "rsa-sha256")
    return tuple(_loaded(domain.name, key) for key in ordered)
