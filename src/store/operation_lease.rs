//! How a runner takes an operation, keeps it, writes its progress down and ends it: fenced by the epoch of its lease.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::{
    NewAuditEntry, OutgoingEvent, Recorded, Store, StoreError, WorkerScope,
    db::{Conn, Failure, Job, Reach, Value},
    operation::{self, OperationChange, OperationError, OperationKind, OperationRow, OperationState},
};
use crate::organisation::OrgScope;

/// The right to work on an operation, as long as nobody has taken it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationLease {
    /// Whose operation.
    pub scope: OrgScope,
    /// Its id.
    pub id: String,
    /// Rises with every claim: what an earlier holder writes is refused.
    pub epoch: u64,
}

/// An operation under lease.
#[derive(Debug, Clone)]
pub struct ClaimedOperation {
    /// The right to work on it.
    pub lease: OperationLease,
    /// The operation, as it stood before the claim.
    pub operation: OperationRow,
    /// How many runners in a row were lost over it.
    pub crashes: u32,
}

/// How far an operation has come.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationProgress {
    /// Objects dealt with.
    pub done: u64,
    /// Objects in all, once known.
    pub total: Option<u64>,
    /// Counts by what was done, in the kind's own words.
    pub counts: Json,
}

/// How an operation ends, and what is committed with that.
#[derive(Debug, Clone)]
pub struct OperationEnd {
    /// Succeeded, partially failed, failed, or awaiting approval.
    pub state: OperationState,
    /// The last word on how far it came.
    pub progress: OperationProgress,
    /// Why it failed.
    pub error: Option<OperationError>,
    /// Audit entries.
    pub audit: Vec<NewAuditEntry>,
    /// Outgoing events.
    pub outgoing: Vec<OutgoingEvent>,
}

/// The oldest open operation of its kind, organisation by organisation. One that waits for approval is not open; approved, it may be
/// older than the one that runs.
const DUE: &str = "SELECT w.org, w.state, w.crashes, w.lease_epoch, w.id, w.kind, w.state, w.dry_run, w.input, w.requested_by, \
    w.requested_at, w.approved_by, w.started_at, w.finished_at, w.done, w.total, w.counts, w.error_code, w.error_message, \
    w.traceparent, w.tracestate FROM operation w WHERE w.kind = $1 AND w.due_at <= $2 AND NOT EXISTS (SELECT 1 FROM operation o WHERE o.org = w.org \
    AND o.kind = w.kind AND o.id <> w.id AND o.due_at IS NOT NULL AND (o.state = 'running' OR (w.state <> 'running' \
    AND (o.requested_at < w.requested_at OR (o.requested_at = w.requested_at AND o.id < w.id))))) \
    ORDER BY w.due_at, w.org LIMIT 1{lock}";

const TAKE: &str = "UPDATE operation SET state = 'running', lease_owner = $3, lease_epoch = lease_epoch + 1, due_at = $4, \
    started_at = COALESCE(started_at, $5), crashes = $6 WHERE org = $1 AND id = $2 AND lease_epoch = $7";

const EXTEND: &str = "UPDATE operation SET due_at = $4 WHERE org = $1 AND id = $2 AND lease_epoch = $3 AND state = 'running'";

const PROGRESS: &str = "UPDATE operation SET done = $4, total = $5, counts = $6 \
    WHERE org = $1 AND id = $2 AND lease_epoch = $3 AND state = 'running'";

const RELEASE: &str = "UPDATE operation SET state = 'queued', due_at = $4, lease_owner = NULL, crashes = 0 \
    WHERE org = $1 AND id = $2 AND lease_epoch = $3 AND state = 'running'";

const END: &str = "UPDATE operation SET state = $4, done = $5, total = $6, counts = $7, error_code = $8, error_message = $9, \
    finished_at = $10, due_at = NULL, lease_owner = NULL, crashes = 0 \
    WHERE org = $1 AND id = $2 AND lease_epoch = $3 AND state = 'running'";

const FENCE: &str = "SELECT w.lease_epoch FROM operation w WHERE w.org = $1 AND w.id = $2 AND w.lease_epoch = $3 \
    AND w.state = 'running'{lock}";

