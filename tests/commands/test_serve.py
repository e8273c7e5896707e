"""`mailwright serve` as it is run for real: TLS, a user of its own, signals, and an end that breaks nothing off."""

from __future__ import annotations

import datetime
import os
import pwd
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from live.ports import free_port
from live.processes import descendants
from live.rest import Api, eventually
from live.server import NotStarted, Server
from live.sink import Sink
from live.smtp import post
from live.zone import Background, Dns

from mailwright.net.tls import self_signed

pytestmark = [pytest.mark.slow, pytest.mark.whole, pytest.mark.timeout(90)]
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody")


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    public, private = self_signed([name, "127.0.0.1"], datetime.datetime.now(datetime.UTC))
    for file, content in (("cert.pem", public), ("key.pem", private)):
        (folder / f"{file}.new").write_bytes(content)
    for file in ("cert.pem", "key.pem"):
        (folder / f"{file}.new").rename(folder / file)
    return folder / "cert.pem", folder / "key.pem"


def trusting(cert: Path) -> ssl.SSLContext:
    """A client that believes in this certificate only."""
    return ssl.create_default_context(cafile=str(cert))


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Those that a test started: none is left."""
    started: list[Server] = []
    yield started
    for server in started:
        server.end()


def started(servers: list[Server], folder: Path, *, python: str = sys.executable, **settings: dict[str, Any]) -> Server:
    server = Server(folder, settings, python=python)
    servers.append(server)
    return server.start()


# --- TLS ----------------------------------------------------------------------------------------------------------------


def test_the_api_speaks_https_and_smtp_starttls_with_the_same_files(servers, tmp_path: Path):
    cert, key = certificate(tmp_path, "mx.example")
    server = started(
        servers, tmp_path / "s", smtp={"port": 0, "tls_certificate": str(cert), "tls_key": str(key)}, api={"tls": True}
    )
    assert server.api_url.startswith("https://")
    assert 200 == httpx2.get(f"{server.api_url}/readyz", verify=trusting(cert)).status_code
    with smtplib.SMTP("127.0.0.1", server.smtp_port, timeout=10) as client:
        client._host = "mx.example"  # the name that the certificate must have
        assert 220 == client.starttls(context=trusting(cert))[0]


def test_a_new_certificate_is_taken_and_no_connection_is_dropped(servers, tmp_path: Path):
    old, key = certificate(tmp_path, "mx.example")
    believed = trusting(old)
    server = started(
        servers, tmp_path / "s", smtp={"port": 0, "tls_certificate": str(old), "tls_key": str(key)}, api={"tls": True}
    )
    with httpx2.Client(base_url=server.api_url, verify=believed) as kept, smtplib.SMTP("127.0.0.1", server.smtp_port) as mail:
        assert 200 == kept.get("/healthz").status_code
        mail._host = "mx.example"
        mail.starttls(context=believed)
        new, _ = certificate(tmp_path, "mx.example")
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.logged("tls.renewed"), 10)
        assert 200 == kept.get("/healthz").status_code
        assert 250 == mail.noop()[0]
    assert 200 == httpx2.get(f"{server.api_url}/healthz", verify=trusting(new)).status_code
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{server.api_url}/healthz", verify=believed)
    newest = trusting(certificate(tmp_path, "mx.example")[0])  # and without a signal
    eventually(lambda: _believed(server.api_url, newest), 30)


def _believed(url: str, context: ssl.SSLContext) -> bool:
    try:
        return httpx2.get(f"{url}/healthz", verify=context).status_code == 200
    except httpx2.ConnectError:
        return False


def test_files_that_can_not_be_used_are_named_at_the_start(servers, tmp_path: Path):
    cert, _ = certificate(tmp_path, "mx.example")
    with pytest.raises(NotStarted, match=r"none\.pem: No such file"):
        started(servers, tmp_path / "s", smtp={"tls_certificate": str(cert), "tls_key": str(tmp_path / "none.pem")})


# --- whatever is left of the disk -----------------------------------------------------------------------------------------


def test_a_server_short_of_disk_starts_and_is_read(servers, tmp_path: Path):
    server = started(servers, tmp_path, limits={"free_disk_mb": 10**9})
    assert [] == server.api().get("/v1/messages")["items"]
    assert 503 == httpx2.get(f"{server.api_url}/readyz").status_code
    refused = server.api().ask("POST", "/v1/domains", json={"domain": "agents.example"})
    assert (503, "storage_busy") == (refused.status_code, refused.json()["error"]["code"])
    assert 0 == server.stop()


# --- whoever we are -----------------------------------------------------------------------------------------------------


@root
def test_root_is_refused_unless_told(servers, tmp_path: Path):
    with pytest.raises(NotStarted, match=r"set server\.user"):
        started(servers, tmp_path, server={"run_as_root": False})


def _everybodys_python() -> str:
    """An interpreter of this version that `nobody` may run: ours may lie in root's home."""
    for python in (sys.executable, "/usr/bin/python3"):
        program = "import sys; print(sys.version_info[:2])"
        try:
            done = subprocess.run(
                [python, "-c", program], user="nobody", capture_output=True, text=True, timeout=20, check=False
            )
        except OSError:
            continue
        if done.stdout.strip() == str(sys.version_info[:2]):
            return python
    pytest.skip("no interpreter of this version that every user may run")


