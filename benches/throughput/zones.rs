//! Zones into a SharePoint list: what a publication costs, how near it comes to what Microsoft allows, and what it holds in memory.

use std::time::{Duration, Instant};

use argus_m365::simulator::SiteSpec;
use serde_json::{Value, json};

use crate::{
    process::used,
    scene::Scene,
    support::{Connector, Store, eventually_within},
    table::Line,
};

const PATIENCE: Duration = Duration::from_mins(30);
/// Zones of one mutation: a request is at most 4 MiB.
const GIVEN: u32 = 5_000;
/// The smallest tenant's resource units a minute (Microsoft, "Avoid getting throttled or blocked in SharePoint Online").
const UNITS: u32 = 1_250;
/// A creation costs two.
const PER_ITEM: u32 = 2;

const SET: &str = "mutation($input: ZoneTargetInput!) { setZoneTarget(input: $input) { listId } }";
const PUBLISH: &str = "mutation($input: PublishZonesInput!) { publishZones(input: $input) { id } }";

/// A list to publish to, and a connector that knows of it.
async fn stage(latency: Duration, units: Option<u32>) -> (Scene, Connector) {
    let scene = Scene::new(Store::Sqlite, 1, latency).await;
    let sharepoint = units.map_or_else(|| json!({}), |units| json!({ "units": units }));
    scene.world.simulator.change(&json!({ "sites": [SiteSpec::demo()], "settings": { "sharepoint": sharepoint } })).await;
    let connector = scene.world.connector(&[]).await;
    connector.register().await;
    let input = json!({
        "site": SiteSpec::DEMO_ID, "list": SiteSpec::DEMO_LIST, "matchColumn": "Zone ID", "retire": "LEAVE",
        "fields": [{ "zoneField": "name", "column": "Title" }, { "zoneField": "attributes.customers", "column": "Customers" }],
    });
    connector.data(SET, json!({ "input": input })).await;
    (scene, connector)
}

fn zones(from: u32, to: u32, name: &str) -> Value {
    let zone = |number| json!({ "zoneId": format!("Z-{number}"), "name": name, "attributes": { "customers": number } });
    (from..=to).map(zone).collect()
}

async fn published(connector: &Connector, input: Value) -> (Duration, Value) {
    let started = Instant::now();
    let mut answer = connector.data(PUBLISH, json!({ "input": input })).await;
    let id = answer["publishZones"]["id"].take();
    let counts = eventually_within(PATIENCE, "the publication ends", async || {
        let operation = connector.data("query($id: ID!) { operation(id: $id) { state counts } }", json!({ "id": id })).await;
        let over = !["QUEUED", "RUNNING"].contains(&operation["operation"]["state"].as_str().unwrap_or_default());
        over.then(|| operation["operation"]["counts"].clone())
    })
    .await;
    (started.elapsed(), counts)
}

/// Calls that left for the list so far, each batch as one and each page of a reading, and items written. Look-ups in batches count
/// twice, so this is never too little.
async fn cost(scene: &Scene) -> (u64, u64) {
    let calls = scene.answers("batch ").await + scene.answers("listItems ").await;
    let state = scene.world.simulator.state().await;
    let list = &state["lists"][0];
    (calls, ["made", "changed", "removed"].iter().filter_map(|what| list[what].as_u64()).sum())
}

/// Three minutes' worth of units and a little more, so that the last minute's is not waited for: what share of the rate is reached.
pub(crate) async fn rate() -> Line {
    let (scene, connector) = stage(Duration::from_millis(100), Some(UNITS)).await;
    let items = 3 * UNITS / PER_ITEM + 5;
    let (took, counts) = published(&connector, json!({ "zones": zones(1, items, "first") })).await;
    let used = used(connector.process_id());
    let refused = scene.answers(" 429").await;
    connector.stop().await;
    scene.world.abandon().await;
    // The first minute's units can be spent at once: the fourth minute's come after three.
    let share = 180.0 / took.as_secs_f64() * 100.0;
    Line {
        what: format!("{items} zones at 100 ms a call, {UNITS} units a minute"),
        target: "95 % of the rate, no 429".into(),
        measured: format!("{share:.1} % in {:.1} s, {refused} 429, {} made", took.as_secs_f64(), counts["created"]),
        reached: Some(share >= 95.0 && refused == 0),
        used: Some((used, items)),
    }
}

/// Ten thousand zones: the first time, unchanged, and with one in a hundred changed.
pub(crate) async fn ten_thousand() -> Vec<Line> {
    const ZONES: u32 = 10_000;
    // A thousand items each.
    const PAGES: u64 = 10;
    let (scene, connector) = stage(Duration::from_millis(5), None).await;
    let mut lines = Vec::new();
    published(&connector, json!({ "zones": zones(1, GIVEN, "first") })).await;
    for (what, input, writes) in [
        ("first publication of the second half", json!({ "zones": zones(GIVEN + 1, ZONES, "first") }), u64::from(ZONES - GIVEN)),
        ("unchanged", json!({}), 0),
        ("1 % changed", json!({ "zones": zones(1, ZONES / 100, "second") }), u64::from(ZONES / 100)),
    ] {
        let before = cost(&scene).await;
        let (took, _) = published(&connector, input).await;
        let after = cost(&scene).await;
        let (calls, written) = (after.0 - before.0, after.1 - before.1);
        lines.push(Line {
            what: format!("{ZONES} zones, {what}"),
            target: format!("{writes} writes, {} calls", writes.div_ceil(20) + PAGES),
            measured: format!("{written} writes, {calls} calls, {:.1} s", took.as_secs_f64()),
            reached: Some(written == writes && calls <= writes.div_ceil(20) + PAGES),
            used: None,
        });
    }
    connector.stop().await;
    scene.world.abandon().await;
    lines
}

/// The most memory that a publication of all zones takes, of few and of a hundred times as many.
pub(crate) async fn memory() -> Line {
    let mut peaks = Vec::new();
    for count in [1_000, 100_000] {
        let (scene, connector) = stage(Duration::ZERO, None).await;
        for begin in (0..count).step_by(GIVEN as usize) {
            published(&connector, json!({ "zones": zones(begin + 1, count.min(begin + GIVEN), "first") })).await;
        }
        connector.stop().await;
        let connector = scene.world.connector(&[]).await;
        published(&connector, json!({})).await;
        peaks.push(used(connector.process_id()).peak_mib);
        connector.stop().await;
        scene.world.abandon().await;
    }
    let [few, many] = [0, 1].map(|which| peaks.get(which).copied().unwrap_or_default());
    Line {
        what: "a publication of 1,000 zones, and of 100,000".into(),
        target: "flat (16 MiB)".into(),
        measured: format!("{few:.0} MiB, {many:.0} MiB"),
        reached: Some(many - few <= 16.0),
        used: None,
    }
}
