"""S26: keys of one mailbox or one agent, and all that stands next to it in the same tenant."""

from __future__ import annotations

from typing import Any

import pytest

from mailwright.contract.operations import OPERATIONS
from mailwright.core.accounts import ALL, BEYOND_A_MAILBOX, ROLES
from mailwright.core.model import Permission, Role

from .conftest import World
from .test_roles import BODIES, WITH_IDS, neighbours_ids, path_of

BOUNDS = [(Role.AGENT, "mailbox_id"), (Role.AGENT, "agent_id"), (Role.APPROVER, "mailbox_id"), (Role.APPROVER, "agent_id")]
LISTS = [one for one in OPERATIONS if one.method == "GET" and not one.path_fields and not one.streams]


@pytest.fixture(params=BOUNDS, ids=lambda one: f"{one[0]} by {one[1]}")
async def key(request: pytest.FixtureRequest, world: World) -> tuple[Role, str]:
    """A key that is bound to our mailbox or its agent."""
    role, bound = request.param
    mailbox = world.ours.mailbox
    ids = {"mailbox_id": mailbox.id, "agent_id": mailbox.agent_id}
    made = await world.call("POST", "/v1/api-keys", {"name": "k", "role": role, bound: ids[bound]})
    return role, made.json()["key"]


def test_what_a_bound_key_may_hold_is_what_these_roles_hold() -> None:
    """Else the tests here would say nothing about the rest."""
    assert ROLES[Role.AGENT] | ROLES[Role.APPROVER] == ALL - BEYOND_A_MAILBOX


async def test_an_id_of_the_neighbours_is_nobodys(world: World, key: tuple[Role, str]) -> None:
    role, secret = key
    ids = await neighbours_ids(world)
    for operation in (one for one in WITH_IDS if one.permission in ROLES[role]):
        body = None if operation.method in ("GET", "DELETE") else BODIES.get(operation.name, {})
        found = await world.call(operation.method, path_of(operation, **ids), body, key=secret)
        assert (operation.name, 404) == (operation.name, found.status_code), found.text
    approval = (await world.call("GET", f"/v1/approvals/{ids['approval_id']}")).json()
    assert "pending" == approval["status"]


async def test_lists_are_of_ones_own_whatever_is_asked_for(world: World, key: tuple[Role, str]) -> None:
    role, secret = key
    ids = await neighbours_ids(world)
    secrets = [ids[f"{name}_id"] for name in ("mailbox", "message", "thread", "approval", "agent")]
    for operation in (one for one in LISTS if one.permission in ROLES[role]):
        for query in ("", f"?mailbox_id={ids['mailbox_id']}", f"?thread_id={ids['thread_id']}", "?after=start&limit=200"):
            found = await world.call("GET", operation.path + query, key=secret)
            told = found.text if found.status_code == 200 else ""
            assert [] == [one for one in secrets if one in told], (operation.name, query)
            assert found.status_code in (200, 404, 422), (operation.name, query)


async def test_neither_a_stream_nor_a_long_poll_is_of_the_neighbour(world: World, key: tuple[Role, str]) -> None:
    ids = await neighbours_ids(world)
    for path in ("events/stream?", "events?wait=1&"):
        found = await world.call("GET", f"/v1/{path}mailbox_id={ids['mailbox_id']}", key=key[1])
        assert (404, "not_found") == (found.status_code, found.json()["error"]["code"])


@pytest.mark.parametrize("bound", ["mailbox_id", "agent_id"])
async def test_nothing_is_sent_from_next_door_or_into_its_conversations(world: World, bound: str) -> None:
    ids = await neighbours_ids(world)
    own = {"mailbox_id": world.ours.mailbox.id, "agent_id": world.ours.mailbox.agent_id}
    secret = (await world.call("POST", "/v1/api-keys", {"name": "k", "role": "agent", bound: own[bound]})).json()["key"]

    async def sent(path: str, **body: Any) -> Any:
        return await world.call("POST", path, {"to": "bob@there.example", "text": "x"} | body, key=secret)

    for body in ({"from": "eve@ours.example.com"}, {"agent_id": ids["agent_id"]}, {"agent_id": "eve"}):
        assert "sender_not_owned" == (await sent("/v1/send_email", **body)).json()["error"]["code"]
    assert 404 == (await sent("/v1/reply_email", message_id=ids["message_id"])).status_code
    theirs = (await world.call("GET", f"/v1/messages/{ids['message_id']}")).json()
    answer = await sent(
        f"/v1/mailboxes/{own['mailbox_id']}/send", in_reply_to=theirs["rfc_message_id"], subject=theirs["subject"]
    )
    assert (202, False) == (answer.status_code, answer.json()["thread_id"] == theirs["thread_id"])


async def test_a_key_of_a_mailbox_that_was_removed_reads_nothing_any_more(world: World) -> None:
    await world.send("agent")
    for path in ("messages", "threads", "events", "approvals"):
        assert 200 == (await world.call("GET", f"/v1/{path}", key="agent")).status_code
    assert 204 == (await world.call("DELETE", f"/v1/mailboxes/{world.ours.mailbox.id}")).status_code
    for path in ("messages", "threads", "events", "events?wait=1", "events/stream", "approvals", "mailboxes"):
        assert (path, 404) == (path, (await world.call("GET", f"/v1/{path}", key="agent")).status_code)


async def test_a_bound_key_is_made_with_nothing_that_reaches_further(world: World) -> None:
    for permission in (Permission.DOMAINS_READ, Permission.WEBHOOKS_READ, Permission.AUDIT_READ, Permission.KEYS_MANAGE):
        wanted = {"name": "k", "role": "agent", "mailbox_id": world.ours.mailbox.id, "permissions": [permission]}
        found = await world.call("POST", "/v1/api-keys", wanted)
        assert (403, "permission_escalation") == (found.status_code, found.json()["error"]["code"])
