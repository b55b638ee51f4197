-- What mutations under an Idempotency-Key were answered, so that the same request again is answered the same and nothing is done twice.
-- caller: the token's subject. request: a digest of the body and the caller's permission. answer: null while the mutation runs, which runner
-- shows by moving lease_until.
CREATE TABLE kept_answer (
    org TEXT COLLATE "C" NOT NULL,
    caller TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    request BYTEA NOT NULL,
    answer TEXT,
    runner TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (org, caller, key)
);

CREATE INDEX kept_answer_expiry ON kept_answer (expires_at);
