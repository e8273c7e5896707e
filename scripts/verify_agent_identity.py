#!/usr/bin/env python3
"""Verify the Agent-Identity field of a message: one file, no server. docs/agent-identity.md is the specification.

Needs Python 3.11 and `cryptography`; `dnspython` as well where DNS is to be asked, which `--zone FILE` makes needless (lines
`name TXT value`, or `name TXT !servfail|!timeout|!nxdomain`; a name not in the file does not exist).
Written from the specification alone: it shares no code with the server, so that each can find the other's mistakes.
Exit codes: 0 the message is as it was signed, 1 it is not, 2 what was given can't be used.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import email.policy
import hashlib
import hmac
import json
import re
import sys
import time
from collections import Counter
from email.errors import MessageError
from email.header import decode_header, make_header
from email.headerregistry import HeaderRegistry
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

REQUIRED = ["agent_id", "oversight", "sig", "v", "a", "d", "s", "t", "x", "n", "ch", "h", "hh", "bh", "ph", "b"]
LEAST = [
    *("from", "to", "cc", "subject", "date", "message-id", "reply-to", "in-reply-to", "references"),
    *("mime-version", "content-type", "content-transfer-encoding", "auto-submitted"),
]
LONGEST_FIELD = 16 * 1024  # octets of From and of Agent-Identity
HASH = "[A-Za-z0-9_-]{43}"
FORMS = {
    "agent_id": r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?",
    "oversight": "read_only|gated_all|gated_send|monitored|autonomous",
    "v": "2",
    "d": r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*",
    "s": r"(?=.{1,200}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*",
    "t": "[0-9]{1,12}",
    "x": "[0-9]{1,12}",
    "n": "[0-9a-fA-F]{24}",
    "h": "[a-z0-9-]+(:[a-z0-9-]+)*",
    "ch": HASH,
    "hh": HASH,
    "bh": HASH,
    "rc": HASH,
    "ph": rf"none|{HASH}(\.{HASH}){{0,31}}",
    "ai": "generated|assisted",
    "apr": "human|policy|none",
}
# Quoted strings, comments without comments in them, and every character outside of them.
WORDS = re.compile(r'"(?:[^"\\]|\\.)*"|\((?:[^()\\]|\\.)*\)|\\.|.', re.DOTALL)
# What Python decodes, and no mail is written in; of some the work is quadratic.
NO_CHARSETS = ["charmap", "idna", "mbcs", "oem", "palmos", "punycode", "rawunicodeescape", "undefined", "unicodeescape"]


class Over(Exception):
    """The verdict is known."""

    def __init__(self, verdict: str, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict


# --- the message --------------------------------------------------------------------------------------------------------


def split(raw: bytes) -> tuple[list[tuple[str, bytes]], bytes, str]:
    """Fields as (lower-case name, raw value), the body, and what makes the header ambiguous ("" if nothing does)."""
    head, separator, body = (b"", b"\r\n", raw[2:]) if raw.startswith(b"\r\n") else raw.partition(b"\r\n\r\n")
    damage = "too long" if len(head) > 256 * 1024 else ""
    fields: list[tuple[str, list[bytes]]] = []
    for line in (head + b"\r\n").split(b"\r\n")[:-1] if head else []:
        match = re.match(rb"([!-9;-~]+)[ \t]*:", line)
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1][1].append(line)
        elif match:
            fields.append((match[1].decode().lower(), [line[match.end() :]]))
        else:
            damage = damage or "a line that is no field"
    if b"\0" in head or b"\r" in head.replace(b"\r\n", b""):
        damage = damage or "control characters"
    if len(fields) > 1000:
        damage = "too many fields"
    return [(name, b"\r\n".join(lines)) for name, lines in fields], body if separator else b"", damage


def relaxed(value: bytes) -> bytes:
    """A field's value, unfolded, runs of space and tab one space, trimmed."""
    return re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" ")


def relaxed_body(body: bytes) -> bytes:
    """The body in DKIM's relaxed form (RFC 6376 section 3.4.4); an empty one is empty."""
    body = re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    end = len(body)
    while body[end - 2 : end] == b"\r\n":
        end -= 2
    return body[:end] + b"\r\n" if end else b""


def digest(prefix: str, data: bytes) -> str:
    """H(prefix, data) of the specification."""
    return base64.urlsafe_b64encode(hashlib.sha256(prefix.encode() + b"\0" + data).digest()).rstrip(b"=").decode()


