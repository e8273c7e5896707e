-- Blobs: a message's bytes. They are reached through a message that belongs to a tenant, never by what is in them (S26).

-- add(blob_id, size, bytes)
-- The blob is there from now on; bytes is NULL where they are a file.
INSERT INTO blobs (blob_id, size, bytes) VALUES (:blob_id, :size, :bytes) ON CONFLICT DO NOTHING;

-- remove(blob_id)
-- The blob is gone; its size, if it is a file that has to follow.
DELETE FROM blobs WHERE blob_id = :blob_id RETURNING CASE WHEN bytes IS NULL THEN 1 ELSE 0 END;

-- get(blob_id)
-- Size and bytes of a blob.
SELECT size, bytes FROM blobs WHERE blob_id = :blob_id;

-- files()
-- The blobs that are files, to find files that are nobody's.
SELECT blob_id FROM blobs WHERE bytes IS NULL;
