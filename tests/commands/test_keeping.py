"""`backup`, `restore` and `verify-data` as an operator runs them, on a server that is at work."""

from __future__ import annotations

import json
import smtplib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live.ports import free_port
from live.rest import Api, eventually
from live.server import Server
from live.sink import Sink
from live.zone import Background, Dns

pytestmark = [pytest.mark.slow, pytest.mark.whole, pytest.mark.timeout(120)]

LARGE = "x" * 70 + "\r\n"
CONNECTION = 100  # messages; the server ends a connection after a thousand, which a slow backup leaves time for


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Server, Sink]]:
    background = Background()
    dns = Dns(background, "sink.example MX 10 mx.sink.example\nmx.sink.example A 127.0.0.1")
    sink = Sink(background).start()
    settings = {
        "server": {"hostname": "mx.agents.example", "addresses": ["127.0.0.1"]},
        "smtp": {"port": free_port()},
        "api": {"port": free_port()},
        "dns": {"nameservers": [f"127.0.0.1:{dns.port}"], "timeout": 2},
        "delivery": {"allow_private": True, "port": sink.port},
        "policy": {"require_alignment": False},
    }
    server = Server(tmp_path / "old", settings).start()
    yield server, sink
    server.end()
    sink.close()
    dns.close()
    background.close()


def mailwright(server: Server, *words: str, status: int = 0) -> dict[str, Any]:
    """Run a command on the server's configuration; what it says in JSON."""
    command = [sys.executable, "-m", "mailwright", *words, "--config", str(server.folder / "mailwright.toml"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert status == done.returncode, done.stderr
    return json.loads(done.stdout) if done.stdout else {"said": done.stderr}


class Traffic:
    """Somebody who sends one message after the other, every tenth of them large; `taken` are those that were acknowledged."""

    def __init__(self, port: int, to: str) -> None:
        self.port, self.to, self.taken, self.stop = port, to, [], threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.stop.is_set():
            with smtplib.SMTP("127.0.0.1", self.port, "there.example", timeout=20) as client:
                self._send(client)

    def _send(self, client: smtplib.SMTP) -> None:
        for _ in range(CONNECTION):
            if self.stop.is_set():
                return
            subject = f"t{len(self.taken)}"
            body = LARGE * 5000 if len(self.taken) % 10 == 9 else "Hello.\r\n"
            raw = f"From: <bob@there.example>\r\nTo: <{self.to}>\r\nSubject: {subject}\r\n\r\n{body}"
            client.sendmail("bob@there.example", [self.to], raw)
            self.taken.append(subject)

    def end(self) -> None:
        self.stop.set()
        self.thread.join(30)


def subjects(api: Api, mailbox: Any) -> list[str]:
    return [one["subject"] for one in api.everything("/v1/messages", mailbox_id=mailbox["id"], direction="inbound")]


def again(server: Server, tmp_path: Path) -> Server:
    """The same server with another data folder."""
    other = Server(tmp_path / "new", server.settings)
    other.folder.mkdir()
    config = (server.folder / "mailwright.toml").read_text().replace(str(server.data), str(other.data))
    (other.folder / "mailwright.toml").write_text(config)
    return other


def test_a_server_under_load_is_backed_up_and_restored_with_all_that_it_acknowledged(world, tmp_path: Path):
    server, _ = world
    api = server.api()
    api.post("/v1/domains", {"domain": "agents.example"})
    box = api.mailbox("ada@agents.example")
    traffic = Traffic(server.smtp_port, "ada@agents.example")
    try:
        taken: list[str] = []
        for _ in range(3):
            more = len(traffic.taken) + 25
            eventually(lambda more=more: len(traffic.taken) > more, 30)
            taken = list(traffic.taken)
            made = mailwright(server, "backup", str(tmp_path / "backups"))
            assert [] == mailwright(server, "verify-data", "--against", str(tmp_path / "backups"))["problems"]
        assert made["large_messages"] >= 5
        assert made["written"] < made["bytes"]  # large messages of earlier backups are not written again
        late = list(traffic.taken)
        assert len(late) > len(taken)  # it went on meanwhile
    finally:
        traffic.end()
    last = api.events()[-1]["cursor"]
    server.stop()
    assert [] == mailwright(server, "verify-data", "--backup", str(tmp_path / "backups"))["problems"]
    other = again(server, tmp_path)
    mailwright(other, "restore", str(tmp_path / "backups"))
    assert [] == mailwright(other, "verify-data")["problems"]
    try:
        other.start()
        api = other.api()
        found = subjects(api, box)
        assert set(taken) <= set(found)
        assert len(set(found)) == len(found)
        large = next(one for one in api.everything("/v1/messages", mailbox_id=box["id"]) if one["size"] > 300_000)
        assert LARGE.encode() * 5000 in api.raw(f"/v1/messages/{large['message_id']}/raw")
        told = api.get("/v1/events", after=last)["items"]
        assert "store.restored" == told[0]["type"]  # a cursor of after the backup goes on where the new log begins
    finally:
        other.end()


def test_what_was_delivered_after_the_backup_is_not_sent_again_but_told(world, tmp_path: Path):
    server, sink = world
    api = server.api()
    api.post("/v1/domains", {"domain": "agents.example"})
    box = api.mailbox("ada@agents.example")
    sink.pause = 3.0  # it waits with its answer while the backup is made
    sent = api.send(box, "bob@sink.example")
    eventually(lambda: sink.dots["bob@sink.example"], 10)
    mailwright(server, "backup", str(tmp_path / "b.tar"))
    api.settled(sent["message_id"], "delivered")
    server.stop()
    other = again(server, tmp_path)
    assert 1 == mailwright(other, "restore", str(tmp_path / "b.tar"))["deliveries_unknown"]
    try:
        other.start()
        message = other.api().get(f"/v1/messages/{sent['message_id']}")
        assert ("unknown", "unknown") == (message["status"], message["recipients"][0]["status"])
        assert 1 == len(other.api().events("message.unknown"))
    finally:
        other.stop()
    assert 1 == sink.dots["bob@sink.example"]


def test_the_commands_refuse_what_they_can_not_do_and_say_why(world, tmp_path: Path):
    server, _ = world
    mailwright(server, "backup", str(tmp_path / "backups"))
    said = mailwright(server, "restore", str(tmp_path / "backups"), status=2)["said"]
    assert "restore into a new folder" in said
    said = mailwright(server, "restore", str(tmp_path / "nothing"), status=2)["said"]
    assert "there is no backup" in said
    said = mailwright(server, "backup", str(tmp_path / "b" / "c.tar"), status=2)["said"]
    assert "No such file" in said
    for _ in range(3):
        mailwright(server, "backup", str(tmp_path / "backups"), "--keep", "2")
    assert 2 == len(list((tmp_path / "backups/backups").iterdir()))
