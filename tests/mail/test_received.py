"""Received fields, in the words of many servers."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.received import Received, parse_received

EXCEPTIONS = Path(__file__).parents[1] / "exceptions" / "headers.md"
WHEN = datetime(2026, 2, 11, 17, 45, 8, tzinfo=timezone(timedelta(hours=1)))
STAMP = "; Wed, 11 Feb 2026 17:45:08 +0100"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Received()),
        (
            "from a.example (b.example [192.0.2.1]) by mx.example (Postfix) with ESMTPS id 4Fx/1 for <bob@mx.example>",
            Received("a.example", "192.0.2.1", "b.example", by="mx.example", protocol="ESMTPS", id="4Fx/1",
                     recipient="bob@mx.example"),
        ),
        (
            "from [IPv6:2001:DB8::1] ([2001:db8::1]:25) by mx.example with UTF8SMTPSA id <x@y.example>",
            Received("2001:db8::1", "2001:db8::1", by="mx.example", protocol="UTF8SMTPSA", id="x@y.example"),
        ),
        (
            "from mail.example ([192.0.2.1]:2525 helo=other.example ident=ada) by mx with esmtps"
            " (TLS1.3:TLS_AES_128_GCM_SHA256:128) (Exim 4.98) for bob@mx.example",
            Received("mail.example", "192.0.2.1", helo="other.example", ident="ada", by="mx", protocol="ESMTPS",
                     recipient="bob@mx.example", tls_version="TLSv1.3", tls_cipher="TLS_AES_128_GCM_SHA256"),
        ),
        (
            "from mail.example ([192.0.2.1]:2525) by mx with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.98) id 1a-2",
            Received("mail.example", "192.0.2.1", by="mx", protocol="ESMTPS", id="1a-2", tls_version="TLSv1.3",
                     tls_cipher="TLS_AES_256_GCM_SHA384"),
        ),
        (
            "from [192.0.2.1] (account ada@b.example HELO [10.0.0.1]) by mx with [InterMail vM.6] with ESMTP id <5@mx>",
            Received("192.0.2.1", helo="10.0.0.1", ident="ada@b.example", by="mx", protocol="ESMTP", id="5@mx"),
        ),
        (
            "from unknown (HELO mail.example) (192.0.2.1) by mx.example with SMTP",
            Received("unknown", "192.0.2.1", helo="mail.example", by="mx.example", protocol="SMTP"),
        ),
        (
            "from a.example ([::ffff:192.0.2.1]) by mx.example with esmtp",
            Received("a.example", "::ffff:192.0.2.1", by="mx.example", protocol="ESMTP"),
        ),
        (
            "from a.example (EHLO ) [192.0.2.1] by mx.example via csmap with Microsoft SMTPSVC(5.0)",
            Received("a.example", "192.0.2.1", by="mx.example", via="csmap", protocol="SMTP"),
        ),
        (
            "from a (a.example. [fe80::1%6] (may be forged)) (using TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256"
            " bits)) (No client certificate requested) by mx.example",
            Received("a", "fe80::1", "a.example.", by="mx.example", tls_version="TLSv1.2",
                     tls_cipher="ECDHE-RSA-AES256-GCM-SHA384"),
        ),
        (
            "by 2002:a05::1 with SMTP id a1csp2; (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128)",
            Received(by="2002:a05::1", protocol="SMTP", id="a1csp2", tls_version="TLSv1.3",
                     tls_cipher="TLS_AES_128_GCM_SHA256"),
        ),
        ("(from ada@localhost) by a.example (8.14/Submit) id 1", Received("ada@localhost", by="a.example", id="1")),
        ("(qmail 1 invoked by uid 2)", Received()),
        ("from a with [XMail 1.20 ESMTP Server] id <S1> for <b@c.example> from <d@e.example>",
         Received("a", protocol="ESMTP", id="S1", recipient="b@c.example")),
        ("from a ([192.0.2.1.2525] [local]) by [192.0.2.2] with mapi", Received("a", by="192.0.2.2")),
        ("from a (ada@[192.0.2.1]) by b with ESMTP-TLS", Received("a", "192.0.2.1", ident="ada", by="b", protocol="ESMTPS")),
        ("from [192.0.2.1] (helo=[10.0.0.1] ident=[10.0.0.2]) by b with asmtp",
         Received("192.0.2.1", helo="10.0.0.1", ident="10.0.0.2", by="b")),
        ("from a (IDENT:ada@[192.0.2.1]) by b (8.9.3/8.9.3)", Received("a", "192.0.2.1", ident="ada", by="b")),
        ("from a ([192.0.2.1]) by b with ESMTP/TLS/ECDHE-RSA-AES256-GCM-SHA384",
         Received("a", "192.0.2.1", by="b", protocol="ESMTPS", tls_cipher="ECDHE-RSA-AES256-GCM-SHA384")),
        ("from a by b with ESMTP/inet id 1", Received("a", by="b", protocol="ESMTP", id="1")),
        ("from a (b.example [192.0.2.1]) (TLS: TLSv1/SSLv3, 168bits,DES-CBC3-SHA) by b with esmtp",
         Received("a", "192.0.2.1", "b.example", by="b", protocol="ESMTP", tls_version="TLSv1.0", tls_cipher="DES-CBC3-SHA")),
        ("from a by b with ESMTP/TLSv1.2", Received("a", by="b", protocol="ESMTPS", tls_version="TLSv1.2")),
        ("from a (HELO c) (192.0.2.1) by b (qpsmtpd/0.82) with (DHE-RSA-AES256-SHA encrypted) ESMTPSA",
         Received("a", "192.0.2.1", helo="c", by="b", protocol="ESMTPSA", tls_cipher="DHE-RSA-AES256-SHA")),
        ("from a ([192.0.2.1]) (AUTH: LOGIN ada@c.example, TLS: TLSv1/SSLv3,128bits,RC4-MD5) by b with esmtp",
         Received("a", "192.0.2.1", by="b", protocol="ESMTP", tls_version="TLSv1.0", tls_cipher="RC4-MD5")),
        ("from a (never closed [192.0.2.1] by b", Received("a", "192.0.2.1", by="b")),
        ("by b for <undisclosed>", Received(by="b")),
    ],
)  # fmt: skip
def test_a_hop_is_read(text: str, expected: Received) -> None:
    assert expected == parse_received(text)


def test_the_date_stands_after_the_last_semicolon() -> None:
    assert parse_received("from a (b; c) by d" + STAMP).date == WHEN
    assert parse_received("from a by d on Wed, 11 Feb 2026 17:45:08 +0100").date is None


@pytest.mark.parametrize(
    "piece", ["(", ")", "((", "()", "(a)", "[", "[]", "<", "<>", "from ", "by (", "a.", "=", ";", "\\", "TLS1:"]
)
@pytest.mark.slow
def test_time_is_bounded(piece: str) -> None:
    in_time(0.2, lambda: parse_received("from a (" + piece * 100_000))


@settings(max_examples=75)
@given(
    st.lists(
        st.sampled_from(
            [*"()[]<>;,@=:\\ ", "from", "by", "with", "id", "for", "a.example", "192.0.2.1", "helo", "ESMTP", "TLSv1"]
        )
    )
)
def test_whatever_comes_a_hop_is_returned(pieces: list[str]) -> None:
    assert isinstance(parse_received(" ".join(pieces)), Received)
    assert isinstance(parse_received("".join(pieces)), Received)


@pytest.mark.corpora
def test_mail_parser_received_table(shared: Path) -> None:
    listed = {line.split("`")[1] for line in EXCEPTIONS.read_text().splitlines() if line.startswith("- `")}
    rows = json.loads((shared / "corpora/headers/mail-parser/received.json").read_text())
    failed = []
    for row in rows:
        text = " ".join(row["header"].split())
        if parse_received(text) != expectation(row["expected"]) and text not in listed:
            failed.append(text)
    print(f"\nreceived headers: {len(rows) - len(failed)}/{len(rows)}")
    assert [] == failed


def expectation(row: dict[str, Any]) -> Received | None:
    def text(name: str) -> str:
        value = row.get(name)
        return next(iter(value.values())) if isinstance(value, dict) else value or ""

    date = row.get("date")
    try:
        moment = date and datetime(
            *(date[key] for key in ("year", "month", "day", "hour", "minute", "second")),
            tzinfo=timezone((-1 if date["tz_before_gmt"] else 1) * timedelta(hours=date["tz_hour"], minutes=date["tz_minute"])),
        )
    except ValueError:
        return None
    names = {"from_name": "from", "from_ip": "from_ip", "from_host": "from_iprev", "helo": "helo", "ident": "ident", "by": "by",
             "via": "via", "id": "id", "recipient": "for_", "tls_cipher": "tls_cipher"}  # fmt: skip
    values = {ours: text(theirs) for ours, theirs in names.items()}
    return Received(**values, protocol=text("with").upper(), tls_version=text("tls_version").replace("_", "."), date=moment)
