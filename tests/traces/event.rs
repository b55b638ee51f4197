//! One event.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    collector::{BEGINNER, Collector, TRACE, attribute, hex},
    support::{Store, World, eventually},
};

const SCHEDULED: &str = include_str!("../../examples/events/task.scheduled.json");

/// The example event as a publisher's span with these flags sends it.
fn event(id: &str, flags: &str) -> Value {
    let mut event: Value = serde_json::from_str(SCHEDULED).expect("JSON");
    event["id"] = json!(id);
    event["traceparent"] = json!(format!("00-{TRACE}-{BEGINNER}-{flags}"));
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
    assert_eq!(hex(&intake.parent_span_id), BEGINNER);
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
    closed["traceparent"] = json!(format!("00-{other}-{BEGINNER}-01"));
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
