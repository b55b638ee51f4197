//! How an import ends: planned, judged, and applied or set aside, in one transaction that the operation's lease fences.

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use super::{
    AccessCause, Conn, Counted, Failure, Header, Store, StoreError, access, count_of, disabled, grants, lock, plan_groups,
    plan_users,
    telling::{self, Told},
};
use crate::{
    capabilities::directory::{Figures, Judgement, Limits, judge},
    crash,
    store::{
        OperationEnd, OperationError, OperationKind, OperationLease, OperationProgress, OperationRow, OperationState,
        db::{Job, Reach, Tx},
        operation_lease::{end_in, fence},
    },
};

/// How an import that was read to its end came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Concluded {
    /// Somebody else has the operation; nothing was written.
    LeaseLost,
    /// It ended, and its end is recorded.
    Ended(OperationState),
    /// Nobody and nothing was read where there was somebody before. Nothing was applied.
    Empty,
    /// What it would change was changed by others since. Nothing was applied.
    Conflict,
}

/// Rows that make a plan wait, or not.
const ACTIVE: &str = "SELECT COUNT(*) FROM directory_user WHERE org = $1 AND status = 'active'";
const LOSING: &str = "SELECT COUNT(*) FROM staged_access WHERE org = $1 AND operation_id = $2 AND loses = 1";
const SEEN_BEFORE: &str = "SELECT COUNT(*) FROM directory_seen WHERE org = $1 AND scope = $2";

/// Why a complete plan waits: the code of the operation's `error`, whose message says what is too much.
const APPROVAL_REQUIRED: &str = "APPROVAL_REQUIRED";

const UNDESCRIBE: &str = "DELETE FROM operation_change WHERE org = $1 AND operation_id = $2";

const KEEP_PLAN: &str = "UPDATE directory_import SET planned = 1 WHERE org = $1 AND operation_id = $2";

/// A link that a later import has left is not taken back to an earlier one.
const SCOPE_IMPORTED: &str = "UPDATE directory_scope SET guests = CASE WHEN $3 = 1 THEN 1 ELSE guests END, transitive = $4, \
    delta_link = CASE WHEN delta_at IS NULL OR delta_at <= $6 THEN $5 ELSE delta_link END, \
    delta_at = CASE WHEN delta_at IS NULL OR delta_at <= $6 THEN $6 ELSE delta_at END, distrusted = 0, imported_at = $7 \
    WHERE org = $1 AND scope = $2";

impl Store {
    /// Plans what was staged and applies it; or, by the limits, sets it aside until it is approved; or, in a dry run, only tells.
    pub async fn conclude_import(
        &self,
        lease: &OperationLease,
        now: DateTime<Utc>,
        operation: &OperationRow,
        limits: Limits,
    ) -> Result<Concluded, StoreError> {
        let reach = Reach::from(&lease.scope);
        let (lease, operation) = (lease.clone(), operation.clone());
        let job: Job<Concluded> = Box::new(move |tx| {
            let conclusion = Conclusion { lease: lease.clone(), operation: operation.clone(), now, limits };
            Box::pin(async move { conclusion.run(tx).await })
        });
        self.write(reach, "applying an import", job).await
    }
}

/// One import at its end.
struct Conclusion {
    lease: OperationLease,
    operation: OperationRow,
    now: DateTime<Utc>,
    limits: Limits,
}

impl Conclusion {
    async fn run(&self, tx: &mut Tx) -> Result<Concluded, Failure> {
        if !fence(&mut tx.conn, &self.lease).await? {
            return Ok(Concluded::LeaseLost);
        }
        lock(&mut tx.conn, &self.lease.scope).await?;
        let header = Header::read(&mut tx.conn, &self.lease).await?.ok_or(Failure::Unreadable("import"))?;
        if !header.is_of_this_directory(&mut tx.conn).await? {
            return Ok(Concluded::Conflict);
        }
        if header.planned { self.approved(tx, &header).await } else { self.planned(tx, &header).await }
    }

    /// A plan that was just read.
    async fn planned(&self, tx: &mut Tx, header: &Header) -> Result<Concluded, Failure> {
        let counted = self.plan(&mut tx.conn, header).await?;
        if header.whole && counted.listed == 0 {
            let values = vec![self.lease.scope.as_str().into(), header.scope_key.as_str().into()];
            if count_of(&mut tx.conn, SEEN_BEFORE, values).await? > 0 {
                return Ok(Concluded::Empty);
            }
        }
        grants::plan(&mut tx.conn, &self.lease.scope, &self.lease.id).await?;
        let figures = self.figures(&mut tx.conn, header, &counted).await?;
        self.describe(tx, header).await?;
        let counts = counted.json(figures.losing);
        match judge(&figures, &self.limits) {
            _ if self.operation.dry_run => self.end(tx, OperationState::Succeeded, counts, None).await,
            Judgement::Apply => self.apply(tx, header, counts).await,
            Judgement::Await(reason) => {
                tx.conn.run(KEEP_PLAN, header.staged()).await?;
                self.end(tx, OperationState::AwaitingApproval, counts, Some(reason)).await
            }
        }
    }

