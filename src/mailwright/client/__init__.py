"""The Python client: every operation of a Mailwright server, typed; blocking (`Mailwright`) or not (`AsyncMailwright`).

    mw = Mailwright("https://mail.example.com", key)
    mw.messages.send(mailbox_id, to="bob@there.example", subject="Tea?", text="At four?")

Promises: a request that failed on the way is tried again without acting twice; streams go on where they broke; lists page by
themselves. It needs httpx2 and msgspec, and imports nothing of the server. `shapes/`, `blocking/` and `awaiting/` are
written by `scripts/client.py` from the table of operations. docs/client.md has examples.
"""

from mailwright.client.calling import Content
from mailwright.client.clients import AsyncMailwright, Mailwright
from mailwright.client.errors import (
    Conflict,
    Forbidden,
    Garbled,
    Invalid,
    MailwrightError,
    NotConfigured,
    NotFound,
    RateLimited,
    Refused,
    ServerFailed,
    TimedOut,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from mailwright.client.pages import AsyncPages, Pages
from mailwright.client.retrying import Patience
from mailwright.client.shapes.events import Event
from mailwright.client.shapes.page import Page
from mailwright.client.shapes.sending import AttachmentIn
from mailwright.client.signatures import InvalidWebhook, Webhook

__all__ = [
    "AsyncMailwright",
    "AsyncPages",
    "AttachmentIn",
    "Conflict",
    "Content",
    "Event",
    "Forbidden",
    "Garbled",
    "Invalid",
    "InvalidWebhook",
    "Mailwright",
    "MailwrightError",
    "NotConfigured",
    "NotFound",
    "Page",
    "Pages",
    "Patience",
    "RateLimited",
    "Refused",
    "ServerFailed",
    "TimedOut",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
    "Webhook",
]
