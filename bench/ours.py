"""Our own server, as an operator runs it: `mailwright serve` with a configuration from the environment, filled over its API."""

from __future__ import annotations

import http.client
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import room, zone
from bench.programs import Program

SMTP_PORT, API_PORT = 2500, 2580


@dataclass(slots=True)
class Server:
    """A running one with a domain of its own; `key` is the operator's."""

    program: Program
    host: str
    key: str
    smtp_port: int = SMTP_PORT
    api_port: int = API_PORT
    _line: http.client.HTTPConnection | None = field(default=None)

    def post(self, path: str, body: dict[str, Any], key: str = "") -> dict[str, Any]:
        """POST and the answer. Raises RuntimeError where that is a refusal."""
        if self._line is None:
            self._line = http.client.HTTPConnection(self.host, self.api_port, timeout=30)
        head = {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json"}
        self._line.request("POST", path, json.dumps(body), head)
        answer = self._line.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {told}")
        return told

    def get(self, path: str) -> dict[str, Any]:
        """GET and the answer."""
        line = http.client.HTTPConnection(self.host, self.api_port, timeout=30)
        line.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
        told: dict[str, Any] = json.loads(line.getresponse().read())
        line.close()
        return told

    def mailbox(self, address: str) -> str:
        """A mailbox that may send without being asked; its id."""
        return str(self.post("/v1/mailboxes", {"address": address, "oversight_mode": "autonomous"})["id"])

    def agent_key(self, mailbox_id: str) -> str:
        """A key bound to the mailbox."""
        return str(self.post("/v1/api-keys", {"name": "bench", "role": "agent", "mailbox_id": mailbox_id})["key"])


def start(folder: Path, dns_port: int, settings: dict[str, str] | None = None) -> Server:
    """Start one with an empty data folder. Everything is on; what differs from the defaults is what the room wants."""
    data = folder / "mailwright"
    shutil.rmtree(data, ignore_errors=True)
    host = room.address()
    wanted = {
        "SERVER__HOSTNAME": f"mx.{zone.OURS}",
        "SERVER__ADDRESSES": host,
        "SERVER__DATA": str(data),
        "SERVER__RUN_AS_ROOT": "true",  # the room is nobody's outside
        "SMTP__HOST": host,
        "SMTP__PORT": str(SMTP_PORT),
        "API__HOST": host,
        "API__PORT": str(API_PORT),
        "DNS__NAMESERVERS": f"127.0.0.1:{dns_port}",
        "DELIVERY__ALLOW_PRIVATE": "true",
        "DELIVERY__PORT": "25" if room.inside() else "2525",
        "POLICY__REQUIRE_ALIGNMENT": "false",  # the keys it makes are in nobody's DNS
        "LOG__LEVEL": "warning",
    } | (settings or {})
    environment = {f"MAILWRIGHT_{name}": value for name, value in wanted.items()}
    command = (Path(sys.executable).with_name("mailwright"), "serve")
    program = Program(command, folder / "mailwright.log", environment).until_there(data / "operator.key")
    server = Server(program, host, (data / "operator.key").read_text().strip())
    server.post("/v1/domains", {"domain": zone.OURS})
    return server
