-- Suppressions: who must not be written to.

-- get(tenant_id, id)
-- One suppression, for its own tenant.
SELECT {columns} FROM suppressions WHERE tenant_id = :tenant_id AND id = :id;

-- add({inserted})
-- A new suppression; no row is written where a unique value is taken.
INSERT INTO suppressions ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- put(tenant_id, id, {changed})
-- The suppression as it is now.
UPDATE suppressions SET {assignments} WHERE tenant_id = :tenant_id AND id = :id;

-- remove(tenant_id, id)
-- The suppression is gone.
DELETE FROM suppressions WHERE tenant_id = :tenant_id AND id = :id;

-- page(tenant_id, after, limit)
-- A tenant's suppressions by id, so that a page goes on even where its last row is gone.
SELECT {columns} FROM suppressions WHERE tenant_id = :tenant_id AND id > :after ORDER BY id LIMIT :limit;

-- of_address(tenant_id, address)
-- The entry of one address.
SELECT {columns} FROM suppressions WHERE tenant_id = :tenant_id AND address = :address;

-- matching(tenant_id, addresses)
-- Those of the addresses (a JSON list) that are on the tenant's list.
SELECT {columns} FROM (SELECT value AS asked FROM json_each(:addresses))
CROSS JOIN suppressions ON suppressions.tenant_id = :tenant_id AND suppressions.address = asked
ORDER BY address;
