//! The requests sent to Outlook, and the bodies read from it.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{call::Found, content::EventContent, key::REFERENCE_PROPERTY, zones::ZonedTime};
use crate::graph::{Request, Workload, literal, segment};

/// Without it, an event's id changes when the event moves between folders (Microsoft, "Obtain immutable identifiers").
const IMMUTABLE_IDS: &str = "IdType=\"ImmutableId\"";
/// What a look-up needs to tell events apart; the reference comes by `$expand`.
const SELECT: &str = "id,transactionId,createdDateTime,start";
/// When the event of a probe starts and ends, in UTC: where nobody looks, and no visit is.
const PROBED: [&str; 2] = ["2000-01-01T00:00:00", "2000-01-01T00:01:00"];

/// Every event that carries the reference, by Graph's comparison, which ignores case: read the answer's events with their `found`.
pub(super) fn look_up(mailbox: &str, reference: &str) -> Request {
    let carries = format!(
        "singleValueExtendedProperties/Any(ep: ep/id eq {} and ep/value eq {})",
        literal(REFERENCE_PROPERTY),
        literal(reference)
    );
    shown(Request::get(Workload::Outlook, events(mailbox)).query("$filter", carries), mailbox)
}

/// One event by its id.
pub(super) fn read(mailbox: &str, event_id: &str) -> Request {
    shown(Request::get(Workload::Outlook, event(mailbox, event_id)), mailbox)
}

/// A creation.
pub(super) fn create(mailbox: &str, reference: &str, transaction_id: &str, content: &EventContent) -> Request {
    let mut body = content.properties();
    if content.location.is_empty() && content.coordinates.is_none() {
        body.remove("location");
    }
    post(mailbox, reference, transaction_id, body)
}

/// A creation that only shall reveal an earlier one with the same key. Should it make an event, that lasts until the removal
/// that follows: far in the past, silent and without a word of the task.
pub(super) fn probe(mailbox: &str, reference: &str, transaction_id: &str) -> Request {
    let [start, end] = PROBED.map(|time| json!({ "dateTime": time, "timeZone": "UTC" }));
    let body = [
        ("subject", json!("Argus")),
        ("start", start),
        ("end", end),
        ("isReminderOn", json!(false)),
        ("showAs", json!("free")),
        ("sensitivity", json!("private")),
    ];
    let body = body.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    post(mailbox, reference, transaction_id, body)
}

/// A change to an event.
pub(super) fn update(mailbox: &str, event_id: &str, patch: Value) -> Request {
    ours(Request::patch(Workload::Outlook, event(mailbox, event_id), patch), mailbox)
}

/// A removal.
pub(super) fn remove(mailbox: &str, event_id: &str) -> Request {
    ours(Request::delete(Workload::Outlook, event(mailbox, event_id)), mailbox)
}

/// Not marked repeatable: a lost answer has to come back as such, for the place to be settled by what is really there.
fn post(mailbox: &str, reference: &str, transaction_id: &str, mut body: Map<String, Value>) -> Request {
    body.insert("transactionId".into(), json!(transaction_id));
    body.insert("singleValueExtendedProperties".into(), json!([{ "id": REFERENCE_PROPERTY, "value": reference }]));
    ours(Request::post(Workload::Outlook, events(mailbox), Value::Object(body)), mailbox)
}

fn shown(request: Request, mailbox: &str) -> Request {
    let reference = format!("singleValueExtendedProperties($filter=id eq {})", literal(REFERENCE_PROPERTY));
    ours(request.query("$select", SELECT).query("$expand", reference), mailbox)
}

fn ours(request: Request, mailbox: &str) -> Request {
    request.header("Prefer", IMMUTABLE_IDS).target(mailbox)
}

fn events(mailbox: &str) -> String {
    format!("/users/{}/events", segment(mailbox))
}

fn event(mailbox: &str, event_id: &str) -> String {
    format!("{}/{}", events(mailbox), segment(event_id))
}

/// One page of events.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) value: Vec<Event>,
    #[serde(rename = "@odata.nextLink")]
    pub(super) next: Option<String>,
}

/// What is read of an event; everything else is ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    id: String,
    transaction_id: Option<String>,
    created_date_time: Option<String>,
    subject: Option<String>,
    start: Option<Value>,
    end: Option<Value>,
    single_value_extended_properties: Option<Vec<Property>>,
}

#[derive(Debug, Deserialize)]
struct Property {
    id: String,
    value: Option<String>,
}

