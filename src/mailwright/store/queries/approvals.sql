-- Approvals: questions to a person, oldest first where they are listed. A page goes on after the seq of the last row seen.

-- get(tenant_id, id)
-- One approval, for its own tenant.
SELECT {columns} FROM approvals WHERE tenant_id = :tenant_id AND id = :id;

-- add({inserted})
-- A new question; no row is written where its id is taken.
INSERT INTO approvals ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- put(tenant_id, id, {changed})
-- The question as it stands now.
UPDATE approvals SET {assignments} WHERE tenant_id = :tenant_id AND id = :id;

-- remove(tenant_id, id)
-- The question is gone.
DELETE FROM approvals WHERE tenant_id = :tenant_id AND id = :id;

-- place(tenant_id, id)
-- Where a page ended.
SELECT seq FROM approvals WHERE tenant_id = :tenant_id AND id = :id;

-- page(tenant_id, mailbox_id, after_seq, limit)
-- A tenant's questions.
SELECT {columns} FROM approvals
WHERE tenant_id = :tenant_id AND seq > :after_seq AND (:mailbox_id IS NULL OR mailbox_id = :mailbox_id) ORDER BY seq LIMIT :limit;

-- page_of_status(tenant_id, status, mailbox_id, after_seq, limit)
-- Those of a tenant's questions that stand like this.
SELECT {columns} FROM approvals
WHERE tenant_id = :tenant_id AND status = :status AND seq > :after_seq AND (:mailbox_id IS NULL OR mailbox_id = :mailbox_id)
ORDER BY seq LIMIT :limit;

-- overdue(now, limit)
-- Questions of all tenants that nobody answered in time.
SELECT {columns} FROM approvals WHERE status = 'pending' AND expires_at <= :now ORDER BY expires_at, seq LIMIT :limit;

-- lapse(tenant_id, mailbox_id, now)
-- The time of a mailbox's open questions is over.
UPDATE approvals SET expires_at = :now WHERE tenant_id = :tenant_id AND status = 'pending' AND mailbox_id = :mailbox_id;
