"""Certificates from an ACME server, obtained and renewed by ourselves.

Standards: RFC 8555 (HTTP-01, §8.3), with EC keys (P-256). Needs the extra `acme`.
What is kept lies in one folder, for its owner alone: `account.pem`, the key that the server knows us by, and `certificate.pem`,
the chain behind its key. That is one file, so that a renewal is one rename and no moment has half of it; whoever serves with
it looks at the file and takes the new one (certificates.py).
Not here: DNS-01, TLS-ALPN-01, renewal information (RFC 9773).
"""

from __future__ import annotations

import asyncio
import datetime
import random
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import structlog
from acme import challenges, client, crypto_util, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.jwa import ES256
from josepy.jwk import JWKEC
from josepy.util import ComparableECKey
from requests.exceptions import RequestException

from mailwright.files import place

log = structlog.get_logger()

LOOK = 6 * 3600.0  # seconds between two looks at the certificate's age, and the longest pause after a failure
FIRST_PAUSE = 60.0  # after the first failure; each further one doubles it
PATIENCE = 300.0  # for one order
HEAD = 4096  # octets of a request for a challenge
HEAD_SECONDS = 10.0
WELL_KNOWN = "/.well-known/acme-challenge/"


@dataclass(frozen=True, slots=True)
class Options:
    """Which server, and for which names. `ca_file`: whom to believe that the server is who it says, if not the system's."""

    directory: str
    domains: tuple[str, ...]
    email: str = ""
    ca_file: str = ""


class NotIssued(Exception):
    """There is no new certificate; the message says why."""


class Issuer:
    """Asks for certificates. `answers` holds what the server will come to ask for, by path."""

    def __init__(self, folder: Path, options: Options) -> None:
        """Keep what must be kept in this folder."""
        self.options = options
        self.answers: dict[str, bytes] = {}
        self.certificate = folder / "certificate.pem"
        self._account = folder / "account.pem"
        folder.mkdir(mode=0o700, exist_ok=True)

    def obtain(self) -> None:
        """Get a certificate and put it in its place; takes seconds to minutes. Raises NotIssued."""
        try:
            self._obtain()
        except messages.Error as refused:
            raise NotIssued(f"{refused.typ}: {refused.detail}") from refused
        except errors.ValidationError as failed:
            raise NotIssued(_why(failed)) from failed
        except (errors.Error, RequestException, OSError, ValueError) as wrong:
            raise NotIssued(f"{type(wrong).__name__}: {wrong}") from wrong
        finally:
            self.answers.clear()

    def _obtain(self) -> None:
        key = _pem(ec.generate_private_key(ec.SECP256R1()))
        server = self._server()
        order = server.new_order(crypto_util.make_csr(key, list(self.options.domains)))
        for authorization in order.authorizations:
            if authorization.body.status != messages.STATUS_VALID:
                self._answer(server, authorization)
        deadline = datetime.datetime.now() + datetime.timedelta(seconds=PATIENCE)  # without a zone, as the library counts
        order = server.poll_and_finalize(order, deadline)
        place(self.certificate, key + order.fullchain_pem.encode())

    def _server(self) -> client.ClientV2:
        if not self._account.exists():
            place(self._account, _pem(ec.generate_private_key(ec.SECP256R1())))
        secret = serialization.load_pem_private_key(self._account.read_bytes(), None)
        key = JWKEC(key=ComparableECKey(cast(Any, secret)))
        verify = cast(bool, self.options.ca_file or True)  # a path is as good: it is handed on
        net = client.ClientNetwork(key, alg=ES256, verify_ssl=verify, user_agent="mailwright")
        server = client.ClientV2(client.ClientV2.get_directory(self.options.directory, net), net)
        wanted = messages.NewRegistration.from_data(email=self.options.email or None, terms_of_service_agreed=True)
        try:
            server.new_account(wanted)
        except errors.ConflictError as known:  # RFC 8555 §7.3.1: the key is known, and here is its account
            net.account = messages.RegistrationResource(body=messages.Registration(), uri=known.location)
        return server

    def _answer(self, server: client.ClientV2, authorization: messages.AuthorizationResource) -> None:
        for offered in authorization.body.challenges:
            if isinstance(offered.chall, challenges.HTTP01):
                response, validation = offered.response_and_validation(server.net.key)
                self.answers[offered.chall.path] = validation.encode()
                server.answer_challenge(offered, response)
                return
        raise NotIssued(f"the server offers no HTTP-01 for {authorization.body.identifier.value}")


def _why(failed: errors.ValidationError) -> str:
    found = [
        f"{one.body.identifier.value}: {offered.error.detail}"
        for one in failed.failed_authzrs
        for offered in one.body.challenges
        if offered.error is not None
    ]
    return "; ".join(found) or "the server could not validate"


def is_due(certificate: Path, domains: Sequence[str], now: datetime.datetime) -> bool:
    """Whether a new one is wanted: there is none, it is our own, it lacks a name, or less than a third of its life is left."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except (OSError, ValueError, x509.ExtensionNotFound):
        return True
    begin, end = found.not_valid_before_utc, found.not_valid_after_utc
    return found.issuer == found.subject or not set(domains) <= set(names) or end - now < (end - begin) / 3


async def keep_issued(issuer: Issuer, stop: asyncio.Event, chance: Callable[[], float] = random.random) -> None:
    """Get a certificate whenever one is due, until `stop`. Each pause is spread, so that not all servers ask at once."""
    pause = FIRST_PAUSE
    while not stop.is_set():
        wait = LOOK
        if is_due(issuer.certificate, issuer.options.domains, datetime.datetime.now(datetime.UTC)):
            try:
                await _beside(issuer.obtain)
            except NotIssued as wrong:
                log.warning("acme.not_issued", domains=issuer.options.domains, reason=str(wrong))
                wait, pause = pause, min(2 * pause, LOOK)
            else:
                log.info("acme.issued", domains=issuer.options.domains)
                pause = FIRST_PAUSE
        try:
            await asyncio.wait_for(stop.wait(), wait * (0.5 + chance()))
        except TimeoutError:
            pass


async def _beside(work: Callable[[], None]) -> None:
    """Run it in a thread that nobody waits for at the end: a server that does not answer must not hold up ours."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell(wrong: BaseException | None) -> None:
        if not done.done():
            done.set_exception(wrong) if wrong else done.set_result(None)

    def run() -> None:
        wrong: BaseException | None = None
        try:
            work()
        except Exception as error:
            wrong = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, wrong)

    threading.Thread(target=run, name="acme", daemon=True).start()
    await done


async def answer_challenges(listener: socket.socket, answers: dict[str, bytes]) -> asyncio.Server:
    """Serve the answers to HTTP-01 on this socket, and nothing else."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
            words = head.split(b"\r\n")[0].split(b" ")
            path = words[1].decode("ascii", "replace") if len(words) == 3 and words[0] == b"GET" else ""
            answer = answers.get(path) if path.startswith(WELL_KNOWN) else None
            status = b"200 OK" if answer is not None else b"404 Not Found"
            content = answer or b""
            fields = b"content-type: application/octet-stream\r\nconnection: close\r\ncontent-length: %d" % len(content)
            writer.write(b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\n\r\n" + content)
            await asyncio.wait_for(writer.drain(), HEAD_SECONDS)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(serve, sock=listener, limit=HEAD)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
