"""Webhooks: what our server signs is believed, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from mailwright.client import Event, InvalidWebhook, Webhook
from mailwright.core import model
from mailwright.core.webhooks import headers

OLD, NEW = "whsec_" + "b2xk" * 8, "whsec_" + "bmV3" * 8
BODY = msgspec.json.encode(
    Event(
        id="evt_1",
        type="message.sent",
        created_at="",
        cursor="c",
        tenant_id="t",
        mailbox_id=None,
        data={"subject": "Tee für 4"},
    )
)


def signed(now: float, body: bytes = BODY, **more: Any) -> dict[str, str]:
    at = int(now * 1000)
    whole = {"secret": NEW, "previous_secret": OLD, "previous_until": at + 1000} | more
    hook = model.Webhook(
        "whk_1", "ten_1", "https://there.example/", (), model.Active.ACTIVE, whole.pop("secret"), 0, at, **whole
    )
    return dict(headers(hook, "evt_1", body, at))


@pytest.mark.parametrize("secrets", [(OLD,), (NEW,), (OLD, NEW)])
def test_while_secrets_rotate_either_will_do(secrets: tuple[str, ...]) -> None:
    event = Webhook(*secrets).verify(signed(time.time()), BODY)
    assert ("evt_1", "Tee für 4") == (event.id, event.data["subject"])


def test_names_of_header_fields_may_be_written_in_any_case() -> None:
    told = {name.title(): value for name, value in signed(time.time()).items()}
    assert "evt_1" == Webhook(NEW).verify(told, BODY.decode()).id


@pytest.mark.parametrize(("late", "believed"), [(0, True), (299, True), (301, False), (-299, True), (-301, False)])
def test_s28_five_minutes_are_tolerated(late: int, believed: bool) -> None:
    now = 1_800_000_000
    verify = lambda: Webhook(NEW).verify(signed(now), BODY, now=now + late)  # noqa: E731
    if believed:
        assert "evt_1" == verify().id
    else:
        with pytest.raises(InvalidWebhook):
            verify()


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "evt_2"},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "soon"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1a,AAAA é"},
    ],
)
def test_s28_whatever_was_changed_is_not_believed(change: dict[str, str]) -> None:
    with pytest.raises(InvalidWebhook):
        Webhook(NEW).verify(signed(time.time()) | change, BODY)


def test_neither_another_body_nor_another_secret_nor_a_missing_field_is_believed() -> None:
    told = signed(time.time(), previous_secret=None, previous_until=None)
    for given, body, secret in ((told, BODY + b" ", NEW), (told, BODY, OLD), ({}, BODY, NEW)):
        with pytest.raises(InvalidWebhook):
            Webhook(secret).verify(given, body)


@pytest.mark.parametrize("secrets", [(), ("whsec_*",)])
def test_a_secret_that_is_none_is_told_at_once(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="secret"):
        Webhook(*secrets)


@pytest.mark.parametrize("body", [b'{"id":"\xe1"}', b'{"data":' + b'{"a":' * 5000 + b"1" + b"}" * 5001, b"[]"])
def test_what_is_signed_and_is_no_event_is_refused_in_words(body: bytes) -> None:
    now = time.time()
    with pytest.raises(InvalidWebhook, match="no event"):
        Webhook(NEW).verify(signed(now, body), body)
