"""NOUNS: what the product is about, as frozen values. No behaviour beyond what a value can say of itself.

Times are integers: milliseconds since 1970 UTC. Ids are strings with a prefix (`msg_...`). Addresses are `local@domain` with
the domain in lower-case A-labels. `None` is "not there"; tuples keep order.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from mailwright.values import dataclass

Json = dict[str, Any]


class Role(StrEnum):
    """Who a key speaks for."""

    OPERATOR = "operator"
    APPROVER = "approver"
    AGENT = "agent"
    AUDITOR = "auditor"


class Permission(StrEnum):
    """What a key may do. An operation names exactly one."""

    TENANTS_MANAGE = "tenants:manage"
    KEYS_MANAGE = "keys:manage"
    DOMAINS_READ = "domains:read"
    DOMAINS_MANAGE = "domains:manage"
    AGENTS_READ = "agents:read"
    AGENTS_MANAGE = "agents:manage"
    MAILBOXES_READ = "mailboxes:read"
    MAILBOXES_MANAGE = "mailboxes:manage"
    MESSAGES_READ = "messages:read"
    MESSAGES_LABEL = "messages:label"
    MESSAGES_SEND = "messages:send"
    APPROVALS_READ = "approvals:read"
    APPROVALS_DECIDE = "approvals:decide"
    EVENTS_READ = "events:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_MANAGE = "webhooks:manage"
    SUPPRESSIONS_READ = "suppressions:read"
    SUPPRESSIONS_MANAGE = "suppressions:manage"
    AUDIT_READ = "audit:read"


class OversightMode(StrEnum):
    """How much a person stands between an agent and its mail, from the tightest to the loosest."""

    READ_ONLY = "read_only"
    GATED_ALL = "gated_all"
    GATED_SEND = "gated_send"
    MONITORED = "monitored"
    AUTONOMOUS = "autonomous"

    @property
    def autonomy(self) -> int:
        """0 (read_only) to 4 (autonomous)."""
        return list(OversightMode).index(self)


class Direction(StrEnum):
    """Which way a message went."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class MessageStatus(StrEnum):
    """Where a message stands; an outbound one shows the worst of its recipients."""

    DRAFT = "draft"
    HELD = "held"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    RECEIVED = "received"
    FLAGGED = "flagged"


TERMINAL = frozenset(
    {
        MessageStatus.DELIVERED,
        MessageStatus.BOUNCED,
        MessageStatus.SUPPRESSED,
        MessageStatus.REJECTED,
        MessageStatus.CANCELLED,
        MessageStatus.EXPIRED,
        MessageStatus.UNKNOWN,
    }
)


class Trust(StrEnum):
    """What we say of an inbound message's origin, from the least to the most. Computed by us; an agent can't raise it."""

    UNAUTHENTICATED = "unauthenticated"
    DMARC_PASS = "dmarc_pass"
    KNOWN_CONTACT = "known_contact"
    VERIFIED_AGENT = "verified_agent"
    OWNER = "owner"


class Alignment(StrEnum):
    """Whether a domain's records let its mail authenticate."""

    PENDING = "pending"
    ALIGNED = "aligned"
    MISALIGNED = "misaligned"


class ApprovalStatus(StrEnum):
    """Where a question to a person stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOIDED = "voided"


class Active(StrEnum):
    """Whether a thing works or was stopped by a person (or, for webhooks, by too many failures)."""

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer of this server; nothing crosses between tenants."""

    id: str
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A credential. Only `secret_hash` (SHA-256 of the whole key, hex) is kept; `hint` is its last four characters."""

    id: str
    tenant_id: str
    name: str
    role: Role
    permissions: frozenset[Permission]
    secret_hash: str
    hint: str
    created_at: int
    mailbox_id: str | None = None
    agent_id: str | None = None
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: what a key (or a person, or the server itself as `system`) stands for in one request."""

    tenant_id: str
    actor: str
    role: Role
    permissions: frozenset[Permission]
    mailbox_id: str | None = None
    agent_id: str | None = None
    expires_at: int | None = None  # of the key, if it ends

    @property
    def bound(self) -> bool:
        """True where only some mailboxes may be seen."""
        return self.mailbox_id is not None or self.agent_id is not None


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A private signing key: PKCS#8 PEM, its selector and algorithm (rsa-sha256 or ed25519-sha256)."""

    selector: str
    algorithm: str
    private_pem: str
    record: str  # the TXT value to publish


