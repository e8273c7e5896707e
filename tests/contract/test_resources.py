"""What callers are told of core's values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.contract.resources.domains import RecordCheck, verdicts
from mailwright.contract.resources.messages import find_attachment, recipient
from mailwright.contract.resources.sent import sent_email
from mailwright.contract.resources.webhooks import webhook_delivery
from mailwright.core.inspection import Found
from mailwright.core.model import (
    Alignment,
    Delivery,
    Direction,
    Domain,
    Message,
    MessageStatus,
    WebhookDelivery,
)
from mailwright.core.records import Purpose
from mailwright.core.sending import Submitted

DOMAIN = Domain("dom_1", "ten_1", "example.com", Alignment.ALIGNED, (), "none", 0)
MESSAGE = Message(
    id="msg_1", tenant_id="ten_1", mailbox_id="mbx_1", thread_id="thr_1", direction=Direction.OUTBOUND,
    status=MessageStatus.QUEUED, blob_id="blb_1", size=1, rfc_message_id="<a@b>", subject="", preview="", header_from="",
    from_address="", reply_to=(), to=(), cc=(), bcc=(), labels=(), mail_from="", uid=1, modseq=1, date=0, created_at=0,
)  # fmt: skip


def check(purpose: Purpose, status: Found) -> RecordCheck:
    return RecordCheck(type="TXT", name="x", purpose=purpose, status=status, expected="", observed=(), why="", required=True)


@pytest.mark.parametrize(
    ("found", "worst"),
    [
        ([Found.VALID], Found.VALID),
        ([Found.VALID, Found.UNKNOWN], Found.UNKNOWN),
        ([Found.UNKNOWN, Found.MISSING, Found.VALID], Found.MISSING),
        ([Found.MISSING, Found.INVALID], Found.INVALID),
        ([], Found.MISSING),
    ],
)
def test_several_records_of_a_kind_are_as_good_as_the_worst(found, worst):
    assert worst == verdicts([check(Purpose.DKIM, one) for one in found]).dkim


def test_alignment_needs_the_return_path_and_the_keys():
    good = [check(purpose, Found.VALID) for purpose in Purpose]
    assert Found.VALID == verdicts(good).alignment
    for needed in (Purpose.DKIM, Purpose.RETURN_PATH_SPF):
        assert Found.INVALID == verdicts([*good, check(needed, Found.INVALID)]).alignment
    assert Found.VALID == verdicts([*good, check(Purpose.MX, Found.MISSING)]).alignment


@pytest.mark.parametrize(
    ("status", "found", "marks"),
    [
        (Alignment.ALIGNED, {"spf": "valid", "dkim": "valid"}, ("pass", "pass", "pass")),
        (Alignment.MISALIGNED, {"spf": "invalid", "dkim": "missing"}, ("fail", "fail", "fail")),
        (Alignment.PENDING, {"spf": "unknown"}, ("pending", "pending", "pending")),
        (Alignment.PENDING, None, ("pending", "pending", "pending")),
    ],
)
def test_what_receivers_will_find_follows_from_the_last_look_at_the_records(status, found, marks):
    checks = None if found is None else {"records": [{"purpose": p, "status": s} for p, s in found.items()]}
    told = sent_email(Submitted(MESSAGE, None, ()), replace(DOMAIN, status=status, checks=checks)).authentication
    assert (*marks, False) == (told.spf, told.dkim, told.dmarc, told.identity_signed)


@pytest.mark.parametrize(
    ("status", "again"),
    [
        (MessageStatus.DEFERRED, "1970-01-01T00:00:05.000Z"),
        (MessageStatus.QUEUED, "1970-01-01T00:00:05.000Z"),
        (MessageStatus.DELIVERED, None),
        (MessageStatus.BOUNCED, None),
        (MessageStatus.UNKNOWN, None),
    ],
)
def test_a_recipient_is_tried_again_only_while_it_is_undecided(status, again):
    row = Delivery("dlv_1", "ten_1", "mbx_1", "msg_1", "a@b", "b", status, 5000, 9000, 0)
    assert again == recipient(row).next_attempt_at


@pytest.mark.parametrize(("status", "again"), [("pending", "1970-01-01T00:00:05.000Z"), ("succeeded", None), ("failed", None)])
def test_a_webhook_is_told_again_only_while_it_is_undecided(status, again):
    assert again == webhook_delivery(WebhookDelivery("whd_1", "ten_1", "whk_1", 1, "evt_1", status, 5000, 0)).next_attempt_at


@pytest.mark.parametrize(
    ("attachment_id", "found"),
    [
        ("att_1", "a"),
        ("att_2", "b"),
        ("att_0", None),
        ("att_3", None),
        ("1", None),
        ("att_", None),
        ("att_-1", None),
        ("att_٢", "b"),
    ],
)
def test_a_file_is_named_by_its_place(attachment_id, found):
    assert found == find_attachment(["a", "b"], attachment_id)
