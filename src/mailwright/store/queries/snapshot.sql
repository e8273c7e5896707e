-- What a backup asks of one state of the database, across tenants.

-- blob_files()
-- The blobs that are files, and how long each must be.
SELECT blob_id, size FROM blobs WHERE bytes IS NULL;
