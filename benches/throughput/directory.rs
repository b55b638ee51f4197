//! The directory imported: how much longer than its pages take, and what it holds in memory.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    process::used,
    scene::Scene,
    support::{Connector, Store, eventually_within},
    table::Line,
};

const PATIENCE: Duration = Duration::from_mins(15);
/// What a page takes.
const LATENCY: Duration = Duration::from_millis(100);
const PEOPLE: u32 = 100_000;
const GROUPS: u32 = 1_000;
const MEMBERSHIPS: u32 = 500_000;
/// Groups read at once.
const AT_ONCE: u32 = 16;
/// Of the sum of the pages' latencies, one after another: people's pages must be read so, groups' need not.
const MOST: f64 = 1.3;
const MOST_MIB: f64 = 80.0;

/// A tenant with so many people, and a connector that knows of it.
async fn stage(store: Store, generate: Value) -> (Scene, Connector) {
    let scene = Scene::new(store, 1, Duration::ZERO).await;
    scene.world.simulator.change_directory(&json!([{ "generate": generate }])).await;
    let connector = scene.world.connector(&[]).await;
    connector.register().await;
    (scene, connector)
}

/// A process that has done nothing yet: its peak is the import's.
async fn afresh(scene: &Scene, connector: Connector, latency: Duration) -> Connector {
    connector.stop().await;
    let connector = scene.world.connector(&[]).await;
    scene.world.simulator.behave(&json!({ "latencyMs": u64::try_from(latency.as_millis()).unwrap_or_default() })).await;
    connector
}

/// Imports, and waits for the end; how long it took, and what it counted.
async fn imported(connector: &Connector, mutation: &str) -> (Duration, Value) {
    let started = Instant::now();
    let mut answer = connector.data(&format!("mutation {{ operation: {mutation} {{ id }} }}"), Value::Null).await;
    let id = answer["operation"]["id"].take();
    let query = "query($id: ID!) { operation(id: $id) { state counts error { code message } } }";
    let operation = eventually_within(PATIENCE, "the import ends", async || {
        let operation = connector.data(query, json!({ "id": id })).await["operation"].take();
        (!["QUEUED", "RUNNING"].contains(&operation["state"].as_str().unwrap_or_default())).then_some(operation)
    })
    .await;
    assert_eq!(operation["state"], "SUCCEEDED", "{mutation}: {operation}");
    (started.elapsed(), operation["counts"].clone())
}

/// So many pages at [`LATENCY`] each, in seconds.
fn seconds(pages: u64) -> f64 {
    LATENCY.as_secs_f64() * u32::try_from(pages).map_or(f64::MAX, f64::from)
}

/// A hundred thousand people, then a thousand groups with half a million memberships among them.
pub(crate) async fn hundred_thousand(store: Store) -> Vec<Line> {
    let generate = json!({ "users": PEOPLE, "groups": GROUPS, "memberships": MEMBERSHIPS });
    let (scene, connector) = stage(store, generate).await;
    let connector = afresh(&scene, connector, LATENCY).await;
    let (took, _) = imported(&connector, "importUsers").await;
    // The count is asked for before the first page, beside the delta link: it takes a page's time.
    let pages = scene.answers("users 200").await;
    let people = Line {
        what: format!("{PEOPLE} people, 100 ms a page, {store:?}"),
        target: format!("{MOST} × the pages' {:.1} s, {MOST_MIB:.0} MiB", seconds(pages)),
        measured: format!("{:.1} s, {:.2} ×", took.as_secs_f64(), took.as_secs_f64() / seconds(pages)),
        reached: Some(took.as_secs_f64() <= MOST * seconds(pages) && used(connector.process_id()).peak_mib <= MOST_MIB),
        used: Some((used(connector.process_id()), PEOPLE)),
    };
    let connector = afresh(&scene, connector, LATENCY).await;
    let (took, counts) = imported(&connector, "importGroups").await;
    assert_eq!(counts["membershipsAdded"], json!(MEMBERSHIPS), "{counts}");
    let (lists, members) = (scene.answers("groups 200").await, scene.answers("members 200").await);
    let (throttled, sum) = (scene.answers(" 429").await, seconds(lists + members));
    let at_once = seconds(lists + members.div_ceil(AT_ONCE.into()));
    let took = took.as_secs_f64();
    let groups = Line {
        what: format!("{GROUPS} groups, {MEMBERSHIPS} memberships, 100 ms a page, {store:?}"),
        target: format!("{MOST} × the pages' {sum:.1} s, no 429, {MOST_MIB:.0} MiB"),
        measured: format!("{took:.1} s, {:.2} × ({at_once:.1} s is {AT_ONCE} pages at once), {throttled} 429", took / sum),
        reached: Some(took <= MOST * sum && throttled == 0 && used(connector.process_id()).peak_mib <= MOST_MIB),
        used: Some((used(connector.process_id()), MEMBERSHIPS)),
    };
    connector.stop().await;
    scene.world.abandon().await;
    vec![people, groups]
}

/// The most memory that an import takes, of ten thousand people and of twenty times as many.
pub(crate) async fn memory(store: Store) -> Line {
    let mut peaks = Vec::new();
    for people in [10_000, 200_000] {
        let (scene, connector) = stage(store, json!({ "users": people })).await;
        let connector = afresh(&scene, connector, Duration::ZERO).await;
        imported(&connector, "importUsers").await;
        // Once more, whole, beside what stands by now.
        imported(&connector, "importUsers(input: { mode: FULL })").await;
        peaks.push(used(connector.process_id()).peak_mib);
        connector.stop().await;
        scene.world.abandon().await;
    }
    let [few, many] = [0, 1].map(|which| peaks.get(which).copied().unwrap_or_default());
    Line {
        what: format!("10,000 people, and 200,000, {store:?}"),
        target: format!("flat (16 MiB), {MOST_MIB:.0} MiB"),
        measured: format!("{few:.0} MiB, {many:.0} MiB"),
        reached: Some(many - few <= 16.0 && many <= MOST_MIB),
        used: None,
    }
}
