"""Agent-Identity: what is signed verifies, and nothing else does (standards.md AI-1 to AI-12)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import example, given
from hypothesis import strategies as st
from identity_reference import KEY, MESSAGE, NOW, SHARED, signed, verdict, zone
from timing import in_time

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Question, Zone, answer
from mailwright.mailauth import dkim, provenance
from mailwright.mailauth.provenance.hashes import part_hashes
from mailwright.mailauth.provenance.tags import MAX_FIELD, MODES

VECTORS: dict[str, Any] = json.loads(SHARED.read_text())
ZONE = Zone({(name, "TXT"): (text,) for name, text in VECTORS["zone_txt"].items()})


@pytest.mark.corpora
@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vector(case: dict[str, Any]) -> None:
    message = base64.b64decode(case["message"])
    assert case["expect"] == verdict(message, ZONE, now=case["now"], rcpt=case["rcpt"]).verdict


@pytest.mark.corpora
def test_the_signer_writes_what_the_vectors_have() -> None:
    message = base64.b64decode(VECTORS["cases"][0]["message"])
    bare = message[message.index(b"From:") :]
    key = provenance.new_key("mail.example.com", "a1", bytes.fromhex(VECTORS["private_key_hex"]))
    who = provenance.Statement(agent_id="onboarding-agent-v2", oversight="gated_send", rcpt="bob@dest.example")
    nonce = bytes.fromhex("0d764c571d6aa2d0239c3e50")
    ours = provenance.sign(parse_header(bare), bare, who, key, now=VECTORS["signed_at"], nonce=nonce)
    field = parse_header(ours + bare).first("agent-identity")
    assert field is not None
    assert re.sub(rb"\s", b"", parse_header(message).fields[0].body) == re.sub(rb"\s", b"", field.body)


# --- what is signed ------------------------------------------------------------------------------------------------------


def test_what_was_signed_passes_and_says_how() -> None:
    found = verdict(signed(), rcpt="Bob@There.example")
    assert (provenance.Verdict.PASS, True, True) == (found.verdict, found.passes, found.signed)
    assert found.tags is not None
    assert ("ada", "gated_send", "mail.example.com") == (found.tags["agent_id"], found.tags["oversight"], found.tags["d"])
    assert (
        "mail.example.com speaks for From at mail.example.com",
        f"a1._agentid.mail.example.com TXT: {provenance.dns_record(KEY)}",
        "key at a1._agentid.mail.example.com, for agent *",
        "signed by the key: 17 tags",
        f"signed at {NOW}, good until {NOW + 14 * 86_400}",
        "header (13 names) and body are as signed",
        "made for this recipient",
        "pass",
    ) == found.steps


def test_an_empty_body_is_signed_as_empty() -> None:
    bare = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert "pass" == verdict(signed(bare)).verdict == verdict(signed(bare) + b"\r\n\r\n").verdict


def test_a_subdomain_may_be_spoken_for() -> None:
    assert "pass" == verdict(signed(MESSAGE.replace(b"<ada@mail.", b"<ada@sub.mail."))).verdict


@pytest.mark.parametrize("domain", ["notmail.example.com", "example.com", "other.example.com", "mail.example.com.evil.example"])
def test_ai_8_a_key_speaks_for_its_own_domain_and_what_is_under_it(domain: str) -> None:
    """Signed by the key itself, so that nothing but the name of the author speaks against it."""
    found = verdict(signed(MESSAGE.replace(b"<ada@mail.example.com>", f"<ada@{domain}>".encode())))
    assert ("fail", f"From is of {domain}, which mail.example.com can't speak for") == (found.verdict, found.reason)


def test_all_that_is_stated_is_in_the_field_and_nothing_that_is_not() -> None:
    who = provenance.Statement(
        agent_id="ada",
        oversight="gated_send",
        ai="generated",
        responsible="olga@example.com",
        approved_by="human",
        approval="c2FtcGxl",
        log="log.example#7",
    )
    tags = verdict(signed(statement=who)).tags or {}
    stated = {"ai": "generated", "rp": "olga@example.com", "apr": "human", "ap": "c2FtcGxl", "lg": "log.example#7"}
    assert stated == {name: tags[name] for name in stated}
    assert not {"rc", "ai"} & set(verdict(signed(statement=provenance.Statement(agent_id="a", oversight=MODES[4]))).tags or {})


def test_what_could_break_the_field_is_left_out_of_it() -> None:
    who = provenance.Statement(agent_id="ada", oversight="autonomous", responsible="o@x; b=1")
    found = verdict(signed(statement=who))
    assert ("pass", False) == (found.verdict, "rp" in (found.tags or {}))


@pytest.mark.parametrize(
    "broken",
    [
        {"statement": provenance.Statement(agent_id="a:b", oversight="autonomous")},
        {"statement": provenance.Statement(agent_id="ada-", oversight="autonomous")},
        {"statement": provenance.Statement(agent_id="ada", oversight="free")},
        {"nonce": b"short"},
        {"message": signed()},
        {"message": b"To: x@y.example\r\n\r\n"},
    ],
)
def test_what_nobody_could_verify_is_not_signed(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no agent|nonce|already"):
        signed(**broken)


def test_lines_stay_within_72_columns_and_no_name_is_folded() -> None:
    field = signed(statement=provenance.Statement(agent_id="a" * 64, oversight="gated_send", rcpt="b@x.example"))
    lines = field[: field.index(b"From:")].decode().split("\r\n")
    assert max(map(len, lines)) <= 75  # " agent_id=", 64 characters and a semicolon can't be shorter
    assert max(len(line) for line in signed()[: signed().index(b"From:")].decode().split("\r\n")) <= 72
    assert f" agent_id={'a' * 64};" == lines[1]
    assert "pass" == verdict(field).verdict


def test_the_recipe_of_the_first_version_still_verifies_it() -> None:
    value = (parse_header(signed()).value("agent-identity") or "").replace("\r\n", "")
    parts = dict(part.strip().split("=", 1) for part in value.split(";"))
    key = load_der_public_key(provenance.public_der(provenance.dns_record(KEY)) or b"")
    key.verify(base64.b64decode(parts["sig"]), f"{parts['agent_id']}:{parts['oversight']}".encode())  # type: ignore[union-attr, call-arg]


def test_dkim_covers_the_field_so_that_none_can_be_added() -> None:
    key = dkim.generate_ed25519("mail.example.com", "d1")
    known = Zone({(key.name, "TXT"): (dkim.dns_record(key),)})
    for message, expected in ((signed(), "pass"), (MESSAGE, "pass"), (signed(), "fail"), (MESSAGE, "fail")):
        header = parse_header(message)
        added = b"" if expected == "pass" else b"Agent-Identity: x=1\r\n"
        whole = dkim.sign(header, message[header.body_start :], (key,), now=NOW) + added + message
        (found,) = answer(dkim.verify(parse_header(whole), whole, now=NOW), known)
        assert expected == found.result


# --- what is not ---------------------------------------------------------------------------------------------------------


def changed(old: bytes, new: bytes) -> Callable[[], bytes]:
    return lambda: signed().replace(old, new, 1)


@pytest.mark.parametrize(
    ("expected", "make"),
    [
        ("none", lambda: MESSAGE),
        ("none", changed(b"a=ed25519-sha256", b"a=ml-dsa-44")),
        ("permerror", lambda: b"Agent-Identity: agent_id=ada; oversight=gated_send; sig=AAAA\r\n" + MESSAGE),
        ("permerror", lambda: signed().replace(b"From:", b"Agent-Identity: x=1\r\nFrom:", 1)),
        ("permerror", changed(b"==\r\nFrom", b"==;\r\nFrom")),
        ("permerror", changed(b" v=2;", b" v=2; v=2;")),
        ("permerror", changed(b" v=2;", b"")),
        ("permerror", changed(b" v=2;", b" v=3;")),
        ("permerror", changed(b" v=2;", b" v=2;;")),
        ("permerror", changed(b" v=2;", b" v;")),
        ("permerror", changed(b" v=2;", b" V=2; v=2;")),
        ("permerror", changed(b" v=2;", b" v=2; z=\xc3\xa4;")),
        ("permerror", changed(b" v=2;", b" v=2; z=\x07;")),
        ("permerror", changed(b" v=2;", b" v =2;")),
        ("permerror", changed(b"agent_id=ada;", b"agent_id=ada:;")),
        ("permerror", changed(b"oversight=gated_send", b"oversight=none")),
        ("permerror", changed(b"h=from:", b"h=from:from:")),
        ("permerror", changed(b"h=from:", b"h=")),
        ("permerror", changed(b"d=mail.example.com", b"d=mail..example.com")),
        ("permerror", changed(b" n=", b" n=0")),
        ("permerror", changed(b"sig=", b"sig=!")),
        ("permerror", changed(b" v=2;", b" v=2; ai=maybe;")),
        ("permerror", changed(b"Subject: Tea", b"Sub\0ject: Tea")),
        ("permerror", changed(b" v=2;", b" v=2;" + b" z=1;" * 200)),
        ("permerror", changed(b" v=2;", b" v=2; z=" + b"x" * MAX_FIELD + b";")),
        ("permerror", changed(b" s=a1;", b" s=a2;")),
        ("fail", changed(b" v=2;", b" v=2; apr=human;")),
        ("fail", changed(b"oversight=gated_send", b"oversight=autonomous")),
        ("fail", changed(b" x=1796", b" x=1797")),
        ("fail", changed(b"From: Ada", b"From: Eve <eve@mail.example.com>\r\nFrom: Ada")),
        ("fail", changed(b"From: Ada <ada@mail.example.com>", b"From: ada@mail.example.com, eve@mail.example.com")),
        ("fail", changed(b"<ada@mail.example.com>", b"<ada@example.com>")),
        ("fail", changed(b"<ada@mail.example.com>", b"<ada@notmail.example.com>")),
        ("fail", changed(b"Ada <", b"Eve <")),
        ("fail", changed(b"10:00:00", b"10:00:01")),
        ("fail", changed(b"<1@mail", b"<2@mail")),
        ("fail", changed(b"four", b"five")),
        ("pass-content", changed(b"Subject: Tea", b"Subject: Gin")),
        ("pass-content", changed(b"To: bob", b"To: eve@there.example\r\nTo: bob")),
        ("pass-content", changed(b"To: bob", b"Cc: eve@there.example\r\nTo: bob")),
        ("pass", lambda: signed().replace(b"?  \r\n", b"?\r\n").replace(b"Ada\r\n", b"Ada\r\n \r\n")),
        ("pass", changed(b"Subject: Tea", b"subject  :\r\n\tTea ")),
        ("pass", changed(b"Subject: Tea", b"X-Spam: no\r\nReceived: from a by b\r\nSubject: Tea")),
    ],
)
def test_verdict(expected: str, make: Callable[[], bytes]) -> None:
    message = make()
    assert message != signed()
    assert expected == verdict(message).verdict


@pytest.mark.parametrize(
    ("expected", "record"),
    [
        ("pass", "v=AGENTID1; k=ed25519; p={p}"),
        ("pass", " v = AGENTID1 ; k=ed25519; p={p}; agent=ada; m=gated_all:gated_send; n=a note"),
        ("fail", "v=AGENTID1; k=ed25519; p={p}; agent=eve"),
        ("fail", "v=AGENTID1; k=ed25519; p={p}; m=autonomous"),
        ("permerror", "v=AGENTID1; k=ed25519; p="),
        ("permerror", "v=AGENTID1; k=ed25519"),
        ("permerror", "v=AGENTID1; k=ed25519; p=AAAA"),
        ("permerror", "v=AGENTID1; k=ed25519; p=?"),
        ("permerror", "v=AGENTID1; k=ed25519; p={p}; p={p}"),
        ("permerror", "v=AGENTID1; p={p}"),
        ("permerror", "v=AGENTID1; k=rsa; p={p}"),
        ("permerror", "v=AGENTID1; k=ed25519; p={p}; n=" + "x" * 3000),
        ("permerror", "v=DKIM1; k=ed25519; p={p}"),
        ("temperror", "!servfail"),
        ("temperror", "!timeout"),
        ("permerror", "!nxdomain"),
    ],
)
def test_the_key_record_decides(expected: str, record: str) -> None:
    public = base64.b64encode(KEY.key.public_key().public_bytes_raw()).decode()
    assert expected == verdict(signed(), zone(record.replace("{p}", public))).verdict


def test_other_texts_beside_the_key_do_no_harm_and_a_second_key_does() -> None:
    name, record = "a1._agentid.mail.example.com", provenance.dns_record(KEY)
    assert "pass" == verdict(signed(), Zone({(name, "TXT"): ("hello", record)})).verdict
    assert "permerror" == verdict(signed(), Zone({(name, "TXT"): (record, record)})).verdict


def test_nothing_is_asked_of_dns_before_the_field_is_in_order() -> None:
    asked: list[Question] = []

    def lookup(question: Question) -> Any:
        asked.append(question)
        return zone()(question)

    for message in (MESSAGE, signed().replace(b" v=2;", b""), signed().replace(b"<ada@mail.", b"<ada@")):
        answer(provenance.verify(parse_header(message), message, now=NOW), lookup)
    assert [] == asked
    answer(provenance.verify(parse_header(signed()), signed(), now=NOW), lookup)
    assert [Question("a1._agentid.mail.example.com", "TXT")] == asked  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expected", "now"),
    [("fail", NOW - 301), ("pass", NOW - 300), ("pass", NOW + 14 * 86_400), ("expired", NOW + 14 * 86_400 + 1)],
)
def test_a_field_is_good_for_its_time(expected: str, now: int) -> None:
    assert expected == verdict(signed(), now=now).verdict


def test_nobody_may_sign_for_longer_than_30_days() -> None:
    assert "pass" == verdict(signed(lifetime=30 * 86_400)).verdict
    assert "fail" == verdict(signed(lifetime=30 * 86_400 + 1)).verdict


def test_an_expired_field_that_was_forged_is_forged() -> None:
    assert "fail" == verdict(signed().replace(b"gated_send", b"autonomous"), now=NOW * 2).verdict


def test_another_recipient_sees_that_it_was_relayed_and_nobody_learns_for_whom_it_was() -> None:
    found = verdict(signed(), rcpt="list@there.example")
    assert ("pass relayed", True) == (found.verdict, found.passes)
    assert ("made for another recipient", "pass relayed") == found.steps[-2:]
    assert b"bob" not in signed()[: signed().index(b"From:")]
    general = signed(statement=provenance.Statement(agent_id="ada", oversight="autonomous"))
    assert "pass" == verdict(general, rcpt="list@there.example").verdict
    assert "fail" == verdict(signed().replace(b"four", b"five"), rcpt="list@there.example").verdict


def test_two_copies_are_told_apart_by_their_nonce() -> None:
    assert signed(nonce=b"x" * 12) != signed(nonce=b"y" * 12)


# --- parts ---------------------------------------------------------------------------------------------------------------

PART = b"--b\r\nContent-Type: %b\r\nContent-Transfer-Encoding: %b\r\n\r\n%b\r\n"


def parts(*texts: tuple[bytes, bytes, bytes]) -> bytes:
    top = MESSAGE.replace(b"text/plain; charset=utf-8", b"multipart/mixed; boundary=b").partition(b"\r\n\r\n")[0]
    return top + b"\r\n\r\n" + b"".join(PART % text for text in texts) + b"--b--\r\n"


def after(message: bytes, then: bytes) -> str:
    """The verdict on `message`, signed, where another body stands below it."""
    field = signed(message)[: -len(message)]
    return verdict(field + then).verdict


PLAIN = (b"text/plain; charset=utf-8", b"8bit", "Grüße  \r\n\r\nAda\r\n".encode())
FILE = (b'application/pdf; name="a.pdf"', b"base64", b"JVBERi0=")


@pytest.mark.parametrize(
    ("expected", "then"),
    [
        ("pass", parts(PLAIN, FILE)),
        ("pass-content", parts((PLAIN[0], b"quoted-printable", b"Gr=C3=BC=C3=9Fe\r\n\r\nAda"), FILE)),
        ("pass-content", parts((b"text/plain; charset=iso-8859-1", b"8bit", b"Gr\xfc\xdfe\r\n\r\nAda"), FILE)),
        ("pass-content", parts((b"TEXT/plain; charset=UTF-8; format=flowed", PLAIN[1], PLAIN[2]), FILE)),
        ("pass-content+added", parts(PLAIN, FILE, (b"text/plain", b"7bit", b"-- footer"))),
        ("pass-content+added", parts(FILE, PLAIN)),
        ("pass-content+added", parts((b"text/plain", b"7bit", b"header"), PLAIN, FILE)),
        ("fail", parts(PLAIN)),
        ("fail", parts(PLAIN, PLAIN)),
        ("fail", parts((b"text/html; charset=utf-8", b"8bit", PLAIN[2]), FILE)),
        ("fail", parts(PLAIN, (b'application/pdf; name="b.pdf"', b"base64", FILE[2]))),
        ("fail", parts(PLAIN, (FILE[0], b"base64", b"JVBERi4="))),
    ],
)
def test_parts_that_were(expected: str, then: bytes) -> None:
    assert expected == after(parts(PLAIN, FILE), then)


def test_the_same_part_twice_is_not_vouched_for_by_one() -> None:
    assert "fail" == after(parts(PLAIN, FILE, FILE), parts(PLAIN, FILE))


def test_a_message_in_a_message_is_entered() -> None:
    inner = (b"message/rfc822", b"7bit", b"Subject: x\r\nContent-Type: text/plain\r\n\r\nhello")
    other = (b"message/rfc822", b"7bit", b"Subject: y\r\nContent-Type: text/plain\r\n\r\nhello  ")
    assert "pass-content" == after(parts(PLAIN, inner), parts(PLAIN, other))


def test_more_than_32_parts_are_signed_as_a_whole_only() -> None:
    crowd = parts(*[FILE] * 33)
    assert b" ph=none;" in signed(crowd)
    assert "pass" == verdict(signed(crowd)).verdict
    assert "fail" == after(crowd, crowd.replace(b"Subject: Tea", b"Subject: Gin"))
    assert b" ph=none;" not in signed(parts(*[FILE] * 32))


def test_a_message_too_deep_to_look_into_has_no_parts_to_compare() -> None:
    deep = b"Content-Type: message/rfc822\r\n\r\n" * 60
    message = MESSAGE.partition(b"Content-Type")[0] + deep + b"Subject: x\r\n\r\n"
    assert None is part_hashes(message, parse_header(message))


@pytest.mark.parametrize("charset", [b"utf-7", b"no-such-charset", b"idna", b"us-ascii", b"utf-16"])
def test_bytes_that_are_no_text_are_signed_all_the_same(charset: bytes) -> None:
    odd = parts((b"text/plain; charset=" + charset, b"8bit", b"+2AA- \xff\xfe\x80 \r\n"))
    assert "pass-content" == after(odd, odd.replace(b"Subject: Tea", b"Subject: Gin"))


# --- whatever comes ------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=400))
@example(b"=;" * 100)
@example(b"agent_id=a;" * 60)
def test_no_field_makes_it_raise(body: bytes) -> None:
    found = verdict(b"Agent-Identity: " + body.replace(b"\n", b" ") + b"\r\n" + MESSAGE)
    assert found.verdict in ("permerror", "none")
    assert not found.signed


@given(st.integers(0, len(signed()) - 1), st.binary(min_size=1, max_size=4))
def test_whatever_is_written_over_it_never_passes_for_another_content(at: int, junk: bytes) -> None:
    message = signed()[:at] + junk + signed()[at + len(junk) :]
    found = verdict(message)
    if found.verdict == "pass":
        # What changed is white space, or stands where nothing is signed.
        assert part_hashes(MESSAGE, parse_header(MESSAGE)) == part_hashes(message, parse_header(message))


@given(st.binary(max_size=300))
def test_any_body_that_is_signed_passes(body: bytes) -> None:
    message = MESSAGE.replace(b"At four?  \r\n\r\nAda\r\n", body)
    assert "pass" == verdict(signed(message)).verdict


@given(st.text(max_size=200))
def test_no_key_record_makes_it_raise(record: str) -> None:
    assert verdict(signed(), Zone({("a1._agentid.mail.example.com", "TXT"): (f"v=AGENTID1;{record}",)})).verdict != "pass"
    assert None is provenance.public_der(record)


@pytest.mark.parametrize(
    "crowd",
    [
        b"To: x@y.example\r\n" * 900,
        b"To: " + b"x@y.example, " * 15_000 + b"x@y.example\r\n",
        b"Agent-Identity:" + b" a=1;" * 40_000 + b"\r\n",
        b"Cc: " + b" \t" * 100_000 + b"\r\n",
    ],
)
def test_no_header_takes_long(crowd: bytes) -> None:
    message = signed().replace(b"From:", crowd + b"From:", 1)
    assert in_time(1, lambda: verdict(message)).verdict in ("pass-content", "permerror")


@pytest.mark.parametrize(
    "body", [b" \r\n" * 400_000, b"--b\r\n" * 200_000, b" " * 1_000_000, b"\r\n" * 500_000, b"=\r\n" * 300_000]
)
@pytest.mark.slow
def test_no_body_takes_long(body: bytes) -> None:
    message = parts(PLAIN) + body
    assert "pass" == in_time(1, lambda: verdict(signed(message))).verdict
    assert in_time(1, lambda: after(message, message + b"x")) in ("pass-content", "pass-content+added", "fail")


# --- keys ----------------------------------------------------------------------------------------------------------------


def test_a_key_comes_back_from_its_pem() -> None:
    loaded = provenance.load_key("Mail.Example.com", "a1", KEY.pem())
    assert provenance.dns_record(KEY) == provenance.dns_record(loaded)
    assert "mail.example.com" == loaded.domain


def test_a_dkim_key_of_another_kind_is_none() -> None:
    with pytest.raises(ValueError, match="not Ed25519"):
        provenance.load_key("mail.example.com", "a1", dkim.generate_rsa("mail.example.com", "r", 1024).pem())
    with pytest.raises(ValueError, match="not a name"):
        provenance.new_key("mail..example.com", "a1", bytes(32))


def test_the_legacy_signature_alone_opens_nothing() -> None:
    """Whoever has one message can put its first three tags on any other (standards.md §6.2)."""
    other = provenance.new_key("mail.example.com", "a1", bytes(32))
    forged = signed(key=other)
    sig = re.search(rb"sig=[^;]*", signed())
    assert sig is not None
    assert "fail" == verdict(re.sub(rb"sig=[^;]*", lambda _: sig[0], forged, count=1)).verdict


def test_a_sig_of_another_key_is_seen_even_under_a_right_b() -> None:
    from mailwright.mailauth.provenance.tags import parse, render, signed_octets

    field = parse(parse_header(signed()).fields[0].body)
    tags = dict(field.tags)
    tags["sig"] = base64.b64encode(bytes(64)).decode()
    tags["b"] = base64.b64encode(KEY.key.sign(signed_octets(tags))).decode()
    assert "sig is not this key's signature of agent and mode" == verdict(render(tags) + MESSAGE).reason
