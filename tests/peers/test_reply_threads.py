"""Answers written by swaks find their conversation, and nothing else does."""

from __future__ import annotations

import ours
import pytest
from live.rest import Json
from programs import swaks
from room import DOMAIN, THEIR_DOMAIN

pytestmark = [pytest.mark.peers("swaks"), pytest.mark.slow]

CAROL = f"carol@{THEIR_DOMAIN}"
COUNT = iter(range(1000))


@pytest.fixture(scope="module")
def us() -> ours.Ours:
    return ours.begin()


@pytest.fixture
def sent(us: ours.Ours) -> Json:
    """A message of ada's to carol, with a subject of its own."""
    number = next(COUNT)
    sent = us.api.send(us.ada, CAROL, subject=f"Tea number {number}?")
    return {**sent, **us.api.get(f"/v1/messages/{sent['message_id']}")}


def answer(us: ours.Ours, sender: str = CAROL, **headers: str) -> Json:
    """What came of a message that swaks delivered to ada."""
    message_id = f"<answer.{next(COUNT)}@{THEIR_DOMAIN}>"
    swaks(f"ada@{DOMAIN}", sender, **{"Message-Id": message_id, "From": sender, **headers})
    page = us.api.get("/v1/messages", mailbox_id=us.ada["id"], direction="inbound", limit=5)["items"]
    return next(one for one in page if one["rfc_message_id"] == message_id)


def test_an_answer_with_in_reply_to_alone_joins(us: ours.Ours, sent: Json) -> None:
    came = answer(us, Subject=f"Re: {sent['subject']}", In_Reply_To=sent["rfc_message_id"])
    assert sent["thread_id"] == came["thread_id"]


def test_an_answer_with_references_alone_joins(us: ours.Ours, sent: Json) -> None:
    came = answer(us, Subject=f"Re: {sent['subject']}", References=f"<elsewhere@{THEIR_DOMAIN}> {sent['rfc_message_id']}")
    assert sent["thread_id"] == came["thread_id"]


def test_an_answer_to_the_answer_joins(us: ours.Ours, sent: Json) -> None:
    first = answer(us, Subject=f"Re: {sent['subject']}", In_Reply_To=sent["rfc_message_id"])
    second = answer(us, Subject=f"AW: Re: {sent['subject']}", In_Reply_To=first["rfc_message_id"])
    assert sent["thread_id"] == second["thread_id"]
    thread = us.api.get(f"/v1/threads/{sent['thread_id']}")
    assert ["outbound", "inbound", "inbound"] == [one["direction"] for one in thread["messages"]]


def test_s26_who_only_claims_to_be_the_same_writer_does_not_join_under_another_subject(us: ours.Ours, sent: Json) -> None:
    came = answer(us, Subject="Coffee instead", In_Reply_To=sent["rfc_message_id"])
    assert sent["thread_id"] != came["thread_id"]


@pytest.mark.parametrize("sender", [CAROL, "eve@stranger.example"], ids=["the same writer", "another writer"])
def test_a_subject_alone_does_not_join(us: ours.Ours, sent: Json, sender: str) -> None:
    came = answer(us, sender, Subject=f"Re: {sent['subject']}")
    assert sent["thread_id"] != came["thread_id"]


def test_s26_a_stranger_with_a_subject_of_his_own_does_not_join_by_a_reference(us: ours.Ours, sent: Json) -> None:
    came = answer(us, "eve@stranger.example", Subject="Your invoice", In_Reply_To=sent["rfc_message_id"])
    assert sent["thread_id"] != came["thread_id"]


def test_s26_a_reference_to_another_mailbox_does_not_join(us: ours.Ours, sent: Json) -> None:
    grace = us.api.mailbox(f"grace{next(COUNT)}@{DOMAIN}")
    headers = {"Subject": f"Re: {sent['subject']}", "In-Reply-To": sent["rfc_message_id"], "From": CAROL}
    swaks(grace["address"], CAROL, **headers)
    came = us.api.arrived(grace)
    assert sent["thread_id"] != came["thread_id"]
    assert grace["id"] == us.api.get(f"/v1/threads/{came['thread_id']}")["mailbox_id"]
