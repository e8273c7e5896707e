"""How this server asks DNS and sends, as its configuration says: the same in every process."""

from __future__ import annotations

import ipaddress

from mailwright.config import Config
from mailwright.net.courier import CourierOptions
from mailwright.net.resolver import ResolverOptions


def resolver_options(config: Config) -> ResolverOptions:
    """Whom to ask."""
    return ResolverOptions(config.dns.nameservers, trust_ad=config.dns.validating, timeout=config.dns.timeout)


def courier_options(config: Config) -> CourierOptions:
    """How to send."""
    source = config.delivery.source_address
    return CourierOptions(
        hostname=config.server.hostname,
        source_ipv4=source if source and ":" not in source else None,
        source_ipv6=source if ":" in source else None,
        allow_private=config.delivery.allow_private,
        smarthost_networks=tuple(map(ipaddress.ip_network, config.delivery.smarthost_networks)),
        own_addresses=() if config.delivery.allow_private else config.server.addresses,
    )
