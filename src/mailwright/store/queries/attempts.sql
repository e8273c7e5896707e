-- Attempts: one try to deliver, kept with what was said.

-- add({inserted})
-- A try begins.
INSERT INTO attempts ({inserted}) VALUES ({values});

-- put(tenant_id, id, {changed})
-- How the try ended.
UPDATE attempts SET {assignments} WHERE tenant_id = :tenant_id AND id = :id;

-- open(delivery_id)
-- The latest try of a delivery that has no outcome; the delivery was claimed before.
SELECT {columns} FROM attempts WHERE delivery_id = :delivery_id AND outcome IS NULL ORDER BY seq DESC LIMIT 1;

-- abandoned()
-- Tries without an outcome, of any tenant, of deliveries that were cancelled meanwhile; few are open at any time.
SELECT {columns} FROM attempts WHERE outcome IS NULL
AND EXISTS (SELECT 1 FROM deliveries WHERE deliveries.id = attempts.delivery_id AND deliveries.status = 'cancelled') ORDER BY delivery_id;

-- of_message(tenant_id, message_id)
-- Every try for a message, in their order.
SELECT {columns} FROM attempts WHERE message_id = :message_id AND +tenant_id = :tenant_id ORDER BY seq;
