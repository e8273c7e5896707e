"""Who may do what: every operation refuses every key that lacks its permission, and tenants know nothing of each other.

Asked in our words and in those of AgentMail and Resend. The same over MCP: tests/faces/mcp/test_mcp_roles.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from mailwright.contract.operations import OPERATIONS, Operation
from mailwright.contract.scalars import rfc3339
from mailwright.core.accounts import ROLES
from mailwright.core.model import Permission, Role
from mailwright.faces.rest.compat import agentmail, resend
from mailwright.faces.rest.compat.foreign import Foreign

REFUSED = [
    pytest.param(operation, role, id=f"{operation.name}-{role}")
    for operation in OPERATIONS
    for role in Role
    if operation.permission is not None
    and operation.permission not in ROLES[role]
    and operation.permission is not Permission.TENANTS_MANAGE
]
FOREIGN = (*agentmail.ROUTES, *resend.ROUTES)
WITH_IDS = [operation for operation in OPERATIONS if operation.path_fields and operation.permission is not None]


def path_of(operation: Operation[Any, Any], **ids: str) -> str:
    """The operation's path with its ids filled in."""
    return operation.path.format(**({name: f"{name}_x" for name in operation.path_fields} | ids))


async def test_a_key_without_the_permission_is_refused_before_its_request_is_looked_at(world):
    for param in REFUSED:
        operation, role = param.values
        found = await world.call(operation.method, path_of(operation), b"{", key=role.value)
        told = (operation.name, role.value, found.status_code)
        assert (operation.name, role.value, 403) == told
        error = found.json()["error"]
        assert ("missing_permission", {"permission": operation.permission}) == (error["code"], error["details"])


async def test_somebody_elses_words_open_nothing_that_ours_do_not(world):
    asked = 0
    for route in FOREIGN:
        path = re.sub(r"\{\w+\}", "x_x", route.path)
        assert (route.path, 401) == (route.path, (await world.call(route.method, path, b"{", key="")).status_code)
        for role in Role:
            if route.operation.permission not in ROLES[role]:
                found = await world.call(route.method, path, b"{", key=role.value)
                assert (route.path, role, 403) == (route.path, role, found.status_code)
                assert "permission" in found.text
                asked += 1
    assert asked > 60


async def test_no_operation_answers_without_a_key(world):
    for operation in (one for one in OPERATIONS if one.permission is not None):
        found = await world.call(operation.method, path_of(operation), b"{", key="")
        assert (operation.name, 401) == (operation.name, found.status_code)


async def test_no_operation_answers_a_key_that_was_revoked_or_ran_out(world):
    lasting = (await world.call("POST", "/v1/api-keys", {"name": "a", "role": "operator"})).json()
    wanted = {"name": "b", "role": "operator", "expires_at": rfc3339(world.clock.now() + 1000)}
    ending = (await world.call("POST", "/v1/api-keys", wanted)).json()
    for key in (lasting["key"], ending["key"]):
        assert 200 == (await world.call("GET", "/v1/domains", key=key)).status_code
    assert 204 == (await world.call("DELETE", f"/v1/api-keys/{lasting['id']}")).status_code
    world.clock.advance(2000)
    for operation in (one for one in OPERATIONS if one.permission is not None):
        for which, made in (("revoked", lasting), ("expired", ending)):
            found = await world.call(operation.method, path_of(operation), b"{", key=made["key"])
            assert (operation.name, which, 401) == (operation.name, which, found.status_code)


async def test_tenants_are_managed_by_whoever_runs_the_server_alone(world):
    wanted = {"name": "ordinary", "role": "operator"}
    ordinary = (await world.call("POST", "/v1/api-keys", wanted)).json()["key"]
    assert 403 == (await world.call("GET", "/v1/tenants", key=ordinary)).status_code
    assert 200 == (await world.call("GET", "/v1/tenants")).status_code


BODIES = {
    "forwards.add": {"to": "grace@there.example"},
    "messages.send": {"to": "bob@there.example"},
    "messages.forward": {"to": "bob@there.example"},
    "approvals.approve": {"digest": "x"},
    "approvals.reject": {"digest": "x"},
}


async def foreign_ids(world: Any) -> dict[str, str]:
    """Ids of things that the other tenant has, by their names."""
    return await ids_of(world, world.theirs.keys["operator"], world.theirs.mailbox) | {"domain_id": world.theirs.domain.id}


