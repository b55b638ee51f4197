//! Publications and imports: who asked, their runs, their calls and the tokens for these, and what is told at their end.

use argus_m365::simulator::SiteSpec;
use serde_json::{Value, json};

use crate::{
    asked::{ask, ended, parent, seen, so_far, told},
    collector::{BEGINNER, Collector, TRACE, attribute, hex},
    support::{Connector, Store, World},
};

const PUBLISH: &str = "mutation($input: PublishZonesInput!) { publishZones(input: $input) { id } }";
const IMPORT: &str = "mutation($input: ImportUsersInput!) { importUsers(input: $input) { id } }";

/// A list for zones, and a connector that has no token yet.
async fn with_a_list(world: &World, settings: &[(&str, &str)]) -> Connector {
    world.simulator.change(&json!({ "sites": [SiteSpec::demo()] })).await;
    let connector = world.connector(settings).await;
    connector.register().await;
    let site = serde_json::to_value(SiteSpec::demo()).expect("JSON");
    let target = json!({
        "site": site["id"], "list": site["lists"][0]["id"], "matchColumn": "Zone ID",
        "fields": [{ "zoneField": "name", "column": "Title" }],
    });
    let query = "mutation($input: ZoneTargetInput!) { setZoneTarget(input: $input) { publicationId } }";
    connector.data(query, json!({ "input": target })).await;
    connector.stop().await;
    world.connector(settings).await
}

fn zones(count: usize) -> Value {
    let zones: Vec<_> = (0..count).map(|number| json!({ "zoneId": format!("Z-{number}"), "name": "Zone" })).collect();
    json!({ "input": { "zones": zones } })
}

/// A part of a batch, or a call on the list alone.
fn on_the_list(_method: &str, path: &str) -> bool {
    path.contains("/lists/")
}

fn token(_method: &str, path: &str) -> bool {
    path.ends_with("/token")
}

#[tokio::test]
async fn a_publication_is_one_trace_from_its_caller_to_zones_published() {
    let (collector, root) = Collector::start().await;
    let world = World::start(Store::Sqlite).await;
    let connector = with_a_list(&world, &[("telemetry.otlp_endpoint", root.as_str())]).await;
    let before = so_far(&world).await;
    let asked = ask(&world, &connector, "01", PUBLISH, zones(3)).await;
    let operation = &asked["publishZones"]["id"];
    assert_eq!(ended(&connector, operation).await, "SUCCEEDED");
    let told = told(&world, "zones.published", operation).await;

    let queued = collector.waits_for(TRACE, "operation.queue").await.remove(0);
    let run = collector.waits_for(TRACE, "operation.run").await.remove(0);
    let calls = collector.waits_for(TRACE, "graph.call").await;
    let tokens = collector.waits_for(TRACE, "token.request").await;
    let published = collector.waits_for(TRACE, "outbox.publish").await;
    assert_eq!(hex(&queued.parent_span_id), BEGINNER);
    assert_eq!(run.parent_span_id, queued.span_id);
    assert_eq!((attribute(&run, "argus.kind"), attribute(&run, "argus.outcome")), ("publish-zones".into(), "succeeded".into()));
    // The list read once, and three items made.
    assert!(calls.len() >= 4 && calls.iter().all(|call| call.parent_span_id == run.span_id), "{calls:?}");
    assert!(published.iter().any(|event| event.parent_span_id == run.span_id));
    assert_eq!(tokens.len(), 1, "one token for all of them");
    assert!(calls.iter().any(|call| call.span_id == tokens[0].parent_span_id), "it was asked for by a call");
    assert_eq!(told["traceparent"], json!(format!("00-{TRACE}-{}-01", hex(&run.span_id))));
    assert_eq!(told["tracestate"], "vendor=abc");

    let all = seen(&world, |_, _| true).await;
    assert!(all[before..].iter().all(|seen| seen.contains(TRACE)), "{all:?}");
    let ids: Vec<String> = calls.iter().map(|call| format!("00-{TRACE}-{}-01", hex(&call.span_id))).collect();
    let items = seen(&world, |method, path| method == "POST" && on_the_list(method, path)).await;
    assert!(items.len() == 3 && items.iter().all(|seen| ids.contains(seen)), "{items:?}");
    assert_eq!(seen(&world, token).await.last(), Some(&format!("00-{TRACE}-{}-01", hex(&tokens[0].span_id))));
    world.finish(connector).await;
}

