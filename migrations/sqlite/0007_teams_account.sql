-- The account that posts through GRAPH channels. The refresh token is sealed under a data key of its own; both are empty once the
-- sign-in is lost. token_version moves with every new refresh token; the lease says which replica asks for the next one.
CREATE TABLE teams_account (
    org TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    token_version INTEGER NOT NULL,
    user_principal_name TEXT,
    state TEXT NOT NULL CHECK (state IN ('signed-in', 'lost')),
    reason TEXT,
    key_id TEXT NOT NULL,
    sealed_data_key BLOB NOT NULL,
    sealed_refresh_token BLOB NOT NULL,
    lease_owner TEXT,
    lease_until INTEGER,
    signed_in_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A sign-in that waits for a person at another screen. poll_at is null once it has failed.
CREATE TABLE teams_sign_in (
    org TEXT NOT NULL PRIMARY KEY,
    sign_in_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    sealed_data_key BLOB NOT NULL,
    sealed_device_code BLOB NOT NULL,
    actor TEXT NOT NULL,
    correlation_id TEXT,
    pause INTEGER NOT NULL,
    poll_at INTEGER,
    expires_at INTEGER NOT NULL,
    failure TEXT,
    started_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