impl Event {
    /// Whether it carries exactly our reference.
    pub(super) fn carries(&self, reference: &str) -> bool {
        let ours = |property: &&Property| property.id.eq_ignore_ascii_case(REFERENCE_PROPERTY);
        self.single_value_extended_properties
            .iter()
            .flatten()
            .filter(ours)
            .any(|property| property.value.as_deref() == Some(reference))
    }

    /// Whether it visibly says something else: an answer to a repeated creation shows the first one's content. Times come in the
    /// zone sent or in another; what cannot be compared counts as the same.
    pub(super) fn differs_from(&self, sent: &EventContent) -> bool {
        let other_time = |shown: &Option<Value>, sent: &ZonedTime| {
            instant(shown.as_ref()).zip(sent.instant()).is_some_and(|(shown, sent)| shown != sent)
        };
        self.subject.as_ref().is_some_and(|subject| *subject != sent.subject)
            || other_time(&self.start, &sent.start)
            || other_time(&self.end, &sent.end)
    }

    /// What identifies it.
    pub(super) fn found(self) -> Found {
        let probe = instant(self.start.as_ref()).is_some_and(|start| start.format("%Y-%m-%dT%H:%M:%S").to_string() == PROBED[0]);
        Found { created: self.created_date_time.unwrap_or_default(), id: self.id, transaction_id: self.transaction_id, probe }
    }
}

/// A time as an answer shows it; none when it cannot be read.
fn instant(shown: Option<&Value>) -> Option<DateTime<Utc>> {
    shown.and_then(|shown| ZonedTime::deserialize(shown).ok()?.instant())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::calendar::samples;

    fn answered(answer: Value) -> Event {
        serde_json::from_value(answer).unwrap()
    }

    fn sent() -> EventContent {
        EventContent::of(&samples::visit(samples::ANN, 9), "t1", 15)
    }

    #[test]
    fn a_look_up_quotes_what_it_asks_for() {
        let request = look_up("o'hara@contoso.example", "acme/it's");
        assert_eq!(request.path, "/users/o%27hara%40contoso.example/events");
        assert_eq!(
            request.query[0].1,
            "singleValueExtendedProperties/Any(ep: ep/id eq 'String {d1a3c5e7-4b62-4f0e-9c1d-6a7be2f80c11} Name ArgusTask' and ep/value eq 'acme/it''s')"
        );
    }

    #[test]
    fn a_creation_without_a_place_names_none() {
        assert_eq!(create(samples::ANN, "acme/t1", "key", &sent()).body.unwrap().get("location"), None);
    }

    #[test]
    fn an_answer_in_another_zone_says_the_same() {
        for (time, zone) in [("2026-12-01T08:00:00.0000000", "UTC"), ("2026-12-01T09:00:00", "W. Europe Standard Time")] {
            let start = json!({ "dateTime": time, "timeZone": zone });
            assert!(!answered(json!({ "id": "x", "subject": "Visit at 9", "start": start })).differs_from(&sent()), "{zone}");
        }
    }

    #[test]
    fn an_answer_that_cannot_be_compared_counts_as_the_same() {
        let odd = json!({ "id": "x", "start": { "dateTime": "soon", "timeZone": null }, "singleValueExtendedProperties": null });
        assert!(!answered(odd).differs_from(&sent()));
        let custom = json!({ "dateTime": "2026-12-01T07:00:00", "timeZone": "tzone://Microsoft/Custom" });
        assert!(!answered(json!({ "id": "x", "start": custom })).differs_from(&sent()));
    }

    #[test]
    fn an_answer_with_another_time_or_subject_differs() {
        let start = json!({ "dateTime": "2026-12-01T07:00:00", "timeZone": "UTC" });
        assert!(answered(json!({ "id": "x", "start": start })).differs_from(&sent()));
        assert!(answered(json!({ "id": "x", "subject": "Visit at 8" })).differs_from(&sent()));
    }

    #[test]
    fn a_reference_is_ours_byte_for_byte() {
        let with = |value: &str| {
            answered(json!({ "id": "x", "singleValueExtendedProperties": [{ "id": REFERENCE_PROPERTY, "value": value }] }))
        };
        assert!(with("acme/t1").carries("acme/t1"));
        assert!(!with("ACME/t1").carries("acme/t1"));
        assert!(!answered(json!({ "id": "x" })).carries("acme/t1"));
    }
}
