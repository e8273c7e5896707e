"""TLS contexts for both ends of a connection, and certificates for local use.

Standards: RFC 8996 (nothing below TLS 1.2), RFC 7435 (opportunistic: encrypt to whoever answers), RFC 3207 §4.1, RFC 8314.
Making a context is slow (tens of milliseconds): make it once and keep it.
Not here: who needs which (courier.py, the faces), what DANE makes of a chain (mailauth/dane.py).
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mailwright.files import place

LOCAL_DAYS = 3650


def opportunistic_context() -> ssl.SSLContext:
    """For mail exchangers: encrypts, and asks for no proof of who the peer is, since none was promised (RFC 7435)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # RFC 7435 §3: the other choice is plain text, so a peer with an old key or cipher is still worth encrypting to.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def verified_context(ca_file: str | None = None) -> ssl.SSLContext:
    """For smarthosts and HTTPS: chain and host name must hold. `ca_file` (PEM) takes the place of the system's roots."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """For our own ports, from PEM files (the certificate with its chain). Raises OSError, or SSLError where they don't fit.

    Calling `load_cert_chain` on the context again renews the certificate for the connections to come.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(certificate, key)
    return context


def self_signed(names: Sequence[str], now: datetime.datetime, days: int = LOCAL_DAYS) -> tuple[bytes, bytes]:
    """A certificate and its key, both PEM, for these names and addresses: for local use and tests only."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(True, False, False, False, False, True, False, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM), private


def ensure_self_signed(certificate: Path, key: Path, names: Sequence[str], now: datetime.datetime) -> None:
    """Write a self-signed pair to these files unless both are there. The key is readable by its owner alone."""
    if certificate.exists() and key.exists():
        return
    public, private = self_signed(names, now)
    certificate.unlink(missing_ok=True)  # it belongs to another key
    place(key, private)
    place(certificate, public)


def describe(connection: ssl.SSLObject | ssl.SSLSocket) -> str:
    """What was agreed on, as in `TLSv1.3 TLS_AES_256_GCM_SHA384`."""
    cipher = connection.cipher()
    return f"{connection.version()} {cipher[0] if cipher else '?'}"


def shown_chain(connection: ssl.SSLObject) -> list[bytes]:
    """The certificates that the peer showed, as DER, its own first; nobody has verified them."""
    if hasattr(connection, "get_unverified_chain"):  # Python 3.13
        return list(connection.get_unverified_chain())
    # Python 3.11 and 3.12 have it one layer further down.
    chain = connection._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
