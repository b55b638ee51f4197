//! The requests sent to Outlook, and the bodies read from it.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{call::Found, content::EventContent, key::REFERENCE_PROPERTY, zones::ZonedTime};
use crate::graph::{Request, Workload, literal, segment};

/// Without it, an event's id changes when the event moves between folders (Microsoft, "Obtain immutable identifiers").
const IMMUTABLE_IDS: &str = "IdType=\"ImmutableId\"";
/// What a look-up needs to tell events apart; the reference comes by `$expand`.
const SELECT: &str = "id,transactionId,createdDateTime";

/// Every event that carries the reference, by Graph's comparison, which ignores case: read the answer with [`found`].
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
    let long_ago = |minute| json!({ "dateTime": format!("2000-01-01T00:0{minute}:00"), "timeZone": "UTC" });
    let body = json!({
        "subject": "Argus", "start": long_ago(0), "end": long_ago(1),
        "isReminderOn": false, "showAs": "free", "sensitivity": "private",
    });
    let Value::Object(body) = body else { return post(mailbox, reference, transaction_id, Map::new()) };
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
    #[serde(default)]
    created_date_time: Option<String>,
    subject: Option<String>,
    start: Option<ZonedTime>,
    end: Option<ZonedTime>,
    #[serde(default)]
    single_value_extended_properties: Vec<Property>,
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
        self.single_value_extended_properties.iter().filter(ours).any(|property| property.value.as_deref() == Some(reference))
    }

    /// Whether it visibly says something else: an answer to a repeated creation shows the first one's content. Times come in the
    /// zone sent or in another; what cannot be compared counts as the same.
    pub(super) fn differs_from(&self, sent: &EventContent) -> bool {
        let other_time = |shown: &Option<ZonedTime>, sent: &ZonedTime| {
            let instants = shown.as_ref().and_then(ZonedTime::instant).zip(sent.instant());
            instants.is_some_and(|(shown, sent)| shown != sent)
        };
        self.subject.as_ref().is_some_and(|subject| *subject != sent.subject)
            || other_time(&self.start, &sent.start)
            || other_time(&self.end, &sent.end)
    }

    /// What identifies it.
    pub(super) fn found(self) -> Found {
        Found { created: self.created_date_time.unwrap_or_default(), id: self.id, transaction_id: self.transaction_id }
    }
}
