//! What is told of an import as a whole: its audit entry, and the event that others react to.

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use crate::{
    capabilities::Outcome,
    events::{Outgoing, Telling, outgoing},
    ids::Ids,
    organisation::OrgScope,
    store::{NewAuditEntry, OperationKind, OperationRow, OperationState},
};

/// How it ended.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) state: OperationState,
    pub(super) counts: Json,
    /// Why it waits or failed.
    pub(super) reason: Option<String>,
    pub(super) graph_request_id: Option<String>,
}

/// The audit action of an import of this kind.
pub(super) fn action(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::ImportGroups => "directory.groups.imported",
        _ => "directory.users.imported",
    }
}

/// The entry and the event of an import's end. A dry run is audited, and nobody else's business.
pub(super) fn of_end(
    scope: &OrgScope,
    operation: &OperationRow,
    now: DateTime<Utc>,
    told: &Told,
) -> (Vec<NewAuditEntry>, Vec<Outgoing>) {
    let waits = told.state == OperationState::AwaitingApproval;
    let outcome = if told.state == OperationState::Failed { Outcome::Failed } else { Outcome::Succeeded };
    let audit = NewAuditEntry {
        at: now,
        actor: operation.requested_by.clone(),
        action: if waits { "directory.import.awaiting-approval" } else { action(operation.kind) }.into(),
        target: format!("operation/{}", operation.id),
        outcome,
        detail: json!({
            "input": operation.input, "dryRun": operation.dry_run, "counts": told.counts, "reason": told.reason,
            "approvedBy": operation.approved_by,
        }),
        personal: Vec::new(),
        correlation_id: None,
        graph_request_id: told.graph_request_id.clone(),
    };
    let topic = if waits { "directory.awaiting-approval" } else { "directory.imported" };
    let event = outgoing(Telling {
        id: Ids::derived(scope.as_str(), &[topic, &operation.id]).to_string(),
        organisation: scope.organisation(),
        topic,
        object: Some(format!("operation/{}", operation.id)),
        time: now,
        cause: None,
        trace: operation.trace.as_ref(),
        data: json!({
            "operationId": operation.id, "kind": kind(operation.kind), "counts": told.counts, "reason": told.reason,
        }),
    });
    (vec![audit], if operation.dry_run { Vec::new() } else { vec![event] })
}

/// The kind as the API says it.
fn kind(kind: OperationKind) -> String {
    kind.label().to_uppercase().replace('-', "_")
}
