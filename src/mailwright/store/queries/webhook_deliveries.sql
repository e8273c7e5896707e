-- Webhook deliveries: one event on its way to one webhook. Only pending rows are in the indexes that claims use.

-- add({inserted})
-- An event is to be told; no row is written where the id is taken.
INSERT INTO webhook_deliveries ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- get(tenant_id, id)
-- One delivery, for its own tenant.
SELECT {columns} FROM webhook_deliveries WHERE tenant_id = :tenant_id AND id = :id;

-- place(tenant_id, id)
-- Where a page ended.
SELECT seq FROM webhook_deliveries WHERE tenant_id = :tenant_id AND id = :id;

-- page(tenant_id, webhook_id, before_seq, limit)
-- What a webhook was told, newest first.
SELECT {columns} FROM webhook_deliveries
WHERE webhook_id = :webhook_id AND +tenant_id = :tenant_id AND seq < :before_seq ORDER BY seq DESC LIMIT :limit;

-- under_way(now)
-- The webhooks of all tenants that somebody is calling right now.
SELECT DISTINCT webhook_id FROM webhook_deliveries WHERE leased = 1 AND due_at > :now;

-- due(now, busy, window, limit)
-- The oldest of what is due, across tenants, leaving out busy webhooks (a JSON list); it looks at the first rows only (window).
SELECT seq FROM (
    SELECT webhook_id, due_at, event_cursor, seq FROM webhook_deliveries
    WHERE status = 'pending' AND due_at <= :now ORDER BY due_at, event_cursor, seq LIMIT :window) AS first_rows
WHERE webhook_id NOT IN (SELECT value FROM json_each(:busy)) ORDER BY due_at, event_cursor, seq LIMIT :limit;

-- due_elsewhere(now, busy, limit)
-- As due, past a long line for busy webhooks: the oldest row of each of the others.
SELECT seq FROM (
    SELECT (
        SELECT seq FROM webhook_deliveries
        WHERE status = 'pending' AND webhook_deliveries.webhook_id = webhooks.id AND due_at <= :now ORDER BY due_at, seq LIMIT 1) AS seq
    FROM webhooks WHERE status = 'active' AND webhooks.id NOT IN (SELECT value FROM json_each(:busy))) AS oldest
WHERE seq IS NOT NULL LIMIT :limit;

-- claim(seqs, lease_until)
-- These rows (a JSON list) are taken, whichever tenants' they are.
UPDATE webhook_deliveries SET due_at = :lease_until, fence = fence + 1, attempts = attempts + 1, leased = 1
WHERE seq IN (SELECT value FROM json_each(:seqs)) RETURNING {columns};

-- finish(tenant_id, id, status, due_at, attempts, response_status, response_body, error, at, fence)
-- The result of a try, unless somebody else has taken the row since.
UPDATE webhook_deliveries
SET status = :status, due_at = :due_at, attempts = :attempts, response_status = :response_status, response_body = :response_body,
    error = :error, at = :at, leased = 0
WHERE tenant_id = :tenant_id AND id = :id AND fence = :fence;

-- hasten(tenant_id, webhook_id, now)
-- What waits for a webhook is due now, but for what somebody has taken: a person put it right.
UPDATE webhook_deliveries SET due_at = :now
WHERE webhook_id = :webhook_id AND +tenant_id = :tenant_id AND status = 'pending' AND leased = 0 AND due_at > :now;

-- latest(now)
-- The last that happened, by the clock of that time, to any that waits beyond now, of any tenant.
SELECT max(coalesce(at, created_at)) FROM webhook_deliveries WHERE status = 'pending' AND due_at > :now;

-- catch_up(now)
-- What waits, of any tenant, is due now, but for what is taken: the clock was set back.
UPDATE webhook_deliveries SET due_at = :now WHERE status = 'pending' AND leased = 0 AND due_at > :now;

-- release(now)
-- Every row that is taken, of any tenant, is due now: whoever took it died with the server that ran before.
UPDATE webhook_deliveries SET due_at = :now, leased = 0 WHERE leased = 1;

-- next_due()
-- When the next row of any tenant is due.
SELECT min(due_at) FROM webhook_deliveries WHERE status = 'pending';
