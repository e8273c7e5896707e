"""What the READMEs of AgentMail's and Resend's Python packages show first, done with a server of ours, blocking and asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from email import message_from_bytes
from typing import Any

import httpx
import pytest
import resend
from agentmail import AgentMail, AsyncAgentMail
from agentmail.core.api_error import ApiError
from agentmail.environment import AgentMailEnvironment
from client.conftest import Server
from live.rest import eventually

from mailwright.client import Mailwright

FILE = {"filename": "tea.txt", "content": "aGVsbG8=", "content_type": "text/plain"}


def where(server: Server) -> AgentMailEnvironment:
    return AgentMailEnvironment(http=server.url, websockets="")


def agentmail(server: Server, role: str = "operator", **more: Any) -> AgentMail:
    return AgentMail(api_key=server.key(role), environment=where(server), **more)


async def within(server: Server, work: Callable[[], Any]) -> Any:
    """Blocking code, beside a server that lives in this process."""
    async with asyncio.timeout(30):
        return await asyncio.to_thread(work)


@pytest.fixture
def theirs(server: Server) -> Iterator[Any]:
    """The module `resend`, set up as its README does it."""
    before = resend.api_key, resend.api_url, resend.default_async_http_client
    resend.api_key, resend.api_url = server.key("agent"), server.url
    yield resend
    resend.api_key, resend.api_url, resend.default_async_http_client = before


# --- AgentMail ----------------------------------------------------------------------------------------------------------


async def test_agentmail_usage_an_inbox_without_a_word_of_what_it_shall_be(server: Server) -> None:
    def work() -> tuple[Any, Any]:
        client = agentmail(server)
        return client.inboxes.create(), client.inboxes.create()

    one, other = await within(server, work)
    assert ["agents.test"] * 2 == [inbox.email.partition("@")[2] for inbox in (one, other)]
    assert one.email != other.email


async def test_agentmail_async_client(server: Server) -> None:
    client = AsyncAgentMail(api_key=server.key("operator"), environment=where(server))
    inbox = await client.inboxes.create()
    sent = await client.inboxes.messages.send(server.mailbox_id, to="success@simulator.test", subject="Tea?", text="When?")
    found = await client.inboxes.messages.get(server.mailbox_id, sent.message_id)
    assert (True, "Tea?") == (inbox.email.endswith("@agents.test"), found.subject)
    threads = await client.inboxes.threads.list(server.mailbox_id)
    assert [sent.thread_id] == [one.thread_id for one in threads.threads]
    assert inbox.inbox_id in [one.inbox_id for one in (await client.inboxes.list()).inboxes]


@pytest.mark.parametrize(
    ("wanted", "status", "code"),
    [
        ({"username": "ada", "domain": "agents.test"}, 409, "already_exists"),
        ({"username": "ada", "domain": "strangers.test"}, 400, "validation_error"),
        ({"username": "no body"}, 400, "validation_error"),
    ],
)
async def test_agentmail_exception_handling(server: Server, wanted: Any, status: int, code: str) -> None:
    def work() -> None:
        with pytest.raises(ApiError) as wrong:
            agentmail(server).inboxes.create(request=wanted)
        body = wrong.value.body
        told = body["code"] if isinstance(body, dict) else body.code  # type: ignore[union-attr]
        assert (status, code) == (wrong.value.status_code, told)

    await within(server, work)


async def test_agentmail_raw_responses_retries_timeouts_and_a_client_of_ones_own(server: Server) -> None:
    def work() -> None:
        client = agentmail(server, timeout=20.0, httpx_client=httpx.Client(transport=httpx.HTTPTransport()))
        made = client.inboxes.with_raw_response.create(request_options={"max_retries": 1, "timeout_in_seconds": 20})
        assert made.headers["x-request-id"].startswith("req_")
        assert (200, made.data.inbox_id) == (made.status_code, client.inboxes.get(made.data.inbox_id).inbox_id)

    await within(server, work)


async def test_agentmail_reads_page_by_page_whole_messages_and_their_files(server: Server) -> None:
    def work() -> None:
        client, box = agentmail(server, "agent"), server.mailbox_id
        for number in range(3):
            client.inboxes.messages.send(
                box, to="success@simulator.test", subject=f"Tea {number}", text="?", attachments=[FILE]
            )
        subjects: list[str | None] = []
        token = None
        while True:
            page = client.inboxes.messages.list(box, limit=2, page_token=token)
            subjects += [one.subject for one in page.messages]
            token = page.next_page_token
            if token is None:
                break
        assert ["Tea 2", "Tea 1", "Tea 0"] == subjects
        message = client.inboxes.messages.get(box, page.messages[0].message_id)
        (file,) = message.attachments or []
        where = client.inboxes.messages.get_attachment(box, message.message_id, file.attachment_id)
        key = {"Authorization": f"Bearer {server.key('agent')}"}
        assert ("tea.txt", b"hello") == (where.filename, httpx.get(where.download_url, headers=key).content)
        assert 401 == httpx.get(where.download_url).status_code
        raw = client.inboxes.messages.get_raw(box, message.message_id)
        octets = httpx.get(raw.download_url, headers=key).content
        assert (raw.size, "Tea 0") == (len(octets), message_from_bytes(octets)["subject"])
        with pytest.raises(ApiError) as gone:
            client.inboxes.messages.get_attachment(box, message.message_id, "att_99")
        assert 404 == gone.value.status_code

    await within(server, work)


# --- Resend -------------------------------------------------------------------------------------------------------------


def email(**more: Any) -> Any:
    return {
        "from": "ada@agents.test",
        "to": ["success@simulator.test"],
        "subject": "hi",
        "html": "<strong>hello, world!</strong>",
    } | more


async def test_resend_example(server: Server, theirs: Any) -> None:
    tags = [{"name": "tag1", "value": "tagvalue1"}, {"name": "tag2", "value": "tagvalue2"}]
    copies = {"reply_to": "ada@agents.test", "bcc": "success+b@simulator.test", "cc": ["success+c@simulator.test"]}

    def work() -> Any:
        return theirs.Emails.get(theirs.Emails.send(email(tags=tags, **copies))["id"])

    found = await within(server, work)
    assert ["tag1:tagvalue1", "tag2:tagvalue2"] == sorted(one for one in found["labels"] if one.startswith("tag"))
    assert ["success+c@simulator.test"] == found["cc"]
    assert "hello, world!" in found["html"]


async def test_resend_async_support_with_its_own_client_and_a_custom_one(server: Server, theirs: Any) -> None:
    first = await theirs.Emails.send_async(email())
    theirs.default_async_http_client = theirs.HTTPXClient(timeout=60)
    second = await theirs.Emails.send_async(email(subject="again"))
    assert "again" == (await theirs.Emails.get_async(second["id"]))["subject"]
    assert {first["id"], second["id"]} == {one["id"] for one in (await theirs.Emails.list_async())["data"]}


async def test_resend_reads_page_by_page(server: Server, theirs: Any) -> None:
    def work() -> None:
        for number in range(3):
            theirs.Emails.send(email(subject=f"hi {number}"))
        page = theirs.Emails.list({"limit": 2})
        assert page["has_more"]
        rest = theirs.Emails.list({"limit": 2, "after": page["next_cursor"]})
        assert (["hi 0"], False) == ([one["subject"] for one in rest["data"]], rest["has_more"])
        with pytest.raises(theirs.exceptions.ValidationError, match="after"):
            theirs.Emails.list({"after": page["data"][-1]["id"]})

    await within(server, work)


async def test_resend_reads_the_files_of_what_came_in(server: Server, theirs: Any) -> None:
    def send() -> Any:
        return agentmail(server, "operator").inboxes.messages.send(
            server.mailbox_id, to="ada@agents.test", subject="To myself", text="?", attachments=[FILE]
        )

    await within(server, send)

    def read() -> None:
        with Mailwright(server.url, server.key("agent")) as mw:
            found = eventually(lambda: mw.messages.list(direction="inbound").page().items, 20)
        (file,) = theirs.Emails.Receiving.Attachments.list(found[0].message_id)["data"]
        same = theirs.Emails.Receiving.Attachments.get(found[0].message_id, file["id"])
        key = {"Authorization": f"Bearer {server.key('agent')}"}
        assert ("tea.txt", b"hello") == (same["filename"], httpx.get(same["download_url"], headers=key).content)

    await within(server, read)


async def test_resend_raises_its_own_exceptions(server: Server, theirs: Any) -> None:
    def work() -> None:
        for key, kind in (("re_yourkey", "InvalidApiKeyError"), (server.key("agent"), "ValidationError")):
            theirs.api_key = key
            with pytest.raises(getattr(theirs.exceptions, kind)) as wrong:
                theirs.Emails.send(email(to=["nobody"]))
            assert wrong.value.message

    await within(server, work)
