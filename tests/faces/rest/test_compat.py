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
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
