"""Addresses: strict where we decide, lenient where we only read."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import in_time

from mailwright.mail.address import (
    Address,
    AddressDefect,
    AddressList,
    Group,
    InvalidAddress,
    domain_to_ascii,
    parse_address_list,
    parse_envelope_address,
    parse_mailbox,
    valid_domain,
)
from mailwright.mail.header import parse_header

EXCEPTIONS = Path(__file__).parents[1] / "exceptions" / "addresses.md"


def names_and_addresses(text: str) -> list[tuple[str, str]]:
    return [(mailbox.display_name, mailbox.addr_spec) for mailbox in parse_address_list(text).mailboxes]


# Strict


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.org", Address("", "ada", "example.org")),
        ("<ada@example.org>", Address("", "ada", "example.org")),
        ("Ada Lovelace <ada@example.org>", Address("Ada Lovelace", "ada", "example.org")),
        ('"Lovelace, Ada" <ada@example.org>', Address("Lovelace, Ada", "ada", "example.org")),
        ('"Ada \\"A\\" L" <ada@example.org>', Address('Ada "A" L', "ada", "example.org")),
        ("Joe Q. Public <joe@example.org>", Address("Joe Q. Public", "joe", "example.org")),
        ("Zoë <zoë@bücher.example>", Address("Zoë", "zoë", "bücher.example")),
        ("ada+list=x@example.org", Address("", "ada+list=x", "example.org")),
        ('"two words"@example.org', Address("", "two words", "example.org")),
        ('"ada"@example.org', Address("", "ada", "example.org")),
    ],
)
def test_one_mailbox_is_read_as_it_is_meant(text: str, expected: Address) -> None:
    assert expected == parse_mailbox(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no address"),
        ("ada", "no @"),
        ("@example.org", "nothing before"),
        ("ada@", "domain is missing"),
        (".ada@example.org", "dot at its start"),
        ("a..da@example.org", "two in a row"),
        ("ada@example..org", "empty label"),
        ("ada@example.org.", "empty label"),
        ("ada@-example.org", "hyphen"),
        ("ada@exam_ple.org", "not allowed"),
        ("ada@[192.0.2.1]", "brackets"),
        ("ada@example.org, bob@example.org", "not allowed"),
        ("ada@example.org (work)", "not allowed"),
        ("(x)ada@example.org", "not allowed"),
        ("a" * 65 + "@example.org", "64"),
        ("ä" * 33 + "@example.org", "64"),
        ("ada@" + "a" * 64 + ".example", "63"),
        ("ada@" + "abcdefg." * 31 + "example", "254"),
        ("ada@example.org>", "without"),
        ("Ada, <ada@example.org>", "quoted"),
        ("ada@example.org\r\nBcc: eve@example.org", "not allowed"),
        ("ada@example.org\n", "not allowed"),
        ("ada\0@example.org", "not allowed"),
        ("Ada\r\nBcc: x <ada@example.org>", "quoted"),
        ("Ada\tL <ada@example.org>", "control"),
        ("Ada\x1b[31m L <ada@example.org>", "quoted"),
        ('"Ada\u202egro" <ada@example.org>', "control"),
        ("=?utf-8?q?Ada?= <ada@example.org>", "encoded word"),
        ("=?utf-8?q?ada=40evil.example=3E?=@example.org", "encoded word"),
        ("ada\u200b@example.org", "can't be seen"),
        ("ada\u202e@example.org", "can't be seen"),
        ("ada@exa\u200bmple.org", "internationalised"),
        ("ada@exa\uff0emple.org", "internationalised"),
        ("N" * 901 + " <ada@example.org>", "900"),
        ('"Ada <ada@example.org>', "no end"),
        ("ada@" + "a" * 255, "254"),
        ("ä" * 20 + "@" + "abcdefg." * 27 + "abc", "254"),
        # CVE-2023-27043: readers that stop early see another domain than those that go on.
        ("alice@example.org]<bob@example.com>", "quoted"),
        ("alice@example.org)<bob@example.com>", "quoted"),
        ("alice@example.org(<bob@example.com>", "quoted"),
        ("alice@example.org<bob@example.com>", "quoted"),
        ("alice@example.org@bob@example.com", "not allowed"),
        ("alice@example.org:<bob@example.com>", "quoted"),
        ("alice@example.org;<bob@example.com>", "quoted"),
        ("alice@example.org,<bob@example.com>", "quoted"),
        ('alice@example.org"<bob@example.com>', "quoted"),
        ("alice@example.org\\<bob@example.com>", "quoted"),
        ("<alice@example.org><bob@example.com>", "quoted"),
    ],
)
def test_s11_a_text_that_is_not_exactly_one_mailbox_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidAddress) as refusal:
        parse_mailbox(text)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("ada@[192.0.2.1]", True),
        ("ada@[IPv6:2001:db8::1]", True),
        ("ada@[IPv6:fe80::1%eth0]", False),
        ("ada@[192.0.2.256]", False),
        ("ada@[x-tag:content]", False),
        ("ada@[192.0.2.1", False),
        ("<ada@example.org>", False),
        ("postmaster", False),
        (" ada@example.org", False),
    ],
)
def test_an_envelope_address_may_have_a_literal_and_nothing_around_it(text: str, accepted: bool) -> None:
    try:
        parse_envelope_address(text)
    except InvalidAddress:
        assert not accepted
    else:
        assert accepted


def test_the_domain_may_fill_the_address_to_254_octets_and_no_more() -> None:
    domain = "abcdefg." * 30 + "abcdefgh"  # 248
    assert domain == parse_mailbox("abcde@" + domain).domain
    with pytest.raises(InvalidAddress):
        parse_mailbox("abcdef@" + domain)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("Example.ORG", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("localhost", "localhost"),
    ],
)
def test_s11_domains_are_compared_by_their_a_labels(domain: str, expected: str) -> None:
    assert expected == domain_to_ascii(domain)
    assert expected == Address("", "ada", domain).domain_ascii
    assert valid_domain(domain)


@pytest.mark.parametrize(
    "domain",
    [
        "",
        ".",
        "a.",
        ".a",
        "a" * 254,
        "ü." * 100 + "abc",
        "a b",
        "a\n",
        "[192.0.2.1]",
        "☃.example",
        "ẞ\u0660a.example",
    ],
)
def test_what_is_no_domain_is_not_valid(domain: str) -> None:
    assert not valid_domain(domain)


def test_an_impossible_domain_still_has_a_form_to_compare() -> None:
    assert "☃.example" == Address("", "a", "☃.EXAMPLE").domain_ascii


@pytest.mark.parametrize(
    ("address", "spec", "shown"),
    [
        (Address("", "ada", "example.org"), "ada@example.org", "ada@example.org"),
        (Address("Ada", "ada", "example.org"), "ada@example.org", "Ada <ada@example.org>"),
        (Address("A. L", 'a "b"', "x.example"), '"a \\"b\\""@x.example', '"A. L" <"a \\"b\\""@x.example>'),
        (Address("", "", "x.example"), '""@x.example', '""@x.example'),
        (Address("", "root", ""), "root", "root"),
    ],
)
def test_an_address_is_shown_with_quotes_where_it_needs_them(address: Address, spec: str, shown: str) -> None:
    assert spec == address.addr_spec
    assert shown == str(address)


def test_only_a_local_part_needs_smtputf8() -> None:
    assert parse_mailbox("zoë@example.org").needs_smtputf8
    assert not parse_mailbox("zoe@bücher.example").needs_smtputf8


# Lenient


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("ada@example.org", [("", "ada@example.org")]),
        ("Ada <ada@example.org>", [("Ada", "ada@example.org")]),
        ("ada@example.org (Ada L)", [("Ada L", "ada@example.org")]),
        ("(c) Ada (x (y)) <ada(1)@(2)example(3).org(4)> (5)", [("Ada", "ada@example.org")]),
        ("a@x.example,b@x.example , c@x.example", [("", "a@x.example"), ("", "b@x.example"), ("", "c@x.example")]),
        ('"a b" . c@x.example', [("", '"a b.c"@x.example')]),
        ('"Comma, Inc." <c@x.example>', [("Comma, Inc.", "c@x.example")]),
        ("=?utf-8?q?Zo=C3=AB?= =?utf-8?q?_Z?= <z@x.example>", [("Zoë Z", "z@x.example")]),
        ("=?utf-8?q?Comma,_Inc.?= <c@x.example>", [("Comma, Inc.", "c@x.example")]),
        ("Zoë <z@bücher.example>", [("Zoë", "z@bücher.example")]),
        ("<@relay.example,@b.example:ada@x.example>", [("", "ada@x.example")]),
        ("root", [("", "root")]),
        ("Mail Delivery System", [("Mail Delivery System", "")]),
        ("a@x.example; b@x.example", [("", "a@x.example"), ("", "b@x.example")]),
        ("Ada ada@x.example", [("Ada", "ada@x.example")]),
        ("a@x.example b@x.example", [("", "a@x.example"), ("", "b@x.example")]),
        ("Ada a@x.example\n Bob b@[192.0.2.1] c@x.example",
         [("Ada", "a@x.example"), ("Bob", "b@[192.0.2.1]"), ("", "c@x.example")]),
        ("a@b@x.example c@x.example", [("a@b@x.example", "c@x.example")]),
        ("Undisclosed-Recipient:;@mx.example", []),
        ("=?utf-8?q?Comma, Inc.?= <c@x.example>", [("Comma, Inc.", "c@x.example")]),
        ("Ada <ada@x.example", [("Ada", "ada@x.example")]),
        ("Ada <ada@x.example, Bob <bob@x.example>", [("Ada", "ada@x.example"), ("Bob", "bob@x.example")]),
        ('"Ada <ada@x.example>', [("Ada", "ada@x.example")]),
        ("Smile :( <ada@x.example>", [("", "ada@x.example")]),
        ("<ada@x.example> Ada", [("Ada", "ada@x.example")]),
        ("a@x.example <a@x.example>", [("a@x.example", "a@x.example")]),
        ("=?utf-8?q?a=0D=0ABcc=3A_x?= <a@x.example>", [("a  Bcc: x", "a@x.example")]),
        ("a\0b@x.example", [("a", "b@x.example")]),
        ("<>", []),
        (",,,", []),
        ("a@[192.0.2.1]", [("", "a@[192.0.2.1]")]),
        ("john..doe@x.example", [("", '"john..doe"@x.example')]),
        ("Ada [ada@x.example]", [("Ada", "ada@x.example")]),
        ("<ada l@x.example>", [("", '"ada l"@x.example')]),
        ("<ada@x.example evil.example>", [("", "ada@x.example")]),
        ("<ada@x.example)evil.example>", [("", "ada@x.example")]),
    ],
)  # fmt: skip
def test_a_list_is_read_however_it_is_written(text: str, expected: list[tuple[str, str]]) -> None:
    assert expected == names_and_addresses(text)


@pytest.mark.parametrize(
    ("text", "expected", "sound"),
    [
        ("Ada <ada@x.example>, b@x.example", set(), True),
        ("Joe Q. Public <j@x.example>", {AddressDefect.OBSOLETE}, True),
        ("a @ x . example", {AddressDefect.OBSOLETE}, True),
        ('"a".b@x.example', {AddressDefect.OBSOLETE}, True),
        ("john..doe@x.example", {AddressDefect.OBSOLETE}, True),
        ("a@x.example <a@x.example>", {AddressDefect.OBSOLETE}, True),
        ("<@r.example:a@x.example>", {AddressDefect.ROUTE}, True),
        ("a@x.example,,b@x.example", {AddressDefect.EMPTY_ELEMENT}, True),
        ("Ada <a@x.example", {AddressDefect.UNCLOSED}, False),
        ("friends: a@x.example", {AddressDefect.UNCLOSED}, False),
        ("<a@x.example> Ada", {AddressDefect.MISPLACED}, False),
        ("Ada a@x.example", {AddressDefect.MISPLACED}, False),
        ("a@x.example b@x.example", {AddressDefect.MISPLACED}, False),
        ("a@x.example>", {AddressDefect.MISPLACED}, False),
        ("a@x.example;b@x.example", {AddressDefect.MISPLACED}, False),
        ("<@a@x.example>", {AddressDefect.MISPLACED, AddressDefect.SEVERAL_AT}, False),
        ("<a b@x.example>", {AddressDefect.MISPLACED, AddressDefect.OBSOLETE}, False),
        ("<a@x.example><b@x.example>", {AddressDefect.MISPLACED}, False),
        ("a\x01 <a@x.example>", {AddressDefect.MISPLACED}, False),
        ("a@x@y.example", {AddressDefect.MISPLACED, AddressDefect.SEVERAL_AT}, False),
        ("root", {AddressDefect.NO_DOMAIN}, False),
        ("Mail Delivery System", {AddressDefect.NO_ADDRESS}, False),
        ("a@y.example <a@x.example>", {AddressDefect.NAME_HAS_ADDRESS}, False),
    ],
)
def test_defects_are_told_and_only_old_forms_leave_a_list_sound(text: str, expected: set[AddressDefect], sound: bool) -> None:
    parsed = parse_address_list(text)
    assert expected == set(parsed.defects)
    assert sound is parsed.sound


@pytest.mark.parametrize(
    "text",
    [
        "alice@example.org]<bob@example.com>",
        "alice@example.org)<bob@example.com>",
        "alice@example.org(<bob@example.com>",
        "alice@example.org<bob@example.com>",
        "alice@example.org@<bob@example.com>",
        "alice@example.org:<bob@example.com>",
        "alice@example.org;<bob@example.com>",
        'alice@example.org"<bob@example.com>',
        "alice@example.org.<bob@example.com>",
        "alice@example.org\\<bob@example.com>",
    ],
)
def test_s11_an_address_that_readers_disagree_about_is_never_sound(text: str) -> None:
    assert not parse_address_list(text).sound


def test_s11_a_quoted_name_that_looks_like_an_address_stays_a_name() -> None:
    parsed = parse_address_list('"alice@example.org" <bob@example.com>')
    assert (Address("alice@example.org", "bob", "example.com"),) == parsed.mailboxes
    assert parsed.sound


def test_s11_an_encoded_word_in_an_address_is_not_decoded() -> None:
    parsed = parse_address_list("=?utf-8?q?alice=40example.org=3E?=@example.com")
    assert ["example.com"] == [mailbox.domain for mailbox in parsed.mailboxes]
    assert ["=?utf-8?q?alice=40example.org=3E?="] == [mailbox.local_part for mailbox in parsed.mailboxes]


def test_groups_keep_their_names_and_members() -> None:
    ada, bob = Address("Ada", "ada", "x.example"), Address("", "bob", "x.example")
    expected = AddressList((ada, bob), (Group("Two of us", (ada,)), Group("nobody", ())))
    assert expected == parse_address_list("Two of us: Ada <ada@x.example>; , nobody:;, bob@x.example")


def test_comments_are_kept_beside_a_name_and_take_its_place_when_there_is_none() -> None:
    named, bare = parse_address_list("Ada (math) <a@x.example>, b@x.example (Bob)").mailboxes
    assert ("Ada", "math") == (named.display_name, named.comment)
    assert ("Bob", "") == (bare.display_name, bare.comment)


@pytest.mark.slow
def test_a_list_without_end_is_cut() -> None:
    parsed = parse_address_list("a@b," * 30_000)
    assert AddressDefect.TOO_LONG in parsed.defects
    assert 10_000 == len(parsed.mailboxes)


# Within the unit run a size at which a loop of Python in a loop shows; with the slow ones, at which one of C does.
SIZES = [4_000, pytest.param(250_000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "piece",
    ['"', '\\"', "(", ")", "((", "(\\", "<", ">", "@", ",", ":", ";", "[", "]", "[\\", "a:", "a@", "a.", ". ", " ", "=?",
     "=?a?q?", "=?a?q?=", "<@a,", "<a@b>", '"a" ', "a b ", "a@b ", "a@b:", "(a)", "\\"],
)  # fmt: skip
@pytest.mark.slow
def test_s13_reading_takes_time_in_proportion_to_length(piece: str, size: int) -> None:
    text = piece * (size // len(piece))
    in_time(size / 20_000, lambda: parse_address_list(text))


@settings(max_examples=75)
@given(st.text(alphabet='ab."\\()<>@,:;[] =?q\t\r\né', max_size=60))
def test_whatever_comes_a_list_is_returned_and_agrees_with_the_strict_reader(text: str) -> None:
    parsed = parse_address_list(text)
    assert isinstance(parsed.sound, bool)
    try:
        strict = parse_mailbox(text)
    except InvalidAddress:
        return
    assert [strict] == [Address(m.display_name, m.local_part, m.domain) for m in parsed.mailboxes]
    assert parsed.sound


# Other people's tables


def exceptions() -> set[str]:
    return {line.split("`")[1] for line in EXCEPTIONS.read_text().splitlines() if line.startswith("- `")}


@pytest.mark.corpora
def test_isemail_table(shared: Path) -> None:
    table = ElementTree.parse(shared / "corpora/addresses/isemail/tests.xml")
    passed, failed = 0, list[str]()
    good = {"ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN", "ISEMAIL_RFC5321"}
    for row in table.iter("test"):
        category = row.findtext("category", "")
        text = "".join(chr(ord(c) - 0x2400) if 0x2400 <= ord(c) < 0x2420 else c for c in row.findtext("address", ""))
        try:
            parse_envelope_address(text)
            accepted = True
        except InvalidAddress:
            accepted = False
        if accepted == (category in good) or f"isemail {row.get('id')}" in exceptions():
            passed += 1
        else:
            failed.append(text)
    print(f"\naddresses: {passed}/{passed + len(failed)}")
    assert [] == failed


@pytest.mark.corpora
def test_mail_parser_address_table(shared: Path) -> None:
    rows = json.loads((shared / "corpora/headers/mail-parser/address.json").read_text())
    failed = [row["header"] for row in rows if shape(row["header"]) != row["expected"]]
    failed = [header for header in failed if " ".join(header.split()) not in exceptions()]
    print(f"\naddress headers: {len(rows) - len(failed)}/{len(rows)}")
    assert [] == failed


def shape(header: str) -> dict[str, Any]:
    parsed = parse_address_list(parse_header(b"To: " + header.encode()).value("to") or "")
    if not parsed.groups:
        return {"List": [mailbox_shape(mailbox) for mailbox in parsed.mailboxes]}
    found = [
        {"name": name_shape(group), "addresses": [mailbox_shape(mailbox) for mailbox in group.mailboxes]}
        for group in parsed.groups
    ]
    members = sum(len(group.mailboxes) for group in parsed.groups)
    rest = [mailbox_shape(mailbox) for mailbox in parsed.mailboxes[members:]]
    return {"Group": [*found, {"name": None, "addresses": rest}] if rest else found}


def mailbox_shape(mailbox: Address) -> dict[str, str | None]:
    address = f"{mailbox.local_part}@{mailbox.domain}" if mailbox.domain else mailbox.local_part
    return {"name": name_shape(mailbox), "address": address or None}


def name_shape(named: Address | Group) -> str | None:
    return f"{named.display_name} ({named.comment})" if named.comment else named.display_name or None
