"""`serve` gets its certificate from a real ACME server (Pebble, which is Let's Encrypt's for tests), and renews it."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from live.ports import free_port
from live.rest import eventually
from live.server import Server
from live.zone import Background, Dns

from mailwright.net.tls import self_signed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("pebble") is None, reason="there is no pebble here (scripts/peers installs it)"),
]
NAME = "mx.agents.example"


@dataclass(frozen=True, slots=True)
class Authority:
    """Pebble at work. It comes to `http_port` with its questions."""

    directory: str
    management: str
    ca_file: Path
    http_port: int

    def roots(self) -> str:
        """Whom to believe that a certificate is one of its."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        return httpx2.get(f"{self.management}/roots/0", verify=context, trust_env=False).text


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    background = Background()
    dns = Dns(background, f"{NAME} A 127.0.0.1")
    public, private = self_signed(["127.0.0.1"], datetime.datetime.now(datetime.UTC))
    (tmp_path / "ca.pem").write_bytes(public)
    (tmp_path / "ca-key.pem").write_bytes(private)
    port, management, http_port = free_port(), free_port(), free_port()
    config = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(tmp_path / "ca.pem"),
        "privateKey": str(tmp_path / "ca-key.pem"),
        "httpPort": http_port,
        "tlsPort": free_port(),
    }
    (tmp_path / "pebble.json").write_text(json.dumps({"pebble": config}))
    command = ["pebble", "-config", str(tmp_path / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns.port}", "-strict"]
    environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1"}
    with (
        (tmp_path / "pebble.log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as pebble,
    ):
        found = Authority(f"https://127.0.0.1:{port}/dir", f"https://127.0.0.1:{management}", tmp_path / "ca.pem", http_port)
        eventually(lambda: _up(found), 20, lambda: (tmp_path / "pebble.log").read_text())
        yield found
        pebble.kill()
    dns.close()
    background.close()


def _up(authority: Authority) -> bool:
    try:
        return "BEGIN" in authority.roots()
    except httpx2.HTTPError:
        return False


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> Iterator[Server]:
    settings = {
        "server": {"hostname": NAME},
        "api": {"port": 0, "tls": True},
        "acme": {
            "domains": [NAME],
            "agree_to_terms": True,
            "directory": authority.directory,
            "ca_file": str(authority.ca_file),
            "host": "127.0.0.1",
            "port": authority.http_port,
        },
    }
    server = Server(tmp_path / "s", settings)
    yield server
    server.end()


def serial(server: Server) -> int:
    """The number of the certificate that SMTP shows, which must be believed by whoever believes Pebble."""
    with smtplib.SMTP("127.0.0.1", server.smtp_port, timeout=10) as client:
        client.starttls(context=ssl._create_unverified_context())  # type: ignore[arg-type]
        der = client.sock.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(der).serial_number


def test_a_certificate_is_obtained_served_by_both_faces_and_renewed(server: Server, authority: Authority):
    server.start()
    eventually(lambda: server.logged("acme.issued"), 30, lambda: server.logs[-1].read_text())
    roots = ssl.create_default_context(cadata=authority.roots())
    roots.check_hostname = False  # the API is at an address here
    eventually(lambda: _believed(server, roots), 15)
    with smtplib.SMTP("127.0.0.1", server.smtp_port, timeout=10) as client:
        client._host = NAME
        assert 220 == client.starttls(context=ssl.create_default_context(cadata=authority.roots()))[0]
    first = serial(server)
    folder = server.data / "acme"
    assert {0o600} == {path.stat().st_mode & 0o777 for path in folder.iterdir()}
    account = (folder / "account.pem").read_bytes()
    server.stop()

    server.start()  # it is not due: nothing is asked for
    assert first == serial(server)
    assert [] == server.logged("acme.issued")
    server.stop()

    (folder / "certificate.pem").unlink()  # lost: a new one for the same account
    server.start()
    eventually(lambda: server.logged("acme.issued"), 30, lambda: server.logs[-1].read_text())
    eventually(lambda: serial(server) != first and _believed(server, roots), 15)
    assert account == (folder / "account.pem").read_bytes()


def _believed(server: Server, roots: ssl.SSLContext) -> bool:
    try:
        return 200 == httpx2.get(f"{server.api_url}/healthz", verify=roots, trust_env=False).status_code
    except httpx2.ConnectError:
        return False


def test_a_name_that_leads_elsewhere_is_told_and_the_server_goes_on_with_its_own(server: Server):
    server.settings["acme"]["domains"] = ["nowhere.agents.example"]  # type: ignore[index]
    server.start()
    told = eventually(lambda: server.logged("acme.not_issued"), 40)[0]
    assert "nowhere.agents.example" in told["reason"]
    assert serial(server)
    assert 0 == server.stop()


def test_the_terms_must_be_agreed_to(server: Server):
    from live.server import NotStarted

    server.settings["acme"]["agree_to_terms"] = False  # type: ignore[index]
    with pytest.raises(NotStarted, match=r"acme\.agree_to_terms"):
        server.start()
