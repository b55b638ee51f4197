-- A SharePoint list as a publication read it, page by page: what finds each item, and what it says. A reading goes on from next_link;
-- once it is complete, and something was written by it, it may be out of date (used). finder: a digest of the match column's value.
CREATE TABLE list_reading (
    org TEXT NOT NULL,
    id TEXT NOT NULL,
    list TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    next_link TEXT,
    complete INTEGER NOT NULL CHECK (complete IN (0, 1)),
    used INTEGER NOT NULL CHECK (used IN (0, 1)),
    PRIMARY KEY (org, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE list_item (
    org TEXT NOT NULL,
    reading TEXT NOT NULL,
    item_id TEXT NOT NULL,
    finder TEXT,
    etag TEXT,
    said TEXT NOT NULL,
    PRIMARY KEY (org, reading, item_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX list_item_finder ON list_item (org, reading, finder) WHERE finder IS NOT NULL;
