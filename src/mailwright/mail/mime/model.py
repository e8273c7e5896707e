"""What is a part? A header, a place in the message, and what can be asked of it.

Standards: RFC 2045, RFC 2183, RFC 2392 (Content-ID).
Not here: finding the parts (tree.py), choosing among them (views.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailwright.mail.comments import comment_end
from mailwright.mail.header import Header, Raw
from mailwright.mail.mime.decoding import decode_transfer
from mailwright.mail.parameters import Disposition, parse_disposition
from mailwright.mail.words import decode_bytes, strip_controls

MAX_FILENAME = 1000  # characters; a longer one is cut (S12)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_NO_DISPOSITION = Disposition("")
_LONE_CR = re.compile(r"\r(?!\n)")


class MimeDefect(StrEnum):
    """What is wrong with a part. The limits are there against mail bombs; what lies behind them is one opaque leaf."""

    NO_BOUNDARY = "no-boundary"  # multipart without a boundary parameter: a leaf
    NO_PARTS = "no-parts"  # the boundary never comes
    NO_END = "no-end-boundary"
    SAME_BOUNDARY = "same-boundary"  # as a multipart around it
    NO_SEPARATOR = "no-separator"  # the header is not ended by an empty line
    NO_HEADER = "no-header"  # the first line is no header field, so all is body
    SEVERAL_TYPES = "several-content-types"  # the last one counts
    BAD_TYPE = "bad-content-type"
    BAD_ENCODING = "bad-transfer-encoding"  # not known, or not allowed for this type
    TOO_DEEP = "too-deep"
    TOO_MANY_PARTS = "too-many-parts"
    TOO_LARGE = "too-large"  # decoded, or the header


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a message is looked into (S12)."""

    depth: int = 50
    parts: int = 1000
    header: int = 256 * 1024  # bytes of one part's header block
    decoded: int = 64 * 1024 * 1024  # bytes of encoded messages that are decoded to be entered


@dataclass(slots=True, eq=False)
class Part:
    """One part of the tree; not to be changed. Its body is `raw[body_start:body_end]`, its header starts at `start`.

    `raw` is the whole message, except below a message that came encoded: there it is the decoded one. `type`, `subtype`
    and names of parameters are lower case; where a part says nothing they are what RFC 2045 §5.2 supposes.
    Multiparts and entered messages have `children`; all others are leaves.
    """

    raw: Raw = field(repr=False)
    header: Header = field(repr=False)
    type: str
    subtype: str
    params: Mapping[str, str]
    start: int
    body_start: int
    body_end: int = -1
    children: list[Part] = field(default_factory=list)
    defects: set[MimeDefect] = field(default_factory=set)

    @property
    def content_type(self) -> str:
        """`type/subtype`, lower case."""
        return f"{self.type}/{self.subtype}"

    @property
    def size(self) -> int:
        """Bytes of the body as it stands in the message."""
        return self.body_end - self.body_start

    @property
    def body(self) -> bytes:
        """The body as it stands in the message, still encoded."""
        return self.raw[self.body_start : self.body_end]

    @property
    def encoding(self) -> str:
        """Content-Transfer-Encoding: its first word, lower case; "7bit" where there is none (RFC 2045 §6.1)."""
        value = self.header.value("content-transfer-encoding")
        if value and value[0] == "(":
            value = value[max(0, comment_end(value, 0)) :]
        words = value.replace('"', " ").replace(";", " ").split(None, 1) if value else ()
        return words[0].lower() if words else "7bit"

    @property
    def disposition(self) -> str:
        """ "inline", "attachment" or another word out of Content-Disposition; "" where there is none."""
        return self._disposition().kind

    def _disposition(self) -> Disposition:
        value = self.header.value("content-disposition")
        return _NO_DISPOSITION if value is None else parse_disposition(value)

    @property
    def filename(self) -> str:
        """The name its writer gave it, on one line; "" if none. Not safe as a path: see `safe_filename`."""
        name = self._disposition().params.get("filename") or self.params.get("name") or ""
        return strip_controls(name[:MAX_FILENAME]).strip() if name else ""

    @property
    def content_id(self) -> str:
        """Content-ID without its brackets, as `cid:` URLs have it; "" if none."""
        return (self.header.value("content-id") or "").strip("<> \t")

    def decoded(self, limit: int | None = None) -> bytes:
        """The body with its transfer encoding undone, read leniently; at most `limit` bytes of it."""
        return decode_transfer(self.raw, (self.body_start, self.body_end), self.encoding, limit)

    def text(self, limit: int | None = None) -> str:
        """The decoded body as text with "\\n" at line ends; at most `limit` bytes are read. Bad bytes become U+FFFD.

        Without a charset, HTML is asked for one, then UTF-8 is tried, then Windows-1252 is supposed.
        """
        data = self.decoded(limit)
        charset = self.params.get("charset", "")
        if not charset and self.subtype == "html" and (meta := _META_CHARSET.search(data[:2048])) is not None:
            charset = meta[1].decode("ascii")
        text = decode_bytes(data, charset)
        # Looking for one character is four times as fast as looking for two.
        return text.replace("\r\n", "\n") if _LONE_CR.search(text) else text.replace("\r", "")
