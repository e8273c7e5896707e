"""What must not work, tried against a running server: each is refused with a code and a way out, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from live.rest import Api, Json
from live.server import Server
from live.sink import Sink
from live.smtp import post
from live.zone import Background, Dns

pytestmark = pytest.mark.slow

ZONE = """
    there.example MX 10 mx.there.example
    mx.there.example A 127.0.0.1
    """


@dataclass(slots=True)
class World:
    """A server, an aligned domain with two mailboxes, one that is not aligned, and a second tenant."""

    server: Server
    sink: Sink
    api: Api
    ada: Json
    bob: Json
    agent: Api  # bound to ada
    other: Api  # the operator of the second tenant
    owned: dict[str, str] = field(default_factory=dict)  # of the first tenant: an id for each word in a path

    @property
    def send_path(self) -> str:
        return f"/v1/mailboxes/{self.ada['id']}/send"

    def stored(self) -> Any:
        """All that a refused request could have left."""
        lists = ("messages", "threads", "domains", "mailboxes", "agents", "api-keys", "webhooks", "suppressions", "tenants")
        found: dict[str, Any] = {name: [one["id"] for one in self._ids(f"/v1/{name}")] for name in lists}
        found["events"] = self.api.get("/v1/events", after="now")["next_cursor"]
        found["audit"] = self.api.get("/v1/audit", limit=1)["items"]
        found["dots"] = dict(self.sink.dots)
        return found

    def _ids(self, path: str) -> list[Json]:
        return [{"id": one.get("id") or one["message_id"]} for one in self.api.get(path, limit=200)["items"]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    background = Background()
    dns = Dns(background, ZONE)
    sink = Sink(background).start()
    settings = {
        "server": {"hostname": "mx.agents.example", "addresses": ["127.0.0.1"]},
        "dns": {"nameservers": [f"127.0.0.1:{dns.port}"]},
        "delivery": {"allow_private": True, "port": sink.port},
        "smtp": {"message_limit": 2_000_000},
    }
    server = Server(tmp_path_factory.mktemp("server"), settings).start()
    api = server.api()
    api.aligned_domain("agents.example", dns.publish)
    ada, bob = api.mailbox("ada@agents.example"), api.mailbox("bob@agents.example")
    agent = server.api(api.post("/v1/api-keys", {"name": "ada", "role": "agent", "mailbox_id": ada["id"]})["key"])
    tenant = api.post("/v1/tenants", {"name": "others"})
    other = server.api(_secret(tenant))
    world = World(server, sink, api, ada, bob, agent, other)
    world.owned = _one_of_each(world)
    yield world
    server.end()
    sink.close()
    dns.close()
    background.close()


def _secret(tenant: Json) -> str:
    found = [value for value in (tenant, *tenant.values()) if isinstance(value, dict) and "key" in value]
    return str(found[-1]["key"] if isinstance(found[-1]["key"], str) else found[-1]["key"]["key"])


def _one_of_each(world: World) -> dict[str, str]:
    api = world.api
    sent = api.send(world.ada, "carol@there.example")
    api.settled(sent["message_id"], "delivered")
    gated = api.post("/v1/mailboxes", {"address": "gated@agents.example"})
    held = api.send(gated, "carol@there.example")
    webhook = api.post("/v1/webhooks", {"url": "http://127.0.0.1:9/", "events": ["domain.degraded"]})
    delivery = api.post(f"/v1/webhooks/{webhook['id']}/test")
    return {
        "domain_id": world.ada["domain_id"],
        "agent_id": world.ada["agent_id"],
        "mailbox_id": world.ada["id"],
        "message_id": sent["message_id"],
        "thread_id": sent["thread_id"],
        "approval_id": held["approval_id"],
        "webhook_id": webhook["id"],
        "delivery_id": delivery["id"],
        "suppression_id": api.post("/v1/suppressions", {"address": "gone@there.example"})["id"],
        "key_id": api.post("/v1/api-keys", {"name": "k", "role": "auditor"})["id"],
        "attachment_id": "att_1",
    }


def refusal(answer: httpx2.Response, status: int, code: str) -> Json:
    """The error, checked: its shape is the same everywhere, and it says what to do."""
    assert (status, code) == (answer.status_code, answer.json().get("error", {}).get("code")), answer.text[:500]
    error: Json = answer.json()["error"]
    assert {"code", "message", "fix", "docs", "request_id", "details"} == set(error)
    assert error["message"]
    assert len(error["fix"]) > 10
    assert error["docs"].endswith(f"/docs#{code}")
    assert error["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return error


@contextlib.contextmanager
def nothing_stored(world: World) -> Iterator[None]:
    """Whatever is done in here leaves no trace."""
    before = world.stored()
    yield
    assert before == world.stored()


def good(**more: Any) -> Json:
    """A message that could be sent."""
    return {"to": ["carol@there.example"], "subject": "Tea?", "text": "At four?", **more}


def test_the_message_that_the_others_here_spoil_is_good(world: World) -> None:
    sent = world.agent.post(world.send_path, good())
    assert "queued" == sent["status"]
    world.agent.settled(sent["message_id"], "delivered")


# --- what is no request ------------------------------------------------------------

NO_JSON = {
    "nothing like it": b"to=bob",
    "cut short": b'{"to": ["carol@there.exa',
    "two of it": b'{"subject": "x"}{"subject": "y"}',
    "a trailing comma": b'{"subject": "x",}',
    "single quotes": b"{'subject': 'x'}",
    "not UTF-8": b'{"subject": "\xff\xfe"}',
    "UTF-16": '{"subject": "x"}'.encode("utf-16"),
    "no number": b'{"subject": NaN}',
    "half a surrogate pair escaped badly": b'{"subject": "\\ud8"}',
}


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
def test_a_body_that_is_no_json_is_malformed(world: World, body: bytes) -> None:
    with nothing_stored(world):
        refusal(world.agent.ask("POST", world.send_path, content=body), 400, "malformed_request")


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"headers": ' * 100_000, b'{"x":' * 100_000])
def test_a_body_nested_without_end_is_refused(world: World, body: bytes) -> None:
    with nothing_stored(world):
        answer = world.agent.ask("POST", world.send_path, content=body)
        refusal(answer, answer.status_code, {400: "malformed_request", 422: "validation_error"}[answer.status_code])


def test_a_body_of_another_type_is_malformed(world: World) -> None:
    with nothing_stored(world):
        answer = world.agent.ask("POST", world.send_path, data={"to": "carol@there.example"})
        refusal(answer, 400, "malformed_request")


WRONG = {
    "to": [7, {"address": "carol@there.example"}, [["carol@there.example"]], True, None, [7]],
    "cc": [7, [None]],
    "subject": [7, ["Tea?"], {"text": "Tea?"}, None, "x" * 5000],
    "text": [7, ["At four?"], {}],
    "html": [True],
    "attachments": ["file", [{"filename": "a"}], [{"filename": "a", "content": "not base64!"}], [7]],
    "headers": [["X-Tag: 1"], {"X-Tag": 1}, "X-Tag: 1"],
    "labels": ["done", [7], [""], ["x" * 100]],
    "send_at": ["tomorrow", 1700000000, "2026-13-01T00:00:00Z", "1999-01-01T00:00:00Z", "2199-01-01T00:00:00Z"],
    "oversight_mode": ["none", 4],
    "stream": ["newsletter"],
    "surprise": ["an unknown field"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_field_of_the_wrong_kind_is_named(world: World, name: str, value: Any) -> None:
    with nothing_stored(world):
        error = refusal(world.agent.ask("POST", world.send_path, json=good(**{name: value})), 422, "validation_error")
    assert error["details"][0]["path"].startswith(name), error
    assert error["details"][0]["message"]


NO_ADDRESS = (
    "", "carol", "carol@", "@there.example", "carol@there..example", "carol@-there.example", "carol there@example",
    "carol@there.example, dave@there.example", "carol@there.example dave@there.example", "Carol <carol@there.example",
    "<carol@there.example>>", "carol@there.example\r\nBcc: dave@there.example", "carol@there.example\0",
    "x" * 70 + "@there.example", "carol@" + "x" * 64 + ".example", "carol@" + "x." * 130 + "example", "ca rol@there.example",
    "\"carol\r\n\"@there.example", "=?utf-8?q?carol=40there.example?=", "carol@there.example (\r\nBcc: x@y.example)",
    "undisclosed-recipients:;", "friends: carol@there.example;",
)  # fmt: skip


@pytest.mark.parametrize("field_name", ["to", "cc", "bcc", "reply_to"])
@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_single_address_is_refused_where_it_stands(world: World, field_name: str, text: str) -> None:
    with nothing_stored(world):
        answer = world.agent.ask("POST", world.send_path, json=good(**{field_name: ["fine@there.example", text]}))
        error = refusal(answer, 422, "validation_error")
    assert f"{field_name}[1]" == error["details"][0]["path"]


def test_a_message_for_nobody_is_refused(world: World) -> None:
    with nothing_stored(world):
        refusal(world.agent.ask("POST", world.send_path, json=good(to=[])), 422, "validation_error")


def test_more_recipients_than_allowed_are_refused(world: World) -> None:
    many = [f"c{number}@there.example" for number in range(101)]
    with nothing_stored(world):
        refusal(world.agent.ask("POST", world.send_path, json=good(to=many)), 422, "validation_error")


# --- what is too much ------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/domains", "/v1/mailboxes", "/v1/api-keys", "/v1/webhooks", "/v1/suppressions"])
def test_a_body_beyond_the_limit_is_refused(world: World, path: str) -> None:
    with nothing_stored(world):
        refusal(world.api.ask("POST", path, content=b'{"x": "' + b"x" * 2_000_000), 413, "too_large")


def test_a_message_beyond_the_limit_is_refused(world: World) -> None:
    with nothing_stored(world):
        error = refusal(world.agent.ask("POST", world.send_path, json=good(text="x" * 2_000_000)), 413, "too_large")
    assert 2_000_000 == error["details"]["limit"]


def test_a_body_without_end_is_cut_off(world: World) -> None:
    """No length is told, and none is believed."""

    def endless() -> Iterator[bytes]:
        yield b'{"text": "'
        for _ in range(1000):
            yield b"x" * 65536

    with nothing_stored(world), contextlib.suppress(httpx2.WriteError):
        refusal(world.agent.ask("POST", world.send_path, content=endless()), 413, "too_large")


# --- S10: header injection ------------------------------------------------------------

LINES = {
    "CRLF": "\r\nBcc: victim@there.example",
    "LF": "\nBcc: victim@there.example",
    "CR": "\rBcc: victim@there.example",
    "a second header": "\r\n\r\nBuy this",
    "folded": "\r\n Bcc: victim@there.example",
    "null": "\0",
    "a line separator": "\u2028Bcc: victim@there.example",
    "a next line": "\x85Bcc: victim@there.example",
    "a vertical tab": "\x0bBcc: victim@there.example",
    "half a character": "\ud800",
}
lines = pytest.mark.parametrize("line", LINES.values(), ids=LINES)


def attachment(**more: str) -> list[Json]:
    return [{"filename": "a.txt", "content": "aGVsbG8K", "content_type": "text/plain", **more}]


FIELDS: dict[str, Any] = {
    "subject": lambda line: {"subject": f"Tea?{line}"},
    "to, name": lambda line: {"to": [f"Carol{line} <carol@there.example>"]},
    "to, quoted name": lambda line: {"to": [f'"Carol{line}" <carol@there.example>']},
    "to, local part": lambda line: {"to": [f"carol{line}@there.example"]},
    "to, domain": lambda line: {"to": [f"carol@there.example{line}"]},
    "to, comment": lambda line: {"to": [f"carol@there.example (Carol{line})"]},
    "cc": lambda line: {"cc": [f"Carol{line} <carol@there.example>"]},
    "bcc": lambda line: {"bcc": [f"Carol{line} <carol@there.example>"]},
    "reply_to": lambda line: {"reply_to": [f"Carol{line} <carol@there.example>"]},
    "from": lambda line: {"from": f"Ada{line} <ada@agents.example>"},
    "header name": lambda line: {"headers": {f"X-Tag{line}": "1"}},
    "header value": lambda line: {"headers": {"X-Tag": f"1{line}"}},
    "in_reply_to": lambda line: {"in_reply_to": f"<a@there.example>{line}"},
    "file name": lambda line: {"attachments": attachment(filename=f"a{line}.txt")},
    "file type": lambda line: {"attachments": attachment(content_type=f"text/plain{line}")},
    "file type's parameter": lambda line: {"attachments": attachment(content_type=f'text/plain; x="{line}"')},
    "content id": lambda line: {"html": "<p>", "attachments": attachment(content_id=f"a{line}")},
    "label": lambda line: {"labels": [f"done{line}"]},
}


@lines
@pytest.mark.parametrize("spoil", FIELDS.values(), ids=FIELDS)
def test_s10_no_string_begins_a_line_of_its_own(world: World, spoil: Any, line: str) -> None:
    body = json.dumps(good(**spoil(line))).encode()  # ASCII: half a character too gets as far as the server
    with nothing_stored(world):
        answer = world.agent.ask("POST", world.send_path, content=body)
        assert answer.status_code in (400, 422), answer.text
        refusal(answer, answer.status_code, "malformed_request" if answer.status_code == 400 else "validation_error")


ELSEWHERE: dict[str, tuple[str, Any]] = {
    "domain": ("/v1/domains", lambda line: {"domain": f"new.example{line}"}),
    "DMARC address": ("/v1/domains", lambda line: {"domain": "new.example", "dmarc_rua": f"a@there.example{line}"}),
    "smarthost": ("/v1/domains", lambda line: {"domain": "new.example", "smarthost": {"host": f"relay.example{line}"}}),
    "smarthost's user": (
        "/v1/domains",
        lambda line: {"domain": "n.example", "smarthost": {"host": "r.example", "username": line}},
    ),
    "agent": ("/v1/agents", lambda line: {"name": f"grace{line}"}),
    "agent's responsible": ("/v1/agents", lambda line: {"name": "grace", "responsible": f"a@there.example{line}"}),
    "mailbox": ("/v1/mailboxes", lambda line: {"address": f"new@agents.example{line}"}),
    "mailbox's local part": ("/v1/mailboxes", lambda line: {"address": f"new{line}@agents.example"}),
    "mailbox's name": ("/v1/mailboxes", lambda line: {"address": "new@agents.example", "display_name": f"Ada{line}"}),
    "mailbox's overseer": ("/v1/mailboxes", lambda line: {"address": "new@agents.example", "overseer": f"a@b.example{line}"}),
    "key": ("/v1/api-keys", lambda line: {"name": f"key{line}", "role": "auditor"}),
    "suppression": ("/v1/suppressions", lambda line: {"address": f"carol@there.example{line}"}),
    "webhook": ("/v1/webhooks", lambda line: {"url": f"https://there.example/{line}"}),
    "webhook's host": ("/v1/webhooks", lambda line: {"url": f"https://there{line}.example/"}),
    "tenant": ("/v1/tenants", lambda line: {"name": f"others{line}"}),
}


@lines
@pytest.mark.parametrize(("path", "spoil"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_s10_no_name_of_anything_holds_a_line_break(world: World, path: str, spoil: Any, line: str) -> None:
    with nothing_stored(world):
        answer = world.api.ask("POST", path, content=json.dumps(spoil(line)).encode())
        assert answer.status_code in (400, 422), answer.text
        refusal(answer, answer.status_code, "malformed_request" if answer.status_code == 400 else "validation_error")


# --- S8: fields that speak for somebody else ------------------------------------------------------------

TRACE = (
    "Received", "Authentication-Results", "DKIM-Signature", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results",
    "Agent-Identity", "Return-Path", "Bcc", "From", "Sender", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID",
    "Resent-From", "Resent-Bcc", "Received-SPF", "Delivered-To", "DomainKey-Signature", "MIME-Version", "Content-Type",
    "Content-Transfer-Encoding", "In-Reply-To", "References", "List-Unsubscribe", "X-Original-To",
)  # fmt: skip


@pytest.mark.parametrize("name", [*TRACE, *map(str.upper, TRACE[:9]), *map(str.lower, TRACE[:9])])
def test_s8_an_agent_writes_no_field_that_speaks_for_somebody_else(world: World, name: str) -> None:
    with nothing_stored(world):
        answer = world.agent.ask("POST", world.send_path, json=good(headers={name: "mx.agents.example; dmarc=pass"}))
        error = refusal(answer, 422, "validation_error")
    assert f"headers.{name}" == error["details"][0]["path"]


@pytest.mark.parametrize(
    "name", ["", " ", "X Tag", "X-Tag:", "X-Täg", "Received ", " Received", "Recei\u200bved", ":", "X" * 200]
)
def test_s8_what_is_no_field_name_is_refused(world: World, name: str) -> None:
    with nothing_stored(world):
        refusal(world.agent.ask("POST", world.send_path, json=good(headers={name: "1"})), 422, "validation_error")


@pytest.mark.parametrize(
    "author",
    ["bob@agents.example", "carol@there.example", "Ada <bob@agents.example>", "ada+x@agents.example", "ada@sub.agents.example"],
)
@pytest.mark.parametrize("path", ["send", "/v1/send_email"])
def test_s8_nobody_writes_as_somebody_else(world: World, author: str, path: str) -> None:
    with nothing_stored(world):
        answer = world.agent.ask("POST", world.send_path if path == "send" else path, json=good(**{"from": author}))
        refusal(answer, 403, "sender_not_owned")


# --- ids and tenants ------------------------------------------------------------

GETS = (
    "/v1/domains/{domain_id}", "/v1/domains/{domain_id}/zone-file", "/v1/agents/{agent_id}", "/v1/mailboxes/{mailbox_id}",
    "/v1/messages/{message_id}", "/v1/messages/{message_id}/raw", "/v1/messages/{message_id}/timeline",
    "/v1/messages/{message_id}/attachments/{attachment_id}", "/v1/threads/{thread_id}", "/v1/approvals/{approval_id}",
    "/v1/webhooks/{webhook_id}", "/v1/webhooks/{webhook_id}/deliveries",
)  # fmt: skip
CHANGES: tuple[tuple[str, str, Json | None], ...] = (
    ("POST", "/v1/domains/{domain_id}/verify", None),
    ("DELETE", "/v1/domains/{domain_id}", None),
    ("PATCH", "/v1/agents/{agent_id}", {"responsible": "eve@there.example"}),
    ("POST", "/v1/agents/{agent_id}/pause", None),
    ("PATCH", "/v1/mailboxes/{mailbox_id}", {"display_name": "Eve"}),
    ("DELETE", "/v1/mailboxes/{mailbox_id}", None),
    ("POST", "/v1/mailboxes/{mailbox_id}/send", {"to": ["carol@there.example"], "text": "Hi"}),
    ("POST", "/v1/messages/{message_id}/reply", {"text": "Hi"}),
    ("POST", "/v1/messages/{message_id}/reply-all", {"text": "Hi"}),
    ("POST", "/v1/messages/{message_id}/forward", {"to": ["carol@there.example"]}),
    ("POST", "/v1/messages/{message_id}/cancel", None),
    ("PATCH", "/v1/messages/{message_id}", {"add_labels": ["seen"]}),
    ("POST", "/v1/reply_email", {"message_id": "{message_id}", "text": "Hi"}),
    ("PATCH", "/v1/webhooks/{webhook_id}", {"enabled": False}),
    ("DELETE", "/v1/webhooks/{webhook_id}", None),
    ("POST", "/v1/webhooks/{webhook_id}/rotate-secret", None),
    ("POST", "/v1/webhooks/{webhook_id}/test", None),
    ("POST", "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", None),
    ("DELETE", "/v1/suppressions/{suppression_id}", None),
    ("DELETE", "/v1/api-keys/{key_id}", None),
    ("POST", "/v1/webhooks", {"url": "https://there.example/", "mailbox_id": "{mailbox_id}"}),
    ("POST", "/v1/api-keys", {"name": "k", "role": "agent", "mailbox_id": "{mailbox_id}"}),
    ("POST", "/v1/api-keys", {"name": "k", "role": "agent", "agent_id": "{agent_id}"}),
)
EVERY = [("GET", path, None) for path in GETS] + list(CHANGES)
everywhere = pytest.mark.parametrize(("method", "path", "body"), EVERY, ids=[f"{one[0]} {one[1]}" for one in EVERY])


def filled(text: Any, ids: dict[str, str]) -> Any:
    """The text, or the body, with ids in the places of their names."""
    if isinstance(text, dict):
        return {name: filled(value, ids) for name, value in text.items()}
    return text.format(**ids) if isinstance(text, str) else text


def ask(api: Api, ids: dict[str, str], method: str, path: str, body: Json | None) -> httpx2.Response:
    return api.ask(method, filled(path, ids), **({} if method in ("GET", "DELETE") else {"json": filled(body or {}, ids)}))


@everywhere
def test_an_unknown_id_is_not_found(world: World, method: str, path: str, body: Json | None) -> None:
    unknown = {name: one if name == "attachment_id" else one[:-6] + "000000" for name, one in world.owned.items()}
    with nothing_stored(world):
        refusal(ask(world.api, unknown, method, path, body), 404, "not_found")


@everywhere
def test_s26_another_tenants_things_are_as_if_they_were_not(world: World, method: str, path: str, body: Json | None) -> None:
    unknown = {name: one if name == "attachment_id" else one[:-6] + "000000" for name, one in world.owned.items()}
    with nothing_stored(world):
        foreign = refusal(ask(world.other, world.owned, method, path, body), 404, "not_found")
    never = refusal(ask(world.other, unknown, method, path, body), 404, "not_found")
    for name, one in world.owned.items():
        never["message"] = never["message"].replace(unknown[name], one)
    assert (never["message"], never["details"]) == (foreign["message"], foreign["details"])


@pytest.mark.parametrize(
    "name", ["messages", "threads", "domains", "mailboxes", "agents", "webhooks", "suppressions", "approvals", "audit"]
)
def test_s26_another_tenants_lists_hold_nothing_of_ours(world: World, name: str) -> None:
    assert world.api.get(f"/v1/{name}")["items"]
    ours = {
        value
        for one in world.api.everything(f"/v1/{name}")
        for value in (one.get("id"), one.get("message_id"), one.get("subject"))
    }
    theirs = {value for one in world.other.everything(f"/v1/{name}") for value in (one.get("id"), one.get("message_id"))}
    assert set() == (ours & theirs) - {None}


def test_s26_another_tenants_events_are_not_told(world: World) -> None:
    assert {one["tenant_id"] for one in world.api.events()}.isdisjoint({one["tenant_id"] for one in world.other.events()})


def test_s26_a_name_that_is_owned_can_be_added_by_others_and_gives_them_nothing(world: World) -> None:
    """Decision 17: the key in DNS owns the name; adding it is no more than asking for it."""
    theirs = world.other.post("/v1/domains", {"domain": "agents.example"})
    assert "pending" == theirs["status"]
    assert "aligned" != world.other.post(f"/v1/domains/{theirs['id']}/verify", {})["status"]
    new = world.other.post("/v1/mailboxes", {"address": world.ada["address"]})
    post(world.server.smtp_port, world.ada["address"], "for the owner")
    arrived = world.api.everything("/v1/messages", mailbox_id=world.ada["id"], direction="inbound")
    assert "for the owner" in [message["subject"] for message in arrived]
    assert [] == world.other.everything("/v1/messages", mailbox_id=new["id"])


def test_a_foreign_mailbox_does_not_exist_for_a_bound_key(world: World) -> None:
    with nothing_stored(world):
        refusal(world.agent.ask("GET", f"/v1/mailboxes/{world.bob['id']}"), 404, "not_found")
        refusal(world.agent.ask("POST", f"/v1/mailboxes/{world.bob['id']}/send", json=good()), 404, "not_found")
        refusal(world.agent.ask("GET", "/v1/messages", params={"mailbox_id": world.bob["id"]}), 404, "not_found")
        refusal(world.agent.ask("GET", "/v1/events", params={"mailbox_id": world.bob["id"]}), 404, "not_found")


STRANGE = ["..%2f..%2fetc%2fpasswd", "%00", "msg_" + "x" * 5000, "'%20OR%201=1--", "%F0%9F%8D%B5", "msg_*", "%ff%fe", "-1"]


@pytest.mark.parametrize("text", STRANGE)
def test_s22_a_strange_id_is_only_an_id_that_nobody_has(world: World, text: str) -> None:
    with nothing_stored(world):
        for path in ("/v1/messages/{}", "/v1/messages/{}/raw", "/v1/threads/{}", "/v1/webhooks/{}"):
            answer = world.api.ask("GET", path.format(text))
            refusal(
                answer,
                answer.status_code,
                {404: "not_found", 422: "validation_error", 400: "malformed_request"}[answer.status_code],
            )


@pytest.mark.parametrize(("method", "path", "status", "code"), [
    ("GET", "/v1/nothing", 404, "not_found"),
    ("GET", "/", 404, "not_found"),
    ("DELETE", "/v1/domains", 405, "method_not_allowed"),
    ("PUT", "/v1/mailboxes", 405, "method_not_allowed"),
    ("GET", "/v1/messages?limit=0", 422, "validation_error"),
    ("GET", "/v1/messages?limit=201", 422, "validation_error"),
    ("GET", "/v1/messages?limit=many", 422, "validation_error"),
    ("GET", "/v1/messages?after=nowhere", 422, "validation_error"),
    ("GET", "/v1/messages?surprise=1", 422, "validation_error"),
    ("GET", "/v1/messages?limit=1&limit=2", 422, "validation_error"),
    ("GET", "/v1/events?after=nowhere", 422, "validation_error"),
    ("GET", "/v1/events?type=message.vanished", 422, "validation_error"),
    ("GET", "/v1/events?wait=1000", 422, "validation_error"),
])  # fmt: skip
def test_a_path_or_query_that_is_none_is_refused(world: World, method: str, path: str, status: int, code: str) -> None:
    with nothing_stored(world):
        refusal(world.api.ask(method, path), status, code)


# --- keys ------------------------------------------------------------

CREDENTIALS = {
    "none": {},
    "an empty one": {"Authorization": ""},
    "no key": {"Authorization": "Bearer"},
    "another scheme": {"Authorization": "Basic b3BlcmF0b3I6"},
    "a made-up key": {"Authorization": "Bearer mw_live_" + "a" * 52},
    "a long one": {"Authorization": "Bearer " + "a" * 5000},
    "one in another place": {"X-Api-Key": "{key}"},
    "half of one": {"Authorization": "Bearer {half}"},
    "one in capitals": {"Authorization": "Bearer {capitals}"},
}


@pytest.mark.parametrize("headers", CREDENTIALS.values(), ids=CREDENTIALS)
@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/messages"), ("POST", "/v1/domains"), ("GET", "/v1/events/stream")])
def test_without_a_good_key_nothing_is_told_or_done(world: World, headers: dict[str, str], method: str, path: str) -> None:
    key = world.api.key
    sent = {name: value.format(key=key, half=key[:-4], capitals=key.upper()) for name, value in headers.items()}
    with nothing_stored(world):
        answer = httpx2.request(method, world.server.api_url + path, headers=sent)
        refusal(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_in_the_query_is_not_one(world: World) -> None:
    answer = httpx2.get(f"{world.server.api_url}/v1/messages", params={"key": world.api.key})
    refusal(answer, 401, "unauthenticated")


def test_a_revoked_key_ends_at_once(world: World) -> None:
    made = world.api.post("/v1/api-keys", {"name": "short", "role": "auditor"})
    short = world.server.api(made["key"])
    assert 200 == short.ask("GET", "/v1/audit").status_code
    assert 204 == world.api.ask("DELETE", f"/v1/api-keys/{made['id']}").status_code
    refusal(short.ask("GET", "/v1/audit"), 401, "unauthenticated")


def test_an_expired_key_is_none(world: World) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    made = world.api.post("/v1/api-keys", {"name": "short", "role": "auditor", "expires_at": soon})
    short = world.server.api(made["key"])
    assert 200 == short.ask("GET", "/v1/audit").status_code
    time.sleep(1.1)
    refusal(short.ask("GET", "/v1/audit"), 401, "unauthenticated")


@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", "/v1/domains", {"domain": "new.example"}),
    ("POST", "/v1/mailboxes", {"address": "new@agents.example"}),
    ("POST", "/v1/api-keys", {"name": "k", "role": "operator"}),
    ("POST", "/v1/webhooks", {"url": "https://there.example/"}),
    ("POST", "/v1/suppressions", {"address": "carol@there.example"}),
    ("POST", "/v1/tenants", {"name": "mine"}),
    ("GET", "/v1/audit", None),
    ("GET", "/v1/api-keys", None),
])  # fmt: skip
def test_an_agents_key_does_not_run_the_server(world: World, method: str, path: str, body: Json | None) -> None:
    with nothing_stored(world):
        error = refusal(world.agent.ask(method, path, json=body), 403, "missing_permission")
    assert error["details"]["permission"]


@pytest.mark.parametrize("body", [
    {"name": "k", "role": "operator", "permissions": ["tenants:manage"]},
    {"name": "k", "role": "operator", "permissions": ["messages:send", "approvals:decide"]},
    {"name": "k", "role": "approver", "permissions": ["keys:manage", "approvals:decide"]},
])  # fmt: skip
def test_s25_no_key_makes_a_stronger_one(world: World, body: Json) -> None:
    with nothing_stored(world):
        refusal(world.other.ask("POST", "/v1/api-keys", json=body), 403, "permission_escalation")


def test_a_second_tenants_operator_makes_no_tenants(world: World) -> None:
    with nothing_stored(world):
        refusal(world.other.ask("POST", "/v1/tenants", json={"name": "more"}), 403, "missing_permission")


# --- policy ------------------------------------------------------------


def test_a_domain_that_is_not_aligned_sends_nothing(world: World) -> None:
    domain = world.api.post("/v1/domains", {"domain": "bare.example"})
    assert "pending" == world.api.post(f"/v1/domains/{domain['id']}/verify")["status"]
    bare = world.api.mailbox("ada@bare.example")
    with nothing_stored(world):
        error = refusal(world.api.ask("POST", f"/v1/mailboxes/{bare['id']}/send", json=good()), 403, "domain_not_aligned")
    assert "/v1/domains/{id}" in error["fix"]


def test_an_idempotency_key_answers_for_one_request_only(world: World) -> None:
    first = world.agent.client.post(world.send_path, json=good(subject="once"), headers={"Idempotency-Key": "k1"})
    world.agent.settled(first.json()["message_id"], "delivered")
    with nothing_stored(world):
        again = world.agent.client.post(world.send_path, json=good(subject="once"), headers={"Idempotency-Key": "k1"})
        other = world.agent.client.post(world.send_path, json=good(subject="twice"), headers={"Idempotency-Key": "k1"})
        refusal(other, 422, "idempotency_key_reuse")
    assert (first.status_code, first.content) == (again.status_code, again.content)


def test_the_server_lives_and_nothing_of_it_was_a_bug(world: World) -> None:
    """The last of this world: whatever was tried, nobody found a stack trace."""
    assert 200 == httpx2.get(f"{world.server.api_url}/readyz").status_code
    log = world.server.logs[-1].read_text()
    assert "Traceback" not in log
    assert "request failed" not in log
    assert all("victim" not in address for address in world.sink.dots)
