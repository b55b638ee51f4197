-- The account that posts through GRAPH channels. The refresh token is sealed under a data key of its own; both are empty once the
-- sign-in is lost. token_version moves with every new refresh token; the lease says which replica asks for the next one.
CREATE TABLE teams_account (
    org TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    token_version BIGINT NOT NULL,
    user_principal_name TEXT,
    state TEXT NOT NULL CHECK (state IN ('signed-in', 'lost')),
    reason TEXT,
    key_id TEXT NOT NULL,
    sealed_data_key BYTEA NOT NULL,
    sealed_refresh_token BYTEA NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT,
    signed_in_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- A sign-in that waits for a person at another screen. poll_at is null once it has failed.
CREATE TABLE teams_sign_in (
    org TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    sign_in_id TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    sealed_data_key BYTEA NOT NULL,
    sealed_device_code BYTEA NOT NULL,
    actor TEXT NOT NULL,
    correlation_id TEXT,
    pause BIGINT NOT NULL,
    poll_at BIGINT,
    expires_at BIGINT NOT NULL,
    failure TEXT,
    started_at BIGINT NOT NULL
);
