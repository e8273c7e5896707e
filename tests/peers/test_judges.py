"""The same mail before several judges: opendkim with opendmarc in a Postfix, rspamd, pyspf, and us. Do all say the same?

And rspamd signs and seals what we verify, and verifies what we seal.
"""

from __future__ import annotations

import re
import smtplib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from email import message_from_bytes
from functools import reduce
from ipaddress import ip_address
from typing import Any

import programs
import pytest
import spf as pyspf
from live.rest import Json, eventually
from live.zone import Background, Dns
from room import DNS, PLACE, STRANGER, THEIR_DOMAIN, THEIR_HOSTNAME, THEIRS, ZONE

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Question, RecordType, Zone, answer
from mailwright.mailauth import arc, dkim
from mailwright.mailauth.authenticate import Authentication, authenticate

pytestmark = [pytest.mark.peers("postfix", "opendkim", "opendmarc", "openssl", "rspamd"), pytest.mark.slow]

KEY = dkim.generate_rsa("strict.example", "r1")
SIGNERS = ("strict.example", "relaxed.example", "sub.relaxed.example", "watching.example", "bare.example")
HELO = "stranger.example"
RECORDS = f"""
    strict.example TXT v=spf1 ip4:{STRANGER} -all
    sub.strict.example TXT v=spf1 ip4:{STRANGER} -all
    _dmarc.strict.example TXT v=DMARC1; p=reject; adkim=s; aspf=s
    relaxed.example TXT v=spf1 ip4:{STRANGER} -all
    sub.relaxed.example TXT v=spf1 include:relaxed.example ?all
    elsewhere.relaxed.example TXT v=spf1 ip4:192.0.2.1 ~all
    _dmarc.relaxed.example TXT v=DMARC1; p=quarantine; sp=reject
    watching.example TXT v=spf1 -all
    _dmarc.watching.example TXT v=DMARC1; p=none
    bare.example TXT v=spf1 a:{HELO} -all
    twice.example TXT v=spf1 mx -all
    twice.example TXT v=spf1 -all
    unsaid.example A 192.0.2.1
    slow.example TXT !servfail
"""


def signer(domain: str) -> dkim.SigningKey:
    return replace(KEY, domain=domain)


PUBLISHED = "\n".join(f"{signer(one).name} TXT {dkim.dns_record(KEY)}" for one in SIGNERS)
EVERYTHING = f"{ZONE}\n{RECORDS}\n{PUBLISHED}"


@dataclass(frozen=True, slots=True)
class Case:
    """A message: whose From, whose return path, who signs, and whether somebody changed it on its way."""

    author: str
    path: str
    signed: str = ""
    changed: bool = False

    def message(self, name: str) -> bytes:
        head = f"From: a@{self.author}\r\nTo: bob@{THEIR_DOMAIN}\r\nSubject: Tea?\r\nMessage-ID: <{name}@{self.author}>\r\n"
        raw = f"{head}Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n\r\nAt four?\r\n".encode()
        if self.signed:
            header = parse_header(raw)
            raw = dkim.sign(header, raw[header.body_start :], (signer(self.signed),), now=int(time.time())) + raw
        return raw.replace(b"four", b"five") if self.changed else raw


CASES = {
    "strict-both": Case("strict.example", "strict.example", "strict.example"),
    "strict-spf": Case("strict.example", "strict.example"),
    "strict-sub-path": Case("strict.example", "sub.strict.example"),
    "strict-sub-author": Case("sub.strict.example", "strict.example", "strict.example"),
    "strict-dkim": Case("strict.example", "watching.example", "strict.example"),
    "strict-neither": Case("strict.example", "watching.example"),
    "strict-changed": Case("strict.example", "watching.example", "strict.example", changed=True),
    "strict-other-signer": Case("strict.example", "watching.example", "relaxed.example"),
    "relaxed-both": Case("relaxed.example", "relaxed.example", "relaxed.example"),
    "relaxed-sub-path": Case("relaxed.example", "sub.relaxed.example"),
    "relaxed-sub-author": Case("sub.relaxed.example", "relaxed.example"),
    "relaxed-sub-signer": Case("relaxed.example", "watching.example", "sub.relaxed.example"),
    "relaxed-softfail": Case("relaxed.example", "elsewhere.relaxed.example"),
    "relaxed-sub-neither": Case("sub.relaxed.example", "watching.example"),
    "watching-neither": Case("watching.example", "relaxed.example"),
    "watching-dkim": Case("watching.example", "unsaid.example", "watching.example"),
    "bare": Case("bare.example", "bare.example", "bare.example"),
    "bare-nothing": Case("bare.example", "unsaid.example"),
    "permerror": Case("bare.example", "twice.example"),
    "temperror": Case("bare.example", "slow.example"),
}


