"""What is in the message? The tree of its parts, read by offsets, with decoded views on them.

Standards: RFC 2045-2047, RFC 2183 (disposition), RFC 2231 (parameters), RFC 2046 §5 (multipart, message/rfc822),
RFC 8621 §4.1.4 (which parts are the body).
Pure; never raises; linear in the message, whatever its boundaries are; bounded by `Limits`. The message itself is never
changed, and no body is copied until it is asked for.
Not here: what is new in a reply (quoting.py), cleaning HTML for display, writing messages (compose).
"""

from mailwright.mail.mime.decoding import decode_quoted_printable
from mailwright.mail.mime.filenames import safe_filename
from mailwright.mail.mime.html_text import html_to_text, preview
from mailwright.mail.mime.model import Limits, MimeDefect, Part
from mailwright.mail.mime.tree import parse
from mailwright.mail.mime.views import (
    all_defects,
    attachments,
    body_text,
    html_body,
    leaves,
    part_text,
    read_text,
    text_body,
    walk,
)

__all__ = [
    "Limits",
    "MimeDefect",
    "Part",
    "all_defects",
    "attachments",
    "body_text",
    "decode_quoted_printable",
    "html_body",
    "html_to_text",
    "leaves",
    "parse",
    "part_text",
    "preview",
    "read_text",
    "safe_filename",
    "text_body",
    "walk",
]
