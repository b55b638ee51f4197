-- Teams channels, the outages routed to them, and how much was posted to each lately.

-- sealed_url: the webhook's URL, under the record's own data key; empty, as are key_id and sealed_data_key, for a channel that
-- Graph posts to. utility_types: a JSON array; empty for all.
CREATE TABLE teams_channel (
    org TEXT NOT NULL,
    key TEXT NOT NULL,
    sender TEXT NOT NULL CHECK (sender IN ('webhook', 'graph')),
    team_id TEXT,
    channel_id TEXT,
    webhook_host TEXT,
    secret_version BIGINT NOT NULL,
    key_id TEXT NOT NULL,
    sealed_data_key BYTEA NOT NULL,
    sealed_url BYTEA NOT NULL,
    utility_types TEXT NOT NULL,
    minimum_severity TEXT,
    time_zone TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (org, key)
);

-- Which channels hear of an outage: kind and card are those of the object in `wanted` that says so.
CREATE TABLE outage_route (
    org TEXT NOT NULL,
    outage TEXT NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('card', 'message')),
    card TEXT NOT NULL,
    PRIMARY KEY (org, outage, channel)
);

-- What one channel was allowed in the minute that began at minute_start.
CREATE TABLE teams_lane (
    org TEXT NOT NULL,
    target TEXT NOT NULL,
    minute_start BIGINT NOT NULL,
    cards BIGINT NOT NULL,
    summarised BIGINT NOT NULL CHECK (summarised IN (0, 1)),
    PRIMARY KEY (org, target)
);

-- Objects whose version a summary card tells of. It counts once the leader's place under `marker` stands.
CREATE TABLE teams_summary (
    org TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    event_version BIGINT NOT NULL,
    mutation BIGINT NOT NULL,
    leader TEXT NOT NULL,
    marker TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (org, kind, key)
);

-- What waits for no connection: claims find its organisations here.
CREATE INDEX wanted_alone ON wanted (kind, org, due_at) WHERE due_at IS NOT NULL AND kind IN ('outage', 'card');
