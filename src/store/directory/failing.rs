//! An import that failed: nothing of it is applied, and that is audited and told.

use chrono::{DateTime, Utc};

use super::{
    Store, StoreError,
    telling::{self, Told},
};
use crate::{
    capabilities::Outcome,
    store::{
        NewAuditEntry, OperationEnd, OperationError, OperationLease, OperationProgress, OperationRow, OperationState, Recorded,
    },
};

/// Why an import failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportFailure {
    /// The code that people see.
    pub code: String,
    /// In words, without personal data.
    pub message: String,
    /// Microsoft's `request-id`, when an answer caused it.
    pub graph_request_id: Option<String>,
}

impl Store {
    /// Audits that an import is about to be read: an export of the directory, whatever comes of it.
    pub async fn import_intended(
        &self,
        lease: &OperationLease,
        now: DateTime<Utc>,
        operation: &OperationRow,
    ) -> Result<(), StoreError> {
        let entry = NewAuditEntry {
            at: now,
            actor: operation.requested_by.clone(),
            action: telling::action(operation.kind).into(),
            target: format!("operation/{}", operation.id),
            outcome: Outcome::Intended,
            detail: serde_json::json!({ "input": operation.input, "dryRun": operation.dry_run }),
            personal: Vec::new(),
            correlation_id: None,
            graph_request_id: None,
        };
        self.append_audit(&lease.scope, vec![entry]).await
    }

    /// Ends an import as failed.
    pub async fn fail_import(
        &self,
        lease: &OperationLease,
        now: DateTime<Utc>,
        operation: &OperationRow,
        failure: ImportFailure,
    ) -> Result<Recorded, StoreError> {
        let told = Told {
            state: OperationState::Failed,
            counts: operation.counts.clone(),
            reason: Some(failure.code.clone()),
            graph_request_id: failure.graph_request_id,
        };
        let (audit, outgoing) = telling::of_end(&lease.scope, operation, now, &told);
        let progress = OperationProgress { done: operation.done, total: operation.total, counts: operation.counts.clone() };
        let error = Some(OperationError { code: failure.code, message: failure.message });
        self.end_operation(lease, now, OperationEnd { state: OperationState::Failed, progress, error, audit, outgoing }).await
    }
}
