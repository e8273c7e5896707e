"""The description is valid, complete, and true: what is answered is what it says."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import jsonschema
from openapi_spec_validator import OpenAPIV31SpecValidator

from mailwright.contract.operations import OPERATIONS, Answer, Operation
from mailwright.contract.scalars import rfc3339
from mailwright.core.errors import every_refusal
from mailwright.core.events import EventType
from mailwright.core.model import OversightMode
from mailwright.faces.rest import Options, close, create_app
from mailwright.faces.rest.openapi import openapi

DESCRIBED = json.loads(json.dumps(openapi(OPERATIONS, "https://mail.example.com/", "1.2.3"), default=list))


def validate(instance: Any, schema: dict[str, Any]) -> None:
    """Raise where the value is not what the schema of the description says."""
    jsonschema.Draft202012Validator(schema | {"components": DESCRIBED["components"]}).validate(instance)


def test_it_is_valid_openapi():
    OpenAPIV31SpecValidator(DESCRIBED).validate()


def test_every_operation_is_described_and_nothing_else():
    described = {(m.upper(), path) for path, methods in DESCRIBED["paths"].items() for m in methods}
    probes = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics")}
    assert {(one.method, one.path) for one in OPERATIONS} | probes == described


def test_every_parameter_and_field_says_what_it_is():
    silent = [
        (path, parameter["name"])
        for path, methods in DESCRIBED["paths"].items()
        for entry in methods.values()
        for parameter in entry.get("parameters", ())
        if not parameter["description"]
    ]
    silent += [
        (name, field)
        for name, schema in DESCRIBED["components"]["schemas"].items()
        for field, one in schema.get("properties", {}).items()
        if not one.get("description")
    ]
    assert [] == silent


def test_every_path_says_what_may_be_refused():
    for path, methods in DESCRIBED["paths"].items():
        for entry in methods.values():
            if entry.get("security") != []:
                assert (path, True) == (path, {"400", "401", "403", "429", "500", "503"} <= set(entry["responses"]))


def test_every_refusal_and_every_event_is_explained():
    text = json.dumps(DESCRIBED)
    assert [] == [one.code for one in every_refusal() if f"`{one.code}`" not in text]
    assert [] == [one.value for one in EventType if f"`{one.value}`" not in text]


def test_an_idempotency_key_is_offered_wherever_something_is_made_or_sent():
    offered = {
        path
        for path, methods in DESCRIBED["paths"].items()
        if "post" in methods and "Idempotency-Key" in [one["name"] for one in methods["post"]["parameters"]]
    }
    assert {one.path for one in OPERATIONS if one.method == "POST" and one.changes} == offered


def test_content_is_described_by_its_type():
    described = {
        path: set(DESCRIBED["paths"][path]["get"]["responses"]["200"]["content"])
        for path in ("/v1/domains/{domain_id}/zone-file", "/v1/messages/{message_id}/raw")
    }
    assert [{"text/dns"}, {"message/rfc822"}] == list(described.values())


def test_what_we_tell_always_has_all_its_fields():
    assert set(DESCRIBED["components"]["schemas"]["Message"]["required"]) == set(
        DESCRIBED["components"]["schemas"]["Message"]["properties"]
    )


STOPS_SENDING = ("agents.pause", "domains.verify", "mailboxes.remove")  # after these nothing more can be made to try things on


async def things(world: Any) -> dict[str, str]:
    """One of each thing that an operation may be about; their ids."""
    await world.set_mode(OversightMode.GATED_SEND)
    held = await world.send(attachments=[{"filename": "a.txt", "content": "aGVsbG8K"}])
    hook = (await world.call("POST", "/v1/webhooks", {"url": "https://app.example.com/x"})).json()
    delivery = (await world.call("POST", f"/v1/webhooks/{hook['id']}/test")).json()
    listed = (await world.call("POST", "/v1/suppressions", {"address": "old@there.example"})).json()
    made = (await world.call("POST", "/v1/api-keys", {"name": "old", "role": "auditor"})).json()
    approval = (await world.call("GET", f"/v1/approvals/{held['approval_id']}")).json()
    path = f"/v1/mailboxes/{world.ours.mailbox.id}/forwards"
    rule = (await world.call("POST", path, {"to": "grace@there.example"})).json()
    return {
        "forward_id": rule["id"],
        "domain_id": world.ours.domain.id,
        "agent_id": world.ours.mailbox.agent_id,
        "mailbox_id": world.ours.mailbox.id,
        "message_id": held["message_id"],
        "thread_id": held["thread_id"],
        "approval_id": held["approval_id"],
        "digest": approval["digest"],
        "attachment_id": "att_1",
        "webhook_id": hook["id"],
        "delivery_id": delivery["id"],
        "suppression_id": listed["id"],
        "key_id": made["id"],
    }


def filled(value: Any, ids: dict[str, str]) -> Any:
    """A documented request with its `{...}` filled in, and the docs' own addresses turned into this world's."""
    if isinstance(value, dict):
        return {name: filled(one, ids) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, ids) for one in value]
    if not isinstance(value, str):
        return value
    value = re.sub(r"^\{(\w+)\}$", lambda found: ids[found[1]], value)
    return value.replace("agents.example.com", "ours.example.com")


async def test_every_operation_and_every_documented_example_works_and_answers_as_described(world):
    runs = [one for one in OPERATIONS if one.answer is not Answer.STREAM]
    ids: dict[str, str] = {}
    for operation in sorted(runs, key=lambda one: one.name in STOPS_SENDING):
        ids = ids if operation.name in STOPS_SENDING else await things(world)
        if operation.name == "domains.remove":
            ids["domain_id"] = (await world.call("POST", "/v1/domains", {"domain": "old.example.com"})).json()["id"]
        for request in [example.request for example in operation.examples] or [None]:
            await works_as_described(world, operation, ids, filled(request, ids))


async def works_as_described(world: Any, operation: Operation[Any, Any], ids: dict[str, str], request: Any) -> None:
    key = "approver" if operation.permission == "approvals:decide" else "operator"
    found = await world.call(operation.method, operation.path.format(**ids), request, key=key)
    assert (operation.name, operation.status) == (operation.name, found.status_code), found.text
    entry = DESCRIBED["paths"][operation.path][operation.method.lower()]
    content = entry["responses"][str(operation.status)].get("content", {})
    if "application/json" in content:
        validate(found.json(), content["application/json"]["schema"])
    if request is not None:
        validate(request, entry["requestBody"]["content"]["application/json"]["schema"])


async def test_a_refusal_is_what_is_described(world):
    for found in (
        await world.call("GET", "/v1/nothing"),
        await world.call("POST", "/v1/agents", {}),
        await world.call("GET", "/v1/x", key=""),
    ):
        validate(found.json(), DESCRIBED["components"]["schemas"]["ErrorBody"])


async def test_events_are_what_is_described(world):
    await world.send()
    for one in (await world.call("GET", "/v1/events")).json()["items"]:
        validate(one, DESCRIBED["components"]["schemas"]["Event"])


# --- the pages made from it --------------------------------------------------------------------------------------------------


async def test_it_is_served_as_it_is_made(world):
    found = await world.call("GET", "/openapi.json", key="")
    assert ("3.1.0", [{"url": "https://mail.example.com"}]) == (found.json()["openapi"], found.json()["servers"])
    assert found.content == (await world.call("GET", "/openapi.json", key="")).content


async def test_the_docs_name_every_operation_refusal_event_and_type_and_load_nothing(world):
    found = await world.call("GET", "/docs", key="")
    assert "text/html; charset=utf-8" == found.headers["content-type"]
    for one in OPERATIONS:
        assert f'id="{one.name.replace(".", "_")}"' in found.text
    for refusal in every_refusal():
        assert f'id="{refusal.code}"' in found.text
    for name in DESCRIBED["components"]["schemas"]:
        assert f'id="s-{name}"' in found.text
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", found.text)
    assert not re.search(r'href="[^#]', found.text)


async def test_every_link_in_the_docs_leads_somewhere(world):
    text = (await world.call("GET", "/docs", key="")).text
    assert set() == set(re.findall(r'href="#([^"]+)"', text)) - set(re.findall(r'id="([^"]+)"', text))


async def test_the_style_of_the_docs_is_the_one_that_is_allowed(world):
    from base64 import b64encode
    from hashlib import sha256

    found = await world.call("GET", "/docs", key="")
    style = re.search(r"<style>(.*?)</style>", found.text, re.DOTALL)
    assert style
    assert b64encode(sha256(style[1].encode()).digest()).decode() in found.headers["content-security-policy"]


async def test_the_page_for_programs_has_a_line_for_every_operation(world):
    text = (await world.call("GET", "/llms.txt", key="")).text
    assert [] == [one.name for one in OPERATIONS if f"- `{one.method} {one.path}`: {one.summary}" not in text]


# --- probes ------------------------------------------------------------------------------------------------------------------


async def test_probes_need_no_key(world):
    assert {"status": "ok"} == (await world.call("GET", "/healthz", key="")).json()
    assert {"status": "ready"} == (await world.call("GET", "/readyz", key="")).json()


async def test_a_store_that_can_not_be_written_is_not_ready(world, monkeypatch):
    async def broken(script: Any) -> None:
        raise OSError("the disk is gone")

    assert 200 == (await world.call("GET", "/readyz", key="")).status_code
    monkeypatch.setattr(world.ports.store, "write", broken)
    assert 200 == (await world.call("GET", "/readyz", key="")).status_code  # believed for a second
    world.clock.at += 1000
    found = await world.call("GET", "/readyz", key="")
    assert (503, "storage_busy") == (found.status_code, found.json()["error"]["code"])
    assert "disk" not in found.text


async def test_a_server_none_of_whose_smtp_processes_is_up_is_not_ready(world):
    up = []
    app = create_app(world.ports, Options(receiving=lambda: bool(up)))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://mail.example.com") as http:
        found = await http.get("/readyz")
        assert (503, "examination_failed") == (found.status_code, found.json()["error"]["code"])
        up.append(True)
        assert 200 == (await http.get("/readyz")).status_code
    close(app)


async def test_requests_are_counted_by_operation_and_never_by_path(world):
    await world.call("GET", "/v1/agents")
    await world.call("GET", f"/v1/messages/{'x' * 30}")
    await world.call("GET", "/secret/path")
    text = (await world.call("GET", "/metrics", key="")).text
    assert 'mailwright_http_requests_total{operation="agents.list",status="200"} 1.0' in text
    assert 'mailwright_http_requests_total{operation="messages.get",status="404"} 1.0' in text
    assert 'mailwright_http_requests_total{operation="none",status="404"} 1.0' in text
    assert "secret" not in text


async def test_s29_security_txt_says_whom_to_tell_and_until_when_that_is_so(world):
    assert 404 == (await world.call("GET", "/.well-known/security.txt", key="")).status_code
    app = create_app(world.ports, Options(security_contact="mailto:security@example.com"))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://mail.example.com") as http:
        found = await http.get("/.well-known/security.txt")
    assert [
        "Contact: mailto:security@example.com",
        f"Expires: {rfc3339(world.clock.now() + 90 * 86_400_000)}",
        "Preferred-Languages: en",
        "Canonical: https://mail.example.com/.well-known/security.txt",
    ] == found.text.split("\r\n")[:-1]
    close(app)
