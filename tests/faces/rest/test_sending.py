"""Sending over REST: what is answered, what is held, and what never gets through (S8, S10)."""

from __future__ import annotations

from base64 import b64encode

import pytest

from mailwright.core.model import OversightMode


async def raw(world, message_id) -> bytes:
    return (await world.call("GET", f"/v1/messages/{message_id}/raw")).content


async def test_a_message_is_accepted_with_just_what_is_promised(world):
    told = await world.send()
    assert {"message_id", "thread_id", "status"} == set(told)
    assert "queued" == told["status"]
    message = (await world.call("GET", f"/v1/messages/{told['message_id']}", key="agent")).json()
    assert ("outbound", "Tea?", "At four?") == (message["direction"], message["subject"], message["text"].strip())
    assert ("Ada <ada@ours.example.com>", ["bob@there.example"]) == (message["from"], message["to"])
    assert [("bob@there.example", "queued")] == [(one["address"], one["status"]) for one in message["recipients"]]
    assert [] == message["untrusted"]


async def test_a_message_that_a_person_must_see_is_held(world):
    await world.set_mode(OversightMode.GATED_SEND)
    told = await world.send()
    assert {"message_id", "thread_id", "status", "approval_id", "expires_at", "reason"} == set(told)
    assert ("held", "2026-05-31T20:26:40.000Z") == (told["status"], told["expires_at"])


async def approved(world, told, digest=None, key="approver"):
    seen = (await world.call("GET", f"/v1/approvals/{told['approval_id']}", key="approver")).json()
    path = f"/v1/approvals/{told['approval_id']}/approve"
    return await world.call("POST", path, {"digest": digest or seen["digest"], "note": "fine"}, key=key)


async def test_a_person_approves_what_was_seen_and_it_is_queued(world):
    await world.set_mode(OversightMode.GATED_SEND)
    told = await world.send()
    found = await approved(world, told)
    assert (200, "approved", "fine") == (found.status_code, found.json()["status"], found.json()["note"])
    message = await world.call("GET", f"/v1/messages/{told['message_id']}")
    assert "queued" == message.json()["status"]
    again = await approved(world, told)
    assert (409, "not_pending") == (again.status_code, again.json()["error"]["code"])


async def test_a_decision_on_something_else_is_stale(world):
    await world.set_mode(OversightMode.GATED_SEND)
    found = await approved(world, await world.send(), digest="0" * 64)
    assert (409, "approval_stale") == (found.status_code, found.json()["error"]["code"])


@pytest.mark.parametrize("key", ["agent", "operator"])
async def test_whoever_sends_never_approves(world, key):
    await world.set_mode(OversightMode.GATED_SEND)
    assert 403 == (await approved(world, await world.send(), key=key)).status_code


async def test_what_was_rejected_is_never_sent(world):
    await world.set_mode(OversightMode.GATED_SEND)
    told = await world.send()
    seen = (await world.call("GET", f"/v1/approvals/{told['approval_id']}", key="approver")).json()
    path = f"/v1/approvals/{told['approval_id']}/reject"
    assert "rejected" == (await world.call("POST", path, {"digest": seen["digest"]}, key="approver")).json()["status"]
    assert "rejected" == (await world.call("GET", f"/v1/messages/{told['message_id']}")).json()["status"]


async def test_a_mailbox_that_only_reads_sends_nothing(world):
    await world.set_mode(OversightMode.READ_ONLY)
    found = await world.send_raw()
    assert (403, "blocked_by_policy") == (found.status_code, found.json()["error"]["code"])


async def test_more_oversight_may_be_asked_for_and_less_is_not_given(world):
    assert "held" == (await world.send(oversight_mode="gated_send"))["status"]
    await world.set_mode(OversightMode.GATED_SEND)
    assert "held" == (await world.send(oversight_mode="autonomous"))["status"]


