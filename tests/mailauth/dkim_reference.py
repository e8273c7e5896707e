"""DKIM in the plainest way: whole bodies, regular expressions, any tags. What the tests compare the real thing with."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256

from mailwright.mailauth.dkim.keys import SigningKey, generate_ed25519, generate_rsa

NOW = 1_795_000_000
RSA = generate_rsa("example.com", "r1")
ED = generate_ed25519("example.com", "e1")

MESSAGE = """\
Received: from client.example.com by mx.example.net; Fri, 20 Nov 2026 10:00:00 +0000
From: Ada <ada@example.com>
To: Bob <bob@example.net>
Subject: Tea  at
 four?
Date: Fri, 20 Nov 2026 10:00:00 +0000
Message-ID: <1@example.com>

Dear  Bob,
\t
come at four. \t
.
 Ada


""".replace("\n", "\r\n").encode()


def canonical_body(body: bytes, form: str) -> bytes:
    """RFC 6376 §3.4.3 and §3.4.4, sentence by sentence."""
    if form == "relaxed":
        lines = [re.sub(rb"[ \t]+", b" ", re.sub(rb"[ \t]+\Z", b"", line)) for line in body.split(b"\r\n")]
        body = b"\r\n".join(lines)
    body = re.sub(rb"(\r\n)*\Z", b"", body)
    return body + b"\r\n" if body or form == "simple" else b""


def canonical_field(raw: bytes, form: str) -> bytes:
    """RFC 6376 §3.4.1 and §3.4.2, sentence by sentence."""
    if form == "simple":
        return raw
    name, _, value = raw.partition(b":")
    value = re.sub(rb"\r\n(?=[ \t])", b"", value).removesuffix(b"\r\n")
    return name.strip(b" \t").lower() + b":" + re.sub(rb"[ \t]+", b" ", value).strip(b" ") + b"\r\n"


def fields_of(message: bytes) -> list[bytes]:
    """The raw fields of a well-formed message."""
    block = message.partition(b"\r\n\r\n")[0] + b"\r\n"
    return re.findall(rb"[^:\r\n]+:.*?\r\n(?![ \t])", block, re.DOTALL)


def forge(message: bytes, key: SigningKey, tags: Mapping[str, str | None] | None = None, own: str = "") -> bytes:
    """The message with a signature before it whose tags may be anything: a value replaces one, None leaves it out.

    The signature is right for what the tags say, as far as that has a meaning. `own` is added behind the tags.
    """
    changed = tags or {}
    form = changed.get("c", "relaxed/relaxed") or "simple"
    header_form, _, body_form = form.partition("/")
    body = canonical_body(message.partition(b"\r\n\r\n")[2], body_form or "simple")
    length = changed.get("l")
    hashed = body[: int(length)] if length and length.isdigit() else body
    every: dict[str, str | None] = {
        "v": "1",
        "a": key.algorithm.value,
        "c": "relaxed/relaxed",
        "d": key.domain,
        "s": key.selector,
        "h": "from:to:subject:date:message-id",
        "bh": b64encode(sha256(hashed).digest()).decode(),
        **changed,
    }
    names = (every["h"] or "").lower().split(":")
    left = fields_of(message)
    covered = b""
    for name in names:
        for index in range(len(left) - 1, -1, -1):
            if left[index].partition(b":")[0].strip().lower() == name.strip().encode():
                covered += canonical_field(left.pop(index), header_form)
                break
    text = "; ".join(f"{name}={value}" for name, value in every.items() if value is not None)
    start = f"DKIM-Signature: {text};{own} b=".encode()
    covered += canonical_field(start + b"\r\n", header_form).removesuffix(b"\r\n")
    return start + b64encode(key.sign(covered)) + b"\r\n" + message
