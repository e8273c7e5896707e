-- Tenants: the one noun that belongs to nobody.

-- get(tenant_id)
-- One tenant.
SELECT {columns} FROM tenants WHERE id = :tenant_id;

-- add({inserted})
-- A new tenant.
INSERT INTO tenants ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- page(after, limit)
-- All tenants, for whoever runs the server; by id, so that a page goes on even where its last row is gone.
SELECT {columns} FROM tenants WHERE id > :after ORDER BY id LIMIT :limit;