async def test_one_address_may_be_given_without_a_list(world):
    told = await world.send(to="Bob <bob@there.example>", cc="carol@there.example", bcc="dave@there.example")
    message = (await world.call("GET", f"/v1/messages/{told['message_id']}")).json()
    assert (["Bob <bob@there.example>"], ["dave@there.example"]) == (message["to"], message["bcc"])
    assert b"dave" not in await raw(world, told["message_id"])


async def test_a_file_travels_along_and_comes_out_as_it_went_in(world):
    file = bytes(range(256)) * 40
    attached = {"filename": "a.bin", "content_type": "application/x-thing", "content": b64encode(file).decode()}
    told = await world.send(attachments=[attached])
    path = f"/v1/messages/{told['message_id']}"
    (info,) = (await world.call("GET", path)).json()["attachments"]
    assert ("att_1", "a.bin", "application/x-thing") == (info["attachment_id"], info["filename"], info["content_type"])
    assert file == (await world.call("GET", f"{path}/attachments/att_1")).content


async def test_a_message_says_whether_it_requires_tls(world):
    for asked in (True, False):
        told = await world.send(require_tls=asked)
        assert asked is (await world.call("GET", f"/v1/messages/{told['message_id']}")).json()["require_tls"]
    found = await world.send_raw(require_tls="yes")
    assert (422, "require_tls") == (found.status_code, found.json()["error"]["details"][0]["path"])


async def test_a_message_may_wait_for_its_time_and_be_taken_back(world):
    told = await world.send(send_at="2026-06-01T12:00:00+02:00")
    assert "scheduled" == told["status"]
    taken = await world.call("POST", f"/v1/messages/{told['message_id']}/cancel", key="agent")
    assert (200, "cancelled") == (taken.status_code, taken.json()["status"])
    again = await world.call("POST", f"/v1/messages/{told['message_id']}/cancel", key="agent")
    assert (409, "not_pending") == (again.status_code, again.json()["error"]["code"])


async def test_whom_nobody_may_write_to_is_left_out_and_a_message_for_nobody_is_refused(world):
    await world.call("POST", "/v1/suppressions", {"address": "Gone@There.Example"})
    assert ["gone@there.example"] == (await world.send(to=["bob@there.example", "gone@there.example"]))["suppressed"]
    found = await world.send_raw(to=["gone@there.example"])
    assert (422, "recipient_suppressed") == (found.status_code, found.json()["error"]["code"])


@pytest.mark.parametrize("address", ["*@there.example", "bob*@there.example", "bob+x*@there.example", "bob@*.example"])
async def test_what_is_meant_to_stand_for_many_addresses_and_would_not_is_refused(world, address):
    found = await world.call("POST", "/v1/suppressions", {"address": address})
    assert (422, "address") == (found.status_code, found.json()["error"]["details"][0]["path"])
    assert [] == (await world.call("GET", "/v1/suppressions")).json()["items"]
    assert 201 == (await world.call("POST", "/v1/suppressions", {"address": "bob+*@there.example"})).status_code


async def test_a_large_message_that_is_refused_leaves_no_file(world, monkeypatch):
    settled, unsettled = [], []

    async def settle(spool, blob_id):
        settled.append(blob_id)

    async def unsettle(blob_id):
        unsettled.append(blob_id)

    monkeypatch.setattr(world.ports.store.blobs, "settle", settle)
    monkeypatch.setattr(world.ports.store.blobs, "unsettle", unsettle)
    await world.call("POST", "/v1/suppressions", {"address": "gone@there.example"})
    large = "tea " * 100_000
    await world.send(text=large)
    assert (1, []) == (len(settled), unsettled)
    assert 422 == (await world.send_raw(to=["gone@there.example"], text=large)).status_code
    assert settled[1:] == unsettled
    assert 422 == (await world.send_raw(to=["gone@there.example"], text="tea")).status_code
    assert 2 == len(settled)


