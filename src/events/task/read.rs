//! A task's `data`: what stands in it, and how it is read.

use serde_json::{Value, json};

use super::{Assignee, Location, Priority, Privacy, Visit, WantedTask};
use crate::events::{
    fields::Fields,
    kind::Kind,
    kinds::{Id, Link, Number, Object, Text, Word},
    limits::{ADDRESS, ID, NAME, TEXT},
    refusal::Problem,
    shape::{Optional, Required, Shape, optional, required},
    subject::Verb,
    version::VERSION,
    window,
};

pub(in crate::events) const TASK_ID: Required<Id> = required("taskId", Id, "The task, for ever.");
const REASON: Optional<Text> = optional("reason", Text(TEXT), "Why it was closed.");
const STATUS: Optional<Text> =
    optional("status", Text(NAME), "Argus' own word for where the task stands. Nothing depends on it.");
const REFERENCE: Optional<Text> = optional("reference", Text(ID), "The human number; the first line of the body in Outlook.");
const TITLE: Required<Text> = required("title", Text(NAME), "The event's subject in Outlook.");
const DESCRIPTION: Optional<Text> = optional("description", Text(TEXT), "More text, as text.");
const WINDOW: Required<Object> = required("window", Object(&window::WINDOW), "When.");
const ASSIGNEE: Required<Object> = required("assignee", Object(&WORKER), "Who. The visit stands in this mailbox.");
const LOCATION: Optional<Object> = optional("location", Object(&PLACE), "Where.");
const PRIORITY: Optional<Word<Priority>> = optional("priority", Word::of(), "`urgent` is shown as high. Missing: normal.");
const PRIVACY: Optional<Word<Privacy>> = optional("privacy", Word::of(), "Whether others may see the details. Missing: normal.");
const LINK: Optional<Link> = optional("url", Link, "Back to the task.");

/// `data` of `scheduled` and `rescheduled`.
pub(in crate::events) static SCHEDULED: Shape = Shape::of(&[
    &TASK_ID,
    &VERSION,
    &TITLE,
    &WINDOW,
    &ASSIGNEE,
    &REFERENCE,
    &DESCRIPTION,
    &LOCATION,
    &PRIORITY,
    &PRIVACY,
    &LINK,
    &STATUS,
    &REASON,
]);
/// `data` of `closed`.
pub(in crate::events) static CLOSED: Shape = Shape::of(&[&TASK_ID, &VERSION, &REASON]);

const OBJECT_ID: Optional<ObjectId> = optional("objectId", ObjectId, "Entra object id; wins over the principal name.");
const PRINCIPAL_NAME: Optional<PrincipalName> =
    optional("userPrincipalName", PrincipalName, "User principal name; compared without case.");
const WORKER_NAME: Optional<Text> = optional("displayName", Text(NAME), "For people.");
static WORKER: Shape = Shape { fields: &[&OBJECT_ID, &PRINCIPAL_NAME, &WORKER_NAME], any_of: &["objectId", "userPrincipalName"] };

const PLACE_NAME: Optional<Text> = optional("displayName", Text(NAME), "Its name.");
const PLACE_ADDRESS: Optional<Text> = optional("address", Text(ADDRESS), "Its postal address, one text.");
const LATITUDE: Optional<Number> = optional("latitude", Number(-90.0..=90.0), "Degrees north.");
const LONGITUDE: Optional<Number> = optional("longitude", Number(-180.0..=180.0), "Degrees east.");
static PLACE: Shape = Shape::of(&[&PLACE_NAME, &PLACE_ADDRESS, &LATITUDE, &LONGITUDE]);

/// Reads what a task event wants. `closed` needs nothing but the id and version, whatever else it carries.
pub(in crate::events) fn read(data: &Fields<'_>, verb: Verb) -> Result<WantedTask, Problem> {
    let reason = data.kept(&REASON)?;
    match verb {
        Verb::Gone => Ok(WantedTask::Closed { reason }),
        Verb::Is | Verb::Restored => Ok(WantedTask::Scheduled(visit(data)?)),
    }
}

