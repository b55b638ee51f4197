//! From a message to an event, or to what is wrong with it.

use serde_json::{Map, Value};

use super::{
    Event, EventContext, Object, ObjectKind, Refusal, envelope,
    fields::Fields,
    headers::Headers,
    json,
    message::Opened,
    outage,
    refusal::Problem,
    subject::{Route, Verb},
    task, types,
    version::VERSION,
    zone,
};

/// What a message turned out to be.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "lives for the moment between reading and committing")]
pub enum Reading {
    /// An event that may become wanted state.
    Accepted(Event),
    /// An event for a person to look at.
    Rejected(Refusal),
    /// A message that belongs to no organisation: there is nobody to keep it for.
    Unroutable {
        /// What is wrong with the subject.
        reason: &'static str,
    },
}

/// Reads a message. Pure, and total: any bytes on any subject give an answer.
///
/// Whose event it is comes from the subject alone, where the broker's permissions hold a publisher to it.
pub fn read(subject: &str, headers: &Headers, payload: &[u8]) -> Reading {
    let route = match Route::parse(subject) {
        Ok(route) => route,
        Err(reason) => return Reading::Unroutable { reason },
    };
    let mut opened = Opened::read(headers, payload);
    let event = match opened.problem.take() {
        Some(problem) => Err(problem),
        None => read_event(&route, headers, &opened.envelope),
    };
    match event {
        Ok(event) => Reading::Accepted(event),
        Err(problem) => Reading::Rejected(refuse(route, problem, headers, opened, payload)),
    }
}

fn read_event(route: &Route<'_>, headers: &Headers, envelope: &Map<String, Value>) -> Result<Event, Problem> {
    let fields = Fields::envelope(envelope);
    let context = envelope::context(&fields, headers)?;
    let verb = envelope::verb(&fields, route)?;
    let value = fields.value("data").ok_or_else(|| fields.missing("data"))?;
    let data = value.as_object().map(Fields::data);
    let data = data.ok_or_else(|| Fields::data(envelope).problem_here("must be an object"))?;
    let object = read_object(route.kind, verb, &data)?;
    Ok(Event { scope: route.scope.clone(), context, object, digest: json::digest(&label(route.kind, verb), value) })
}

fn read_object(kind: ObjectKind, verb: Verb, data: &Fields<'_>) -> Result<Object, Problem> {
    let id = data.required(types::id_field(kind))?.to_owned();
    let version = data.required(&VERSION)?;
    Ok(match kind {
        ObjectKind::Task => Object::Task { task_id: id, version, wanted: task::read(data, verb)? },
        ObjectKind::Outage => Object::Outage { outage_id: id, version, wanted: outage::read(data, verb)? },
        ObjectKind::Zone => Object::Zone { zone_id: id, version, wanted: zone::read(data, verb)? },
    })
}

/// What the digest covers beside the data: `scheduled` and `rescheduled` say the same of a task, `closed` does not.
fn label(kind: ObjectKind, verb: Verb) -> String {
    let says = match verb {
        Verb::Is => "is",
        Verb::Restored => "restored",
        Verb::Gone => "gone",
    };
    format!("{}/{says}", kind.label())
}

fn refuse(route: Route<'_>, problem: Problem, headers: &Headers, opened: Opened, payload: &[u8]) -> Refusal {
    Refusal {
        context: context(headers, &opened.envelope),
        object: object(route.kind, &opened.envelope),
        scope: route.scope,
        code: problem.code,
        message: problem.message,
        pointer: problem.pointer,
        payload: opened.keep(payload),
    }
}

/// Which event it was, when its attributes can be read.
fn context(headers: &Headers, envelope: &Map<String, Value>) -> Option<EventContext> {
    envelope::context(&Fields::envelope(envelope), headers).ok()
}

/// What it was about, when the id can be read.
fn object(kind: ObjectKind, envelope: &Map<String, Value>) -> Option<(ObjectKind, String)> {
    let data = envelope.get("data")?.as_object()?;
    Fields::data(data).required(types::id_field(kind)).ok().map(|id| (kind, id.to_owned()))
}
