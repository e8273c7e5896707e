"""ARC both ways with other implementations (dkimpy, Mail::DKIM), and all verdicts with mailauth (npm)."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import dkim as dkimpy
import pytest
from dkim_reference import ED, MESSAGE, RSA

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth.arc import ArcVerdict, seal, verify
from mailwright.mailauth.authenticate import Authentication, authenticate
from mailwright.mailauth.dkim import dns_record, sign

pytestmark = pytest.mark.peers

RECORDS = {
    **{(key.name, "TXT"): (dns_record(key),) for key in (RSA, ED)},
    ("example.com", "TXT"): ("v=spf1 ip4:192.0.2.1 -all",),
    ("_dmarc.example.com", "TXT"): ("v=DMARC1; p=reject",),
    ("broken.example", "TXT"): ("!servfail",),
}
ZONE = Zone(RECORDS)
RESULTS = "spf=pass smtp.mailfrom=example.com; dmarc=pass header.from=example.com"
TIMES = pytest.mark.parametrize("times", [1, 2, 4])


def check(message: bytes) -> ArcVerdict:
    return answer(verify(parse_header(message), message, now=int(time.time())), ZONE)


def sealed(message: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        header, now = parse_header(message), int(time.time())
        body, chain = message[header.body_start :], check(message)
        message = seal(header, body, RSA, chain=chain, authserv_id="mx.test", results=RESULTS, now=now) + message
    return message


def run(*command: str | Path, stdin: bytes = b"") -> bytes:
    return subprocess.run(command, input=stdin, capture_output=True, timeout=30, check=True).stdout


def dkimpy_dns(name: bytes, timeout: int = 5) -> bytes:
    return dns_record(RSA).encode() if name == f"{RSA.name}.".encode() else b""


def dkimpy_sealed(message: bytes) -> bytes:
    results = b"Authentication-Results: mx.test; arc=%b; spf=pass\r\n" % check(message).result.encode()
    fields = dkimpy.arc_sign(results + message, b"r1", b"example.com", RSA.pem(), b"mx.test")
    return b"".join(field.strip() + b"\r\n" for field in fields) + message


@TIMES
def test_dkimpy_accepts_what_we_seal(times: int) -> None:
    assert dkimpy.CV_Pass == dkimpy.arc_verify(sealed(MESSAGE, times), dnsfunc=dkimpy_dns)[0]


@TIMES
def test_we_accept_what_dkimpy_seals(times: int) -> None:
    message = MESSAGE
    for _ in range(times):
        message = dkimpy_sealed(message)
    assert ("pass", times) == (check(message).result, check(message).instance)


def test_dkimpy_and_we_seal_in_turn() -> None:
    message = sealed(dkimpy_sealed(sealed(dkimpy_sealed(MESSAGE))))
    assert ("pass", 4) == (check(message).result, check(message).instance)
    assert dkimpy.CV_Pass == dkimpy.arc_verify(message, dnsfunc=dkimpy_dns)[0]


def test_dkimpy_agrees_that_a_chain_is_broken() -> None:
    for broken in (
        sealed(MESSAGE, 2).replace(b"four", b"five"),
        sealed(MESSAGE, 2).replace(b"cv=none", b"cv=pass"),
        sealed(MESSAGE, 2).replace(b"dmarc=pass", b"dmarc=fail"),
    ):
        assert ("fail", dkimpy.CV_Fail) == (check(broken).result, dkimpy.arc_verify(broken, dnsfunc=dkimpy_dns)[0])


# --- Mail::DKIM -------------------------------------------------------------------------------------------------------------

PERL_DNS = r"""
use strict; no warnings; use Net::DNS;
my ($name, $record) = (shift @ARGV, shift @ARGV);
*Mail::DKIM::DNS::query = sub {
    do { $@ = 'NXDOMAIN'; return } unless $_[0] eq $name;
    return Net::DNS::RR->new(name => $_[0], type => 'TXT', txtdata => [$record =~ /(.{1,255})/g]);
};
*Mail::DKIM::DNS::query_async = sub {
    my ($name, $type, %rest) = @_;
    my $result = $rest{Callbacks}{Success}->(Mail::DKIM::DNS::query($name, $type));
    return sub { $result };
};
"""
PERL_VERIFIER = (
    "use Mail::DKIM::ARC::Verifier;"
    + PERL_DNS
    + r"""
my $arc = Mail::DKIM::ARC::Verifier->new;
local $/; binmode STDIN; $arc->PRINT(<STDIN>); $arc->CLOSE;
print $arc->result;
"""
)
PERL_SEALER = (
    "use Mail::DKIM::ARC::Signer; use Mail::DKIM::PrivateKey;"
    + PERL_DNS
    + r"""
my ($pem, $chain) = @ARGV;
my $arc = Mail::DKIM::ARC::Signer->new(Algorithm => 'rsa-sha256', Domain => 'example.com', Selector => 'r1', SrvId => 'mx.test',
    Chain => $chain, Key => Mail::DKIM::PrivateKey->load(File => $pem));
