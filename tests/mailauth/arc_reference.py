"""ARC in the plainest way, with any tags. What the tests compare the real thing with."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256

from dkim_reference import NOW, RSA, canonical_body, canonical_field, fields_of

from mailwright.mailauth.dkim.keys import SigningKey

Tags = Mapping[str, str | None]


def forge_set(
    message: bytes,
    *,
    key: SigningKey = RSA,
    instance: int = 1,
    results: str = "",
    signature: Tags | None = None,
    seal: Tags | None = None,
    between: str = "; ",
    end: str = "",
) -> bytes:
    """The message with one more set on top. A value replaces a tag or adds one, None leaves it out, `b` is computed."""
    aar = f"ARC-Authentication-Results: {results or f'i={instance}; mx.test; spf=pass'}\r\n".encode()
    place: dict[str, str | None] = {"i": str(instance), "a": key.algorithm, "d": key.domain, "s": key.selector, "t": str(NOW)}
    form = ((signature or {}).get("c") or "relaxed/relaxed").split("/")
    body = canonical_body(message.partition(b"\r\n\r\n")[2], form[1] if len(form) > 1 else "simple")
    tags = {**place, "c": "relaxed/relaxed", "h": "from:subject", "bh": b64encode(sha256(body).digest()).decode()}
    ams = _signed("ARC-Message-Signature", {**tags, **(signature or {})}, key, aar + message, form[0], between, end)
    status = {"cv": "none" if instance == 1 else "pass"}
    before = b"".join(map(_relaxed, _sets(message, instance - 1))) + _relaxed(aar) + _relaxed(ams)
    unsigned = _field("ARC-Seal", {**place, **status, **(seal or {})}, "", between, end)
    value = b64encode(key.sign(before + _relaxed(unsigned)[:-2])).decode()
    own = _field("ARC-Seal", {**place, **status, **(seal or {})}, value, between, end)
    return own + ams + aar + message


def _relaxed(raw: bytes) -> bytes:
    return canonical_field(raw, "relaxed")


def _sets(message: bytes, count: int) -> list[bytes]:
    """The fields of the sets that are there, in the order in which a seal signs them."""
    found = [raw for raw in fields_of(message) if raw.lower().startswith(b"arc-")]
    newest_first = [found[at : at + 3] for at in range(0, 3 * count, 3)]
    return [raw for own in reversed(newest_first) for raw in reversed(own)]


def _field(name: str, tags: Tags, value: str, between: str, end: str) -> bytes:
    listed = {"b": value, **tags}
    text = between.join(f"{tag}={text}" for tag, text in listed.items() if text is not None)
    if not value:
        text = text.replace(f"b={between}", f"b={between.lstrip()}", 1)  # RFC 6376 §3.7: with the white space around it
    return f"{name}: {text}{end}\r\n".encode()


def _signed(name: str, tags: Tags, key: SigningKey, message: bytes, form: str, between: str, end: str) -> bytes:
    unsigned = _field(name, tags, "", between, end)
    left = fields_of(message)
    covered = []
    for wanted in (tags.get("h") or "").lower().split(":"):
        same = [raw for raw in left if raw.partition(b":")[0].strip().lower() == wanted.strip().encode()]
        if same:
            left.remove(same[-1])
            covered.append(canonical_field(same[-1], form))
    value = b64encode(key.sign(b"".join(covered) + canonical_field(unsigned, form)[:-2])).decode()
    return _field(name, tags, value, between, end)
