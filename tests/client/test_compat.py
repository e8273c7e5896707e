"""AgentMail's and Resend's own Python SDKs, pointed at a server of ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import resend
from agentmail import AgentMail
from agentmail.core.api_error import ApiError
from agentmail.environment import AgentMailEnvironment
from agentmail.errors import NotFoundError, ValidationError
from client.conftest import Server
from resend.exceptions import InvalidApiKeyError, ResendError
from resend.exceptions import ValidationError as ResendInvalid

from mailwright.client import Mailwright
from mailwright.core import model
from mailwright.core.webhooks import headers


def agentmail(server: Server, role: str) -> AgentMail:
    return AgentMail(api_key=server.key(role), environment=AgentMailEnvironment(http=server.url, websockets=""))


@pytest.fixture
def theirs(server: Server) -> Iterator[Any]:
    """The module `resend`, set up with the operator's key."""
    before = resend.api_key, resend.api_url
    resend.api_key, resend.api_url = server.key("operator"), server.url
    yield resend
    resend.api_key, resend.api_url = before


async def answered(server: Server, role: str, thread_id: str) -> None:
    """Let the recipient answer what was sent, and wait until it is here."""
    world = server.world
    assert world is not None
    with Mailwright(server.url, server.key(role)) as mw:
        async with asyncio.timeout(15):
            while not world.receivers.outbox:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            await world.reply(world.receivers.outbox[-1], "At four.")
            while 2 > len((await asyncio.to_thread(mw.threads.get, thread_id)).messages):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_agentmail_creates_and_lists_inboxes(server: Server) -> None:
    def work() -> None:
        client = agentmail(server, "operator")
        inbox = client.inboxes.create(request={"username": "bob", "domain": "agents.test", "client_id": "bob-1"})
        again = client.inboxes.create(request={"username": "bob", "domain": "agents.test", "client_id": "bob-1"})
        assert (inbox.inbox_id, "bob@agents.test") == (again.inbox_id, inbox.email)
        assert inbox == client.inboxes.get(inbox.inbox_id)
        first = client.inboxes.list(limit=1)
        second = client.inboxes.list(limit=1, page_token=first.next_page_token)
        assert {"ada@agents.test", "bob@agents.test"} == {one.email for one in (*first.inboxes, *second.inboxes)}
        client.inboxes.delete(inbox.inbox_id)
        assert ["ada@agents.test"] == [one.email for one in client.inboxes.list().inboxes]

    await asyncio.to_thread(work)


async def test_agentmail_sends_reads_replies_and_labels(server: Server) -> None:
    client, box = agentmail(server, "agent"), server.mailbox_id
    file = {"filename": "a.txt", "content": "aGVsbG8=", "content_type": "text/plain"}

    def send() -> Any:
        return client.inboxes.messages.send(
            box, to="success@simulator.test", subject="Tea?", text="When?", attachments=[file], idempotency_key="once"
        )

    sent = await asyncio.to_thread(send)
    assert sent.message_id == (await asyncio.to_thread(send)).message_id
    await answered(server, "agent", sent.thread_id)

    def work() -> None:
        listed = client.inboxes.messages.list(box)
        assert {"Tea?", "Re: Tea?"} == {one.subject for one in listed.messages}
        thread = client.inboxes.threads.get(box, sent.thread_id)
        question, answer = thread.messages
        assert (sent.message_id, answer.message_id) == (question.message_id, thread.last_message_id)
        whole = client.inboxes.messages.get(box, answer.message_id)
        assert "At four." == (whole.extracted_text or "").strip()
        assert "success@simulator.test" in whole.from_
        assert ["a.txt"] == [one.filename for one in client.inboxes.messages.get(box, sent.message_id).attachments or []]
        reply = client.inboxes.messages.reply(box, answer.message_id, text="Gladly.")
        assert sent.thread_id == reply.thread_id
        assert "done" in client.inboxes.messages.update(box, answer.message_id, add_labels="done").labels
        assert [answer.message_id] == [one.message_id for one in client.inboxes.messages.list(box, labels=["done"]).messages]
        assert [sent.thread_id] == [one.thread_id for one in client.threads.list().threads]

    await asyncio.to_thread(work)


async def test_agentmail_understands_our_refusals(server: Server) -> None:
    def work() -> None:
        client = agentmail(server, "agent")
        with pytest.raises(NotFoundError) as gone:
            client.inboxes.messages.get(server.mailbox_id, "msg_0")
        assert "not_found" == gone.value.body.code
        with pytest.raises(NotFoundError):
            client.inboxes.messages.list("mbx_0")
        with pytest.raises(ValidationError) as wrong:
            client.inboxes.messages.send(server.mailbox_id, to="nobody", text="x")
        assert "to[0]" == wrong.value.body.errors[0]["path"]
        with pytest.raises(ApiError) as stranger:
            AgentMail(api_key="am_1", environment=AgentMailEnvironment(http=server.url, websockets="")).inboxes.list()
        assert 401 == stranger.value.status_code
        with pytest.raises(ApiError) as forbidden:
            client.inboxes.create(request={"username": "eve", "domain": "agents.test"})
        assert (403, "missing_permission") == (forbidden.value.status_code, forbidden.value.body["code"])
        with pytest.raises(ValidationError):
            client.inboxes.messages.send(
                server.mailbox_id, to="a@simulator.test", text="x", attachments=[{"url": "https://a.example"}]
            )

    await asyncio.to_thread(work)


