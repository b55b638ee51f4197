//! Publications whose process is killed, and whose answers are lost, again and again: no zone ever has two items.
//!
//! The short form is part of every run; the long one, two hundred kills and lost answers on every store, is run by hand.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    stage::{Scene, items, prepare, publish_zones, published, set_target, target, writes, zone},
    support::{Connector, Store, World, eventually_within},
};

/// What a process holds is taken over soon after its death.
const FAST: [(&str, &str); 2] = [("delivery.lease", "3s"), ("delivery.call_timeout", "1s")];
const PATIENCE: Duration = Duration::from_mins(3);
/// Zones of one publication, and how often its process is killed: fewer times than make an operation `WORKER_CRASHED`.
const ZONES: usize = 100;
const KILLS: usize = 4;

/// Publishes until there were so many kills and lost answers together; the seed decides which answers are lost, and where it dies.
async fn killed(store: Store, wanted: u64, seed: u64) {
    let world = World::start(store).await;
    prepare(&world, Scene::default()).await;
    let mut connector = world.connector(&FAST).await;
    connector.register().await;
    set_target(&world, &target(Scene::default())).await;
    world.simulator.behave(&json!({ "latencyMs": 20 })).await;
    let lost = json!({ "path": "/v1.0/$batch", "when": "after", "effect": "reset", "probability": 0.2, "seed": seed });
    world.simulator.fault(lost).await;
    let (mut kills, mut zones, mut chance) = (0, 0, seed);
    while kills + world.simulator.struck().await < wanted {
        let new: Vec<Value> = (zones + 1..=zones + ZONES).map(|number| zone(number, "first")).collect();
        let id = publish_zones(&connector, json!({ "zones": new })).await;
        zones += ZONES;
        for _ in 0..KILLS {
            let before = writes(&world).await;
            // Dies after some more items were made; one that comes to its end before is not killed in vain.
            let after = before + next(&mut chance) % 30;
            let over = eventually_within(PATIENCE, "it goes on", async || {
                let over =
                    state(&connector, &id).await["state"] != "RUNNING" && state(&connector, &id).await["state"] != "QUEUED";
                (over || writes(&world).await > after).then_some(over)
            })
            .await;
            if over {
                break;
            }
            connector.kill();
            connector = world.connector(&FAST).await;
            kills += 1;
        }
        eventually_within(PATIENCE, "the publication ends", async || {
            let state = state(&connector, &id).await["state"].take();
            (state != "RUNNING" && state != "QUEUED").then_some(())
        })
        .await;
    }
    let lost = world.simulator.struck().await;
    world.simulator.heal().await;
    let ended = published(&connector, json!({})).await;
    println!("{store:?}, seed {seed}: {kills} kills, {lost} lost answers, {zones} zones: {} {}", ended["state"], ended["counts"]);
    assert_eq!((&ended["state"], items(&world).await.len()), (&json!("SUCCEEDED"), zones), "{ended}");
    world.finish(connector).await;
}

async fn state(connector: &Connector, id: &str) -> Value {
    let query = "query($id: ID!) { operation(id: $id) { state counts } }";
    connector.data(query, json!({ "id": id })).await["operation"].take()
}

/// The next of a row of numbers without order (Knuth's multiplier).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[tokio::test]
async fn twelve_kills_and_lost_answers_make_no_item_twice() {
    for store in Store::available() {
        killed(store, 12, 11).await;
    }
}

#[tokio::test]
#[ignore = "minutes"]
async fn two_hundred_kills_and_lost_answers_make_no_item_twice_on_sqlite() {
    killed(Store::Sqlite, 200, 7).await;
}

#[tokio::test]
#[ignore = "minutes"]
async fn two_hundred_kills_and_lost_answers_make_no_item_twice_on_postgres() {
    killed(Store::Postgres, 200, 7).await;
}
