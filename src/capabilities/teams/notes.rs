//! The audit entries of a card. Nothing in them names a person. Pure.

use serde_json::{Map, Value, json};

use super::{
    call::Send,
    marker::Step,
    wanted::{channel_of, outage_of},
};
use crate::capabilities::{AuditNote, Failure, Outcome, Work};

pub(super) const POSTED: &str = "teams.message.posted";
pub(super) const REPLIED: &str = "teams.message.replied";
pub(super) const FAILED: &str = "teams.message.failed";

/// `outage/42`: what people and other systems know.
pub(super) fn object(work: &Work) -> String {
    format!("outage/{}", outage_of(&work.key))
}

/// What a card is called in the audit trail.
pub(super) fn action(step: Step) -> &'static str {
    match step {
        Step::Post | Step::Summary => POSTED,
        Step::Reply => REPLIED,
    }
}

/// What a card is called in an outgoing event.
pub(super) fn told_as(step: Step) -> &'static str {
    match step {
        Step::Post | Step::Summary => "posted",
        Step::Reply => "replied",
    }
}

/// The entry before a card leaves.
pub(super) fn intended(work: &Work, send: &Send) -> AuditNote {
    sent(work, send, Outcome::Intended, None)
}

/// The entry after it.
pub(super) fn sent(work: &Work, send: &Send, outcome: Outcome, request_id: Option<String>) -> AuditNote {
    let mut note = note(work, action(send.step()), outcome, send.marker.generation);
    if let Value::Object(detail) = &mut note.detail {
        if send.twice {
            detail.insert("possiblyTwice".into(), json!(true));
        }
        if !send.several.is_empty() {
            detail.insert("summaryOf".into(), json!(send.several.len()));
        }
    }
    AuditNote { graph_request_id: request_id, ..note }
}

/// The entry after a card that was refused.
pub(super) fn refused(work: &Work, send: &Send, failure: &Failure) -> AuditNote {
    let mut note = note(work, FAILED, Outcome::Failed, send.marker.generation);
    if let Value::Object(detail) = &mut note.detail {
        detail.insert("step".into(), json!(action(send.step())));
        detail.insert("code".into(), json!(failure.code));
    }
    AuditNote { graph_request_id: failure.graph_request_id.clone(), ..note }
}

/// An entry about one card, with a fact of its own.
pub(super) fn told(work: &Work, step: Step, generation: u64, (name, fact): (&str, Value)) -> AuditNote {
    let mut note = note(work, action(step), Outcome::Succeeded, generation);
    if let Value::Object(detail) = &mut note.detail {
        detail.insert(name.to_owned(), fact);
    }
    note
}

fn note(work: &Work, action: &'static str, outcome: Outcome, generation: u64) -> AuditNote {
    let mut detail = Map::new();
    detail.insert("channel".into(), json!(channel_of(&work.key)));
    detail.insert("version".into(), json!(work.version.event));
    if work.version.mutation > 0 {
        detail.insert("mutation".into(), json!(work.version.mutation));
    }
    detail.insert("generation".into(), json!(generation));
    AuditNote {
        action,
        target: object(work),
        outcome,
        detail: Value::Object(detail),
        personal: Vec::new(),
        graph_request_id: None,
    }
}
