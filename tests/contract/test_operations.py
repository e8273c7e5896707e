"""The table of operations holds together: unique, documented, complete."""

from __future__ import annotations

import re
import typing
from collections import Counter
from typing import Any

import msgspec
import pytest

from mailwright.contract.errors import ErrorBody
from mailwright.contract.events import Event
from mailwright.contract.operations import OPERATIONS, Answer, Operation
from mailwright.core.model import Permission

EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)

# What the contract promises, and how it is reached.
PROMISED = """
POST /v1/domains
GET /v1/domains
GET /v1/domains/{domain_id}
DELETE /v1/domains/{domain_id}
POST /v1/domains/{domain_id}/verify
GET /v1/domains/{domain_id}/zone-file
POST /v1/agents
GET /v1/agents
GET /v1/agents/{agent_id}
PATCH /v1/agents/{agent_id}
POST /v1/agents/{agent_id}/pause
POST /v1/agents/{agent_id}/resume
POST /v1/mailboxes
GET /v1/mailboxes
GET /v1/mailboxes/{mailbox_id}
PATCH /v1/mailboxes/{mailbox_id}
DELETE /v1/mailboxes/{mailbox_id}
POST /v1/mailboxes/{mailbox_id}/send
POST /v1/messages/{message_id}/reply
POST /v1/messages/{message_id}/reply-all
POST /v1/messages/{message_id}/forward
POST /v1/messages/{message_id}/cancel
GET /v1/messages
GET /v1/messages/{message_id}
PATCH /v1/messages/{message_id}
GET /v1/messages/{message_id}/raw
GET /v1/messages/{message_id}/timeline
GET /v1/messages/{message_id}/attachments/{attachment_id}
GET /v1/threads
GET /v1/threads/{thread_id}
GET /v1/approvals
GET /v1/approvals/{approval_id}
POST /v1/approvals/{approval_id}/approve
POST /v1/approvals/{approval_id}/reject
GET /v1/events
GET /v1/events/stream
POST /v1/webhooks
GET /v1/webhooks
GET /v1/webhooks/{webhook_id}
PATCH /v1/webhooks/{webhook_id}
DELETE /v1/webhooks/{webhook_id}
GET /v1/webhooks/{webhook_id}/deliveries
POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver
POST /v1/webhooks/{webhook_id}/test
POST /v1/webhooks/{webhook_id}/rotate-secret
GET /v1/suppressions
POST /v1/suppressions
DELETE /v1/suppressions/{suppression_id}
GET /v1/audit
POST /v1/api-keys
GET /v1/api-keys
DELETE /v1/api-keys/{key_id}
POST /v1/send_email
POST /v1/reply_email
"""


def test_everything_that_is_promised_has_a_row():
    promised = {tuple(line.split()) for line in PROMISED.strip().splitlines()}
    assert set() == promised - {(one.method, one.path) for one in OPERATIONS}


@pytest.mark.parametrize(
    "of",
    [
        lambda one: one.name,
        lambda one: (one.method, re.sub(r"\{\w+\}", "{}", one.path)),
        lambda one: one.tool,
        lambda one: one.command,
    ],
    ids=["name", "route", "tool", "command"],
)
def test_no_two_rows_share_a_name_a_route_a_tool_or_a_command(of):
    counted = Counter(value for one in OPERATIONS if (value := of(one)) is not None)
    assert [] == [value for value, count in counted.items() if count > 1]


def test_every_permission_opens_something():
    assert set(Permission) == {one.permission for one in OPERATIONS}


def test_tools_that_users_call_already_keep_their_names():
    tools = {one.tool for one in OPERATIONS}
    assert {"configure_domain", "verify_domain_alignment", "send_email", "reply_email"} <= tools


@EACH
def test_a_row_reads_or_acts_and_looking_never_acts(operation: Operation[Any, Any]):
    assert (operation.read is None) != (operation.act is None)
    assert (operation.method == "GET") == (operation.read is not None)
    assert operation.prepare is None or operation.act is not None


@EACH
def test_what_stands_in_the_path_is_a_required_field_of_the_input(operation: Operation[Any, Any]):
    required = {one.encode_name for one in msgspec.structs.fields(operation.input) if one.required}
    assert set(operation.path_fields) <= required


@EACH
def test_a_row_is_documented_in_sentences(operation: Operation[Any, Any]):
    assert operation.summary[0].isupper()
    assert not operation.summary.endswith(".")
    assert not operation.notes or operation.notes.rstrip()[-1] in ".`"


@EACH
def test_an_input_refuses_what_it_does_not_know(operation: Operation[Any, Any]):
    assert operation.input.__struct_config__.forbid_unknown_fields


@EACH
def test_every_example_is_a_valid_input(operation: Operation[Any, Any]):
    for example in operation.examples:
        path = dict.fromkeys(operation.path_fields, "x")
        filled = {name: "x" if str(value).startswith("{") else value for name, value in example.request.items()}
        msgspec.convert(path | filled, operation.input)


@EACH
def test_an_act_that_takes_a_body_shows_an_example(operation: Operation[Any, Any]):
    beyond_path = [one for one in msgspec.structs.fields(operation.input) if one.encode_name not in operation.path_fields]
    if operation.method in ("POST", "PATCH") and beyond_path:
        assert operation.examples


def structs_within(kind: Any) -> set[type[msgspec.Struct]]:
    """The Structs that a type is made of."""
    found: set[type[msgspec.Struct]] = set()
    pending = [kind]
    while pending:
        one = pending.pop()
        origin = typing.get_origin(one)
        struct = origin if origin is not None else one
        if isinstance(struct, type) and issubclass(struct, msgspec.Struct) and struct not in found:
            found.add(struct)
            pending += [field.type for field in msgspec.structs.fields(struct)]
        pending += typing.get_args(one)
    return found


SHOWN = sorted(
    {
        struct
        for one in OPERATIONS
        for kind in (one.input, one.output)
        if kind is not None and one.answer is not Answer.CONTENT
        for struct in structs_within(kind)
    }
    | structs_within(ErrorBody)
    | structs_within(Event),
    key=lambda struct: struct.__name__,
)


@pytest.mark.parametrize("struct", SHOWN, ids=lambda one: one.__name__)
def test_every_field_is_documented_with_a_sentence(struct: type[msgspec.Struct]):
    silent = [
        field.name
        for field in msgspec.structs.fields(struct)
        if not [m for m in getattr(field.type, "__metadata__", ()) if isinstance(m, msgspec.Meta) and m.description]
    ]
    assert [] == silent
    assert struct.__doc__


def test_no_two_types_share_a_name():
    counted = Counter(struct.__name__ for struct in SHOWN)
    assert [] == [name for name, count in counted.items() if count > 1]


@pytest.mark.parametrize("word", ["secret_hash", "private_pem", "password", "previous_secret", "tenant_id", "blob_id"])
def test_what_is_ours_alone_is_never_told(word):
    told = {
        field.encode_name
        for one in OPERATIONS
        if one.answer is Answer.JSON and one.output is not None
        for struct in structs_within(one.output)
        if struct is not Event
        for field in msgspec.structs.fields(struct)
    }
    assert word not in told
