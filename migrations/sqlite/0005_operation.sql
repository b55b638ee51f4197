-- Long-running operations that a caller starts and then follows: publications and imports.
-- due_at: when a runner may take it; the lease's end while it runs; null when it has ended or waits for a person.
-- crashes: how many runners in a row were lost over it.
CREATE TABLE operation (
    org TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'partially-failed', 'failed', 'awaiting-approval', 'rejected')),
    dry_run INTEGER NOT NULL CHECK (dry_run IN (0, 1)),
    input TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    approved_by TEXT,
    started_at INTEGER,
    finished_at INTEGER,
    done INTEGER NOT NULL,
    total INTEGER,
    counts TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    due_at INTEGER,
    lease_owner TEXT,
    lease_epoch INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    PRIMARY KEY (org, id)
) STRICT;

CREATE INDEX operation_due ON operation (kind, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX operation_open ON operation (org, kind, requested_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX operation_newest ON operation (org, requested_at, id);
-- One at a time for each organisation and kind, whatever the number of replicas.
CREATE UNIQUE INDEX operation_running ON operation (org, kind) WHERE state = 'running';

CREATE TABLE operation_change (
    org TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    key TEXT NOT NULL,
    action TEXT NOT NULL,
    before TEXT,
    after TEXT,
    error_code TEXT,
    error_message TEXT,
    PRIMARY KEY (org, operation_id, sequence)
) STRICT, WITHOUT ROWID;
