"""Other implementations read what we sign, and we read what they sign: dkimpy, opendkim, Mail::DKIM."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import dkim as dkimpy
import pytest
from dkim_reference import ED, MESSAGE, RSA

from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mailauth import authres
from mailwright.mailauth.dkim import SigningKey, Verdict, dns_record, sign, verify

pytestmark = pytest.mark.peers

ZONE = Zone({(key.name, "TXT"): (dns_record(key),) for key in (RSA, ED)})
OPENDKIM = shutil.which("opendkim", path="/usr/sbin:/usr/bin")
HEADER, _, BODY = MESSAGE.partition(b"\r\n\r\n")
SHAPES = {
    "plain": MESSAGE,
    "empty": HEADER + b"\r\n\r\n",
    "blank": HEADER + b"\r\n\r\n\r\n\r\n",
    "spaces": HEADER + b"\r\nX-Empty:\r\nTo: \tthird@example.com\t \r\n\r\n \t\r\n a\t\tb \t\r\n\t\r\n \r\n\r\n",
    "utf-8": HEADER + "\r\nComments: Grüße  \r\n\r\nZwölf Boxkämpfer \r\n".encode(),
    "long": HEADER + b"\r\n\r\n" + b"All work  and no play. \r\n" * 4000,
}
FORMS = ("simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed")

shapes = pytest.mark.parametrize("message", SHAPES.values(), ids=SHAPES)
forms = pytest.mark.parametrize("form", FORMS)


def ours(message: bytes, *keys: SigningKey) -> bytes:
    header = parse_header(message)
    return sign(header, message[header.body_start :], keys, now=int(time.time())) + message


def verdicts(message: bytes) -> list[Verdict]:
    return [result.result for result in answer(verify(parse_header(message), message, now=int(time.time())), ZONE)]


def dkimpy_dns(name: bytes, timeout: int = 5) -> bytes:
    return {f"{key.name}.".encode(): dns_record(key).encode() for key in (RSA, ED)}[name]


@shapes
def test_dkimpy_accepts_what_we_sign(message: bytes) -> None:
    assert dkimpy.verify(ours(message, RSA), dnsfunc=dkimpy_dns)


@shapes
def test_dkimpy_accepts_our_ed25519(message: bytes) -> None:
    pytest.importorskip("nacl")
    assert dkimpy.verify(ours(message, ED), dnsfunc=dkimpy_dns)


@shapes
@forms
def test_we_accept_what_dkimpy_signs(message: bytes, form: str) -> None:
    header, _, body = form.encode().partition(b"/")
    field = dkimpy.sign(message, b"r1", b"example.com", RSA.pem(), canonicalize=(header, body), linesep=b"\r\n")
    assert [Verdict.PASS] == verdicts(field + message)


def run(*command: str | Path, stdin: bytes = b"") -> bytes:
    return subprocess.run(command, input=stdin, capture_output=True, timeout=20, check=True).stdout


@pytest.mark.skipif(OPENDKIM is None, reason="opendkim is not installed")
@shapes
def test_opendkim_accepts_what_we_sign_and_its_report_reads_well(message: bytes, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("".join(f"{key.name} {dns_record(key)}\n" for key in (RSA, ED)))
    (tmp_path / "conf").write_text(
        f"Mode v\nSyslog no\nTestPublicKeys {tmp_path}/keys\nAuthservID mx.example.net\nAlwaysAddARHeader yes\n"
    )
    (tmp_path / "message").write_bytes(ours(message, RSA, ED))
    out = run(str(OPENDKIM), "-x", tmp_path / "conf", "-vvv", "-t", tmp_path / "message").decode()
    report = authres.parse(out.partition("hvalue='")[2].partition("'")[0])
    assert [("pass", "r1"), ("pass", "e1")] == [
        (found.result, found.get("header.s")) for found in report.results if found.method == "dkim"
    ]


@pytest.mark.skipif(OPENDKIM is None, reason="opendkim is not installed")
@shapes
@forms
def test_we_accept_what_opendkim_signs(message: bytes, form: str, tmp_path: Path) -> None:
    (tmp_path / "pem").write_bytes(RSA.pem())
    (tmp_path / "conf").write_text(
        f"RequireSafeKeys no\nMode s\nSyslog no\nDomain example.com\nSelector r1\nKeyFile {tmp_path}/pem\n"
        f"Canonicalization {form}\nSignatureAlgorithm rsa-sha256\n"
    )
    (tmp_path / "message").write_bytes(message)
    out = run(str(OPENDKIM), "-x", tmp_path / "conf", "-vvv", "-t", tmp_path / "message")
    value = out.partition(b"hvalue='")[2].partition(b"'")[0].replace(b"\n", b"\r\n")
    signed = b"DKIM-Signature: " + value + b"\r\n" + message
    if message is SHAPES["spaces"] and form.startswith("simple/"):
        # Its test mode trims the values of fields before it signs them, so the signature is not for this message.
        assert not dkimpy.verify(signed, dnsfunc=dkimpy_dns)
    else:
        assert [Verdict.PASS] == verdicts(signed)


PERL_VERIFIER = r"""
use strict; no warnings; use Mail::DKIM::Verifier; use Net::DNS;
my %zone = @ARGV;
*Mail::DKIM::DNS::query = sub {
    my $record = $zone{$_[0]} // do { $@ = 'NXDOMAIN'; return };
    return Net::DNS::RR->new(name => $_[0], type => 'TXT', txtdata => [$record =~ /(.{1,255})/g]);
};
*Mail::DKIM::DNS::query_async = sub {
    my ($name, $type, %rest) = @_;
    my @found = Mail::DKIM::DNS::query($name, $type);
    my $result = $rest{Callbacks}{Success}->(@found);
    return sub { $result };
};
my $verifier = Mail::DKIM::Verifier->new;
local $/; binmode STDIN; $verifier->PRINT(<STDIN>); $verifier->CLOSE;
print $verifier->result;
"""
PERL_SIGNER = r"""
use strict; use Mail::DKIM::Signer; use Mail::DKIM::PrivateKey;
my ($pem, $form) = @ARGV;
my $signer = Mail::DKIM::Signer->new(Algorithm => 'rsa-sha256', Method => $form, Domain => 'example.com', Selector => 'r1',
    Key => Mail::DKIM::PrivateKey->load(File => $pem));
local $/; binmode STDIN; $signer->PRINT(<STDIN>); $signer->CLOSE;
print $signer->signature->as_string, "\r\n";
"""


def perl_has_dkim() -> bool:
    return (
        shutil.which("perl") is not None
        and not subprocess.run(
            ("perl", "-MMail::DKIM::Signer", "-MNet::DNS", "-e", "1"), capture_output=True, timeout=20
        ).returncode
    )


@shapes
def test_mail_dkim_accepts_what_we_sign(message: bytes) -> None:
    if not perl_has_dkim():
        pytest.skip("Mail::DKIM is not installed")
    assert run("perl", "-e", PERL_VERIFIER, RSA.name, dns_record(RSA), stdin=ours(message, RSA)) == b"pass"


@shapes
@forms
def test_we_accept_what_mail_dkim_signs(message: bytes, form: str, tmp_path: Path) -> None:
    if not perl_has_dkim():
        pytest.skip("Mail::DKIM is not installed")
    (tmp_path / "pem").write_bytes(RSA.pem())
    field = run("perl", "-e", PERL_SIGNER, tmp_path / "pem", form, stdin=message)
    assert [Verdict.PASS] == verdicts(field + message)