@root
def test_an_interpreter_in_roots_home_is_named(servers):
    if _everybodys_python() == sys.executable:
        pytest.skip("every user may run this one")
    with pytest.raises(NotStarted, match="nobody can't run"):
        started(servers, Path(tempfile.mkdtemp(prefix="mailwright-")), server={"user": "nobody", "run_as_root": False})
    shutil.rmtree(servers[0].folder)


@root
def test_s30_low_ports_are_bound_as_root_and_served_as_somebody_else(servers, monkeypatch):
    python = _everybodys_python()
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(path for path in sys.path if "site-packages" in path or path.endswith("src"))
    )
    folder = Path(tempfile.mkdtemp(prefix="mailwright-"))
    folder.chmod(0o711)
    port = next(one for one in range(1023, 900, -1) if _free(one))
    try:
        server = started(servers, folder, python=python, server={"user": "nobody", "run_as_root": False}, smtp={"port": port})
        nobody = pwd.getpwnam("nobody").pw_uid
        everyone = [server.process.pid, *descendants(server.process.pid)]
        assert {nobody} == _uids(everyone)
        assert len(everyone) > 1  # those who read strangers' mail are processes of their own
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            assert 250 == client.noop()[0]
        data = [server.data, *server.data.rglob("*")]
        assert ({nobody}, 0) == ({one.stat().st_uid for one in data}, sum(one.stat().st_mode & 0o077 for one in data))
        assert 0 == server.stop()
    finally:
        for one in servers:
            one.end()
        shutil.rmtree(folder)


def _uids(pids: list[int]) -> set[int]:
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return {int(word) for line in lines if line.startswith("Uid:") for word in line.split()[1:]}


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_systemd_is_told_of_start_reload_and_end(servers, tmp_path: Path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1500000")
        server = started(servers, tmp_path / "s")
        seen = {line.recv(1000).split(b"\n")[0] for _ in range(2)}
        assert {b"READY=1", b"WATCHDOG=1"} == seen
        server.process.send_signal(signal.SIGHUP)
        words = [line.recv(1000).split(b"\n")[0] for _ in range(3)]
        assert [b"RELOADING=1", b"READY=1"] == [word for word in words if word != b"WATCHDOG=1"][:2]
        assert 0 == server.stop()
        rest = []
        line.setblocking(False)
        while True:
            try:
                rest.append(line.recv(1000).split(b"\n")[0])
            except BlockingIOError:
                break
        assert b"STOPPING=1" in rest


# --- what there is to see -----------------------------------------------------------------------------------------------


def test_every_metric_of_a_server_at_work_is_on_the_page(world):
    server, _ = world
    api = server.api()
    api.post("/v1/domains", {"domain": "agents.example"})
    box = api.mailbox("ada@agents.example")
    post(server.smtp_port, "ada@agents.example", "one", "two")
    api.settled(api.send(box, "bob@sink.example")["message_id"], "delivered")

    def counted() -> bool:
        text = api.raw("/metrics").decode()
        return 'mailwright_delivery_attempts_total{outcome="delivered",reply="2xx"} 1.0' in text

    eventually(counted, 15)
    text = api.raw("/metrics").decode()
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert [] == [name for name in families if f"`{name}`" not in page and not name.endswith("_created")]
    assert 'mailwright_events_total{type="message.received"} 2.0' in text
    assert "example" not in text  # no address, no domain


def test_a_server_without_room_refuses_new_work_for_the_moment(servers, tmp_path: Path):
    server = started(servers, tmp_path / "s", limits={"memory_mb": 1}, policy={"require_alignment": False})
    eventually(lambda: server.logged("strain"), 10)
    answer = server.api().ask("POST", "/v1/domains", json={"domain": "agents.example"})
    assert (503, "10") == (answer.status_code, answer.headers["retry-after"])
    eventually(lambda: b'mailwright_strained{reason="memory"} 1.0' in server.api().raw("/metrics"), 10)
    with smtplib.SMTP("127.0.0.1", server.smtp_port, "there.example", timeout=10) as client:
        client.ehlo()
        client.mail("bob@there.example")
        assert 451 == client.rcpt("ada@agents.example")[0]


# --- the end ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def world(servers, tmp_path: Path) -> Iterator[tuple[Server, Sink]]:
    background = Background()
    dns = Dns(background, "sink.example MX 10 mx.sink.example\nmx.sink.example A 127.0.0.1")
    sink = Sink(background).start()
    server = started(
        servers,
        tmp_path / "s",
        server={"hostname": "mx.agents.example", "addresses": ["127.0.0.1"]},
        smtp={"port": free_port()},
        api={"port": free_port()},
        dns={"nameservers": [f"127.0.0.1:{dns.port}"], "timeout": 2},
        delivery={"allow_private": True, "port": sink.port},
        policy={"require_alignment": False},
    )
    yield server, sink
    server.end()
    sink.close()
    dns.close()
    background.close()


class Callers:
    """Programs that send through the API until nobody answers; each notes what it was told."""

    def __init__(self, api: Api, box: Any, count: int) -> None:
        self.api, self.box = api, box
        self.accepted: list[str] = []
        self.bad: list[int] = []
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self, number: int) -> None:
        with Api(self.api.url, self.api.key) as api:
            for turn in range(10_000):
                body = {"to": f"u{number}-{turn}@sink.example", "subject": "Tea?", "text": "At four?"}
                try:
                    answer = api.ask("POST", f"/v1/mailboxes/{self.box['id']}/send", json=body)
                except httpx2.TransportError:
                    return  # nobody listens any more
                if answer.status_code >= 500:
                    self.bad.append(answer.status_code)
                else:
                    self.accepted.append(answer.json()["message_id"])


