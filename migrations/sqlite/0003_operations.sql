-- What a person stops and starts by hand.

CREATE TABLE pause (
    org TEXT NOT NULL,
    capability TEXT NOT NULL,
    reason TEXT,
    paused_at INTEGER NOT NULL,
    PRIMARY KEY (org, capability)
) STRICT, WITHOUT ROWID;

-- Claims in a row that ended without a word: their workers died, or were frozen past the lease.
ALTER TABLE wanted ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
