"""What a message is made of: header fields, addresses, parts, reports, quotations; and what callers hand in."""

from __future__ import annotations

import re

from mailwright.contract.events import place_of
from mailwright.contract.scalars import read_cursor, write_cursor
from mailwright.core.errors import Refusal
from mailwright.mail import mime
from mailwright.mail.address import InvalidAddress, parse_address_list, parse_envelope_address, parse_mailbox
from mailwright.mail.arf import parse_complaint
from mailwright.mail.comments import comment_end
from mailwright.mail.dates import parse_date
from mailwright.mail.dsn import parse_dsn
from mailwright.mail.header import parse_header
from mailwright.mail.identifiers import parse_list_id, parse_list_urls, parse_message_ids
from mailwright.mail.mime.decoding import decode_transfer
from mailwright.mail.mime.html_text import html_to_text
from mailwright.mail.parameters import parse_content_type, parse_disposition
from mailwright.mail.quoting import new_text
from mailwright.mail.received import parse_received
from mailwright.mail.references import message_ids, split_subject
from mailwright.mail.thread_tree import Member, by_references, ordered_subject, render_trees
from mailwright.mail.words import decode_list, decode_unstructured
from mailwright.net.guard import RefusedUrl, parse_url

from .mailauth import text
from .reports import ARF, DSN

PARTS = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>x\r\n--b\r\n\r\ny\r\n--b--\r\n"
)


def _mime(octets: bytes) -> None:
    root = mime.parse(octets)
    mime.body_text(root)
    mime.attachments(root)


def _strict(octets: bytes) -> None:
    for parse in (parse_envelope_address, parse_mailbox):
        try:
            parse(text(octets))
        except InvalidAddress:
            pass


def _cursor(octets: bytes) -> None:
    for read in (lambda cursor: read_cursor("messages", cursor), place_of):
        try:
            read(text(octets))
        except Refusal:
            pass


def _url(octets: bytes) -> None:
    try:
        parse_url(text(octets))
    except RefusedUrl:
        pass


def _transfer(octets: bytes) -> None:
    for encoding in ("base64", "quoted-printable", "x-uuencode"):
        decode_transfer(octets, (0, len(octets)), encoding)


def _tree(octets: bytes) -> None:
    headers = [parse_header(one) for one in octets.split(b"\0")[:200]]
    members = [
        Member(number, message_ids(header), text(header.fields[-1].raw) if header.fields else "", float(number % 7))
        for number, header in enumerate(headers)
    ]
    for roots in (by_references(members), ordered_subject(members)):
        assert len(members) == len(re.findall(r"\d+", render_trees(roots)))


HTML = (
    b'<style>x</style><p hidden>a<table><tr><td style="display:none">b</td></tr><a href="https://x.test">c</a>&amp;<!-- d -->'
)
TARGETS = {
    "header": (parse_header, (b"From: a@b.test\r\nSubject: x\r\n y\r\n\r\n",)),
    "mime": (_mime, (PARTS, DSN)),
    "dsn": (lambda octets: parse_dsn(mime.parse(octets)), (DSN,)),
    "arf": (lambda octets: parse_complaint(mime.parse(octets)), (ARF,)),
    "address": (_strict, (b'"a b"@x.test', b"Ada <ada@[192.0.2.1]>")),
    "address-list": (lambda octets: parse_address_list(text(octets)), (b'g: "a, b" <c@d.test>, e@f.test (h);',)),
    "words": (
        lambda octets: (decode_unstructured(text(octets)), decode_list(text(octets))),
        (b"=?utf-8?q?a_=C3=A9?= =?x?b?eA==?=",),
    ),
    "parameters": (
        lambda octets: (parse_content_type(text(octets)), parse_disposition(text(octets))),
        (b"attachment; filename*0*=utf-8''a%20; filename*1=\"b\" (c)",),
    ),
    "received": (
        lambda octets: parse_received(text(octets)),
        (b"from a (b [192.0.2.1]) by c with ESMTPS id 1; 1 Jan 2026 01:02 +0000",),
    ),
    "references": (
        lambda octets: (message_ids(parse_header(octets)), split_subject(text(octets))),
        (b"References: <a@b> <c@d>\r\nIn-Reply-To: <c@d>\r\nSubject: Re: [x] Fwd: y\r\n",),
    ),
    "quoting": (lambda octets: new_text(text(octets)), (b"Yes.\n\nOn Monday, Ada wrote:\n> Tea?\n-- \nBob\n",)),
    "dates": (lambda octets: parse_date(text(octets)), (b"Thu, 1 Jan 2026 01:02:03 +0000 (x)",)),
    "identifiers": (
        lambda octets: (parse_message_ids(text(octets)), parse_list_urls(text(octets)), parse_list_id(text(octets))),
        (b"<a@b.test> (c) <https://x.test/u>, <mailto:d@e.test>",),
    ),
    "html": (lambda octets: html_to_text(text(octets)), (HTML,)),
    "transfer": (_transfer, (b"=41=\r\n=zz", b"QUJD\r\n-", b"begin 644 x\r\n#0V%T\r\n`\r\nend\r\n")),
    "comments": (lambda octets: comment_end(text(octets), 0), (b"(a (b) \\) c)",)),
    "thread-tree": (
        _tree,
        (b"Message-ID: <a@x>\r\nReferences: <b@x> <c@x>\r\n\0Message-ID: <c@x>\r\nIn-Reply-To: <a@x>\r\nSubject: Re: x\r\n",),
    ),
    "url": (_url, ("https://bücher.example:8443/a?b=c".encode(), b"https://[2001:db8::1]/", b"https://0x7f.1/")),
    "cursor": (_cursor, (write_cursor("messages", "x").encode(), b"1")),
}
