-- Which signed identities came to which mailbox, until they expire: what comes twice is a copy.

-- add(mailbox_id, domain, selector, nonce, expires_at)
-- Remember one; no row is written where it came before.
INSERT INTO nonces (mailbox_id, domain, selector, nonce, expires_at)
VALUES (:mailbox_id, :domain, :selector, :nonce, :expires_at) ON CONFLICT DO NOTHING;

-- forget_before(at)
-- Those, of all mailboxes, that no verifier takes any more.
DELETE FROM nonces WHERE expires_at < :at;
