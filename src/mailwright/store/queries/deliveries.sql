-- Deliveries and their attempts: the queue. Claims see the rows that are not over ({open}), which have indexes of their own.

-- {open}
-- What may still be sent. The indexes deliveries_due and deliveries_by_domain say the same words.
status IN ('queued', 'deferred', 'scheduled')

-- add({inserted})
-- A new delivery; no row is written where its id is taken.
INSERT INTO deliveries ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- get(id)
-- One delivery, by an id that came back to us in a return path and was signed by us.
SELECT {columns} FROM deliveries WHERE id = :id;

-- of_message(tenant_id, message_id)
-- What became of a message, in the order of its recipients.
SELECT {columns} FROM deliveries WHERE message_id = :message_id AND +tenant_id = :tenant_id ORDER BY seq;

-- statuses(tenant_id, message_id)
-- In which states its recipients are.
SELECT status FROM deliveries WHERE message_id = :message_id AND +tenant_id = :tenant_id;

-- due(now, busy, window, limit)
-- The oldest of what is due, across tenants, leaving out busy domains (a JSON list). It looks at the first rows only
-- (window), so that a long line for one busy domain costs no more than a short one.
SELECT seq, domain FROM (
    SELECT domain, due_at, seq FROM deliveries WHERE {open} AND due_at <= :now ORDER BY due_at, seq LIMIT :window) AS first_rows
WHERE domain NOT IN (SELECT value FROM json_each(:busy)) ORDER BY due_at, seq LIMIT :limit;

-- due_elsewhere(now, beyond, steps)
-- Past such a line: the next domains in the alphabet (steps of them, after beyond), each with its oldest row that is due.
WITH RECURSIVE heads (domain, step) AS (
    SELECT (SELECT min(domain) FROM deliveries WHERE {open} AND domain > :beyond), 1
    UNION ALL
    SELECT (SELECT min(domain) FROM deliveries WHERE {open} AND domain > heads.domain), step + 1
    FROM heads WHERE heads.domain IS NOT NULL AND step < :steps)
SELECT heads.domain, (
    SELECT seq FROM deliveries WHERE {open} AND deliveries.domain = heads.domain AND due_at <= :now ORDER BY due_at, seq LIMIT 1)
FROM heads WHERE heads.domain IS NOT NULL;

-- claim(seqs, lease_until)
-- These rows (a JSON list) are taken, whichever tenants' they are.
UPDATE deliveries SET due_at = :lease_until, fence = fence + 1, attempts = attempts + 1, leased = 1
WHERE seq IN (SELECT value FROM json_each(:seqs)) RETURNING seq, {columns};

-- {result}
-- What a try changes.
status = :status, due_at = :due_at, attempts = :attempts, code = :code, enhanced = :enhanced, text = :text, mx = :mx, at = :at,
leased = 0

-- finish(tenant_id, id, status, due_at, attempts, code, enhanced, text, mx, at, fence)
-- The result of a try, unless somebody else has taken the row since.
UPDATE deliveries SET {result} WHERE tenant_id = :tenant_id AND id = :id AND fence = :fence;

-- put(tenant_id, id, status, due_at, attempts, code, enhanced, text, mx, at, expires_at)
-- A person's word, or a bounce's: it counts more than whoever holds the row.
UPDATE deliveries SET {result}, expires_at = :expires_at, fence = fence + 1 WHERE tenant_id = :tenant_id AND id = :id;

-- held(ids)
-- Those of some rows (a JSON list), of any tenant, that are taken, and their fences: they tell by whom.
SELECT tenant_id, id, fence FROM deliveries WHERE id IN (SELECT value FROM json_each(:ids)) AND leased = 1;

-- renew(tenant_id, id, lease_until, fence)
-- The lease begins anew, unless somebody else has taken the row since.
UPDATE deliveries SET due_at = :lease_until WHERE tenant_id = :tenant_id AND id = :id AND fence = :fence AND leased = 1;

-- next_due()
-- When the next row of any tenant is due.
SELECT min(due_at) FROM deliveries WHERE {open};

-- latest(now)
-- The last that happened, by the clock of that time, to any that waits beyond now, of any tenant.
SELECT max(coalesce(at, created_at)) FROM deliveries WHERE {open} AND due_at > :now;

-- catch_up(now)
-- What waits, of any tenant, is due now, but for what is taken or was scheduled by somebody: the clock was set back.
UPDATE deliveries SET due_at = :now WHERE {open} AND status <> 'scheduled' AND leased = 0 AND due_at > :now;

-- hurry(tenant_id, mailbox_id, now)
-- What waits of a mailbox is due now, also what was scheduled.
UPDATE deliveries SET due_at = :now
WHERE {open} AND leased = 0 AND due_at > :now AND tenant_id = :tenant_id AND mailbox_id = :mailbox_id;

-- release(now)
-- Every row that is taken, of any tenant, is due now: whoever took it died with the server that ran before.
UPDATE deliveries SET due_at = :now, leased = 0 WHERE leased = 1;
