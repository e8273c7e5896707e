"""Which way did it come? One Received field, in the words of whichever server wrote it.

Standards: RFC 5321 §4.4 (clauses), RFC 8314 and RFC 3848 (protocol names); what is in parentheses has no standard.
Pure, linear, never raises: what a field doesn't say is empty. Nothing in it can be trusted but what our own server wrote.
Not here: writing the field, counting them for loops.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mailwright.mail.comments import comment_end
from mailwright.mail.dates import parse_date
from mailwright.mail.header import Header

MAX_TEXT = 8 * 1024
LOOP_MARKER = "x-loop"  # by no standard, and old: of a mailbox that hands a message on by a rule, its own address

MAX_MARKS = 200

_CLAUSES = frozenset(["from", "by", "via", "with", "id", "for"])
_GREETINGS = frozenset(["helo", "ehlo", "lhlo"])
_WORD = re.compile(r"[^\s()<>\[\];,]+")
_ANGLE = re.compile(r"<([^<>]*)>")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_IDENT = re.compile(r"^ident:", re.IGNORECASE)  # of old Sendmail, before what the ident protocol found out
_HOST = re.compile(r"(?=[^.]{1,63}\.)[A-Za-z0-9_.-]{1,253}\.[A-Za-z][A-Za-z0-9-]{1,62}\.?")
_PROTOCOL = re.compile(
    r"(?:local-)?(?:(b?smtp)(?:svc)?|(e?smtp(?:[-/]?tls|sa|s|a)?|lmtp(?:sa|s|a)?|utf8(?:e?smtp|lmtp)(?:sa|s|a)?|https?|imaps?|"
    r"pop3s?|mms|local))",
    re.IGNORECASE,
)
_TLS_DETAILS = re.compile(r"/tls(?:/.*|v?[\d.]+)$", re.IGNORECASE)  # "ESMTP/TLS/AES128-SHA", "ESMTP/TLSv1.2"
_TLS_SUFFIX = re.compile(r"P[-/]?TLS$")
_TLS = re.compile(r"\b(TLS|SSL)[ _-]?v?([123])(?:[._]([0-3]))?(?![0-9A-Za-z])")
_CIPHER_AFTER_VERSION = re.compile(r"\b(?:TLS|SSL)[ _-]?v?[123](?:[._][0-3])?:([A-Za-z0-9_-]{6,60})\b")
_CIPHER = re.compile(
    r"\bcipher[ =]\s?([A-Z0-9_-]{6,60})(?![A-Za-z0-9_.:-])|\bwith \(?([A-Z0-9_-]{6,60}) encrypted\b|\btls (TLS_[A-Z0-9_]{6,60})"
    r"|smtp/tls/([A-Z0-9_-]{6,60})|\b(?:TLS|SSL): [^(),]{4,20}, ?\d{2,3}bits, ?([A-Z0-9_-]{6,60})",  # IronPort; Courier
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Received:
    """One hop. Names and addresses are as written, without brackets and ports; `date` has an offset.

    `from_name` is what the client called itself, or its address; `from_ip` and `from_host` are what the server saw;
    `helo` is a greeting that differs from `from_name` in the text; `ident` is a user name given beside the address.
    `protocol` is upper case and a registered one, or HTTP, IMAP, POP3, LOCAL.
    """

    from_name: str = ""
    from_ip: str = ""
    from_host: str = ""
    helo: str = ""
    ident: str = ""
    by: str = ""
    via: str = ""
    protocol: str = ""
    id: str = ""
    recipient: str = ""
    tls_version: str = ""
    tls_cipher: str = ""
    date: datetime | None = None


class _Item(NamedTuple):
    kind: str  # "word", "(", "[", "<"
    text: str


def handed_on_by(header: Header) -> tuple[str, ...]:
    """The mailboxes that say that they handed a message on by a rule."""
    return tuple(field.value.strip().lower()[:320] for field in header.all(LOOP_MARKER)[:MAX_MARKS])


def parse_received(text: str) -> Received:
    """Read the value of a Received field (unfolded, `Field.value`)."""
    text = text[:MAX_TEXT].strip()
    clauses = _clauses(text)
    origin = clauses.get("from", [])
    seen = _seen(origin)
    version, cipher = _tls(text)
    return Received(
        from_name=_first(origin),
        from_ip=seen.get("ip", ""),
        from_host=seen.get("host", ""),
        helo=seen.get("helo", ""),
        ident=seen.get("ident", ""),
        by=_first(clauses.get("by", [])),
        via=_first(clauses.get("via", [])),
        protocol=_protocol(clauses.get("with", [])),
        id=_first(clauses.get("id", [])),
        recipient=next((item.text for item in clauses.get("for", ()) if item.kind in ("word", "<") and "@" in item.text), ""),
        tls_version=version,
        tls_cipher=cipher,
        date=parse_date(text) if ";" in text else None,
    )


def _items(text: str) -> Iterator[_Item]:
    at = 0
    while at < len(text):
        match = _WORD.match(text, at)
        if match is not None:
            yield _Item("word", match[0])
            at = match.end()
            continue
        character = text[at]
        end = comment_end(text, at) if character == "(" else -1
        if end > 0:
            yield _Item("(", text[at + 1 : end - 1])
            at = end
            continue
        if character == "(":
            text = text[:at] + " " + text[at + 1 :].replace("(", " ")  # one is open to the end, so none is to be believed
            continue
        match = _ANGLE.match(text, at) if character == "<" else _BRACKET.match(text, at) if character == "[" else None
        if match is not None:
            yield _Item(character, match[1])
        at = at + 1 if match is None else match.end()


def _clauses(text: str) -> dict[str, list[_Item]]:
    """What stands behind each keyword; the first of each kind counts (RFC 5321 §4.4: each comes once)."""
    stamp = text.rfind(";")
    found: dict[str, list[_Item]] = {}
    current: list[_Item] = []
    for item in _items(text if stamp < 0 else text[:stamp]):
        keyword = item.text.lower()
        if item.kind == "word" and keyword in _CLAUSES:
            current = found[keyword] if keyword == "with" and "with" in found else []  # "with [a program] with ESMTP"
            found.setdefault(keyword, current)
        elif item.kind == "(" and not found and keyword.startswith("from "):  # some put the whole clause in parentheses
            found["from"] = list(_items(item.text[5:]))
        else:
            current.append(item)
    return found


def _first(items: list[_Item]) -> str:
    if not items or items[0].kind == "(":
        return ""
    text = items[0].text
    return (_address(text) or text) if items[0].kind == "[" or text[:1].isdigit() else text


def _address(text: str) -> str:
    """An IP address out of `192.0.2.1`, `192.0.2.1:25`, `IPv6:2001:db8::1` or `fe80::1%3`; "" if it is none."""
    text = text.strip().partition("%")[0]
    text = text[5:] if text[:5].lower() == "ipv6:" else text
    for tried in (text, text.partition(":")[0]):
        try:
            address = ipaddress.ip_address(tried)
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return f"::ffff:{mapped}" if mapped else str(address)  # as people know it
    return ""


def _seen(origin: list[_Item]) -> dict[str, str]:
    """What the receiving server noted of its client: behind the name, in brackets and parentheses."""
    found: dict[str, str] = {}
    for index, item in enumerate(origin):
        if item.kind == "[" and index > 0:
            _note(found, "ip", _address(item.text))
        elif item.kind == "(" and not _TLS.search(item.text):
            _read_note(found, item.text)
    return found


def _note(found: dict[str, str], key: str, value: str) -> None:
    if value:
        found.setdefault(key, value)


def _read_note(found: dict[str, str], text: str) -> None:
    items = list(_items(text))
    for index, item in enumerate(items):
        following = items[index + 1].text if index + 1 < len(items) else ""
        before = items[index - 1].text.lower() if index else ""
        if before in _GREETINGS or before.endswith("="):
            continue  # what the client calls itself, though it may look like an address
        key, equals, value = item.text.partition("=")
        if item.kind == "[":
            _note(found, "ip", _address(item.text))
        elif item.kind == "<":
            _note(found, "host", item.text if index == 0 and _HOST.fullmatch(item.text) else "")
        elif item.kind == "word" and item.text.lower() in _GREETINGS:
            _note(found, "helo", following)
        elif equals and key.lower() in _GREETINGS:
            _note(found, "helo", value or following)
        elif equals and key.lower() == "ident":
            _note(found, "ident", value or following)
        elif item.kind == "word" and "@" in item.text:
            _note(found, "ident", _IDENT.sub("", item.text).removesuffix("@"))
        elif item.kind == "word" and (address := _address(item.text)):
            _note(found, "ip", address)
        elif item.kind == "word" and index == 0 and _HOST.fullmatch(item.text):
            _note(found, "host", item.text)


def _protocol(items: list[_Item]) -> str:
    for item in items:
        words = [item.text] if item.kind == "word" else item.text.split() if item.kind == "[" else []
        for word in words:
            match = _PROTOCOL.fullmatch(_TLS_DETAILS.sub("/tls", word)) or _PROTOCOL.fullmatch(word.partition("/")[0])
            if match is not None:
                return "SMTP" if match[1] else _TLS_SUFFIX.sub("PS", match[2].upper())
    return ""


def _tls(text: str) -> tuple[str, str]:
    """Version ("TLSv1.3") and cipher, wherever the server put them."""
    if "TLS" not in text and "SSL" not in text and "ipher" not in text and "encrypted" not in text:
        return "", ""
    version = _TLS.search(text)
    cipher = _CIPHER_AFTER_VERSION.search(text) or _CIPHER.search(text)
    name = next((group for group in cipher.groups() if group), "") if cipher is not None else ""
    return (
        f"{version[1]}v{version[2]}.{version[3] or '0'}" if version is not None else "",
        "" if name.upper() in ("OTHER", "UNKNOWN") else name,
    )
