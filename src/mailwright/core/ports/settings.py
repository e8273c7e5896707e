"""What core needs to know of the configuration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What core needs to know of the configuration; config.py explains each."""

    hostname: str = "localhost"
    addresses: tuple[str, ...] = ()  # our public addresses: for SPF records and for MX loop detection
    inner_addresses: tuple[str, ...] = ("127.0.0.1", "::1")  # from which we reach our own mail exchanger
    bounce_label: str = "bounce"  # the return path lives at <label>.<domain>
    verp_secret: bytes = b""
    public_url: str = "http://127.0.0.1:8080"
    message_limit: int = 50 * 1024 * 1024
    recipients_limit: int = 100
    received_limit: int = 30
    approval_hours: int = 72
    forwards_per_hour: int = 200  # by the rules of one mailbox
    automatic_turns: int = 10  # of programs in one conversation, until a person looks
    automatic_turns_per_hour: int = 5
    turns_per_hour: int = 20  # in one conversation, whoever the other is
    delivery_hours: int = 48
    honor_reject: bool = False
    trusted_sealers: tuple[str, ...] = ()  # whose ARC seals may excuse a DMARC failure
    require_alignment: bool = True
    allow_private_hosts: bool = False  # deliver to loopback and private addresses: local use only
    mta_sts: str = "testing"  # what our domains promise to those who send to them: enforce, testing or none
    tls_reports_from: str = ""  # who tells other domains how TLS to them went; empty: nobody
    delivery_port: int = 25  # of other servers: anything else is for local use only
