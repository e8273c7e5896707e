-- Everything as of the first release. Ids are random text; times are milliseconds since 1970; JSON is text; booleans are 0 or 1.
-- Where rows are listed by age, seq (an identity column) says in which order they came; SQLite ends every index of such a
-- table with it by itself, so the order of a page is total and the next one goes on exactly where it ended.

-- who ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE tenants (
    id         TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE keys (
    id           TEXT PRIMARY KEY NOT NULL,
    tenant_id    TEXT NOT NULL,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,
    permissions  TEXT NOT NULL,
    secret_hash  TEXT NOT NULL UNIQUE,
    hint         TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    mailbox_id   TEXT,
    agent_id     TEXT,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT;
CREATE INDEX keys_page ON keys (tenant_id, id);

CREATE TABLE domains (
    id                 TEXT PRIMARY KEY NOT NULL,
    tenant_id          TEXT NOT NULL,
    name               TEXT NOT NULL,
    status             TEXT NOT NULL,
    dkim_keys          TEXT NOT NULL,
    dmarc_policy       TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    dmarc_rua          TEXT,
    checks             TEXT,
    verified_at        INTEGER,
    override_alignment INTEGER NOT NULL,
    smarthost          TEXT,
    client_id          TEXT,
    identity_keys      TEXT NOT NULL,
    owned_at           INTEGER
) STRICT;
CREATE INDEX domains_page ON domains (tenant_id, id);
CREATE UNIQUE INDEX domains_name ON domains (name, tenant_id);
CREATE UNIQUE INDEX domains_owner ON domains (name) WHERE owned_at IS NOT NULL;
CREATE UNIQUE INDEX domains_client ON domains (tenant_id, client_id) WHERE client_id IS NOT NULL;

CREATE TABLE agents (
    id          TEXT PRIMARY KEY NOT NULL,
    tenant_id   TEXT NOT NULL,
    name        TEXT NOT NULL,
    status      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    responsible TEXT,
    client_id   TEXT
) STRICT;
CREATE INDEX agents_page ON agents (tenant_id, id);
CREATE UNIQUE INDEX agents_name ON agents (tenant_id, name);
CREATE INDEX agents_named ON agents (name, created_at, id);
CREATE UNIQUE INDEX agents_client ON agents (tenant_id, client_id) WHERE client_id IS NOT NULL;

-- address_key is the address in lower case: incoming mail finds its mailbox by it, on the domain that owns its name.
CREATE TABLE mailboxes (
    id             TEXT PRIMARY KEY NOT NULL,
    tenant_id      TEXT NOT NULL,
    domain_id      TEXT NOT NULL,
    agent_id       TEXT NOT NULL,
    address        TEXT NOT NULL,
    display_name   TEXT NOT NULL,
    oversight_mode TEXT NOT NULL,
    status         TEXT NOT NULL,
    uid_validity   INTEGER NOT NULL,
    uid_next       INTEGER NOT NULL,
    modseq         INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    overseer       TEXT,
    at_most_once   INTEGER NOT NULL,
    client_id      TEXT,
    forwards       TEXT NOT NULL,
    address_key    TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX mailboxes_address ON mailboxes (address_key, domain_id);
CREATE INDEX mailboxes_page ON mailboxes (tenant_id, id);
CREATE INDEX mailboxes_domain ON mailboxes (domain_id, id);
CREATE INDEX mailboxes_agent ON mailboxes (agent_id, id);
CREATE UNIQUE INDEX mailboxes_client ON mailboxes (tenant_id, client_id) WHERE client_id IS NOT NULL;

-- mail --------------------------------------------------------------------------------------------------------------------

-- The bytes of small messages; those of large ones are files (bytes IS NULL). Not keyed by the id: whole messages in the
-- leaves of a tree in random order would be moved about by every insert.
CREATE TABLE blobs (
    blob_id TEXT NOT NULL UNIQUE,
    size    INTEGER NOT NULL,
    bytes   BLOB
) STRICT;

CREATE TABLE messages (
    seq             INTEGER PRIMARY KEY NOT NULL,
    id              TEXT NOT NULL UNIQUE,
    tenant_id       TEXT NOT NULL,
    mailbox_id      TEXT NOT NULL,
    thread_id       TEXT NOT NULL,
    direction       TEXT NOT NULL,
    status          TEXT NOT NULL,
    blob_id         TEXT NOT NULL,
    size            INTEGER NOT NULL,
    rfc_message_id  TEXT NOT NULL,
    subject         TEXT NOT NULL,
    preview         TEXT NOT NULL,
    header_from     TEXT NOT NULL,
    from_address    TEXT NOT NULL,
    reply_to        TEXT NOT NULL,
    "to"            TEXT NOT NULL,
    cc              TEXT NOT NULL,
    bcc             TEXT NOT NULL,
    labels          TEXT NOT NULL,
    mail_from       TEXT NOT NULL,
    uid             INTEGER NOT NULL,
    modseq          INTEGER NOT NULL,
    date            INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    in_reply_to     TEXT,
    "references"    TEXT NOT NULL,
    trace           BLOB NOT NULL,
    authentication  TEXT,
    verified_domain TEXT,
    trust           TEXT,
    automatic       TEXT,
    oversight_mode  TEXT,
    approval_id     TEXT,
    digest          TEXT,
    stream          TEXT NOT NULL,
    attachments     INTEGER NOT NULL,
    forwarded_by    TEXT
) STRICT;
CREATE INDEX messages_of_mailbox ON messages (mailbox_id, created_at);
CREATE INDEX messages_of_tenant ON messages (tenant_id, created_at);
CREATE INDEX messages_of_thread ON messages (thread_id, created_at);
CREATE INDEX messages_forwarded ON messages (mailbox_id, created_at) WHERE forwarded_by IS NOT NULL;

-- A copy of messages.labels, to find messages by.
CREATE TABLE message_labels (
    tenant_id  TEXT NOT NULL,
    label      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, label, created_at, seq)
) STRICT, WITHOUT ROWID;

-- The words of subject, addresses and preview (rows.words says what a word is), and the ids of tenant and mailbox as words of
-- their own, by which a search stays inside them. No text is kept here: rowid is messages.seq.
CREATE VIRTUAL TABLE message_words USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = "ascii tokenchars '_'"
);

CREATE TABLE threads (
    seq           INTEGER PRIMARY KEY NOT NULL,
    id            TEXT NOT NULL UNIQUE,
    tenant_id     TEXT NOT NULL,
    mailbox_id    TEXT NOT NULL,
    subject       TEXT NOT NULL,
    base_subject  TEXT NOT NULL,
    participants  TEXT NOT NULL,
    message_count INTEGER NOT NULL,
    preview       TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    labels        TEXT NOT NULL
) STRICT;
CREATE INDEX threads_of_mailbox ON threads (mailbox_id, last_at);
CREATE INDEX threads_of_tenant ON threads (tenant_id, last_at);

-- Which thread of a mailbox knows a Message-ID.
CREATE TABLE thread_ids (
    mailbox_id TEXT NOT NULL,
    rfc_id     TEXT NOT NULL,
    thread_id  TEXT NOT NULL,
    PRIMARY KEY (mailbox_id, rfc_id)
) STRICT, WITHOUT ROWID;

-- going out ---------------------------------------------------------------------------------------------------------------

-- leased is 1 from the claim until a result is written. Only rows that may still move are in the indexes that claims use,
-- so that history, however long, costs a claim nothing.
CREATE TABLE deliveries (
    seq        INTEGER PRIMARY KEY NOT NULL,
    id         TEXT NOT NULL UNIQUE,
    tenant_id  TEXT NOT NULL,
    mailbox_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    recipient  TEXT NOT NULL,
    domain     TEXT NOT NULL,
    status     TEXT NOT NULL,
    due_at     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    fence      INTEGER NOT NULL,
    code       INTEGER,
    enhanced   TEXT,
    text       TEXT,
    mx         TEXT,
    at         INTEGER,
    leased     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX deliveries_of_message ON deliveries (message_id);
CREATE INDEX deliveries_due ON deliveries (due_at, seq, domain) WHERE status IN ('queued', 'deferred', 'scheduled');
CREATE INDEX deliveries_by_domain ON deliveries (domain, due_at) WHERE status IN ('queued', 'deferred', 'scheduled');
CREATE INDEX deliveries_leased ON deliveries (leased) WHERE leased = 1;

CREATE TABLE attempts (
    seq         INTEGER PRIMARY KEY NOT NULL,
    id          TEXT NOT NULL UNIQUE,
    tenant_id   TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    message_id  TEXT NOT NULL,
    number      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    outcome     TEXT,
    mx          TEXT,
    address     TEXT,
    tls         TEXT,
    code        INTEGER,
    enhanced    TEXT,
    text        TEXT,
    transcript  TEXT NOT NULL,
    signature   BLOB NOT NULL
) STRICT;
CREATE INDEX attempts_of_message ON attempts (message_id);
CREATE INDEX attempts_open ON attempts (delivery_id) WHERE outcome IS NULL;

CREATE TABLE suppressions (
    id         TEXT PRIMARY KEY NOT NULL,
    tenant_id  TEXT NOT NULL,
    address    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    detail     TEXT,
    message_id TEXT
) STRICT;
CREATE INDEX suppressions_page ON suppressions (tenant_id, id);
CREATE UNIQUE INDEX suppressions_address ON suppressions (tenant_id, address);

CREATE TABLE reports (
    id              TEXT PRIMARY KEY NOT NULL,
    tenant_id       TEXT NOT NULL,
    kind            TEXT NOT NULL,
    domain          TEXT NOT NULL,
    organization    TEXT NOT NULL,
    report_id       TEXT NOT NULL,
    content         TEXT NOT NULL,
    message_id      TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    begins_at       INTEGER,
    ends_at         INTEGER,
    verified_domain TEXT
) STRICT;
CREATE INDEX reports_page ON reports (tenant_id, id);
-- RFC 9990 §3.1.1.4: what is sent again keeps its id.
CREATE UNIQUE INDEX reports_once ON reports (tenant_id, kind, domain, organization, report_id);

-- people ------------------------------------------------------------------------------------------------------------------

CREATE TABLE approvals (
    seq        INTEGER PRIMARY KEY NOT NULL,
    id         TEXT NOT NULL UNIQUE,
    tenant_id  TEXT NOT NULL,
    mailbox_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    direction  TEXT NOT NULL,
    status     TEXT NOT NULL,
    digest     TEXT NOT NULL,
    recipients TEXT NOT NULL,
    reasons    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    send_at    INTEGER,
    decided_by TEXT,
    decided_at INTEGER,
    note       TEXT
) STRICT;
CREATE INDEX approvals_page ON approvals (tenant_id);
CREATE INDEX approvals_by_status ON approvals (tenant_id, status);
CREATE INDEX approvals_overdue ON approvals (expires_at) WHERE status = 'pending';

-- what happened -----------------------------------------------------------------------------------------------------------

-- cursor rises in the order of commits, because there is one writer. message_id is data's, where it has one.
CREATE TABLE events (
    cursor     INTEGER PRIMARY KEY NOT NULL,
    id         TEXT NOT NULL,
    type       TEXT NOT NULL,
    tenant_id  TEXT NOT NULL,
    mailbox_id TEXT,
    created_at INTEGER NOT NULL,
    data       TEXT NOT NULL,
    message_id TEXT
) STRICT;
CREATE INDEX events_of_tenant ON events (tenant_id);
CREATE INDEX events_of_mailbox ON events (mailbox_id) WHERE mailbox_id IS NOT NULL;
CREATE INDEX events_of_message ON events (message_id) WHERE message_id IS NOT NULL;

CREATE TABLE webhooks (
    id              TEXT PRIMARY KEY NOT NULL,
    tenant_id       TEXT NOT NULL,
    url             TEXT NOT NULL,
    events          TEXT NOT NULL,
    status          TEXT NOT NULL,
    secret          TEXT NOT NULL,
    cursor          INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    mailbox_id      TEXT,
    previous_secret TEXT,
    previous_until  INTEGER,
    failing_since   INTEGER,
    client_id       TEXT
) STRICT;
CREATE INDEX webhooks_page ON webhooks (tenant_id, id);
CREATE INDEX webhooks_active ON webhooks (cursor) WHERE status = 'active';
CREATE UNIQUE INDEX webhooks_client ON webhooks (tenant_id, client_id) WHERE client_id IS NOT NULL;

CREATE TABLE webhook_deliveries (
    seq             INTEGER PRIMARY KEY NOT NULL,
    id              TEXT NOT NULL UNIQUE,
    tenant_id       TEXT NOT NULL,
    webhook_id      TEXT NOT NULL,
    event_cursor    INTEGER NOT NULL,
    event_id        TEXT NOT NULL,
    status          TEXT NOT NULL,
    due_at          INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    fence           INTEGER NOT NULL,
    response_status INTEGER,
    response_body   TEXT,
    error           TEXT,
    at              INTEGER,
    leased          INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX webhook_deliveries_page ON webhook_deliveries (webhook_id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at, event_cursor, seq, webhook_id) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, due_at) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (webhook_id, due_at) WHERE leased = 1;

CREATE TABLE audit (
    "index"    INTEGER PRIMARY KEY NOT NULL,
    tenant_id  TEXT NOT NULL,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    data       TEXT NOT NULL,
    hash       TEXT NOT NULL,
    agent_id   TEXT,
    mailbox_id TEXT,
    domain     TEXT
) STRICT;
CREATE INDEX audit_of_tenant ON audit (tenant_id);
CREATE INDEX audit_of_subject ON audit (subject);
CREATE INDEX audit_of_mailbox ON audit (mailbox_id) WHERE mailbox_id IS NOT NULL;
CREATE INDEX audit_of_agent ON audit (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX audit_refusals ON audit (tenant_id, actor, at) WHERE action = 'request.refused';

CREATE TABLE idempotency (
    tenant_id    TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status       INTEGER NOT NULL,
    body         BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key)
) STRICT;
CREATE INDEX idempotency_age ON idempotency (created_at);

-- Signed identities that came to a mailbox, until they expire: a second arrival is a copy.
CREATE TABLE nonces (
    mailbox_id TEXT NOT NULL,
    domain     TEXT NOT NULL,
    selector   TEXT NOT NULL,
    nonce      TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, domain, selector, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_age ON nonces (expires_at);