def header_hash(fields: list[tuple[str, bytes]], names: list[str]) -> str:
    """`hh` and `ch`."""
    by_name: dict[str, list[bytes]] = {}
    for name, value in reversed(fields):
        by_name.setdefault(name, []).append(value)
    covered = b""
    for name in names:
        values = by_name.get(name, [])
        covered += b"%b#%d\r\n" % (name.encode(), len(values))
        covered += b"".join(b"%b:%b\r\n" % (name.encode(), relaxed(value)) for value in values)
    return digest("aid2-h", covered)


# --- its parts ----------------------------------------------------------------------------------------------------------


def parts(fields: list[tuple[str, bytes]], body: bytes, default: str = "text/plain", depth: int = 0) -> list[bytes]:
    """What is hashed of each leaf part, depth first."""
    if depth > 50:
        raise Over("fail", "the parts can't be compared: too deep")
    head = parsed(fields)
    kind = head.get_content_type() if "content-type" in head else default
    boundary = param(head, "boundary")
    if kind.startswith("multipart/") and isinstance(boundary, str) and boundary:
        inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        pieces = cut(body, boundary.encode("utf-8", "surrogateescape"))
        if pieces is not None:
            return [leaf for piece in pieces for leaf in parts(*split_part(piece), inner, depth + 1)]
    if kind in ("message/rfc822", "message/global", "message/news"):
        message = decoded(head, body)
        if message:
            inner_fields, inner_body, _ = split(message)
            return parts(inner_fields, inner_body, depth=depth + 1)
    content = decoded(head, body)
    if kind.startswith("text/"):
        content = text(head, content)
    return [b"\0".join((kind.encode(), filename(head).encode("utf-8", "replace"), content))]


def parsed(fields: list[tuple[str, bytes]]) -> Message:
    """The fields that describe a part; where one stands there several times, the last counts."""
    wanted = ("content-type", "content-disposition", "content-transfer-encoding")
    last = {name: value for name, value in fields if name in wanted}
    block = b"".join(b"%b:%b\r\n" % (name.encode(), value) for name, value in last.items())
    return BytesHeaderParser(policy=email.policy.compat32).parsebytes(block + b"\r\n")


def cut(body: bytes, boundary: bytes) -> list[bytes] | None:
    """The pieces between the boundary lines; None where there is none."""
    marks = list(re.finditer(rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r\n|\Z)", body))
    if not marks:
        return None
    pieces = []
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        if mark[1]:
            break
        pieces.append(body[mark.end() : following.start() if following else len(body)].removeprefix(b"\r\n"))
    return pieces


def split_part(piece: bytes) -> tuple[list[tuple[str, bytes]], bytes]:
    """Fields and body of a part; one that does not begin with a field is all body."""
    if not piece.startswith(b"\r\n") and not re.match(rb"[!-9;-~]+[ \t]*:", piece):
        return [], piece
    fields, body, _ = split(piece)
    return fields, body


def decoded(head: Message, body: bytes) -> bytes:
    """The body with its transfer encoding undone."""
    encoding = str(head.get("content-transfer-encoding", "")).strip().lower()
    if encoding == "base64":
        data = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        data = data[:-1] if len(data) % 4 == 1 else data
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
    if encoding == "quoted-printable":
        return binascii.a2b_qp(re.sub(rb"(?<![ \t])[ \t]++(?=\r\n|\Z)", b"", body))
    return body


def text(head: Message, content: bytes) -> bytes:
    """Text as it is hashed: decoded, LF, no white space at line ends, no line ends at its end, UTF-8."""
    charset = param(head, "charset")
    named = charset if isinstance(charset, str) and charset.isascii() else "utf-8"
    try:
        shown = content.decode("utf-8" if re.sub("[^a-z]", "", named.lower()) in NO_CHARSETS else named, "replace")
    except (LookupError, ValueError):  # bytes.decode knows no codec that unpacks (zlib, bz2)
        shown = content.decode("utf-8", "replace")
    lines = re.sub("[\ud800-\udfff]", "\ufffd", shown).replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip(" \t") for line in lines).rstrip("\n").encode()


def filename(head: Message) -> str:
    """The file name, decoded; "" if there is none."""
    try:
        name = head.get_filename("")
    except (LookupError, TypeError, ValueError):
        return ""
    try:
        return str(make_header(decode_header(name))) if "=?" in name else name
    except (LookupError, ValueError, MessageError):
        return name


def param(head: Message, name: str) -> object:
    """A parameter of Content-Type; None where Python's parser stumbles over them."""
    try:
        return head.get_param(name)
    except (LookupError, TypeError, ValueError):
        return None


# --- the key ------------------------------------------------------------------------------------------------------------