    /// A plan that a person approved: exactly that one, or none. Its objects must be as they were when it was made, and whose roles
    /// change by it, and how, must be what the list says: a mapping set meanwhile would give or take roles that nobody approved.
    async fn approved(&self, tx: &mut Tx, header: &Header) -> Result<Concluded, Failure> {
        let conflicts = match self.operation.kind {
            OperationKind::ImportGroups => plan_groups::conflicts(&mut tx.conn, header).await?,
            _ => plan_users::conflicts(&mut tx.conn, header).await?,
        };
        grants::plan(&mut tx.conn, &self.lease.scope, &self.lease.id).await?;
        if conflicts > 0 || !access::is_as_described(&mut tx.conn, &self.lease).await? {
            return Ok(Concluded::Conflict);
        }
        self.apply(tx, header, self.operation.counts.clone()).await
    }

    async fn plan(&self, conn: &mut Conn, header: &Header) -> Result<Counted, Failure> {
        match self.operation.kind {
            OperationKind::ImportGroups => plan_groups::plan(conn, header).await,
            _ => plan_users::plan(conn, header).await,
        }
    }

    async fn figures(&self, conn: &mut Conn, header: &Header, counted: &Counted) -> Result<Figures, Failure> {
        let people = self.operation.kind == OperationKind::ImportUsers;
        Ok(Figures {
            active: count_of(conn, ACTIVE, vec![self.lease.scope.as_str().into()]).await?,
            disabled: if people { counted.disabled } else { 0 },
            losing: count_of(conn, LOSING, header.staged()).await?,
            absent: counted.absent,
            distrusted: header.distrusted,
        })
    }

    /// Object by object what would be done, then whose roles would change.
    async fn describe(&self, tx: &mut Tx, header: &Header) -> Result<(), Failure> {
        tx.conn.run(UNDESCRIBE, header.staged()).await?;
        match self.operation.kind {
            OperationKind::ImportGroups => plan_groups::describe(&mut tx.conn, header).await?,
            _ => plan_users::describe(&mut tx.conn, header).await?,
        }
        access::describe(&mut tx.conn, &self.lease).await
    }

    async fn apply(&self, tx: &mut Tx, header: &Header, counts: Json) -> Result<Concluded, Failure> {
        match self.operation.kind {
            OperationKind::ImportGroups => plan_groups::apply(&mut tx.conn, header, self.now.into()).await?,
            _ => plan_users::apply(&mut tx.conn, header, self.now.into()).await?,
        }
        crash::point("import.half-applied");
        tx.conn.run(SCOPE_IMPORTED, self.scope_values(header)).await?;
        if self.operation.kind == OperationKind::ImportUsers {
            disabled::tell(tx, header, &self.cause()).await?;
        }
        access::settle(tx, &self.lease.scope, &self.lease.id, &self.cause()).await?;
        self.end(tx, OperationState::Succeeded, counts, None).await
    }

    fn scope_values(&self, header: &Header) -> Vec<crate::store::db::Value> {
        vec![
            self.lease.scope.as_str().into(),
            header.scope_key.as_str().into(),
            header.guests.into(),
            header.transitive.into(),
            header.delta_link.as_deref().into(),
            header.delta_at.unwrap_or_default().into(),
            self.now.into(),
        ]
    }

    async fn end(&self, tx: &mut Tx, state: OperationState, counts: Json, reason: Option<String>) -> Result<Concluded, Failure> {
        let done = counts["seen"].as_u64().unwrap_or_default();
        let error = reason.clone().map(|message| OperationError { code: APPROVAL_REQUIRED.into(), message });
        let told = Told { state, counts: counts.clone(), reason, graph_request_id: None };
        let (audit, outgoing) = telling::of_end(&self.lease.scope, &self.operation, self.now, &told);
        let progress = OperationProgress { done, total: Some(done), counts };
        let end = OperationEnd { state, progress, error, audit: Vec::new(), outgoing: Vec::new() };
        if !end_in(&mut tx.conn, &self.lease, self.now, &end).await? {
            return Ok(Concluded::LeaseLost);
        }
        tx.audit(&self.lease.scope, audit);
        tx.outgoing(&self.lease.scope, outgoing);
        Ok(Concluded::Ended(state))
    }

    /// An approved plan is the approver's doing.
    fn cause(&self) -> AccessCause {
        let actor = self.operation.approved_by.clone().unwrap_or_else(|| self.operation.requested_by.clone());
        let (trace, detail) = (self.operation.trace.clone(), json!({ "operationId": self.lease.id }));
        AccessCause { now: self.now, actor, correlation_id: None, trace, detail }
    }
}
