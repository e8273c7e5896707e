"""HOLES: what core needs from the outside, as Protocols. app.py fills them; testing/ fills them without sockets.

Two ideas. A **script** is an `async def` that takes a `Tx` and awaits nothing but its methods: the store runs it in one
transaction, and when `Store.write` returns, what it wrote would survive a power cut (I1). Scripts may be run again after a
conflict, so they have no effect beyond the Tx. `Ports` is the one bundle that capabilities take as their first argument.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from mailwright.core.model import (
    Agent,
    ApiKey,
    Approval,
    ApprovalStatus,
    Attempt,
    AuditEntry,
    Delivery,
    Domain,
    Event,
    Mailbox,
    Message,
    Suppression,
    Tenant,
    Thread,
    Webhook,
    WebhookDelivery,
)
from mailwright.mail.header import Raw
from mailwright.mail.questions import Asks
from mailwright.mail.references import Candidate

T = TypeVar("T")
Row = TypeVar("Row")


class Clock(Protocol):
    """Time, in milliseconds since 1970 UTC."""

    def now(self) -> int:
        """The time now."""


class Ids(Protocol):
    """Randomness."""

    def new(self, prefix: str) -> str:
        """A new id: the prefix, `_`, and at least 96 random bits in lower-case letters and digits."""

    def secret(self, size: int) -> bytes:
        """`size` random bytes for keys and tokens."""


class Resolver(Protocol):
    """DNS."""

    async def resolve(self, check: Asks[T]) -> T:
        """Drive a check to its verdict. Never raises for DNS trouble: that is an `Answer`."""

    async def resolve_afresh(self, check: Asks[T]) -> T:
        """As `resolve`, past any cache: a record that was published a moment ago is seen."""

    async def resolve_aside(self, check: Asks[T]) -> T:
        """As `resolve`, with the check's own work in a thread: for checks that hash a large message."""


# --- blobs ------------------------------------------------------------


class Spool(Protocol):
    """A message while it comes in: in memory while it is small, in a file once it is not."""

    size: int

    @property
    def path(self) -> str | None:
        """Its file, while it is in one and is not settled."""

    def write(self, chunk: bytes) -> None:
        """Append. Raises OSError when the disk is full."""

    def raw(self) -> Raw:
        """All of it so far: bytes, or an mmap of the file. Valid until `discard`, or until it is settled."""

    def discard(self) -> None:
        """Forget it; safe to call twice and after it was settled."""


class Blobs(Protocol):
    """Message bytes outside the transaction."""

    def spool(self) -> Spool:
        """A new empty spool."""

    def adopt(self, name: str) -> Spool:
        """A spool that another process of ours filled: the file of that name in the spools' folder. Raises OSError."""

    async def settle(self, spool: Spool, blob_id: str) -> None:
        """Make it durable under that id, ready for `Tx.blobs.add`. Small ones wait for the transaction itself."""

    async def unsettle(self, blob_id: str) -> None:
        """Take away what was settled under that id and got no row. Never raises: `Store.sweep` finds what is left."""

    async def open(self, blob_id: str) -> Raw:
        """The bytes of a stored blob; raises KeyError if there is none."""


class BlobRows(Protocol):
    """The rows that make blobs exist: blob first, then row; row deleted first, then blob."""

    async def add(self, blob_id: str, spool: Spool | bytes) -> None: ...
    async def remove(self, blob_id: str) -> None: ...


# --- rows ------------------------------------------------------------


class Table(Protocol[Row]):
    """Rows of one noun. Every read names the tenant; another tenant's row is as good as none (S26).

    Lists that take `after` go by id, so that a page goes on even where its last row is gone. Lists that take `before_id` go
    by time, latest first; see `place`.
    """

    async def get(self, tenant_id: str, id: str) -> Row | None: ...
    async def add(self, row: Row) -> None:
        """Insert. Raises `Taken` when a unique value (id, name, address, client_id) is there already."""

    async def put(self, row: Row) -> None:
        """Replace the row of the same id; counters that only rise (uid_next, modseq) are left to their own methods.

        Raises KeyError where there is no such row, and `Taken` where its new name is in use.
        """

    async def remove(self, tenant_id: str, id: str) -> bool: ...
    async def by_client_id(self, tenant_id: str, client_id: str) -> Row | None: ...


class Taken(Exception):
    """A unique value is in use already."""


def place(at: int, id: str) -> str:
    """Where a page ended that lists by time: what to give as `before_id` for the next one.

    It stays good when that row moves (a thread does, with each message) or is removed. An id alone does while neither happens.
    """
    return f"{at}.{id}"


