-- Which zone has a value of the match column in a list: the first that wanted it. finder: a digest of the value, as in list_item. The
-- row of a zone that wants another value by now stands until somebody asks for the old one.
CREATE TABLE zone_match (
    org TEXT COLLATE "C" NOT NULL,
    list TEXT COLLATE "C" NOT NULL,
    finder TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org, list, finder)
);
