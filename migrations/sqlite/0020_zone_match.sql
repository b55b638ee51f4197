-- Which zone has a value of the match column in a list: the first that wanted it. finder: a digest of the value, as in list_item. The
-- row of a zone that wants another value by now stands until somebody asks for the old one.
CREATE TABLE zone_match (
    org TEXT NOT NULL,
    list TEXT NOT NULL,
    finder TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (org, list, finder)
) STRICT, WITHOUT ROWID;
