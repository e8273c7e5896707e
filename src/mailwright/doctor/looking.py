"""Look at a host and its data folder, beside a server that runs or not, and have it judged.

Promises: every look is bounded in time; nobody outside is spoken to but the resolver, and the mail exchanger that was named.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import ipaddress
import os
import resource
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
from cryptography import x509
from cryptography.x509.oid import NameOID

import mailwright
from mailwright.app.assembly import settings_of
from mailwright.app.sockets import reachable
from mailwright.config import Config
from mailwright.core.inspection import inspection
from mailwright.core.model import Domain
from mailwright.doctor import judging
from mailwright.doctor.finding import Finding, failed, unknown
from mailwright.mail.questions import Question, RecordType, Status
from mailwright.net.resolver import Resolver, ResolverOptions
from mailwright.store.sqlite.snapshot import DAMAGE, NoDatabase, Snapshot

PATIENCE = 5.0  # seconds for one connection
MAX_DOMAINS = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked at: a configuration, and a mail exchanger outside to try port 25 with."""

    config: Config
    exchanger: tuple[str, int] | None = None


async def look(asked: Asked) -> AsyncIterator[Finding]:
    """Every finding, as it comes."""
    config, data = asked.config, Path(asked.config.server.data)
    found = await asyncio.to_thread(_kept, data, config)
    for finding in found.findings:
        yield finding
    domains, stored = found.domains, found.latest
    yield judging.open_file_limit(resource.getrlimit(resource.RLIMIT_NOFILE)[0], config.smtp.connections_limit)
    async for one in _dns(config, domains):
        yield one
    yield await _smtp_port(config)
    api, skew = await _api_port(config)
    yield api
    for finding in judging.clock(judging.Clock(time.time(), stored, skew), _released()):
        yield finding
    for finding in _certificates(config, data):
        yield finding
    yield await _outbound(asked)


# --- the folder and the store -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the data folder tells: findings, domains, and the latest moment that it knows of."""

    findings: list[Finding]
    domains: list[Domain]
    latest: float | None


def _kept(data: Path, config: Config) -> _Kept:
    if not data.is_dir():
        text = f"{data} is not there yet"
        return _Kept([unknown("data folder", text, "mailwright serve makes it at its first start.")], [], None)
    finding, domains, latest = _store(data)
    return _Kept([*_folder(data, config), finding], domains, latest)


def _folder(data: Path, config: Config) -> Iterator[Finding]:
    seen = data.stat()
    inside = [one.name for one in data.iterdir() if one.is_file() and one.stat().st_mode & 0o077]
    yield from judging.data_folder(seen.st_mode & 0o777, seen.st_uid, os.geteuid(), inside)
    yield judging.disk(shutil.disk_usage(data).free, config.limits.free_disk_mb * judging.MEGABYTE)
    yield _durability(data)


def _durability(data: Path) -> Finding:
    try:
        with tempfile.NamedTemporaryFile(dir=data, prefix=".doctor-") as trial:
            trial.write(b"x" * 4096)
            trial.flush()
            begun = time.monotonic()
            os.fsync(trial.fileno())
            return judging.durability(time.monotonic() - begun, "")
    except OSError as wrong:
        return judging.durability(None, wrong.strerror or str(wrong))


def _store(data: Path) -> tuple[Finding, list[Domain], float | None]:
    try:
        with Snapshot(data) as snapshot:
            latest = snapshot.latest_event_at()
            return (
                judging.store(snapshot.quick_problems()),
                snapshot.domains(MAX_DOMAINS),
                latest / 1000 if latest is not None else None,
            )
    except NoDatabase as wrong:
        return unknown("store", str(wrong), "mailwright serve makes it at its first start."), [], None
    except DAMAGE as wrong:
        return judging.store([f"the database can't be read: {wrong}"]), [], None


# --- DNS ----------------------------------------------------------------------------------------------------------------


async def _dns(config: Config, domains: list[Domain]) -> AsyncIterator[Finding]:
    resolver = Resolver(ResolverOptions(config.dns.nameservers, trust_ad=config.dns.validating, timeout=config.dns.timeout))
    try:
        hostname = config.server.hostname
        answer = await resolver.ask(Question(hostname, RecordType.A))
        yield judging.resolver(answer, hostname)
        for finding in judging.outgoing_name(hostname, config.server.addresses, await _names(resolver, config)):
            yield finding
        if answer.status in judging.SILENT:
            yield unknown("domains", "no domain can be looked at without a resolver")
            return
        settings = settings_of(config, secret=b"", public_url=config.server.public_url)
        for one in domains:
            yield judging.domain(one.name, await resolver.resolve(inspection(one, settings)))
            yield judging.signing_keys(one.name, time.time() - one.created_at / 1000)
    finally:
        await resolver.close()


