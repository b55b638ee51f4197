//! Long-running operations carried out: a publication or an import that a caller started and now follows.
//!
//! ```text
//! enqueue (API, CLI, timer) ──> operation row ──> Runner: claim → Job::run → end      one at a time per organisation and kind
//!                                                            └── Desk: progress, changes, whether to stop
//! ```
//!
//! An operation's runner may die at any moment; another claims it when the lease has ended and runs it **from its start**. So a
//! [`Job`] is written to be repeated: what it wrote to Microsoft 365 it finds again, and what it applies to the store it applies in
//! one transaction that is fenced by the lease.

mod desk;
mod runner;
#[cfg(test)]
mod tests;
mod trace;

use chrono::{DateTime, Utc};

pub use desk::Desk;
pub use runner::{JobSettings, Runner};
pub use trace::queued;

use crate::{
    organisation::OrgScope,
    store::{OperationEnd, OperationKind, OperationRow, OperationState, StoreError},
};

/// What carries out operations of one kind.
pub trait Job: Send + Sync + 'static {
    /// The kind.
    fn kind(&self) -> OperationKind;

    /// Carries one out, from its start, whatever an earlier runner did. Returns soon after [`Desk::stopping`].
    fn run(&self, operation: &OperationRow, desk: &Desk) -> impl Future<Output = Result<JobEnd, JobError>> + Send;

    /// Tidies up after an operation that fails because its runners were lost one after the other, and adds to its end what is audited
    /// and told of it: none of them could. Nothing unless a job says so.
    fn lost(
        &self,
        _scope: &OrgScope,
        _operation: &OperationRow,
        _end: &mut OperationEnd,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }
}

/// How a run ended.
#[derive(Debug)]
pub enum JobEnd {
    /// To be recorded as this.
    Ended(OperationEnd),
    /// Recorded already as this, in the transaction that applied its result.
    Recorded(OperationState),
    /// To be run again, not before this instant: what it needs is away, or the runner stops.
    Again(DateTime<Utc>),
}

/// A run that could not go on.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Somebody else has the operation now.
    #[error("the operation was taken over")]
    LeaseLost,
    /// The store could not be read or written.
    #[error("the store failed")]
    Store(#[from] StoreError),
}
