"""Is this webhook from our server, is it fresh, and what does it say?

Standards: Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, secrets `whsec_<base64>`, several signatures in one
header field while a secret is being rotated.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from hashlib import sha256
from time import time

import msgspec

from mailwright.client.errors import MailwrightError
from mailwright.client.shapes.events import Event

TOLERANCE = 300.0  # seconds


class InvalidWebhook(MailwrightError):
    """Don't believe it: answer 400 and forget it."""

    code = "invalid_webhook"


class Webhook:
    """Checks what is posted to you, with the webhook's secret; give the old and the new one while you change over."""

    def __init__(self, *secrets: str, tolerance: float = TOLERANCE) -> None:
        if not secrets:
            raise ValueError("a webhook is verified with at least one secret")
        self._keys = [_key(one) for one in secrets]
        self._tolerance = tolerance

    def verify(self, headers: Mapping[str, str], body: bytes | str, *, now: float | None = None) -> Event:
        """The event, if it is genuine; raises InvalidWebhook. `body` is exactly what came in, not JSON written anew."""
        fields = {name.lower(): value for name, value in headers.items()}
        try:
            event_id, sent, signed = (fields[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        except KeyError as missing:
            raise InvalidWebhook(f"the header field {missing.args[0]} is missing") from None
        if not sent.isascii() or not sent.isdecimal() or len(sent) > 12:
            raise InvalidWebhook("webhook-timestamp is no time")
        raw = body.encode() if isinstance(body, str) else body
        self._check_signature(signed, b".".join((event_id.encode(), sent.encode(), raw)))
        # A genuine one that is told again, much later, is an attack too.
        if abs((time() if now is None else now) - int(sent)) > self._tolerance:
            raise InvalidWebhook(f"it was sent more than {self._tolerance:.0f} seconds ago, or the clocks differ")
        try:
            return msgspec.json.decode(raw, type=Event)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as wrong:
            raise InvalidWebhook(f"it is genuine, but no event that this client knows: {wrong}") from None

    def _check_signature(self, told: str, content: bytes) -> None:
        given = [one[3:].encode("utf-8", "replace") for one in told.split(" ") if one.startswith("v1,")]
        right = [b64encode(hmac.digest(key, content, sha256)) for key in self._keys]
        if not any(hmac.compare_digest(one, other) for one in given for other in right):
            raise InvalidWebhook("no signature fits: is the secret the right one, and the body as it came in?")


def _key(secret: str) -> bytes:
    try:
        return b64decode(secret.removeprefix("whsec_"), validate=True)
    except NotBase64:
        raise ValueError("that is no webhook secret: they look like whsec_...") from None