#[tokio::test]
async fn without_a_collector_an_operation_carries_its_callers_trace_on_as_it_came() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = with_a_list(&world, &[]).await;
        let before = so_far(&world).await;
        let asked = ask(&world, &connector, "01", PUBLISH, zones(3)).await;
        let operation = &asked["publishZones"]["id"];
        assert_eq!(ended(&connector, operation).await, "SUCCEEDED");
        let published = told(&world, "zones.published", operation).await;
        let asked = ask(&world, &connector, "01", IMPORT, json!({ "input": {} })).await;
        let operation = &asked["importUsers"]["id"];
        assert_eq!(ended(&connector, operation).await, "SUCCEEDED");
        let imported = told(&world, "directory.imported", operation).await;
        for event in [published, imported] {
            assert_eq!((&event["traceparent"], &event["tracestate"]), (&json!(parent("01")), &json!("vendor=abc")), "{event}");
        }
        let all = seen(&world, |_, _| true).await;
        assert!(all[before..].iter().all(|seen| *seen == parent("01")), "{all:?}");
        assert!(seen(&world, |_, path| path.contains("/users")).await.contains(&parent("01")), "pages of people");
        assert_eq!(seen(&world, token).await.last(), Some(&parent("01")), "the token for them");
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn an_import_that_nobody_traces_begins_a_trace_that_its_approval_goes_on_in() {
    let (collector, root) = Collector::start().await;
    let world = World::start(Store::Sqlite).await;
    world.simulator.change_directory(&json!([{ "generate": { "users": 60, "departments": 1 } }])).await;
    let connector = world.connector(&[("telemetry.otlp_endpoint", root.as_str())]).await;
    connector.register().await;
    let import = async || connector.data(IMPORT, json!({ "input": { "mode": "FULL" } })).await["importUsers"]["id"].take();
    assert_eq!(ended(&connector, &import().await).await, "SUCCEEDED");
    let gone: Vec<_> =
        (1..=40_u32).map(|n| json!({ "deleteUser": { "user": format!("00000000-0000-4000-8000-{n:012x}") } })).collect();
    world.simulator.change_directory(&json!(gone)).await;
    let operation = import().await;
    assert_eq!(ended(&connector, &operation).await, "AWAITING_APPROVAL");
    let waits = told(&world, "directory.awaiting-approval", &operation).await;
    let trace = waits["traceparent"].as_str().and_then(|parent| parent.split('-').nth(1)).expect("a trace").to_owned();
    let approve = "mutation($id: ID!) { approveImport(operationId: $id) { id } }";
    ask(&world, &connector, "01", approve, json!({ "id": operation })).await;
    assert_eq!(ended(&connector, &operation).await, "SUCCEEDED");
    let imported = told(&world, "directory.imported", &operation).await;
    assert!(imported["traceparent"].as_str().expect("a trace").contains(&trace), "{imported}");
    world.finish(connector).await;

    let queued = collector.named(&trace, "operation.queue").remove(0);
    assert_eq!(queued.parent_span_id, Vec::<u8>::new(), "it has no parent");
    let runs = collector.named(&trace, "operation.run");
    assert!(runs.iter().all(|run| run.parent_span_id == queued.span_id), "{runs:?}");
    let outcomes: Vec<_> = runs.iter().map(|run| attribute(run, "argus.outcome")).collect();
    assert_eq!(outcomes, ["awaiting-approval", "succeeded"]);
    collector.with(|got| {
        let sent = String::from_utf8_lossy(&got.bytes);
        for private in ["niamh", "acme-water", "00000000-0000-4000-8000", "/users"] {
            assert!(!sent.contains(private), "{private} stands in a span");
        }
    });
}
