"""Which tools a key sees, and whether a model can make sense of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mailwright.contract.operations import OPERATIONS, Answer
from mailwright.core.accounts import ROLES
from mailwright.core.model import Caller, Permission, Role
from mailwright.faces.mcp.tools import BY_NAME, Tool, tools_for

AGENT = [
    "verify_identity", "list_agents", "get_agent", "list_mailboxes", "get_mailbox", "change_mailbox", "send_message", "reply",
    "reply_all", "forward", "cancel_message", "list_messages", "read_message", "read_attachment", "message_timeline",
    "label_message", "list_threads", "read_thread", "list_approvals", "get_approval", "read_events",
    "list_suppressions", "send_email", "reply_email", "wait_for_message",
]  # fmt: skip


def seen(role: Role, permissions: frozenset[Permission] | None = None, mailbox_id: str | None = None) -> tuple[Tool, ...]:
    """The tools of a key of that role."""
    return tools_for(Caller("ten_1", "key_1", role, ROLES[role] if permissions is None else permissions, mailbox_id))


def by_name(name: str, role: Role = Role.AGENT, mailbox_id: str | None = None) -> Tool:
    """One of them."""
    return next(one for one in seen(role, mailbox_id=mailbox_id) if one.name == name)


EVERY = {one.name: one for role in Role for one in seen(role)}


def test_an_agent_sees_what_it_does_with_mail_in_the_order_of_the_table():
    names = [one.name for one in seen(Role.AGENT)]
    assert AGENT == names
    assert names == [one.name for one in seen(Role.AGENT)]


def test_each_role_sees_the_tools_of_its_permissions_and_no_other():
    for role in Role:
        allowed = [name for name, one in BY_NAME.items() if one.permission in ROLES[role]]
        assert allowed == [one.name for one in seen(role) if one.name != "wait_for_message"]
    assert ["read_audit_log"] == [one.name for one in seen(Role.AUDITOR)]
    assert "approve" not in {one.name for one in seen(Role.OPERATOR)}


def test_every_row_that_names_a_tool_is_one_and_the_names_are_distinct():
    named = [one.tool for one in OPERATIONS if one.tool]
    assert len(named) == len(set(named)) == len(BY_NAME)
    assert set(named) | {"wait_for_message"} == set(EVERY)
    assert {"configure_domain", "verify_domain_alignment", "send_email", "reply_email"} < set(named)
    assert all(re.fullmatch(r"[a-z_]{3,40}", name) for name in EVERY)


def test_a_key_of_fewer_permissions_sees_fewer_tools():
    reader = frozenset({Permission.MESSAGES_READ})
    names = {one.name for one in seen(Role.AGENT, reader)}
    assert {"list_messages", "read_message"} < names
    assert not names & {"send_message", "wait_for_message", "label_message"}


@pytest.mark.parametrize("name", EVERY)
def test_schemas_are_json_schema_2020_12_with_an_object_at_the_root(name: str):
    for schema in (EVERY[name].input_schema, EVERY[name].output_schema):
        Draft202012Validator.check_schema(schema)
        assert "object" == schema["type"]
    assert "$ref" not in json.dumps(EVERY[name].input_schema)


@pytest.mark.parametrize("name", EVERY)
def test_every_property_of_an_input_is_described(name: str):
    def undescribed(schema: dict[str, Any], path: str) -> list[str]:
        found = []
        for field, one in schema.get("properties", {}).items():
            if not one.get("description"):
                found.append(f"{path}{field}")
            found += undescribed(one, f"{path}{field}.") + undescribed(one.get("items", {}), f"{path}{field}[].")
        return found

    assert [] == undescribed(EVERY[name].input_schema, "")


@pytest.mark.parametrize("name", EVERY)
def test_descriptions_are_short_and_speak_of_tools_and_not_of_http(name: str):
    tool = EVERY[name]
    assert len(tool.description) < 600
    texts = json.dumps([tool.description, tool.input_schema])
    assert not re.search(r"\b(GET|POST|PATCH|DELETE) /|/v1/|Idempotency-Key|Answers 20|/raw|/docs", texts), texts


def test_keys_of_agents_find_no_from_and_operators_only_in_the_shapes_that_have_it():
    writing = ("send_message", "reply", "reply_all", "forward", "send_email", "reply_email")
    assert not [name for name in writing if "from" in by_name(name).input_schema["properties"]]
    assert "from" in by_name("send_email", Role.OPERATOR).input_schema["properties"]


def test_a_key_of_one_mailbox_need_not_name_it():
    assert ["mailbox_id"] == by_name("send_message").input_schema["required"]
    assert "required" not in by_name("send_message", mailbox_id="mbx_1").input_schema


def test_annotations_say_what_a_tool_does():
    for name, one in BY_NAME.items():
        tool = EVERY[name]
        assert (not one.changes, one.destructive) == (tool.read_only, tool.destructive)
        assert tool.idempotent == (one.method != "POST" or not one.changes)
    assert EVERY["send_message"].open_world
    assert not EVERY["list_mailboxes"].open_world
    assert EVERY["remove_domain"].destructive
    assert EVERY["wait_for_message"].read_only


def test_whatever_gives_no_json_is_told_as_json_all_the_same():
    assert Answer.CONTENT is BY_NAME["read_attachment"].answer
    assert {"filename", "text", "base64", "url", "untrusted"} < set(EVERY["read_attachment"].output_schema["properties"])
    assert {"done"} == set(EVERY["remove_domain"].output_schema["properties"])


def test_the_page_names_every_tool_that_an_agent_sees():
    page = (Path(__file__).parents[3] / "docs" / "mcp.md").read_text("utf-8")
    assert [] == [name for name in AGENT if f"`{name}`" not in page]