# Where a judge says something else, and why we do not.
OTHERWISE = {
    # RFC 9989 §4.4: with aspf=s both names are the same, or they are not aligned. Its own look at SPF aligns any.
    ("opendmarc", "strict-sub-path"): ("pass", "none", "pass"),
    # It knows pass and fail alone; RFC 7208 §2.6 has seven results. For DMARC that is the same.
    ("opendmarc", "relaxed-softfail"): ("fail", "none", "fail"),
    ("opendmarc", "permerror"): ("fail", "none", "none"),
    ("opendmarc", "temperror"): ("fail", "none", "none"),
    # RFC 7208 §4.5: two records are a permerror. It takes one of them.
    ("rspamd", "permerror"): ("fail", "none", "none"),
}


@pytest.fixture(scope="module")
def dns() -> Dns:
    return Dns(Background(), EVERYTHING, host=DNS, port=53)


@pytest.fixture(scope="module")
def postfix(dns: Dns) -> programs.Postfix:
    _, dkim_socket = programs.opendkim({"Mode": "v", "AuthservID": THEIR_HOSTNAME, "AlwaysAddARHeader": "yes"})
    (PLACE / "psl").write_text("example\n")
    judging = {"SPFSelfValidate": "true", "RejectFailures": "false", "PublicSuffixList": str(PLACE / "psl")}
    names = {"AuthservID": THEIR_HOSTNAME, "TrustedAuthservIDs": THEIR_HOSTNAME}
    _, dmarc_socket = programs.opendmarc({**judging, **names})
    return programs.Postfix([dkim_socket, dmarc_socket])


@pytest.fixture(scope="module")
def rspamd(dns: Dns) -> None:
    key = PLACE / "r1.pem"
    key.write_bytes(KEY.pem())
    key.chmod(0o644)
    domains = " ".join(f'{one} {{ selector = "r1"; path = "{key}"; }}' for one in SIGNERS)
    always = "use_esld = false; allow_username_mismatch = true; allow_hdrfrom_mismatch = true; sign_inbound = true;"
    programs.rspamd(f"{always} domain {{ {domains} }}")


def ours(case: Case, raw: bytes) -> Authentication:
    asks = authenticate(
        raw, parse_header(raw), ip=ip_address(STRANGER), helo=HELO, mail_from=f"a@{case.path}", now=int(time.time())
    )
    return answer(asks, Zone.parse(EVERYTHING))


def verdicts(found: Authentication) -> tuple[str, str, str]:
    signed = [one.result.value for one in found.dkim]
    return found.spf.result.value, signed[0] if signed else "none", found.dmarc.result.value


def in_results(raw: bytes) -> tuple[str, str, str]:
    fields = [re.sub(r"\s+", " ", one) for one in message_from_bytes(raw).get_all("Authentication-Results", [])]
    found = dict(match for one in fields for match in re.findall(r"; ?(spf|dkim|dmarc)=(\w+)", one))
    return found.get("spf", "none"), found.get("dkim", "none"), found.get("dmarc", "none")


@pytest.mark.parametrize("name", CASES)
def test_opendkim_and_opendmarc_come_to_our_verdicts(postfix: programs.Postfix, name: str, tell: Callable[[str], None]) -> None:
    case, raw = CASES[name], CASES[name].message(name)
    with smtplib.SMTP(THEIRS, 25, HELO, source_address=(STRANGER, 0), timeout=20) as client:
        client.sendmail(f"a@{case.path}", [f"bob@{THEIR_DOMAIN}"], raw)
    look = lambda: [one for one in postfix.got("bob") if f"<{name}@".encode() in one]  # noqa: E731
    said = in_results(eventually(look, 10)[0])
    tell(f"{name}: {said}")
    assert OTHERWISE.get(("opendmarc", name), verdicts(ours(case, raw))) == said


def txt_or_trouble(name: str, qtype: str, strict: bool = True, timeout: int = 20) -> list[Any]:
    """DNS for pyspf."""
    found = Zone.parse(EVERYTHING)(Question(name.lower().rstrip("."), RecordType(qtype)))
    if found.trouble:
        raise pyspf.TempError("DNS trouble")
    return [((name, qtype), (one.encode(),) if qtype == "TXT" else one) for one in found.records]


@pytest.mark.parametrize("name", CASES)
def test_pyspf_comes_to_our_verdicts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    monkeypatch.setattr(pyspf, "DNSLookup", txt_or_trouble)
    said, _, _ = pyspf.query(i=STRANGER, s=f"a@{case.path}", h=HELO, strict=True, timeout=5).check()
    assert said == ours(case, case.message(name)).spf.result


