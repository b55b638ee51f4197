//! `docs/events/` is what the code says, and the reader does what the schemas say.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that cannot set the scene fails the test")]

use std::{collections::BTreeMap, fs, path::Path, sync::LazyLock};

use argus_m365::events::{Headers, Reading, read, schema};
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const FIXTURES: [&str; 5] = [
    include_str!("events_fixtures/task.scheduled.json"),
    include_str!("events_fixtures/task.rescheduled.json"),
    include_str!("events_fixtures/task.closed.json"),
    include_str!("events_fixtures/outage.reported.json"),
    include_str!("events_fixtures/zone.changed.json"),
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events")
}

fn validator(event_type: &str) -> Validator {
    jsonschema::validator_for(&schema::documents()[&format!("schemas/{event_type}.json")]).unwrap()
}

fn validators() -> BTreeMap<String, Validator> {
    let schemas = schema::documents().into_keys().filter_map(|file| {
        let name = file.strip_prefix("schemas/")?.strip_suffix(".json")?.to_owned();
        name.starts_with("argus.").then_some(name)
    });
    schemas.map(|name| (name.clone(), validator(&name))).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever changes an event asks for the files anew")]
fn the_published_files_are_what_the_code_says() {
    let documents = schema::documents();
    let text = |document: &Value| format!("{}\n", serde_json::to_string_pretty(document).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(folder().join("schemas")).unwrap();
        for (file, document) in &documents {
            fs::write(folder().join(file), text(document)).unwrap();
        }
    }
    let advice = "run `UPDATE=1 cargo test --test event_schemas`";
    for (file, document) in &documents {
        let there = fs::read_to_string(folder().join(file)).unwrap_or_default();
        assert!(there == text(document), "docs/events/{file} is not what the code says; {advice}");
    }
    for entry in fs::read_dir(folder().join("schemas")).unwrap() {
        let name = format!("schemas/{}", entry.unwrap().file_name().to_string_lossy());
        assert!(documents.contains_key(&name), "docs/events/{name} is of no event that there is; remove it");
    }
}

#[test]
fn every_channel_of_the_document_leads_to_a_schema() {
    let documents = schema::documents();
    let asyncapi = &documents["asyncapi.json"];
    let (channels, messages) =
        (asyncapi["channels"].as_object().unwrap(), asyncapi["components"]["messages"].as_object().unwrap());
    assert_eq!(channels.len(), documents.len() - 1);
    for (name, channel) in channels {
        assert_eq!(channel["messages"][name]["$ref"], format!("#/components/messages/{name}"));
        let file = messages[name]["payload"]["$ref"].as_str().unwrap().strip_prefix("./").unwrap();
        assert_eq!(documents[file]["title"], messages[name]["name"], "{name}");
        assert_eq!(asyncapi["operations"][name]["channel"]["$ref"], format!("#/channels/{name}"));
    }
}

#[test]
fn the_examples_of_the_contract_are_as_the_schemas_say() {
    for fixture in FIXTURES {
        let event: Value = serde_json::from_str(fixture).unwrap();
        let name = event["type"].as_str().unwrap();
        let wrong: Vec<String> = validator(name).iter_errors(&event).map(|error| error.to_string()).collect();
        assert_eq!(wrong, [""; 0], "{name}");
    }
}

/// An event of each type with every field that its schema knows.
fn full() -> Vec<Value> {
    let data = |kind: &str| match kind {
        "task" => json!({
            "taskId": "t-1", "version": 7, "reference": "WO-1", "title": "Valve", "description": "Two\nlines", "reason": "done",
            "status": "planned", "priority": "high", "privacy": "private", "url": "https://argus.example/t/1",
            "window": { "start": "2026-11-25T08:30:00", "end": "2026-11-25T10:00:00", "timeZone": "Europe/Dublin", "fold": 1 },
            "assignee": { "objectId": "01234567-89ab-cdef-0123-456789abcdef", "userPrincipalName": "n@a.example", "displayName": "N." },
            "location": { "displayName": "Yard", "address": "1 Road", "latitude": 53.3, "longitude": -6.2 },
        }),
        "outage" => json!({
            "outageId": "o-1", "version": 3, "title": "Burst main", "status": "crewAssigned", "customersAffected": 12, "utilityType": "water",
            "severity": "major", "description": "Text", "area": { "name": "North", "zoneIds": ["z-1", "z-2"] }, "cause": "Frost",
            "startedAt": "2026-11-23T09:00:00Z", "estimatedRestorationAt": "2026-11-23T12:00:00+01:00", "restoredAt": "2026-11-23T12:00:00.5Z",
            "planned": false, "url": "https://argus.example/o/1", "channel": "north",
        }),
        _ => json!({
            "zoneId": "z-1", "version": 3, "name": "North", "kind": "dma", "utilityType": "water",
            "boundary": { "type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 0]]] },
            "attributes": { "customers": 7, "note": "x", "live": true, "none": null },
        }),
    };
    let types = [
        "task.scheduled",
        "task.rescheduled",
        "task.closed",
        "outage.reported",
        "outage.updated",
        "outage.restored",
        "zone.changed",
        "zone.removed",
    ];
    let event = |name: &&str| {
        let kind = name.split('.').next().unwrap();
        json!({
            "specversion": "1.0", "id": "e-1", "source": "/argus", "type": format!("argus.{name}.v1"), "time": "2026-11-23T09:15:02Z",
            "subject": "s", "orgid": "acme", "correlationid": "c", "causationid": "a", "dataclassification": "internal",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=1", "data": data(kind),
        })
    };
    types.iter().map(event).collect()
}

/// Every place in a value, as JSON pointers; arrays by their first item.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let place = format!("{at}/{name}");
                found.push(place.clone());
                places(inner, &place, found);
            }
        }
        Value::Array(items) => {
            if let Some(inner) = items.first() {
                let place = format!("{at}/0");
                found.push(place.clone());
                places(inner, &place, found);
            }
        }
        _ => {}
    }
}

