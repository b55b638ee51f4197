//! What is audited and told of a publication that ended, however it ended.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    capabilities::Outcome,
    events::{Telling, outgoing},
    ids::Ids,
    organisation::OrganisationId,
    store::{NewAuditEntry, OperationEnd, OperationRow, OperationState, OutgoingEvent},
};

/// A publication that ended.
pub(super) struct Published<'a> {
    pub(super) organisation: &'a OrganisationId,
    pub(super) operation: &'a OperationRow,
    /// The list; none when it was not even found.
    pub(super) list: Option<String>,
    pub(super) end: &'a OperationEnd,
    /// What to change so that the next one costs less.
    pub(super) advice: Option<&'a str>,
}

impl Published<'_> {
    /// The audit entry, and the event `zones.published`.
    pub(super) fn told(&self, now: DateTime<Utc>) -> (NewAuditEntry, OutgoingEvent) {
        let (id, end) = (&self.operation.id, self.end);
        let (object, counts, state) = (format!("operation/{id}"), &end.progress.counts, end.state.label());
        let failed = end.state == OperationState::Failed;
        let mut detail = json!({ "list": self.list, "counts": counts, "state": state, "advice": self.advice });
        if let (Some(error), Value::Object(detail)) = (&end.error, &mut detail) {
            detail.insert("code".to_owned(), json!(error.code));
        }
        let entry = NewAuditEntry {
            at: now,
            actor: self.operation.requested_by.clone(),
            action: "zones.published".to_owned(),
            target: object.clone(),
            outcome: if failed { Outcome::Failed } else { Outcome::Succeeded },
            detail,
            personal: Vec::new(),
            correlation_id: None,
            graph_request_id: None,
        };
        let event = outgoing(Telling {
            id: Ids::derived(self.organisation.as_str(), &["zones.published", id]).to_string(),
            organisation: self.organisation,
            topic: "zones.published",
            object: Some(object),
            time: now,
            cause: None,
            trace: self.operation.trace.as_ref(),
            data: json!({ "operationId": id, "counts": counts, "state": state, "advice": self.advice }),
        });
        (entry, event)
    }
}
