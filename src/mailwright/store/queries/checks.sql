-- What must never be there, across tenants: a row that points to nothing. Each statement counts.

-- messages_without_blob()
-- A message whose bytes are lost.
SELECT count(*) FROM messages WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE blobs.blob_id = messages.blob_id);

-- messages_without_thread()
-- A message in no conversation.
SELECT count(*) FROM messages WHERE NOT EXISTS (SELECT 1 FROM threads WHERE threads.id = messages.thread_id);

-- deliveries_without_message()
-- A recipient of no message.
SELECT count(*) FROM deliveries WHERE NOT EXISTS (SELECT 1 FROM messages WHERE messages.id = deliveries.message_id);

-- uids_beyond_next()
-- A UID that will be given a second time (I8).
SELECT count(*) FROM messages CROSS JOIN mailboxes ON mailboxes.id = messages.mailbox_id WHERE messages.uid >= mailboxes.uid_next;

-- gaps_in_audit()
-- Entries that are missing from the audit log.
SELECT coalesce(max("index") + 1 - count(*), 0) FROM audit;
