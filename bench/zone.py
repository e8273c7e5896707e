"""The DNS of it all, and mail that passes there: some domains with SPF, an RSA key and DMARC, and one that has no such thing.

NSD serves it where it is installed; else the zone server of `mailwright.testing`, started as `python -m bench.zone FILE PORT`.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from functools import cache
from pathlib import Path

from bench import room
from bench.programs import Program
from mailwright.mail.header import parse_header
from mailwright.mail.questions import Zone
from mailwright.mailauth.dkim import SigningKey, dns_record, generate_rsa, sign
from mailwright.testing.dns import serve_zone

DOMAINS = 10  # and as many connections
OURS = "example.com"
LINE = "The agent reads this line and the next one, and then it answers politely.\n"


@cache
def key() -> SigningKey:
    """One key for all."""
    return generate_rsa(OURS, "mail")


def records() -> list[tuple[str, str, str]]:
    """Name, type, value."""
    here, sink = room.address(), room.SINK if room.inside() else "127.0.0.1"
    found = [(f"mx.{OURS}", "A", here), (OURS, "MX", f"10 mx.{OURS}"), ("sink.test", "A", sink)]
    found += [("load.bench", "A", room.CLIENT), ("10.100.51.198.in-addr.arpa", "PTR", "load.bench"), ("plain.test", "A", sink)]
    for name in (*(f"d{number}.bench" for number in range(DOMAINS)), OURS):
        found.append((name, "TXT", f"v=spf1 ip4:{room.CLIENT} ip4:127.0.0.0/8 -all"))
        found.append((f"mail._domainkey.{name}", "TXT", dns_record(key())))
        found.append((f"_dmarc.{name}", "TXT", "v=DMARC1; p=reject; adkim=s; aspf=s"))
        if name != OURS:
            found.append((name, "MX", "10 sink.test"))
    return found


_servers: dict[Path, tuple[Program, int]] = {}


def shared(folder: Path) -> tuple[Program, int]:
    """The name server for all parts, and its port; started when first wanted."""
    if folder not in _servers:
        _servers[folder] = start(folder)
    return _servers[folder]


def close() -> None:
    """End what was started."""
    while _servers:
        _servers.popitem()[1][0].end()


def start(folder: Path) -> tuple[Program, int]:
    """The name server and its port."""
    nsd = shutil.which("nsd", path="/usr/sbin:/usr/bin")
    if room.inside() and nsd:
        return _nsd(nsd, folder), 53
    port = 53 if room.inside() else 5399
    path = folder / "zone"
    path.write_text("".join(f"{name} {kind} {value}\n" for name, kind, value in records()))
    program = Program((sys.executable, "-m", "bench.zone", path, port), folder / "zone.log")
    return program.until_reached("127.0.0.1", port), port


def _nsd(nsd: str, folder: Path) -> Program:
    folder = folder / "nsd"
    folder.mkdir()
    lines = [". 3600 IN SOA ns.test. root.test. 1 3600 600 86400 60", ". 3600 IN NS ns.test.", "ns.test. 3600 IN A 127.0.0.1"]
    for name, kind, value in records():
        if kind == "TXT":
            value = " ".join(f'"{value[at : at + 200]}"' for at in range(0, len(value), 200))
        lines.append(f"{name}. 3600 IN {kind} {value}{'.' if kind in ('MX', 'PTR') else ''}")
    (folder / "root.zone").write_text("\n".join(lines) + "\n")
    (folder / "nsd.conf").write_text(
        f'server:\n  ip-address: 127.0.0.1@53\n  do-ip6: no\n  username: ""\n  database: ""\n  zonesdir: "{folder}"\n'
        f'  zonelistfile: "{folder}/zone.list"\n  xfrdfile: "{folder}/xfrd.state"\n  pidfile: "{folder}/nsd.pid"\n'
        "  server-count: 1\n  rrl-ratelimit: 0\n  rrl-whitelist-ratelimit: 0\nremote-control:\n  control-enable: no\n"
        'zone:\n  name: "."\n  zonefile: "root.zone"\n'
    )
    return Program((nsd, "-d", "-c", folder / "nsd.conf"), folder / "log").until_reached("127.0.0.1", 53)


def message(domain: str, size: int, *, author: str = "user", recipient: str = f"agent@{OURS}") -> bytes:
    """A letter of that size, with line ends as on the wire."""
    head = (
        f"From: Somebody <{author}@{domain}>\nTo: Agent <{recipient}>\nSubject: Quarterly figures, please check\n"
        f"Date: Fri, 20 Nov 2026 10:00:00 +0000\nMessage-ID: <20261120.1000.1@{domain}>\n"
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n"
    )
    return (head + LINE * max(1, (size - len(head)) // len(LINE))).replace("\n", "\r\n").encode()


def signed(domain: str, size: int, now: int) -> bytes:
    """The same with a DKIM signature of that domain, all keys being one."""
    raw = message(domain, size)
    header = parse_header(raw)
    mine = SigningKey(domain, key().selector, key().algorithm, key().key)
    return sign(header, raw[header.body_start :], (mine,), now=now) + raw


async def _serve(text: str, port: str) -> None:
    server = await serve_zone(Zone.parse(text), port=int(port))
    await asyncio.sleep(3600)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]).read_text(), sys.argv[2]))
