//! EVENT OUT: the CloudEvents that tell Argus what became of its own.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

use super::{
    EventContext,
    kinds::{Anything, Exactly, Id, Instant, Text},
    shape::{Optional, Required, Shape, optional, required},
    topics,
};
use crate::{organisation::OrganisationId, traces::TraceContext};

/// `source` of everything the connector publishes.
const SOURCE: &str = "/argus/m365";

const SPECVERSION: Required<Exactly> = required("specversion", Exactly("1.0"), "CloudEvents 1.0.");
const EVENT_ID: Required<Text> = required("id", Text(128), "Stable: the same telling made twice has the same. Also Nats-Msg-Id.");
const FROM_US: Required<Exactly> = required("source", Exactly(SOURCE), "The connector.");
const TYPE: Required<Text> = required("type", Text(255), "The subject without the organisation, and the version of the form.");
const ABOUT: Optional<Text> = optional(
    "subject",
    Text(1_000),
    "task/…, outage/…, zone/…, operation/…, user/…, connection or audit; null or missing when that is not known.",
);
const TIME: Required<Instant> = required("time", Instant, "When it became true.");
const CONTENT_TYPE: Required<Exactly> = required("datacontenttype", Exactly("application/json"), "Of the data.");
const ORGID: Required<Id> = required("orgid", Id, "Whose.");
const CORRELATION: Optional<Id> = optional("correlationid", Id, "Of the event that caused it.");
const CAUSATION: Optional<Id> = optional("causationid", Id, "The event that caused it.");
const TRACEPARENT: Optional<Text> =
    optional("traceparent", Text(55), "W3C Trace Context: the trace of the event that caused it.");
const TRACESTATE: Optional<Anything> = optional("tracestate", Anything, "W3C Trace Context.");
const CLASSIFICATION: Optional<Text> = optional("dataclassification", Text(255), "Of the event that caused it.");

/// The attributes of everything that goes out.
pub(super) static OUTGOING: Shape = Shape::of(&[
    &SPECVERSION,
    &EVENT_ID,
    &FROM_US,
    &TYPE,
    &ABOUT,
    &TIME,
    &CONTENT_TYPE,
    &ORGID,
    &CORRELATION,
    &CAUSATION,
    &TRACEPARENT,
    &TRACESTATE,
    &CLASSIFICATION,
]);

/// An event to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its stable id, also `Nats-Msg-Id`.
    pub id: String,
    /// The NATS subject (`argus.acme.m365.calendar.synced`).
    pub subject: String,
    /// The event in structured mode (CloudEvents 1.0), as JSON.
    pub payload: String,
}

/// What to tell.
#[derive(Debug, Clone)]
pub struct Telling<'a> {
    /// A stable id: the same telling made twice has the same.
    pub id: String,
    /// Whose.
    pub organisation: &'a OrganisationId,
    /// The last two tokens of the subject: `calendar.synced`, `delivery.dead-lettered`, …
    pub topic: &'static str,
    /// What it is about: `task/7f0c2b1e`, `connection`; `None` when that is not known.
    pub object: Option<String>,
    /// When it became true.
    pub time: DateTime<Utc>,
    /// The event that caused it.
    pub cause: Option<&'a EventContext>,
    /// The trace it belongs to, where it is not the cause's.
    pub trace: Option<&'a TraceContext>,
    /// The facts.
    pub data: Value,
}

/// Builds the event: subject `argus.{org}.m365.{topic}`, type the subject without the organisation plus `.v1`; the correlation
/// id and trace context of the cause go on, and its id becomes the `causationid`.
pub fn outgoing(telling: Telling<'_>) -> Outgoing {
    let Telling { id, organisation, topic, object, time, cause, trace, data } = telling;
    let trace = trace.cloned().or_else(|| TraceContext::of(cause?));
    debug_assert_eq!(topics::problem(topic, &data), None, "an outgoing event is not as described");
    let mut envelope = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            envelope.insert(name.into(), Value::String(value));
        }
    };
    put("specversion", Some("1.0".into()));
    put("id", Some(id.clone()));
    put("source", Some(SOURCE.into()));
    put("type", Some(format!("argus.m365.{topic}.v1")));
    put("subject", object);
    put("time", Some(time.to_rfc3339_opts(SecondsFormat::AutoSi, true)));
    put("datacontenttype", Some("application/json".into()));
    put("orgid", Some(organisation.to_string()));
    put("correlationid", cause.and_then(|cause| cause.correlation_id.clone()));
    put("causationid", cause.map(|cause| cause.id.clone()));
    for (name, value) in trace.iter().flat_map(TraceContext::headers) {
        put(name, Some(value.to_owned()));
    }
    put("dataclassification", cause.and_then(|cause| cause.data_classification.clone()));
    envelope.insert("data".into(), data);
    Outgoing { id, subject: format!("argus.{organisation}.m365.{topic}"), payload: Value::Object(envelope).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_telling_carries_its_cause_along() {
        let cause = EventContext {
            id: "e-1".into(),
            source: "/argus/scheduler".into(),
            time: "2026-11-23T09:15:02Z".parse().unwrap(),
            subject: None,
            correlation_id: Some("c-1".into()),
            causation_id: Some("earlier".into()),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            tracestate: None,
            data_classification: None,
        };
        let event = outgoing(Telling {
            id: "m-1".into(),
            organisation: &OrganisationId::parse("acme").unwrap(),
            topic: "calendar.synced",
            object: Some("task/7f0c2b1e".into()),
            time: "2026-11-23T09:15:03.25Z".parse().unwrap(),
            cause: Some(&cause),
            trace: None,
            data: json!({"taskId": "7f0c2b1e", "version": 7, "action": "moved"}),
        });
        assert_eq!((event.id.as_str(), event.subject.as_str()), ("m-1", "argus.acme.m365.calendar.synced"));
        let payload: Value = serde_json::from_str(&event.payload).unwrap();
        let expected = json!({
            "specversion": "1.0", "id": "m-1", "source": "/argus/m365", "type": "argus.m365.calendar.synced.v1",
            "subject": "task/7f0c2b1e", "time": "2026-11-23T09:15:03.250Z", "datacontenttype": "application/json",
            "orgid": "acme", "correlationid": "c-1", "causationid": "e-1",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "data": {"taskId": "7f0c2b1e", "version": 7, "action": "moved"},
        });
        assert_eq!(payload, expected);
    }
}
