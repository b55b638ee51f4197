//! Every event that goes out: its topic and what stands in its data. In debug builds, so in every test, each event is held against it.

use serde_json::{Map, Value, json};

use super::{
    kind::Kind,
    kinds::{Boolean, Id, Instant, Integer},
    shape::{Optional, Required, Shape, optional, required},
};

/// One kind of outgoing event.
pub(super) struct Topic {
    /// What follows `argus.{organisation}.m365.` in the subject.
    pub(super) name: &'static str,
    /// What stands in its `data`.
    pub(super) data: &'static Shape,
    /// When it is told.
    pub(super) meaning: &'static str,
}

/// All of them.
#[rustfmt::skip]
pub(super) static TOPICS: [Topic; 11] = [
    Topic { name: "calendar.synced", data: &SYNCED, meaning: "A task's visit now stands in Outlook, moved or left it." },
    Topic { name: "outage.posted", data: &POSTED, meaning: "An outage's card was posted, or an update replied to it." },
    Topic { name: "zones.published", data: &PUBLISHED, meaning: "A publication of zones ended." },
    Topic { name: "directory.imported", data: &IMPORTED, meaning: "An import of the directory ended." },
    Topic { name: "directory.awaiting-approval", data: &IMPORTED, meaning: "An import waits for a person: approveImport or rejectImport." },
    Topic { name: "access.changed", data: &ACCESS, meaning: "A person's effective roles changed." },
    Topic { name: "connection.state-changed", data: &STATE, meaning: "The connection's state changed." },
    Topic { name: "connection.secret-expiring", data: &EXPIRING, meaning: "The connection's secret ends in 60, 30, 14, 7 or 1 days." },
    Topic { name: "connection.teams-account-lost", data: &LOST, meaning: "Microsoft takes the sign-in of the account that posts to Teams no more." },
    Topic { name: "delivery.dead-lettered", data: &DEAD, meaning: "Something needs a person." },
    Topic { name: "audit.checkpoint", data: &CHECKPOINT, meaning: "Where an organisation's audit chain stood, signed (Ed25519). On the subject argus.m365.audit.checkpoint." },
];

const TASK: Required<Id> = required("taskId", Id, "The task.");
const OUTAGE: Optional<Id> = optional("outageId", Id, "The outage.");
const VERSION: Required<Integer> = required("version", Integer, "The version of the event that is shown now.");
const VISIT: Required<OneOf> =
    required("action", OneOf(&["created", "updated", "moved", "removed"]), "What became of the visit.");
const MAILBOX: Optional<Plain> = optional("mailbox", Plain, "Where it stands now, or stood.");
const EVENT: Optional<Plain> = optional("eventId", Plain, "Outlook's immutable id of it.");
static SYNCED: Shape = Shape::of(&[&TASK, &VERSION, &VISIT, &MAILBOX, &EVENT]);

const CHANNEL: Required<Plain> = required("channel", Plain, "Key of the Teams channel.");
const CARD: Required<OneOf> = required("action", OneOf(&["posted", "replied"]), "What was done.");
const MESSAGE: Optional<Plain> = optional("messageId", Plain, "The message, where Graph posted it; a webhook tells none.");
const TWICE: Required<Boolean> =
    required("possiblyDuplicated", Boolean, "An answer was lost and the card sent again: it may stand there twice.");
static POSTED: Shape = Shape::of(&[&OUTAGE, &VERSION, &CHANNEL, &CARD, &MESSAGE, &TWICE]);

const OPERATION: Required<Plain> = required("operationId", Plain, "operation(id) in GraphQL shows its changes.");
const COUNTS: Required<Counts> = required("counts", Counts, "How many of what, by name.");
const STATE_OF_OPERATION: Required<Plain> = required("state", Plain, "How it ended.");
const ADVICE: Optional<Plain> = optional("advice", Plain, "What to change so that the next one costs less.");
static PUBLISHED: Shape = Shape::of(&[&OPERATION, &COUNTS, &STATE_OF_OPERATION, &ADVICE]);

const KIND: Required<OneOf> = required("kind", OneOf(&["IMPORT_USERS", "IMPORT_GROUPS"]), "What was imported.");
const REASON: Optional<Plain> = optional("reason", Plain, "Why it failed or waits.");
static IMPORTED: Shape = Shape::of(&[&OPERATION, &KIND, &COUNTS, &REASON]);

const PERSON: Required<Plain> = required("objectId", Plain, "Entra object id.");
const PRINCIPAL: Required<Plain> = required("userPrincipalName", Plain, "User principal name.");
const ROLES: Required<Texts> = required("roles", Texts, "All roles that groups of the directory give now.");
const ADDED: Required<Texts> = required("added", Texts, "Those that are new.");
const REMOVED: Required<Texts> = required("removed", Texts, "Those that are gone.");
const GROUPS: Required<Texts> = required("groups", Texts, "The groups that give them, by object id.");
static ACCESS: Shape = Shape::of(&[&PERSON, &PRINCIPAL, &ROLES, &ADDED, &REMOVED, &GROUPS]);

