//! The audit entries of a call. The mailbox names a person and is kept aside; everything else names nobody. Pure.

use serde_json::{Map, Value, json};

use super::{call::Call, content::EventContent};
use crate::{
    capabilities::{AuditNote, Outcome, Work},
    events::task::Visit,
    graph::GraphError,
};

pub(super) const CREATED: &str = "calendar.event.created";
pub(super) const UPDATED: &str = "calendar.event.updated";
pub(super) const DELETED: &str = "calendar.event.deleted";
pub(super) const ADOPTED: &str = "calendar.event.adopted";
pub(super) const FAILED: &str = "calendar.event.failed";

/// What a call sets out to do, as an audited action. A probe sets out to find what an attempt left behind.
pub(super) fn action(call: &Call) -> &'static str {
    match call {
        Call::Create { .. } => CREATED,
        Call::Update { .. } => UPDATED,
        Call::Remove { .. } => DELETED,
        Call::LookUp { .. } | Call::Probe { .. } => ADOPTED,
    }
}

/// The entry before the call.
pub(super) fn intended(work: &Work, call: &Call, visit: Option<&Visit>) -> AuditNote {
    let mut note = note(work, call, action(call), Outcome::Intended);
    if let (Some(visit), Value::Object(detail)) = (visit, &mut note.detail) {
        tell_adjustments(detail, visit);
    }
    note
}

/// The entry after it.
pub(super) fn finished(work: &Work, call: &Call, action: &'static str, request_id: Option<String>) -> AuditNote {
    AuditNote { graph_request_id: request_id, ..note(work, call, action, Outcome::Succeeded) }
}

/// The entry after a call that was refused, or whose answer was lost.
pub(super) fn failed(work: &Work, call: &Call, error: &GraphError, unknown: bool) -> AuditNote {
    let (name, outcome) = if unknown { (action(call), Outcome::Unknown) } else { (FAILED, Outcome::Failed) };
    let note = note(work, call, name, outcome);
    AuditNote { graph_request_id: error.request_id.clone(), ..note }
        .with("step", json!(action(call)))
        .with("code", json!(error.code))
        .with("status", json!(error.status))
}

impl AuditNote {
    /// Adds a fact that names nobody.
    pub(super) fn with(mut self, name: &str, fact: Value) -> Self {
        if let Value::Object(detail) = &mut self.detail {
            detail.insert(name.to_owned(), fact);
        }
        self
    }
}

fn note(work: &Work, call: &Call, action: &'static str, outcome: Outcome) -> AuditNote {
    let mut detail = Map::new();
    detail.insert("version".into(), json!(work.version.event));
    if work.version.mutation > 0 {
        detail.insert("mutation".into(), json!(work.version.mutation));
    }
    if let Some(generation) = call.generation() {
        detail.insert("generation".into(), json!(generation));
    }
    match call {
        Call::Create { content, repeat, .. } => {
            detail.insert("timeZones".into(), zones(content));
            detail.insert("repeat".into(), json!(repeat));
        }
        Call::Update { content, patch, .. } => {
            detail.insert("timeZones".into(), zones(content));
            detail.insert("changed".into(), json!(patch.changed));
        }
        Call::Probe { .. } => {
            detail.insert("by".into(), json!("transactionId"));
        }
        Call::LookUp { .. } | Call::Remove { .. } => {}
    }
    AuditNote {
        action,
        target: format!("task/{}", work.key),
        outcome,
        detail: Value::Object(detail),
        personal: vec![("mailbox", call.mailbox().to_owned())],
        graph_request_id: None,
    }
}

fn zones(content: &EventContent) -> Value {
    json!([content.start.time_zone, content.end.time_zone])
}

/// What clock changes did to the times asked for.
fn tell_adjustments(detail: &mut Map<String, Value>, visit: &Visit) {
    for (name, moment) in [("startAdjusted", &visit.window.start), ("endAdjusted", &visit.window.end)] {
        if let Some(adjusted) = &moment.adjusted {
            detail.insert(name.into(), json!(adjusted));
        }
    }
}