fn visit(data: &Fields<'_>) -> Result<Visit, Problem> {
    // Nothing depends on it, but what the contract limits is held to the limit.
    data.optional(&STATUS)?;
    Ok(Visit {
        reference: data.kept(&REFERENCE)?,
        title: data.required(&TITLE)?.to_owned(),
        description: data.kept(&DESCRIPTION)?,
        window: window::read(&data.required_object(&WINDOW)?)?,
        assignee: assignee(&data.required_object(&ASSIGNEE)?)?,
        location: data.object(&LOCATION)?.map(|fields| location(&fields)).transpose()?.flatten(),
        priority: data.optional(&PRIORITY)?.unwrap_or_default(),
        privacy: data.optional(&PRIVACY)?.unwrap_or_default(),
        url: data.kept(&LINK)?,
    })
}

fn assignee(fields: &Fields<'_>) -> Result<Assignee, Problem> {
    let object_id = fields.optional(&OBJECT_ID)?;
    let user_principal_name = fields.kept(&PRINCIPAL_NAME)?;
    fields.any_of(&WORKER)?;
    let display_name = fields.kept(&WORKER_NAME)?;
    Ok(Assignee { object_id: object_id.map(str::to_ascii_lowercase), user_principal_name, display_name })
}

/// `None` for a location that says nothing.
fn location(fields: &Fields<'_>) -> Result<Option<Location>, Problem> {
    let location = Location {
        display_name: fields.kept(&PLACE_NAME)?,
        address: fields.kept(&PLACE_ADDRESS)?,
        latitude: fields.optional(&LATITUDE)?,
        longitude: fields.optional(&LONGITUDE)?,
    };
    let empty = Location { display_name: None, address: None, latitude: None, longitude: None };
    Ok((location != empty).then_some(location))
}

/// Entra's object id.
struct ObjectId;

impl Kind for ObjectId {
    type Read<'a> = &'a str;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a str>, String> {
        match Text(ID).read(value)? {
            Some(id) if !is_object_id(id) => Err("must be a GUID like 01234567-89ab-cdef-0123-456789abcdef".to_owned()),
            id => Ok(id),
        }
    }

    fn schema(&self, _required: bool) -> Value {
        json!({ "type": ["string", "null"], "maxLength": 36, "pattern": "^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$" })
    }
}

/// A user principal name that cannot change the meaning of a path.
struct PrincipalName;

impl Kind for PrincipalName {
    type Read<'a> = &'a str;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a str>, String> {
        match Text(NAME).read(value)? {
            Some(name) if !is_principal_name(name) => {
                Err("must have the form name@domain, without spaces or separators".to_owned())
            }
            name => Ok(name),
        }
    }

    fn schema(&self, _required: bool) -> Value {
        let side = r#"[^@/\\?%"<>|*:;,()\[\]{}\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"#;
        json!({ "type": ["string", "null"], "maxLength": NAME, "pattern": format!("^{side}@{side}$") })
    }
}

/// The 8-4-4-4-12 form alone: other spellings of a GUID would be another path segment for the same mailbox.
fn is_object_id(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// One `@` with something on both sides, and nothing that could change the meaning of a URL's path, a query or a list of
/// addresses. `#` stands in the names of guests (`ann_example.com#EXT#@contoso.example`); requests encode it.
fn is_principal_name(text: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "/\\?%\"<>|*:;,()[]{}".contains(c);
    let mut sides = text.split('@');
    let two = (sides.next().is_some_and(|name| !name.is_empty()), sides.next().is_some_and(|domain| !domain.is_empty()));
    two == (true, true) && sides.next().is_none() && !text.contains(forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_name_cannot_reach_out_of_its_path_segment() {
        for good in
            ["niamh@acme-water.example", "o'shea@a.example", "ann_b.example#EXT#@a.example", "x+y@a.example", "é@a.example"]
        {
            assert!(is_principal_name(good), "{good}");
        }
        for bad in ["niamh", "@a.example", "a@", "a@b@c", "a b@c", "../x@c", "a@c/events", "a%2f@c", "a?x@c", "a\u{0}@c", "a@c;d"]
        {
            assert!(!is_principal_name(bad), "{bad}");
        }
    }

    #[test]
    fn an_object_id_has_one_spelling() {
        assert!(is_object_id("01234567-89ab-CDEF-0123-456789abcdef"));
        for bad in
            ["0123456789abcdef0123456789abcdef", "{01234567-89ab-cdef-0123-456789abcdef}", "01234567-89ab-cdef-0123-456789abcdeg"]
        {
            assert!(!is_object_id(bad), "{bad}");
        }
    }
}
