//! Whole messages: what is accepted, what is refused and where, and that nothing makes the reader fall over.

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{task::WantedTask, *};

const SCHEDULED: &str = include_str!("../../tests/events_fixtures/task.scheduled.json");
const CLOSED: &str = include_str!("../../tests/events_fixtures/task.closed.json");
const OUTAGE: &str = include_str!("../../tests/events_fixtures/outage.reported.json");
const ZONE: &str = include_str!("../../tests/events_fixtures/zone.changed.json");
/// Every fixture with the subject it belongs on.
const FIXTURES: [(&str, &str); 5] = [
    ("argus.acme.task.scheduled", SCHEDULED),
    ("argus.acme.task.rescheduled", include_str!("../../tests/events_fixtures/task.rescheduled.json")),
    ("argus.acme.task.closed", CLOSED),
    ("argus.acme.outage.reported", OUTAGE),
    ("argus.acme.zone.changed", ZONE),
];

fn read_text(subject: &str, payload: &str) -> Reading {
    read(subject, &Headers::default(), payload.as_bytes())
}

fn accepted(reading: Reading) -> Event {
    match reading {
        Reading::Accepted(event) => event,
        other => panic!("not accepted: {other:?}"),
    }
}

fn refused(reading: Reading) -> Refusal {
    match reading {
        Reading::Rejected(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// A fixture with one value replaced (or taken away, for `Value::Null` it is set to null).
fn with(fixture: &str, pointer: &str, value: Value) -> String {
    let mut envelope: Value = serde_json::from_str(fixture).unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    envelope.pointer_mut(parent).unwrap()[name] = value;
    envelope.to_string()
}

/// The messages of the fixtures in binary mode.
fn binary(fixture: &str) -> (Headers, Vec<u8>) {
    let envelope: Value = serde_json::from_str(fixture).unwrap();
    let attributes = envelope.as_object().unwrap().iter().filter(|(name, _)| *name != "data");
    let headers = attributes.map(|(name, value)| (format!("ce-{name}"), value.as_str().unwrap().to_owned()));
    (headers.collect(), envelope["data"].to_string().into_bytes())
}

#[test]
fn every_example_of_the_contract_is_accepted_in_all_three_modes() {
    for (subject, fixture) in FIXTURES {
        let plain = accepted(read_text(subject, fixture));
        let content_type: Headers = [("Content-Type", "application/cloudevents+json; charset=utf-8")].into_iter().collect();
        assert_eq!(accepted(read(subject, &content_type, fixture.as_bytes())), plain, "{subject}");
        let (headers, data) = binary(fixture);
        assert_eq!(accepted(read(subject, &headers, &data)), plain, "{subject}");
        assert_eq!(plain.scope.as_str(), "acme");
    }
}

#[test]
fn a_scheduled_task_is_read_whole() {
    let event = accepted(read_text("argus.acme.task.scheduled", SCHEDULED));
    let Object::Task { task_id, version, wanted: WantedTask::Scheduled(visit) } = event.object else { panic!("not a visit") };
    assert_eq!((task_id.as_str(), version), ("7f0c2b1e", 7));
    assert_eq!(visit.window.start.instant.to_rfc3339(), "2026-11-25T08:30:00+00:00");
    assert_eq!(visit.assignee.mailbox(), "niamh@acme-water.example");
    assert_eq!(visit.location.unwrap().latitude, Some(53.35));
    assert_eq!(event.context.subject.as_deref(), Some("task/7f0c2b1e"));
}

#[test]
fn a_closed_task_needs_its_id_and_version_only() {
    let bare = with(CLOSED, "/data", json!({"taskId": "7f0c2b1e", "version": 0}));
    let event = accepted(read_text("argus.acme.task.closed", &bare));
    assert_eq!(
        event.object,
        Object::Task { task_id: "7f0c2b1e".into(), version: 0, wanted: WantedTask::Closed { reason: None } }
    );
}

#[test]
fn supply_is_back_whatever_status_an_outage_still_carries() {
    let restored = with(OUTAGE, "/type", json!("argus.outage.restored.v1"));
    let Object::Outage { wanted, .. } = accepted(read_text("argus.acme.outage.restored", &restored)).object else { panic!() };
    assert_eq!(wanted.status, outage::OutageStatus::Restored);
}

#[test]
fn unknown_fields_and_nulls_are_tolerated() {
    let mut envelope: Value = serde_json::from_str(SCHEDULED).unwrap();
    envelope["comacmeextra"] = json!({"deep": [1]});
    envelope["correlationid"] = Value::Null;
    envelope["data"]["somethingNew"] = json!("x");
    envelope["data"]["description"] = Value::Null;
    envelope["data"]["url"] = json!("  ");
    accepted(read_text("argus.acme.task.scheduled", &envelope.to_string()));
}

#[test]
fn a_digest_tells_what_is_said_not_how_it_is_spelt() {
    let event = accepted(read_text("argus.acme.task.scheduled", SCHEDULED));
    let compact = serde_json::from_str::<Value>(SCHEDULED).unwrap().to_string();
    assert_eq!(accepted(read_text("argus.acme.task.scheduled", &compact)).digest, event.digest);
    let again = with(SCHEDULED, "/type", json!("argus.task.rescheduled.v1"));
    assert_eq!(accepted(read_text("argus.acme.task.rescheduled", &again)).digest, event.digest);
    let other = with(SCHEDULED, "/data/title", json!("Valve repair"));
    assert_ne!(accepted(read_text("argus.acme.task.scheduled", &other)).digest, event.digest);
    let closed = with(SCHEDULED, "/type", json!("argus.task.closed.v1"));
    assert_ne!(accepted(read_text("argus.acme.task.closed", &closed)).digest, event.digest);
}

#[test]
fn binary_headers_are_percent_decoded_and_compared_without_case() {
    let (headers, data) = binary(SCHEDULED);
    let changed = headers.iter().map(|(name, value)| match name {
        "ce-subject" => ("CE-Subject", "task/%C3%A9%20%25"),
        _ => (name, value),
    });
    let event = accepted(read("argus.acme.task.scheduled", &changed.collect(), &data));
    assert_eq!(event.context.subject.as_deref(), Some("task/é %"));
}

#[test]
fn trace_context_comes_from_headers_too_and_a_broken_one_is_dropped() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers: Headers = [("Traceparent", parent), ("tracestate", "a=1")].into_iter().collect();
    let context = accepted(read("argus.acme.task.scheduled", &headers, SCHEDULED.as_bytes())).context;
    assert_eq!((context.traceparent.as_deref(), context.tracestate.as_deref()), (Some(parent), Some("a=1")));
    let headers: Headers = [("traceparent", "nonsense"), ("tracestate", "a=1")].into_iter().collect();
    let context = accepted(read("argus.acme.task.scheduled", &headers, SCHEDULED.as_bytes())).context;
    assert_eq!((context.traceparent, context.tracestate), (None, None));
}

#[test]
fn each_broken_attribute_is_refused_where_it_is() {
    use RefusalCode::{InvalidData, InvalidEnvelope, OrganisationMismatch, UnknownType};
    let long = |count: usize| json!("x".repeat(count));
    let table = [
        ("/specversion", json!("0.3"), InvalidEnvelope, "/specversion"),
        ("/specversion", json!(1.0), InvalidEnvelope, "/specversion"),
        ("/id", Value::Null, InvalidEnvelope, "/id"),
        ("/id", json!(" "), InvalidEnvelope, "/id"),
        ("/id", json!(7), InvalidEnvelope, "/id"),
        ("/id", json!("a\nb"), InvalidEnvelope, "/id"),
        ("/id", long(129), InvalidEnvelope, "/id"),
        ("/source", json!(""), InvalidEnvelope, "/source"),
        ("/source", long(256), InvalidEnvelope, "/source"),
        ("/time", json!("2026-11-23 at nine"), InvalidEnvelope, "/time"),
        ("/time", json!("2026-11-23T09:15:02"), InvalidEnvelope, "/time"),
        ("/time", json!("9999-11-23T09:15:02Z"), InvalidEnvelope, "/time"),
        ("/type", Value::Null, InvalidEnvelope, "/type"),
        ("/type", json!("argus.task.closed.v1"), InvalidEnvelope, "/type"),
        ("/type", json!("argus.outage.reported.v1"), InvalidEnvelope, "/type"),
        ("/type", json!("argus.task.scheduled.v2"), UnknownType, "/type"),
        ("/type", json!("com.example.made"), UnknownType, "/type"),
        ("/correlationid", json!({}), InvalidEnvelope, "/correlationid"),
        ("/orgid", json!("other"), OrganisationMismatch, "/orgid"),
        ("/orgid", json!("ACME"), OrganisationMismatch, "/orgid"),
        ("/orgid", json!(5), OrganisationMismatch, "/orgid"),
        ("/data", Value::Null, InvalidEnvelope, "/data"),
        ("/data", json!([]), InvalidData, "/data"),
        ("/data", json!("{}"), InvalidData, "/data"),
    ];
    for (pointer, value, code, at) in table {
        let refusal = refused(read_text("argus.acme.task.scheduled", &with(SCHEDULED, pointer, value.clone())));
        assert_eq!((refusal.code, refusal.pointer.as_deref()), (code, Some(at)), "{pointer} {value}");
    }
    accepted(read_text("argus.acme.task.scheduled", &with(SCHEDULED, "/orgid", json!("acme"))));
}

#[test]
fn each_broken_field_of_a_task_is_refused_where_it_is() {
    let long = |count: usize| json!("é".repeat(count));
    let table = [
        ("/data/taskId", Value::Null, "/data/taskId"),
        ("/data/taskId", json!(7), "/data/taskId"),
        ("/data/taskId", long(129), "/data/taskId"),
        ("/data/taskId", json!("a\tb"), "/data/taskId"),
        ("/data/version", Value::Null, "/data/version"),
        ("/data/version", json!(1.5), "/data/version"),
        ("/data/version", json!(7.0), "/data/version"),
        ("/data/version", json!("7"), "/data/version"),
        ("/data/version", json!(-1), "/data/version"),
        ("/data/version", json!(1_u64 << 53), "/data/version"),
        ("/data/title", json!("\u{a0} "), "/data/title"),
        ("/data/title", long(256), "/data/title"),
        ("/data/title", json!("a\u{0}b"), "/data/title"),
        ("/data/description", long(4_001), "/data/description"),
        ("/data/description", json!(["x"]), "/data/description"),
        ("/data/reference", long(129), "/data/reference"),
        ("/data/window", Value::Null, "/data/window"),
        ("/data/window", json!("tomorrow"), "/data/window"),
        ("/data/window/timeZone", json!("Mars/Olympus"), "/data/window/timeZone"),
        ("/data/window/start", json!("2026-11-25T08:30:00+05:00"), "/data/window/start"),
        ("/data/window/end", json!("2026-11-25T08:00:00"), "/data/window/end"),
        ("/data/assignee", Value::Null, "/data/assignee"),
        ("/data/assignee", json!({"displayName": "N."}), "/data/assignee"),
        ("/data/assignee/userPrincipalName", json!("niamh"), "/data/assignee/userPrincipalName"),
        ("/data/assignee/userPrincipalName", json!("a@b/../c"), "/data/assignee/userPrincipalName"),
        ("/data/assignee/objectId", json!("1234"), "/data/assignee/objectId"),
        ("/data/location", json!("yard"), "/data/location"),
        ("/data/location/address", long(1_001), "/data/location/address"),
        ("/data/location/latitude", json!(90.5), "/data/location/latitude"),
        ("/data/location/longitude", json!("-6"), "/data/location/longitude"),
        ("/data/priority", json!("URGENT"), "/data/priority"),
        ("/data/privacy", json!(true), "/data/privacy"),
        ("/data/url", json!("javascript:alert(1)"), "/data/url"),
        ("/data/url", json!("https:argus.example"), "/data/url"),
        ("/data/url", json!(" https://argus.example"), "/data/url"),
        ("/data/url", json!(format!("https://a.example/{}", "x".repeat(2_048))), "/data/url"),
        ("/data/reason", long(4_001), "/data/reason"),
    ];
    for (pointer, value, at) in table {
        let refusal = refused(read_text("argus.acme.task.scheduled", &with(SCHEDULED, pointer, value.clone())));
        assert_eq!((refusal.code, refusal.pointer.as_deref()), (RefusalCode::InvalidData, Some(at)), "{pointer} {value}");
        assert_eq!(refusal.context.unwrap().id, "01JD8Z6Q6S8X3W1Y5V9K2M7N4P");
    }
    for (pointer, value) in [
        ("/data/title", long(255)),
        ("/data/description", long(4_000)),
        ("/data/description", json!("two\r\n\tlines")),
        ("/data/version", json!((1_u64 << 53) - 1)),
        ("/data/location", json!({})),
    ] {
        accepted(read_text("argus.acme.task.scheduled", &with(SCHEDULED, pointer, value)));
    }
}

#[test]
fn each_broken_field_of_outages_and_zones_is_refused_where_it_is() {
    let many: serde_json::Map<String, Value> = (0..101).map(|n| (n.to_string(), Value::Null)).collect();
    let ring = vec![[-6.27, 53.35]; 20_000];
    let table = [
        (OUTAGE, "/data/status", json!("gone"), "/data/status"),
        (OUTAGE, "/data/utilityType", Value::Null, "/data/utilityType"),
        (OUTAGE, "/data/customersAffected", json!(-1), "/data/customersAffected"),
        (OUTAGE, "/data/severity", json!("bad"), "/data/severity"),
        (OUTAGE, "/data/area/zoneIds", json!(["Z-1", 5]), "/data/area/zoneIds/1"),
        (OUTAGE, "/data/area/zoneIds", json!(vec!["Z"; 1_001]), "/data/area/zoneIds"),
        (OUTAGE, "/data/startedAt", json!("2026-11-23"), "/data/startedAt"),
        (OUTAGE, "/data/planned", json!("no"), "/data/planned"),
        (ZONE, "/data/name", json!(""), "/data/name"),
        (ZONE, "/data/boundary", json!([]), "/data/boundary"),
        (ZONE, "/data/boundary/type", json!("Circle"), "/data/boundary/type"),
        (ZONE, "/data/boundary/coordinates", Value::Null, "/data/boundary/coordinates"),
        (ZONE, "/data/boundary/coordinates", json!([ring]), "/data/boundary"),
        (ZONE, "/data/attributes", json!({"a/b~c": [1]}), "/data/attributes/a~1b~0c"),
        (ZONE, "/data/attributes", json!({"note": "x".repeat(1_001)}), "/data/attributes/note"),
        (ZONE, "/data/attributes", Value::Object(many), "/data/attributes"),
    ];
    for (fixture, pointer, value, at) in table {
        let subject = if fixture == OUTAGE { "argus.acme.outage.reported" } else { "argus.acme.zone.changed" };
        let refusal = refused(read_text(subject, &with(fixture, pointer, value)));
        assert_eq!((refusal.code, refusal.pointer.as_deref()), (RefusalCode::InvalidData, Some(at)), "{pointer}");
    }
}

/// Wanted state is stored by serde's spelling; what was read under one word must be found under the same.
fn spelt_alike<T: super::kinds::Words + serde::Serialize>() {
    for (word, value) in T::WORDS {
        assert_eq!(serde_json::to_value(value).unwrap(), json!(word));
    }
}

#[test]
fn words_are_spelt_alike_in_events_and_in_the_store() {
    spelt_alike::<task::Priority>();
    spelt_alike::<task::Privacy>();
    spelt_alike::<outage::OutageStatus>();
    spelt_alike::<outage::Severity>();
    spelt_alike::<outage::UtilityType>();
}

#[test]
fn a_subject_of_nobody_is_unroutable() {
    for subject in [
        "argus.ac me.task.scheduled",
        "argus..task.scheduled",
        "argus.acme.job.made",
        "argus.acme.task",
        "x",
        "argus.acme.task.a.b",
    ] {
        assert!(matches!(read_text(subject, SCHEDULED), Reading::Unroutable { .. }), "{subject}");
    }
}

#[test]
fn an_unknown_verb_with_its_own_type_is_an_unknown_type() {
    let moved = with(SCHEDULED, "/type", json!("argus.task.teleported.v1"));
    assert_eq!(refused(read_text("argus.acme.task.teleported", &moved)).code, RefusalCode::UnknownType);
}

#[test]
fn what_is_not_json_is_kept_as_bytes() {
    let cut = SCHEDULED.get(..200).unwrap();
    let twice = r#"{"specversion":"1.0","id":"a","id":"b"}"#;
    for payload in [b"\xff\xfe".as_slice(), b"", cut.as_bytes(), twice.as_bytes(), "[".repeat(5_000).as_bytes()] {
        let refusal = refused(read("argus.acme.task.scheduled", &Headers::default(), payload));
        assert_eq!((refusal.code, refusal.pointer), (RefusalCode::InvalidEnvelope, None));
        assert_eq!(serde_json::from_str::<Value>(&refusal.payload).unwrap(), json!({"base64": STANDARD.encode(payload)}));
    }
}

#[test]
fn a_binary_refusal_points_into_the_envelope_and_shows_it_as_structured() {
    let (headers, _) = binary(SCHEDULED);
    let data = with(SCHEDULED, "/data/window/timeZone", json!("Nowhere"));
    let data = serde_json::from_str::<Value>(&data).unwrap()["data"].clone();
    let refusal = refused(read("argus.acme.task.scheduled", &headers, data.to_string().as_bytes()));
    assert_eq!(refusal.pointer.as_deref(), Some("/data/window/timeZone"));
    assert_eq!(refusal.object, Some((ObjectKind::Task, "7f0c2b1e".into())));
    let shown: Value = serde_json::from_str(&refusal.payload).unwrap();
    assert_eq!((&shown["id"], &shown["data"]), (&json!("01JD8Z6Q6S8X3W1Y5V9K2M7N4P"), &data));

    let refusal = refused(read("argus.acme.task.scheduled", &headers, b"\xff"));
    assert_eq!((refusal.code, refusal.pointer.as_deref()), (RefusalCode::InvalidData, Some("/data")));
    assert_eq!(serde_json::from_str::<Value>(&refusal.payload).unwrap()["data_base64"], json!("/w=="));
}

#[test]
fn an_event_that_is_too_large_says_which_one_it_was() {
    let large = with(SCHEDULED, "/data/extra", json!("x".repeat(1 << 20)));
    let refusal = refused(read_text("argus.acme.task.scheduled", &large));
    assert_eq!((refusal.code, refusal.pointer), (RefusalCode::TooLarge, None));
    assert_eq!(refusal.context.unwrap().id, "01JD8Z6Q6S8X3W1Y5V9K2M7N4P");
    assert_eq!(refusal.object, Some((ObjectKind::Task, "7f0c2b1e".into())));
    assert!(refusal.payload.len() < 1_000 && !refusal.payload.contains("\"data\""), "kept without its data");

    let noise = vec![0xff; 1 << 20];
    let refusal = refused(read("argus.acme.task.scheduled", &Headers::default(), &noise));
    assert_eq!(refusal.code, RefusalCode::TooLarge);
    assert_eq!(serde_json::from_str::<Value>(&refusal.payload).unwrap()["truncatedFrom"], json!(1 << 20));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_on_any_subject_give_an_answer(subject in ".{0,40}", payload: Vec<u8>, header in "(ce-)?.{0,12}", value: String) {
        let headers: Headers = [(header, value)].into_iter().collect();
        read(&subject, &headers, &payload);
        read("argus.acme.task.scheduled", &headers, &payload);
    }

    #[test]
    fn a_damaged_example_gives_an_answer_whose_payload_is_json(
        which in 0..FIXTURES.len(), at: prop::sample::Index, byte: u8, cut: bool,
    ) {
        let (subject, fixture) = FIXTURES[which];
        let mut bytes = fixture.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        if let Reading::Rejected(refusal) = read(subject, &Headers::default(), &bytes) {
            prop_assert!(serde_json::from_str::<Value>(&refusal.payload).is_ok());
        }
    }

    #[test]
    fn any_value_in_any_field_is_taken_or_refused_at_or_below_that_field(
        which in 0..FIXTURES.len(), field: prop::sample::Index, value in any_json(),
    ) {
        let (subject, fixture) = FIXTURES[which];
        let envelope: Value = serde_json::from_str(fixture).unwrap();
        let names: Vec<&String> = envelope["data"].as_object().unwrap().keys().collect();
        let pointer = format!("/data/{}", field.get(&names));
        if let Reading::Rejected(refusal) = read_text(subject, &with(fixture, &pointer, value)) {
            prop_assert!(refusal.pointer.unwrap().starts_with(&pointer));
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,300}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,9}", inner, 0..5).prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}