local $/; binmode STDIN; $arc->PRINT(<STDIN>); $arc->CLOSE;
print map { s/\r?\n/\r\n/gr . "\r\n" } $arc->as_strings;
"""
)


@pytest.fixture(scope="module")
def perl() -> tuple[str, str, str]:
    wanted = ("perl", "-MMail::DKIM::ARC::Signer", "-MNet::DNS", "-e", "1")
    if shutil.which("perl") is None or subprocess.run(wanted, capture_output=True, timeout=20).returncode:
        pytest.skip("Mail::DKIM is not installed")
    return "perl", RSA.name, dns_record(RSA)


@TIMES
def test_mail_dkim_accepts_what_we_seal(perl: tuple[str, str, str], times: int) -> None:
    program, *zone = perl
    assert b"pass" == run(program, "-e", PERL_VERIFIER, *zone, stdin=sealed(MESSAGE, times))


@TIMES
def test_we_accept_what_mail_dkim_seals(perl: tuple[str, str, str], times: int, tmp_path: Path) -> None:
    program, *zone = perl
    (tmp_path / "pem").write_bytes(RSA.pem())
    message = MESSAGE
    for _ in range(times):
        seen = b"Authentication-Results: mx.test; arc=%b; spf=pass\r\n" % check(message).result.encode()
        command = (program, "-e", PERL_SEALER, *zone, tmp_path / "pem", check(message).result)
        message = run(*command, stdin=seen + message) + message
    assert ("pass", times) == (check(message).result, check(message).instance), check(message).reason


# --- mailauth (npm) -----------------------------------------------------------------------------------------------------------

PEER = Path(__file__).with_name("peer.cjs")
FOLDER = Path(os.environ.get("MAILWRIGHT_NODE_PEERS", Path(__file__).parents[2] / ".venv/node"))
FROM_ADA = {"ip": "192.0.2.1", "helo": "mx.example.com", "sender": "ada@example.com"}
FROM_ELSEWHERE = {"ip": "198.51.100.1", "helo": "mx.list.test", "sender": "ada@example.com"}
FROM_NOBODY = {"ip": "198.51.100.1", "helo": "mx.list.test", "sender": "list@nobody.example"}
FROM_BROKEN = {"ip": "198.51.100.1", "helo": "mx.list.test", "sender": "list@broken.example"}


def mailauth(task: str, message: bytes, **rest: Any) -> Any:
    if shutil.which("node") is None or not (FOLDER / "node_modules/mailauth").is_dir():
        pytest.skip("mailauth (npm) is not installed: scripts/peers does it")
    request = {
        "task": task,
        "message": base64.b64encode(message).decode(),
        "zone": {f"{name} {kind}": texts for (name, kind), texts in RECORDS.items()},
        **rest,
    }
    return json.loads(run("node", PEER, FOLDER / "node_modules/mailauth", stdin=json.dumps(request).encode()))


def ours(message: bytes, envelope: dict[str, str]) -> dict[str, Any]:
    found: Authentication = answer(
        authenticate(
            message,
            parse_header(message),
            ip=ipaddress.ip_address(envelope["ip"]),
            helo=envelope["helo"],
            mail_from=envelope["sender"],
            now=int(time.time()),
        ),
        ZONE,
    )
    return {
        "spf": found.spf.result,
        "dkim": [one.result for one in found.dkim] or ["none"],
        "dmarc": found.dmarc.result,
        "arc": found.arc.result,
    }


def signed(message: bytes = MESSAGE) -> bytes:
    header = parse_header(message)
    return sign(header, message[header.body_start :], (RSA, ED), now=int(time.time())) + message


CASES = {
    "signed, from its own host": (signed(), FROM_ADA),
    "signed, from elsewhere": (signed(), FROM_ELSEWHERE),
    "not signed, from its own host": (MESSAGE, FROM_ADA),
    "not signed, from elsewhere": (MESSAGE, FROM_ELSEWHERE),
    "changed": (signed().replace(b"four", b"five"), FROM_NOBODY),
    "signed, by a domain without SPF": (signed(), FROM_NOBODY),
    "signed, by a domain without DNS": (signed(), FROM_BROKEN),
    "sealed": (sealed(signed()), FROM_NOBODY),
    "sealed often": (sealed(signed(), 3), FROM_NOBODY),
    "sealed and changed": (sealed(signed()).replace(b"four", b"five"), FROM_NOBODY),
    "sealed, with a broken set": (sealed(signed(), 2).replace(b"cv=none", b"cv=pass"), FROM_NOBODY),
}


@pytest.mark.parametrize("name", CASES)
def test_mailauth_comes_to_the_same_verdicts(name: str) -> None:
    theirs = mailauth("check", CASES[name][0], envelope=CASES[name][1])
    # RFC 8601 §2.7.1, RFC 6376 §6.1.3: a body that was changed is a failure; it says neutral.
    theirs["dkim"] = ["fail" if name.endswith("changed") and one == "neutral" else one for one in theirs["dkim"]]
    assert theirs == ours(*CASES[name])


@pytest.mark.parametrize("form", ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"])
def test_we_accept_what_mailauth_signs(form: str) -> None:
    key = {"signingDomain": "example.com", "selector": "r1", "privateKey": RSA.pem().decode(), "algorithm": "rsa-sha256"}
    fields = mailauth("sign", MESSAGE, key=key, form=form).encode()
    assert ["pass"] == ours(fields + MESSAGE, FROM_ADA)["dkim"]


@TIMES
def test_we_accept_what_mailauth_seals(times: int) -> None:
    key = {"signingDomain": "example.com", "selector": "r1", "privateKey": RSA.pem().decode()}
    message = signed()
    for _ in range(times):
        message = mailauth("seal", message, key=key, envelope=FROM_ADA).encode() + message
    assert ("pass", times) == (check(message).result, check(message).instance), check(message).reason
