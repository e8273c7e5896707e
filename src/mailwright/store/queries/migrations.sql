-- Which scripts of schema/ ran here.

-- create()
-- The table that says so: the one that no script makes.
CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);

-- done()
-- The numbers of the scripts that ran.
SELECT number FROM migrations ORDER BY number;

-- note(number, name)
-- A script ran, in the same transaction.
INSERT INTO migrations (number, name) VALUES (:number, :name);