fn put(event: &mut Value, place: &str, value: Option<Value>) {
    let (parent, name) = place.rsplit_once('/').unwrap();
    match (event.pointer_mut(parent), value) {
        (Some(Value::Object(map)), Some(value)) => drop(map.insert(name.to_owned(), value)),
        (Some(Value::Object(map)), None) => drop(map.remove(name)),
        (Some(Value::Array(items)), Some(value)) => items[0] = value,
        (Some(Value::Array(items)), None) => drop(items.remove(0)),
        _ => panic!("{place}"),
    }
}

/// What may be put in a field's place: nothing, and values at and beyond every limit.
fn values() -> Vec<Option<Value>> {
    let text = |letter: &str, count: usize| json!(letter.repeat(count));
    let map =
        |count: usize, value: Value| Value::Object((0..count).map(|n| (format!("k{n}"), value.clone())).collect::<Map<_, _>>());
    let mut all = vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(1),
        json!(2),
        json!(7),
        json!(-1),
        json!(1.5),
        json!(90.5),
        json!(-181),
        json!((1_u64 << 53) - 1),
        json!(1_u64 << 53),
        json!("text"),
        json!("two\nlines"),
        json!("a\tb"),
        json!("a\u{1}b"),
        json!("a\u{85}b"),
        json!("é\u{2028}"),
        json!("https://a.example/x"),
        json!("HTTP://a.example"),
        json!("javascript:alert(1)"),
        json!("https:/a.example"),
        json!(" https://a.example"),
        json!("low"),
        json!("urgent"),
        json!("URGENT"),
        json!("cancelled"),
        json!("gas"),
        json!("minor"),
        json!("private"),
        json!("1.0"),
        json!("0.3"),
        json!("acme"),
        json!("2026-11-23T09:15:02Z"),
        json!("2026-11-23T09:15:02"),
        json!("2026-11-23"),
        json!("yesterday"),
        json!("2026-11-25T09:00"),
        json!("2026-11-25T9:00"),
        json!("Europe/Berlin"),
        json!("niamh"),
        json!("n@a.example"),
        json!("a@b@c"),
        json!("a b@c"),
        json!("a@b/c"),
        json!("01234567-89ab-CDEF-0123-456789abcdef"),
        json!("0123456789abcdef0123456789abcdef"),
        json!([]),
        json!({}),
        json!(["a"]),
        json!([1]),
        json!(["a", ""]),
        json!([" "]),
        json!({ "type": "Point", "coordinates": [1, 2] }),
        json!({ "type": "Point", "coordinates": [1] }),
        json!({ "type": "Point", "coordinates": [181, 2] }),
        json!({ "type": "Circle", "coordinates": [] }),
        json!({ "type": "LineString", "coordinates": [[0, 0]] }),
        json!({ "type": "Point" }),
        json!({ "type": "GeometryCollection", "geometries": [] }),
        json!({ "type": "MultiPoint", "coordinates": [[0, 0], [1, 1, 5]] }),
        json!({ "a": [1] }),
        json!({ "a": { "b": 1 } }),
        json!({ "a": "x".repeat(1_001) }),
        json!({ "x".repeat(128): 1 }),
        json!({ "x".repeat(129): 1 }),
        json!({ " ": 1 }),
        json!({ "objectId": null }),
        json!({ "displayName": "N." }),
        json!({ "userPrincipalName": "n@a.example" }),
        map(100, json!(1)),
        map(101, json!(1)),
        json!(vec!["z"; 1_000]),
        json!(vec!["z"; 1_001]),
    ];
    for limit in [40, 55, 128, 255, 1_000, 2_048, 4_000] {
        all.extend([text("x", limit), text("x", limit + 1), text("é", limit), text("é", limit + 1)]);
    }
    std::iter::once(None).chain(all.into_iter().map(Some)).collect()
}

