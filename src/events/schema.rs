//! What goes in and out, for others: JSON Schemas and an AsyncAPI document, made of the descriptions that the reader works by.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    envelope::ENVELOPE,
    outgoing::OUTGOING,
    shape::Shape,
    topics::{TOPICS, Topic},
    types::{EventType, TYPES},
};

/// What the reader asks for beside the schemas: JSON Schema has no words for it.
pub const RULES: [&str; 8] = [
    "Names of an object are unique; the whole event has at most 512 KiB; nesting is at most 128 deep.",
    "The type names the kind and verb of the NATS subject, and orgid, when it is there, its organisation.",
    "Integers are written without fraction or exponent: 7, not 7.0.",
    "Times exist (no 30 February) and lie between 1900 and 2200; links are well-formed.",
    "window.timeZone is a name of the IANA database; window.end is after window.start; an offset is one that the zone has at that time.",
    "Rings of a boundary end where they begin; it has at most 50,000 positions and 256 KiB; collections nest at most 4 deep, and what stands in one is a geometry.",
    "Stricter than the reader: where a word, a link, a name of a mailbox or a time is optional, a blank text counts as a missing one; a time may have a space in place of its T.",
    "In binary mode the attributes are ce- headers (percent-encoded), and the payload is the data.",
];

/// The version of the form that schemas keep to. They use nothing that 2020-12 reads otherwise but `items` of a position.
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// Every document by its path below `docs/events/`.
pub fn documents() -> BTreeMap<String, Value> {
    let incoming = TYPES.iter().map(|known| (file(known.name), incoming(known)));
    let outgoing = TOPICS.iter().map(|topic| (file(&type_of(topic)), outgoing(topic)));
    let schemas = incoming.chain(outgoing).map(|(file, schema)| (format!("schemas/{file}"), schema));
    schemas.chain(std::iter::once(("asyncapi.json".to_owned(), asyncapi()))).collect()
}

fn file(event_type: &str) -> String {
    format!("{event_type}.json")
}

fn type_of(topic: &Topic) -> String {
    format!("argus.m365.{}.v1", topic.name)
}

fn incoming(known: &EventType) -> Value {
    document(&ENVELOPE, known.name, known.meaning, known.data)
}

fn outgoing(topic: &Topic) -> Value {
    document(&OUTGOING, &type_of(topic), topic.meaning, topic.data)
}

/// An event in structured mode: the envelope with its own type, and its data.
fn document(envelope: &Shape, event_type: &str, meaning: &str, data: &Shape) -> Value {
    let mut schema = envelope.schema();
    schema["$schema"] = DRAFT.into();
    schema["title"] = event_type.into();
    schema["description"] = meaning.into();
    schema["properties"]["type"] = json!({ "const": event_type, "description": "Kind, verb and version of the form." });
    schema["properties"]["data"] = data.schema();
    if let Value::Array(required) = &mut schema["required"] {
        required.push("data".into());
    }
    schema
}

/// The AsyncAPI document: channels are subjects, messages are events.
fn asyncapi() -> Value {
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for known in &TYPES {
        let address = subject(known.name);
        add((&mut channels, &mut operations, &mut messages), known.name, &address, known.meaning, "receive");
    }
    for topic in &TOPICS {
        let own = topic.name == "audit.checkpoint";
        let address =
            if own { format!("argus.m365.{}", topic.name) } else { format!("argus.{{organisation}}.m365.{}", topic.name) };
        add((&mut channels, &mut operations, &mut messages), &type_of(topic), &address, topic.meaning, "send");
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Argus Microsoft 365 Connector",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "Events on NATS JetStream: CloudEvents 1.0, in streams ARGUS (received) and ARGUS_M365 (sent, with Nats-Msg-Id, at least once). \
                 Beside the schemas:\n\n- {}", RULES.join("\n- ")
            ),
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": { "nats": { "host": "127.0.0.1:4222", "protocol": "nats", "description": "Setting nats.url." } },
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages },
    })
}

/// `argus.task.scheduled.v1` comes on `argus.{organisation}.task.scheduled`.
fn subject(event_type: &str) -> String {
    let rest = event_type.strip_prefix("argus.").unwrap_or(event_type);
    format!("argus.{{organisation}}.{}", rest.strip_suffix(".v1").unwrap_or(rest))
}

type Parts<'a> = (&'a mut Map<String, Value>, &'a mut Map<String, Value>, &'a mut Map<String, Value>);

fn add((channels, operations, messages): Parts<'_>, event_type: &str, address: &str, meaning: &str, action: &str) {
    let name = event_type.strip_suffix(".v1").unwrap_or(event_type);
    let mut channel = json!({
        "address": address,
        "messages": { name: { "$ref": format!("#/components/messages/{name}") } },
    });
    if address.contains('{') {
        channel["parameters"] =
            json!({ "organisation": { "description": "The owning organisation: 1 to 64 of A-Z a-z 0-9 _ -." } });
    }
    channels.insert(name.to_owned(), channel);
    operations.insert(
        name.to_owned(),
        json!({ "action": action, "channel": { "$ref": format!("#/channels/{name}") }, "summary": meaning }),
    );
    messages.insert(
        name.to_owned(),
        json!({
            "name": event_type, "title": event_type, "summary": meaning, "contentType": "application/cloudevents+json",
            "payload": { "$ref": format!("./schemas/{}", file(event_type)) },
        }),
    );
}
