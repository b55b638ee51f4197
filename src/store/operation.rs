//! Long-running operations as they are asked for and read: publications and imports that a caller starts and then follows.
//!
//! How a runner takes, keeps and ends one is in `operation_lease`.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::{
    NewAuditEntry, Page, PageRequest, Store, StoreError,
    db::{Conn, Failure, Job, Reach, Row, Tx},
    page::CURSOR,
    values,
};
use crate::{
    organisation::OrgScope,
    traces::{TRACEPARENT, TRACESTATE, TraceContext},
};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationKind {
    /// Zones into a SharePoint list.
    PublishZones,
    /// People from Entra ID.
    ImportUsers,
    /// Groups and memberships from Entra ID.
    ImportGroups,
}

impl OperationKind {
    /// Every kind there is.
    pub const ALL: [Self; 3] = [Self::PublishZones, Self::ImportUsers, Self::ImportGroups];

    /// The stored word.
    pub fn label(self) -> &'static str {
        match self {
            Self::PublishZones => "publish-zones",
            Self::ImportUsers => "import-users",
            Self::ImportGroups => "import-groups",
        }
    }
}

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationState {
    /// Waits for its turn.
    Queued,
    /// A runner works on it.
    Running,
    /// All of it was done.
    Succeeded,
    /// Some objects failed; `changes` says which.
    PartiallyFailed,
    /// It failed; `error` says why.
    Failed,
    /// Complete, and held back until a person approves it.
    AwaitingApproval,
    /// A person rejected it.
    Rejected,
}

impl OperationState {
    /// Every state there is.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::PartiallyFailed,
        Self::Failed,
        Self::AwaitingApproval,
        Self::Rejected,
    ];

    /// The stored word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::PartiallyFailed => "partially-failed",
            Self::Failed => "failed",
            Self::AwaitingApproval => "awaiting-approval",
            Self::Rejected => "rejected",
        }
    }
}

/// An operation to be queued.
#[derive(Debug, Clone)]
pub struct NewOperation {
    /// Its id (UUID, sorts by time).
    pub id: String,
    /// What it does.
    pub kind: OperationKind,
    /// Whether it only tells what it would do.
    pub dry_run: bool,
    /// What was asked for, in the kind's own form.
    pub input: Json,
    /// Who asked: `user:SUB`, `operator`, `system`.
    pub requested_by: String,
    /// The trace that its runs go on in.
    pub trace: Option<TraceContext>,
}

/// An operation as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationRow {
    /// Its id.
    pub id: String,
    /// What it does.
    pub kind: OperationKind,
    /// Where it stands.
    pub state: OperationState,
    /// Whether it only tells what it would do.
    pub dry_run: bool,
    /// What was asked for, in the kind's own form.
    pub input: Json,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// Who approved it, when it waited for that.
    pub approved_by: Option<String>,
    /// When a runner first took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Objects dealt with so far.
    pub done: u64,
    /// Objects in all, once known.
    pub total: Option<u64>,
    /// Counts by what was done, in the kind's own words.
    pub counts: Json,
    /// Why it failed, or what it waits for.
    pub error: Option<OperationError>,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
}

/// Why an operation, or one object of it, failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationError {
    /// The code that people see.
    pub code: String,
    /// In words, without personal data.
    pub message: String,
}

/// What an operation did to one object, or would do.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationChange {
    /// Its place in the operation; written again, it replaces what stood there.
    pub sequence: u64,
    /// The object.
    pub key: String,
    /// `create`, `update`, `disable`, …
    pub action: String,
    /// How it was.
    pub before: Option<Json>,
    /// How it is now, or would be.
    pub after: Option<Json>,
    /// Why it failed.
    pub error: Option<OperationError>,
}

/// Which operations.
#[derive(Debug, Clone, Copy, Default)]
pub struct OperationFilter {
    /// Of one kind.
    pub kind: Option<OperationKind>,
    /// In one state.
    pub state: Option<OperationState>,
}