async def neighbours_ids(world: Any) -> dict[str, str]:
    """Ids of things of another mailbox of our tenant, that of another agent."""
    body = {"address": "eve@ours.example.com", "oversight_mode": "autonomous"}
    agent = (await world.call("POST", "/v1/agents", {"name": "eve"})).json()
    made = (await world.call("POST", "/v1/mailboxes", body | {"agent_id": agent["id"]})).json()
    return await ids_of(world, "operator", Neighbour(made["id"], agent["id"]))


@dataclass(frozen=True)
class Neighbour:
    """Another mailbox."""

    id: str
    agent_id: str


async def ids_of(world: Any, key: str, mailbox: Any) -> dict[str, str]:
    """One of each thing that belongs to that mailbox or its tenant, made with that key."""
    hook = await world.call("POST", "/v1/webhooks", {"url": "https://app.example.org/x"}, key=key)
    test = await world.call("POST", f"/v1/webhooks/{hook.json()['id']}/test", key=key)
    held = {"to": "bob@there.example", "text": "x", "oversight_mode": "gated_send"}
    sent = await world.call("POST", f"/v1/mailboxes/{mailbox.id}/send", held, key=key)
    listed = await world.call("POST", "/v1/suppressions", {"address": "gone@there.example"}, key=key)
    forwards = f"/v1/mailboxes/{mailbox.id}/forwards"
    rule = await world.call("POST", forwards, {"to": "grace@there.example"}, key=key)
    return {
        "forward_id": rule.json()["id"],
        "agent_id": mailbox.agent_id,
        "mailbox_id": mailbox.id,
        "message_id": sent.json()["message_id"],
        "thread_id": sent.json()["thread_id"],
        "approval_id": sent.json()["approval_id"],
        "attachment_id": "att_1",
        "webhook_id": hook.json()["id"],
        "delivery_id": test.json()["id"],
        "suppression_id": listed.json()["id"],
        "key_id": (await world.call("GET", "/v1/api-keys", key=key)).json()["items"][0]["id"],
    }


async def test_what_another_tenant_has_does_not_exist(world):
    ids = await foreign_ids(world)
    everything = (await world.call("POST", "/v1/api-keys", {"name": "a", "role": "approver"})).json()["key"]
    for operation in WITH_IDS:
        path = path_of(operation, **{name: ids[name] for name in operation.path_fields})
        decides = operation.permission is Permission.APPROVALS_DECIDE
        key = everything if decides else "operator"
        body = None if operation.method in ("GET", "DELETE") else BODIES.get(operation.name, {})
        found = await world.call(operation.method, path, body, key=key)
        assert (operation.name, 404, "not_found") == (operation.name, found.status_code, found.json()["error"]["code"])


async def test_s26_an_agent_finds_nothing_of_its_neighbour_in_any_operation(world):
    ids = await neighbours_ids(world)
    asked = [one for one in WITH_IDS if one.permission in ROLES[Role.AGENT] and set(one.path_fields) <= set(ids)]
    assert len(asked) >= 15
    for operation in asked:
        body = None if operation.method in ("GET", "DELETE") else BODIES.get(operation.name, {})
        found = await world.call(operation.method, path_of(operation, **ids), body, key="agent")
        assert (operation.name, 404, "not_found") == (operation.name, found.status_code, found.json()["error"]["code"])


async def test_s26_somebody_elses_words_find_nothing_of_others_either(world):
    theirs, next_door = await foreign_ids(world), await neighbours_ids(world)
    asked = 0
    for route in (one for one in FOREIGN if "{" in one.path):
        for ids, key in ((theirs, "operator"), (next_door, "agent")):
            if key == "agent" and route.operation.permission not in ROLES[Role.AGENT]:
                continue
            found = await world.call(route.method, foreign_path(route, ids), body_of(route), key=key)
            if route.name.endswith(".list") and key == "operator":  # a foreign id narrows a list to nothing
                assert (route.path, 200, 0) == (route.path, found.status_code, found.json()["count"])
            else:
                assert (route.path, key, 404) == (route.path, key, found.status_code), found.text
            asked += 1
    assert asked > 30


