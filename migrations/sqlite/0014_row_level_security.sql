-- Postgres alone has row-level security; the file of this number there says how it is used. SQLite has no roles: whoever opens the file
-- has all of it.
SELECT 1;
