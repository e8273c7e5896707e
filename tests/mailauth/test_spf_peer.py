"""Our SPF against pyspf over made-up records. Terms over which the two differ are left out: tests/exceptions/spf.md."""

from __future__ import annotations

import random
from ipaddress import ip_address
from typing import Any

import pytest

from mailwright.mail.questions import Question, RecordType, Status, Zone, answer
from mailwright.mailauth.spf import check_host

peer = pytest.importorskip("spf")

HOSTS = """
h1.test A 192.0.2.1
h1.test AAAA 2001:db8::1
h2.test A 192.0.2.200
h2.test A 198.51.100.7
h2.test AAAA 2001:db8:ffff::7
mx.test MX 10 h1.test
mx.test MX 20 h2.test
mx2.test MX 10 h2.test
1.2.0.192.in-addr.arpa PTR h1.test
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR h1.test
slow.test * !timeout
192.0.2.1.list.test A 127.0.0.2
jo.list.test A 127.0.0.2
why.test TXT %{i} is not %{d}
"""
NAMES = ["h1.test", "h2.test", "mx.test", "gone.test", "slow.test", "s0.test", "s1.test", "s2.test", "%{d}", "%{h}"]
CLIENTS = ["192.0.2.1", "198.51.100.7", "2001:db8::1", "203.0.113.9"]
EXAMPLES = 1000


def make_term(dice: random.Random, domain: str) -> str:
    name = dice.choice(NAMES)
    included = dice.choice([each for each in ("s1.test", "s2.test", "s3.test", "gone.test", "slow.test") if each != domain])
    length = dice.choice(["", "", "/24", "/0", "//64", "/24//64", "/33", "/024"])
    term = dice.choice(
        [
            f"a:{name}{length}",
            f"mx:{name}{length}",
            f"include:{included}",
            f"exists:{name}",
            "exists:%{i}.list.test",
            "exists:%{l}.list.test",
            f"ptr:{dice.choice(['test', 'h1.test'])}",
            "a",
            "mx",
            "ptr",
            f"ip4:192.0.2.{dice.randrange(260)}{dice.choice(['', '/24', '/32', '/31'])}",
            "ip6:2001:db8::/32",
            "ip6:2001:db8::1",
            f"foo{dice.random()}=bar",
            dice.choice(["foo", "a:", "include", "all:x", "ip4:1.2.3", "exists:%{z}.test", "a:test", "-all.test"])
            if dice.random() < 0.15
            else "ip4:203.0.113.0/28",
        ]
    )
    return term if "=" in term else dice.choice(["", "", "", "-", "~", "?", "+"]) + term


def make_zone(dice: random.Random) -> str:
    lines = [HOSTS]
    for number in range(4):
        terms = [make_term(dice, f"s{number}.test") for _ in range(dice.randrange(5))]
        end = dice.choice(["-all", "~all", "?all", "all", "", "redirect=s3.test", "redirect=gone.test", "-all exp=why.test"])
        lines.append(f"s{number}.test TXT v=spf1 {' '.join([*terms, end])}".rstrip())
    return "\n".join(lines)


def ask_peer(zone: Zone, client: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    def lookup(name: str, qtype: str, strict: Any = True, timeout: Any = 20) -> list[Any]:
        if qtype not in RecordType.__members__:
            return []
        found = zone(Question(name.lower().rstrip("."), RecordType(qtype)))
        if found.trouble:
            raise peer.TempError("DNS trouble")
        shape = {
            "MX": lambda record: (int(record.split()[0]), record.split()[1]),
            "TXT": lambda record: (record.encode("latin-1"),),
        }.get(qtype, str)
        return [((name, qtype), shape(record)) for record in found.records] if found.status is Status.OK else []

    monkeypatch.setattr(peer, "DNSLookup", lookup)
    result, _, explanation = peer.query(i=client, s="jo@s0.test", h="h1.test", strict=True, timeout=5).check()
    return result, explanation


def compare(seed: int, monkeypatch: pytest.MonkeyPatch) -> str | None:
    dice = random.Random(seed)
    text, client = make_zone(dice), dice.choice(CLIENTS)
    zone = Zone.parse(text)
    ours = answer(check_host(ip_address(client), mail_from="jo@s0.test", helo="h1.test"), zone)
    theirs, _ = ask_peer(zone, client, monkeypatch)
    if ours.result == theirs:
        return None
    return f"seed {seed} {client}: {ours.result} ({ours.reason}), pyspf {theirs}\n{text[len(HOSTS) :]}"


@pytest.mark.slow
def test_pyspf_agrees_on_made_up_records(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [] == [difference for seed in range(EXAMPLES) if (difference := compare(seed, monkeypatch))]
