-- Keys: who may ask.

-- get(tenant_id, id)
-- One key, for its own tenant.
SELECT {columns} FROM keys WHERE tenant_id = :tenant_id AND id = :id;

-- add({inserted})
-- A new key; no row is written where a unique value is taken.
INSERT INTO keys ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- put(tenant_id, id, {changed})
-- The key as it is now.
UPDATE keys SET {assignments} WHERE tenant_id = :tenant_id AND id = :id;

-- remove(tenant_id, id)
-- The key is gone.
DELETE FROM keys WHERE tenant_id = :tenant_id AND id = :id;

-- page(tenant_id, after, limit)
-- A tenant's keys by id, so that a page goes on even where its last row is gone.
SELECT {columns} FROM keys WHERE tenant_id = :tenant_id AND id > :after ORDER BY id LIMIT :limit;

-- by_hash(secret_hash)
-- The key that a request came with; it is what says which tenant the request is of.
SELECT {columns} FROM keys WHERE secret_hash = :secret_hash;

-- touch(id, at)
-- A key was used; its own row named it.
UPDATE keys SET last_used_at = :at WHERE id = :id;
