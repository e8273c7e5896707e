"""Programs that are told: signed as Standard Webhooks says, each from its own place in the log, skipping nothing (I7)."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook as Standard
from standardwebhooks.webhooks import WebhookVerificationError

from mailwright.core import webhooks
from mailwright.core.errors import InvalidInput, NotFound
from mailwright.core.model import Active
from mailwright.core.ports import NotPosted, Settings
from mailwright.core.webhooks import NewWebhook, WebhookChange
from mailwright.testing import Internet

MINUTE, HOUR = 60_000, 3_600_000
URL = "https://hooks.example/1"


def create(internet, wanted: NewWebhook, caller=None):
    by = caller or internet.home.operator
    return internet.write(lambda tx: webhooks.create(tx, internet.ports, by, wanted))


def change(internet, webhook_id: str, caller=None, **wanted):
    by = caller or internet.home.operator
    return internet.write(lambda tx: webhooks.change(tx, internet.ports, by, webhook_id, WebhookChange(**wanted)))


def happen(internet, *names: str) -> None:
    """Something happens for each name: a mailbox of it is created."""
    for name in names:
        internet.agent(name)


def told(hook) -> list[str]:
    return [call.event["data"]["address"].partition("@")[0] for call in hook.calls]


def statuses(hook) -> list[str]:
    return [row.status for row in reversed(hook.deliveries)]


# --- making them --------------------------------------------------------------------------------------------------------


def test_a_new_webhook_is_told_of_what_happens_from_now_on(internet):
    happen(internet, "early")
    hook = internet.webhook(URL, "mailbox.created")
    internet.run()
    assert [] == hook.calls
    happen(internet, "ada")
    internet.run()
    assert ["ada"] == told(hook)
    assert ["webhook.created"] == [entry.action for entry in internet.audit(subject=hook.id)]


def test_a_webhook_that_names_no_types_is_told_of_everything(internet):
    hook = internet.webhook()
    internet.agent("ada")
    internet.person("bob@there.example").write("ada@agents.example", "x")
    internet.run()
    assert ["mailbox.created", "message.received"] == hook.types


def test_a_webhook_of_a_mailbox_is_told_of_that_mailbox_alone(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    hook = internet.webhook()
    internet.write(lambda tx: webhooks.remove(tx, internet.ports, internet.home.operator, hook.id))
    hook.id = create(internet, NewWebhook(URL, (), ada.mailbox_id)).id
    for agent in (ada, eve):
        agent.pause()
    internet.run()
    assert [ada.mailbox_id] == [call.event["mailbox_id"] for call in hook.calls]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "http://hooks.example/",
        "ftp://hooks.example/",
        "https://",
        "https:///path",
        "https://user@hooks.example/",
        "https://user:password@hooks.example/",
        "https://:password@hooks.example/",
        "https://hooks.example/#part",
        "https://hooks.example:0/",
        "https://hooks.example:9000/",
        "https://hooks.example:99999/",
        "https://hooks.example:x/",
        "https://hooks.example/a b",
        "https://hooks.example/\r\nX: y",
        "https://[::1/",
        "https://hooks.example/" + "x" * 2000,
    ],
)
def test_what_is_no_address_for_a_webhook_is_refused(internet, url):
    with pytest.raises(InvalidInput, match="url"):
        create(internet, NewWebhook(url))
    hook = internet.webhook()
    with pytest.raises(InvalidInput, match="url"):
        change(internet, hook.id, url=url)


def test_plain_http_is_for_local_use():
    with Internet(settings=Settings(allow_private_hosts=True)) as internet:
        assert Active.ACTIVE is create(internet, NewWebhook("http://127.0.0.1:8000/")).status


@pytest.mark.parametrize("url", ["https://hooks.example:443/", "https://hooks.example:8443/"])
def test_the_ports_that_are_open_may_be_named(internet, url):
    assert Active.ACTIVE is create(internet, NewWebhook(url)).status


def test_types_that_there_are_not_are_refused(internet):
    with pytest.raises(InvalidInput, match=r"events\[1\]"):
        create(internet, NewWebhook(URL, ("message.received", "message.eaten")))
    assert ("message.received",) == create(internet, NewWebhook(URL, ("message.received", "message.received"))).events


def test_the_same_client_id_gives_the_same_webhook(internet):
    first = create(internet, NewWebhook(URL, client_id="c1"))
    assert first == create(internet, NewWebhook("https://other.example/", client_id="c1"))


def test_S26_webhooks_are_their_tenants(internet):
    rival = internet.tenant("rival.example")
    hook = internet.webhook()
    happen(internet, "ada")
    internet.run()
    ports, by = internet.ports, rival.operator
    (delivery,) = hook.deliveries
    refused = [
        lambda tx: webhooks.load(tx, by, hook.id),
        lambda tx: webhooks.change(tx, ports, by, hook.id, WebhookChange(enabled=False)),
        lambda tx: webhooks.remove(tx, ports, by, hook.id),
        lambda tx: webhooks.rotate_secret(tx, ports, by, hook.id),
        lambda tx: webhooks.test(tx, ports, by, hook.id),
        lambda tx: webhooks.redeliver(tx, ports, by, hook.id, delivery.id),
        lambda tx: webhooks.create(tx, ports, by, NewWebhook(URL, (), internet_mailbox)),
    ]
    internet_mailbox = internet.agent("ada").mailbox_id
    for script in refused:
        with pytest.raises(NotFound):
            internet.write(script)
    with pytest.raises(NotFound):
        internet.do(webhooks.deliveries(ports, by, hook.id, None, 10))
    assert [] == internet.do(webhooks.page(ports, by, None, 10))
    rival.agent("rex")
    internet.run()
    assert 1 == len(hook.calls)


def test_webhooks_are_listed_page_by_page(internet):
    made = [create(internet, NewWebhook(URL)) for _ in range(3)]
    operator = internet.home.operator
    first = internet.do(webhooks.page(internet.ports, operator, None, 2))
    assert (made[:2], made[2:]) == (first, internet.do(webhooks.page(internet.ports, operator, first[-1].id, 2)))


# --- signatures ---------------------------------------------------------------------------------------------------------


def test_s28_the_signature_is_the_one_of_the_standards_own_library(internet):
    hook = internet.webhook()
    happen(internet, "ada")
    internet.run()
    (call,) = hook.calls
    expected = Standard(hook.webhook.secret).sign(
        call.headers["webhook-id"], datetime.fromtimestamp(call.at // 1000, UTC), call.body.decode()
    )
    assert expected == call.headers["webhook-signature"]
    assert (str(call.at // 1000), call.event["id"], "application/json") == tuple(
        call.headers[name] for name in ("webhook-timestamp", "webhook-id", "content-type")
    )


def verifies(secret: str, call) -> bool:
    standard = Standard(secret)
    # The library reads the clock of the machine; the box has its own.
    standard._Webhook__verify_timestamp = lambda stamp: datetime.fromtimestamp(int(stamp), UTC)  # type: ignore[attr-defined]
    try:
        standard.verify(call.body, call.headers)
    except WebhookVerificationError:
        return False
    return True


def test_s28_another_secret_or_a_changed_body_does_not_verify(internet):
    hook, other = internet.webhook(), internet.webhook("https://hooks.example/2")
    happen(internet, "ada")
    internet.run()
    call = hook.calls[0]
    assert (True, False) == (verifies(hook.webhook.secret, call), verifies(other.webhook.secret, call))
    object.__setattr__(call, "body", call.body + b" ")
    assert not verifies(hook.webhook.secret, call)


def test_s28_a_secret_that_was_replaced_signs_beside_the_new_one_for_a_day(internet):
    hook = internet.webhook()
    old = hook.webhook.secret
    operator = internet.home.operator
    new = internet.write(lambda tx: webhooks.rotate_secret(tx, internet.ports, operator, hook.id)).secret
    assert new == hook.webhook.secret != old
    internet.clock.advance(24 * HOUR - 1)
    happen(internet, "ada")
    internet.run()
    internet.clock.advance(1)
    happen(internet, "eve")
    internet.run()
    during, after = hook.calls
    assert (2, 1) == tuple(len(call.headers["webhook-signature"].split()) for call in (during, after))
    assert (True, True) == (verifies(old, during), verifies(new, during))
    assert (False, True) == (verifies(old, after), verifies(new, after))
    assert "webhook.secret_rotated" in [entry.action for entry in internet.audit(subject=hook.id)]


# --- answers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (200, "succeeded"),
        (204, "succeeded"),
        (299, "succeeded"),
        (199, "pending"),
        (300, "pending"),
        (404, "pending"),
        (500, "pending"),
    ],
)
def test_any_2xx_is_an_answer_and_nothing_else(internet, answer, status):
    hook = internet.webhook(answer=answer)
    happen(internet, "ada")
    internet.run()
    (row,) = hook.deliveries
    assert (status, answer, 1) == (row.status, row.response_status, row.attempts)


def test_what_could_not_be_posted_says_why(internet):
    hook = internet.webhook(answer=lambda call: NotPosted("tls", "the certificate has expired"))
    happen(internet, "ada")
    internet.run()
    (row,) = hook.deliveries
    assert ("pending", None, "tls: the certificate has expired") == (row.status, row.response_status, row.error)


def test_what_is_not_answered_is_tried_eight_times_over_a_day(internet):
    hook = internet.webhook(answer=500)
    happen(internet, "ada")
    start = internet.clock.now()
    internet.pass_time(days=3)
    gaps = [(later.at - call.at) / MINUTE for call, later in zip(hook.calls, hook.calls[1:], strict=False)]
    assert (start, 8, 1) == (hook.calls[0].at, len(hook.calls), len({call.headers["webhook-id"] for call in hook.calls}))
    for expected, gap in zip((1, 5, 15, 60, 240, 480, 960), gaps, strict=True):
        assert 0.8 * expected <= gap <= 1.2 * expected
    assert ["failed"] == statuses(hook)


def test_a_try_that_is_answered_ends_the_tries(internet):
    answers = iter([500, 500, 200])
    hook = internet.webhook(answer=lambda call: next(answers))
    happen(internet, "ada")
    internet.pass_time(days=3)
    assert (3, ["succeeded"], Active.ACTIVE) == (len(hook.calls), statuses(hook), hook.webhook.status)


def test_a_webhook_that_answers_nothing_for_too_long_is_disabled_and_the_others_are_told(internet):
    url = "https://hooks.example/1?token=a-secret"
    hook, other = internet.webhook(url, answer=500), internet.webhook("https://hooks.example/2", "webhook.disabled")
    happen(internet, "ada")
    internet.pass_time(days=3)
    assert Active.DISABLED is hook.webhook.status
    (call,) = other.calls
    assert {"webhook_id": hook.id} == call.event["data"]
    assert "a-secret" not in str(internet.events())
    assert "webhook.disabled" == internet.audit(subject=hook.id)[-1].action


def test_one_event_that_an_end_point_chokes_on_does_not_disable_it(internet):
    hook = internet.webhook(
        "https://hooks.example/1", "mailbox.created", answer=lambda call: 500 if "ada" in str(call.body) else 200
    )
    happen(internet, "ada")
    for n in range(6):
        internet.pass_time(hours=6)
        happen(internet, f"a{n}")
    internet.pass_time(days=3)
    assert (Active.ACTIVE, ["failed"] + ["succeeded"] * 6) == (hook.webhook.status, statuses(hook))
    assert [] == internet.events("webhook.disabled")


def test_since_when_a_webhook_fails_is_noted_until_it_answers(internet):
    answers = iter([500, 500, 200])
    hook = internet.webhook(answer=lambda call: next(answers))
    happen(internet, "ada")
    start = internet.clock.now()
    internet.run()
    assert start == hook.webhook.failing_since
    internet.pass_time(minutes=2)
    assert start == hook.webhook.failing_since
    internet.pass_time(minutes=10)
    assert None is hook.webhook.failing_since


def test_a_disabled_webhook_that_is_enabled_again_goes_on_where_it_stopped(internet):
    hook = internet.webhook("https://hooks.example/1", "mailbox.created", answer=500)
    happen(internet, "ada")
    internet.pass_time(hours=20)
    happen(internet, "eve")
    internet.pass_time(days=3)
    happen(internet, "ida")
    internet.pass_time(days=1)
    calls = len(hook.calls)
    hook.answer = 200
    enabled = change(internet, hook.id, enabled=True)
    assert (Active.ACTIVE, None) == (enabled.status, enabled.failing_since)
    internet.pass_time(minutes=6)
    assert ["eve", "ida"] == sorted(told(hook)[calls:])
    assert ["failed", "succeeded", "succeeded"] == statuses(hook)


def test_a_paused_webhook_loses_nothing(internet):
    hook = internet.webhook("https://hooks.example/1", "mailbox.created", answer=500)
    happen(internet, "ada")
    internet.run()
    paused = change(internet, hook.id, enabled=False)
    assert (Active.PAUSED, internet.clock.now()) == (paused.status, paused.failing_since)
    happen(internet, "eve")
    internet.pass_time(days=4)
    assert 1 == len(hook.calls)
    hook.answer = 200
    change(internet, hook.id, enabled=True)
    internet.run()  # at once
    assert ["ada", "ada", "eve"] == sorted(told(hook))
    assert [("succeeded", 2), ("succeeded", 1)] == [(row.status, row.attempts) for row in reversed(hook.deliveries)]


def test_what_a_removed_webhook_was_to_be_told_is_closed(internet):
    hook = internet.webhook(answer=500)
    happen(internet, "ada")
    internet.run()
    (row,) = hook.deliveries
    internet.write(lambda tx: webhooks.remove(tx, internet.ports, internet.home.operator, hook.id))
    internet.pass_time(days=3)
    assert 1 == len(hook.calls)
    closed = internet.read(lambda tx: tx.webhooks.delivery(internet.home.id, row.id))
    assert ("failed", "the webhook was removed") == (closed.status, closed.error)


def test_a_webhook_that_is_removed_while_it_is_called_is_not_missed(internet):
    operator, ports = internet.home.operator, internet.ports
    hook = internet.webhook()
    happen(internet, "ada")
    internet.do(webhooks.fan_out(ports))
    (telling,) = internet.do(webhooks.claim(ports, 10))
    internet.write(lambda tx: webhooks.remove(tx, ports, operator, hook.id))
    hook.answer = 500
    internet.do(webhooks.tell(ports, telling, b"{}", 0.5))
    assert (1, []) == (len(hook.calls), internet.events("webhook.disabled"))


def test_an_answer_that_comes_after_its_lease_counts_for_nothing(internet):
    hook = internet.webhook()
    happen(internet, "ada")
    internet.do(webhooks.fan_out(internet.ports))
    (late,) = internet.do(webhooks.claim(internet.ports, 10))
    internet.clock.advance(webhooks.LEASE)
    internet.run()
    hook.answer = 500
    internet.do(webhooks.tell(internet.ports, late, b"{}", 0.5))
    assert (["succeeded"], None, 2) == (statuses(hook), hook.webhook.failing_since, len(hook.calls))


def test_another_url_is_called_from_now_on(internet):
    hook, other = internet.webhook(answer=500), internet.webhook("https://hooks.example/2")
    happen(internet, "ada")
    internet.run()
    calls = len(other.calls)
    changed = change(internet, hook.id, url="https://hooks.example/2", events=("mailbox.paused",))
    assert ("https://hooks.example/2", ("mailbox.paused",)) == (changed.url, changed.events)
    internet.pass_time(minutes=2)
    assert (1, calls + 1) == (len(hook.calls), len(other.calls))


# --- the log ------------------------------------------------------------------------------------------------------------


def test_I7_however_events_come_and_answers_fall_every_webhook_is_told_of_each_event_in_order(internet):
    chance = random.Random(3)
    every = internet.webhook("https://hooks.example/1")
    some = internet.webhook("https://hooks.example/2", "mailbox.created")
    broken = internet.webhook("https://hooks.example/3", answer=lambda call: chance.choice((200, 500)))
    for n in range(40):
        happen(internet, f"a{n}")
        if n % 3 == 0:
            internet.agent(f"a{n}").pause()
        if chance.random() < 0.4:
            internet.run()
    internet.pass_time(days=2)
    log = [event.id for event in internet.events()[1:]]
    assert log == [call.event["id"] for call in every.calls]
    created = [event.id for event in internet.events("mailbox.created")]
    assert created == [call.event["id"] for call in some.calls]
    first_tries = list(dict.fromkeys(call.event["id"] for call in broken.calls))
    assert log == first_tries
    answered = [row for row in broken.deliveries if row.status == "succeeded"]
    assert len(answered) >= len(broken.deliveries) - 1


def test_I7_more_events_than_one_look_takes_are_all_told(internet, monkeypatch):
    monkeypatch.setattr(webhooks, "BATCH", 5)
    hook = internet.webhook()
    happen(internet, *(f"a{n}" for n in range(13)))
    assert [5, 5, 3, 0] == [internet.do(webhooks.fan_out(internet.ports)) for _ in range(4)]
    internet.run()
    assert [f"a{n}" for n in range(13)] == told(hook)


def test_I7_a_webhook_that_was_changed_by_somebody_else_meanwhile_is_looked_at_anew(internet):
    """The one that fell behind is read again in the transaction that moves its cursor."""
    ports = internet.ports
    hook = internet.webhook()
    happen(internet, "ada")
    (stale,) = internet.read(lambda tx: tx.webhooks.behind(10))
    internet.do(webhooks.fan_out(ports))
    assert 0 == internet.write(lambda tx: webhooks._advance(tx, ports, stale))
    change(internet, hook.id, enabled=False)
    happen(internet, "eve")
    assert 0 == internet.write(lambda tx: webhooks._advance(tx, ports, stale))
    assert 1 == len(hook.deliveries)


def test_a_webhook_that_hangs_has_few_deliveries_in_hand(internet):
    hook = internet.webhook("https://hooks.example/1", "mailbox.created")
    happen(internet, *(f"a{n}" for n in range(30)))
    internet.do(webhooks.fan_out(internet.ports))
    first = internet.do(webhooks.claim(internet.ports, 200))
    assert webhooks.IN_HAND == len(first)
    assert [] == internet.do(webhooks.claim(internet.ports, 200))
    internet.clock.advance(webhooks.LEASE)
    internet.run()
    tries = Counter(row.attempts for row in hook.deliveries)
    assert {2: webhooks.IN_HAND, 1: 30 - webhooks.IN_HAND} == tries


# --- again, and to try --------------------------------------------------------------------------------------------------


def test_an_event_can_be_told_again_under_the_same_id(internet):
    hook = internet.webhook()
    happen(internet, "ada")
    internet.run()
    (row,) = hook.deliveries
    operator = internet.home.operator
    again = internet.write(lambda tx: webhooks.redeliver(tx, internet.ports, operator, hook.id, row.id))
    internet.run()
    first, second = hook.calls
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert [again.id, row.id] == [one.id for one in hook.deliveries]
    told = internet.audit(subject=hook.id)[-1]
    assert ("webhook.redelivered", {"event_id": row.event_id}) == (told.action, told.data)


def test_what_is_no_delivery_of_a_webhook_is_not_told_again(internet):
    hook, other = internet.webhook(), internet.webhook("https://hooks.example/2")
    happen(internet, "ada")
    internet.run()
    operator = internet.home.operator
    for delivery_id in ("whd_x", other.deliveries[0].id):
        with pytest.raises(NotFound):
            internet.write(lambda tx, id=delivery_id: webhooks.redeliver(tx, internet.ports, operator, hook.id, id))


def test_a_test_event_is_told_to_the_webhook_that_is_tested_and_to_no_other(internet):
    hook = internet.webhook(URL, "message.received")
    other = internet.webhook("https://hooks.example/2")
    operator = internet.home.operator
    internet.write(lambda tx: webhooks.test(tx, internet.ports, operator, hook.id))
    assert "webhook.tested" == internet.audit(subject=hook.id)[-1].action
    internet.run()
    assert (["webhook.test"], []) == (hook.types, other.types)
    assert {"webhook_id": hook.id} == hook.calls[0].event["data"]
