"""A certificate that is renewed while the server runs."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from mailwright.net import certificates
from mailwright.net.certificates import Certificate, keep_renewed, unusable
from mailwright.net.tls import self_signed, server_context

NOW = datetime.datetime.now(datetime.UTC)


def write(folder: Path, name: str) -> tuple[Path, Path]:
    public, private = self_signed([name], NOW)
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(public)
    paths[1].write_bytes(private)
    return paths


def shown(context: ssl.SSLContext) -> str:
    """The name that a client of this context sees."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    back, forth = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    asking = client.wrap_bio(back, forth)
    for _ in range(4):
        for one, sent, to in ((asking, forth, incoming), (server, outgoing, back)):
            try:
                one.do_handshake()
            except ssl.SSLWantReadError:
                pass
            to.write(sent.read())
    der = asking.getpeercert(binary_form=True)
    assert der
    return str(x509.load_der_x509_certificate(der).subject.rfc4514_string())


def test_new_files_are_taken_for_the_connections_to_come(tmp_path: Path):
    certificate = Certificate(*write(tmp_path, "old.example"))
    assert "CN=old.example" == shown(certificate.context)
    assert not certificate.renew()
    write(tmp_path, "new.example")
    assert certificate.renew()
    assert "CN=new.example" == shown(certificate.context)


def test_files_that_do_not_fit_leave_the_old_ones_in_place(tmp_path: Path):
    certificate = Certificate(*write(tmp_path, "old.example"))
    old_key = (tmp_path / "key.pem").read_bytes()
    write(tmp_path, "new.example")
    new_key = (tmp_path / "key.pem").read_bytes()
    (tmp_path / "key.pem").write_bytes(old_key)
    assert not certificate.renew()
    assert "CN=old.example" == shown(certificate.context)
    (tmp_path / "key.pem").write_bytes(new_key)  # the other half comes a moment later
    assert certificate.renew()
    assert "CN=new.example" == shown(certificate.context)


def test_what_was_tried_is_what_is_taken_though_the_files_are_written_meanwhile(tmp_path: Path, monkeypatch):
    certificate = Certificate(*write(tmp_path, "old.example"))
    write(tmp_path, "new.example")

    def tried(*paths: Path) -> ssl.SSLContext:
        context = server_context(*paths)
        (tmp_path / "cert.pem").write_bytes(self_signed(["newer.example"], NOW)[0])  # its key is still to come
        return context

    monkeypatch.setattr(certificates, "server_context", tried)
    assert certificate.renew()
    assert "CN=new.example" == shown(certificate.context)


@pytest.mark.parametrize("content", [b"", b"no certificate", None])
def test_files_that_are_broken_or_gone_leave_the_old_ones_in_place(tmp_path: Path, content):
    certificate = Certificate(*write(tmp_path, "old.example"))
    (tmp_path / "cert.pem").unlink() if content is None else (tmp_path / "cert.pem").write_bytes(content)
    assert not certificate.renew()
    assert not certificate.renew(anyway=True)
    assert "CN=old.example" == shown(certificate.context)


async def test_they_are_looked_at_every_few_seconds_and_when_asked(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(certificates, "EVERY", 0.02)
    certificate = Certificate(*write(tmp_path, "old.example"))
    now, stop = asyncio.Event(), asyncio.Event()
    keeping = asyncio.create_task(keep_renewed([certificate], now, stop))
    write(tmp_path, "new.example")
    await asyncio.sleep(0.3)
    assert "CN=new.example" == shown(certificate.context)
    monkeypatch.setattr(certificates, "EVERY", 60)
    await asyncio.sleep(0.1)
    write(tmp_path, "newer.example")
    now.set()
    await asyncio.sleep(0.1)
    assert "CN=newer.example" == shown(certificate.context)
    stop.set()
    await asyncio.wait_for(keeping, 10)


def test_what_stands_against_files_is_said(tmp_path: Path):
    paths = write(tmp_path, "a.example")
    assert unusable(*paths) is None
    assert "No such file" in str(unusable(paths[0], tmp_path / "none.pem"))
    paths[1].write_bytes(self_signed(["b.example"], NOW)[1])
    assert "do not fit" in str(unusable(*paths))
