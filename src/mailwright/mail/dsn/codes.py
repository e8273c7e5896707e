"""What do the numbers in a reply say, and what remains as its text? And xtext, the coding of ENVID and ORCPT.

Standards: RFC 3463 §2 (class.subject.detail), RFC 5321 §4.2 (replies), RFC 2034 (codes in replies), RFC 3461 §4 (xtext).
Pure, linear, never raises.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_REPLY = 16 * 1024  # characters of one reply that are read

_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_LINE_HEAD = re.compile(r"([2-5]\d\d)(?:[ -]|$)[ (\[#]{0,3}(?:([245]\.\d{1,3}\.\d{1,3})(?![\d.])[)\]:]{0,2})?[ ]*")
_MARKED = re.compile(r"#([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_HEX = re.compile(r"\+([0-9A-Fa-f]{2})")


class EnhancedStatus(NamedTuple):
    """An enhanced status code (RFC 3463): class 2, 4 or 5, subject and detail. `str` gives "5.1.1"."""

    kind: int
    subject: int
    detail: int

    def __str__(self) -> str:
        return f"{self.kind}.{self.subject}.{self.detail}"

    @property
    def vague(self) -> bool:
        """True for x.0.0, which says nothing beyond its class."""
        return not self.subject and not self.detail


class SmtpReply(NamedTuple):
    """A reply taken apart. `code` and `enhanced` are None where the reply does not give them; `text` is one line."""

    code: int | None
    enhanced: EnhancedStatus | None
    text: str


def parse_status(text: str) -> EnhancedStatus | None:
    """The enhanced status code a text begins with, comments behind it ignored; None if there is none."""
    match = _STATUS.match(text.lstrip(" \t"))
    return EnhancedStatus(int(match[1]), int(match[2]), int(match[3])) if match else None


def split_reply(text: str) -> SmtpReply:
    """A whole reply, of one line or many, as code, enhanced code and the joined text of its lines.

    The codes that many servers repeat on every line are taken out, also where a report has joined the lines. An
    enhanced code marked "#5.1.1" within the text counts where none stands at its head.
    """
    lines = text[:MAX_REPLY].split("\n")
    head = _LINE_HEAD.match(lines[0].strip())
    if head is None:
        joined = " ".join(" ".join(lines).split())
        return SmtpReply(None, parse_status(joined) or _marked(joined), joined)
    code, enhanced = head[1], head[2]
    pieces: list[str] = []
    for line in lines:
        line = line.strip()
        match = _LINE_HEAD.match(line)
        if match and match[1] == code:
            enhanced = enhanced or match[2]
            line = line[match.end() :]
        pieces.append(line)
    joined = " ".join(" ".join(pieces).split())
    # Joined lines: "550-5.1.1 No such user 550-5.1.1 here 550 5.1.1 https://..."
    for repeated in (f" {code}-{enhanced} ", f" {code} {enhanced} ") if enhanced else (f" {code}-",):
        joined = joined.replace(repeated, " ")
    return SmtpReply(int(code), (parse_status(enhanced) if enhanced else None) or _marked(joined), joined)


def _marked(text: str) -> EnhancedStatus | None:
    match = _MARKED.search(text)
    return parse_status(match[1]) if match else None


def encode_xtext(text: str) -> str:
    """xtext (RFC 3461 §4): printable ASCII but "+" and "=" as it is, every other octet of its UTF-8 as "+XX"."""
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E and byte not in b"+=" else f"+{byte:02X}" for byte in text.encode())


def decode_xtext(text: str) -> str:
    """What xtext stands for; what is no "+XX" stays as it is, and bytes that are no UTF-8 become U+FFFD."""
    if "+" not in text:
        return text
    data = _HEX.sub(lambda match: chr(int(match[1], 16)), text)
    try:
        return data.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:  # there was more than ASCII in it already
        return text