_SPF = {
    "ALLOW": "pass",
    "FAIL": "fail",
    "SOFTFAIL": "softfail",
    "NEUTRAL": "neutral",
    "NA": "none",
    "PERMFAIL": "permerror",
    "DNSFAIL": "temperror",
}
_DKIM = {"ALLOW": "pass", "REJECT": "fail", "NA": "none", "PERMFAIL": "permerror", "TEMPFAIL": "temperror"}
_DMARC = {
    "DMARC_POLICY_ALLOW": "pass",
    "DMARC_POLICY_REJECT": "fail",
    "DMARC_POLICY_QUARANTINE": "fail",
    "DMARC_POLICY_SOFTFAIL": "fail",
    "DMARC_NA": "none",
}


def in_symbols(said: Json) -> tuple[str, str, str]:
    symbols = said["symbols"]
    spf = next((word for name, word in _SPF.items() if f"R_SPF_{name}" in symbols), "?")
    signed = next((word for name, word in _DKIM.items() if f"R_DKIM_{name}" in symbols), "?")
    return spf, signed, next((word for name, word in _DMARC.items() if name in symbols), "?")


@pytest.mark.parametrize("name", CASES)
def test_rspamd_comes_to_our_verdicts(rspamd: None, name: str) -> None:
    case, raw = CASES[name], CASES[name].message(name)
    said = programs.ask_rspamd(raw, IP=STRANGER, Helo=HELO, From=f"a@{case.path}", Rcpt=f"bob@{THEIR_DOMAIN}")
    assert OTHERWISE.get(("rspamd", name), verdicts(ours(case, raw))) == in_symbols(said), sorted(said["symbols"])


# --- rspamd signs and seals ------------------------------------------------------------


def asked(raw: bytes, author: str = "strict.example") -> Json:
    """What rspamd says of mail that one of its own users hands in."""
    user = f"a@{author}"
    found: Json = programs.ask_rspamd(raw, IP=STRANGER, Helo=HELO, From=user, Rcpt=f"bob@{THEIR_DOMAIN}", User=user)
    return found


def by_rspamd(raw: bytes) -> bytes:
    """The message with the ARC set on top that rspamd makes."""
    fields = asked(raw)["milter"]["add_headers"]
    return b"".join(f"{name}: {one['value']}\r\n".encode() for name, one in fields.items()) + raw


def by_us(raw: bytes) -> bytes:
    header, now = parse_header(raw), int(time.time())
    chain = verified(raw)
    results = "spf=pass smtp.mailfrom=strict.example"
    fields = arc.seal(header, raw[header.body_start :], KEY, chain=chain, authserv_id="mx.test", results=results, now=now)
    return fields + raw


def verified(raw: bytes) -> arc.ArcVerdict:
    return answer(arc.verify(parse_header(raw), raw, now=int(time.time())), Zone.parse(EVERYTHING))


@pytest.mark.parametrize("author", SIGNERS)
def test_we_verify_what_rspamd_signs(rspamd: None, author: str) -> None:
    case = Case(author, author)
    raw = case.message("by-rspamd")
    signed = f"DKIM-Signature: {asked(raw, author)['dkim-signature']}\r\n".encode() + raw
    assert [("pass", author)] == [(one.result, one.domain) for one in ours(case, signed).dkim]
    assert ["fail"] == [one.result for one in ours(case, signed.replace(b"four", b"five")).dkim]


# The third seal of a chain is wrong where rspamd 3.4 makes it: dkimpy says so as we do, and rspamd itself.
@pytest.mark.parametrize("hands", [(by_rspamd,), (by_rspamd, by_rspamd), (by_us, by_rspamd)])
def test_we_verify_what_rspamd_seals(rspamd: None, hands: Sequence[Callable[[bytes], bytes]]) -> None:
    raw = reduce(lambda message, seal: seal(message), hands, CASES["strict-both"].message("sealed"))
    assert ("pass", len(hands)) == (verified(raw).result, verified(raw).instance), verified(raw).reason
    assert "fail" == verified(raw.replace(b"four", b"five")).result


@pytest.mark.parametrize("hands", [(by_us,), (by_us, by_us), (by_rspamd, by_us), (by_us, by_rspamd, by_us)])
def test_rspamd_verifies_what_we_seal(rspamd: None, hands: Sequence[Callable[[bytes], bytes]]) -> None:
    raw = reduce(lambda message, seal: seal(message), hands, CASES["strict-both"].message("sealed"))
    envelope = {"IP": STRANGER, "Helo": HELO, "From": f"a@{THEIR_DOMAIN}", "Rcpt": f"bob@{THEIR_DOMAIN}"}
    assert "ARC_ALLOW" in programs.ask_rspamd(raw, **envelope)["symbols"]
    assert "ARC_REJECT" in programs.ask_rspamd(raw.replace(b"four", b"five"), **envelope)["symbols"]
