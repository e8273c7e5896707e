"""What became of a message that was handed in, as told to callers."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from mailwright.contract.scalars import Time, doc, rfc3339
from mailwright.core import model
from mailwright.core.identity import signing_key
from mailwright.core.inspection import Found
from mailwright.core.model import MessageStatus
from mailwright.core.sending import Submitted


class Sent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a message: it waits for delivery, for its time, or for a person. Fields that say nothing are left out."""

    message_id: Annotated[str, doc("The message's id.", example="msg_5qm3tk8v0w1x2y3z4a5b")]
    thread_id: Annotated[str, doc("The conversation it belongs to.", example="thr_5qm3tk8v0w1x2y3z4a5b")]
    status: Annotated[MessageStatus, doc("`queued`, `scheduled` or `held`.", example="queued")]
    approval_id: Annotated[str | None, doc("Held: the question that a person is asked.")] = None
    expires_at: Annotated[Time | None, doc("Held: when silence becomes a no.")] = None
    reason: Annotated[str | None, doc("Held: why a person is asked.")] = None
    suppressed: Annotated[tuple[str, ...], doc("Recipients left out, since they are on the suppression list.")] = ()


Mark = Literal["pass", "fail", "pending"]


class SendAuthentication(Struct, frozen=True, kw_only=True):
    """What receivers will find, judged by the domain's records as they were last looked at."""

    spf: Annotated[Mark, doc("Whether SPF passes.")]
    dkim: Annotated[Mark, doc("Whether the DKIM keys are published.")]
    dmarc: Annotated[Mark, doc("Whether the domain is aligned, so that DMARC passes.")]
    identity_signed: Annotated[bool, doc("Whether the message carries a signed Agent-Identity field.")]


class SentEmail(Sent, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a message, with what its receivers will find."""

    authentication: Annotated[SendAuthentication, doc("What receivers will find.")]


def sent(row: Submitted) -> Sent:
    """What became of it, as told."""
    approval = row.approval
    return Sent(
        message_id=row.message.id,
        thread_id=row.message.thread_id,
        status=row.message.status,
        approval_id=approval.id if approval else None,
        expires_at=rfc3339(approval.expires_at) if approval else None,
        reason="; ".join(approval.reasons) if approval else None,
        suppressed=row.suppressed,
    )


def sent_email(row: Submitted, domain: model.Domain) -> SentEmail:
    """What became of it, with what receivers will find."""
    told = sent(row)
    found = {one["purpose"]: Found(one["status"]) for one in reversed((domain.checks or {}).get("records", ()))}
    aligned = {model.Alignment.ALIGNED: "pass", model.Alignment.MISALIGNED: "fail"}.get(domain.status, "pending")
    signed = signing_key(domain) is not None
    authentication = SendAuthentication(
        spf=_mark(found.get("spf")), dkim=_mark(found.get("dkim")), dmarc=_narrow(aligned), identity_signed=signed
    )
    return SentEmail(**{name: getattr(told, name) for name in Sent.__struct_fields__}, authentication=authentication)


def _mark(found: Found | None) -> Mark:
    if found is Found.VALID:
        return "pass"
    return "pending" if found in (None, Found.UNKNOWN) else "fail"


def _narrow(text: str) -> Mark:
    return "pass" if text == "pass" else "fail" if text == "fail" else "pending"
