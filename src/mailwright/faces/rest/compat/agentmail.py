"""AgentMail's API (`/v0`), as its Python SDK 2.0 calls it: inboxes are our mailboxes, known by our ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from mailwright.contract.errors import status_of
from mailwright.core import messages
from mailwright.core.errors import InvalidInput, NotFound, Refusal
from mailwright.core.model import Caller
from mailwright.core.ports import Ports
from mailwright.faces.rest.compat.foreign import Foreign, Json, attachment, attachments, download, renamed, same

_PAGE = {"limit": "limit", "page_token": "after"}
_NO_MEANING = ("include_spam", "include_blocked", "include_unauthenticated", "include_trash")
_WRITING = same("to", "cc", "bcc", "reply_to", "subject", "text", "html", "labels", "headers", "attachments")
_FILE = same("filename", "content", "content_type", "content_id")


def refused(refusal: Refusal, request_id: str, keyed: bool) -> tuple[int, Json]:
    """What is wrong with fields is a 400 there, with `errors`."""
    status, code = status_of(refusal), refusal.code
    body: Json = {"name": "".join(word.title() for word in code.split("_")) + "Error", "code": code, "fix": refusal.fix}
    body |= {"message": refusal.message, "request_id": request_id}
    if code == "idempotency_key_reuse":
        return 409, body
    return (400, body | {"name": "ValidationError", "errors": refusal.details or []}) if status == 422 else (status, body)


async def _in_inbox(ports: Ports, caller: Caller, values: tuple[str, ...]) -> None:
    """A message of another inbox is as good as none, whether it is read, answered or labelled."""
    inbox_id, message_id = values[:2]
    if (await messages.get(ports, caller, message_id)).mailbox_id != inbox_id:
        raise NotFound(f"There is no message {message_id}.")


# --- into ours ------------------------------------------------------------------------------------------------------------


def _inbox_wanted(values: tuple[str, ...], given: Json) -> Json:
    return renamed(given, same("username", "domain", "display_name", "client_id"))


def _page(values: tuple[str, ...], given: Json) -> Json:
    return renamed(given, _PAGE, ("ascending",) if given.get("ascending") == "false" else ())


def _inbox_page(values: tuple[str, ...], given: Json) -> Json:
    names = _PAGE | {"labels": "label", "after": "since", "before": "until"}
    found = {"mailbox_id": values[0], **renamed(given, names, _NO_MEANING)}
    return found | ({"label": _one_label(found["label"])} if "label" in found else {})


def _one_label(text: str) -> str:
    # The SDK writes a list in the query as JSON.
    if not text.startswith("["):
        return text
    try:
        (label,) = msgspec.json.decode(text, type=list[str])
    except (ValueError, RecursionError):
        raise InvalidInput.at("labels", "one label at a time is looked for here") from None
    return str(label)


def _threads_in(values: tuple[str, ...], given: Json) -> Json:
    return ({"mailbox_id": values[0]} if values else {}) | renamed(given, _PAGE, _NO_MEANING)


def _written(given: Json) -> Json:
    found = renamed(given, _WRITING, ("track_opens", "reply_all") if not given.get("reply_all") else ("track_opens",))
    if "attachments" in found:
        found["attachments"] = attachments(found["attachments"], _FILE, ("content_disposition",))
    return found


def _send(values: tuple[str, ...], given: Json) -> Json:
    return {"mailbox_id": values[0], **_written(given)}


def _answer(values: tuple[str, ...], given: Json) -> Json:
    return {"message_id": values[1], **_written(given)}


def _labels(values: tuple[str, ...], given: Json) -> Json:
    found = renamed(given, same("add_labels", "remove_labels"))
    return {"message_id": values[1]} | {name: [one] if isinstance(one, str) else one for name, one in found.items()}


def _webhook_wanted(values: tuple[str, ...], given: Json) -> Json:
    found = renamed(given, same("url", "client_id") | {"event_types": "events", "inbox_ids": "mailbox_id"})
    inboxes = found.pop("mailbox_id", None)
    if inboxes and (not isinstance(inboxes, list) or len(inboxes) > 1):
        raise InvalidInput.at("inbox_ids", "a list of one: a webhook is for one inbox or for all of them here")
    return found | ({"mailbox_id": inboxes[0]} if inboxes else {})


def _id(name: str, place: int = 0) -> Callable[[tuple[str, ...], Json], Json]:
    return lambda values, given: {name: values[place], **renamed(given, {}, _NO_MEANING)}


# --- and out --------------------------------------------------------------------------------------------------------------


def _inbox(told: Any, values: tuple[str, ...] = ()) -> Json:
    found = {"pod_id": "", "inbox_id": told["id"], "email": told["address"], "display_name": told["display_name"]}
    found |= {"client_id": told["client_id"], "created_at": told["created_at"], "updated_at": told["created_at"]}
    return found | ({} if told["status"] == "active" else {"status": "paused"})


def _message(told: Any, values: tuple[str, ...] = ()) -> Json:
    found = {**told, "inbox_id": told["mailbox_id"], "updated_at": told["created_at"]}
    files = [{**one, "content_disposition": one["disposition"]} for one in told.get("attachments", ())]
    return found | ({"attachments": files} if files else {})


def _raw(told: Any, values: tuple[str, ...]) -> Json:
    one = _message(told, values)
    return {"message_id": one["message_id"], "size": one["size"]} | download(one["message_id"])


def _attachment(told: Any, values: tuple[str, ...]) -> Json:
    return attachment(_message(told, values), values[2]) | download(values[1], values[2])


def _thread(told: Any, values: tuple[str, ...] = ()) -> Json:
    if len(values) > 1 and told["mailbox_id"] != values[0]:
        raise NotFound(f"There is no thread {values[1]}.")
    last = told["last_message_at"]
    found = {**told, "thread_id": told["id"], "inbox_id": told["mailbox_id"], "timestamp": last, "updated_at": last}
    found |= {"senders": told["participants"], "recipients": told["participants"]}
    if "messages" in told:
        messages = [_message(one) for one in told["messages"]]
        found |= {"messages": messages, "count": len(messages), "size": sum(one["size"] for one in messages)}
        found["last_message_id"] = messages[-1]["message_id"] if messages else ""
    return found


def _sent(told: Any, values: tuple[str, ...]) -> Json:
    return dict(told)


def _labelled(told: Any, values: tuple[str, ...]) -> Json:
    return {"message_id": told["message_id"], "labels": told["labels"]}


def _webhook(told: Any, values: tuple[str, ...] = ()) -> Json:
    at = told["created_at"]
    found = {"webhook_id": told["id"], "url": told["url"], "event_types": told["events"], "client_id": told.get("client_id")}
    found |= {"secret": told.get("secret", ""), "enabled": told.get("status") == "active", "created_at": at, "updated_at": at}
    return found | ({"inbox_ids": [told["mailbox_id"]]} if told.get("mailbox_id") else {})


def _list(name: str, show: Callable[[Any], Json]) -> Callable[[Any, tuple[str, ...]], Json]:
    def listed(told: Any, values: tuple[str, ...]) -> Json:
        items = [show(one) for one in told["items"]]
        more = {"next_page_token": told["next_cursor"]} if told["next_cursor"] else {}
        return {"count": len(items), name: items} | more

    return listed


def _gone(told: Any, values: tuple[str, ...]) -> None:
    return None


_ONE = "/v0/inboxes/{inbox_id}"
_MAIL = f"{_ONE}/messages"
_LETTER = f"{_MAIL}/{{message_id}}"


def _on_letter(
    method: str,
    beyond: str,
    name: str,
    into: Callable[[tuple[str, ...], Json], Json],
    out: Callable[[Any, tuple[str, ...]], Json],
) -> Foreign:
    return Foreign(method, _LETTER + beyond, name, into, out, refused, look=_in_inbox)


ROUTES: tuple[Foreign, ...] = (
    Foreign("POST", "/v0/inboxes", "mailboxes.create", _inbox_wanted, _inbox, refused),
    Foreign("GET", "/v0/inboxes", "mailboxes.list", _page, _list("inboxes", _inbox), refused),
    Foreign("GET", _ONE, "mailboxes.get", _id("mailbox_id"), _inbox, refused),
    Foreign("DELETE", _ONE, "mailboxes.remove", _id("mailbox_id"), _gone, refused),
    Foreign("POST", f"{_MAIL}/send", "messages.send", _send, _sent, refused),
    Foreign("GET", _MAIL, "messages.list", _inbox_page, _list("messages", _message), refused),
    _on_letter("GET", "", "messages.get", _id("message_id", 1), _message),
    _on_letter("GET", "/raw", "messages.get", _id("message_id", 1), _raw),
    _on_letter("GET", "/attachments/{id}", "messages.get", _id("message_id", 1), _attachment),
    _on_letter("PATCH", "", "messages.label", _labels, _labelled),
    _on_letter("POST", "/reply", "messages.reply", _answer, _sent),
    _on_letter("POST", "/reply-all", "messages.reply_all", _answer, _sent),
    _on_letter("POST", "/forward", "messages.forward", _answer, _sent),
    Foreign("GET", f"{_ONE}/threads", "threads.list", _threads_in, _list("threads", _thread), refused),
    Foreign("GET", f"{_ONE}/threads/{{thread_id}}", "threads.get", _id("thread_id", 1), _thread, refused),
    Foreign("GET", "/v0/threads", "threads.list", _threads_in, _list("threads", _thread), refused),
    Foreign("GET", "/v0/threads/{thread_id}", "threads.get", _id("thread_id"), _thread, refused),
    Foreign("POST", "/v0/webhooks", "webhooks.create", _webhook_wanted, _webhook, refused),
    Foreign("GET", "/v0/webhooks", "webhooks.list", _page, _list("webhooks", _webhook), refused),
    Foreign("GET", "/v0/webhooks/{webhook_id}", "webhooks.get", _id("webhook_id"), _webhook, refused),
    Foreign("DELETE", "/v0/webhooks/{webhook_id}", "webhooks.remove", _id("webhook_id"), _gone, refused),
)
