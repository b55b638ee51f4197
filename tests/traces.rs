//! One event is one trace: from the publisher's span through intake, delivery and the call to Microsoft to the event that goes out; and
//! a collector that is away disturbs nobody.

#![expect(clippy::expect_used, reason = "a helper that cannot set the scene fails the test")]

mod support;

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, any_value},
    trace::v1::Span,
};
use prost::Message as _;
use serde_json::{Value, json};
use support::{Store, World, eventually};
use tokio::net::TcpListener;

const SCHEDULED: &str = include_str!("../examples/events/task.scheduled.json");
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PUBLISHER: &str = "00f067aa0ba902b7";

/// What a collector was sent.
#[derive(Default)]
struct Got {
    spans: Vec<Span>,
    services: Vec<String>,
    keys: Vec<String>,
    bytes: Vec<u8>,
}

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Got>>);

impl Collector {
    /// A collector (OTLP over HTTP) on a free port of this machine; with it, its root.
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let root = format!("http://{}", listener.local_addr().expect("its address"));
        let routes = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (collector, root)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Got) -> T) -> T {
        look(&mut self.0.lock().expect("the collector's memory"))
    }

    /// The spans of a trace with this name.
    fn named(&self, trace: &str, name: &str) -> Vec<Span> {
        let of_trace = |span: &&Span| hex(&span.trace_id) == trace && span.name == name;
        self.with(|got| got.spans.iter().filter(of_trace).cloned().collect())
    }

    async fn waits_for(&self, trace: &str, name: &str) -> Vec<Span> {
        eventually(&format!("a span {name}"), async || Some(self.named(trace, name)).filter(|spans| !spans.is_empty())).await
    }
}

