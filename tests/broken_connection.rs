//! A connection that Microsoft refuses, and waits that it asks for, through the real binary against real servers, on every store.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

mod support;

use std::time::Duration;

use async_nats::jetstream;
use serde_json::{Value, json};
use support::{Connector, Store, World, eventually, eventually_within, tenant};

const NIAMH: &str = "niamh@acme-water.example";
const OISIN: &str = "oisin@acme-water.example";

fn scheduled(task: &str, worker: &str) -> Value {
    json!({
        "specversion": "1.0", "id": format!("{task}-1"), "source": "/tests", "type": "argus.task.scheduled.v1",
        "time": "2026-11-23T09:00:00Z",
        "data": {
            "taskId": task, "version": 1, "title": "Valve inspection",
            "window": { "start": "2026-11-25T08:00:00", "end": "2026-11-25T08:45:00", "timeZone": "Europe/Dublin" },
            "assignee": { "userPrincipalName": worker },
        },
    })
}

async fn publish(stream: &jetstream::Context, event: &Value) {
    let sent = stream.publish("argus.acme.task.scheduled", event.to_string().into()).await.unwrap();
    sent.await.unwrap();
}

/// Requests to the token endpoint so far.
async fn token_requests(world: &World) -> usize {
    let requests = world.simulator.requests().await;
    let asks = |request: &&Value| request["path"].as_str().is_some_and(|path| path.ends_with("/oauth2/v2.0/token"));
    requests.as_array().into_iter().flatten().filter(asks).count()
}

async fn state(connector: &Connector) -> Value {
    connector.data("{ connection { state stateReason } }", Value::Null).await["connection"].take()
}

async fn comes_to_be(connector: &Connector, wanted: &str) -> Value {
    eventually(&format!("the connection is {wanted}"), async || {
        let found = state(connector).await;
        (found["state"] == wanted).then_some(found)
    })
    .await
}

/// A world whose connection was registered by an earlier process: the next one has no token.
async fn registered(store: Store) -> World {
    let world = World::start(store).await;
    let connector = world.connector(&[]).await;
    connector.register().await;
    connector.stop().await;
    world
}

async fn refuse_the_credential(world: &World) {
    let effect = json!({ "status": { "status": 401, "code": "invalid_client" } });
    world.simulator.fault(json!({ "method": "POST", "path": "/*/oauth2/v2.0/token", "effect": effect })).await;
}

#[tokio::test]
async fn a_thousand_objects_behind_a_dead_secret_are_two_token_requests() {
    for store in Store::available() {
        let world = registered(store).await;
        refuse_the_credential(&world).await;
        let before = token_requests(&world).await;
        let connector = world.connector(&[]).await;
        let stream = world.jetstream().await;
        for number in 0..1_000 {
            publish(&stream, &scheduled(&format!("task-{number}"), if number % 2 == 0 { NIAMH } else { OISIN })).await;
        }
        let broken = comes_to_be(&connector, "DISABLED").await;
        let reason = broken["stateReason"].as_str().unwrap();
        assert!(reason.contains("invalid_client") && reason.contains("registerConnection"), "reason and remedy: {reason}");
        eventually("every event is taken", async || (world.untaken().await == 0).then_some(())).await;
        let blocked = connector.data("{ tasks(state: BLOCKED) { totalCount } }", Value::Null).await;
        assert_eq!(blocked["tasks"]["totalCount"], 1_000);
        assert_eq!(token_requests(&world).await - before, 2, "the refusal and its confirmation");
        world.simulator.heal().await;
        connector.data("mutation { testConnection { succeeded } }", Value::Null).await;
        comes_to_be(&connector, "ACTIVE").await;
        connector.settled("task-0", 1).await;
        connector.kill();
        world.abandon().await;
    }
}

#[tokio::test]
async fn what_was_put_right_at_microsofts_side_resumes_by_itself_and_every_change_is_told() {
    for store in Store::available() {
        let world = registered(store).await;
        refuse_the_credential(&world).await;
        let connector = world.connector(&[("delivery.probe_initial", "300ms"), ("delivery.probe_max", "1s")]).await;
        publish(&world.jetstream().await, &scheduled("task-1", NIAMH)).await;
        comes_to_be(&connector, "DISABLED").await;
        world.simulator.heal().await;
        connector.settled("task-1", 1).await;
        assert_eq!(state(&connector).await, json!({ "state": "ACTIVE", "stateReason": null }));
        let subject = "argus.acme.m365.connection.state-changed";
        let told = eventually("every change is published", async || {
            let told = world.published(subject).await;
            (told.len() == 4).then_some(told)
        })
        .await;
        let steps: Vec<_> = told.iter().map(|event| event["data"]["to"].as_str().unwrap()).collect();
        assert_eq!(steps, ["ACTIVE", "DEGRADED", "DISABLED", "ACTIVE"]);
        assert!(told[2]["data"]["remedy"].is_string() && told[2]["data"]["reason"].is_string());
        let query = "{ auditTrail(action: \"connection.state-changed\") { totalCount } }";
        assert_eq!(connector.data(query, Value::Null).await["auditTrail"]["totalCount"], 4);
        let metrics = connector.metrics().await;
        assert!(metrics.contains("argus_m365_connection_state_changes_total{state=\"disabled\"} 1"), "{metrics}");
        world.finish(connector).await;
    }
}

