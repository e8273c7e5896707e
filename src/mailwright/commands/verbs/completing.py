"""Ids for the shell to complete: asked of the server, within a second, and never with a word about what goes wrong."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import typer

from mailwright.client.calling import Answer, Call
from mailwright.commands.verbs.calling import Server
from mailwright.commands.verbs.profiles import connection

PATIENCE = 1.0
LISTS = {  # the list, the field that is typed, the field that explains it
    "domain_id": ("/v1/domains", "domain", "status"),
    "mailbox_id": ("/v1/mailboxes", "address", "oversight_mode"),
    "agent_id": ("/v1/agents", "name", "status"),
    "message_id": ("/v1/messages", "message_id", "subject"),
    "thread_id": ("/v1/threads", "id", "subject"),
    "approval_id": ("/v1/approvals", "id", "status"),
    "webhook_id": ("/v1/webhooks", "id", "url"),
    "key_id": ("/v1/api-keys", "id", "name"),
    "suppression_id": ("/v1/suppressions", "id", "address"),
}


def ids(field: str, begun: str, typed: dict[str, Any]) -> list[tuple[str, str]]:
    """What may stand there, with a word about each."""
    if field not in LISTS:
        return []
    path, name, about = LISTS[field]
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            to = connection(typed.get("our_url"), typed.get("our_key"), typed.get("our_profile"))
            with Server(to, PATIENCE) as server:
                answer = server.ask(Call("GET", path, {"limit": 100}))
                items = server.read(answer)["items"] if isinstance(answer, Answer) else []
        except (typer.Exit, KeyError):
            return []
    found = ((str(one[name]), "".join(c for c in str(one[about]) if c.isprintable())) for one in items)
    return [(value, text) for value, text in found if value.startswith(begun)]