class Tenants(Protocol):
    async def get(self, tenant_id: str) -> Tenant | None: ...
    async def add(self, row: Tenant) -> None: ...
    async def page(self, after: str | None, limit: int) -> list[Tenant]: ...


class Keys(Table[ApiKey], Protocol):
    async def by_hash(self, secret_hash: str) -> ApiKey | None:
        """Across tenants: this is how a request finds its tenant."""

    async def touch(self, key_id: str, at: int) -> None: ...
    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[ApiKey]: ...


class Domains(Table[Domain], Protocol):
    async def by_name(self, name: str) -> Domain | None:
        """Across tenants: the one row that owns the name."""

    async def named(self, tenant_id: str, name: str) -> Domain | None:
        """The tenant's row of that name, whether it owns it or not."""

    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Domain]: ...


class Agents(Table[Agent], Protocol):
    async def named(self, name: str) -> list[Agent]:
        """Across tenants: the agent of that id, then all of that name, the eldest first."""

    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Agent]: ...


class Mailboxes(Table[Mailbox], Protocol):
    async def by_address(self, address: str) -> Mailbox | None:
        """Across tenants, case-insensitively, on the domain that owns its name: this is how incoming mail finds its tenant."""

    async def addressed(self, tenant_id: str, address: str) -> Mailbox | None:
        """The tenant's mailbox of that address, case-insensitively."""

    async def advance(self, mailbox_id: str, uids: int) -> tuple[int, int]:
        """Take `uids` UIDs and one MODSEQ: the first new UID and the new MODSEQ (I8)."""

    async def of_domain(self, tenant_id: str, domain_id: str, limit: int) -> list[Mailbox]: ...
    async def of_agent(self, tenant_id: str, agent_id: str) -> list[Mailbox]: ...
    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Mailbox]: ...


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages to list, newest first; `None` does not narrow. `after` and `before` are times, themselves left out."""

    mailbox_id: str | None = None
    thread_id: str | None = None
    direction: str | None = None
    status: str | None = None
    label: str | None = None
    text: str | None = None  # words of subject, addresses or preview: all of them, those of 3 and more letters as beginnings
    after: int | None = None
    before: int | None = None


class Messages(Table[Message], Protocol):
    async def page(self, tenant_id: str, narrow: MessageFilter, before_id: str | None, limit: int) -> list[Message]: ...
    async def by_rfc_id(self, mailbox_id: str, rfc_message_id: str) -> Message | None: ...
    async def of_thread(self, tenant_id: str, thread_id: str, limit: int) -> list[Message]:
        """Oldest first."""


class Threads(Table[Thread], Protocol):
    async def candidates(self, mailbox_id: str, rfc_ids: Sequence[str]) -> list[Candidate]:
        """Threads of that mailbox that know one of these Message-IDs (own or referenced)."""

    async def remember(self, mailbox_id: str, thread_id: str, rfc_ids: Sequence[str]) -> None:
        """These Message-IDs belong to that thread from now on; one known already stays where it is."""

    async def page(self, tenant_id: str, mailbox_id: str | None, before_id: str | None, limit: int) -> list[Thread]:
        """Latest activity first."""


class Queue(Protocol):
    """Deliveries and their attempts."""

    async def add(self, rows: Sequence[Delivery]) -> None: ...
    async def get(self, delivery_id: str) -> Delivery | None: ...
    async def of_message(self, tenant_id: str, message_id: str) -> list[Delivery]: ...
    async def claim(self, now: int, lease_until: int, limit: int, busy_domains: Sequence[str]) -> list[Delivery]:
        """Take due deliveries (oldest due first), none for `busy_domains`: due_at := lease_until, fence and attempts + 1.

        Due are those that are queued, deferred or scheduled; what has any other status has no way out of here (I5).
        """

    async def finish(self, row: Delivery) -> bool:
        """Write status, due_at and the last reply, unless the fence moved on: then False, and nothing is written."""

    async def renew(self, row: Delivery, lease_until: int) -> bool:
        """Begin the lease of a claimed row anew; False, and nothing is written, where the fence moved on."""

    async def put(self, row: Delivery) -> None:
        """Write regardless of the fence and raise it: a person's cancel, or a bounce that came back."""

    async def next_due(self) -> int | None:
        """When the next delivery is due."""

    async def release(self, now: int) -> int:
        """Make every claimed delivery due now: for the only owner of the store, when it starts. How many."""

    async def start_attempts(self, rows: Sequence[Attempt]) -> None: ...
    async def finish_attempt(self, row: Attempt) -> None: ...
    async def open_attempt(self, delivery_id: str) -> Attempt | None:
        """An attempt that has no outcome: its worker died."""

    async def attempts(self, tenant_id: str, message_id: str) -> list[Attempt]: ...