def from_zone(path: Path, name: str) -> list[str]:
    """The texts at a name, from a zone file."""
    texts = []
    for line in path.read_text("utf-8").splitlines():
        words = line.split(None, 2)
        if (
            len(words) < 3
            or words[0][0] in "#;"
            or words[0].rstrip(".").lower() != name
            or words[1].upper() not in ("TXT", "*")
        ):
            continue
        value = words[2].strip()
        if value.lower() in ("!servfail", "!timeout"):
            raise Over("temperror", f"no answer for the key: {value[1:]}")
        if not value.startswith("!"):
            texts.append("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', value)) if value.startswith('"') else value)
    return texts


def from_dns(name: str) -> list[str]:
    """The texts at a name, from DNS."""
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=10)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as trouble:
        raise Over("temperror", f"no answer for the key: {type(trouble).__name__}") from None
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def read_key(texts: list[str]) -> tuple[Ed25519PublicKey, dict[str, str]]:
    """The one identity key among the texts."""
    lists = [[[word.strip() for word in part.partition("=")[::2]] for part in one.split(";")] for one in texts]
    ours = [pairs for pairs in lists if pairs[0] == ["v", "AGENTID1"]]
    if len(ours) != 1:
        raise Over("permerror", "no key" if not ours else "several keys stand at this selector")
    pairs = ours[0][:-1] if ours[0][-1] == ["", ""] else ours[0]
    tags: dict[str, str] = dict(pairs)
    if len(tags) != len(pairs) or tags.get("k") != "ed25519" or not tags.get("p"):
        raise Over("permerror", "key revoked" if tags.get("p") == "" else "the key can't be read")
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode("".join(tags["p"].split()), validate=True)), tags
    except ValueError:
        raise Over("permerror", "the key can't be read") from None


# --- the field ----------------------------------------------------------------------------------------------------------


def read_field(value: bytes, tags: dict[str, str]) -> None:
    """Read the tags into `tags`, strictly."""
    if len(value) > LONGEST_FIELD or not value.isascii() or value.count(b";") >= 100:
        raise Over("permerror", "the field is too long, or not ASCII")
    for segment in value.decode("ascii").split(";"):
        name, equals, word = segment.lstrip(" \t\r\n").partition("=")
        word = re.sub(r"[ \t\r\n]", "", word)
        if not equals or not re.fullmatch("[a-z][a-z0-9_]*", name) or not re.fullmatch("[!-:<-~]*", word) or name in tags:
            raise Over("permerror", f"bad or duplicate tag: {segment.strip()[:40]!r}")
        tags[name] = word
    if missing := [name for name in REQUIRED if name not in tags]:
        raise Over("permerror", f"no {', '.join(missing)}")
    if tags["a"] != "ed25519-sha256":
        raise Over("none", "the algorithm is not known")
    for name, form in FORMS.items():
        if name in tags and not re.fullmatch(form, tags[name]):
            raise Over("permerror", f"{name} is not as it should be")
    names = tags["h"].split(":")
    if len(set(names)) != len(names) or not set(LEAST) <= set(names):
        raise Over("permerror", "h names a field twice, or too few")
    for name in ("sig", "b"):
        try:
            octets = base64.b64decode(tags[name], validate=True)
        except ValueError:
            octets = b""
        if len(octets) != 64:
            raise Over("permerror", f"{name} is no signature")


def author(fields: list[tuple[str, bytes]]) -> str:
    """The domain of the one author."""
    values = [value for name, value in fields if name == "from"]
    if len(values) != 1:
        raise Over("fail", f"there are {len(values)} From fields")
    if len(values[0].replace(b"\r\n", b"")) > LONGEST_FIELD:
        raise Over("fail", "From is too long")
    try:
        written = relaxed(values[0]).decode()
        found = HeaderRegistry()("from", written)
        addresses = found.addresses  # type: ignore[attr-defined]
        # `<ada@ours.example>@theirs.example`: whoever reads it otherwise shows another author (CVE-2023-27043).
        outside = "".join(word for word in WORDS.findall(written) if len(word) == 1 or word[0] == "\\")
        if len(addresses) != 1 or not addresses[0].domain or outside.count("@") != 1:
            raise ValueError
        return str(addresses[0].domain.encode("idna").decode().lower())
    except (ValueError, IndexError, AttributeError, TypeError, RecursionError, MessageError):
        raise Over("fail", "not exactly one From address") from None


def signed_by(key: Ed25519PublicKey, signature: str, data: bytes) -> bool:
    """Whether that is the key's signature."""
    try:
        key.verify(base64.b64decode(signature), data)
    except InvalidSignature:
        return False
    return True


# --- the verdict --------------------------------------------------------------------------------------------------------


def verify(raw: bytes, lookup, now: int, rcpt: str | None) -> dict[str, object]:  # type: ignore[no-untyped-def]
    """{verdict, steps, tags}; `lookup(name)` gives the TXT records of a name."""
    tags: dict[str, str] = {}
    steps: list[str] = []
    try:
        verdict = judge(raw, lookup, now, rcpt, tags, steps)
    except Over as over:
        verdict = over.verdict
        steps.append(str(over))
    steps.append(verdict)
    return {"verdict": verdict, "steps": steps, "tags": tags}


