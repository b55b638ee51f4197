//! The CloudEvents 1.0 envelope: its attributes, and what is carried along from them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    fields::Fields,
    headers::Headers,
    kinds::{Anything, Exactly, Id, Instant, Text},
    limits::NAME,
    refusal::{Problem, RefusalCode},
    shape::{Optional, Required, Shape, optional, required},
    subject::{Route, Verb},
    types,
};

/// Characters of a `source`. Not those of a link: source and id together are the key that dead letters are found by, and an
/// index of PostgreSQL holds no key of more than about 2,700 bytes.
const SOURCE: usize = 255;
/// Characters of a `tracestate` (W3C Trace Context, section 3.3.1.5).
const LONGEST_STATE: usize = 512;

const SPECVERSION: Required<Exactly> = required("specversion", Exactly("1.0"), "CloudEvents 1.0.");
const EVENT_ID: Required<Id> =
    required("id", Id, "Unique for its source. Becomes the `causationid` of what the connector tells of it.");
const SOURCE_FIELD: Required<Text> = required("source", Text(SOURCE), "Who publishes.");
const TYPE: Required<Text> = required("type", Text(NAME), "The kind and verb of the subject, and the version of the form.");
const TIME: Required<Instant> = required("time", Instant, "When it became so. `delivery_latency_seconds` counts from here.");
const SUBJECT: Optional<Text> = optional("subject", Text(NAME), "What it is about, as the publisher says it.");
const ORGID: Optional<Text> =
    optional("orgid", Text(NAME), "The owning organisation. When it is there, it must be the one in the NATS subject.");
const CORRELATION: Optional<Id> = optional("correlationid", Id, "Carried through to logs, audit entries and outgoing events.");
const CAUSATION: Optional<Id> = optional("causationid", Id, "The event that caused this one.");
const TRACEPARENT: Optional<Anything> = optional(
    "traceparent",
    Anything,
    "W3C Trace Context, also as a NATS header; goes on to Microsoft and to outgoing events. A broken one is dropped.",
);
const TRACESTATE: Optional<Anything> = optional("tracestate", Anything, "W3C Trace Context, with a traceparent alone.");
const CLASSIFICATION: Optional<Text> = optional("dataclassification", Text(NAME), "Carried along.");

/// The attributes. `data` is what each type says; `type` is one of those that the subject allows.
pub(super) static ENVELOPE: Shape = Shape::of(&[
    &SPECVERSION,
    &EVENT_ID,
    &SOURCE_FIELD,
    &TYPE,
    &TIME,
    &SUBJECT,
    &ORGID,
    &CORRELATION,
    &CAUSATION,
    &TRACEPARENT,
    &TRACESTATE,
    &CLASSIFICATION,
]);

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
    envelope.required(&SPECVERSION)?;
    let traceparent = traced(envelope, headers, TRACEPARENT.0.name).filter(|value| is_traceparent(value));
    let tracestate = traceparent.and_then(|_| traced(envelope, headers, TRACESTATE.0.name)).filter(|value| is_tracestate(value));
    Ok(EventContext {
        id: envelope.required(&EVENT_ID)?.to_owned(),
        source: envelope.required(&SOURCE_FIELD)?.to_owned(),
        time: envelope.required(&TIME)?,
        subject: envelope.kept(&SUBJECT)?,
        correlation_id: envelope.kept(&CORRELATION)?,
        causation_id: envelope.kept(&CAUSATION)?,
        traceparent: traceparent.map(str::to_owned),
        tracestate: tracestate.map(str::to_owned),
        data_classification: envelope.kept(&CLASSIFICATION)?,
    })
}

/// Checks the organisation and the type against the subject; says what the event tells of its object.
pub(super) fn verb(envelope: &Fields<'_>, route: &Route<'_>) -> Result<Verb, Problem> {
    if envelope.value(ORGID.0.name).is_some_and(|named| named.as_str() != Some(route.scope.as_str())) {
        let message = "names another organisation than the subject";
        return Err(Problem { code: RefusalCode::OrganisationMismatch, ..envelope.problem(ORGID.0.name, message) });
    }
    let event_type = envelope.required(&TYPE)?;
    if route.agrees_with(event_type) == Some(false) {
        return Err(envelope.problem("type", "differs from the subject's kind and verb"));
    }
    let message = "is not an event type that this release knows";
    types::verb(event_type).ok_or_else(|| Problem { code: RefusalCode::UnknownType, ..envelope.problem("type", message) })
}

/// A trace header, as an attribute or as a header of the message.
fn traced<'a>(envelope: &Fields<'a>, headers: &'a Headers, name: &str) -> Option<&'a str> {
    envelope.value(name).and_then(serde_json::Value::as_str).or_else(|| headers.get(name))
}

/// Whether a `traceparent` can be carried on. One that cannot is dropped, as W3C Trace Context asks (section 4.3): a broken
/// trace is no reason to refuse an event.
pub(crate) fn is_traceparent(text: &str) -> bool {
    let lower_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else { return false };
    let lengths = (version.len(), trace.len(), parent.len(), flags.len()) == (2, 32, 16, 2);
    let zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    lengths && parts.iter().all(|part| lower_hex(part)) && *version != "ff" && !zero(trace) && !zero(parent)
}

/// Whether a `tracestate` can be carried on.
pub(crate) fn is_tracestate(text: &str) -> bool {
    (1..=LONGEST_STATE).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
