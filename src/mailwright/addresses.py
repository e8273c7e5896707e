"""Addresses and names as an operator writes them: read into their one form, or refused in words (ValueError). Pure.

Underscores in host names are met, and let pass.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")


def host_name(text: str) -> str:
    """A host's name in lower case."""
    if _HOST.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no host name (of letters, digits, hyphens and dots, as in mail.example.com)")
    return text.lower()


def ip_addresses(texts: Iterable[str]) -> tuple[str, ...]:
    """Addresses, each in the form in which it is compared."""
    return tuple(str(ipaddress.ip_address(text)) for text in texts)


def networks(texts: Iterable[str]) -> tuple[str, ...]:
    """Networks in CIDR notation."""
    return tuple(str(ipaddress.ip_network(text)) for text in texts)


def nameserver(text: str) -> tuple[str, int]:
    """`address`, `address:port` or `[v6]:port` as address and port."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    else:
        address, port = text, ""
    try:
        ipaddress.ip_address(address)
        number = int(port or 53)
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise ValueError(f"{text!r} is no address of a name server (as in 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53)")
    return address, number
