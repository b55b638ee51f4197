//! Outgoing events against the JSON Schemas that `docs/events/` publishes.

use std::{collections::HashMap, path::Path};

use serde_json::Value;

/// Fails the test when an event is not as its published schema says.
pub(crate) fn check(events: &[Value]) {
    let mut validators = HashMap::new();
    for event in events {
        let name = event["type"].as_str().expect("a type").to_owned();
        let validator = validators.entry(name.clone()).or_insert_with(|| validator(&name));
        let wrong: Vec<String> =
            validator.iter_errors(event).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "an outgoing event is not as docs/events/schemas/{name}.json says: {wrong:?}\n{event}");
    }
}

fn validator(event_type: &str) -> jsonschema::Validator {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/events/schemas/{event_type}.json"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    jsonschema::validator_for(&serde_json::from_str(&text).expect("JSON")).expect("a schema")
}
