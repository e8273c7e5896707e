-- Agents.

-- get(tenant_id, id)
-- One agent, for its own tenant.
SELECT {columns} FROM agents WHERE tenant_id = :tenant_id AND id = :id;

-- add({inserted})
-- A new agent; no row is written where a unique value is taken.
INSERT INTO agents ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- put(tenant_id, id, {changed})
-- The agent as it is now.
UPDATE agents SET {assignments} WHERE tenant_id = :tenant_id AND id = :id;

-- remove(tenant_id, id)
-- The agent is gone.
DELETE FROM agents WHERE tenant_id = :tenant_id AND id = :id;

-- page(tenant_id, after, limit)
-- A tenant's agents by id, so that a page goes on even where its last row is gone.
SELECT {columns} FROM agents WHERE tenant_id = :tenant_id AND id > :after ORDER BY id LIMIT :limit;

-- by_client_id(tenant_id, client_id)
-- What an earlier try of the same request made.
SELECT {columns} FROM agents WHERE tenant_id = :tenant_id AND client_id = :client_id;