def foreign_path(route: Foreign, ids: dict[str, str]) -> str:
    """The route with ids of ours in their places: somebody else's names for them."""
    names = {"inbox_id": "mailbox_id", "email_id": "message_id", "id": "attachment_id"}
    return re.sub(r"\{(\w+)\}", lambda one: ids[names.get(one[1], one[1])], route.path)


def body_of(route: Foreign) -> dict[str, Any] | None:
    """A body that could be meant."""
    if route.method in ("GET", "DELETE"):
        return None
    if route.name == "messages.label":
        return {"add_labels": ["seen"]}
    wanted = {"to": "bob@there.example"} if route.name in ("messages.send", "messages.forward") else {}
    return wanted | ({"text": "x"} if route.name.startswith("messages.") and "cancel" not in route.path else {})


async def test_lists_show_nothing_of_another_tenant(world):
    ids = await foreign_ids(world)
    lists = {one.path for one in OPERATIONS if one.method == "GET" and not one.path_fields and not one.streams}
    for path in lists - {"/v1/tenants"}:
        found = await world.call("GET", path)
        assert (path, 200) == (path, found.status_code)
        assert not [one for one in ids.values() if one in found.text and one != "att_1"]


@pytest.mark.parametrize("query", ["mailbox_id={mailbox_id}", "thread_id={thread_id}"])
async def test_a_foreign_id_narrows_a_list_to_nothing(world, query):
    ids = await foreign_ids(world)
    found = await world.call("GET", f"/v1/messages?{query.format(**ids)}")
    assert [] == found.json()["items"]


async def second_mailbox(world: Any) -> str:
    """Another mailbox of our own tenant, and a message in it; the message's id."""
    made = await world.call("POST", "/v1/mailboxes", {"address": "eve@ours.example.com", "oversight_mode": "autonomous"})
    path = f"/v1/mailboxes/{made.json()['id']}/send"
    return (await world.call("POST", path, {"to": "bob@there.example", "text": "x"})).json()["message_id"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/messages/{}", None),
        ("GET", "/v1/messages/{}/raw", None),
        ("GET", "/v1/messages/{}/timeline", None),
        ("GET", "/v1/messages/{}/attachments/att_1", None),
        ("PATCH", "/v1/messages/{}", {"add_labels": ["x"]}),
        ("POST", "/v1/messages/{}/reply", {"text": "x"}),
        ("POST", "/v1/messages/{}/reply-all", {"text": "x"}),
        ("POST", "/v1/messages/{}/forward", {"to": "bob@there.example"}),
        ("POST", "/v1/messages/{}/cancel", {}),
        ("POST", "/v1/reply_email", {"message_id": "{}", "text": "x"}),
    ],
)
async def test_an_agent_finds_nothing_in_another_mailbox_of_its_tenant(world, method, path, body):
    message_id = await second_mailbox(world)
    filled = {name: value.format(message_id) if value == "{}" else value for name, value in body.items()} if body else body
    found = await world.call(method, path.format(message_id), filled, key="agent")
    assert (404, "not_found") == (found.status_code, found.json()["error"]["code"])


async def test_an_agent_sees_its_own_mailbox_alone(world):
    await second_mailbox(world)
    found = await world.call("GET", "/v1/mailboxes", key="agent")
    assert [world.ours.mailbox.id] == [one["id"] for one in found.json()["items"]]
    assert [] == (await world.call("GET", "/v1/messages", key="agent")).json()["items"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"role": "approver", "permissions": ["approvals:decide", "messages:send"]},
        {"role": "operator", "permissions": ["tenants:manage", "approvals:decide", "messages:send"]},
    ],
)
async def test_no_key_both_sends_and_approves(world, wanted):
    found = await world.call("POST", "/v1/api-keys", {"name": "both"} | wanted)
    assert (403, "permission_escalation") == (found.status_code, found.json()["error"]["code"])


async def test_an_agent_may_tighten_its_oversight_and_never_loosen_it(world):
    path = f"/v1/mailboxes/{world.ours.mailbox.id}"
    tightened = await world.call("PATCH", path, {"oversight_mode": "gated_send"}, key="agent")
    assert (200, "gated_send") == (tightened.status_code, tightened.json()["oversight_mode"])
    assert 403 == (await world.call("PATCH", path, {"oversight_mode": "autonomous"}, key="agent")).status_code
    assert 403 == (await world.call("PATCH", path, {"display_name": "Boss"}, key="agent")).status_code
