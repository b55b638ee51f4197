-- What a person stops and starts by hand.

CREATE TABLE pause (
    org TEXT COLLATE "C" NOT NULL,
    capability TEXT COLLATE "C" NOT NULL,
    reason TEXT,
    paused_at BIGINT NOT NULL,
    PRIMARY KEY (org, capability)
);

-- Claims in a row that ended without a word: their workers died, or were frozen past the lease.
ALTER TABLE wanted ADD COLUMN crashes BIGINT NOT NULL DEFAULT 0;