class Approvals(Table[Approval], Protocol):
    async def page(
        self, tenant_id: str, status: ApprovalStatus | None, mailbox_id: str | None, after: str | None, limit: int
    ) -> list[Approval]:
        """Oldest first, from after the approval of that id on."""

    async def overdue(self, now: int, limit: int) -> list[Approval]:
        """Pending ones of all tenants that expired, the longest over first."""


class Events(Protocol):
    async def append(self, event: Event) -> int:
        """Add to the log; the cursor it got. Cursors rise in the order of commits (I7)."""

    async def after(self, tenant_id: str, cursor: int, mailbox_id: str | None, types: Sequence[str], limit: int) -> list[Event]:
        """Events after the cursor, oldest first; empty `types` means all."""

    async def of_message(self, tenant_id: str, message_id: str) -> list[Event]:
        """Those whose data names the message as `message_id`, oldest first."""

    async def last(self, tenant_id: str) -> int:
        """The newest cursor of the tenant, 0 where there is none."""


class Webhooks(Table[Webhook], Protocol):
    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Webhook]: ...
    async def behind(self, limit: int) -> list[Webhook]:
        """Active webhooks, of all tenants, with events after their cursor."""

    async def add_deliveries(self, rows: Sequence[WebhookDelivery]) -> None: ...
    async def claim(self, now: int, lease_until: int, limit: int) -> list[WebhookDelivery]:
        """As `Queue.claim`, in the order of events, and nothing of a webhook that has a delivery claimed.

        So one webhook gets its events in order, except that one which failed does not hold up those after it.
        """

    async def hasten(self, tenant_id: str, webhook_id: str, now: int) -> int:
        """Make whatever waits for that webhook due now, but for what is being told; how many."""

    async def finish(self, row: WebhookDelivery) -> bool: ...
    async def release(self, now: int) -> int:
        """As `Queue.release`."""

    async def next_due(self) -> int | None: ...
    async def delivery(self, tenant_id: str, delivery_id: str) -> WebhookDelivery | None: ...
    async def deliveries(self, tenant_id: str, webhook_id: str, before_id: str | None, limit: int) -> list[WebhookDelivery]: ...


class Suppressions(Table[Suppression], Protocol):
    async def matching(self, tenant_id: str, addresses: Sequence[str]) -> list[Suppression]: ...
    async def page(self, tenant_id: str, after: str | None, limit: int) -> list[Suppression]: ...


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries of the audit log; None is any."""

    subject: str | None = None
    action: str | None = None
    agent_id: str | None = None
    mailbox_id: str | None = None
    domain: str | None = None
    since: int | None = None
    until: int | None = None  # not included


class Audit(Protocol):
    async def append(self, row: AuditEntry) -> None: ...
    async def last(self) -> AuditEntry | None: ...
    async def page(self, tenant_id: str, narrow: AuditFilter, after: int, limit: int) -> list[AuditEntry]:
        """Oldest first, from after that index on."""

    async def refusals(self, tenant_id: str, actor: str, since: int, limit: int) -> int:
        """How many requests of that actor were refused from then on, counted to the limit."""


@dataclass(frozen=True, slots=True)
class SavedResponse:
    """What an Idempotency-Key was answered with."""

    request_hash: str
    status: int
    body: bytes
    created_at: int


class Idempotency(Protocol):
    async def get(self, tenant_id: str, key: str) -> SavedResponse | None: ...
    async def add(self, tenant_id: str, key: str, saved: SavedResponse) -> None: ...
    async def forget_before(self, created_at: int) -> int: ...


class Nonces(Protocol):
    """Signed identities that came to a mailbox, each known by domain, selector and nonce."""

    async def add(self, mailbox_id: str, domain: str, selector: str, nonce: str, expires_at: int) -> bool:
        """Remember one until then; False where it is there already."""

    async def forget_before(self, at: int) -> int: ...


class Tx(Protocol):
    """One transaction."""

    tenants: Tenants
    keys: Keys
    domains: Domains
    agents: Agents
    mailboxes: Mailboxes
    messages: Messages
    threads: Threads
    queue: Queue
    approvals: Approvals
    events: Events
    webhooks: Webhooks
    suppressions: Suppressions
    audit: Audit
    idempotency: Idempotency
    nonces: Nonces
    blobs: BlobRows


Script = Callable[[Tx], Awaitable[T]]


class Topic:
    """What a waiter can wait for: changed by any commit that appends events, or adds or alters deliveries."""

    EVENTS = "events"
    QUEUE = "queue"
    WEBHOOKS = "webhooks"


class Store(Protocol):
    """Where it is kept."""

    @property
    def blobs(self) -> Blobs:
        """Message bytes outside the transaction."""

    async def write(self, script: Script[T]) -> T:
        """Run the script in one transaction; durable when this returns (I1). Raises StorageBusy when that can't be."""

    async def read(self, script: Script[T]) -> T:
        """Run a reading script on committed data. For few rows found by index: it may run on the event loop."""

    async def browse(self, script: Script[T]) -> T:
        """As `read`, for lists and searches: runs beside the event loop."""

    async def sweep(self) -> int:
        """Delete what was settled long ago and never got a row; how many. After a start, and daily."""

    def version(self, topic: str) -> int:
        """How often that topic changed so far; take it before reading, then `wait` for more."""

    async def wait(self, topic: str, seen: int, timeout: float) -> None:
        """Return when the version exceeds `seen`, or after `timeout` seconds."""


