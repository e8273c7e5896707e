"""Which certificate each face shows: the operator's files, those that ACME keeps, else one of our own making."""

from __future__ import annotations

import asyncio
import datetime
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from mailwright.app.sockets import CannotStart
from mailwright.config import Config
from mailwright.files import place
from mailwright.net import tls
from mailwright.net.certificates import Certificate, unusable


def of_smtp(config: Config, data: Path) -> tuple[Path, Path]:
    """The PEM files of the SMTP face: the operator's, else of our own making. Raises CannotStart."""
    paths = Path(config.smtp.tls_certificate), Path(config.smtp.tls_key)
    if config.acme.domains and not config.smtp.tls_certificate:
        return _usable(*(2 * (_of_acme(config, data),)))
    if not (config.smtp.tls_certificate and config.smtp.tls_key):
        paths = data / "smtp-cert.pem", data / "smtp-key.pem"
        tls.ensure_self_signed(*paths, [config.server.hostname], datetime.datetime.now(datetime.UTC))
    return _usable(*paths)


def of_api(config: Config, smtp_certificate: Certificate) -> Certificate | None:
    """The certificate of the REST face; None: it speaks plain HTTP. Raises CannotStart."""
    if not config.api.tls:
        return None
    if not (config.api.tls_certificate and config.api.tls_key):
        return smtp_certificate
    return Certificate(*_usable(Path(config.api.tls_certificate), Path(config.api.tls_key)))


def _of_acme(config: Config, data: Path) -> Path:
    """The file that ACME renews; until it first does, with a certificate of our own making. Raises CannotStart."""
    if not config.acme.agree_to_terms:
        raise CannotStart("acme.domains is set: read the terms of the ACME server, and set acme.agree_to_terms")
    path = data / "acme" / "certificate.pem"
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        public, private = tls.self_signed(config.acme.domains, datetime.datetime.now(datetime.UTC))
        place(path, private + public)
    return path


async def keep_issued(
    config: Config, data: Path, listener: socket.socket, stop: asyncio.Event, closing: list[Callable[[], object]]
) -> Coroutine[Any, Any, None]:
    """The loop that gets and renews a certificate. Raises CannotStart."""
    chosen = config.acme
    try:
        from mailwright.net import acme
    except ImportError:
        raise CannotStart("ACME is an extra: pip install 'mailwright[acme]'") from None
    issuer = acme.Issuer(data / "acme", acme.Options(chosen.directory, chosen.domains, chosen.email, chosen.ca_file))
    answering = await acme.answer_challenges(listener, issuer.answers)
    closing.append(answering.close)
    return acme.keep_issued(issuer, stop)


def _usable(certificate: Path, key: Path) -> tuple[Path, Path]:
    wrong = unusable(certificate, key)
    if wrong:
        raise CannotStart(f"{wrong} (the server reads these files as the user that it becomes)")
    return certificate, key