const PUT_CHANGES: &str = "INSERT INTO operation_change (org, operation_id, sequence, key, action, before, after, error_code, \
    error_message) VALUES {rows} ON CONFLICT (org, operation_id, sequence) DO UPDATE SET key = excluded.key, \
    action = excluded.action, before = excluded.before, after = excluded.after, error_code = excluded.error_code, \
    error_message = excluded.error_message";

const NEXT: &str = "SELECT MIN(due_at) FROM operation WHERE kind = $1 AND due_at IS NOT NULL AND state = 'queued'";

impl Store {
    /// Takes one due operation of a kind, if there is one: the organisation's oldest, and only while no other of its kind runs.
    pub async fn claim_operation(
        &self,
        worker: &WorkerScope,
        now: DateTime<Utc>,
        kind: OperationKind,
        owner: &str,
        until: DateTime<Utc>,
    ) -> Result<Option<ClaimedOperation>, StoreError> {
        let (store, owner) = (self.clone(), owner.to_owned());
        let job: Job<Option<ClaimedOperation>> = Box::new(move |tx| {
            let (store, owner) = (store.clone(), owner.clone());
            Box::pin(async move { store.take_operation(&mut tx.conn, now, kind, &owner, until).await })
        });
        self.write(worker, "claiming an operation", job).await
    }

