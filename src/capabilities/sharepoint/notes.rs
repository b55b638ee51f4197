//! The audit entries of a call. Zones name nobody. Pure.

use serde_json::{Map, Value, json};

use super::{Zones, call::Call};
use crate::{
    capabilities::{AuditNote, Outcome, Work},
    graph::GraphError,
};

const CREATED: &str = "sharepoint.item.created";
const UPDATED: &str = "sharepoint.item.updated";
const RETIRED: &str = "sharepoint.item.retired";
pub(super) const FAILED: &str = "sharepoint.item.failed";

/// What a call sets out to do, as an audited action.
fn action(call: &Call) -> &'static str {
    match call {
        Call::Create { .. } | Call::LookUp { .. } => CREATED,
        Call::Update { retires: true, .. } | Call::Delete { .. } => RETIRED,
        Call::Update { .. } | Call::Read { .. } => UPDATED,
    }
}

/// The entry before the call.
pub(super) fn intended(zones: &Zones, work: &Work, call: &Call) -> AuditNote {
    note(zones, work, call, action(call), Outcome::Intended)
}

/// The entry after it.
pub(super) fn finished(zones: &Zones, work: &Work, call: &Call, item_id: &str, request_id: Option<String>) -> AuditNote {
    let note = note(zones, work, call, action(call), Outcome::Succeeded);
    AuditNote { graph_request_id: request_id, ..note }.fact("item", json!(item_id))
}

/// The entry of a creation whose answer was lost and whose item was found.
pub(super) fn adopted(zones: &Zones, work: &Work, call: &Call, item_id: &str, request_id: Option<String>) -> AuditNote {
    finished(zones, work, call, item_id, request_id).fact("adopted", json!(true))
}

/// The entry after a call that was refused, or whose answer was lost.
pub(super) fn failed(zones: &Zones, work: &Work, call: &Call, error: &GraphError, unknown: bool) -> AuditNote {
    let (name, outcome) = if unknown { (action(call), Outcome::Unknown) } else { (FAILED, Outcome::Failed) };
    let note = note(zones, work, call, name, outcome);
    AuditNote { graph_request_id: error.request_id.clone(), ..note }
        .fact("step", json!(action(call)))
        .fact("code", json!(error.code))
        .fact("status", json!(error.status))
}

impl AuditNote {
    fn fact(mut self, name: &str, fact: Value) -> Self {
        if let Value::Object(detail) = &mut self.detail {
            detail.insert(name.to_owned(), fact);
        }
        self
    }
}

fn note(zones: &Zones, work: &Work, call: &Call, action: &'static str, outcome: Outcome) -> AuditNote {
    let mut detail = Map::new();
    detail.insert("version".into(), json!(work.version.event));
    if work.version.mutation > 0 {
        detail.insert("mutation".into(), json!(work.version.mutation));
    }
    if let Some(target) = zones.target.as_deref() {
        detail.insert("list".into(), json!(target.key()));
    }
    if let Some(operation) = zones.operation.as_deref() {
        detail.insert("operation".into(), json!(operation));
    }
    if let Some(generation) = call.generation() {
        detail.insert("generation".into(), json!(generation));
    }
    match call {
        Call::Create { content, .. } => detail.insert("columns".into(), json!(content.columns())),
        Call::Update { item_id, changed, .. } => {
            detail.insert("columns".into(), json!(changed.columns()));
            detail.insert("item".into(), json!(item_id))
        }
        Call::Delete { item_id, .. } | Call::Read { item_id, .. } => detail.insert("item".into(), json!(item_id)),
        Call::LookUp { .. } => None,
    };
    AuditNote {
        action,
        target: format!("zone/{}", work.key),
        outcome,
        detail: Value::Object(detail),
        personal: Vec::new(),
        graph_request_id: None,
    }
}
