"""The machine runs short of disk or of file descriptors: nothing that was accepted is lost, and work goes on afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from live.rest import Api, Json, eventually
from live.server import Server
from live.sink import Sink
from live.smtp import post
from live.zone import Background, Dns

pytestmark = pytest.mark.slow

MEGABYTE = 1024 * 1024
REFUSED = (smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused)


@dataclass(slots=True)
class World:
    """A server with its DNS, and the server of the others."""

    server: Server
    sink: Sink
    api: Api
    ada: Json

    def send_path(self) -> str:
        return f"/v1/mailboxes/{self.ada['id']}/send"

    def subjects(self) -> list[str]:
        """Of all that is stored, in no order."""
        return sorted(one["subject"] for one in self.api.everything("/v1/messages"))


@contextlib.contextmanager
def world_at(folder: Path, **how: object) -> Iterator[World]:
    background = Background()
    dns = Dns(background, "there.example MX 10 mx.there.example\nmx.there.example A 127.0.0.1")
    sink = Sink(background).start()
    settings = {
        "server": {"hostname": "mx.agents.example", "addresses": ["127.0.0.1"], **how.pop("server", {})},  # type: ignore[dict-item]
        "smtp": {"connections_per_ip": 1000},
        "dns": {"nameservers": [f"127.0.0.1:{dns.port}"]},
        "delivery": {"allow_private": True, "port": sink.port},
    }
    server = Server(folder, settings, **how)  # type: ignore[arg-type]
    try:
        server.start()
        api = _inside(server)
        api.aligned_domain("agents.example", dns.publish)
        yield World(server, sink, api, api.mailbox("ada@agents.example"))
    finally:
        server.end()
        sink.close()
        dns.close()
        background.close()


def _inside(server: Server) -> Api:
    """REST with the operator's key, which lies where the server sees its data folder."""
    assert server.process is not None
    key = Path(f"/proc/{server.process.pid}/root{server.data}/operator.key")
    return server.api(key.read_text().strip())


# --- disk ------------------------------------------------------------


def _no_mounts() -> str | None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return "not root, which a file system of its own needs"
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "no mount namespaces here"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[World]:
    """A server whose data is on a disk of 120 MB, which nobody else sees."""
    if reason := _no_mounts():
        pytest.skip(reason)
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size=120m scarce {disk} && exec "$@"'
    before = ("unshare", "--mount", "sh", "-c", mount, "sh")
    with world_at(tmp_path, before=before, server={"data": str(disk)}) as world:
        yield world


