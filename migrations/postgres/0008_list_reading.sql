-- A SharePoint list as a publication read it, page by page: what finds each item, and what it says. A reading goes on from next_link;
-- once it is complete, and something was written by it, it may be out of date (used). finder: a digest of the match column's value.
CREATE TABLE list_reading (
    org TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    list TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    next_link TEXT,
    complete BIGINT NOT NULL CHECK (complete IN (0, 1)),
    used BIGINT NOT NULL CHECK (used IN (0, 1)),
    PRIMARY KEY (org, id)
);

CREATE TABLE list_item (
    org TEXT COLLATE "C" NOT NULL,
    reading TEXT COLLATE "C" NOT NULL,
    item_id TEXT COLLATE "C" NOT NULL,
    finder TEXT COLLATE "C",
    etag TEXT,
    said TEXT NOT NULL,
    PRIMARY KEY (org, reading, item_id)
);

CREATE INDEX list_item_finder ON list_item (org, reading, finder) WHERE finder IS NOT NULL;
