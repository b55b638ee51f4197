-- What mutations under an Idempotency-Key were answered, so that the same request again is answered the same and nothing is done twice.
-- caller: the token's subject. request: a digest of the body and the caller's permission. answer: null while the mutation runs, which runner
-- shows by moving lease_until.
CREATE TABLE kept_answer (
    org TEXT NOT NULL,
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    request BLOB NOT NULL,
    answer TEXT,
    runner TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (org, caller, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX kept_answer_expiry ON kept_answer (expires_at);
