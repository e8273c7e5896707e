"""The audit log over REST: what was refused stands in it, and it is searched by whom and when."""

from __future__ import annotations

import pytest

from mailwright.core.model import OversightMode


async def entries(world, **narrow):
    query = "&".join(f"{name}={value}" for name, value in narrow.items())
    return (await world.call("GET", f"/v1/audit?{query.replace('+', '%2B')}")).json()["items"]


async def refusals(world):
    return [(one["data"]["operation"], one["data"]["code"]) for one in await entries(world, action="request.refused")]


async def test_I10_what_policy_refuses_is_in_the_log(world):
    await world.set_mode(OversightMode.READ_ONLY)
    body = {"to": ["bob@there.example"], "subject": "Tea?", "text": "x"}
    found = await world.call("POST", f"/v1/mailboxes/{world.ours.mailbox.id}/send", body, key="agent")
    assert "blocked_by_policy" == found.json()["error"]["code"]
    assert [("messages.send", "blocked_by_policy")] == await refusals(world)
    (entry,) = await entries(world, action="request.refused", mailbox_id=world.ours.mailbox.id)
    assert world.ours.mailbox.id == entry["subject"]
    assert "there.example" not in str(entry)


async def test_I10_a_foreign_from_and_a_suppressed_recipient_are_in_the_log_however_often(world):
    path = f"/v1/mailboxes/{world.ours.mailbox.id}/send"
    body = {"to": ["bob@there.example"], "subject": "Tea?", "text": "x"}
    await world.call("POST", "/v1/suppressions", {"address": "bob@there.example"})
    for _ in range(2):  # a refused request may be sent again under its key, and is decided again
        found = await world.call("POST", path, body, key="agent", Idempotency_Key="one")
        assert "recipient_suppressed" == found.json()["error"]["code"]
    await world.call("POST", "/v1/send_email", body | {"from": "eve@ours.example.com", "to": "x@there.example"}, key="agent")
    codes = [code for _, code in await refusals(world)]
    assert ["recipient_suppressed"] * 2 + ["sender_not_owned"] == codes


async def test_I10_an_agent_that_tries_to_approve_is_in_the_log(world):
    await world.set_mode(OversightMode.GATED_SEND)
    told = await world.send()
    path = f"/v1/approvals/{told['approval_id']}/approve"
    await world.call("POST", path, {"digest": "0" * 64}, key="agent")
    assert [("approvals.approve", "missing_permission")] == await refusals(world)


@pytest.mark.parametrize("body", [{"to": ["no address"], "text": "x"}, {"to": [], "text": "x"}, {"nonsense": 1}])
async def test_a_request_that_is_badly_written_is_not(world, body):
    found = await world.call("POST", f"/v1/mailboxes/{world.ours.mailbox.id}/send", body, key="agent")
    assert 422 == found.status_code
    assert [] == await refusals(world)


async def test_the_log_is_searched_by_agent_domain_and_time(world):
    await world.send()
    (queued,) = await entries(world, action="message.queued")
    assert [queued] == await entries(world, action="message.queued", agent_id=queued["agent_id"], domain="OURS.example.com")
    assert [] == await entries(world, action="message.queued", domain="other.example.com")
    assert [queued] == await entries(world, action="message.queued", **{"from": queued["at"]})
    assert [] == await entries(world, action="message.queued", to=queued["at"])
    found = await world.call("GET", "/v1/audit?from=yesterday")
    assert 422 == found.status_code