async def test_a_paused_agent_sends_nothing_until_a_person_resumes_it(world):
    path = f"/v1/agents/{world.ours.mailbox.agent_id}"
    await world.call("POST", f"{path}/pause")
    found = await world.send_raw()
    assert (403, "agent_paused") == (found.status_code, found.json()["error"]["code"])
    await world.call("POST", f"{path}/resume")
    assert "queued" == (await world.send())["status"]


INJECTIONS = ["a\r\nBcc: x@evil.example", "a\nb", "a\rb", "a\x00b", "a\r\n\r\nbody", "\r\n", "a\x0bb\x0c", "a\x7f"]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("subject", lambda text: {"subject": text}),
        ("to[0]", lambda text: {"to": [f"{text} <bob@there.example>"]}),
        ("to[0]", lambda text: {"to": [f"bob{text}@there.example"]}),
        ("cc[0]", lambda text: {"cc": [f'"{text}" <bob@there.example>']}),
        ("reply_to[0]", lambda text: {"reply_to": [f"{text} <bob@there.example>"]}),
        ("from", lambda text: {"from": f"{text} <ada@ours.example.com>"}),
        ("headers.X-Tag", lambda text: {"headers": {"X-Tag": text}}),
        ("in_reply_to", lambda text: {"in_reply_to": f"<a{text}@there.example>"}),
        ("attachments[0].filename", lambda text: {"attachments": [{"filename": text, "content": ""}]}),
        (
            "attachments[0].content_type",
            lambda t: {"attachments": [{"filename": "x", "content": "", "content_type": f"text/{t}"}]},
        ),
        ("attachments[0].content_id", lambda t: {"attachments": [{"filename": "x", "content": "", "content_id": t}]}),
        ("labels[0]", lambda text: {"labels": [text]}),
    ],
)
async def test_s10_nothing_in_a_field_opens_another_one(world, path, fields):
    for text in INJECTIONS:
        found = await world.send_raw(**fields(text))
        assert (text, 422, "validation_error") == (text, found.status_code, found.json()["error"]["code"])
        assert path in [detail["path"] for detail in found.json()["error"]["details"]]


async def test_s10_a_header_name_is_letters_digits_and_hyphens(world):
    for name in ("X-Tag\r\nBcc", "X Tag", "X-Tag:", "", "X-T\u00e4g", "X\x00Tag"):
        found = await world.send_raw(headers={name: "x"})
        assert (422, f"headers.{name}") == (found.status_code, found.json()["error"]["details"][0]["path"])


SPEAKS_FOR_THE_SERVER = """
Received Authentication-Results DKIM-Signature ARC-Seal ARC-Message-Signature ARC-Authentication-Results Agent-Identity
Return-Path Bcc bcc From Sender Resent-From Date Message-ID Content-Type MIME-Version X-MultiMail-Identity
"""


async def test_s8_a_header_that_speaks_for_the_server_is_refused(world):
    for name in SPEAKS_FOR_THE_SERVER.split():
        found = await world.send_raw(headers={name: "x@there.example"})
        assert (422, f"headers.{name}") == (found.status_code, found.json()["error"]["details"][0]["path"])


async def test_a_header_of_ones_own_travels_along(world):
    told = await world.send(headers={"X-Tag": "seven"})
    assert b"X-Tag: seven\r\n" in await raw(world, told["message_id"])


@pytest.mark.parametrize("address", ["eve@ours.example.com", "ada@theirs.example.com", "Ada <someone@else.example>"])
async def test_s8_from_is_the_mailbox_and_nothing_else(world, address):
    found = await world.send_raw(**{"from": address})
    assert (403, "sender_not_owned") == (found.status_code, found.json()["error"]["code"])


async def test_from_may_be_said_where_it_is_right(world):
    assert "queued" == (await world.send(**{"from": "Ada <ADA@ours.example.com>"}))["status"]


# --- the shapes that users run against already -----------------------------------------------------------------------------


