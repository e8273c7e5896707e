"""May we connect there? Which addresses are nobody else's business, and how a URL is read before it is fetched.

Keeps S15 (webhooks), S16 (every other fetch for somebody) and S17 (mail exchangers that point inwards).
Standards: RFC 6890 and the IANA registries of special-purpose addresses, RFC 3986, RFC 5891, RFC 6761 §6.3 (localhost).
Pure. The rule is a list of what is closed, so a network that a site wants reached is opened by name (`allow`).
Not here: resolving and connecting (poster.py, courier.py), which must use exactly the address that was judged.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote

import idna

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

CLOSED: tuple[tuple[IPNetwork, str], ...] = tuple(
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud metadata"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("100::/64", "discard-only"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL6 = ipaddress.IPv6Network("2000::/3")  # all that IANA has given out for use on the Internet
_ISATAP = 0x00005EFE  # RFC 5214 §6.1: the interface identifier, its universal bit aside, then an IPv4 address

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


def closed(address: str, allow: Iterable[IPNetwork] = ()) -> str | None:
    """Why an address may not be connected to; None where it may. `address` in the usual form; anything else is closed."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "not an address"
    if getattr(ip, "scope_id", None):
        return "an address with a zone"
    if any(ip.version == network.version and ip in network for network in allow):
        return None
    for network, what in CLOSED:
        if ip.version == network.version and ip in network:
            return what
    if isinstance(ip, ipaddress.IPv6Address):
        if ip not in _GLOBAL6:
            return "reserved"
        if (int(ip) >> 32) & 0xFDFFFFFF == _ISATAP:
            return "ISATAP"
    return None


class RefusedUrl(ValueError):
    """The URL is none that we fetch; the message says why in plain words."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart once, so that no second reader can read it otherwise.

    `host` is an A-label name in lower case without final dot, or an address without brackets; `target` the path and
    query, ready for the request line; `authority` what belongs into the Host field.
    """

    scheme: str
    host: str
    port: int
    target: str
    authority: str


_URL = re.compile(
    r"(https?)://(\[[^\]\s]*\]|[^/?#\[\]\\@\s:]*)(?::([0-9]{1,5}))?(/[^#?]*)?(\?[^#]*)?(?:#.*)?", re.IGNORECASE | re.DOTALL
)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DEFAULT_PORTS = {"https": 443, "http": 80}


def parse_url(url: str, schemes: Collection[str] = ("https",), ports: Collection[int] | None = (443, 8443)) -> Target:
    """Take a URL apart; raises RefusedUrl. `ports` None lets every port pass.

    Refused: other schemes, user and password, back-slashes and control characters, ports not listed, and hosts written
    as numbers in any but the usual form (decimal, octal, hexadecimal, shortened), which readers read differently.
    """
    if len(url) > 4096 or _FORBIDDEN.search(url):
        raise RefusedUrl("the URL is too long, or holds spaces, control characters or a back-slash")
    found = _URL.fullmatch(url)
    if found is None:
        raise RefusedUrl("not an http(s) URL without user and password")
    scheme, path, query = found[1].lower(), found[4] or "/", found[5] or ""
    if scheme not in schemes:
        raise RefusedUrl(f"the scheme {scheme} is not allowed: use {' or '.join(schemes)}")
    port = int(found[3] or _DEFAULT_PORTS[scheme])
    if not 0 < port < 65536 or (ports is not None and port not in ports):
        raise RefusedUrl(f"port {port} is not allowed")
    host = _host(found[2])
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port == _DEFAULT_PORTS[scheme] else f"{shown}:{port}"
    return Target(scheme, host, port, quote(path + query, safe="/?:@!$&'()*+,;=%-._~[]|"), authority)


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return str(ipaddress.IPv6Address(text[1:-1].replace("%", "/")))  # RFC 4007 §11.2: no zones, they are local
        except ValueError:
            raise RefusedUrl("not an IPv6 address between the brackets") from None
    try:
        # RFC 5891: full-width digits and dots, circled letters and the like turn into plain ones here, and are judged after.
        host = (text if text.isascii() else idna.encode(text, uts46=True).decode("ascii")).lower().removesuffix(".")
    except (idna.IDNAError, UnicodeError):
        raise RefusedUrl("the host is no name that DNS can hold") from None
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # No top-level domain is a number, so this is an address. Only a dotted quad is read alike by everybody.
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise RefusedUrl("the host is a number in an unusual form: write the address as four decimal numbers") from None
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise RefusedUrl("the host is no name that DNS can hold")
    return host


def literal(host: str) -> tuple[str, ...] | None:
    """The addresses of a host that needs no DNS: an address itself, or localhost (RFC 6761 §6.3). None for a name."""
    if host == "localhost" or host.endswith(".localhost"):
        return ("127.0.0.1", "::1")
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return None
