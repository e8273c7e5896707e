-- Whether a message must not go on in the clear (RFC 8689). What came before did not say.
ALTER TABLE messages ADD COLUMN require_tls INTEGER NOT NULL DEFAULT 0;