def judge(raw: bytes, lookup, now: int, rcpt: str | None, tags: dict[str, str], steps: list[str]) -> str:  # type: ignore[no-untyped-def]
    """Section 6 of the specification, in its order."""
    fields, body, damage = split(raw)
    ours = [value for name, value in fields if name == "agent-identity"]
    if not ours:
        raise Over("none", "no Agent-Identity field")
    if len(ours) > 1 or damage:
        raise Over("permerror", damage or f"there are {len(ours)} Agent-Identity fields")
    read_field(ours[0], tags)
    domain = tags["d"].lower()
    writer = author(fields)
    if not f".{writer}".endswith(f".{domain}"):
        raise Over("fail", f"From is of {writer}, which {domain} can't speak for")
    name = f"{tags['s'].lower()}._agentid.{domain}"
    key, record = read_key(lookup(name))
    steps.append(f"key at {name}")
    modes = [mode.strip() for mode in record["m"].split(":")] if "m" in record else [tags["oversight"]]
    if record.get("agent", "*") not in ("*", tags["agent_id"]) or tags["oversight"] not in modes:
        raise Over("fail", "the key is for another agent or another mode")
    listed = "".join(f"{one}={'' if one == 'b' else tags[one]};" for one in sorted(tags))
    if not signed_by(key, tags["b"], b"agent-identity-v2\0" + listed.encode()):
        raise Over("fail", "the tags were changed, or the key is another")
    if not signed_by(key, tags["sig"], f"{tags['agent_id']}:{tags['oversight']}".encode()):
        raise Over("fail", "sig is not this key's signature")
    made, ends = int(tags["t"]), int(tags["x"])
    if made > now + 300 or ends - made > 30 * 86_400:
        raise Over("fail", "signed in the future, or good for more than 30 days")
    if ends < now:
        raise Over("expired", f"ended at {ends}")
    steps.append(f"signed by the key at {made}, good until {ends}")
    if header_hash(fields, ["from", "date", "message-id"]) != tags["ch"]:
        raise Over("fail", "From, Date or Message-ID is not what was signed")
    if header_hash(fields, tags["h"].split(":")) == tags["hh"] and digest("aid2-b", relaxed_body(body)) == tags["bh"]:
        steps.append("header and body are as signed")
        return "pass relayed" if rcpt is not None and "rc" in tags and tags["rc"] != recipient(tags["n"], rcpt) else "pass"
    steps.append("header or body changed since it was signed")
    return content(fields, body, tags["ph"])


def recipient(nonce: str, rcpt: str) -> str:
    """`rc` for that recipient."""
    return digest("aid2-r", hmac.digest(bytes.fromhex(nonce), rcpt.lower().encode(), "sha256"))


def content(fields: list[tuple[str, bytes]], body: bytes, ph: str) -> str:
    """The verdict where header or body changed."""
    there = [digest("aid2-p", one) for one in parts(fields, body)]
    if ph == "none":
        raise Over("fail", "the parts were not signed one by one")
    if ph.split(".") == there:
        return "pass-content"
    if Counter(ph.split(".")) - Counter(there):
        raise Over("fail", "a part is not what was signed")
    return "pass-content+added"


def main() -> int:
    """The command."""
    options = argparse.ArgumentParser(description="Verify the Agent-Identity field of a message.")
    options.add_argument("file", help="the message, or - for standard input")
    options.add_argument("--rcpt", help="the envelope recipient")
    options.add_argument("--zone", type=Path, help="answer DNS questions from this file")
    options.add_argument("--now", type=int, help="the time to judge by, in seconds since 1970")
    options.add_argument("--json", action="store_true", help="print JSON")
    given = options.parse_args()
    try:
        raw = sys.stdin.buffer.read() if given.file == "-" else Path(given.file).read_bytes()
        raw = re.sub(rb"(?<!\r)\n", b"\r\n", raw)
        lookup = (lambda name: from_zone(given.zone, name)) if given.zone else from_dns
        now = int(time.time()) if given.now is None else given.now
        found = verify(raw, lookup, now, given.rcpt)
    except (OSError, UnicodeDecodeError, ImportError) as wrong:
        print(f"verify_agent_identity: {wrong}", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=2) if given.json else "\n- ".join([str(found["verdict"]), *found["steps"]]))  # type: ignore[misc]
    return 0 if str(found["verdict"]) in ("pass", "pass relayed") else 1


if __name__ == "__main__":
    sys.exit(main())
