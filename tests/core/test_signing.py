"""The keys that a domain signs with."""

from __future__ import annotations

from mailwright.core.model import Alignment, Domain
from mailwright.core.signing import signing_keys
from mailwright.testing.internet.server import signing_keys as made

DOMAIN = Domain("dom_1", "ten_1", "there.example", Alignment.ALIGNED, (), "none", 0)


def domain(*keys):
    return Domain(DOMAIN.id, DOMAIN.tenant_id, DOMAIN.name, DOMAIN.status, keys, DOMAIN.dmarc_policy, 0)


def test_rsa_signs_first_however_the_keys_are_kept():
    rsa, ed = made()
    for kept in ((rsa, ed), (ed, rsa)):
        assert ["rsa-sha256", "ed25519-sha256"] == [key.algorithm for key in signing_keys(domain(*kept))]


def test_a_key_signs_for_its_domain_and_is_read_once():
    rsa, _ = made()
    (first,), (again,) = signing_keys(domain(rsa)), signing_keys(domain(rsa))
    assert ("there.example", "rbox") == (first.domain, first.selector)
    assert first is again


def test_a_domain_without_keys_has_none():
    assert () == signing_keys(domain())
