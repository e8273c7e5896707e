-- Mailboxes. uid_next and modseq are changed by advance alone.

-- get(tenant_id, id)
-- One mailbox, for its own tenant.
SELECT {columns} FROM mailboxes WHERE tenant_id = :tenant_id AND id = :id;

-- add({inserted})
-- A new mailbox; no row is written where a unique value is taken.
INSERT INTO mailboxes ({inserted}) VALUES ({values}) ON CONFLICT DO NOTHING;

-- put(tenant_id, id, {changed})
-- The mailbox as it is now.
UPDATE mailboxes SET {assignments} WHERE tenant_id = :tenant_id AND id = :id;

-- remove(tenant_id, id)
-- The mailbox is gone.
DELETE FROM mailboxes WHERE tenant_id = :tenant_id AND id = :id;

-- page(tenant_id, after, limit)
-- A tenant's mailboxs by id, so that a page goes on even where its last row is gone.
SELECT {columns} FROM mailboxes WHERE tenant_id = :tenant_id AND id > :after ORDER BY id LIMIT :limit;

-- by_client_id(tenant_id, client_id)
-- What an earlier try of the same request made.
SELECT {columns} FROM mailboxes WHERE tenant_id = :tenant_id AND client_id = :client_id;

-- by_address(address_key)
-- The mailbox of an address, whose-ever it is, on the domain that owns its name: mail that comes in knows nothing but the address.
SELECT {columns} FROM mailboxes WHERE address_key = :address_key
AND EXISTS (SELECT 1 FROM domains WHERE domains.id = mailboxes.domain_id AND domains.owned_at IS NOT NULL);

-- addressed(tenant_id, address_key)
-- A tenant's own mailbox of an address.
SELECT {columns} FROM mailboxes WHERE tenant_id = :tenant_id AND address_key = :address_key;

-- advance(id, uids)
-- Take some UIDs and one MODSEQ, and where that leads. The mailbox was found by its tenant or its address before.
UPDATE mailboxes SET uid_next = uid_next + :uids, modseq = modseq + 1 WHERE id = :id RETURNING uid_next, modseq;

-- advanced(tenant_id, id)
-- The same for one UID, and the mailbox as it is then: what each message that comes in needs of it.
UPDATE mailboxes SET uid_next = uid_next + 1, modseq = modseq + 1 WHERE tenant_id = :tenant_id AND id = :id RETURNING {columns};

-- of_domain(tenant_id, domain_id, limit)
-- The mailboxes of a domain: it can't go before they do.
SELECT {columns} FROM mailboxes WHERE domain_id = :domain_id AND +tenant_id = :tenant_id ORDER BY id LIMIT :limit;

-- of_agent(tenant_id, agent_id)
-- The mailboxes of an agent: what its keys may see.
SELECT {columns} FROM mailboxes WHERE agent_id = :agent_id AND +tenant_id = :tenant_id ORDER BY id;
