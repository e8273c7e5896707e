-- Domains.

-- get(tenant_id, id)
-- One domain, for its own tenant.
SELECT {columns} FROM domains WHERE tenant_id = :tenant_id AND id = :id;

-- add({inserted})
-- A new domain; no row is written where a unique value is taken.
INSERT INTO domains ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- put(tenant_id, id, {changed})
-- The domain as it is now.
UPDATE domains SET {assignments} WHERE tenant_id = :tenant_id AND id = :id;

-- remove(tenant_id, id)
-- The domain is gone.
DELETE FROM domains WHERE tenant_id = :tenant_id AND id = :id;

-- page(tenant_id, after, limit)
-- A tenant's domains by id, so that a page goes on even where its last row is gone.
SELECT {columns} FROM domains WHERE tenant_id = :tenant_id AND id > :after ORDER BY id LIMIT :limit;

-- by_client_id(tenant_id, client_id)
-- What an earlier try of the same request made.
SELECT {columns} FROM domains WHERE tenant_id = :tenant_id AND client_id = :client_id;

-- by_name(name)
-- The one domain that owns the name, whose-ever it is: mail that comes in knows nothing but the name.
SELECT {columns} FROM domains WHERE name = :name AND owned_at IS NOT NULL;

-- named(tenant_id, name)
-- A tenant's own claim to a name, owned or not.
SELECT {columns} FROM domains WHERE tenant_id = :tenant_id AND name = :name;