class KeyState(StrEnum):
    """Where a key stands that is to be replaced one day."""

    NEXT = "next"  # waits until it is seen in DNS
    SIGNING = "signing"
    RETIRED = "retired"  # stays published while what it signed is good


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """An Ed25519 key for Agent-Identity: PKCS#8 PEM (nothing once it is retired), its selector, and since when it stands so."""

    selector: str
    private_pem: str
    record: str  # the TXT value to publish
    state: KeyState
    since: int


@dataclass(frozen=True, slots=True)
class Smarthost:
    """A relay that a domain's mail goes through instead of straight to the receivers."""

    host: str
    port: int = 587
    username: str | None = None
    password: str | None = None
    tls: str = "starttls"  # starttls | implicit | none (loopback only)


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that mail is sent from and received for."""

    id: str
    tenant_id: str
    name: str
    status: Alignment
    dkim_keys: tuple[DkimKey, ...]
    dmarc_policy: str
    created_at: int
    dmarc_rua: str | None = None
    checks: Json | None = None  # the last verification, as told to callers
    verified_at: int | None = None
    override_alignment: bool = False
    smarthost: Smarthost | None = None
    client_id: str | None = None
    identity_keys: tuple[IdentityKey, ...] = ()
    owned_at: int | None = None  # when DNS showed a key of this row: of all tenants that add a name, one owns it


@dataclass(frozen=True, slots=True)
class Agent:
    """Who writes: a program with a name, answerable to somebody."""

    id: str
    tenant_id: str
    name: str
    status: Active
    created_at: int
    responsible: str | None = None
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Forward:
    """A rule of a mailbox: what comes in and meets the conditions goes on to `to`."""

    id: str
    to: str
    created_at: int
    keep_copy: bool = True
    header_from: str | None = None  # an address, or a domain with all below it
    trust: Trust | None = None  # at least


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with its mail. `uid_next` and `modseq` only ever rise (I8)."""

    id: str
    tenant_id: str
    domain_id: str
    agent_id: str
    address: str
    display_name: str
    oversight_mode: OversightMode
    status: Active
    uid_validity: int
    uid_next: int
    modseq: int
    created_at: int
    overseer: str | None = None  # gets a copy of what a monitored mailbox sends
    at_most_once: bool = False  # never retry a delivery whose outcome is unknown (I6)
    client_id: str | None = None
    forwards: tuple[Forward, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message of one mailbox: the facts about it. Its bytes are the blob, unchanged (I9).

    `trace` holds the fields that we put on top (Received, Authentication-Results) and are no part of the blob.
    """

    id: str
    tenant_id: str
    mailbox_id: str
    thread_id: str
    direction: Direction
    status: MessageStatus
    blob_id: str
    size: int
    rfc_message_id: str
    subject: str
    preview: str
    header_from: str  # as it reads: `Ada <ada@example.com>`
    from_address: str
    reply_to: tuple[str, ...]
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    labels: tuple[str, ...]
    mail_from: str
    uid: int
    modseq: int
    date: int
    created_at: int
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    trace: bytes = b""
    authentication: Json | None = None
    verified_domain: str | None = None
    trust: Trust | None = None
    automatic: str | None = None  # why this is automatic mail, if it is (RFC 3834)
    oversight_mode: OversightMode | None = None
    approval_id: str | None = None
    digest: str | None = None  # what an approver approves: see approvals.py
    stream: str = "transactional"
    attachments: int = 0
    forwarded_by: str | None = None  # the rule by which it goes on, as it came: somebody else wrote it
    require_tls: bool = False  # it must not go any further in the clear (RFC 8689)

    @property
    def foreign(self) -> bool:
        """Whether somebody else wrote it."""
        return self.direction is Direction.INBOUND or self.forwarded_by is not None


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation inside one mailbox."""

    id: str
    tenant_id: str
    mailbox_id: str
    subject: str
    base_subject: str
    participants: tuple[str, ...]
    message_count: int
    preview: str
    created_at: int
    last_at: int
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One recipient of one outbound message: the row of the queue.

    It is due at `due_at`; claiming it moves `due_at` to the end of the lease and raises `fence`, so that a dead
    worker's entry comes back by itself and a late one's result is refused.
    """

    id: str
    tenant_id: str
    mailbox_id: str
    message_id: str
    recipient: str
    domain: str  # of the recipient: what routes it
    status: MessageStatus
    due_at: int
    expires_at: int
    created_at: int
    attempts: int = 0
    fence: int = 0
    code: int | None = None
    enhanced: str | None = None
    text: str | None = None
    mx: str | None = None
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver, kept with what was said. `outcome` is None while it runs, or where it died."""

    id: str
    tenant_id: str
    delivery_id: str
    message_id: str
    number: int
    started_at: int
    finished_at: int | None = None
    outcome: str | None = None  # delivered | deferred | rejected | unknown
    mx: str | None = None
    address: str | None = None
    tls: str | None = None
    code: int | None = None
    enhanced: str | None = None
    text: str | None = None
    transcript: tuple[str, ...] = ()
    signature: bytes = b""  # the fields that were prepended, so that the exact bytes can be shown again


@dataclass(frozen=True, slots=True)
class Approval:
    """A question to a person about exactly these bytes for exactly these recipients."""

    id: str
    tenant_id: str
    mailbox_id: str
    message_id: str
    direction: Direction
    status: ApprovalStatus
    digest: str
    recipients: tuple[str, ...]
    reasons: tuple[str, ...]
    created_at: int
    expires_at: int
    send_at: int | None = None
    decided_by: str | None = None
    decided_at: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A thing that happened. `cursor` is its place in the log."""

    id: str
    type: str
    tenant_id: str
    mailbox_id: str | None
    created_at: int
    data: Json
    cursor: int = 0


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody to be told of events. `cursor` is the last event turned into a delivery."""

    id: str
    tenant_id: str
    url: str
    events: tuple[str, ...]  # empty: all
    status: Active
    secret: str
    cursor: int
    created_at: int
    mailbox_id: str | None = None
    previous_secret: str | None = None
    previous_until: int | None = None
    failing_since: int | None = None
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One event on its way to one webhook."""

    id: str
    tenant_id: str
    webhook_id: str
    event_cursor: int
    event_id: str
    status: str  # pending | succeeded | failed
    due_at: int
    created_at: int
    attempts: int = 0
    fence: int = 0
    response_status: int | None = None
    response_body: str | None = None
    error: str | None = None
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that a tenant must not write to."""

    id: str
    tenant_id: str
    address: str
    reason: str  # hard_bounce | complaint | unsubscribe | manual
    created_at: int
    detail: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a receiver reported of a domain's mail: a DMARC aggregate report or a TLS report."""

    id: str
    tenant_id: str
    kind: str  # dmarc | tls
    domain: str
    organization: str  # whoever wrote it, as it says
    report_id: str  # its own, as its writer counts
    content: Json
    message_id: str  # that brought it
    created_at: int
    begins_at: int | None = None
    ends_at: int | None = None
    verified_domain: str | None = None  # that vouches for the message; None: nobody does


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the log that only grows. `hash` covers the entry and the hash before it."""

    index: int
    tenant_id: str
    at: int
    actor: str  # a key id, or `system`
    action: str
    subject: str  # the id of what was acted upon
    data: Json
    hash: str
    agent_id: str | None = None  # whose agent, mailbox and domain it concerned: what the log is searched by
    mailbox_id: str | None = None
    domain: str | None = None
