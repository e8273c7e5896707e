"""Events reach the programs that asked for them: checked with the libraries that those programs use."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from live.hooks import Hooks
from live.ports import free_port
from live.rest import Api, Json, eventually
from live.server import Server
from live.smtp import post
from live.zone import Background, Dns
from standardwebhooks import Webhook, WebhookVerificationError

pytestmark = pytest.mark.slow

DOMAIN = "agents.example"
ZONE = "there.example TXT v=spf1 ip4:127.0.0.1 -all"


@pytest.fixture(scope="module")
def dns() -> Iterator[Dns]:
    background = Background()
    dns = Dns(background, ZONE)
    yield dns
    dns.close()
    background.close()


@pytest.fixture
def server(dns: Dns, tmp_path: Path) -> Iterator[Server]:
    settings = {
        "server": {"hostname": "mx.agents.example", "addresses": ["127.0.0.1"]},
        "api": {"port": free_port()},
        "dns": {"nameservers": [f"127.0.0.1:{dns.port}"]},
        "delivery": {"allow_private": True},
        "policy": {"require_alignment": False},
    }
    server = Server(tmp_path, settings).start()
    yield server
    server.end()


@pytest.fixture
def api(server: Server) -> Api:
    return server.api()


@pytest.fixture
def ada(api: Api) -> Json:
    api.post("/v1/domains", {"domain": DOMAIN})
    return api.mailbox(f"ada@{DOMAIN}")


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    hooks = Hooks().start()
    yield hooks
    hooks.close()


def test_the_standard_webhooks_library_verifies_what_is_posted(server: Server, api: Api, ada: Json, hooks: Hooks) -> None:
    webhook = api.post("/v1/webhooks", {"url": hooks.url("/mail"), "events": ["message.received"]})
    post(server.smtp_port, ada["address"], "Tea?")
    eventually(lambda: hooks.at("/mail"), 10)
    told = hooks.at("/mail")[0]
    event = Webhook(webhook["secret"]).verify(told.body, told.headers)
    assert (event["type"], event["data"]["subject"]) == ("message.received", "Tea?")
    assert event["id"] == told.headers["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook["secret"]).verify(told.body.replace(b"Tea?", b"Gin?"), told.headers)


def test_a_rotated_secret_verifies_beside_the_old_one(server: Server, api: Api, ada: Json, hooks: Hooks) -> None:
    old = api.post("/v1/webhooks", {"url": hooks.url("/mail"), "events": ["message.received"]})
    new = api.post(f"/v1/webhooks/{old['id']}/rotate-secret")
    post(server.smtp_port, ada["address"], "Tea?")
    eventually(lambda: hooks.at("/mail"), 10)
    told = hooks.at("/mail")[0]
    assert old["secret"] != new["secret"]
    for secret in (old["secret"], new["secret"]):
        Webhook(secret).verify(told.body, told.headers)


def test_an_end_point_that_hangs_delays_neither_the_others_nor_the_api(
    server: Server, api: Api, ada: Json, hooks: Hooks, tell: Callable[[str], None]
) -> None:
    """More events than the server keeps in hand at once, so that the one that hangs can't have all its places."""
    for path in ("/hang/1", "/hang/2", "/good"):
        api.post("/v1/webhooks", {"url": hooks.url(path), "events": ["message.received"]})
    begun = time.monotonic()
    for _ in range(5):
        post(server.smtp_port, ada["address"], *["Tea?"] * 100)
    eventually(lambda: len(hooks.at("/good")) >= 500, 20, lambda: f"only {len(hooks.at('/good'))} of 500 were told")
    told = time.monotonic() - begun
    waits = []
    for _ in range(20):
        started = time.monotonic()
        api.get("/v1/webhooks")
        waits.append(time.monotonic() - started)
    asked = median(waits)
    tell(f"500 events told in {told:.1f} s beside two end points that hang; a GET took {asked * 1000:.0f} ms")
    assert asked < 0.2
    assert 500 == len({one.headers["webhook-id"] for one in hooks.at("/good")})


def test_a_long_line_for_an_end_point_that_hangs_delays_nobody_else(
    server: Server, api: Api, ada: Json, hooks: Hooks, tell: Callable[[str], None]
) -> None:
    """All at once: it was switched off for a while, and comes back with all that it missed."""
    wanted = {"events": ["message.received"]}
    hanging = api.post("/v1/webhooks", {"url": hooks.url("/hang"), **wanted})
    api.post("/v1/webhooks", {"url": hooks.url("/good"), **wanted})
    path = f"/v1/webhooks/{hanging['id']}"
    assert 200 == api.ask("PATCH", path, json={"enabled": False}).status_code
    for _ in range(5):
        post(server.smtp_port, ada["address"], *["Tea?"] * 100)
    eventually(lambda: len(hooks.at("/good")) >= 500, 20, lambda: f"only {len(hooks.at('/good'))} of 500 were told")
    assert 200 == api.ask("PATCH", path, json={"enabled": True}).status_code
    eventually(lambda: hooks.at("/hang"), 10)
    begun = time.monotonic()
    post(server.smtp_port, ada["address"], "Now?")
    eventually(lambda: len(hooks.at("/good")) > 500, 20, lambda: "the other webhook was not told")
    tell(f"told in {time.monotonic() - begun:.2f} s beside a line of 500 for an end point that hangs")


# --- the event stream ------------------------------------------------------------


class Reader(threading.Thread):
    """A stock client of server-sent events: it reads until it is cut off, and comes back with the last id that it saw."""

    def __init__(self, api: Api) -> None:
        super().__init__(daemon=True)
        self._api = api
        self.got: list[Any] = []
        self.connections = 0
        self.enough = False
        self._last = ""

    def run(self) -> None:
        import httpx

        with httpx.Client(headers={"Authorization": f"Bearer {self._api.key}"}, timeout=20, trust_env=False) as client:
            while not self.enough:
                with contextlib.suppress(httpx.HTTPError):
                    self._read(client)
                time.sleep(0.05)

    def _read(self, client: Any) -> None:
        from httpx_sse import connect_sse

        headers = {"Last-Event-ID": self._last} if self._last else {}
        with connect_sse(client, "GET", f"{self._api.url}/v1/events/stream", headers=headers) as source:
            self.connections += 1
            for event in source.iter_sse():
                self._last = event.id
                if event.event == "message.received":
                    self.got.append(json.loads(event.data)["data"]["subject"])
                if self.enough:
                    return


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_stock_client_resumes_across_a_restart_without_skipping_or_repeating(
    server: Server, api: Api, ada: Json, end: str, tell: Callable[[str], None]
) -> None:
    pytest.importorskip("httpx", reason="httpx-sse, a stock client of event streams, needs httpx")
    reader = Reader(api)
    reader.start()
    eventually(lambda: reader.connections, 10)
    for turn in range(2):
        post(server.smtp_port, ada["address"], *[f"{turn}.{number}" for number in range(100)])
        getattr(server, end)()
        server.start()
        post(server.smtp_port, ada["address"], *[f"{turn}.after.{number}" for number in range(20)])
    wanted = [one["data"]["subject"] for one in api.events("message.received")]
    eventually(lambda: len(reader.got) >= len(wanted), 15, lambda: f"{len(reader.got)} of {len(wanted)} were read")
    time.sleep(0.2)
    reader.enough = True
    assert wanted == reader.got
    assert 240 == len(wanted)
    tell(f"{len(wanted)} events read over {reader.connections} connections across 2 restarts by {end}")
