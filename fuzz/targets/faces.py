"""What callers and operators write (requests in three dialects, tool calls, settings, backups), and what our client reads."""

from __future__ import annotations

import hashlib
import hmac
import random
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from mailwright.client.calling import Call
from mailwright.client.errors import Garbled
from mailwright.client.following import Following
from mailwright.client.retrying import Patience
from mailwright.client.signatures import InvalidWebhook, Webhook
from mailwright.config import ConfigError, load
from mailwright.contract.operations import OPERATIONS
from mailwright.core.errors import Refusal
from mailwright.core.model import Caller, Role
from mailwright.core.return_path import local_part, read
from mailwright.faces.mcp import calling
from mailwright.faces.rest.asking import bearer, claim, read_head
from mailwright.faces.rest.compat import agentmail, resend
from mailwright.faces.rest.inputs import intake, read_input
from mailwright.keeping.manifest import BadManifest, parse

from .mailauth import text

INTAKES = [intake(one) for one in OPERATIONS]
FOREIGN = (*agentmail.ROUTES, *resend.ROUTES)
AGENT = Caller("ten_1", "key_1", Role.AGENT, frozenset(), "mbx_1")
SEND = b'{"to":["a@b.test"],"subject":"x","attachments":[{"filename":"f","content":"eA=="}],"send_at":"2026-01-01T00:00:00Z"}'
SETTINGS = (
    b'[server]\ndata = "x"\n[smtp]\nlisten = ["0.0.0.0:25"]\nmax_size = 5\n\0MAILWRIGHT_API__LISTEN=a:1,b:2\nMAILWRIGHT_X=1'
)
MANIFEST = b'{"format":1,"version":"1","made_at":1,"database":{"size":1,"pieces":["' + b"a" * 64 + b'"]},"blobs":{},"files":{}}'
SETTINGS_FILE = Path(tempfile.mkdtemp()) / "mailwright.toml"
SECRET = "whsec_" + "eHh4" * 8


def _refused(feed: Callable[[bytes], object], *refusals: type[Exception]) -> Callable[[bytes], None]:
    """A target that may say no, in its own way."""

    def fed(octets: bytes) -> None:
        try:
            feed(octets)
        except refusals:
            pass

    return fed


def _input(octets: bytes) -> None:
    """Operation, path, query and body of a request."""
    which, _, rest = octets.partition(b"\0")
    how = INTAKES[sum(which) % len(INTAKES)]
    path, _, rest = rest.partition(b"\0")
    query, _, body = rest.partition(b"\0")
    values = (*path.decode("latin-1").split("/"), *[""] * len(how.path_fields))[: len(how.path_fields)]
    read_input(how, {"query_string": query}, values, {b"content-type": b"application/json"}, body or query)


def _head(octets: bytes) -> None:
    """Header fields, the key among them and what an Idempotency-Key claims."""
    fields = [(name.lower().strip(), value) for name, _, value in (line.partition(b":") for line in octets.split(b"\n"))]
    scope: dict[str, Any] = {"headers": fields, "method": "POST", "path": "/v1/domains"}
    head = read_head(scope)
    claim(head, scope, octets, "x")
    bearer(head)


def _foreign(octets: bytes) -> None:
    """A request in AgentMail's or Resend's words."""
    which, _, rest = octets.partition(b"\0")
    route = FOREIGN[sum(which) % len(FOREIGN)]
    route.read(("a@b.test",) * route.path.count("{"), rest, rest)


def _tool(octets: bytes) -> None:
    """The arguments of a tool call."""
    which, _, rest = octets.partition(b"\0")
    try:
        arguments = msgspec.json.decode(rest)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return
    if isinstance(arguments, dict):
        calling._input(AGENT, OPERATIONS[sum(which) % len(OPERATIONS)], arguments)


def _settings(octets: bytes) -> None:
    """A configuration file, and the environment over it."""
    file, _, environment = octets.partition(b"\0")
    SETTINGS_FILE.write_bytes(file)
    lines = (line.partition("=") for line in text(environment).splitlines())
    load(SETTINGS_FILE, {name: value for name, _, value in lines})


def _manifest(octets: bytes) -> None:
    """What says of itself that it is a backup."""
    parse(f"2026-01-01T00-00-00.000Z-{hashlib.sha256(octets).hexdigest()[:16]}.json", octets)


def _stream(octets: bytes) -> None:
    """A server's stream, whole and in pieces."""
    following = Following(Call("GET", "/v1/events/stream"), Patience(), random.random)
    whole = list(following.frames(octets))
    following.request()
    pieces = [frame for at in range(0, len(octets), 5) for frame in following.frames(octets[at : at + 5])]
    assert whole == pieces
    for frame in whole:
        frame.event()


def _webhook(octets: bytes) -> None:
    """What is posted to a program."""
    head, _, body = octets.partition(b"\0")
    genuine = b64encode(hmac.digest(b64decode(SECRET[6:]), b"x.1." + body, "sha256")).decode()
    signature = text(head) or f"v1,{genuine}"
    Webhook(SECRET).verify({"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": signature}, body, now=1)


def _return_path(octets: bytes) -> None:
    assert read(b"secret", local_part(b"secret", "dlv_x1")) == "dlv_x1"
    assert read(b"secret", text(octets)) in (None, "dlv_x1")


TARGETS = {
    "api-input": (
        _refused(_input, Refusal),
        (b"\x08\0mbx_1\0\0" + SEND, b"\x1f\0\0limit=5&after=x&since=2026-01-01T00:00:00Z"),
    ),
    "api-head": (_refused(_head, Refusal), (b"authorization:Bearer mw_live_x\nidempotency-key:x\nlast-event-id:5",)),
    "api-foreign": (_refused(_foreign, Refusal), tuple(bytes([which]) + b"\0" + SEND for which in range(0, len(FOREIGN), 3))),
    "mcp-input": (_refused(_tool, Refusal), (b"\x10\0" + SEND, b'\x02\0{"limit":"5","after":null}')),
    "config": (_refused(_settings, ConfigError), (SETTINGS,)),
    "backup-manifest": (_refused(_manifest, BadManifest), (MANIFEST,)),
    "client-stream": (
        _refused(_stream, Garbled),
        (b'id: 5\nevent: message.received\ndata: {"id":"evt_1"}\n\n: x\r\n\r\ndata: a\ndata: b\n\n',),
    ),
    "client-webhook": (_refused(_webhook, InvalidWebhook), (b'v1,eHh4 v1a,x\0{"id":"evt_1"}', b'\0{"id":"evt_1","data":{}}')),
    "return-path": (_return_path, (local_part(b"secret", "dlv_x1").encode(), b"b+x.y")),
}
