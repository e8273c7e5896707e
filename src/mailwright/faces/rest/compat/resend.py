"""Resend's API, as its Python SDK 2 calls it: emails are our messages, a From address names the mailbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mailwright.contract.errors import status_of
from mailwright.core.errors import InvalidInput, Refusal
from mailwright.faces.rest.compat.foreign import Foreign, Json, attachment, attachments, download, renamed, same

_EMAIL = same("from", "to", "cc", "bcc", "subject", "text", "html", "headers", "reply_to", "attachments")
_FILE = same("filename", "content", "content_type", "content_id") | {"inline_content_id": "content_id"}
_EVENTS = {"email.delivery_delayed": "message.deferred", "email.failed": "message.bounced", "email.scheduled": "message.queued"}


def refused(refusal: Refusal, request_id: str, keyed: bool) -> tuple[int, Json]:
    """Their SDK knows a handful of names; every other refusal keeps our code."""
    status, name = status_of(refusal), refusal.code
    if status == 401:
        status, name = (403, "invalid_api_key") if keyed else (401, "missing_api_key")
    elif status == 429:
        name = "rate_limit_exceeded"
    elif status == 500:
        name = "application_error"
    fix = {"fix": refusal.fix, "details": refusal.details, "request_id": request_id}
    return status, {"statusCode": status, "name": name, "message": refusal.message, **fix}


# --- into ours ------------------------------------------------------------------------------------------------------------


def _email_wanted(values: tuple[str, ...], given: Json) -> Json:
    found = renamed(given, _EMAIL | {"scheduled_at": "send_at", "tags": "labels"})
    if "attachments" in found:
        files = found["attachments"]
        for one in files if isinstance(files, list) else ():
            if isinstance(one, dict) and isinstance(one.get("content"), list):
                one["content"] = _bytes(one["content"])
        found["attachments"] = attachments(files, _FILE)
    if isinstance(found.get("labels"), list):
        found["labels"] = [f"{one['name']}:{one['value']}" if _is_tag(one) else one for one in found["labels"]]
    return found


def _bytes(numbers: list[Any]) -> bytes:
    try:
        return bytes(numbers)
    except (TypeError, ValueError):
        raise InvalidInput.at("attachments", "content is base64, or a list of bytes") from None


def _is_tag(one: Any) -> bool:
    return isinstance(one, dict) and {"name", "value"} <= set(one)


def _page(values: tuple[str, ...], given: Json) -> Json:
    return renamed(given, same("limit", "after"))


def _outbound(values: tuple[str, ...], given: Json) -> Json:
    return {"direction": "outbound", **_page(values, given)}


def _inbound(values: tuple[str, ...], given: Json) -> Json:
    return {"direction": "inbound", **_page(values, given)}


def _domain_wanted(values: tuple[str, ...], given: Json) -> Json:
    return renamed(given, same("name"), ("region",))


def _webhook_wanted(values: tuple[str, ...], given: Json) -> Json:
    found = renamed(given, {"endpoint": "url", "events": "events"})
    if isinstance(found.get("events"), list):
        found["events"] = [_event(one) for one in found["events"]]
    return found


def _event(name: Any) -> Any:
    return _EVENTS.get(name, name.replace("email.", "message.", 1)) if isinstance(name, str) else name


def _id(name: str) -> Callable[[tuple[str, ...], Json], Json]:
    return lambda values, given: {name: values[0], **renamed(given, {}, ("html_format",))}


# --- and out --------------------------------------------------------------------------------------------------------------


def _sent(told: Any, values: tuple[str, ...]) -> Json:
    return {"id": told["message_id"], "object": "email", "status": told["status"], "approval_id": told.get("approval_id")}


def _email(told: Any, values: tuple[str, ...] = ()) -> Json:
    found = {**told, "object": "email", "id": told["message_id"], "message_id": told["rfc_message_id"]}
    files = [
        {**one, "id": one["attachment_id"], "content_disposition": one["disposition"]} for one in told.get("attachments", ())
    ]
    return found | {"last_event": told["status"], "attachments": files}


def _file(one: Json, message_id: str) -> Json:
    about = {"object": "attachment", "id": one["attachment_id"], "content_disposition": one["disposition"]}
    return {**one, **about, **download(message_id, one["attachment_id"])}


def _attachment(told: Any, values: tuple[str, ...]) -> Json:
    return _file(attachment(told, values[1]), values[0])


def _attachments(told: Any, values: tuple[str, ...]) -> Json:
    return {"object": "list", "has_more": False, "data": [_file(one, values[0]) for one in told["attachments"]]}


def _domain(told: Any, values: tuple[str, ...] = ()) -> Json:
    status = {"aligned": "verified", "misaligned": "failed"}.get(told["status"], "pending")
    records = [
        {"record": one["purpose"].upper(), "ttl": "Auto", "status": status, **one} for one in told.get("dns_records", ())
    ]
    found = {"object": "domain", "id": told["id"], "name": told["domain"], "status": status, "region": "self-hosted"}
    return found | {"created_at": told["created_at"], "records": records}


def _verified(told: Any, values: tuple[str, ...]) -> Json:
    return {"object": "domain", "id": values[0]}


def _webhook(told: Any, values: tuple[str, ...] = ()) -> Json:
    status = "enabled" if told.get("status") == "active" else "disabled"
    found = {"object": "webhook", "id": told["id"], "endpoint": told["url"], "events": told["events"], "status": status}
    return found | {"created_at": told["created_at"], "signing_secret": told.get("secret")}


def _list(show: Callable[[Any], Json]) -> Callable[[Any, tuple[str, ...]], Json]:
    def listed(told: Any, values: tuple[str, ...]) -> Json:
        more = told["next_cursor"]
        return {
            "object": "list",
            "data": [show(one) for one in told["items"]],
            "has_more": more is not None,
            "next_cursor": more,
        }

    return listed


def _gone(kind: str) -> Callable[[Any, tuple[str, ...]], Json]:
    return lambda told, values: {"object": kind, "id": values[0], "deleted": True}


_FILES = "/emails/receiving/{email_id}/attachments"
ROUTES: tuple[Foreign, ...] = (
    Foreign("POST", "/emails", "email.send", _email_wanted, _sent, refused),
    Foreign("GET", "/emails", "messages.list", _outbound, _list(_email), refused),
    Foreign("GET", "/emails/{email_id}", "messages.get", _id("message_id"), _email, refused),
    Foreign("POST", "/emails/{email_id}/cancel", "messages.cancel", _id("message_id"), _sent, refused),
    Foreign("GET", "/emails/receiving", "messages.list", _inbound, _list(_email), refused),
    Foreign("GET", "/emails/receiving/{email_id}", "messages.get", _id("message_id"), _email, refused),
    Foreign("GET", f"{_FILES}/{{id}}", "messages.get", _id("message_id"), _attachment, refused),
    Foreign("GET", _FILES, "messages.get", _id("message_id"), _attachments, refused),
    Foreign("POST", "/domains", "domains.add", _domain_wanted, _domain, refused),
    Foreign("GET", "/domains", "domains.list", _page, _list(_domain), refused),
    Foreign("GET", "/domains/{domain_id}", "domains.get", _id("domain_id"), _domain, refused),
    Foreign("POST", "/domains/{domain_id}/verify", "domains.verify", _id("domain_id"), _verified, refused),
    Foreign("DELETE", "/domains/{domain_id}", "domains.remove", _id("domain_id"), _gone("domain"), refused),
    Foreign("POST", "/webhooks", "webhooks.create", _webhook_wanted, _webhook, refused),
    Foreign("GET", "/webhooks", "webhooks.list", _page, _list(_webhook), refused),
    Foreign("GET", "/webhooks/{webhook_id}", "webhooks.get", _id("webhook_id"), _webhook, refused),
    Foreign("DELETE", "/webhooks/{webhook_id}", "webhooks.remove", _id("webhook_id"), _gone("webhook"), refused),
)