class Peers(threading.Thread):
    """Somebody else's mail server, which sends one message after the other until it is sent away."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port, self.accepted, self.said = port, [], ""
        self.start()

    def run(self) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, "there.example", timeout=20) as client:
                for turn in range(100_000):
                    raw = f"From: <bob@there.example>\r\nSubject: p{id(self)}-{turn}\r\n\r\nHello.\r\n"
                    client.sendmail("bob@there.example", ["ada@agents.example"], raw)
                    self.accepted.append(f"p{id(self)}-{turn}")
        except (smtplib.SMTPException, OSError) as end:
            self.said = str(end)


def test_a_server_that_is_told_to_end_under_load_breaks_nothing_off(world):
    """What was acknowledged is there afterwards, no request under way gets a 5xx, and the streams are ended in good order."""
    server, sink = world
    api = server.api()
    api.post("/v1/domains", {"domain": "agents.example"})
    box = api.mailbox("ada@agents.example")
    sink.pause = 0.5  # deliveries are under way at any moment
    callers, peers = Callers(api, box, 4), [Peers(server.smtp_port) for _ in range(4)]
    with httpx2.stream("GET", f"{api.url}/v1/events/stream", headers={"Authorization": f"Bearer {api.key}"}) as stream:
        lines = stream.iter_lines()
        assert "retry: 2000" == next(lines)
        eventually(lambda: len(callers.accepted) > 40 and all(len(one.accepted) > 5 for one in peers), 40)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        for _ in lines:  # ends whole: a broken stream would raise
            pass
    assert 0 == server.process.wait(30)
    assert time.monotonic() - begun < 15
    for thread in (*callers.threads, *peers):
        thread.join(30)
    assert [] == callers.bad
    assert {True} == {"421" in one.said or "refused" in one.said or "closed" in one.said for one in peers}, peers[0].said
    assert [] == [line for line in server.logs[-1].read_text().splitlines() if '"level": "error"' in line]
    sink.pause = 0.0
    server.start()
    api = server.api()
    sent = {one["message_id"] for one in api.everything("/v1/messages", mailbox_id=box["id"], direction="outbound")}
    assert set() == set(callers.accepted) - sent
    came = [one["subject"] for one in api.everything("/v1/messages", mailbox_id=box["id"], direction="inbound")]
    assert set() == {subject for one in peers for subject in one.accepted} - set(came)

    def over() -> bool:
        found = api.everything("/v1/messages", mailbox_id=box["id"], direction="outbound")
        return all(one["status"] == "delivered" for one in found if one["message_id"] in set(callers.accepted))

    eventually(over, 40, lambda: "not all were delivered")
    twice = {to for to, count in sink.dots.items() if count > 1}
    told = {one["data"]["recipient"] for one in api.events("message.unknown")}
    assert set() == twice - told


def test_a_second_signal_ends_it_at_once(world):
    server, sink = world
    api = server.api()
    api.post("/v1/domains", {"domain": "agents.example"})
    box = api.mailbox("ada@agents.example")
    sink.pause = 20.0
    sent = api.send(box, "bob@sink.example")
    eventually(lambda: sink.dots["bob@sink.example"], 10)
    server.process.send_signal(signal.SIGTERM)
    eventually(lambda: server.logged("stopping"), 5)
    time.sleep(0.3)
    assert server.process.poll() is None
    server.process.send_signal(signal.SIGTERM)
    assert 1 == server.process.wait(10)
    server.start()
    # The dot was sent and nobody knows what became of it: that is told before anything is tried again.
    eventually(lambda: server.api().events("message.unknown"), 10)
    assert sent["message_id"]
