"""Routes in somebody else's words: nonsense is refused, never a failure of ours. Their SDKs: tests/client/test_compat.py."""

from __future__ import annotations

import contextlib
import json
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailwright.core.errors import Refusal
from mailwright.faces.rest.compat import agentmail, resend
from mailwright.faces.rest.compat.foreign import Foreign

ROUTES = (*agentmail.ROUTES, *resend.ROUTES)
NAMES = [
    "username",
    "domain",
    "name",
    "to",
    "from",
    "subject",
    "text",
    "html",
    "labels",
    "tags",
    "attachments",
    "headers",
    "reply_all",
    "inbox_ids",
    "url",
    "endpoint",
    "events",
    "event_types",
    "limit",
    "page_token",
    "add_labels",
    "scheduled_at",
    "content",
    "filename",
]
ATOMS = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["[", "[1]", "a@b.example"])
VALUES = st.recursive(ATOMS, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(NAMES), one, max_size=3))


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4), st.binary(max_size=20))
def test_nonsense_is_refused(route: Foreign, said: dict[str, object], raw: bytes) -> None:
    values = ("x",) * route.path.count("{")
    query = urlencode({name: value if isinstance(value, str) else json.dumps(value) for name, value in said.items()}).encode()
    for asked, body in ((query, json.dumps(said).encode()), (raw, raw)):
        with contextlib.suppress(Refusal):
            route.read(values, asked, body)


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")
def test_a_route_does_as_its_operation_does(route: Foreign) -> None:
    assert route.method == route.operation.method


async def test_a_word_that_cannot_be_kept_is_refused_by_name(world):
    body = {"from": world.ours.mailbox.address, "to": "bob@there.example", "text": "x", "template": {"id": "t"}}
    told = await world.call("POST", "/emails", body, key="agent")
    assert (422, "validation_error", "template") == (told.status_code, told.json()["name"], told.json()["details"][0]["path"])


async def test_the_same_permissions_count(world):
    assert 403 == (await world.call("POST", "/emails", {"to": "bob@there.example"}, key="auditor")).status_code
    assert 403 == (await world.call("POST", "/v0/inboxes", {"username": "x", "domain": "y.example"}, key="agent")).status_code
    other = world.theirs.mailbox.id
    assert 404 == (await world.call("GET", f"/v0/inboxes/{other}", key="operator")).status_code


LETTER = "/v0/inboxes/{inbox_id}/messages/{message_id}"
ON_LETTERS = [one for one in agentmail.ROUTES if one.path.startswith(LETTER)]


@pytest.mark.parametrize("route", ON_LETTERS, ids=lambda one: f"{one.method} {one.path[len(LETTER) :]}")
async def test_a_message_of_another_inbox_is_as_good_as_none_though_the_key_may_know_both(world, route):
    message_id = (await world.send("operator"))["message_id"]
    other = await world.call("POST", "/v1/mailboxes", {"address": f"bob@{world.ours.domain.name}"})
    body = None if route.method == "GET" else {"add_labels": ["x"]} if route.method == "PATCH" else {"text": "x"}
    body = body and body | ({"to": "bob@there.example"} if route.path.endswith("forward") else {})
    told = []
    for inbox_id, letter_id in (
        (other.json()["id"], message_id),
        (world.ours.mailbox.id, "msg_none"),
        ("mbx_none", message_id),
    ):
        path = route.path.format(inbox_id=inbox_id, message_id=letter_id, id="att_1")
        answer = await world.call(route.method, path, body)
        told.append((answer.status_code, answer.json()["message"].replace(letter_id, "*")))
    assert [(404, "There is no message *.")] * 3 == told
    listed = await world.call("GET", "/v1/messages")
    assert [[]] == [one["labels"] for one in listed.json()["items"]]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "at"),
    [
        ("GET", "/v0/inboxes/{box}/messages?after=1700000000", None, 400, "since"),
        ("GET", "/v0/inboxes/{box}/messages?before=0.5", None, 400, "until"),
        ("GET", "/v0/inboxes?limit=null", None, 400, "limit"),
        ("POST", "/emails", {"to": "bob@there.example", "text": "x", "scheduled_at": 1_900_000_000}, 422, "send_at"),
        ("POST", "/emails", {"to": "bob@there.example", "text": "x", "scheduled_at": "1900000000"}, 422, "send_at"),
    ],
)
async def test_a_number_is_no_time_and_null_is_no_number(world, method, path, body, status, at):
    told = await world.call(method, path.format(box=world.ours.mailbox.id), body)
    found = told.json()
    assert (status, at) == (told.status_code, (found.get("errors") or found.get("details"))[0]["path"]), found
