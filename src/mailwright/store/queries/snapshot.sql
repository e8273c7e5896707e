-- What a backup and the doctor ask of one state of the database, across tenants.

-- blob_files()
-- The blobs that are files, and how long each must be.
SELECT blob_id, size FROM blobs WHERE bytes IS NULL;

-- tenants()
-- Everybody who may have domains.
SELECT id FROM tenants ORDER BY id;

-- latest_event()
-- The last moment that the store tells of: no clock that shows an earlier one is right.
SELECT created_at FROM events ORDER BY cursor DESC LIMIT 1;
