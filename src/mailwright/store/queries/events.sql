-- Events: the log that webhooks, streams and polls read. It only grows; cursor is the place in it.

-- append(id, type, tenant_id, mailbox_id, created_at, data, message_id)
-- It happened; the cursor it got. data comes as the bytes of its text: to make a string of some thousand octets, for SQLite to
-- make octets of again, costs as much as all else here.
INSERT INTO events (id, type, tenant_id, mailbox_id, created_at, data, message_id)
VALUES (:id, :type, :tenant_id, :mailbox_id, :created_at, CAST(:data AS TEXT), :message_id);

-- {beyond}
-- What comes after a cursor, of some types (a JSON list; empty: all).
cursor > :cursor AND (:types = '[]' OR type IN (SELECT value FROM json_each(:types)))

-- after(tenant_id, cursor, types, limit)
-- What happened to a tenant since.
SELECT {columns} FROM events WHERE tenant_id = :tenant_id AND {beyond} ORDER BY cursor LIMIT :limit;

-- after_of_mailbox(mailbox_id, tenant_id, cursor, types, limit)
-- What happened in one mailbox since.
SELECT {columns} FROM events WHERE mailbox_id = :mailbox_id AND +tenant_id = :tenant_id AND {beyond} ORDER BY cursor LIMIT :limit;

-- of_message(tenant_id, message_id)
-- What happened to a message, in order.
SELECT {columns} FROM events WHERE message_id = :message_id AND +tenant_id = :tenant_id ORDER BY cursor;

-- last(tenant_id)
-- The newest cursor of a tenant.
SELECT max(cursor) FROM events WHERE tenant_id = :tenant_id;