async def _names(resolver: Resolver, config: Config) -> judging.Names:
    async def addresses(name: str) -> list[str]:
        found = [await resolver.ask(Question(name, kind)) for kind in (RecordType.A, RecordType.AAAA)]
        return [record for answer in found for record in answer.records if answer.status is Status.OK]

    reverse = {one: await resolver.ask(Question(_reverse_name(one), RecordType.PTR)) for one in config.server.addresses}
    pointed = {record.rstrip(".").lower() for answer in reverse.values() for record in answer.records[:5]}
    back = {name: await addresses(name) for name in sorted(pointed)}
    return judging.Names(await addresses(config.server.hostname), reverse, back)


def _reverse_name(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer


# --- ports --------------------------------------------------------------------------------------------------------------


async def _smtp_port(config: Config) -> Finding:
    host, number = reachable(config.smtp.host), config.smtp.port
    words, _ = await first_words(host, number)
    seen = judging.Port(True, words) if words is not None else _may_listen(config.smtp.host, number)
    return judging.port("SMTP", number, seen, config.server.hostname)


async def _api_port(config: Config) -> tuple[Finding, float | None]:
    """The finding, and how many seconds the server's Date is ahead."""
    host, number = reachable(config.api.host), config.api.port
    scheme = "https" if config.api.tls else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{number}/healthz"
    try:
        # No certificate names a loopback address; it is judged by its file.
        async with httpx2.AsyncClient(verify=False, timeout=PATIENCE, trust_env=False) as client:
            answer = await client.get(url)
    except httpx2.ConnectError:
        return judging.port("API", number, _may_listen(config.api.host, number), ""), None
    except httpx2.HTTPError as wrong:
        return judging.port("API", number, judging.Port(True, str(wrong) or type(wrong).__name__), "a healthy answer"), None
    told = email.utils.parsedate_tz(answer.headers.get("Date", ""))
    skew = email.utils.mktime_tz(told) - time.time() if told else None
    ours = answer.headers.get("X-Request-Id", "").startswith("req_")
    words = "mailwright" if ours else f"{answer.status_code} {answer.text[:60]}"
    return judging.port("API", number, judging.Port(True, words), "mailwright"), skew


def _may_listen(host: str, number: int) -> judging.Port:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as wrong:
            return judging.Port(False, cannot_listen=os.strerror(wrong.errno or 0))
    return judging.Port(False)


async def first_words(host: str, number: int) -> tuple[str | None, str]:
    """What a server says at first; None and why where it says nothing."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, number)
            try:
                line = await reader.readline()
                writer.write(b"QUIT\r\n")
                with contextlib.suppress(OSError):
                    await writer.drain()
                return line.decode("latin-1").strip(), ""
            finally:
                writer.close()
    except TimeoutError:
        return None, f"nothing within {PATIENCE:.0f} s"
    except (OSError, ValueError) as wrong:
        return None, str(getattr(wrong, "strerror", None) or wrong)


async def _outbound(asked: Asked) -> Finding:
    if asked.exchanger is None:
        fix = "Name a mail exchanger to try: --exchanger mx.example.net"
        return unknown(f"outbound port {asked.config.delivery.port}", "nobody was tried", fix)
    host, number = asked.exchanger
    words, wrong = await first_words(host, number)
    return judging.outbound(host, number, words, wrong)


# --- the rest -----------------------------------------------------------------------------------------------------------


def _released() -> float:
    return Path(mailwright.__file__).stat().st_mtime


def _certificates(config: Config, data: Path) -> Iterator[Finding]:
    smtp = _files(config, data)
    if smtp is None:
        yield unknown("certificate of SMTP", "none is there yet", "mailwright serve makes one at its first start.")
    else:
        yield from _certificate("SMTP", config.server.hostname, *smtp)
    if config.api.tls and config.api.tls_certificate:
        host = httpx2.URL(config.server.public_url).host or config.server.hostname
        yield from _certificate("API", host, Path(config.api.tls_certificate), Path(config.api.tls_key))


def _files(config: Config, data: Path) -> tuple[Path, Path] | None:
    """Certificate and key of the SMTP face, as the server chooses them; None where the first start has yet to make them."""
    if config.smtp.tls_certificate:
        return Path(config.smtp.tls_certificate), Path(config.smtp.tls_key)
    issued = data / "acme" / "certificate.pem"
    found = (issued, issued) if config.acme.domains else (data / "smtp-cert.pem", data / "smtp-key.pem")
    return found if found[0].exists() else None


def _certificate(what: str, host: str, certificate: Path, key: Path) -> Iterator[Finding]:
    try:
        seen = read_certificate(certificate.read_bytes())
        mode = key.stat().st_mode & 0o777
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ValueError) as wrong:  # ssl.SSLError is an OSError
        yield failed(f"certificate of {what}", f"{certificate}: {wrong}", "Put a certificate and its own key there, as PEM.")
        return
    yield judging.certificate(what, host, seen, time.time())
    yield judging.private_key(str(key), mode)


def read_certificate(pem: bytes) -> judging.CertificateSeen:
    """The first certificate of a PEM file; raises ValueError."""
    found = x509.load_pem_x509_certificates(pem)[0]
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = [str(one.value) for one in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return judging.CertificateSeen(
        tuple(names),
        found.not_valid_before_utc.timestamp(),
        found.not_valid_after_utc.timestamp(),
        found.issuer == found.subject,
    )