const STATES: OneOf = OneOf(&["UNVERIFIED", "ACTIVE", "DEGRADED", "DISABLED"]);
const FROM: Required<OneOf> = required("from", STATES, "The state before.");
const TO: Required<OneOf> = required("to", STATES, "The state now.");
const WHY: Optional<Plain> = optional("reason", Plain, "Why.");
const REMEDY: Optional<Plain> = optional("remedy", Plain, "What a person can do.");
static STATE: Shape = Shape::of(&[&FROM, &TO, &WHY, &REMEDY]);

const EXPIRES: Required<Instant> = required("expiresAt", Instant, "When the secret ends.");
const DAYS: Required<Integer> = required("days", Integer, "Which warning this is: at most so many days are left.");
const DAYS_LEFT: Optional<Integer> = optional("daysLeft", Integer, "How many are left.");
static EXPIRING: Shape = Shape::of(&[&EXPIRES, &DAYS, &DAYS_LEFT]);

static LOST: Shape = Shape::of(&[&WHY, &REMEDY]);

const LETTER: Required<Plain> = required("id", Plain, "The dead letter, for replayDeadLetters and discardDeadLetters.");
const CAPABILITY: Optional<OneOf> = optional(
    "capability",
    OneOf(&["CALENDAR", "TEAMS", "SHAREPOINT", "DIRECTORY"]),
    "What could not be delivered; null when the event could not be read.",
);
const KEY: Optional<Plain> = optional("key", Plain, "The object, when it is known.");
const CODE: Required<Plain> = required("code", Plain, "See docs/errors.md.");
const WORDS: Required<Plain> = required("message", Plain, "The same in words.");
static DEAD: Shape = Shape::of(&[&LETTER, &CAPABILITY, &KEY, &CODE, &WORDS]);

const ORGANISATION: Required<Plain> = required("organisation", Plain, "Whose chain.");
const ENTRIES: Required<Integer> = required("entries", Integer, "How many entries it had.");
const HEAD: Required<Plain> = required("head", Plain, "Hash of the last of them, hexadecimal.");
const AT: Required<Integer> = required("at", Integer, "When, in microseconds since 1970 UTC.");
const SIGNATURE: Required<Plain> = required("signature", Plain, "Ed25519 over all of it, base64.");
static CHECKPOINT: Shape = Shape::of(&[&ORGANISATION, &ENTRIES, &HEAD, &AT, &SIGNATURE]);

/// What is wrong with an event that is about to go out.
pub(super) fn problem(topic: &str, data: &Value) -> Option<String> {
    let Some(known) = TOPICS.iter().find(|known| known.name == topic) else {
        return Some(format!("no topic {topic} is described in src/events/topics.rs"));
    };
    let Some(data) = data.as_object() else { return Some(format!("{topic}: its data is no object")) };
    known.data.problem(data).map(|(field, problem)| format!("{topic}: {field} {problem}"))
}

/// A text of any length.
struct Plain;

impl Kind for Plain {
    type Read<'a> = &'a str;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a str>, String> {
        value.as_str().map(Some).ok_or_else(|| "must be a string".to_owned())
    }

    fn schema(&self, required: bool) -> Value {
        json!({ "type": if required { json!("string") } else { json!(["string", "null"]) } })
    }
}

/// One of these words.
struct OneOf(&'static [&'static str]);

impl Kind for OneOf {
    type Read<'a> = &'a str;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a str>, String> {
        value.as_str().filter(|word| self.0.contains(word)).map(Some).ok_or_else(|| "is none of its words".to_owned())
    }

    fn schema(&self, required: bool) -> Value {
        let null = (!required).then_some(Value::Null);
        json!({ "enum": self.0.iter().map(|word| json!(word)).chain(null).collect::<Vec<_>>() })
    }
}

/// A list of texts.
struct Texts;

impl Kind for Texts {
    type Read<'a> = &'a [Value];

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a [Value]>, String> {
        let texts = value.as_array().filter(|texts| texts.iter().all(Value::is_string));
        texts.map(|texts| Some(texts.as_slice())).ok_or_else(|| "must be a list of strings".to_owned())
    }

    fn schema(&self, _required: bool) -> Value {
        json!({ "type": "array", "items": { "type": "string" } })
    }
}

/// Whole numbers by name.
struct Counts;

impl Kind for Counts {
    type Read<'a> = &'a Map<String, Value>;

    fn read<'a>(&self, value: &'a Value) -> Result<Option<&'a Map<String, Value>>, String> {
        let counts = value.as_object().filter(|counts| counts.values().all(Value::is_u64));
        counts.map(Some).ok_or_else(|| "must hold whole numbers by name".to_owned())
    }

    fn schema(&self, _required: bool) -> Value {
        json!({ "type": "object", "additionalProperties": { "type": "integer", "minimum": 0 } })
    }
}
