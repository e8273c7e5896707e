"""Types of domains.

Written by scripts/client.py from the table of operations. Change the table, then `make docs`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Domain(Struct, frozen=True, kw_only=True):
    """A domain that mail is sent from and received for."""

    id: str
    """The domain's id."""
    domain: str
    """Its name, in A-labels."""
    status: str
    """`aligned`: every record is in place, and its mail authenticates."""
    dkim_selector: str
    """The selector of its RSA key."""
    dkim_keys: tuple[DkimKey, ...]
    """All keys that sign for it."""
    identity_keys: tuple[IdentityKey, ...]
    """The keys by which its agents are known; never those of DKIM."""
    dns_records: tuple[DnsRecord, ...]
    """What to publish."""
    dmarc_policy: str
    """The policy in its DMARC record."""
    dmarc_rua: str | None
    """Where receivers send DMARC reports."""
    record_checks: tuple[RecordCheck, ...]
    """The records as they stood when last looked at; empty before that."""
    detail: str | None
    """What the last look came to, in a sentence."""
    verified_at: str | None
    """When the records were last looked at."""
    owned_at: str | None
    """Since when DNS shows one of these DKIM keys, so that the name is this tenant's; no mail is received before."""
    override_alignment: bool
    """Whether mail leaves although the records are not in place."""
    smarthost: SmarthostShown | None
    """The relay that its mail goes through; null: straight to the receivers."""
    created_at: str
    """When it was added."""
    client_id: str | None
    """The id that its maker gave it."""


class DkimKey(Struct, frozen=True, kw_only=True):
    """A key that signs, without its private half."""

    selector: str
    """Its selector."""
    algorithm: str
    """Its algorithm."""


class IdentityKey(Struct, frozen=True, kw_only=True):
    """A key that signs Agent-Identity, without its private half."""

    selector: str
    """Its selector."""
    state: str
    """`signing`; `next`: signs once it was seen in DNS; `retired`: keep it published."""


class DnsRecord(Struct, frozen=True, kw_only=True):
    """A record to publish."""

    type: str
    """Its type."""
    name: str
    """Its full name."""
    value: str
    """Its value; long TXT values are split by most DNS providers by themselves."""
    purpose: str
    """What it is for."""
    reason: str
    """What it is for, in a sentence."""
    required: bool
    """Whether the domain's mail waits for it."""


class RecordCheck(Struct, frozen=True, kw_only=True):
    """A record as it stood when it was looked at."""

    type: str
    """Its type."""
    name: str
    """Its full name."""
    purpose: str
    """What it is for."""
    status: str
    """`valid`, `invalid`, `missing`, or `unknown` where DNS did not answer."""
    expected: str
    """What should be there."""
    observed: tuple[str, ...]
    """What DNS has."""
    why: str
    """Why that is not enough; empty where it is."""
    required: bool
    """Whether the domain's mail waits for it."""


class SmarthostShown(Struct, frozen=True, kw_only=True):
    """The relay that a domain's mail goes through, without its password."""

    host: str
    """Its name."""
    port: int
    """Its port."""
    username: str | None
    """Who we log in as."""
    tls: str
    """`starttls`, `implicit` or `none`."""


class SmarthostWanted(Struct, frozen=True, kw_only=True):
    """A relay to send through."""

    host: str
    """Its name."""
    port: int = 587
    """Its port."""
    username: str | None = None
    """Who to log in as."""
    password: str | None = None
    """The password; it is never told again."""
    tls: Literal["implicit", "none", "starttls"] = "starttls"
    """How it is protected; `none` for loopback only."""


class Verification(Struct, frozen=True, kw_only=True):
    """What a look at a domain's records found."""

    status: str
    """`aligned`: mail may leave. `misaligned`: a record is wrong. `pending`: one is missing."""
    checks: Verdicts
    """The records by purpose."""
    records: tuple[RecordCheck, ...]
    """Every record: what was expected, what is there, and why that is wrong."""
    detail: str
    """What is wrong, in a sentence."""


class Verdicts(Struct, frozen=True, kw_only=True):
    """What the records amount to, by purpose: the worst of each."""

    spf: str
    """The SPF record of the domain."""
    dkim: str
    """The DKIM keys."""
    dmarc: str
    """The DMARC record."""
    alignment: str
    """SPF through the return path, and DKIM: what DMARC aligns with."""
