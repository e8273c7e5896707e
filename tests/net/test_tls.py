"""Contexts and local certificates, tried against each other in memory."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest

from mailwright.net.tls import (
    describe,
    ensure_self_signed,
    opportunistic_context,
    self_signed,
    server_context,
    verified_context,
)

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    ensure_self_signed(tmp_path / "c.pem", tmp_path / "k.pem", ["mail.example", "127.0.0.1", "::1"], NOW)
    return tmp_path / "c.pem", tmp_path / "k.pem"


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> str:
    """Do a handshake in memory; what was agreed on."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(back, there, server_hostname=name)
    far = server.wrap_bio(there, back, server_side=True)
    for _ in range(6):
        for end in (near, far):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    return describe(near)


@pytest.mark.parametrize("name", ["mail.example", "127.0.0.1", "::1"])
def test_a_local_certificate_is_verified_by_who_trusts_it(pair: tuple[Path, Path], name: str) -> None:
    client = verified_context(str(pair[0]))
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    assert shake_hands(client, server_context(*pair), name).startswith("TLSv1.3 TLS_")


def test_another_name_or_another_root_is_not_verified(pair: tuple[Path, Path]) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(verified_context(str(pair[0])), server_context(*pair), "other.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(verified_context(), server_context(*pair), "mail.example")


def test_opportunistic_tls_asks_for_no_proof(pair: tuple[Path, Path]) -> None:
    assert shake_hands(opportunistic_context(), server_context(*pair), "other.example").startswith("TLSv1.3 ")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_nothing_below_tls_1_2_is_spoken(pair: tuple[Path, Path], version: ssl.TLSVersion) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = version
    with pytest.raises(ssl.SSLError):
        shake_hands(old, server_context(*pair), "mail.example")
    assert ssl.TLSVersion.TLSv1_2 == opportunistic_context().minimum_version == verified_context().minimum_version


def test_a_pair_is_made_once_and_its_key_is_private(pair: tuple[Path, Path]) -> None:
    certificate, key = pair
    before = certificate.read_bytes(), key.read_bytes()
    ensure_self_signed(certificate, key, ["other.example"], NOW)
    assert before == (certificate.read_bytes(), key.read_bytes())
    assert 0o600 == key.stat().st_mode & 0o777


def test_a_certificate_without_its_key_is_made_again(pair: tuple[Path, Path]) -> None:
    certificate, key = pair
    certificate.unlink()
    ensure_self_signed(certificate, key, ["other.example"], NOW)
    server_context(certificate, key)


def test_two_pairs_differ() -> None:
    assert self_signed(["a.example"], NOW) != self_signed(["a.example"], NOW)
