-- What requests with an Idempotency-Key were answered, so that a second try gets the same answer.

-- get(tenant_id, key)
-- The answer to an earlier request.
SELECT {columns} FROM idempotency WHERE tenant_id = :tenant_id AND key = :key;

-- add(tenant_id, key, {inserted})
-- The answer to this request; no row is written where the key was used.
INSERT INTO idempotency (tenant_id, key, {inserted}) VALUES (:tenant_id, :key, {values}) ON CONFLICT DO NOTHING;

-- forget_before(created_at)
-- Answers, of all tenants, that are too old to be asked for again.
DELETE FROM idempotency WHERE created_at < :created_at;
