"""Certificates from an ACME server: what is kept, when, and what is answered. With a real server: the tests marked `peers`."""

from __future__ import annotations

import asyncio
import datetime
import socket
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailwright.net import acme
from mailwright.net.acme import Issuer, NotIssued, Options, answer_challenges, is_due, keep_issued
from mailwright.net.tls import self_signed

NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def issued(path: Path, *names: str, begin: datetime.datetime, end: datetime.datetime) -> None:
    """A certificate as somebody else issues it, behind its key."""
    key, ca = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority")]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(ca, hashes.SHA256())
    )
    path.write_bytes(acme._pem(key) + certificate.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    ("age", "due"), [(0, False), (59, False), (61, True), (89, True), (100, True)], ids=lambda value: str(value)
)
def test_a_certificate_is_due_in_the_last_third_of_its_life(tmp_path: Path, age: int, due: bool):
    issued(tmp_path / "c.pem", "mx.example", begin=NOW - age * DAY, end=NOW + (90 - age) * DAY)
    assert due is is_due(tmp_path / "c.pem", ["mx.example"], NOW)


def test_a_certificate_that_lacks_a_name_is_due(tmp_path: Path):
    issued(tmp_path / "c.pem", "mx.example", "api.example", begin=NOW, end=NOW + 90 * DAY)
    assert not is_due(tmp_path / "c.pem", ["api.example"], NOW)
    assert is_due(tmp_path / "c.pem", ["mx.example", "new.example"], NOW)


def test_our_own_and_what_is_none_are_due(tmp_path: Path):
    assert is_due(tmp_path / "none.pem", ["mx.example"], NOW)
    (tmp_path / "c.pem").write_bytes(b"no certificate")
    assert is_due(tmp_path / "c.pem", ["mx.example"], NOW)
    public, private = self_signed(["mx.example"], NOW)
    (tmp_path / "c.pem").write_bytes(private + public)
    assert is_due(tmp_path / "c.pem", ["mx.example"], NOW)


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


@pytest.fixture
async def answering():
    """Where challenges are answered, and the answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    answers = {"/.well-known/acme-challenge/token": b"token.thumbprint", "/secret": b"no"}
    server = await answer_challenges(listener, answers)
    yield listener.getsockname()[1]
    server.close()


async def test_the_answer_to_a_challenge_is_served(answering: int):
    answer = await ask(answering, b"GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: mx.example\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\ntoken.thumbprint")


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /.well-known/acme-challenge/other HTTP/1.1",
        b"GET /secret HTTP/1.1",
        b"GET / HTTP/1.1",
        b"POST /.well-known/acme-challenge/token HTTP/1.1",
        b"\xff\xff\xff",
        b"",
    ],
)
async def test_nothing_else_is(answering: int, request_line: bytes):
    assert (await ask(answering, request_line + b"\r\n\r\n")).startswith(b"HTTP/1.1 404 Not Found\r\n")


async def test_a_head_without_end_is_not_waited_for(answering: int):
    assert b"" == await ask(answering, b"GET /" + b"a" * 100_000)


async def test_after_failures_the_next_try_comes_later_and_later(tmp_path: Path, monkeypatch):
    issuer, stop, tries, waits = (
        Issuer(tmp_path / "acme", Options("https://ca.invalid/", ("mx.example",))),
        asyncio.Event(),
        [],
        [],
    )

    def obtain() -> None:
        tries.append(1)
        if len(tries) == 4:
            now = datetime.datetime.now(datetime.UTC)
            issued(issuer.certificate, "mx.example", begin=now, end=now + 90 * DAY)
        else:
            raise NotIssued("not now")

    async def wait_for(work, seconds):
        work.close()
        waits.append(seconds)
        if len(waits) == 5:
            stop.set()
        raise TimeoutError

    monkeypatch.setattr(issuer, "obtain", obtain)
    monkeypatch.setattr(asyncio, "wait_for", wait_for)
    await keep_issued(issuer, stop, lambda: 0.5)
    assert [60, 120, 240, acme.LOOK, acme.LOOK] == waits
    assert 4 == len(tries)


async def test_a_server_that_can_not_be_reached_is_told_in_a_sentence(tmp_path: Path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        issuer = Issuer(tmp_path / "acme", Options(f"https://127.0.0.1:{nobody.getsockname()[1]}/", ("mx.example",)))
        with pytest.raises(NotIssued, match="ConnectionError"):
            await acme._beside(issuer.obtain)
    assert 0o600 == (tmp_path / "acme/account.pem").stat().st_mode & 0o777
    assert 0o700 == (tmp_path / "acme").stat().st_mode & 0o777