macro_rules! select {
    ($of:literal) => {
        concat!(
            "SELECT id, kind, state, dry_run, input, requested_by, requested_at, approved_by, started_at, finished_at, done, total, \
             counts, error_code, error_message, traceparent, tracestate FROM operation WHERE org = $1 AND ",
            $of
        )
    };
}

const ONE: &str = select!("id = $2");

const PAGE: &str = select!(
    "(CAST($2 AS TEXT) IS NULL OR kind = $2) AND (CAST($3 AS TEXT) IS NULL OR state = $3) \
     AND (requested_at < $4 OR (requested_at = $4 AND id < $5)) ORDER BY requested_at DESC, id DESC LIMIT $6"
);

const COUNT: &str = "SELECT COUNT(*) FROM operation WHERE org = $1 AND (CAST($2 AS TEXT) IS NULL OR kind = $2) \
    AND (CAST($3 AS TEXT) IS NULL OR state = $3)";

const INSERT: &str = "INSERT INTO operation (org, id, kind, state, dry_run, input, requested_by, requested_at, done, counts, due_at, \
    lease_epoch, crashes, traceparent, tracestate) VALUES ($1, $2, $3, 'queued', $4, $5, $6, $7, 0, '{}', $7, 0, 0, $8, $9)";

const CHANGES: &str = "SELECT sequence, key, action, before, after, error_code, error_message FROM operation_change \
    WHERE org = $1 AND operation_id = $2 AND sequence > $3 ORDER BY sequence LIMIT $4";

const COUNT_CHANGES: &str = "SELECT COUNT(*) FROM operation_change WHERE org = $1 AND operation_id = $2";

const DECIDE: &str = "UPDATE operation SET state = $3, approved_by = $4, due_at = $5, finished_at = $6 \
    WHERE org = $1 AND id = $2 AND state = 'awaiting-approval'";

impl Store {
    /// Queues an operation; the entries are committed with it.
    pub async fn enqueue_operation(
        &self,
        scope: &OrgScope,
        now: DateTime<Utc>,
        new: NewOperation,
        audit: Vec<NewAuditEntry>,
    ) -> Result<OperationRow, StoreError> {
        let (owner, stored) = (scope.clone(), new.clone());
        let job: Job<()> = Box::new(move |tx| {
            let (scope, new, audit) = (owner.clone(), stored.clone(), audit.clone());
            Box::pin(async move {
                insert(tx, &scope, now, new).await?;
                tx.audit(&scope, audit);
                Ok(())
            })
        });
        self.write(scope, "queueing an operation", job).await?;
        Ok(queued(new, now))
    }

    /// One operation.
    pub async fn operation(&self, scope: &OrgScope, id: &str) -> Result<Option<OperationRow>, StoreError> {
        const DOING: &str = "reading an operation";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.all(ONE, vec![scope.as_str().into(), id.into()]).await;
        rows.and_then(|rows| rows.first().map(|row| read(row, 0)).transpose()).map_err(|failure| failure.doing(DOING))
    }

    /// Operations, newest first.
    pub async fn operations(
        &self,
        scope: &OrgScope,
        filter: OperationFilter,
        page: PageRequest,
    ) -> Result<Page<OperationRow>, StoreError> {
        const DOING: &str = "reading operations";
        let mut conn = self.read(scope, DOING).await?;
        read_page(&mut conn, scope, filter, &page).await.map_err(|failure| failure.doing(DOING))
    }

    /// What an operation did or would do, in its order.
    pub async fn operation_changes(
        &self,
        scope: &OrgScope,
        id: &str,
        page: PageRequest,
    ) -> Result<Page<OperationChange>, StoreError> {
        const DOING: &str = "reading an operation's changes";
        let mut conn = self.read(scope, DOING).await?;
        read_changes(&mut conn, scope, id, &page).await.map_err(|failure| failure.doing(DOING))
    }

