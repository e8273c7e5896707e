-- Threads, the latest activity first where they are listed. A page goes on after the place (last_at, seq) of the last row seen.

-- get(tenant_id, id)
-- One thread, for its own tenant.
SELECT {columns} FROM threads WHERE tenant_id = :tenant_id AND id = :id;

-- add({inserted})
-- A new thread; no row is written where a unique value is taken.
INSERT INTO threads ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- put(tenant_id, id, {changed})
-- The thread as it is now.
UPDATE threads SET {assignments} WHERE tenant_id = :tenant_id AND id = :id;

-- remove(tenant_id, id)
-- The thread is gone. What it remembered stays behind and counts for nothing.
DELETE FROM threads WHERE tenant_id = :tenant_id AND id = :id;

-- place(tenant_id, id)
-- Where a page ended.
SELECT last_at, seq FROM threads WHERE tenant_id = :tenant_id AND id = :id;

-- page(tenant_id, before_at, before_seq, limit)
-- A tenant's threads.
SELECT {columns} FROM threads
WHERE tenant_id = :tenant_id AND (last_at, seq) < (:before_at, :before_seq) ORDER BY last_at DESC, seq DESC LIMIT :limit;

-- page_of_mailbox(mailbox_id, tenant_id, before_at, before_seq, limit)
-- The threads of one mailbox.
SELECT {columns} FROM threads
WHERE mailbox_id = :mailbox_id AND +tenant_id = :tenant_id AND (last_at, seq) < (:before_at, :before_seq)
ORDER BY last_at DESC, seq DESC LIMIT :limit;

-- candidates(mailbox_id, rfc_ids)
-- The threads of a mailbox that know one of these Message-IDs (a JSON list). Never beyond the mailbox (S26), which was found
-- by its tenant or its address before.
SELECT threads.id, thread_ids.rfc_id, threads.participants, threads.base_subject, threads.last_at
FROM json_each(:rfc_ids) AS named
CROSS JOIN thread_ids ON thread_ids.mailbox_id = :mailbox_id AND thread_ids.rfc_id = named.value
CROSS JOIN threads ON threads.id = thread_ids.thread_id AND threads.mailbox_id = :mailbox_id;

-- remember(mailbox_id, rfc_id, thread_id)
-- A Message-ID belongs to a thread from now on; it stays where it is, unless that thread is gone.
INSERT INTO thread_ids (mailbox_id, rfc_id, thread_id) VALUES (:mailbox_id, :rfc_id, :thread_id)
ON CONFLICT (mailbox_id, rfc_id) DO UPDATE SET thread_id = excluded.thread_id
    WHERE NOT EXISTS (SELECT 1 FROM threads WHERE threads.id = thread_ids.thread_id);
