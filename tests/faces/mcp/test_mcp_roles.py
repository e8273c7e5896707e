"""Who may do what over MCP: every tool refuses every key that lacks its permission, and finds nothing of others (S25, S26)."""

from __future__ import annotations

import json
from typing import Any

from faces.rest.test_roles import foreign_ids, neighbours_ids

from mailwright.core.accounts import ROLES
from mailwright.core.model import Permission, Role
from mailwright.faces.mcp.tools import BY_NAME

ARGUMENTS = {
    "approve": {"digest": "x"},
    "reject": {"digest": "x"},
    "send_message": {"to": ["bob@there.example"], "text": "x"},
    "forward": {"to": ["bob@there.example"]},
    "reply_email": {"text": "x"},
    "add_forward": {"to": "grace@there.example"},
}


async def refusal(client: Any, tool: str, **arguments: Any) -> tuple[str, str, Any]:
    """The tool, the code of its refusal, and the details."""
    found = await client.call_tool(tool, arguments)
    assert found.is_error, (tool, found.structured_content)
    error = json.loads(found.content[0].text)["error"]
    return tool, error["code"], error["details"]


async def test_s25_a_tool_is_refused_to_every_role_that_lacks_its_permission(connect):
    asked = 0
    for role in Role:
        async with connect(role.value) as client:
            for name, operation in BY_NAME.items():
                permission = operation.permission
                if permission in ROLES[role] or permission in (None, Permission.TENANTS_MANAGE):
                    continue
                assert (name, "missing_permission", {"permission": permission}) == await refusal(client, name)
                asked += 1
            if not {Permission.MESSAGES_READ, Permission.EVENTS_READ} <= ROLES[role]:
                assert "missing_permission" == (await refusal(client, "wait_for_message"))[1]
    assert asked > 80


async def test_s26_what_another_tenant_or_another_agent_has_is_found_by_no_tool(connect, world):
    theirs, next_door = await foreign_ids(world), await neighbours_ids(world)
    asked = 0
    for role, ids in ((Role.OPERATOR, theirs), (Role.APPROVER, theirs), (Role.AGENT, theirs), (Role.AGENT, next_door)):
        async with connect(role.value) as client:
            for name, operation in BY_NAME.items():
                if operation.permission in ROLES[role] and set(operation.path_fields) & set(ids):
                    named = {field: ids[field] for field in operation.path_fields}
                    assert (name, "not_found") == (await refusal(client, name, **named, **ARGUMENTS.get(name, {})))[:2]
                    asked += 1
            if role is not Role.AUDITOR:
                answer = {"message_id": ids["message_id"], "text": "x"}
                assert role is Role.APPROVER or "not_found" == (await refusal(client, "reply_email", **answer))[1]
    assert asked > 50


async def test_s25_without_a_good_key_there_is_no_tool_at_all(door):
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_messages", "arguments": {}}}
    for key in ("", "mw_live_" + "a" * 52, "x" * 5000):
        found = await door.post(call, key=key)
        assert (401, "Bearer") == (found.status_code, found.headers["www-authenticate"].split()[0])