    /// Lets an operation that waits for approval run again, now approved. False, and nothing is written, when none waits under this
    /// id.
    pub async fn approve_operation(
        &self,
        scope: &OrgScope,
        now: DateTime<Utc>,
        id: &str,
        by: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError> {
        let decision = Decision { state: OperationState::Queued, by: by.to_owned(), due: Some(now), finished: None };
        self.decide_operation(scope, id, decision, audit).await
    }

    /// Ends an operation that waits for approval. False, and nothing is written, when none waits under this id.
    pub async fn reject_operation(
        &self,
        scope: &OrgScope,
        now: DateTime<Utc>,
        id: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError> {
        let decision = Decision { state: OperationState::Rejected, by: String::new(), due: None, finished: Some(now) };
        self.decide_operation(scope, id, decision, audit).await
    }

    async fn decide_operation(
        &self,
        scope: &OrgScope,
        id: &str,
        decision: Decision,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError> {
        let reach = Reach::from(scope);
        let (scope, id) = (scope.clone(), id.to_owned());
        let job: Job<bool> = Box::new(move |tx| {
            let (scope, id, decision, audit) = (scope.clone(), id.clone(), decision.clone(), audit.clone());
            Box::pin(async move {
                let by = Some(decision.by).filter(|by| !by.is_empty());
                let values = vec![
                    scope.as_str().into(),
                    id.into(),
                    decision.state.label().into(),
                    by.into(),
                    decision.due.into(),
                    decision.finished.into(),
                ];
                let decided = tx.conn.run(DECIDE, values).await? == 1;
                if decided {
                    tx.audit(&scope, [audit]);
                }
                Ok(decided)
            })
        });
        self.write(reach, "deciding on an operation", job).await
    }
}

/// What a person decided on an operation that waits.
#[derive(Clone)]
struct Decision {
    state: OperationState,
    by: String,
    due: Option<DateTime<Utc>>,
    finished: Option<DateTime<Utc>>,
}

/// Puts a queued operation into the table.
pub(super) async fn insert(tx: &mut Tx, scope: &OrgScope, now: DateTime<Utc>, new: NewOperation) -> Result<(), Failure> {
    let trace = |name: &str| new.trace.as_ref().and_then(|trace| trace.header(name).map(str::to_owned));
    let (traceparent, tracestate) = (trace(TRACEPARENT), trace(TRACESTATE));
    let values = vec![
        scope.as_str().into(),
        new.id.into(),
        new.kind.label().into(),
        new.dry_run.into(),
        new.input.to_string().into(),
        new.requested_by.into(),
        now.into(),
        traceparent.into(),
        tracestate.into(),
    ];
    tx.conn.run(INSERT, values).await.map(drop)
}

/// An operation as it stands when it was queued.
pub(super) fn queued(new: NewOperation, now: DateTime<Utc>) -> OperationRow {
    OperationRow {
        id: new.id,
        kind: new.kind,
        state: OperationState::Queued,
        dry_run: new.dry_run,
        input: new.input,
        requested_by: new.requested_by,
        requested_at: now,
        approved_by: None,
        started_at: None,
        finished_at: None,
        done: 0,
        total: None,
        counts: Json::Object(serde_json::Map::new()),
        error: None,
        trace: new.trace,
    }
}

async fn read_page(
    conn: &mut Conn,
    scope: &OrgScope,
    filter: OperationFilter,
    page: &PageRequest,
) -> Result<Page<OperationRow>, Failure> {
    let chosen = || {
        let (kind, state) = (filter.kind.map(OperationKind::label), filter.state.map(OperationState::label));
        vec![scope.as_str().into(), kind.into(), state.into()]
    };
    // Newest first: before the first page lies an instant that never comes.
    let (at, id) = match &page.after {
        None => (i64::MAX, String::new()),
        Some(cursor) => {
            let place = cursor.split_once(':').and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
            place.ok_or(Failure::Unreadable(CURSOR))?
        }
    };
    let mut values = chosen();
    values.extend([at.into(), id.into(), page.limit().into()]);
    let rows = conn.all(PAGE, values).await?;
    let total = conn.all(COUNT, chosen()).await?.first().map_or(Ok(0), |row| row.count(0))?;
    let rows = rows.iter().map(|row| read(row, 0));
    let rows = rows.map(|row| row.map(|row| (format!("{}:{}", row.requested_at.timestamp_micros(), row.id), row)));
    Ok(Page::cut(page, rows.collect::<Result<_, _>>()?, total))
}

async fn read_changes(conn: &mut Conn, scope: &OrgScope, id: &str, page: &PageRequest) -> Result<Page<OperationChange>, Failure> {
    let after = page.after.as_deref().map_or(Ok(-1), str::parse::<i64>).map_err(|_| Failure::Unreadable(CURSOR))?;
    let rows = conn.all(CHANGES, vec![scope.as_str().into(), id.into(), after.into(), page.limit().into()]).await?;
    let total = conn.all(COUNT_CHANGES, vec![scope.as_str().into(), id.into()]).await?;
    let total = total.first().map_or(Ok(0), |row| row.count(0))?;
    let rows = rows.iter().map(|row| {
        let maybe = |index| row.maybe_text(index)?.map(|text| values::from_json(&text, "operation change")).transpose();
        let change = OperationChange {
            sequence: row.count(0)?,
            key: row.text(1)?,
            action: row.text(2)?,
            before: maybe(3)?,
            after: maybe(4)?,
            error: error(row, 5)?,
        };
        Ok((change.sequence.to_string(), change))
    });
    Ok(Page::cut(page, rows.collect::<Result<_, Failure>>()?, total))
}

/// An operation from the columns of `select!`, which begin at `first`.
pub(super) fn read(row: &Row, first: usize) -> Result<OperationRow, Failure> {
    let at = |index: usize| first + index;
    Ok(OperationRow {
        id: row.text(at(0))?,
        kind: kind(&row.text(at(1))?)?,
        state: state(&row.text(at(2))?)?,
        dry_run: row.int(at(3))? == 1,
        input: values::from_json(&row.text(at(4))?, "operation input")?,
        requested_by: row.text(at(5))?,
        requested_at: values::instant(row, at(6))?,
        approved_by: row.maybe_text(at(7))?,
        started_at: values::maybe_instant(row, at(8))?,
        finished_at: values::maybe_instant(row, at(9))?,
        done: row.count(at(10))?,
        total: row.maybe_int(at(11))?.map(|total| u64::try_from(total).unwrap_or(0)),
        counts: values::from_json(&row.text(at(12))?, "operation counts")?,
        error: error(row, at(13))?,
        trace: trace(row, at(15))?,
    })
}

/// Two columns that are null together.
fn error(row: &Row, first: usize) -> Result<Option<OperationError>, Failure> {
    let (code, message) = (row.maybe_text(first)?, row.maybe_text(first + 1)?);
    Ok(code.map(|code| OperationError { code, message: message.unwrap_or_default() }))
}

/// Two columns, of which the second may be null alone.
fn trace(row: &Row, first: usize) -> Result<Option<TraceContext>, Failure> {
    let (traceparent, tracestate) = (row.maybe_text(first)?, row.maybe_text(first + 1)?);
    Ok(traceparent.and_then(|parent| TraceContext::given(&parent, tracestate.as_deref())))
}

pub(super) fn kind(label: &str) -> Result<OperationKind, Failure> {
    OperationKind::ALL.into_iter().find(|kind| kind.label() == label).ok_or(Failure::Unreadable("operation kind"))
}

fn state(label: &str) -> Result<OperationState, Failure> {
    OperationState::ALL.into_iter().find(|state| state.label() == label).ok_or(Failure::Unreadable("operation state"))
}
