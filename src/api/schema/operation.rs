//! Long-running operations, for those who follow them.

use async_graphql::{ComplexObject, Context, ID, Object, Result, SimpleObject};
use serde_json::Value;

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    page::{self, List, Listed, count},
    scalars::Instant,
    words::{OperationKind, OperationState},
};
use crate::store::{self, OperationFilter, OperationRow};

/// A publication or an import.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(super) struct Operation {
    /// Its id.
    id: ID,
    /// What it does.
    kind: OperationKind,
    /// Where it stands.
    state: OperationState,
    /// Whether it only tells what it would do.
    dry_run: bool,
    /// Who asked for it.
    requested_by: String,
    /// When.
    requested_at: Instant,
    /// When it began.
    started_at: Option<Instant>,
    /// When it ended.
    finished_at: Option<Instant>,
    /// Objects dealt with so far.
    done: i32,
    /// Objects in all, once known.
    total: Option<i32>,
    /// created, updated, unchanged, retired, conflicts, failed; for imports: seen, created, updated, unchanged, disabled, reenabled,
    /// membershipsAdded, membershipsRemoved, losingRoles (people).
    counts: Value,
    /// Why it failed; of an import that waits for approval, what is too much (`APPROVAL_REQUIRED`).
    error: Option<OperationError>,
}

/// Why an operation, or one object of it, failed.
#[derive(SimpleObject)]
pub(super) struct OperationError {
    /// The code.
    code: String,
    /// In words.
    message: String,
}

/// What was done to one object, or would be.
#[derive(SimpleObject)]
pub(super) struct OperationChange {
    /// The object.
    key: String,
    /// What was done.
    action: String,
    /// How it was.
    before: Option<Value>,
    /// How it is now, or would be.
    after: Option<Value>,
    /// Why it failed.
    error: Option<OperationError>,
}

impl Listed for Operation {
    const NAME: &'static str = "Operation";
}

impl Listed for OperationChange {
    const NAME: &'static str = "OperationChange";
}

impl From<OperationRow> for Operation {
    fn from(row: OperationRow) -> Self {
        Self {
            id: row.id.into(),
            kind: row.kind.into(),
            state: row.state.into(),
            dry_run: row.dry_run,
            requested_by: row.requested_by,
            requested_at: row.requested_at.into(),
            started_at: row.started_at.map(Instant),
            finished_at: row.finished_at.map(Instant),
            done: count(row.done),
            total: row.total.map(count),
            counts: row.counts,
            error: row.error.map(OperationError::from),
        }
    }
}

impl From<store::OperationError> for OperationError {
    fn from(error: store::OperationError) -> Self {
        Self { code: error.code, message: error.message }
    }
}

impl From<store::OperationChange> for OperationChange {
    fn from(change: store::OperationChange) -> Self {
        let store::OperationChange { sequence: _, key, action, before, after, error } = change;
        Self { key, action, before, after, error: error.map(OperationError::from) }
    }
}

#[ComplexObject]
impl Operation {
    /// What was or, in a dry run or awaiting approval, would be done, object by object.
    async fn changes(
        &self,
        context: &Context<'_>,
        #[graphql(default_with = "Some(50)")] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<OperationChange>> {
        let page = page::request(first, after)?;
        let records = super::records(context)?;
        let rows = records.operation_changes(Caller::of(context)?.scope(), &self.id, page).await.map_err(Refusal::from)?;
        Ok(List::of(rows, OperationChange::from))
    }
}

/// `operation` and `operations`.
#[derive(Default)]
pub(super) struct OperationQuery;

#[Object]
impl OperationQuery {
    /// One operation; null when the organisation has none with this id.
    #[graphql(guard = "Permission::Read")]
    async fn operation(&self, context: &Context<'_>, id: ID) -> Result<Option<Operation>> {
        let records = super::records(context)?;
        let row = records.operation(Caller::of(context)?.scope(), &id).await.map_err(Refusal::from)?;
        Ok(row.map(Operation::from))
    }

    /// Operations, newest first.
    #[graphql(guard = "Permission::Read")]
    async fn operations(
        &self,
        context: &Context<'_>,
        kind: Option<OperationKind>,
        state: Option<OperationState>,
        #[graphql(default_with = "Some(50)")] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<Operation>> {
        let page = page::request(first, after)?;
        let filter = OperationFilter { kind: kind.map(Into::into), state: state.map(Into::into) };
        let records = super::records(context)?;
        let rows = records.operations(Caller::of(context)?.scope(), filter, page).await.map_err(Refusal::from)?;
        Ok(List::of(rows, Operation::from))
    }
}
