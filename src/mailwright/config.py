"""Configuration: one frozen tree, from a TOML file and the environment.

Every setting says what it does, its unit and when to change it; `mailwright config describe` prints them. The environment
wins over the file: `MAILWRIGHT_SMTP__PORT=2525` is `port` in `[smtp]`. Unknown settings are refused: they are typos; so is
what can't be meant. Names and addresses are kept in the form in which they are compared.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from mailwright.addresses import host_name, ip_addresses, nameserver, networks

PREFIX = "MAILWRIGHT_"
MEGABYTE = 1024 * 1024


def _about(description: str, **bounds: Any) -> Meta:
    return Meta(description=description, **bounds)


Port = Annotated[int, Meta(ge=0, le=65535)]


def _read(section: Struct, name: str, how: Callable[[Any], Any]) -> None:
    """Put a setting into its one form; the ValueError names it."""
    try:
        force_setattr(section, name, how(getattr(section, name)))
    except ValueError as wrong:
        raise ValueError(f"{name}: {wrong}") from None


def _pair(certificate: str, key: str) -> None:
    if bool(certificate) != bool(key):
        raise ValueError("tls_certificate and tls_key go together: one of them is missing")


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """Who this server is."""

    hostname: Annotated[
        str, _about("Our name: in the greeting, in HELO, in MX records. Its A record and its PTR must match.")
    ] = "localhost"
    addresses: Annotated[tuple[str, ...], _about("The public IP addresses that mail leaves from: SPF records name them.")] = ()
    public_url: Annotated[
        str,
        _about(
            "Where the API is reached from outside; empty: http://<api.host>:<api.port>.", pattern=r"^(https?://[\x21-\x7e]+)?$"
        ),
    ] = ""
    data: Annotated[str, _about("The folder of the embedded store and of the server's secrets.")] = "var"
    security_contact: Annotated[
        str,
        _about(
            "Whom to tell of a hole in this installation, as `mailto:` or `https:`; served as /.well-known/security.txt "
            "(RFC 9116). Empty: there is no such file.",
            pattern=r"^((mailto|https):[\x21-\x7e]+)?$",
        ),
    ] = ""
    user: Annotated[
        str, _about("Started as root, the server binds its ports, becomes this user, and only then reads from the network.")
    ] = ""
    run_as_root: Annotated[
        bool, _about("Stay root, which is refused otherwise: for containers in which root is nobody outside.")
    ] = False
    drain_seconds: Annotated[
        int, _about("At the end: how long SMTP clients, requests and deliveries under way may take.", ge=0)
    ] = 10

    def __post_init__(self) -> None:
        """Raises ValueError for a name or an address that is none."""
        _read(self, "hostname", host_name)
        _read(self, "addresses", ip_addresses)


class Smtp(Struct, frozen=True, forbid_unknown_fields=True):
    """Mail coming in."""

    host: Annotated[str, _about("The address to listen on.")] = "0.0.0.0"
    port: Annotated[Port, _about("The port to listen on; 0 takes a free one.")] = 25
    tls_certificate: Annotated[
        str, _about("PEM file with the certificate chain. Empty: STARTTLS is offered with a certificate of our own making.")
    ] = ""
    tls_key: Annotated[str, _about("PEM file with the certificate's private key.")] = ""
    message_limit: Annotated[int, _about("The largest message taken or sent, in bytes; announced as SIZE.", ge=65536)] = (
        50 * MEGABYTE
    )
    recipients_limit: Annotated[
        int, _about("The most recipients of one message (RFC 5321 §4.5.3.1.8 asks for 100).", ge=100)
    ] = 100
    processes: Annotated[
        int,
        _about("Processes that speak SMTP and check what comes in; 0: only this one; -1: one for each processor.", ge=-1),
    ] = -1
    mta_sts: Annotated[
        str,
        _about(
            "What this server's domains promise to senders by MTA-STS: enforce, once `tls_certificate` is one that everybody "
            "accepts; testing; or none, which takes a promise back.",
            pattern="^(enforce|testing|none)$",
        ),
    ] = "testing"
    connections_limit: Annotated[int, _about("Connections at once, all peers together.", ge=1)] = 1000
    connections_per_ip: Annotated[
        int, _about("Connections at once from one IPv4 address or IPv6 /64; wider networks get 3 and 9 times that.", ge=1)
    ] = 50
    received_limit: Annotated[
        int, _about("A message with more Received fields goes round in circles and is refused.", ge=10)
    ] = 30

    def __post_init__(self) -> None:
        """Raises ValueError for half a pair."""
        _pair(self.tls_certificate, self.tls_key)


class Api(Struct, frozen=True, forbid_unknown_fields=True):
    """REST."""

    host: Annotated[str, _about("The address to listen on. Without `tls` put a TLS proxy before it, or keep it private.")] = (
        "127.0.0.1"
    )
    port: Annotated[Port, _about("The port to listen on; 0 takes a free one.")] = 8080
    tls: Annotated[bool, _about("Speak HTTPS, with the certificate below; without one, with that of `[smtp]`.")] = False
    tls_certificate: Annotated[str, _about("PEM file with the certificate chain.")] = ""
    tls_key: Annotated[str, _about("PEM file with the certificate's private key.")] = ""
    metrics_from: Annotated[
        tuple[str, ...], _about("Networks that may read /metrics; peers that a proxy on this host names count as themselves.")
    ] = ("127.0.0.0/8", "::1/128")

    def __post_init__(self) -> None:
        """Raises ValueError for half a pair, and for a network that is none."""
        _pair(self.tls_certificate, self.tls_key)
        _read(self, "metrics_from", networks)


class Acme(Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate from an ACME server (Let's Encrypt): for SMTP, and with `api.tls` for the API, where they name none."""

    domains: Annotated[
        tuple[str, ...], _about("Names to get a certificate for: `server.hostname`, and the API's. Empty: no ACME.")
    ] = ()
    agree_to_terms: Annotated[bool, _about("You agree to the terms of that server; nothing is asked of it otherwise.")] = False
    directory: Annotated[str, _about("The server's directory.", pattern="^https://")] = (
        "https://acme-v02.api.letsencrypt.org/directory"
    )
    email: Annotated[str, _about("Where the server may write to you.")] = ""
    host: Annotated[str, _about("The address at which the server's questions are answered (HTTP-01).")] = ""
    port: Annotated[Port, _about("The port for that: the server comes to 80. Anything else is for tests.")] = 80
    ca_file: Annotated[str, _about("PEM file: whom to believe that the server is who it says; empty: the system's.")] = ""


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Beyond these, new work is refused for the moment: 451 over SMTP, 503 `storage_busy` over REST."""

    free_disk_mb: Annotated[int, _about("Free space of the data folder's disk, in MB.", ge=1)] = 64
    memory_mb: Annotated[int, _about("Memory of all processes of this server, in MB; 0: no limit.", ge=0)] = 0
    store_seconds: Annotated[float, _about("How long the store may take for one transaction.", gt=0)] = 5.0
    requests: Annotated[
        int, _about("HTTP requests at once, event streams and long polls among them; the same number for MCP.", ge=10)
    ] = 5000


class Mcp(Struct, frozen=True, forbid_unknown_fields=True):
    """MCP, at /mcp of the API. API keys are its credentials."""

    origins: Annotated[
        tuple[str, ...],
        _about("Web origins whose pages may use it besides that of server.public_url, as `https://host:port`."),
    ] = ()
    authorization_servers: Annotated[
        tuple[str, ...],
        _about("Issuers of OAuth 2.1 tokens, told to hosts that ask (RFC 9728). Something before this server must check them."),
    ] = ()


class Dns(Struct, frozen=True, forbid_unknown_fields=True):
    """Asking DNS."""

    nameservers: Annotated[
        tuple[str, ...], _about("Resolvers to ask, as `address` or `address:port`; empty: the system's.")
    ] = ()
    timeout: Annotated[float, _about("Seconds for one question, all tries together.", gt=0)] = 5.0
    validating: Annotated[
        bool, _about("The resolver validates DNSSEC and only this host can reach it: believe its AD bit.")
    ] = False

    def __post_init__(self) -> None:
        """Raises ValueError for a name server that is none."""
        for one in self.nameservers:
            nameserver(one)


class Delivery(Struct, frozen=True, forbid_unknown_fields=True):
    """Mail going out."""

    hours: Annotated[int, _about("How long delivery is tried before the message bounces.", ge=1)] = 48
    port: Annotated[Port, _about("The port of other mail exchangers. Anything but 25 is for tests.")] = 25
    source_address: Annotated[str, _about("The local address to send from; empty: the system chooses.")] = ""
    allow_private: Annotated[
        bool, _about("Deliver to loopback and private addresses, and let webhooks use http. For local use only.")
    ] = False
    smarthost_networks: Annotated[
        tuple[str, ...],
        _about("Loopback and private networks (CIDR) where smarthosts may be, e.g. 127.0.0.0/8; others must be public."),
    ] = ()
    processes: Annotated[
        int,
        _about("Processes that sign and hand over what leaves; 0: only this one; -1: one for each further processor.", ge=-1),
    ] = -1
    tls_reports_from: Annotated[
        str,
        _about(
            "The address, of a domain of this server, that tells other domains daily how TLS to them went (TLS-RPT); "
            "empty: nothing is counted or told."
        ),
    ] = ""
    bounce_label: Annotated[str, _about("Bounces come to <label>.<domain>.", pattern=r"^[a-z0-9][a-z0-9-]{0,19}$")] = "bounce"

    def __post_init__(self) -> None:
        """Raises ValueError for an address or a network that is none."""
        if self.source_address:
            _read(self, "source_address", lambda text: ip_addresses([text])[0])
        _read(self, "smarthost_networks", networks)


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """What is allowed."""

    require_alignment: Annotated[
        bool,
        _about(
            "Refuse to send from a domain until its DNS records are in place; without it, whoever adds a name first owns it."
        ),
    ] = True
    honor_reject: Annotated[
        bool,
        _about(
            "Refuse incoming mail that fails DMARC where its domain asks for that; if not, accept and flag it (RFC 9989 §7.4)."
        ),
    ] = False
    trusted_sealers: Annotated[
        tuple[str, ...],
        _about(
            "Domains of forwarders and lists to be believed: where only they sealed a message (ARC) and the first saw "
            "DMARC pass, a failure here is not acted on. Any of them can then speak for any author."
        ),
    ] = ()
    forwards_per_hour: Annotated[
        int, _about("What the rules of one mailbox may hand on within an hour; what is more stays in it, and is told.", ge=0)
    ] = 200
    automatic_turns: Annotated[
        int,
        _about(
            "How often a mailbox answers automatic mail (RFC 3834) in one conversation before a person approves the next "
            "answer; one who writes there lets the count begin anew. The same text twice in a row ends it at once.",
            ge=0,
        ),
    ] = 10
    automatic_turns_per_hour: Annotated[int, _about("The same within an hour; what is more is refused: 429.", ge=1)] = 5
    turns_per_hour: Annotated[
        int, _about("How often a mailbox answers in one conversation within an hour, whoever the other is; then: 429.", ge=1)
    ] = 20
    approval_hours: Annotated[int, _about("How long a person may take to decide; then the answer is no.", ge=1)] = 72


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """What is written to standard error."""

    level: Annotated[str, _about("debug, info, warning or error.", pattern="^(debug|info|warning|error)$")] = "info"
    json_lines: Annotated[bool, _about("One JSON object a line, for programs; otherwise for people.")] = False


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    server: Server = Server()
    smtp: Smtp = Smtp()
    api: Api = Api()
    acme: Acme = Acme()
    limits: Limits = Limits()
    mcp: Mcp = Mcp()
    dns: Dns = Dns()
    delivery: Delivery = Delivery()
    policy: Policy = Policy()
    log: Log = Log()


class ConfigError(Exception):
    """The configuration can't be used; the message names the setting and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, for the docs."""

    section: str
    name: str
    default: Any
    description: str


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file (if any), put the environment over it, and check all of it. Raises ConfigError."""
    tree: dict[str, Any] = {}
    if path is not None:
        try:
            tree = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as wrong:  # of UTF-8, of TOML, or of a number with thousands of digits
            raise ConfigError(f"{path}: {wrong}") from None
    lists = {(one.section, one.name) for one in every_setting() if isinstance(one.default, tuple)}
    for name, value in environ.items():
        if name.startswith(PREFIX) and "__" in name:
            section, _, setting = name.removeprefix(PREFIX).lower().partition("__")
            words = [part.strip() for part in value.split(",") if part.strip()]
            settings = tree.setdefault(section, {})
            if not isinstance(settings, dict):
                raise ConfigError(f"{path}: {section} is no table of settings")
            settings[setting] = words if (section, setting) in lists else value
    try:
        return msgspec.convert(tree, Config, strict=False)
    except msgspec.ValidationError as wrong:
        raise ConfigError(str(wrong)) from None


def every_setting() -> Iterator[Setting]:
    """Every setting in order; `describe` and the docs are made from this."""
    for section, kind in get_type_hints(Config).items():
        for name, hint in get_type_hints(kind, include_extras=True).items():
            about = next(meta for meta in reversed(get_args(hint)) if isinstance(meta, Meta) and meta.description)
            yield Setting(section, name, getattr(kind(), name), about.description or "")


def describe() -> str:
    """All settings as a commented TOML file with their defaults: a file to start from."""
    lines: list[str] = []
    sections = get_type_hints(Config)
    for one in every_setting():
        if f"[{one.section}]" not in lines:
            lines += ["", f"[{one.section}]", f"# {sections[one.section].__doc__}"]
        lines += ["", f"# {one.description}", f"{one.name} = {_toml(one.default)}"]
    return "\n".join(lines[1:]) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, tuple) else str(value)
