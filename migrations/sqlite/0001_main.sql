-- Instants are microseconds since 1970 UTC, JSON is TEXT. The Postgres file beside this one has the same tables and columns.

CREATE TABLE connection (
    org TEXT NOT NULL PRIMARY KEY,
    connection_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    secret_version INTEGER NOT NULL,
    cloud TEXT NOT NULL,
    credential_kind TEXT NOT NULL,
    credential_hint TEXT NOT NULL,
    secret_expires_at INTEGER,
    key_id TEXT NOT NULL,
    sealed_data_key BLOB NOT NULL,
    sealed_directory_id BLOB NOT NULL,
    sealed_application_id BLOB NOT NULL,
    sealed_credential BLOB NOT NULL,
    state TEXT NOT NULL,
    state_reason TEXT,
    registered_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_test TEXT
) STRICT, WITHOUT ROWID;

-- The highest numbers an organisation ever used; outlives its connection.
CREATE TABLE connection_numbers (
    org TEXT NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL,
    secret_version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- due_at: when a claim may take the row. Null when it is settled or dead; the lease's end while it is leased.
-- overtaken: a newer version came during the lease. reopen: a worker that had lost its lease reported during this one.
-- has_letter: a delivery dead letter of the object is kept.
CREATE TABLE wanted (
    org TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    event_version INTEGER NOT NULL,
    mutation INTEGER NOT NULL,
    digest BLOB NOT NULL,
    body TEXT NOT NULL,
    body_format INTEGER NOT NULL,
    target TEXT NOT NULL,
    context TEXT NOT NULL,
    event_time INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'unknown', 'settled', 'dead')),
    settled_event_version INTEGER,
    settled_mutation INTEGER,
    generation INTEGER NOT NULL,
    recheck INTEGER NOT NULL CHECK (recheck IN (0, 1)),
    attempts INTEGER NOT NULL,
    first_failed_at INTEGER,
    last_error TEXT,
    not_before INTEGER NOT NULL,
    due_since INTEGER NOT NULL,
    due_at INTEGER,
    lease_owner TEXT,
    lease_epoch INTEGER NOT NULL,
    lease_until INTEGER,
    overtaken INTEGER NOT NULL CHECK (overtaken IN (0, 1)),
    reopen INTEGER NOT NULL CHECK (reopen IN (0, 1)),
    has_letter INTEGER NOT NULL CHECK (has_letter IN (0, 1)),
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (org, kind, key)
) STRICT;

-- What a claim reads; settled rows are in none of them, so their number costs a claim nothing.
CREATE INDEX wanted_lane ON wanted (org, kind, target, due_at) WHERE due_at IS NOT NULL;
-- Without statistics Postgres would take this one for a lane's oldest rows, too, and read all of the organisation's: so it is
-- for those only who say kind <> ''.
CREATE INDEX wanted_due ON wanted (org, kind, due_at) WHERE due_at IS NOT NULL AND kind <> '';
CREATE INDEX wanted_leased ON wanted (org, kind, target, lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX wanted_dead ON wanted (org, kind, due_since) WHERE state = 'dead';

CREATE TABLE place (
    org TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    target TEXT NOT NULL,
    generation INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('intended', 'present', 'unknown')),
    remote_id TEXT,
    confirmed TEXT,
    made_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (org, kind, key, target, generation)
) STRICT, WITHOUT ROWID;

-- target '' holds up everything of the capability.
CREATE TABLE hold (
    org TEXT NOT NULL,
    capability TEXT NOT NULL,
    target TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (org, capability, target)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letter (
    org TEXT NOT NULL,
    id TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('intake', 'delivery')),
    capability TEXT,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    pointer TEXT,
    kind TEXT,
    key TEXT,
    attempts INTEGER NOT NULL,
    graph_request_id TEXT,
    payload TEXT,
    context TEXT,
    event_source TEXT,
    event_id TEXT,
    first_failed_at INTEGER NOT NULL,
    dead_at INTEGER NOT NULL,
    replays INTEGER NOT NULL,
    PRIMARY KEY (org, id)
) STRICT;

CREATE UNIQUE INDEX dead_letter_event ON dead_letter (org, event_source, event_id) WHERE origin = 'intake' AND event_id IS NOT NULL;
CREATE UNIQUE INDEX dead_letter_object ON dead_letter (org, kind, key) WHERE origin = 'delivery';
CREATE INDEX dead_letter_newest ON dead_letter (org, dead_at, id);

CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    org TEXT NOT NULL,
    id TEXT NOT NULL,
    subject TEXT NOT NULL,
    payload TEXT NOT NULL,
    UNIQUE (org, id)
) STRICT;

-- One row that a readiness check writes.
CREATE TABLE probe (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    beats INTEGER NOT NULL
) STRICT;
INSERT INTO probe (id, beats) VALUES (1, 0);