async def test_send_email_keeps_its_shape(world):
    body = {
        "from": "ada@ours.example.com",
        "to": "bob@there.example",
        "subject": "Tea?",
        "text": "At four?",
        "html": "<p>At four?</p>",
    }
    for more in ({}, {"agent_id": "ada"}, {"agent_id": world.ours.mailbox.agent_id}):
        found = await world.call("POST", "/v1/send_email", body | more, key="agent")
        assert 202 == found.status_code, found.text
        told = found.json()
        assert {"message_id", "thread_id", "status", "authentication"} == set(told)
        assert {"spf", "dkim", "dmarc", "identity_signed"} == set(told["authentication"])
        assert ("queued", "pass") == (told["status"], told["authentication"]["dmarc"])


async def test_send_email_may_tighten_what_the_mailbox_allows(world):
    body = {"to": "bob@there.example", "text": "x", "oversight_mode": "gated_send"}
    told = (await world.call("POST", "/v1/send_email", body, key="agent")).json()
    assert ("held", True) == (told["status"], "approval_id" in told)


@pytest.mark.parametrize(
    ("fields", "key", "code"),
    [
        ({"from": "ada@theirs.example.com"}, "agent", "sender_not_owned"),
        ({"from": "nobody@ours.example.com"}, "operator", "sender_not_owned"),
        ({"from": "ada@ours.example.com", "agent_id": "grace"}, "agent", "sender_not_owned"),
        ({"from": "not an address"}, "agent", "validation_error"),
        ({}, "operator", "validation_error"),
    ],
)
async def test_send_email_sends_from_nothing_that_the_key_does_not_own(world, fields, key, code):
    found = await world.call("POST", "/v1/send_email", {"to": "bob@there.example", "text": "x"} | fields, key=key)
    assert code == found.json()["error"]["code"]


async def test_reply_email_answers_in_the_thread(world):
    first = await world.send()
    found = await world.call("POST", "/v1/reply_email", {"message_id": first["message_id"], "text": "Or five?"}, key="agent")
    assert (202, first["thread_id"]) == (found.status_code, found.json()["thread_id"])
    message = (await world.call("GET", f"/v1/messages/{found.json()['message_id']}")).json()
    assert ("Re: Tea?", ["bob@there.example"]) == (message["subject"], message["to"])


async def test_a_forward_carries_every_byte_along(world):
    first = await world.send()
    path = f"/v1/messages/{first['message_id']}/forward"
    found = await world.call("POST", path, {"to": "carol@there.example", "text": "See below."}, key="agent")
    assert 202 == found.status_code, found.text
    forwarded = await raw(world, found.json()["message_id"])
    assert (await raw(world, first["message_id"])).strip() in forwarded


async def test_a_conversation_is_read_with_what_is_new_in_each_message(world):
    first = await world.send()
    await world.call("POST", f"/v1/messages/{first['message_id']}/reply", {"text": "Or five?"}, key="agent")
    thread = (await world.call("GET", f"/v1/threads/{first['thread_id']}", key="agent")).json()
    assert (2, ["At four?", "Or five?"]) == (thread["message_count"], [one["text"].strip() for one in thread["messages"]])
    assert ["Tea?", "Re: Tea?"] == [one["subject"] for one in thread["messages"]]


async def test_labels_are_put_on_and_taken_off(world):
    told = await world.send(labels=["new", "tea"])
    path = f"/v1/messages/{told['message_id']}"
    changed = await world.call("PATCH", path, {"add_labels": ["done"], "remove_labels": ["new"]}, key="agent")
    assert ["tea", "done"] == changed.json()["labels"]
    listed = (await world.call("GET", "/v1/messages?label=done", key="agent")).json()["items"]
    assert [told["message_id"]] == [one["message_id"] for one in listed]


async def test_the_timeline_tells_what_was_decided(world):
    await world.set_mode(OversightMode.GATED_SEND)
    told = await world.send()
    await approved(world, told)
    items = (await world.call("GET", f"/v1/messages/{told['message_id']}/timeline")).json()["items"]
    assert {("policy", "held"), ("review", "approved"), ("queued", "queued")} == {
        (one["stage"], one["outcome"]) for one in items
    }
