"""What there is to know of an incoming message: authenticated, read, traced; or refused while the peer still listens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core.errors import BlockedByPolicy, MailLoop, UnusableMessage
from mailwright.core.examining import EVENT_TEXT, MAX_ADDRESSES, Envelope, Peer, examine
from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth import arc, dkim

ZONE = """
there.example TXT v=spf1 ip4:192.0.2.1 -all
_dmarc.there.example TXT v=DMARC1; p=reject
quiet.example TXT v=spf1 ip4:192.0.2.1 -all
_dmarc.quiet.example TXT v=DMARC1; p=quarantine
none.example A 192.0.2.9
"""
ENVELOPE = Envelope(
    Peer("192.0.2.1", "mx.there.example"), "bob@there.example", ("ada@agents.example",), "mx.agents.example", 10**12
)
PLAIN = (
    b"From: Bob <bob@there.example>\r\nTo: ada@agents.example\r\nSubject: Tea?\r\n"
    b"Message-ID: <1@there.example>\r\n\r\nAt four?\r\n"
)


def look(raw: bytes = PLAIN, **change):
    return answer(examine(raw, replace(ENVELOPE, **change)), Zone.parse(ZONE))


def with_from(value: str) -> bytes:
    return f"From: {value}\r\nSubject: x\r\n\r\nx\r\n".encode()


# --- facts --------------------------------------------------------------------------------------------------------------


def test_what_a_list_shows():
    found = look()
    assert ("Bob <bob@there.example>", "bob@there.example", "Tea?", "At four?") == (
        found.header_from,
        found.from_address,
        found.subject,
        found.preview,
    )
    assert (("ada@agents.example",), (), (), 0, None) == (
        found.to,
        found.cc,
        found.reply_to,
        found.attachments,
        found.automatic,
    )
    assert ("<1@there.example>", (), ()) == found.ids


def test_addresses_are_kept_as_they_read_and_as_they_are_compared():
    raw = PLAIN.replace(
        b"To: ada@agents.example", "To: Ada <ADA@Agents.Example>, eva@bücher.example\r\nCc: Bob@X.Example".encode()
    )
    found = look(raw)
    assert (("Ada <ADA@Agents.Example>", "eva@bücher.example"), ("Bob@X.Example",)) == (found.to, found.cc)
    assert ("ada@agents.example", "eva@xn--bcher-kva.example", "bob@x.example") == found.people


def test_s11_an_author_in_another_script_is_kept_as_dns_knows_him():
    found = look(with_from("Jo <Jo@BÜCHER.example>"))
    assert ("jo@xn--bcher-kva.example", "Jo <Jo@BÜCHER.example>") == (found.from_address, found.header_from)


def test_crowds_and_long_texts_are_cut():
    crowd = ", ".join(f"p{n}@x.example" for n in range(300)).encode()
    raw = PLAIN.replace(b"To: ada@agents.example", b"To: " + crowd).replace(b"Tea?", b"T" * 3000) + b"x" * 10_000
    found = look(raw)
    assert (MAX_ADDRESSES, MAX_ADDRESSES, 998) == (len(found.to), len(found.people), len(found.subject))
    assert (EVENT_TEXT, True) == (len(found.text), found.truncated)


@pytest.mark.parametrize("character", ["x", "ä", "日", "🦊", "x\r\n"])
@pytest.mark.parametrize("length", [EVENT_TEXT, EVENT_TEXT + 2, 9 * EVENT_TEXT])
def test_no_text_is_cut_without_saying_so(character, length):
    count = length // len(character.replace("\r\n", "\n"))
    found = look(b"From: a@none.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + (character * count).encode())
    kept = character.replace("\r\n", "\n") * count
    assert (kept[:EVENT_TEXT], len(kept) > EVENT_TEXT) == (found.text, found.truncated)


def test_a_large_page_of_html_with_little_text_may_have_more():
    page = b"<p>Hello</p>" + b"<!-- nothing -->" * 2000 + b"<p>and goodbye</p>"
    found = look(b"From: a@none.example\r\nContent-Type: text/html\r\n\r\n" + page)
    assert (True, True) == (found.text.startswith("Hello"), found.truncated)


def test_words_in_other_charsets_are_decoded():
    assert "Grüße" == look(PLAIN.replace(b"Tea?", b"=?iso-8859-1?q?Gr=FC=DFe?=")).subject


def test_files_are_counted_and_machines_are_known():
    parts = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n"
        b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n"
    )
    found = look(b"From: bob@there.example\r\nAuto-Submitted: auto-replied\r\n" + parts)
    assert (1, "auto-submitted") == (found.attachments, found.automatic)
    assert "null-reverse-path" == look(mail_from="").automatic


def test_a_message_without_anything_but_its_author_is_a_message():
    found = look(b"From: bob@there.example\r\n")
    assert ("", "", "", ("", (), ())) == (found.subject, found.text, found.preview, found.ids)


# --- verdicts -----------------------------------------------------------------------------------------------------------


def test_a_name_that_dns_bears_out_is_verified():
    found = look()
    assert ("there.example", False, "pass") == (
        found.verified_domain,
        found.suspicious,
        found.authentication["dmarc"]["result"],
    )
    assert ("pass", "there.example", "mfrom") == tuple(
        found.authentication["spf"][name] for name in ("result", "domain", "scope")
    )
    assert all(found.authentication[name]["steps"] for name in ("spf", "dmarc"))


@pytest.mark.parametrize(
    ("circumstance", "change", "raw", "result", "suspicious"),
    [
        ("from elsewhere, reject", {"peer": Peer("198.51.100.9", "x")}, PLAIN, "fail", True),
        ("from elsewhere, quarantine", {"peer": Peer("198.51.100.9", "x")}, with_from("a@quiet.example"), "fail", True),
        ("another domain's envelope", {"mail_from": "eve@quiet.example"}, PLAIN, "fail", True),
        ("a domain without a policy", {"peer": Peer("198.51.100.9", "x")}, with_from("a@none.example"), "none", False),
        ("a domain that is not there", {}, with_from("a@gone.example"), "none", False),
    ],
)
def test_a_name_that_nothing_bears_out_is_not(circumstance, change, raw, result, suspicious):
    found = look(raw, **change)
    assert (None, result, suspicious) == (found.verified_domain, found.authentication["dmarc"]["result"], found.suspicious)


@pytest.mark.parametrize(("domain", "refused"), [("there.example", True), ("quiet.example", False)])
def test_what_a_policy_rejects_is_refused_where_the_operator_says_so(domain, refused):
    elsewhere = Peer("198.51.100.9", "x")
    if refused:
        with pytest.raises(BlockedByPolicy, match=r"DMARC fails for there\.example"):
            look(with_from(f"a@{domain}"), peer=elsewhere, honor_reject=True)
    else:
        assert look(with_from(f"a@{domain}"), peer=elsewhere, honor_reject=True).suspicious


def test_S9_what_a_message_says_of_itself_is_no_verdict():
    forged = b"Authentication-Results: mx.agents.example; spf=pass; dkim=pass; dmarc=pass header.from=there.example\r\n"
    found = look(forged + PLAIN, peer=Peer("198.51.100.9", "x"))
    assert ("fail", "fail", None) == (
        found.authentication["spf"]["result"],
        found.authentication["dmarc"]["result"],
        found.verified_domain,
    )
    assert b"dmarc=pass" not in found.trace


# --- the author (S11) ---------------------------------------------------------------------------------------------------

TRICKS = {
    "no From": b"Subject: x\r\n\r\nx\r\n",
    "two From fields": b"From: bob@there.example\r\nFrom: eve@quiet.example\r\n\r\nx\r\n",
    "two of the same": b"From: bob@there.example\r\nFrom: bob@there.example\r\n\r\nx\r\n",
    "two authors": with_from("bob@there.example, eve@quiet.example"),
    "two authors of one domain": with_from("bob@there.example, eve@there.example"),
    "an empty From": with_from(""),
    "a name alone": with_from("Bob"),
    "no domain": with_from("bob"),
    "an empty group": with_from("undisclosed:;"),
    "two at signs": with_from("bob@there.example@quiet.example"),
    "an address in the name (CVE-2023-27043)": with_from("bob@there.example)<eve@quiet.example>"),
    "an unclosed comment": with_from("eve@quiet.example(<bob@there.example>"),
    "an unclosed quotation": with_from('"bob@there.example <eve@quiet.example>'),
    "a null in it": b"From: bob@there.example\0@quiet.example\r\n\r\nx\r\n",
    "a route": with_from("<@there.example:eve@quiet.example>"),
    "brackets twice": with_from("<bob@there.example><eve@quiet.example>"),
}


@pytest.mark.parametrize("honor_reject", [True, False])
@pytest.mark.parametrize("trick", TRICKS)
def test_S11_a_message_without_exactly_one_author_on_whom_all_agree_is_refused(trick, honor_reject):
    with pytest.raises(UnusableMessage):
        look(TRICKS[trick], honor_reject=honor_reject)


@pytest.mark.parametrize(
    ("trick", "why"),
    [
        ("two From fields", "The message has 2 From fields; exactly one is needed."),
        ("no From", "The message has 0 From fields; exactly one is needed."),
        ("two authors", "The From field does not hold exactly one readable address."),
    ],
)
def test_S11_whoever_is_refused_for_it_is_told_what_is_wrong(trick, why):
    with pytest.raises(UnusableMessage) as refused:
        look(TRICKS[trick])
    assert why == refused.value.message


@pytest.mark.parametrize("between", [b"X: y\r\n" * 1000, b"X: " + b"a\r\n " * 70_000 + b"\r\n"], ids=["fields", "octets"])
def test_s11_s18_a_second_author_behind_what_is_read_of_a_header_gets_nowhere(between):
    with pytest.raises(UnusableMessage, match="header is longer"):
        look(b"From: bob@there.example\r\n" + between + b"From: eve@quiet.example\r\n\r\nx\r\n")
    with pytest.raises(UnusableMessage):
        look(b"From: bob@there.example\r\n" + between + b"\r\nx\r\n")


def test_a_header_of_a_thousand_fields_is_read():
    assert "bob@there.example" == look(b"From: bob@there.example\r\n" + b"X: y\r\n" * 999 + b"\r\nx\r\n").from_address


@pytest.mark.parametrize(
    ("value", "author"),
    [
        ('"bob@there.example" <eve@quiet.example>', "eve@quiet.example"),
        ("=?utf-8?q?bob=40there.example?= <eve@quiet.example>", "eve@quiet.example"),
        ("eve@quiet.example (bob@there.example)", "eve@quiet.example"),
        ("Team: eve@quiet.example;", "eve@quiet.example"),
        ('"eve@there.example"@quiet.example', "eve@there.example@quiet.example"),
    ],
)
def test_S11_names_that_look_like_addresses_are_names(value, author):
    assert author == look(with_from(value)).from_address


# --- loops (SM-8) -------------------------------------------------------------------------------------------------------

HOP = b"Received: from a.example by b.example; Mon, 1 Jan 2026 00:00:00 +0000\r\n"


@pytest.mark.parametrize(("hops", "limit", "refused"), [(30, 30, False), (31, 30, True), (5, 4, True)])
def test_SM8_s19_hops_are_counted(hops, limit, refused):
    if refused:
        with pytest.raises(MailLoop):
            look(HOP * hops + PLAIN, received_limit=limit)
    else:
        assert "Tea?" == look(HOP * hops + PLAIN, received_limit=limit).subject


@pytest.mark.parametrize("field", [b"Delivered-To: ada@agents.example\r\n", b"DELIVERED-TO:  ADA@Agents.Example \r\n"])
def test_SM8_s19_what_was_delivered_to_this_mailbox_before_is_refused(field):
    with pytest.raises(MailLoop, match="before"):
        look(field + PLAIN)


def test_what_was_delivered_to_another_mailbox_before_is_not():
    assert "Tea?" == look(b"Delivered-To: list@there.example\r\n" + PLAIN).subject


# --- the trace ----------------------------------------------------------------------------------------------------------


def test_the_trace_says_who_came_how_and_for_whom():
    trace = look(peer=Peer("192.0.2.1", "mx.there.example", "TLSv1.3 TLS_AES_256_GCM_SHA384")).trace.decode()
    assert trace.startswith("Return-Path: <bob@there.example>\r\n")
    assert "Authentication-Results: mx.agents.example" in trace
    assert "Received: from mx.there.example ([192.0.2.1])" in trace
    assert "(TLSv1.3 TLS_AES_256_GCM_SHA384)" in trace
    assert "by mx.agents.example with ESMTPS" in trace
    assert "for <ada@agents.example>" in trace
    assert trace.endswith("Sun, 09 Sep 2001 01:46:40 -0000\r\n")


@pytest.mark.parametrize(
    ("peer", "fragment"),
    [
        (Peer("192.0.2.1", "x"), "with ESMTP;\r\n"),
        (Peer("192.0.2.1", "x", protocol="SMTP"), "with SMTP;\r\n"),
        (Peer("192.0.2.1", "x", "TLSv1.3 x", protocol="UTF8SMTPS"), "with UTF8SMTPS;\r\n"),
        (Peer("2001:db8::1", "x"), "([IPv6:2001:db8::1])"),
        (Peer("192.0.2.1", ""), "from unknown ("),
        (Peer("192.0.2.1", "a)b<c>;d\\\r\nX: y"), "from abcdX: y ("),
    ],
)
def test_s23_what_a_peer_says_breaks_no_line_of_the_trace(peer, fragment):
    trace = look(peer=peer, rcpt_to=("a@agents.example", "b@agents.example")).trace.decode()
    assert fragment in trace
    assert "for <" not in trace  # who else got it is nobody's business
    assert {"Return-Path", "Authentication-Results", "Received"} == {
        line.partition(":")[0] for line in trace.split("\r\n") if line and line[0] not in " \t"
    }


def test_a_null_reverse_path_is_written_as_one():
    assert look(mail_from="").trace.startswith(b"Return-Path: <>\r\n")


# --- whom the operator believes -------------------------------------------------------------------------------------------


def test_a_chain_excuses_a_failure_where_the_operator_trusts_its_sealers():
    sealed, zone = relayed_and_changed()
    strict = {"peer": Peer("192.0.2.77", "mx.list.example"), "mail_from": "list@list.example", "honor_reject": True}
    with pytest.raises(BlockedByPolicy):
        answer(examine(sealed, replace(ENVELOPE, **strict)), zone)
    found = answer(examine(sealed, replace(ENVELOPE, **strict, trusted_sealers=("list.example",))), zone)
    assert ("fail", False) == (found.authentication["dmarc"]["result"], found.suspicious)


def relayed_and_changed() -> tuple[bytes, Zone]:
    """A message that DMARC passed for at a list, which changed and sealed it."""
    key = dkim.load_key("list.example", "s", b"list".ljust(32, b"."))
    changed = PLAIN.replace(b"Subject: ", b"Subject: [list] ")
    header = parse_header(changed)
    fields = arc.seal(
        header,
        changed[header.body_start :],
        key,
        chain=arc.ArcVerdict(arc.ArcResult.NONE),
        authserv_id="mx.list.example",
        results="dmarc=pass header.from=there.example",
        now=10**9,
    )
    return fields + changed, Zone.parse(f"{ZONE}\ns._domainkey.list.example TXT {dkim.dns_record(key)}\n")
