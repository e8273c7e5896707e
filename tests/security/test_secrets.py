"""What must stay unsaid: a session with known secrets and words, and all that the server wrote searched for them."""

from __future__ import annotations

import base64
import smtplib
from pathlib import Path

import httpx2
import pytest
from live.rest import eventually

from security.conftest import World, said

pytestmark = pytest.mark.slow

WORDS = "xyzzy-plugh-8731"  # in subjects, bodies, names of files and made-up fields
PASSWORD = "correct-horse-8731"


@pytest.fixture(scope="module")
def told(world: World) -> dict[str, bytes]:
    """The session. Gives the secrets by what they are."""
    secrets = {"the operator's key": world.api.key, "the agent's key": world.agent.key}
    short = world.api.post("/v1/api-keys", {"name": "short", "role": "auditor"})
    secrets["a revoked key"] = short["key"]
    world.api.ask("DELETE", f"/v1/api-keys/{short['id']}")
    hook = world.api.post("/v1/webhooks", {"url": f"http://127.0.0.1:{world.wire.port}/{WORDS}"})
    secrets["a webhook's secret"] = hook["secret"]
    secrets["its next secret"] = world.api.post(f"/v1/webhooks/{hook['id']}/rotate-secret")["secret"]
    _use_and_misuse(world, secrets["a revoked key"])
    _smarthost(world)
    secrets |= {
        "a password": PASSWORD,
        "a password as AUTH says it": base64.b64encode(f"\0ada\0{PASSWORD}".encode()).decode(),
        "a password as a smarthost hears it": base64.b64encode(PASSWORD.encode()).decode(),
        "words of a message": WORDS,
    }
    return {name: value.encode() for name, value in secrets.items()}


def _use_and_misuse(world: World, revoked: str) -> None:
    url = world.server.api_url
    for path in ("/v1/messages", "/mcp", f"/v1/messages/{WORDS}", f"/v1/messages?key={revoked}", f"/{WORDS}"):
        for key in (revoked, revoked[:-1] + "\x7f", world.agent.key + WORDS, "Basic " + revoked):
            httpx2.post(url + path, content=f'{{"to": "{WORDS}', headers={"Authorization": f"Bearer {key}"})
    for body in ({"to": WORDS, "text": WORDS}, {"to": ["carol@there.example"], "headers": {"From": WORDS}}, {WORDS: WORDS}):
        assert 422 == world.agent.ask("POST", f"/v1/mailboxes/{world.ada['id']}/send", json=body).status_code
    call = {"name": "send_email", "arguments": {"to": [WORDS], "text": WORDS}}
    world.agent.ask("POST", "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
    sent = world.agent.send(world.ada, "carol@there.example", text=WORDS, subject=WORDS, headers={"X-Note": WORDS})
    world.agent.settled(sent["message_id"], "delivered")
    with smtplib.SMTP("127.0.0.1", world.server.smtp_port, timeout=20) as client:
        raw = f"From: <bob@there.example>\r\nSubject: {WORDS}\r\nContent-Type: text/html\r\n\r\n<p>{WORDS}</p>\r\n"
        client.sendmail("bob@there.example", ["ada@agents.example"], raw)
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail(
                "bob@there.example", ["ada@agents.example"], f"From: {WORDS}\r\nSubject: {WORDS}\r\n\r\n{WORDS}\r\n"
            )
    with world.dial() as line:
        login = base64.b64encode(f"\0ada\0{PASSWORD}".encode())
        said(line, b"EHLO there.example\r\n", until=b"250 ")
        said(line, b"AUTH PLAIN " + login + b"\r\n", until=b"\r\n")
        said(line, f"{WORDS}\n{PASSWORD}\r\n".encode())


def _smarthost(world: World) -> None:
    """A domain whose mail goes over a host that wants a password, which is told in the clear to this machine alone."""
    domain = world.api.aligned_domain("other.example", world.dns.publish)
    host = {"host": "127.0.0.1", "port": world.wire.port, "username": "ada", "password": PASSWORD, "tls": "none"}
    changed = world.api.ask("PATCH", f"/v1/domains/{domain['id']}", json={"smarthost": host})
    assert 200 == changed.status_code, changed.text
    box = world.api.mailbox("ada@other.example")
    sent = world.api.send(box, "carol@there.example", text=WORDS)
    world.api.settled(sent["message_id"], "deferred")
    assert b"AUTH PLAIN " in world.wire.heard
    timeline = world.api.raw(f"/v1/messages/{sent['message_id']}/timeline")
    assert b"5.7.8" in timeline
    assert PASSWORD.encode() not in timeline
    assert base64.b64encode(f"\0ada\0{PASSWORD}".encode()) not in timeline


def test_s28_no_secret_and_no_word_of_a_message_stands_in_the_log(world: World, told: dict[str, bytes]) -> None:
    eventually(lambda: "smtp.refused" in world.log() and "request refused" in world.log(), 10)
    log = world.log().encode()
    assert [] == [name for name, secret in told.items() if secret in log]


def test_s28_what_is_kept_of_a_key_is_not_the_key(world: World, told: dict[str, bytes]) -> None:
    kept = [path for path in Path(world.server.data).rglob("*") if path.is_file() and path.name != "operator.key"]
    assert len(kept) > 3
    keys = {name: secret for name, secret in told.items() if "key" in name}
    assert [] == [(path.name, name) for path in kept for name, secret in keys.items() if secret in path.read_bytes()]


@pytest.mark.parametrize("path", ["/v1/audit", "/v1/events", "/v1/api-keys", "/v1/webhooks", "/v1/domains"])
def test_s28_no_list_tells_a_secret_again(world: World, told: dict[str, bytes], path: str) -> None:
    found = world.api.raw(f"{path}?limit=200")
    assert len(found) > 100
    assert [] == [name for name, secret in told.items() if secret in found and name != "words of a message"]
    if path != "/v1/events" and path != "/v1/webhooks":
        assert told["words of a message"] not in found


def test_s28_nothing_of_it_was_a_bug(world: World, told: dict[str, bytes]) -> None:
    assert told
    assert 200 == httpx2.get(f"{world.server.api_url}/readyz").status_code
    assert "Traceback" not in world.log()
