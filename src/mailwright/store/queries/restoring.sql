-- What is done to a database that was put back from a backup, before anybody uses it. What was given out between the backup and
-- its end is not known here, so every counter that must only rise (I7, I8) leaps past it.

-- raise_mailboxes(validity, uids, changes)
-- RFC 9051 §2.3.1.1: a new UIDVALIDITY, for the UIDs that were given since the backup will be given again to other messages.
UPDATE mailboxes SET uid_validity = max(uid_validity + 1, :validity), uid_next = uid_next + :uids, modseq = modseq + :changes;

-- raise_cursor(leap, id, at)
-- A row of no tenant, far beyond the newest: what comes after it is after every cursor that was ever told.
INSERT INTO events (cursor, id, type, tenant_id, mailbox_id, created_at, data, message_id)
SELECT coalesce(max(cursor), 0) + :leap, :id, 'store.restored', '', NULL, :at, '{}', NULL FROM events;
