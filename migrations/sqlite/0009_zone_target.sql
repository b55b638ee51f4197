-- The list that an organisation's zones go to. connection_epoch: of the directory that it was resolved in; in another one its ids
-- mean nothing. asked: as the administrator said it; target: resolved. Both JSON.
CREATE TABLE zone_target (
    org TEXT NOT NULL PRIMARY KEY,
    connection_epoch INTEGER NOT NULL,
    asked TEXT NOT NULL,
    target TEXT NOT NULL,
    warnings TEXT NOT NULL,
    set_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
