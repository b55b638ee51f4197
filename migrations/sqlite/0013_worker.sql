-- Loops at work. Each counts its own row up every few seconds while it lives; one whose count stands still is dead or frozen, and what
-- it has under lease is taken over before the leases end.
CREATE TABLE worker (
    owner TEXT NOT NULL PRIMARY KEY,
    beats INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
