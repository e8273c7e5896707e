"""Too much work, and who may see how the server is."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import pytest

from mailwright.core.errors import StorageBusy
from mailwright.faces.rest import Options, create_app


def full() -> None:
    raise StorageBusy(details={"reason": "memory"}, retry_after=10)


def client(app, peer: str = "127.0.0.1") -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app, client=(peer, 1)), base_url="http://mail.example.com")


async def test_while_there_is_no_room_what_changes_something_is_refused_and_reading_goes_on(world):
    app = create_app(replace(world.ports, admit=full), Options())
    key = {"Authorization": f"Bearer {world.ours.keys['operator']}"}
    async with client(app) as http:
        answer = await http.post("/v1/agents", json={"name": "x"}, headers=key)
        assert (503, "storage_busy", "10") == (
            answer.status_code,
            answer.json()["error"]["code"],
            answer.headers["retry-after"],
        )
        assert 200 == (await http.get("/v1/agents", headers=key)).status_code
        assert 401 == (await http.post("/v1/agents", json={"name": "x"})).status_code  # strangers learn nothing


async def test_s21_one_request_too_many_is_refused_in_the_error_shape(world):
    async with client(create_app(world.ports, Options(requests=0))) as http:
        answer = await http.get("/healthz")
    error = answer.json()["error"]
    assert (503, "storage_busy", {"reason": "requests"}) == (answer.status_code, error["code"], error["details"])
    assert "2" == answer.headers["retry-after"]


@pytest.mark.parametrize(
    ("peer", "networks", "status"),
    [
        ("127.0.0.1", None, 200),
        ("::1", None, 200),
        ("::ffff:127.0.0.1", None, 200),
        ("192.0.2.1", None, 403),
        ("2001:db8::1", None, 403),
        ("192.0.2.1", ("192.0.2.0/24",), 200),
        ("127.0.0.1", ("192.0.2.0/24",), 403),
        ("no-address", None, 403),
    ],
)
async def test_metrics_are_for_some_networks_only(world, peer, networks, status):
    options = Options() if networks is None else Options(metrics_from=networks)
    async with client(create_app(world.ports, options), peer) as http:
        assert status == (await http.get("/metrics")).status_code
        assert 200 == (await http.get("/healthz")).status_code
