//! What a job has at hand while it runs.

use tokio_util::sync::CancellationToken;

use super::JobError;
use crate::{
    organisation::OrgScope,
    store::{OperationChange, OperationLease, OperationProgress, Recorded, Store},
};

/// What a job has at hand while it runs: its lease, and where it writes its progress down.
#[derive(Debug)]
pub struct Desk {
    pub(super) store: Store,
    pub(super) lease: OperationLease,
    pub(super) stop: CancellationToken,
}

impl Desk {
    /// Whose operation it is.
    pub fn scope(&self) -> &OrgScope {
        &self.lease.scope
    }

    /// The right to work on it, for a transaction of the job's own.
    pub fn lease(&self) -> &OperationLease {
        &self.lease
    }

    /// Cancelled when the run must end: the process stops, or somebody else has the operation.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Writes down how far it has come, for those who follow it.
    pub async fn progress(&self, progress: OperationProgress) -> Result<(), JobError> {
        self.still(self.store.record_operation(&self.lease, progress).await?)
    }

    /// Writes down what was done to objects, or would be. The same sequence number again replaces what stood there.
    pub async fn changes(&self, changes: Vec<OperationChange>) -> Result<(), JobError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.still(self.store.add_operation_changes(&self.lease, changes).await?)
    }

    fn still(&self, recorded: Recorded) -> Result<(), JobError> {
        match recorded {
            Recorded::Done => Ok(()),
            Recorded::LeaseLost => {
                self.stop.cancel();
                Err(JobError::LeaseLost)
            }
        }
    }
}