async def test_agentmail_makes_webhooks_and_resend_verifies_them(server: Server, theirs: Any) -> None:
    def work() -> None:
        client = agentmail(server, "operator")
        made = client.webhooks.create(url="http://127.0.0.1:9/hook", event_types=["message.received"])
        assert [made.webhook_id] == [one.webhook_id for one in client.webhooks.list().webhooks]
        other = theirs.Webhooks.create({"endpoint": "http://127.0.0.1:9/hook", "events": ["email.received"]})
        for secret in (made.secret, other["signing_secret"]):
            now = int(time.time() * 1000)
            hook = model.Webhook("whk_1", "ten_1", "https://a.example/", (), model.Active.ACTIVE, secret, 0, now)
            told = {name.removeprefix("webhook-"): value for name, value in headers(hook, "evt_1", b'{"type":"x"}', now)}
            options = {"payload": '{"type":"x"}', "headers": told, "webhook_secret": secret}
            assert {"type": "x"} == theirs.Webhooks.verify(options)
            with pytest.raises(ValueError, match="no matching signature"):
                theirs.Webhooks.verify(options | {"payload": '{"type":"y"}'})
        assert ["message.received"] == theirs.Webhooks.get(other["id"])["events"]
        assert theirs.Webhooks.remove(other["id"])["deleted"]
        client.webhooks.delete(made.webhook_id)
        assert [] == client.webhooks.list().webhooks

    await asyncio.to_thread(work)


async def test_resend_sends_and_reads(server: Server, theirs: Any) -> None:
    params = {
        "from": "Ada <ada@agents.test>",
        "to": ["success@simulator.test"],
        "subject": "Tea?",
        "html": "<strong>When?</strong>",
        "tags": [{"name": "kind", "value": "tea"}],
        "attachments": [{"filename": "a.txt", "content": list(b"hello")}],
    }
    sent = await asyncio.to_thread(theirs.Emails.send, params, {"idempotency_key": "once"})
    assert sent["id"] == (await asyncio.to_thread(theirs.Emails.send, params, {"idempotency_key": "once"}))["id"]
    thread_id = (await asyncio.to_thread(theirs.Emails.get, sent["id"]))["thread_id"]
    await answered(server, "operator", thread_id)

    def work() -> None:
        found = theirs.Emails.get(sent["id"])
        assert ("Tea?", "delivered", ["a.txt"]) == (
            found["subject"],
            found["last_event"],
            [one["filename"] for one in found["attachments"]],
        )
        assert "kind:tea" in found["labels"]
        assert [sent["id"]] == [one["id"] for one in theirs.Emails.list()["data"]]
        received = theirs.Emails.Receiving.list()
        assert (False, 1) == (received["has_more"], len(received["data"]))
        assert "At four." in theirs.Emails.Receiving.get(received["data"][0]["id"])["text"]
        late = theirs.Emails.send({**params, "attachments": [], "scheduled_at": "2026-12-31T09:00:00Z"} | _later())
        assert "cancelled" == theirs.Emails.cancel(late["id"])["status"]

    await asyncio.to_thread(work)


def _later() -> dict[str, str]:
    return {"scheduled_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))}


async def test_resend_has_domains(server: Server, theirs: Any) -> None:
    def work() -> None:
        made = theirs.Domains.create({"name": "more.test"})
        assert {"TXT", "MX"} == {one["type"] for one in made["records"]}
        assert made["id"] == theirs.Domains.verify(made["id"])["id"]
        assert "verified" == theirs.Domains.get(made["id"])["status"]
        assert {"agents.test", "more.test"} == {one["name"] for one in theirs.Domains.list()["data"]}
        assert theirs.Domains.remove(made["id"])["deleted"]

    await asyncio.to_thread(work)


async def test_resend_understands_our_refusals(server: Server, theirs: Any) -> None:
    def work() -> None:
        good = {"from": "ada@agents.test", "to": "success@simulator.test", "subject": "x", "text": "x"}
        with pytest.raises(ResendInvalid, match="to"):
            theirs.Emails.send(good | {"to": "nobody"})
        with pytest.raises(ResendInvalid, match="not supported here"):
            theirs.Emails.send(good | {"template": {"id": "t"}})
        with pytest.raises(ResendError) as foreign:
            theirs.Emails.send(good | {"from": "eve@agents.test"})
        assert (403, "sender_not_owned") == (foreign.value.code, foreign.value.error_type)
        theirs.api_key = "re_123"
        with pytest.raises(InvalidApiKeyError):
            theirs.Emails.send(good)

    await asyncio.to_thread(work)
