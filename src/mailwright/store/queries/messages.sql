-- Messages, newest first where they are listed. A page goes on after the place (created_at, seq) of the last row seen.

-- get(tenant_id, id)
-- One message, for its own tenant.
SELECT {columns} FROM messages WHERE tenant_id = :tenant_id AND id = :id;

-- several(tenant_id, ids)
-- Some messages (a JSON list) of one tenant.
SELECT {columns} FROM messages WHERE id IN (SELECT value FROM json_each(:ids)) AND {ours};

-- add({inserted})
-- A new message; its seq, and no row where a unique value is taken.
INSERT INTO messages ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- now(tenant_id, id)
-- What the indexes and the words of a message are made of as it is kept, to see what a put changes.
SELECT seq, mailbox_id, thread_id, created_at, labels, subject, header_from, "to", cc, preview
FROM messages WHERE tenant_id = :tenant_id AND id = :id;

-- put(tenant_id, id, {changed})
-- The message as it is now, except for what indexes are made of.
UPDATE messages SET {assignments} WHERE tenant_id = :tenant_id AND id = :id;

-- show(tenant_id, id, status)
-- What came of it, as its recipients are now.
UPDATE messages SET status = :status WHERE tenant_id = :tenant_id AND id = :id AND status <> :status;

-- move(tenant_id, id, mailbox_id, thread_id, created_at)
-- What the indexes are made of, in the rare case that it changes (a draft's parent).
UPDATE messages SET mailbox_id = :mailbox_id, thread_id = :thread_id, created_at = :created_at
WHERE tenant_id = :tenant_id AND id = :id;

-- remove(tenant_id, id)
-- The message is gone.
DELETE FROM messages WHERE tenant_id = :tenant_id AND id = :id;

-- label(tenant_id, label, created_at, seq)
-- The message is found by this label from now on.
INSERT INTO message_labels (tenant_id, label, created_at, seq) VALUES (:tenant_id, :label, :created_at, :seq)
ON CONFLICT DO NOTHING;

-- unlabel(tenant_id, label, created_at, seq)
-- The message is no longer found by this label.
DELETE FROM message_labels
WHERE tenant_id = :tenant_id AND label = :label AND created_at = :created_at AND seq = :seq;

-- index(seq, words)
-- The message is found by these words from now on.
INSERT INTO message_words (rowid, words) VALUES (:seq, :words);

-- forget(seq)
-- The message is no longer found by its words.
DELETE FROM message_words WHERE rowid = :seq;

-- forwarded_since(tenant_id, mailbox_id, after)
-- How much a mailbox has forwarded lately.
SELECT count(*) FROM messages
WHERE mailbox_id = :mailbox_id AND created_at > :after AND forwarded_by IS NOT NULL AND {ours};

-- of_thread(tenant_id, thread_id, limit)
-- A conversation, oldest first.
SELECT {columns} FROM messages WHERE thread_id = :thread_id AND {ours} ORDER BY created_at, seq LIMIT :limit;

-- place(tenant_id, id)
-- Where a page ended.
SELECT created_at, seq FROM messages WHERE tenant_id = :tenant_id AND id = :id;

-- {ours}
-- The tenant, where another column chooses the index: the plus tells SQLite not to take one that begins with tenant_id.
    +tenant_id = :tenant_id

-- {narrow}
-- What a filter asks besides that which chooses the index.
    (created_at, seq) < (:before_at, :before_seq) AND created_at < :until AND created_at > :since
    AND (:direction IS NULL OR direction = :direction) AND (:status IS NULL OR status = :status)

-- page(tenant_id, before_at, before_seq, until, since, direction, status, limit)
-- Messages of the tenant.
SELECT {columns} FROM messages WHERE tenant_id = :tenant_id AND {narrow} ORDER BY created_at DESC, seq DESC LIMIT :limit;

-- page_of_mailbox(mailbox_id, tenant_id, before_at, before_seq, until, since, direction, status, limit)
-- Messages of one mailbox.
SELECT {columns} FROM messages WHERE mailbox_id = :mailbox_id AND {ours} AND {narrow} ORDER BY created_at DESC, seq DESC LIMIT :limit;

-- page_of_thread(thread_id, mailbox_id, tenant_id, before_at, before_seq, until, since, direction, status, limit)
-- Messages of one conversation.
SELECT {columns} FROM messages
WHERE thread_id = :thread_id AND (:mailbox_id IS NULL OR mailbox_id = :mailbox_id) AND {ours} AND {narrow}
ORDER BY created_at DESC, seq DESC LIMIT :limit;

-- {beside}
-- What a filter asks besides, where the index is made of something else than mailbox and thread.
    (:thread_id IS NULL OR thread_id = :thread_id) AND (:mailbox_id IS NULL OR mailbox_id = :mailbox_id) AND {ours} AND {narrow}

-- page_of_label(label, thread_id, mailbox_id, tenant_id, before_at, before_seq, until, since, direction, status, limit)
-- Messages with a label.
SELECT {columns} FROM (SELECT created_at AS found_at, seq AS found FROM message_labels WHERE tenant_id = :tenant_id AND label = :label)
CROSS JOIN messages ON seq = found
WHERE (found_at, found) < (:before_at, :before_seq) AND {beside}
ORDER BY found_at DESC, found DESC LIMIT :limit;

-- {words}
-- What a filter asks besides, where words choose the index.
    {beside} AND (:label IS NULL OR EXISTS (
        SELECT 1 FROM message_labels AS l
        WHERE l.tenant_id = :tenant_id AND l.label = :label AND l.created_at = messages.created_at AND l.seq = messages.seq))

-- {waiting}
-- Messages beyond the end of the index of words: they wait to be indexed.
    seq > (SELECT coalesce(max(id), 0) FROM message_words_docsize)

-- search(match, label, thread_id, mailbox_id, tenant_id, before_at, before_seq, until, since, direction, status, limit)
-- Messages that have some words, in the order in which they came: that of the index of words.
SELECT {columns} FROM (SELECT rowid AS found FROM message_words WHERE message_words MATCH :match)
CROSS JOIN messages ON seq = found
WHERE found < :before_seq AND {words} ORDER BY found DESC LIMIT :limit;

-- page_of_unindexed(label, thread_id, mailbox_id, tenant_id, before_at, before_seq, until, since, direction, status)
-- Newer messages than those, whatever their words; there are not many.
SELECT {columns} FROM messages WHERE {waiting} AND seq < :before_seq AND {words} ORDER BY seq DESC;

-- unindexed()
-- Messages of all tenants that wait to be indexed, after a start.
SELECT seq, {columns} FROM messages WHERE {waiting};
