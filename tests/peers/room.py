"""The place of a scene: who lives at which address, and what a file system there looks like.

The addresses are public ones, since public servers are what is played: with private ones every program here, ours
included, would do something else.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

PLACE = Path("/mnt")  # a file system in memory, gone with the scene
OURS, THEIRS, STRANGER = "45.45.45.1", "46.46.46.1", "47.47.47.1"
OLD = "46.46.46.2"  # theirs too, of an age without any extension
DNS = "48.48.48.1"  # opendkim asks through libunbound, which never asks 127.0.0.1, and holds that .test does not exist
HOSTNAME, DOMAIN = "mx.agents.example", "agents.example"
THEIR_HOSTNAME, THEIR_DOMAIN = "mx.there.example", "there.example"

ZONE = f"""
    {HOSTNAME} A {OURS}
    1.45.45.45.in-addr.arpa PTR {HOSTNAME}
    {THEIR_HOSTNAME} A {THEIRS}
    {THEIR_DOMAIN} MX 10 {THEIR_HOSTNAME}
    {THEIR_DOMAIN} TXT v=spf1 ip4:{THEIRS} -all
    _dmarc.{THEIR_DOMAIN} TXT v=DMARC1; p=reject
    old.example MX 10 mx.old.example
    mx.old.example A {OLD}
    1.46.46.46.in-addr.arpa PTR {THEIR_HOSTNAME}
    stranger.example A {STRANGER}
    stranger.example TXT v=spf1 ip4:{STRANGER} -all
    1.47.47.47.in-addr.arpa PTR stranger.example
    """


def furnish() -> None:
    """Bring up the network, and mount what programs need to be private."""
    _run("ip", "link", "set", "lo", "up")
    for address in (OURS, THEIRS, OLD, STRANGER, DNS):
        _run("ip", "address", "add", f"{address}/32", "dev", "lo")
    _run("mount", "-t", "tmpfs", "-o", "size=1g,mode=755", "scene", str(PLACE))
    resolver = PLACE / "resolv.conf"
    resolver.write_text(f"nameserver {DNS}\noptions timeout:2 attempts:1\n")
    _run("mount", "--bind", str(resolver), str(Path("/etc/resolv.conf").resolve()))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
