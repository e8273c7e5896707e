"""The parts by themselves: pure functions on 5 KB, processor time of one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv4Address
from itertools import cycle

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from bench import zone
from bench.figures import Options, Table, Target
from mailwright.core.examining import Envelope, Peer, examine
from mailwright.core.returning import read_report
from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone, answer
from mailwright.mail.recall import MAX_HELD
from mailwright.mailauth import dkim, provenance
from mailwright.mailauth.spf import check_host

US = "µs"
NOW = 1_795_000_000
SIGN_BARE, VERIFY_BARE = "RSA-2048, bare signature", "RSA-2048, bare verification"
SIGN, VERIFY = "DKIM signature, RSA-2048", "DKIM verification, RSA-2048"
SPF, SPF_AGAIN, EXAMINE = "SPF, 7 lookups known", "the same, of a client seen before", "inbound verdict whole, DNS known"
AGENT_SIGN, AGENT_VERIFY, BOUNCE = "Agent-Identity signature", "Agent-Identity verification", "a bounce read and classified"
TARGETS = (
    Target("DKIM signature beside bare RSA", SIGN, US, 1.25, SIGN_BARE, at_most=True),
    Target("DKIM verification beside bare RSA", VERIFY, US, 6, VERIFY_BARE, at_most=True),
    Target("SPF with 7 known lookups, µs", SPF, US, 150, at_most=True),
    Target("inbound verdict with known DNS, µs", EXAMINE, US, 400, at_most=True),
    Target("Agent-Identity signature, µs", AGENT_SIGN, US, 300, at_most=True),
    Target("Agent-Identity verification, µs", AGENT_VERIFY, US, 500, at_most=True),
    Target("a bounce, µs", BOUNCE, US, 1000, at_most=True),
)
SPF_ZONE = """
many.test TXT v=spf1 include:a.test include:b.test include:c.test mx a:host.test exists:there.test ip4:198.51.0.0/16 -all
a.test TXT v=spf1 ip4:192.0.2.1 -all
b.test TXT v=spf1 ip4:192.0.2.2 include:d.test -all
c.test TXT v=spf1 ip4:192.0.2.3 -all
d.test TXT v=spf1 ip4:192.0.2.4 -all
many.test MX 10 mx.many.test
mx.many.test A 192.0.2.9
host.test A 192.0.2.8
"""
BOUNCE_TEXT = """\
From: MAILER-DAEMON@mx.there.test (Mail Delivery System)
To: bounce+x@bounce.example.com
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.there.test. Your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.there.test
Arrival-Date: Fri, 20 Nov 2026 10:00:00 +0000

Final-Recipient: rfc822; nobody@there.test
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx2.there.test
Diagnostic-Code: smtp; 550 5.1.1 <nobody@there.test>: Recipient address rejected: User unknown

--b
Content-Type: message/rfc822

{original}
--b--
"""


def measure(options: Options) -> Table:
    """Each function in turn, the fastest of some rounds for each repeat."""
    table = Table("Parts: processor time for 5 KB", (US,), TARGETS)
    table.notes.append("Each figure is the fastest round of a repeat; the range is that of the repeats.")
    table.notes.append("The whole verdict is for a sender seen before: DNS is asked again, and what it says is the same.")
    work = _work()
    for _ in range(options.repeats):
        for name, one in work.items():
            table.add(name, {US: _microseconds(one)})
    return table


def _work() -> dict[str, Callable[[], object]]:
    key, raw = zone.key(), zone.message("d0.bench", 5000)
    header = parse_header(raw)
    body, octets = raw[header.body_start :], raw[:1500]
    assert isinstance(key.key, RSAPrivateKey)
    signature, public = key.sign(octets), key.key.public_key()
    records = Zone({(name, kind): (value,) for name, kind, value in zone.records()})
    signed = zone.signed("d0.bench", 5000, NOW)
    signed_header = parse_header(signed)
    # More clients than verdicts are remembered (mail/recall.py): each is judged anew.
    strangers = cycle([IPv4Address("198.51.0.0") + number for number in range(2 * MAX_HELD)])
    spf_zone, client = Zone.parse(SPF_ZONE), IPv4Address("198.51.100.10")
    assert answer(check_host(client, mail_from="u@many.test", helo="h.test"), spf_zone).result == "pass"
    peer, rcpt_to = Peer(str(client), "load.bench"), (f"agent@{zone.OURS}",)
    envelope = Envelope(peer, "user@d0.bench", rcpt_to, f"mx.{zone.OURS}", NOW * 1000)
    assert b"dmarc=pass" in answer(examine(signed, envelope), records).trace
    agent = provenance.new_key("d0.bench", "a1", bytes(32))
    stated = provenance.Statement(agent_id="ada", oversight="gated_send", rcpt="bob@there.test", approved_by="human")

    def identify() -> bytes:
        return provenance.sign(header, raw, stated, agent, now=NOW, nonce=bytes(12))

    identified = identify() + raw
    identified_header = parse_header(identified)
    identities = Zone({("a1._agentid.d0.bench", "TXT"): (provenance.dns_record(agent),)})

    def verify_agent() -> provenance.Result:
        return answer(provenance.verify(identified_header, identified, now=NOW, rcpt="bob@there.test"), identities)

    assert verify_agent().verdict is provenance.Verdict.PASS, verify_agent()
    bounce = BOUNCE_TEXT.format(original=raw.decode().replace("\r\n", "\n")).replace("\n", "\r\n").encode()
    assert read_report(parse_header(bounce), bounce, "") is not None
    return {
        SIGN_BARE: lambda: key.sign(octets),
        SIGN: lambda: dkim.sign(header, body, (key,), now=NOW),
        VERIFY_BARE: lambda: public.verify(signature, octets, PKCS1v15(), SHA256()),
        VERIFY: lambda: answer(dkim.verify(signed_header, signed, now=NOW), records),
        SPF: lambda: answer(check_host(next(strangers), mail_from="u@many.test", helo="h.test"), spf_zone),
        SPF_AGAIN: lambda: answer(check_host(client, mail_from="u@many.test", helo="h.test"), spf_zone),
        EXAMINE: lambda: answer(examine(signed, envelope), records),
        AGENT_SIGN: identify,
        AGENT_VERIFY: verify_agent,
        BOUNCE: lambda: read_report(parse_header(bounce), bounce, ""),
    }


def _microseconds(work: Callable[[], object], rounds: int = 7) -> float:
    began = time.perf_counter()
    work()
    times = max(5, int(0.05 / max(1e-6, time.perf_counter() - began)))
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - started) / times)
    return best * 1e6
