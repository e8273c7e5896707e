-- The audit log: it only grows. index is given by whoever appends, who read the last entry in the same transaction.

-- append({inserted})
-- One entry.
INSERT INTO audit ({inserted}) VALUES ({values});

-- head()
-- Where the log ends, of all tenants: the next entry's hash covers this one.
SELECT "index", hash FROM audit ORDER BY "index" DESC LIMIT 1;

-- {narrow}
(:subject IS NULL OR subject = :subject) AND (:action IS NULL OR action = :action)
    AND (:agent_id IS NULL OR agent_id = :agent_id) AND (:mailbox_id IS NULL OR mailbox_id = :mailbox_id)
    AND (:domain IS NULL OR domain = :domain) AND (:since IS NULL OR at >= :since) AND (:until IS NULL OR at < :until)

-- page(tenant_id, subject, action, agent_id, mailbox_id, domain, since, until, after, limit)
-- A tenant's entries, oldest first.
SELECT {columns} FROM audit WHERE tenant_id = :tenant_id AND "index" > :after AND {narrow} ORDER BY "index" LIMIT :limit;

-- page_of_subject(tenant_id, subject, action, agent_id, mailbox_id, domain, since, until, after, limit)
-- A tenant's entries about one thing, oldest first.
SELECT {columns} FROM audit WHERE subject = :subject AND +tenant_id = :tenant_id AND "index" > :after AND {narrow}
ORDER BY "index" LIMIT :limit;

-- whole(after, limit)
-- The log of all tenants, oldest first: each entry's hash covers the one before, whoever's that is.
SELECT {columns} FROM audit WHERE "index" > :after ORDER BY "index" LIMIT :limit;

-- page_of_mailbox(tenant_id, subject, action, agent_id, mailbox_id, domain, since, until, after, limit)
-- A tenant's entries that concern one mailbox, oldest first.
SELECT {columns} FROM audit WHERE mailbox_id = :mailbox_id AND +tenant_id = :tenant_id AND "index" > :after AND {narrow}
ORDER BY "index" LIMIT :limit;

-- page_of_agent(tenant_id, subject, action, agent_id, mailbox_id, domain, since, until, after, limit)
-- A tenant's entries that concern one agent, oldest first.
SELECT {columns} FROM audit WHERE agent_id = :agent_id AND +tenant_id = :tenant_id AND "index" > :after AND {narrow}
ORDER BY "index" LIMIT :limit;

-- refusals(tenant_id, actor, since, limit)
-- How many refused requests of a key were written since then: a key in a loop must not fill the log.
SELECT count(*) FROM (
    SELECT 1 FROM audit
    WHERE action = 'request.refused' AND tenant_id = :tenant_id AND actor = :actor AND at >= :since LIMIT :limit
);
