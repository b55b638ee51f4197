//! The CloudEvents 1.0 envelope: its attributes, and what is carried along from them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    fields::{Fields, NAME},
    headers::Headers,
    refusal::{Problem, RefusalCode},
    subject::{Route, Verb},
};

/// Characters of a `source`. Not those of a link: source and id together are the key that dead letters are found by, and an
/// index of PostgreSQL holds no key of more than about 2,700 bytes.
const SOURCE: usize = 255;
/// Characters of a `tracestate` (W3C Trace Context, section 3.3.1.5).
const TRACESTATE: usize = 512;

/// What is carried along from an event to logs, audit entries and outgoing events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventContext {
    /// CloudEvents `id`, or the id of the mutation that asked.
    pub id: String,
    /// CloudEvents `source`.
    pub source: String,
    /// CloudEvents `time`.
    pub time: DateTime<Utc>,
    /// CloudEvents `subject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Extension `correlationid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Extension `causationid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// Extension `dataclassification`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_classification: Option<String>,
}

/// Reads the attributes that are carried along.
pub(super) fn context(envelope: &Fields<'_>, headers: &Headers) -> Result<EventContext, Problem> {
    if envelope.required_text("specversion", NAME)? != "1.0" {
        return Err(envelope.problem("specversion", "must be 1.0"));
    }
    let traceparent = traced(envelope, headers, "traceparent").filter(|value| is_traceparent(value));
    let tracestate = traceparent.and_then(|_| traced(envelope, headers, "tracestate")).filter(|value| is_tracestate(value));
    Ok(EventContext {
        id: envelope.required_id("id")?,
        source: envelope.required_text("source", SOURCE)?,
        time: envelope.instant("time")?.ok_or_else(|| envelope.missing("time"))?,
        subject: envelope.kept_text("subject", NAME)?,
        correlation_id: envelope.id("correlationid")?,
        causation_id: envelope.id("causationid")?,
        traceparent: traceparent.map(str::to_owned),
        tracestate: tracestate.map(str::to_owned),
        data_classification: envelope.kept_text("dataclassification", NAME)?,
    })
}

/// Checks the organisation and the type against the subject; says what the event tells of its object.
pub(super) fn verb(envelope: &Fields<'_>, route: &Route<'_>) -> Result<Verb, Problem> {
    if envelope.value("orgid").is_some_and(|named| named.as_str() != Some(route.scope.as_str())) {
        let message = "names another organisation than the subject";
        return Err(Problem { code: RefusalCode::OrganisationMismatch, ..envelope.problem("orgid", message) });
    }
    let event_type = envelope.required_text("type", NAME)?;
    if route.agrees_with(&event_type) == Some(false) {
        return Err(envelope.problem("type", "differs from the subject's kind and verb"));
    }
    let message = "is not an event type that this release knows";
    Verb::of_type(&event_type).ok_or_else(|| Problem { code: RefusalCode::UnknownType, ..envelope.problem("type", message) })
}

/// A trace header, as an attribute or as a header of the message.
fn traced<'a>(envelope: &Fields<'a>, headers: &'a Headers, name: &str) -> Option<&'a str> {
    envelope.value(name).and_then(serde_json::Value::as_str).or_else(|| headers.get(name))
}

/// Whether a `traceparent` can be carried on. One that cannot is dropped, as W3C Trace Context asks (section 4.3): a broken
/// trace is no reason to refuse an event.
fn is_traceparent(text: &str) -> bool {
    let lower_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else { return false };
    let lengths = (version.len(), trace.len(), parent.len(), flags.len()) == (2, 32, 16, 2);
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    lengths && parts.iter().all(|part| lower_hex(part)) && *version != "ff" && !zero(trace) && !zero(parent)
}

fn is_tracestate(text: &str) -> bool {
    (1..=TRACESTATE).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
