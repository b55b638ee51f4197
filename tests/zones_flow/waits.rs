//! A wait that Microsoft asked for on the whole of SharePoint.

use argus_m365::{
    capabilities::CapabilityName,
    clock::{Clock as _, SystemClock},
    store::WorkerScope,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{
    stage::{Scene, event, items, prepare, set_target, target, zone},
    support::{Store, World, eventually},
};

/// The `Retry-After` that is played, seconds: longer than a process takes to die and be followed by another.
const WAIT: i64 = 6;

/// When the calls to SharePoint arrived, oldest first; the last status of each.
async fn arrivals(world: &World) -> Vec<(DateTime<Utc>, u64, String)> {
    let requests = world.simulator.requests().await;
    let sharepoint = |request: &&Value| {
        let path = request["path"].as_str().unwrap_or_default();
        path.contains("/sites/") || path.ends_with("/$batch")
    };
    let calls = requests.as_array().into_iter().flatten().filter(sharepoint);
    let read = |call: &Value| {
        let what = format!("{} {}", call["method"].as_str().unwrap(), call["path"].as_str().unwrap());
        (call["at"].as_str().unwrap().parse().unwrap(), call["status"].as_u64().unwrap(), what)
    };
    calls.map(read).collect()
}

/// A process that is killed between the answer and this commit takes what it was told with it.
async fn the_wait_is_committed(world: &World) {
    let store = argus_m365::store::Store::open(&world.store).await.unwrap();
    eventually("the wait is committed", async || {
        let holds = store.holds(&WorkerScope::for_loops(), CapabilityName::SharePoint, SystemClock.now()).await.unwrap();
        (!holds.is_empty()).then_some(())
    })
    .await;
    store.close().await;
}

#[tokio::test]
async fn a_wait_for_the_whole_workload_outlives_the_process_that_was_told() {
    for store in Store::available() {
        let world = World::start(store).await;
        prepare(&world, Scene::default()).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        set_target(&world, &target(Scene::default())).await;
        let effect = json!({ "status": { "status": 429, "code": "activityLimitReached", "retryAfter": { "seconds": WAIT } } });
        world.simulator.fault(json!({ "path": "/v1.0/sites/", "times": 1, "effect": effect })).await;
        event(&world, "changed", 1, &zone(1, "first")).await;
        the_wait_is_committed(&world).await;
        connector.kill();

        let connector = world.connector(&[]).await;
        // One that never met with the refusal itself.
        event(&world, "changed", 1, &zone(2, "first")).await;
        eventually("both stand", async || (items(&world).await.len() == 2).then_some(())).await;
        let calls = arrivals(&world).await;
        assert_eq!(calls[0].1, 429, "{calls:?}");
        assert!(calls[1].0 - calls[0].0 >= TimeDelta::seconds(WAIT), "the next call came too early: {calls:?}");
        assert_eq!(world.simulator.violations().await, json!([]));
        world.finish(connector).await;
    }
}
