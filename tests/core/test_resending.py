"""What goes on top of a message that a rule hands on: whatever the message is, it goes on, and no byte of it is changed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwright.core.resending import prefix
from mailwright.mail.header import parse_header
from mailwright.testing import Internet

CAROL = "carol@elsewhere.example"
PLAIN = b"From: bob@there.example\r\nSubject: Tea?\r\n\r\nAt four?\r\n"


@pytest.fixture(scope="module")
def parts():
    """A message that came, its mailbox and its domain."""
    internet = Internet()
    ada = internet.agent("ada")
    internet.person("bob@there.example").write(ada.address, "Tea?")
    domain = internet.read(lambda tx: tx.domains.by_name("agents.example"))
    message = ada.inbox()[0].message
    return replace(message, trace=message.trace.partition(b"\r\n")[2]), ada.mailbox, domain


def put_on(parts, raw: bytes = PLAIN, *, arc: str = "none", keys: bool = True) -> bytes:
    message, mailbox, domain = parts
    message = replace(message, authentication={"arc": {"result": arc}})
    header = parse_header(raw)
    return prefix(
        message,
        mailbox,
        domain if keys else replace(domain, dkim_keys=()),
        CAROL,
        header=header,
        body=lambda: raw[header.body_start :],
        hostname="mx.agents.example",
        now=10**9,
    )


def names(fields: bytes) -> list[str]:
    return [field.name for field in parse_header(fields).fields]


SEAL = ["arc-seal", "arc-message-signature", "arc-authentication-results"]
REST = ["resent-date", "resent-from", "resent-to", "resent-message-id", "x-loop", "delivered-to"]
TRACE = ["authentication-results", "received"]


def test_the_seal_stands_above_resent_fields_above_the_trace(parts):
    assert SEAL + REST + TRACE == names(put_on(parts))


@pytest.mark.parametrize(
    "raw", [b"Subject: no author\r\n\r\nx\r\n", b"From: a@b.example\r\nno field\r\nSubject: x\r\n\r\nx\r\n"]
)
def test_what_can_not_be_sealed_goes_on_without(parts, raw):
    assert REST + TRACE == names(put_on(parts, raw))


def test_nobody_seals_without_a_key_or_after_dns_failed(parts):
    assert REST + TRACE == names(put_on(parts, keys=False)) == names(put_on(parts, arc="temperror"))


def test_a_chain_that_is_over_is_not_prolonged(parts):
    ended = put_on(parts, arc="none").replace(b"cv=none", b"cv=fail") + PLAIN
    assert REST + TRACE == names(put_on(parts, ended, arc="fail"))


def test_a_broken_chain_is_said_to_be_broken(parts):
    sealed = put_on(parts) + PLAIN
    assert b"cv=fail" in put_on(parts, sealed, arc="fail")
    assert b"cv=pass" in put_on(parts, sealed, arc="pass")


def test_only_what_a_signature_forbids_is_left_out(parts):
    signed = b"DKIM-Signature: v=1; a=rsa-sha256; d=there.example; s=s; h=from:Resent-From:x-loop:received; bh=AA==; b=AA==\r\n"
    left = [name for name in REST if name not in ("resent-from", "x-loop")]
    assert SEAL + left + TRACE == names(put_on(parts, signed + PLAIN))


PIECES = (
    b"From: a@b.example\r\n",
    b"From: c@d.example\r\n",
    b"ARC-Seal: i=1; cv=none\r\n",
    b"ARC-Message-Signature: i=1; h=from\r\n",
    b"ARC-Authentication-Results: i=1; x; arc=none\r\n",
    b"Authentication-Results: mx.agents.example; dmarc=pass\r\n",
    b"DKIM-Signature: h=from:resent-to\r\n",
    b"Subject: \xff\xfe\r\n",
    b" folded\r\n",
    *(b"\0", b"\r", b"\n", b"\r\n", b":\r\n"),
)
MESSAGES = st.binary(max_size=600) | st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)


@settings(max_examples=100)
@given(MESSAGES, st.sampled_from(["none", "pass", "fail", "temperror"]))
def test_any_message_goes_on(parts, raw, arc):
    fields = put_on(parts, raw, arc=arc)
    assert fields.endswith(b"\r\n")
    assert "x-loop" in names(fields)
    assert parse_header(fields + b"\r\n").defects == ()