/// Whether the reader takes an event, on the subject of its own type or of the one that it had.
fn taken(event: &Value, subject: &str) -> bool {
    matches!(read(subject, &Headers::default(), event.to_string().as_bytes()), Reading::Accepted(_))
}

/// What only the reader can see ([`schema::RULES`]): the schema takes it and the reader refuses it, and why that is right.
fn beyond_the_schema(event: &Value, place: &str) -> bool {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
    let zone = text("/data/window/timeZone").is_some_and(|name| name.parse::<chrono_tz::Tz>().is_err());
    let foreign = event.get("orgid").is_some_and(|org| !org.is_null() && org != "acme");
    let order = place.starts_with("/data/window/");
    let open = place.starts_with("/data/boundary");
    zone || foreign || order || open
}

#[test]
fn the_reader_takes_what_the_schemas_take() {
    let validators = validators();
    let (mut both, mut neither, mut beyond) = (0, 0, 0);
    for event in full() {
        let name = event["type"].as_str().unwrap().to_owned();
        let subject = format!("argus.acme.{}", name.trim_start_matches("argus.").trim_end_matches(".v1"));
        let validator = &validators[&name];
        assert!(validator.is_valid(&event) && taken(&event, &subject), "{name}: the whole example");
        let mut found = Vec::new();
        places(&event, "", &mut found);
        for place in &found {
            for value in values() {
                let mut changed = event.clone();
                put(&mut changed, place, value.clone());
                let told = || {
                    format!(
                        "{name} {place} = {}",
                        value.as_ref().map_or_else(|| "(missing)".into(), |v| v.to_string().chars().take(80).collect::<String>())
                    )
                };
                match (validator.is_valid(&changed), taken(&changed, &subject)) {
                    (true, true) => both += 1,
                    (false, false) => neither += 1,
                    (true, false) if beyond_the_schema(&changed, place) => beyond += 1,
                    (true, false) => panic!("the schema takes what the reader refuses: {}", told()),
                    (false, true) => panic!("the schema refuses what the reader takes: {}", told()),
                }
            }
            // Blank texts: required ones are refused by both. Optional ones count as missing; where a word, a link or a time is asked
            // for, the schema is stricter.
            for blank in ["", " ", "\u{3000}\t"] {
                let mut changed = event.clone();
                put(&mut changed, place, Some(json!(blank)));
                let allowed = taken(&changed, &subject) || !validator.is_valid(&changed) || beyond_the_schema(&changed, place);
                assert!(allowed, "{name} {place} is blank");
            }
        }
    }
    assert!(both > 1_000 && neither > 10_000 && beyond > 10, "{both} taken, {neither} refused, {beyond} beyond the schema");
}

#[test]
fn a_time_with_a_space_is_taken_and_not_advertised() {
    let mut event = full().remove(0);
    event["time"] = json!("2026-11-23 09:15:02+01:00");
    assert!(taken(&event, "argus.acme.task.scheduled") && !validator("argus.task.scheduled.v1").is_valid(&event));
}

static VALIDATORS: LazyLock<BTreeMap<String, Validator>> = LazyLock::new(validators);

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_schemas_refuse_the_reader_refuses(
        which in 0..8_usize, places_at in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
    ) {
        let event = full().remove(which);
        let name = event["type"].as_str().unwrap().to_owned();
        let subject = format!("argus.acme.{}", name.trim_start_matches("argus.").trim_end_matches(".v1"));
        let (mut changed, all) = (event, values());
        let mut touched = Vec::new();
        for (place, value) in places_at {
            let mut found = Vec::new();
            places(&changed, "", &mut found);
            let place = place.get(&found).clone();
            put(&mut changed, &place, value.get(&all).clone());
            touched.push(place);
        }
        let (by_schema, by_reader) = (VALIDATORS[&name].is_valid(&changed), taken(&changed, &subject));
        let beyond = touched.iter().any(|place| beyond_the_schema(&changed, place)) || changed["type"] != name.as_str();
        prop_assert!(by_schema == by_reader || (by_schema && beyond), "{} {:?}: schema {}, reader {}", name, touched, by_schema, by_reader);
    }
}
