"""S15: a webhook is no way into the network that the server stands in, as it comes and with DNS on the attacker's side."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from live.rest import Api, Json, eventually
from live.server import Server
from live.zone import Background, Dns

pytestmark = pytest.mark.slow

CLOSED_NAMES = {
    "loopback.example": "A 127.0.0.1",
    "private.example": "A 10.0.0.1",
    "private-b.example": "A 172.16.0.1",
    "private-c.example": "A 192.168.1.1",
    "nat.example": "A 100.64.0.1",
    "metadata.example": "A 169.254.169.254",
    "azure.example": "A 168.63.129.16",
    "nowhere.example": "A 0.0.0.0",
    "loopback6.example": "AAAA ::1",
    "mapped.example": "AAAA ::ffff:127.0.0.1",
    "nat64.example": "AAAA 64:ff9b::7f00:1",
    "metadata6.example": "AAAA fd00:ec2::254",
    "sixtofour.example": "AAAA 2002:7f00:1::",
    "teredo.example": "AAAA 2001:0:7f00:1::1",
    "both.example": "A 93.184.216.34\nboth.example A 127.0.0.1",
    "alias.example": "CNAME loopback.example",
}
CLOSED_HOSTS = (
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", 
    "169.254.169.254", "0.0.0.0", "10.0.0.1", "[fe80::1]", "[64:ff9b::127.0.0.1]",
)  # fmt: skip
NO_URLS = (
    "http://there.example/", "ftp://there.example/", "file:///etc/passwd", "gopher://there.example/", "https://", "https:///x",
    "https://user@there.example/", "https://user:pass@there.example/", "https://there.example/#fragment", "there.example",
    "https://there.example:0/", "https://there.example:99999/", "https://the re.example/", "javascript:alert(1)", "",
    "https://[::1/", "//there.example/",
)  # fmt: skip


class Trap(threading.Thread):
    """It listens where nobody may ever call: loopback, on a port that webhooks may use."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.calls = 0
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 8443))
        self._socket.listen()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._socket.accept()[0].close()
                self.calls += 1

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap | None]:
    try:
        trap = Trap()
    except OSError:  # somebody else has the port; what is told must be proof enough
        yield None
        return
    trap.start()
    yield trap
    trap.close()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    background = Background()
    dns = Dns(background, "\n".join(f"{name} {record}" for name, record in CLOSED_NAMES.items()))
    settings = {"server": {"hostname": "mx.agents.example"}, "dns": {"nameservers": [f"127.0.0.1:{dns.port}"]}}
    server = Server(tmp_path_factory.mktemp("server"), settings).start()
    yield server.api()
    server.end()
    dns.close()
    background.close()


def tried(api: Api, url: str) -> str:
    """Make a webhook and test it: why nothing was posted; `refused_url` where it can't even be made."""
    answer = api.ask("POST", "/v1/webhooks", json={"url": url, "events": ["domain.degraded"]})
    if answer.status_code == 422:
        return f"refused_url: {answer.text}"
    webhook = answer.json()
    api.post(f"/v1/webhooks/{webhook['id']}/test")
    path = f"/v1/webhooks/{webhook['id']}/deliveries"

    def failed() -> Json | None:
        found: Json = api.get(path)["items"][0]
        return found if found["error"] else None

    return str(eventually(failed, 10, lambda: f"nothing was tried: {api.get(path)}")["error"])


@pytest.mark.parametrize("name", CLOSED_NAMES)
def test_s15_a_name_that_leads_inwards_is_not_called(api: Api, trap: Trap | None, name: str) -> None:
    assert tried(api, f"https://{name}:8443/").startswith("refused_address: ")
    assert trap is None or 0 == trap.calls


@pytest.mark.parametrize("host", CLOSED_HOSTS)
def test_s15_an_address_within_is_not_called(api: Api, trap: Trap | None, host: str) -> None:
    assert tried(api, f"https://{host}:8443/").startswith(("refused_address: ", "refused_url: "))
    assert trap is None or 0 == trap.calls


@pytest.mark.parametrize("port", [22, 25, 80, 5432, 6379])
def test_s15_a_port_that_is_no_web_servers_is_not_called(api: Api, port: int) -> None:
    assert tried(api, f"https://there.example:{port}/").startswith("refused_url: ")


@pytest.mark.parametrize("url", NO_URLS)
def test_s15_what_is_no_url_to_post_to_is_refused_at_once(api: Api, url: str) -> None:
    before = len(api.everything("/v1/webhooks"))
    answer = api.ask("POST", "/v1/webhooks", json={"url": url})
    assert (422, "validation_error") == (answer.status_code, answer.json()["error"]["code"]), answer.text
    assert answer.json()["error"]["fix"]
    assert "url" == answer.json()["error"]["details"][0]["path"]
    assert before == len(api.everything("/v1/webhooks"))
