-- Reports: what receivers say of our mail.

-- get(tenant_id, id)
-- One report, for its own tenant.
SELECT {columns} FROM reports WHERE tenant_id = :tenant_id AND id = :id;

-- add({inserted})
-- A new report; no row is written where it came before.
INSERT INTO reports ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- put(tenant_id, id, {changed})
-- The report as it is now.
UPDATE reports SET {assignments} WHERE tenant_id = :tenant_id AND id = :id;

-- remove(tenant_id, id)
-- The report is gone.
DELETE FROM reports WHERE tenant_id = :tenant_id AND id = :id;

-- page(tenant_id, after, limit)
-- A tenant's reports by id.
SELECT {columns} FROM reports WHERE tenant_id = :tenant_id AND id > :after ORDER BY id LIMIT :limit;
