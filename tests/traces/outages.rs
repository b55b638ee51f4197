//! An outage's card at a webhook.

use serde_json::{Value, json};

use crate::{
    asked::{ask, parent, seen},
    collector::{BEGINNER, Collector, TRACE, attribute, hex},
    support::{Connector, Store, World, eventually},
};

/// A channel that a webhook posts to.
async fn with_a_webhook(world: &World, settings: &[(&str, &str)]) -> Connector {
    let connector = world.connector(settings).await;
    connector.register().await;
    let url = format!("{}/workflows/power/triggers/manual/paths/invoke?sig=a-secret-signature", world.simulator.url);
    let input = json!({ "key": "power", "sender": "WORKFLOW_WEBHOOK", "webhookUrl": url });
    connector
        .data("mutation($input: TeamsChannelInput!) { setTeamsChannel(input: $input) { key } }", json!({ "input": input }))
        .await;
    connector
}

fn outage() -> Value {
    json!({
        "outageId": "o-1", "version": 1, "title": "Burst main", "status": "reported", "customersAffected": 100,
        "utilityType": "water", "severity": "major",
    })
}

/// The `traceparent` that the webhook was given with the card.
async fn given(world: &World) -> String {
    eventually("the card is posted", async || seen(world, |_, path| path.starts_with("/workflows/")).await.pop()).await
}

async fn posted(world: &World) -> Value {
    eventually("outage.posted is published", async || world.published("argus.acme.m365.outage.posted").await.pop()).await
}

#[tokio::test]
async fn a_card_at_a_webhook_is_a_span_of_its_events_trace() {
    let (collector, root) = Collector::start().await;
    let world = World::start(Store::Sqlite).await;
    let connector = with_a_webhook(&world, &[("telemetry.otlp_endpoint", root.as_str())]).await;
    let event = json!({
        "specversion": "1.0", "id": "traced-outage", "source": "/tests", "type": "argus.outage.reported.v1",
        "time": "2026-11-23T09:00:00Z", "traceparent": format!("00-{TRACE}-{BEGINNER}-01"), "data": outage(),
    });
    world.publish("argus.acme.outage.reported", &event).await;
    let given = given(&world).await;
    let post = collector.waits_for(TRACE, "webhook.post").await.remove(0);
    let run = collector.waits_for(TRACE, "reconcile.run").await.remove(0);
    assert_eq!(given, format!("00-{TRACE}-{}-01", hex(&post.span_id)));
    assert_eq!(post.parent_span_id, run.span_id);
    assert_eq!(attribute(&post, "http.response.status_code"), "202");
    assert_eq!(posted(&world).await["traceparent"], json!(format!("00-{TRACE}-{}-01", hex(&run.span_id))));
    world.finish(connector).await;
    collector.with(|got| {
        let sent = String::from_utf8_lossy(&got.bytes);
        for private in ["a-secret-signature", "/workflows/", "Burst main", "o-1"] {
            assert!(!sent.contains(private), "{private} stands in a span");
        }
    });
}

#[tokio::test]
async fn an_outage_that_a_caller_posts_goes_on_in_the_callers_trace() {
    let world = World::start(Store::Sqlite).await;
    let connector = with_a_webhook(&world, &[]).await;
    let query = "mutation($input: OutageInput!) { postOutage(input: $input) { outageId } }";
    ask(&world, &connector, "01", query, json!({ "input": outage() })).await;
    assert_eq!(given(&world).await, parent("01"));
    assert_eq!(posted(&world).await["traceparent"], json!(parent("01")));
    world.finish(connector).await;
}
