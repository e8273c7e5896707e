"""Notices of delivery in JSON, as services for sending mail post them: bounces, complaints, deliveries.

The form is that of Amazon SES, which others took over. Never raises; bounded.
"""

from __future__ import annotations

import json
from typing import Any

from mailwright.mail.bounces.explain import explain
from mailwright.mail.bounces.model import Action, Bounced, Class, Explanation, Kind, Reading
from mailwright.mail.dsn import parse_status
from mailwright.mail.json_text import whole_characters
from mailwright.mail.mime import Part, body_text

MAX_NOTICE = 64 * 1024
MAX_RECIPIENTS = 100

_LISTS = (
    ("bounce", "bouncedRecipients", Kind.BOUNCE),
    ("complaint", "complainedRecipients", Kind.COMPLAINT),
    ("delivery", "recipients", Kind.REPORT),
)


def parse_notice(root: Part) -> Reading | None:
    """The notice that a message's text is, or None."""
    if root.type not in ("text", "application"):
        return None
    text = body_text(root, MAX_NOTICE).lstrip()
    if not text.startswith("{") or ("otificationType" not in text[:MAX_NOTICE] and "eventType" not in text[:MAX_NOTICE]):
        return None
    try:
        found = json.JSONDecoder().raw_decode(whole_characters(text))[0]
        if isinstance(found, dict) and isinstance(found.get("Message"), str):
            found = json.loads(whole_characters(found["Message"]))
    except (ValueError, RecursionError):
        return None
    for name, listed, kind in _LISTS:
        about = found.get(name) if isinstance(found, dict) else None
        if isinstance(about, dict) and isinstance(about.get(listed), list):
            items = [one if isinstance(one, dict) else {"emailAddress": one} for one in about[listed][:MAX_RECIPIENTS]]
            recipients = tuple(_bounced(one, kind, about) for one in items if isinstance(one.get("emailAddress"), str))
            return Reading(kind, recipients)
    return None


def _bounced(one: dict[str, Any], kind: Kind, about: dict[str, Any]) -> Bounced:
    said = one.get("diagnosticCode") if kind is Kind.BOUNCE else about.get("smtpResponse")
    said = said.removeprefix("smtp;").strip() if isinstance(said, str) else ""
    status = parse_status(one["status"]) if isinstance(one.get("status"), str) else None
    if kind is Kind.BOUNCE:
        explanation = explain(said, status, [one["emailAddress"].rpartition("@")[2]])
    else:
        action = Action.SUPPRESS if kind is Kind.COMPLAINT else Action.NONE
        explanation = Explanation(Class.NOT_A_BOUNCE, action, f"a {kind} notice", "")
    return Bounced(one["emailAddress"], str(status or ""), said, explanation)