def fill(world: World, left: int) -> Path:
    """Leave so many octets of the disk free; the file that takes the rest."""
    assert world.server.process is not None
    ballast = Path(f"/proc/{world.server.process.pid}/root{world.server.data}/ballast")
    disk = os.statvfs(ballast.parent)
    with ballast.open("wb") as out, contextlib.suppress(OSError):
        for _ in range((disk.f_bavail * disk.f_frsize - left) // MEGABYTE + 1 - bool(left)):
            out.write(bytes(MEGABYTE))
    return ballast


def noticed(world: World) -> None:
    """Wait until the server knows: it looks twice a second."""
    url = f"{world.server.api_url}/readyz"
    eventually(lambda: httpx2.get(url).status_code == 503, 5, lambda: "it goes on as if there were room")


def test_a_full_disk_is_told_and_loses_nothing(small: World) -> None:
    api, port = small.api, small.server.smtp_port
    unused = small.server.api(api.post("/v1/api-keys", {"name": "new", "role": "agent", "mailbox_id": small.ada["id"]})["key"])
    small.api.settled(api.send(small.ada, "carol@there.example", subject="before")["message_id"], "delivered")
    post(port, "ada@agents.example", "in before")
    ballast = fill(small, 30 * MEGABYTE)
    noticed(small)

    answer = api.ask("POST", small.send_path(), json=_tea("no room"))
    assert (503, "storage_busy") == (answer.status_code, answer.json()["error"]["code"])
    assert answer.json()["error"]["fix"]
    assert int(answer.headers["retry-after"]) > 0
    with pytest.raises(REFUSED) as refused:
        post(port, "ada@agents.example", "no room in")
    assert _code(refused.value) in (451, 452)
    assert 200 == httpx2.get(f"{small.server.api_url}/healthz").status_code
    for reader in (api, unused):  # reading needs no room, not even with a key that was never used before
        assert 2 == len(reader.get("/v1/messages", mailbox_id=small.ada["id"])["items"])

    ballast.unlink()
    eventually(lambda: api.ask("POST", small.send_path(), json=_tea("after")).status_code == 202, 10)
    eventually(lambda: _taken_at(port, "in after"), 5)
    assert ["after", "before", "in after", "in before"] == small.subjects()
    eventually(lambda: small.sink.dots["carol@there.example"] == 2, 10, lambda: str(small.sink.dots))
    small.server.stop()
    assert "Traceback" not in small.server.logs[-1].read_text()


def test_a_disk_without_a_single_block_left_refuses_a_large_message(small: World) -> None:
    large = "x" * 70 + "\r\n"
    raw = f"From: <bob@there.example>\r\nSubject: large\r\n\r\n{large * 10_000}"
    ballast = fill(small, 0)
    with smtplib.SMTP("127.0.0.1", small.server.smtp_port, "there.example", timeout=20) as client:
        with pytest.raises(REFUSED) as refused:
            client.sendmail("bob@there.example", ["ada@agents.example"], raw)
        assert _code(refused.value) in (451, 452)
        answer = small.api.ask("POST", small.send_path(), json=_tea("large") | {"text": large * 10_000})
        assert (503, "storage_busy") == (answer.status_code, answer.json()["error"]["code"])
        ballast.unlink()
        eventually(lambda: _taken(client, raw), 10, lambda: "it does not recover")
    assert ["large"] == small.subjects()


def test_deliveries_wait_for_the_disk_and_are_not_sent_again(small: World) -> None:
    """What was handed over while its result can't be written is written later, and handed over once."""
    small.sink.pause = 1.5
    sent = small.api.send(small.ada, "carol@there.example")
    eventually(lambda: small.sink.dots["carol@there.example"], 10)
    ballast = fill(small, 30 * MEGABYTE)
    noticed(small)
    assert "queued" == small.api.get(f"/v1/messages/{sent['message_id']}")["status"]
    ballast.unlink()
    small.api.settled(sent["message_id"], "delivered", within=15)
    assert 1 == small.sink.dots["carol@there.example"]


def _tea(subject: str) -> Json:
    return {"to": ["carol@there.example"], "subject": subject, "text": "At four?"}


def _taken(client: smtplib.SMTP, raw: str) -> bool:
    try:
        client.sendmail("bob@there.example", ["ada@agents.example"], raw)
    except REFUSED:
        return False
    return True


def _taken_at(port: int, subject: str) -> bool:
    try:
        post(port, "ada@agents.example", subject)
    except REFUSED:
        return False
    return True


def _code(refused: Exception) -> int:
    """With what a message was refused: after its recipient, or once the shortage is noticed before it."""
    if isinstance(refused, smtplib.SMTPRecipientsRefused):
        return next(iter(refused.recipients.values()))[0]
    assert isinstance(refused, smtplib.SMTPDataError)
    return refused.smtp_code


# --- file descriptors ------------------------------------------------------------


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="no prlimit here")
def test_s21_a_server_without_file_descriptors_backs_off_and_recovers(tmp_path: Path) -> None:
    with world_at(tmp_path, before=("prlimit", "--nofile=80")) as world:
        port = world.server.smtp_port
        kept = smtplib.SMTP("127.0.0.1", port, "there.example", timeout=20)
        crowd = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(200)]
        kept.sendmail("bob@there.example", ["ada@agents.example"], "From: <bob@there.example>\r\nSubject: kept\r\n\r\nHi\r\n")
        with contextlib.suppress(httpx2.HTTPError):
            httpx2.get(f"{world.server.api_url}/healthz", timeout=1)
        assert world.server.process is not None
        used = _processor_seconds(world.server.process.pid)
        eventually(lambda: not _answers(port), 10)
        assert _processor_seconds(world.server.process.pid) - used < 2, "it is busy with accepting what it can't accept"
        assert world.server.process.poll() is None
        for one in crowd:
            one.close()
        eventually(lambda: _answers(port), 10, lambda: "it does not take connections again")
        post(port, "ada@agents.example", "after")
        assert ["after", "kept"] == world.subjects()
        world.api.settled(world.api.send(world.ada, "carol@there.example")["message_id"], "delivered")
        kept.quit()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as probe:
            return probe.recv(100).startswith(b"220 ")
    except OSError:
        return False


def _processor_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
