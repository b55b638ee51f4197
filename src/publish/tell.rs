//! What is audited and told of a publication that came to its end.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    capabilities::Outcome,
    events::{Telling, outgoing},
    ids::Ids,
    organisation::OrganisationId,
    store::{NewAuditEntry, OperationRow, OperationState, OutgoingEvent},
};

/// A publication that came to its end.
pub(super) struct Published<'a> {
    pub(super) organisation: &'a OrganisationId,
    pub(super) operation: &'a OperationRow,
    /// The list.
    pub(super) list: String,
    pub(super) counts: &'a Value,
    pub(super) state: OperationState,
    /// What to change so that the next one costs less.
    pub(super) advice: Option<&'a str>,
}

impl Published<'_> {
    /// The audit entry, and the event `zones.published`.
    pub(super) fn told(&self, now: DateTime<Utc>) -> (NewAuditEntry, OutgoingEvent) {
        let id = &self.operation.id;
        let object = format!("operation/{id}");
        let entry = NewAuditEntry {
            at: now,
            actor: self.operation.requested_by.clone(),
            action: "zones.published".to_owned(),
            target: object.clone(),
            outcome: Outcome::Succeeded,
            detail: json!({ "list": self.list, "counts": self.counts, "state": self.state.label(), "advice": self.advice }),
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
            data: json!({ "operationId": id, "counts": self.counts, "state": self.state.label(), "advice": self.advice }),
        });
        (entry, event)
    }
}
