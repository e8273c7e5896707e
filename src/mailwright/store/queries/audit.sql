-- The audit log: it only grows. index is given by whoever appends, who read the last entry in the same transaction.

-- append({inserted})
-- One entry.
INSERT INTO audit ({inserted}) VALUES ({values});

-- last()
-- The newest entry of all tenants: the next one's hash covers it.
SELECT {columns} FROM audit ORDER BY "index" DESC LIMIT 1;

-- page(tenant_id, action, after, limit)
-- A tenant's entries, oldest first.
SELECT {columns} FROM audit
WHERE tenant_id = :tenant_id AND "index" > :after AND (:action IS NULL OR action = :action) ORDER BY "index" LIMIT :limit;

-- page_of_subject(subject, tenant_id, action, after, limit)
-- A tenant's entries about one thing, oldest first.
SELECT {columns} FROM audit
WHERE subject = :subject AND +tenant_id = :tenant_id AND "index" > :after AND (:action IS NULL OR action = :action)
ORDER BY "index" LIMIT :limit;

-- whole(after, limit)
-- The log of all tenants, oldest first: each entry's hash covers the one before, whoever's that is.
SELECT {columns} FROM audit WHERE "index" > :after ORDER BY "index" LIMIT :limit;
