"""The return path of each delivery: an address that only we can have made, so that only our own bounces count.

VERP with an HMAC token (`b+<delivery>.<mac>@bounce.<domain>`): a bounce names its delivery by where it is sent to, and a forged
one can suppress nobody (DS-3).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode

PREFIX = "b+"
_PROOF = re.compile(r"(b\+[0-9a-z]+\.)[a-z2-7]{16}(?=@)", re.IGNORECASE)


def _mac(secret: bytes, delivery_id: str) -> str:
    digest = hmac.digest(secret, b"return-path\0" + delivery_id.encode(), hashlib.sha256)
    return b32encode(digest[:10]).decode().lower()


def local_part(secret: bytes, delivery_id: str) -> str:
    """The local part for a delivery; at most 64 octets, all lower case (some hosts fold case)."""
    return f"{PREFIX}{delivery_id.partition('_')[2]}.{_mac(secret, delivery_id)}"


def hidden(line: str) -> str:
    """A line of a transcript with what proves it taken out of each such address: who reads it could have a bounce made up."""
    return _PROOF.sub(r"\1...", line)


def read(secret: bytes, local: str) -> str | None:
    """The id of the delivery that the local part was made for; None where we did not make it."""
    local = local.lower()
    token, dot, mac = local.removeprefix(PREFIX).rpartition(".")
    if not local.startswith(PREFIX) or not dot or not token.isalnum():
        return None
    delivery_id = f"dlv_{token}"
    return delivery_id if hmac.compare_digest(_mac(secret, delivery_id).encode(), mac.encode("utf-8", "replace")) else None
