-- Webhooks: who is told.

-- get(tenant_id, id)
-- One webhook, for its own tenant.
SELECT {columns} FROM webhooks WHERE tenant_id = :tenant_id AND id = :id;

-- add({inserted})
-- A new webhook; no row is written where a unique value is taken.
INSERT INTO webhooks ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- put(tenant_id, id, {changed})
-- The webhook as it is now.
UPDATE webhooks SET {assignments} WHERE tenant_id = :tenant_id AND id = :id;

-- remove(tenant_id, id)
-- The webhook is gone.
DELETE FROM webhooks WHERE tenant_id = :tenant_id AND id = :id;

-- page(tenant_id, after, limit)
-- A tenant's webhooks by id, so that a page goes on even where its last row is gone.
SELECT {columns} FROM webhooks WHERE tenant_id = :tenant_id AND id > :after ORDER BY id LIMIT :limit;

-- by_client_id(tenant_id, client_id)
-- What an earlier try of the same request made.
SELECT {columns} FROM webhooks WHERE tenant_id = :tenant_id AND client_id = :client_id;

-- behind(limit)
-- Active webhooks of all tenants that have not seen the newest event of their tenant: the one furthest behind first.
SELECT {columns} FROM webhooks
WHERE status = 'active'
    AND EXISTS (SELECT 1 FROM events WHERE events.tenant_id = webhooks.tenant_id AND events.cursor > webhooks.cursor)
ORDER BY cursor LIMIT :limit;

-- active()
-- Whether there is anybody at all, of any tenant, to tell of events.
SELECT 1 FROM webhooks WHERE status = 'active' LIMIT 1;
