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

-- of_id(id)
-- The agent of that id, whose-ever it is: whoever asks for its public key has no tenant.
SELECT {columns} FROM agents WHERE id = :id;

-- named(name)
-- The agents of that name, whose-ever they are: a message names its agent, no tenant.
SELECT {columns} FROM agents WHERE name = :name ORDER BY created_at, id LIMIT 20;
