//! The bars: figures at size, printed. Minutes each, so not part of every run.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    stage::{Scene, calls, items, prepare, publish_zones, published, set_target, target, writes, zone},
    support::{Connector, Store, World, eventually_within},
};

const PATIENCE: Duration = Duration::from_mins(20);

async fn stage(scene: Scene, latency: u64) -> (World, Connector) {
    let world = World::start(Store::Sqlite).await;
    prepare(&world, scene).await;
    let connector = world.connector(&[]).await;
    connector.register().await;
    set_target(&world, &target(scene)).await;
    world.simulator.behave(&json!({ "latencyMs": latency })).await;
    (world, connector)
}

async fn end_of(connector: &Connector, id: &str) -> Value {
    eventually_within(PATIENCE, "the publication ends", async || {
        let query = "query($id: ID!) { operation(id: $id) { state counts error { code message } } }";
        let operation = connector.data(query, json!({ "id": id })).await["operation"].take();
        (operation["state"] != "RUNNING" && operation["state"] != "QUEUED").then_some(operation)
    })
    .await
}

fn peak_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_ascii_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

#[tokio::test]
#[ignore = "minutes"]
async fn ten_thousand_zones_first_again_and_one_percent_changed() {
    let (world, connector) = stage(Scene::default(), 5).await;
    let zones = |name: &str, count: usize| (1..=count).map(|number| zone(number, name)).collect::<Vec<_>>();
    for (what, input) in [
        ("first", json!({ "zones": zones("first", 10_000) })),
        ("unchanged", json!({})),
        ("1 % changed", json!({ "zones": zones("second", 100) })),
        ("unchanged again", json!({})),
    ] {
        let (written, called, started) = (writes(&world).await, calls(&world).await, Instant::now());
        let id = publish_zones(&connector, input).await;
        let ended = end_of(&connector, &id).await;
        println!(
            "{what}: {:.1} s, {} writes, {} requests, {} {}",
            started.elapsed().as_secs_f64(),
            writes(&world).await - written,
            calls(&world).await - called,
            ended["state"],
            ended["counts"],
        );
    }
    assert_eq!(items(&world).await.len(), 10_000);
    world.finish(connector).await;
}

#[tokio::test]
#[ignore = "minutes"]
async fn the_rate_that_the_smallest_tenant_allows() {
    let scene = Scene { units: Some(1_250), window: Some(60), ..Scene::default() };
    let (world, connector) = stage(scene, 100).await;
    let zones: Vec<Value> = (1..=2_480).map(|number| zone(number, "first")).collect();
    let started = Instant::now();
    let id = publish_zones(&connector, json!({ "zones": zones })).await;
    let ended = end_of(&connector, &id).await;
    let took = started.elapsed().as_secs_f64();
    // The last unit can be spent at once when its window opens, so four windows' worth takes three windows.
    println!("2,480 creations, 4,960 units: {took:.1} s (allowed from {:.0} s on), {}", 180.0, ended["counts"]);
    let requests = world.simulator.requests().await;
    let refused = requests.as_array().unwrap().iter().filter(|request| request["status"] == 429).count();
    println!("429: {refused}; violations: {}", world.simulator.violations().await);
    world.finish(connector).await;
}

#[tokio::test]
#[ignore = "minutes"]
async fn memory_does_not_grow_with_the_zones() {
    for count in [1_000, 30_000] {
        let (world, connector) = stage(Scene::default(), 0).await;
        world.simulator.behave(&json!({ "ledgerCapacity": 0 })).await;
        for begin in (0..count).step_by(5_000) {
            let zones: Vec<Value> = (begin + 1..=count.min(begin + 5_000)).map(|number| zone(number, "first")).collect();
            let id = publish_zones(&connector, json!({ "zones": zones })).await;
            end_of(&connector, &id).await;
        }
        let before = peak_mib(connector.process_id());
        connector.stop().await;
        let connector = world.connector(&[]).await;
        let started = Instant::now();
        let ended = published(&connector, json!({})).await;
        println!(
            "{count} zones: peak {before:.0} MiB while they were given, {:.0} MiB in a publication of all ({:.1} s), {}",
            peak_mib(connector.process_id()),
            started.elapsed().as_secs_f64(),
            ended["counts"]
        );
        world.finish(connector).await;
    }
}