async fn take(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body.clone()).expect("protobuf");
    collector.with(|got| {
        got.bytes.extend_from_slice(&body);
        got.keys.extend(headers.get("x-collector-key").map(|key| key.to_str().expect("text").to_owned()));
        for spans in request.resource_spans {
            let attributes = spans.resource.unwrap_or_default().attributes;
            got.services.extend(attributes.iter().filter(|kv| kv.key == "service.name").map(|kv| text(kv.value.as_ref())));
            got.spans.extend(spans.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    });
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn attribute(span: &Span, name: &str) -> String {
    text(span.attributes.iter().find(|kv| kv.key == name).and_then(|kv| kv.value.as_ref()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// The example event as a publisher's span with these flags sends it.
fn event(id: &str, flags: &str) -> Value {
    let mut event: Value = serde_json::from_str(SCHEDULED).expect("JSON");
    event["id"] = json!(id);
    event["traceparent"] = json!(format!("00-{TRACE}-{PUBLISHER}-{flags}"));
    event["tracestate"] = json!("vendor=abc");
    event
}

/// The `traceparent` and `tracestate` that the simulator saw with the creation of an event.
async fn seen_by_microsoft(world: &World) -> (String, String) {
    let requests = world.simulator.requests().await;
    let created =
        requests.as_array().into_iter().flatten().find(|request| {
            request["method"] == "POST" && request["path"].as_str().is_some_and(|path| path.ends_with("/events"))
        });
    let header = |name: &str| created.and_then(|request| request["headers"][name].as_str()).unwrap_or_default().to_owned();
    (header("traceparent"), header("tracestate"))
}

async fn told(world: &World) -> Value {
    eventually("calendar.synced is published", async || world.published("argus.acme.m365.calendar.synced").await.pop()).await
}

#[tokio::test]
async fn one_event_is_one_trace_from_its_publisher_to_what_goes_out() {
    let (collector, root) = Collector::start().await;
    let world = World::start(Store::Sqlite).await;
    let key = world.folder.path().join("collector-headers");
    std::fs::write(&key, "X-Collector-Key: s3cret\n").expect("a file");
    let settings = [
        ("telemetry.otlp_endpoint", root.as_str()),
        ("telemetry.otlp_headers_file", key.to_str().expect("a path")),
        ("telemetry.service_name", "argus-m365-test"),
    ];
    let connector = world.connector(&settings).await;
    connector.register().await;
    world.publish("argus.acme.task.scheduled", &event("traced-1", "01")).await;
    connector.settled("7f0c2b1e", 7).await;
    let told = told(&world).await;

    let intake = collector.waits_for(TRACE, "intake.take").await.remove(0);
    let run = collector.waits_for(TRACE, "reconcile.run").await.remove(0);
    let calls = collector.waits_for(TRACE, "graph.call").await;
    let published = collector.waits_for(TRACE, "outbox.publish").await.remove(0);
    assert_eq!(hex(&intake.parent_span_id), PUBLISHER);
    assert_eq!(run.parent_span_id, intake.span_id);
    assert!(calls.iter().all(|call| call.parent_span_id == run.span_id), "{calls:?}");
    assert_eq!(published.parent_span_id, run.span_id);
    assert_eq!((attribute(&intake, "argus.kind"), attribute(&intake, "argus.outcome")), ("task".into(), "applied".into()));
    assert_eq!((attribute(&run, "argus.capability"), attribute(&run, "argus.outcome")), ("calendar".into(), "succeeded".into()));
    assert_eq!(attribute(&run, "argus.organisation"), "acme");

    let (traceparent, tracestate) = seen_by_microsoft(&world).await;
    let creation = calls.iter().find(|call| attribute(call, "http.response.status_code") == "201").expect("a creation");
    assert_eq!(traceparent, format!("00-{TRACE}-{}-01", hex(&creation.span_id)));
    assert_eq!(tracestate, "vendor=abc");
    assert_eq!(told["traceparent"], json!(format!("00-{TRACE}-{}-01", hex(&run.span_id))));
    assert_eq!(told["tracestate"], json!("vendor=abc"));

    // A second event, and SIGTERM at once: what is left is sent before the process ends.
    let other = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let mut closed = event("traced-2", "01");
    closed["type"] = json!("argus.task.closed.v1");
    closed["traceparent"] = json!(format!("00-{other}-{PUBLISHER}-01"));
    closed["data"] = json!({ "taskId": "7f0c2b1e", "version": 8 });
    world.publish("argus.acme.task.closed", &closed).await;
    connector.settled("7f0c2b1e", 8).await;
    world.finish(connector).await;
    for name in ["intake.take", "reconcile.run", "graph.call", "outbox.publish"] {
        assert!(!collector.named(other, name).is_empty(), "{name} was lost when the process ended");
    }

    collector.with(|got| {
        assert!(got.services.iter().all(|service| service == "argus-m365-test") && !got.services.is_empty());
        assert!(got.keys.iter().all(|key| key == "s3cret") && !got.keys.is_empty());
        let sent = String::from_utf8_lossy(&got.bytes);
        for private in ["niamh", "oisin", "acme-water", "7f0c2b1e", "WO-20418", "traced-1", "Valve", "Bearer", "s3cret"] {
            assert!(!sent.contains(private), "{private} stands in a span");
        }
    });
}

#[tokio::test]
async fn without_a_collector_the_trace_goes_on_as_it_came() {
    let world = World::start(Store::Sqlite).await;
    let connector = world.connector(&[]).await;
    connector.register().await;
    let event = event("untraced-1", "01");
    world.publish("argus.acme.task.scheduled", &event).await;
    connector.settled("7f0c2b1e", 7).await;
    let told = told(&world).await;
    assert_eq!((&told["traceparent"], &told["tracestate"]), (&event["traceparent"], &event["tracestate"]));
    assert_eq!(json!(seen_by_microsoft(&world).await.0), event["traceparent"]);
    world.finish(connector).await;
}

#[tokio::test]
async fn what_the_publisher_did_not_sample_is_not_recorded_and_goes_on_as_it_came() {
    let (collector, root) = Collector::start().await;
    let world = World::start(Store::Sqlite).await;
    let connector = world.connector(&[("telemetry.otlp_endpoint", root.as_str())]).await;
    connector.register().await;
    let event = event("unsampled-1", "00");
    world.publish("argus.acme.task.scheduled", &event).await;
    connector.settled("7f0c2b1e", 7).await;
    let told = told(&world).await;
    assert_eq!(told["traceparent"], event["traceparent"]);
    assert_eq!(json!(seen_by_microsoft(&world).await.0), event["traceparent"]);
    world.finish(connector).await;
    assert_eq!(collector.named(TRACE, "reconcile.run"), []);
}

#[tokio::test]
async fn an_event_without_a_trace_begins_one_that_microsoft_and_receivers_see() {
    let (collector, root) = Collector::start().await;
    let world = World::start(Store::Sqlite).await;
    let connector = world.connector(&[("telemetry.otlp_endpoint", root.as_str())]).await;
    connector.register().await;
    let mut event = event("begun-1", "01");
    event.as_object_mut().expect("an object").retain(|name, _| !name.starts_with("trace"));
    world.publish("argus.acme.task.scheduled", &event).await;
    connector.settled("7f0c2b1e", 7).await;
    let told = told(&world).await;
    let trace = told["traceparent"].as_str().and_then(|parent| parent.split('-').nth(1)).expect("a trace").to_owned();
    let intake = collector.waits_for(&trace, "intake.take").await.remove(0);
    assert_eq!(intake.parent_span_id, Vec::<u8>::new(), "it has no parent");
    assert!(seen_by_microsoft(&world).await.0.contains(&trace));
    world.finish(connector).await;
}

#[tokio::test]
async fn a_collector_that_is_away_or_never_answers_disturbs_no_delivery() {
    // Nobody listens on the first; the second takes connections and never answers.
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("its address");
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let mute = silent.local_addr().expect("its address");
    for address in [nobody, mute] {
        let world = World::start(Store::Sqlite).await;
        let root = format!("http://{address}");
        let connector = world.connector(&[("telemetry.otlp_endpoint", root.as_str())]).await;
        connector.register().await;
        for n in 0..20 {
            let mut event = event(&format!("away-{n}"), "01");
            event["data"]["taskId"] = json!(format!("away-{n}"));
            world.publish("argus.acme.task.scheduled", &event).await;
        }
        for n in 0..20 {
            connector.settled(&format!("away-{n}"), 7).await;
        }
        let said =
            || std::fs::read_to_string(&connector.log).expect("the log").matches("the collector does not take traces").count();
        eventually("the log says that the collector is away", async || (said() > 0).then_some(())).await;
        assert_eq!(said(), 1, "said more than once");
        world.finish(connector).await;
    }
    drop(silent);
}
