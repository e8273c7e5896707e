"""The table of operations holds together: unique, documented, complete."""

from __future__ import annotations

import re
import typing
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from mailwright.contract.errors import ErrorBody
from mailwright.contract.events import Event
from mailwright.contract.operations import OPERATIONS, Answer, Operation
from mailwright.core.model import Permission

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
GET /v1/reports
PATCH /v1/domains/{domain_id}
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
    assert set(Permission) == {one.permission for one in OPERATIONS if one.permission is not None}


def test_what_needs_no_key_is_a_look_and_told_one_by_one():
    assert ["identity.public_key"] == names_where(lambda one: one.permission is None)
    assert [] == names_where(lambda one: one.permission is None and one.changes)


def test_tools_that_users_call_already_keep_their_names():
    tools = {one.tool for one in OPERATIONS}
    assert {"configure_domain", "verify_domain_alignment", "send_email", "reply_email"} <= tools


def names_where(wrong: Callable[[Operation[Any, Any]], object]) -> list[str]:
    """The rows that break a rule: one test for each rule, not for each row of a table that only grows."""
    return [one.name for one in OPERATIONS if wrong(one)]


def test_a_row_reads_or_acts_and_looking_never_acts():
    assert [] == names_where(lambda one: (one.read is None) == (one.act is None))
    assert [] == names_where(lambda one: one.method == "GET" and one.read is None)
    # A message does not fit into a URL.
    assert ["identity.verify"] == names_where(lambda one: one.method != "GET" and one.read is not None)
    assert [] == names_where(lambda one: one.prepare is not None and one.act is None)


def fields(operation: Operation[Any, Any]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(operation.input)


def test_what_stands_in_the_path_is_a_required_field_of_the_input():
    assert [] == names_where(lambda one: set(one.path_fields) - {field.encode_name for field in fields(one) if field.required})


def test_a_row_is_documented_in_sentences():
    assert [] == names_where(lambda one: not one.summary[0].isupper() or one.summary.endswith("."))
    assert [] == names_where(lambda one: one.notes and one.notes.rstrip()[-1] not in ".`")


def test_an_input_refuses_what_it_does_not_know():
    assert [] == names_where(lambda one: not one.input.__struct_config__.forbid_unknown_fields)


def test_every_example_is_a_valid_input():
    for operation in OPERATIONS:
        for example in operation.examples:
            path = dict.fromkeys(operation.path_fields, "x")
            filled = {
                name: "x" if isinstance(value, str) and value[:1] == "{" else value for name, value in example.request.items()
            }
            try:
                msgspec.convert(path | filled, operation.input)
            except msgspec.ValidationError as wrong:
                pytest.fail(f"{operation.name}: {wrong}")


def test_an_act_that_takes_a_body_shows_an_example():
    bodies = [one for one in OPERATIONS if {field.encode_name for field in fields(one)} - set(one.path_fields)]
    assert [] == [one.name for one in bodies if one.method in ("POST", "PATCH") and not one.examples]


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


def test_every_type_and_every_field_is_documented_with_a_sentence():
    silent = [
        f"{struct.__name__}.{field.name}"
        for struct in SHOWN
        for field in msgspec.structs.fields(struct)
        if not [m for m in getattr(field.type, "__metadata__", ()) if isinstance(m, msgspec.Meta) and m.description]
    ]
    assert [] == silent
    assert [] == [struct.__name__ for struct in SHOWN if not struct.__doc__]


def test_no_two_types_share_a_name():
    counted = Counter(struct.__name__ for struct in SHOWN)
    assert [] == [name for name, count in counted.items() if count > 1]


def test_what_is_ours_alone_is_never_told():
    ours = {"secret_hash", "private_pem", "password", "previous_secret", "tenant_id", "blob_id"}
    told = {
        field.encode_name
        for one in OPERATIONS
        if one.answer is Answer.JSON and one.output is not None
        for struct in structs_within(one.output)
        if struct is not Event
        for field in msgspec.structs.fields(struct)
    }
    assert set() == ours & told