# --- the network ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Host:
    """A server to try: its name, and its addresses in the order to be tried (IPv6 first, then IPv4)."""

    name: str
    addresses: tuple[str, ...]
    port: int = 25


@dataclass(frozen=True, slots=True)
class Route:
    """Where a delivery goes. `key` names the destination for limits and connection reuse: the set of its exchangers."""

    key: str
    hosts: tuple[Host, ...]
    tls: str = "opportunistic"  # opportunistic | starttls (verified, required) | implicit (verified) | none
    username: str | None = None
    password: str | None = None
    ours: bool = False  # our own port: whatever its address is


@dataclass(frozen=True, slots=True)
class Signed:
    """A message that may leave: fields to put on top (DKIM-Signature), and the bytes as stored. Only signing makes one."""

    prefix: bytes
    raw: Raw

    @property
    def size(self) -> int:
        """Octets on the wire, before dot-stuffing."""
        return len(self.prefix) + len(self.raw)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One SMTP transaction: the envelope and the message."""

    mail_from: str  # "" is the null path
    rcpt_to: tuple[str, ...]
    message: Signed
    envelope_id: str | None = None  # ENVID, for receivers that speak DSN
    smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """2xx to the final dot: the receiver is responsible now."""

    code: int
    enhanced: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """A temporary failure (4xx, no connection, time-out before the final dot); `code` is None without a reply."""

    code: int | None
    enhanced: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A permanent failure (5xx)."""

    code: int | None
    enhanced: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The connection was lost after the final dot: it may have arrived (I6)."""

    text: str


Outcome = Delivered | Deferred | Rejected | Unknown


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a parcel: an outcome for each recipient, and what was said, secrets left out (S28)."""

    outcomes: tuple[Outcome, ...]  # in the order of Parcel.rcpt_to
    transcript: tuple[str, ...]
    host: str | None = None
    address: str | None = None
    tls: str | None = None  # "TLSv1.3 TLS_AES_256_GCM_SHA384", or None for plain text


class Courier(Protocol):
    """SMTP out. Never raises for trouble with the peer: that is a Report."""

    async def deliver(self, route: Route, parcel: Parcel) -> Report: ...


@dataclass(frozen=True, slots=True)
class Posted:
    """The endpoint answered."""

    status: int
    body: str  # the beginning of it


@dataclass(frozen=True, slots=True)
class NotPosted:
    """There was no answer. `reason` is a word (refused_address, timeout, connect, tls, protocol), `detail` a sentence."""

    reason: str
    detail: str


class Poster(Protocol):
    """HTTP POST to somebody else's server, guarded (S15). Never raises for trouble with the peer."""

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Posted | NotPosted: ...


class Cpu(Protocol):
    """Work that must not stall the loop (signing, large messages): runs a function in a thread."""

    async def run(self, work: Callable[[], T]) -> T: ...


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
    delivery_hours: int = 48
    honor_reject: bool = False
    require_alignment: bool = True
    allow_private_hosts: bool = False  # deliver to loopback and private addresses: local use only
    delivery_port: int = 25  # of other servers: anything else is for local use only


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything core may reach."""

    store: Store
    resolver: Resolver
    courier: Courier
    poster: Poster
    cpu: Cpu
    clock: Clock
    ids: Ids
    settings: Settings
    admit: Callable[[], None] = lambda: None  # asked before new work is begun; raises StorageBusy where there is no room
