//! Warnings before a credential ends: by event, check and metric, each once, whatever restarts and however many replicas run.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{Connector, Store, World, eventually, tenant};

const SUBJECT: &str = "argus.acme.m365.connection.secret-expiring";

#[expect(clippy::disallowed_methods, reason = "the connector under test goes by the machine's clock")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Registers the tenant's secret as one that ends then.
async fn register(connector: &Connector, ends: DateTime<Utc>) {
    let app = &tenant()["apps"][0];
    let input = json!({
        "directoryId": tenant()["id"], "applicationId": app["id"], "applicationSecret": app["secrets"][0]["value"], "secretExpiresAt": ends,
    });
    let query = "mutation($input: RegisterConnectionInput!) { registerConnection(input: $input) { state } }";
    connector.data(query, json!({ "input": input })).await;
}

async fn warned(world: &World, count: usize) -> Vec<Value> {
    eventually(&format!("{count} warnings are published"), async || {
        let events = world.published(SUBJECT).await;
        (events.len() >= count).then_some(events)
    })
    .await
}

/// What the connection test says of the credential's end.
async fn check(connector: &Connector) -> Value {
    let test = connector.data("mutation { testConnection { checks { code status } } }", Value::Null).await;
    let checks = test["testConnection"]["checks"].as_array().unwrap().clone();
    checks.iter().find(|check| check["code"] == "secret-expiry").unwrap()["status"].clone()
}

async fn seconds(connector: &Connector) -> i64 {
    let metrics = connector.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix("argus_m365_secret_expiry_seconds{organisation=\"acme\"} "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_credential_is_warned_of_once_a_threshold_over_restarts_and_replicas() {
    // Side by side: most of the time is waited.
    futures_util::future::join_all(Store::available().into_iter().map(story)).await;
}

/// In one store.
async fn story(store: Store) {
    let world = World::start(store).await;
    let first = world.connector(&[]).await;
    // SQLite serves one process.
    let second = if store == Store::Postgres { Some(world.connector(&[]).await) } else { None };
    // The threshold of 60 days has passed long ago, that of 30 passes while we look.
    let ends = now() + TimeDelta::days(30) + TimeDelta::seconds(8);
    register(&first, ends).await;
    let events = warned(&world, 2).await;
    assert_eq!(events.iter().map(|event| event["data"]["days"].clone()).collect::<Vec<_>>(), [60, 30]);
    assert_eq!(events[0]["data"]["expiresAt"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap().timestamp(), ends.timestamp());
    assert_eq!(
        (&events[0]["type"], &events[0]["subject"]),
        (&json!("argus.m365.connection.secret-expiring.v1"), &json!("connection"))
    );
    assert_eq!(check(&first).await, "WARN");
    assert!((30 * 86_400 - 120..=30 * 86_400 + 8).contains(&seconds(&first).await));
    first.stop().await;
    let first = world.connector(&[]).await;
    // Whatever a restart would have repeated comes before this.
    register(&first, now() + TimeDelta::days(5)).await;
    warned(&world, 3).await;
    register(&first, now() - TimeDelta::days(1)).await;
    let events = warned(&world, 4).await;
    assert_eq!(events.iter().map(|event| event["data"]["days"].clone()).collect::<Vec<_>>(), [60, 30, 7, 1]);
    assert_eq!(check(&first).await, "FAIL");
    let audited = first.data("{ auditTrail(action: \"connection.secret-expiring\") { totalCount } }", Value::Null).await;
    assert_eq!(audited["auditTrail"]["totalCount"], 4);
    // A new credential starts anew, from the farthest threshold.
    register(&first, now() + TimeDelta::days(40)).await;
    assert_eq!(warned(&world, 5).await.last().unwrap()["data"]["days"], 60);
    register(&first, now() + TimeDelta::days(400)).await;
    assert_eq!(check(&first).await, "PASS");
    if let Some(second) = second {
        second.stop().await;
    }
    assert_eq!(world.published(SUBJECT).await.len(), 5);
    world.finish(first).await;
}
