"""Mailwright in a scene: DNS, the server on port 25 as it comes, an aligned domain with one mailbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from live.rest import Api, Json
from live.server import Server
from live.zone import Background, Dns
from room import DNS, DOMAIN, HOSTNAME, OURS, PLACE, ZONE

SETTINGS = {
    "server": {"hostname": HOSTNAME, "addresses": [OURS]},
    "smtp": {"host": OURS, "port": 25},
    "delivery": {"source_address": OURS},
}


@dataclass(frozen=True, slots=True)
class Ours:
    """See the module. `ada` is the mailbox."""

    dns: Dns
    server: Server
    api: Api
    ada: Json


def begin(**more: Mapping[str, Any]) -> Ours:
    """Start DNS and the server, and set up the domain with exactly the records that it tells to publish. `more`: settings."""
    dns = Dns(Background(), ZONE, host=DNS, port=53)
    server = Server(PLACE / "mailwright", {**SETTINGS, **more}).start()
    api = server.api()
    api.aligned_domain(DOMAIN, dns.publish)
    return Ours(dns, server, api, api.mailbox(f"ada@{DOMAIN}", display_name="Ada"))