    async fn take_operation(
        &self,
        conn: &mut Conn,
        now: DateTime<Utc>,
        kind: OperationKind,
        owner: &str,
        until: DateTime<Utc>,
    ) -> Result<Option<ClaimedOperation>, Failure> {
        let rows = conn.all(DUE, vec![kind.label().into(), now.into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let scope = self.scope_of(&row.text(0)?)?;
        // Taken over from a runner whose lease ran out, not from the queue.
        let lost = row.text(1)? == OperationState::Running.label();
        let crashes = super::values::small::<u32>(row, 2)? + u32::from(lost);
        let (before, operation) = (row.count(3)?, operation::read(row, 4)?);
        let values = vec![
            scope.as_str().into(),
            operation.id.as_str().into(),
            owner.into(),
            until.into(),
            now.into(),
            crashes.into(),
            before.into(),
        ];
        if conn.run(TAKE, values).await? == 0 {
            return Ok(None);
        }
        let lease = OperationLease { scope, id: operation.id.clone(), epoch: before + 1 };
        Ok(Some(ClaimedOperation { lease, operation, crashes }))
    }

    /// When the next queued operation of a kind becomes due: for how long a runner may sleep.
    pub async fn next_operation_due(
        &self,
        worker: &WorkerScope,
        kind: OperationKind,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        const DOING: &str = "reading when the next operation is due";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all(NEXT, vec![kind.label().into()]).await;
        rows.and_then(|rows| rows.first().map_or(Ok(None), |row| super::values::maybe_instant(row, 0)))
            .map_err(|failure| failure.doing(DOING))
    }

    /// Keeps a lease until a later instant.
    pub async fn extend_operation(&self, lease: &OperationLease, until: DateTime<Utc>) -> Result<Recorded, StoreError> {
        self.fenced("extending an operation's lease", EXTEND, lease, vec![until.into()]).await
    }

    /// Writes down how far it has come.
    pub async fn record_operation(&self, lease: &OperationLease, progress: OperationProgress) -> Result<Recorded, StoreError> {
        self.fenced("recording an operation's progress", PROGRESS, lease, progress_values(&progress)).await
    }

    /// Puts it back into the queue, due at `again`: the runner stops, or what it needs is away.
    pub async fn release_operation(&self, lease: &OperationLease, again: DateTime<Utc>) -> Result<Recorded, StoreError> {
        self.fenced("putting an operation back", RELEASE, lease, vec![again.into()]).await
    }

    /// Writes down what it did to objects; the same sequence number again replaces what stood there, so that a run that starts over
    /// tells everything once.
    pub async fn add_operation_changes(
        &self,
        lease: &OperationLease,
        changes: Vec<OperationChange>,
    ) -> Result<Recorded, StoreError> {
        let reach = Reach::from(&lease.scope);
        let lease = lease.clone();
        let job: Job<Recorded> = Box::new(move |tx| {
            let (lease, changes) = (lease.clone(), changes.clone());
            Box::pin(async move {
                if !fence(&mut tx.conn, &lease).await? {
                    return Ok(Recorded::LeaseLost);
                }
                put_changes(&mut tx.conn, &lease, &changes).await?;
                Ok(Recorded::Done)
            })
        });
        self.write(reach, "recording an operation's changes", job).await
    }

    /// Ends it, with its audit entries and outgoing events; nothing is written when the lease is lost.
    pub async fn end_operation(
        &self,
        lease: &OperationLease,
        now: DateTime<Utc>,
        end: OperationEnd,
    ) -> Result<Recorded, StoreError> {
        let reach = Reach::from(&lease.scope);
        let lease = lease.clone();
        let job: Job<Recorded> = Box::new(move |tx| {
            let (lease, end) = (lease.clone(), end.clone());
            Box::pin(async move {
                let scope = lease.scope.clone();
                if !end_in(&mut tx.conn, &lease, now, &end).await? {
                    return Ok(Recorded::LeaseLost);
                }
                tx.audit(&scope, end.audit);
                tx.outgoing(&scope, end.outgoing);
                Ok(Recorded::Done)
            })
        });
        self.write(reach, "ending an operation", job).await
    }

    async fn fenced(
        &self,
        doing: &'static str,
        text: &'static str,
        lease: &OperationLease,
        rest: Vec<Value>,
    ) -> Result<Recorded, StoreError> {
        let reach = Reach::from(&lease.scope);
        let lease = lease.clone();
        let job: Job<Recorded> = Box::new(move |tx| {
            let mut values = lease_values(&lease);
            values.extend(rest.iter().cloned());
            Box::pin(async move { Ok(recorded(tx.conn.run(text, values).await? == 1)) })
        });
        self.write(reach, doing, job).await
    }
}

fn recorded(done: bool) -> Recorded {
    if done { Recorded::Done } else { Recorded::LeaseLost }
}

fn lease_values(lease: &OperationLease) -> Vec<Value> {
    vec![lease.scope.as_str().into(), lease.id.as_str().into(), lease.epoch.into()]
}

fn progress_values(progress: &OperationProgress) -> Vec<Value> {
    let total = progress.total.map(|total| i64::try_from(total).unwrap_or(i64::MAX));
    vec![progress.done.into(), total.into(), progress.counts.to_string().into()]
}

/// Whether the lease still holds; locks the row, so that nobody takes it over before this transaction ends. For the transactions in
/// which an operation applies its result.
pub(super) async fn fence(conn: &mut Conn, lease: &OperationLease) -> Result<bool, Failure> {
    Ok(!conn.all(FENCE, lease_values(lease)).await?.is_empty())
}

/// Ends an operation inside the transaction that applies its result; false when the lease is lost. Its audit entries and outgoing
/// events are left to the caller.
pub(super) async fn end_in(
    conn: &mut Conn,
    lease: &OperationLease,
    now: DateTime<Utc>,
    end: &OperationEnd,
) -> Result<bool, Failure> {
    let waits = end.state == OperationState::AwaitingApproval;
    let error = end.error.as_ref();
    let mut values = lease_values(lease);
    values.push(end.state.label().into());
    values.extend(progress_values(&end.progress));
    values.push(error.map(|error| error.code.as_str()).into());
    values.push(error.map(|error| error.message.as_str()).into());
    values.push((!waits).then_some(now).into());
    Ok(conn.run(END, values).await? == 1)
}

/// Writes changes inside a transaction that holds the fence.
pub(super) async fn put_changes(conn: &mut Conn, lease: &OperationLease, changes: &[OperationChange]) -> Result<(), Failure> {
    let row = |change: &OperationChange| -> [Value; 9] {
        let error = change.error.as_ref();
        [
            lease.scope.as_str().into(),
            lease.id.as_str().into(),
            change.sequence.into(),
            change.key.as_str().into(),
            change.action.as_str().into(),
            change.before.as_ref().map(Json::to_string).into(),
            change.after.as_ref().map(Json::to_string).into(),
            error.map(|error| error.code.as_str()).into(),
            error.map(|error| error.message.as_str()).into(),
        ]
    };
    conn.many(PUT_CHANGES, &[], changes.iter().map(row).collect()).await.map(drop)
}