/// For longer than a minute, after which trouble with the endpoint is a state of the connection and no longer the loops' own business.
/// The minute is a real one, so on one store: how a state is kept on each is the subject of the other tests here.
#[tokio::test]
async fn a_token_endpoint_out_of_reach_is_told_and_once_it_is_back_everything_resumes_by_itself() {
    let world = registered(Store::Sqlite).await;
    let effect = json!({ "status": { "status": 503, "noBody": true } });
    world.simulator.fault(json!({ "method": "POST", "path": "/*/oauth2/v2.0/token", "effect": effect })).await;
    let before = token_requests(&world).await;
    let connector = world.connector(&[]).await;
    publish(&world.jetstream().await, &scheduled("task-1", NIAMH)).await;
    let degraded = eventually_within(Duration::from_secs(100), "the connection is DEGRADED", async || {
        let found = state(&connector).await;
        (found["state"] == "DEGRADED").then_some(found)
    })
    .await;
    let reason = degraded["stateReason"].as_str().unwrap();
    assert!(reason.contains("token endpoint"), "what is out of reach: {reason}");
    let asked = token_requests(&world).await - before;
    assert!(asked <= 20, "{asked} token requests in a minute of outage");
    world.simulator.heal().await;
    eventually_within(Duration::from_mins(1), "it works again", async || {
        (connector.task("task-1").await["state"] == "SETTLED").then_some(())
    })
    .await;
    assert_eq!(comes_to_be(&connector, "ACTIVE").await["stateReason"], Value::Null);
    let told = eventually("every change is published", async || {
        let told = world.published("argus.acme.m365.connection.state-changed").await;
        (told.len() == 3).then_some(told)
    })
    .await;
    let steps: Vec<_> = told.iter().map(|event| event["data"]["to"].as_str().unwrap()).collect();
    assert_eq!(steps, ["ACTIVE", "DEGRADED", "ACTIVE"]);
    let query = "{ auditTrail(action: \"connection.state-changed\") { totalCount } }";
    assert_eq!(connector.data(query, Value::Null).await["auditTrail"]["totalCount"], 3);
    let metrics = connector.metrics().await;
    for to in ["degraded", "active"] {
        let counted = format!("argus_m365_connection_state_changes_total{{state=\"{to}\"}} 1");
        assert!(metrics.contains(&counted), "{counted}: {metrics}");
    }
    world.finish(connector).await;
}

#[tokio::test]
async fn a_mailbox_that_may_not_be_entered_blocks_itself_and_never_the_connection() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        let effect = json!({ "status": { "status": 403, "code": "ErrorAccessDenied" } });
        world.simulator.fault(json!({ "path": format!("/v1.0/users/{NIAMH}/"), "effect": effect })).await;
        let stream = world.jetstream().await;
        publish(&stream, &scheduled("denied", NIAMH)).await;
        publish(&stream, &scheduled("allowed", OISIN)).await;
        connector.settled("allowed", 1).await;
        eventually("the other is set aside", async || (connector.task("denied").await["state"] == "DEAD").then_some(())).await;
        assert_eq!(connector.task("denied").await["lastError"]["code"], "MAILBOX_ACCESS_DENIED");
        assert_eq!(state(&connector).await["state"], "ACTIVE");
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_wait_that_microsoft_asked_for_survives_the_process() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        let effect = json!({ "status": { "status": 429, "code": "ApplicationThrottled", "retryAfter": { "seconds": 4 } } });
        world.simulator.fault(json!({ "path": format!("/v1.0/users/{NIAMH}/"), "times": 1, "effect": effect })).await;
        publish(&world.jetstream().await, &scheduled("task-1", NIAMH)).await;
        eventually("the wait is written down", async || {
            connector.task("task-1").await["lastError"]["code"].is_string().then_some(())
        })
        .await;
        connector.kill();
        let connector = world.connector(&[]).await;
        // A second task of the same mailbox, which never met with the refusal itself.
        publish(&world.jetstream().await, &scheduled("task-2", NIAMH)).await;
        connector.settled("task-1", 1).await;
        connector.settled("task-2", 1).await;
        assert_eq!(world.simulator.violations().await, json!([]), "nothing was sent before its time");
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn everything_goes_on_by_itself_once_a_new_secret_is_registered() {
    for store in Store::available() {
        let world = registered(store).await;
        let mut app = tenant()["apps"][0].clone();
        app["secrets"] = json!([{ "value": "simulator~the-next-secret" }]);
        world.simulator.change(&json!({ "apps": [app], "revokeTokens": true })).await;
        let connector = world.connector(&[]).await;
        publish(&world.jetstream().await, &scheduled("task-1", NIAMH)).await;
        comes_to_be(&connector, "DISABLED").await;
        // A secret that does not work either replaces nothing, and is found in the trail.
        let register = "mutation($input: RegisterConnectionInput!) { registerConnection(input: $input) { state } }";
        let input = |secret: &str| json!({ "input": { "directoryId": tenant()["id"], "applicationId": app["id"], "applicationSecret": secret } });
        let refused = connector.graphql(register, input("simulator~not-the-next-one")).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "CREDENTIAL_REJECTED", "{refused}");
        let query = "{ auditTrail(action: \"connection.registered\") { nodes { outcome detail } } }";
        let trail = connector.data(query, Value::Null).await["auditTrail"]["nodes"].take();
        assert_eq!(trail[1], json!({ "outcome": "failed", "detail": { "code": "CREDENTIAL_REJECTED" } }), "{trail}");
        connector.data(register, input("simulator~the-next-secret")).await;
        assert_eq!(state(&connector).await, json!({ "state": "ACTIVE", "stateReason": null }));
        connector.settled("task-1", 1).await;
        world.finish(connector).await;
    }
}
