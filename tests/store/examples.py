"""One of each noun, to be changed with `replace`; and short words for what the tests do most."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

from mailwright.core import model as m
from mailwright.core.ports import SavedResponse, Store, Tx
from mailwright.testing.clock import START

T = TypeVar("T")

OURS = "ten_ours"
THEIRS = "ten_theirs"

TENANT = m.Tenant(OURS, "Ours", START)
KEY = m.ApiKey(
    id="key_1",
    tenant_id=OURS,
    name="laptop",
    role=m.Role.OPERATOR,
    permissions=frozenset({m.Permission.MESSAGES_READ, m.Permission.AGENTS_MANAGE}),
    secret_hash="a" * 64,
    hint="wxyz",
    created_at=START,
    expires_at=START + 9,
)
DOMAIN = m.Domain(
    id="dom_1",
    tenant_id=OURS,
    name="here.example",
    status=m.Alignment.PENDING,
    dkim_keys=(m.DkimKey("s1", "rsa-sha256", "-----BEGIN PRIVATE KEY-----", "v=DKIM1; p=abc"),),
    dmarc_policy="quarantine",
    created_at=START,
    checks={"spf": {"status": "valid"}, "list": [1, None, True]},
    override_alignment=True,
    smarthost=m.Smarthost("relay.example", 465, "ada", "secret", "implicit"),
    client_id="first-domain",
    owned_at=START + 3,
)
AGENT = m.Agent("agt_1", OURS, "ada", m.Active.ACTIVE, START, "ops@here.example", "first-agent")
MAILBOX = m.Mailbox(
    id="mbx_1",
    tenant_id=OURS,
    domain_id="dom_1",
    agent_id="agt_1",
    address="Ada@here.example",
    display_name="Ada",
    oversight_mode=m.OversightMode.MONITORED,
    status=m.Active.ACTIVE,
    uid_validity=77,
    uid_next=1,
    modseq=1,
    created_at=START,
    overseer="boss@here.example",
    at_most_once=True,
    client_id="first-mailbox",
    forwards=(
        m.Forward(
            "fwd_1", "grace@there.example", START, keep_copy=False, header_from="there.example", trust=m.Trust.DMARC_PASS
        ),
        m.Forward("fwd_2", "eve@there.example", START),
    ),
)
MESSAGE = m.Message(
    id="msg_1",
    tenant_id=OURS,
    mailbox_id="mbx_1",
    thread_id="thr_1",
    direction=m.Direction.INBOUND,
    status=m.MessageStatus.RECEIVED,
    blob_id="blb_1",
    size=5,
    rfc_message_id="<1@there.example>",
    subject="Tea at four?",
    preview="Shall we meet in the garden",
    header_from="Bob <bob@there.example>",
    from_address="bob@there.example",
    reply_to=("bob@home.example",),
    to=("Ada <ada@here.example>",),
    cc=("carol@there.example",),
    bcc=(),
    labels=("inbox", "garden party"),
    mail_from="bounce@there.example",
    uid=1,
    modseq=2,
    date=START - 5000,
    created_at=START,
    in_reply_to="<0@here.example>",
    references=("<0@here.example>",),
    trace=b"Received: from there.example\r\n\xff",
    authentication={"spf": {"result": "pass"}},
    verified_domain="there.example",
    trust=m.Trust.DMARC_PASS,
    oversight_mode=m.OversightMode.GATED_ALL,
    attachments=2,
    forwarded_by="fwd_1",
)
THREAD = m.Thread(
    id="thr_1",
    tenant_id=OURS,
    mailbox_id="mbx_1",
    subject="Re: Tea",
    base_subject="tea",
    participants=("bob@there.example", "ada@here.example"),
    message_count=2,
    preview="At four.",
    created_at=START,
    last_at=START + 1000,
    labels=("inbox",),
)
DELIVERY = m.Delivery(
    id="dlv_1",
    tenant_id=OURS,
    mailbox_id="mbx_1",
    message_id="msg_1",
    recipient="bob@there.example",
    domain="there.example",
    status=m.MessageStatus.QUEUED,
    due_at=START,
    expires_at=START + 1_000_000,
    created_at=START,
)
ATTEMPT = m.Attempt("att_1", OURS, "dlv_1", "msg_1", 1, START)
APPROVAL = m.Approval(
    id="apr_1",
    tenant_id=OURS,
    mailbox_id="mbx_1",
    message_id="msg_1",
    direction=m.Direction.OUTBOUND,
    status=m.ApprovalStatus.PENDING,
    digest="d" * 64,
    recipients=("bob@there.example",),
    reasons=("new_recipient",),
    created_at=START,
    expires_at=START + 1000,
)
EVENT = m.Event("evt_1", "message.received", OURS, "mbx_1", START, {"message_id": "msg_1", "size": 5})
WEBHOOK = m.Webhook(
    id="whk_1",
    tenant_id=OURS,
    url="https://hooks.example/in",
    events=("message.received",),
    status=m.Active.ACTIVE,
    secret="whsec_x",
    cursor=0,
    created_at=START,
    client_id="first-webhook",
)
WEBHOOK_DELIVERY = m.WebhookDelivery("wdl_1", OURS, "whk_1", 1, "evt_1", "pending", START, START)
SUPPRESSION = m.Suppression("sup_1", OURS, "bob@there.example", "hard_bounce", START, "550 5.1.1", "msg_1")
REPORT = m.Report(
    "rpt_1",
    OURS,
    "dmarc",
    "here.example",
    "There",
    "r-1",
    {"records": [1, None]},
    "msg_1",
    START,
    START - 9,
    None,
    "there.example",
)
ENTRY = m.AuditEntry(0, OURS, START, "system", "message.received", "msg_1", {"digest": "abc"}, "h" * 64)
SAVED = SavedResponse("r" * 64, 202, b'{"id":"msg_1"}', START)


async def adding(store: Store, table: str, *rows: Any) -> None:
    """Add rows to a table of the store, in one transaction."""

    async def script(tx: Tx) -> None:
        for row in rows:
            await getattr(tx, table).add(row)

    await store.write(script)


async def asking(store: Store, script: Callable[[Tx], Awaitable[T]]) -> T:
    """What a script finds, as `read` sees it and, the same, as `browse` does."""
    found = await store.read(script)
    assert found == await store.browse(script)
    return found


def numbered(row: T, count: int, **changes: Callable[[int], Any]) -> list[T]:
    """Copies of a row with ids that end in 1, 2, 3, ...; each change is a function of that number."""
    prefix = row.id.rpartition("_")[0]  # type: ignore[attr-defined]
    return [
        replace(row, id=f"{prefix}_{n}", **{name: of(n) for name, of in changes.items()})  # type: ignore[type-var]
        for n in range(1, count + 1)
    ]


def ids(rows: list[Any]) -> list[str]:
    """The ends of their ids."""
    return [row.id.rpartition("_")[2] for row in rows]
