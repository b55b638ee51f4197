//! Waits that Microsoft asked for bind everybody: the process that was told, its successor, and every replica.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

mod support;

use argus_m365::clock::{Clock as _, SystemClock};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use support::{Connector, Store, World, eventually};

const NIAMH: &str = "niamh@acme-water.example";
const OISIN: &str = "oisin@acme-water.example";
/// The wait that is played: minutes, as Microsoft's are.
const WAIT: TimeDelta = TimeDelta::minutes(5);

fn scheduled(task: &str, version: u64, worker: &str) -> Value {
    json!({
        "specversion": "1.0", "id": format!("{task}-{version}"), "source": "/tests", "type": "argus.task.scheduled.v1",
        "time": "2026-11-23T09:00:00Z",
        "data": {
            "taskId": task, "version": version, "title": format!("{task} v{version}"),
            "window": { "start": "2026-11-25T08:00:00", "end": "2026-11-25T08:45:00", "timeZone": "Europe/Dublin" },
            "assignee": { "userPrincipalName": worker },
        },
    })
}

async fn publish(world: &World, event: &Value) {
    world.publish("argus.acme.task.scheduled", event).await;
}

/// Subjects of the live events in a mailbox.
async fn visits(world: &World, mailbox: &str) -> Vec<String> {
    let state = world.simulator.state().await;
    let mailboxes = state["mailboxes"].as_array().into_iter().flatten();
    let here = mailboxes.filter(|found| found["userPrincipalName"] == mailbox);
    let events = here.flat_map(|mailbox| mailbox["events"].as_array().into_iter().flatten());
    events.map(|event| event["subject"].as_str().unwrap().to_owned()).collect()
}

/// Requests to a mailbox so far.
async fn calls(world: &World, mailbox: &str) -> usize {
    let name = mailbox.replace('@', "%40");
    let requests = world.simulator.requests().await;
    let here = |request: &&Value| request["path"].as_str().is_some_and(|path| path.contains(&name) || path.contains(mailbox));
    requests.as_array().into_iter().flatten().filter(here).count()
}

/// Has a task stand in Niamh's calendar, and then Microsoft tell one connector to leave her mailbox alone for minutes.
async fn niamhs_mailbox_is_held(world: &World, told: &Connector) {
    publish(world, &scheduled("moved", 1, NIAMH)).await;
    told.settled("moved", 1).await;
    let effect = json!({ "status": { "status": 429, "retryAfter": { "seconds": WAIT.num_seconds() } } });
    world.simulator.fault(json!({ "path": format!("/v1.0/users/{NIAMH}/"), "times": 1, "effect": effect })).await;
    publish(world, &scheduled("refused", 1, NIAMH)).await;
    eventually("the refusal is known", async || told.task("refused").await["lastError"]["code"].is_string().then_some(())).await;
}

/// Moves the task away from Niamh: it must stand in Oisín's calendar at once, and Niamh's must not be touched, not even to look.
async fn a_move_away_leaves_her_alone(world: &World, others: &Connector) {
    let before = calls(world, NIAMH).await;
    publish(world, &scheduled("moved", 2, OISIN)).await;
    eventually("it stands in the new mailbox", async || (visits(world, OISIN).await == ["moved v2"]).then_some(())).await;
    let row = eventually("it waits for the old one", async || {
        let query = "{ task(taskId: \"moved\") { state nextAttemptAt } }";
        let row = others.data(query, Value::Null).await["task"].take();
        row["nextAttemptAt"].is_string().then_some(row)
    })
    .await;
    let next: DateTime<Utc> = row["nextAttemptAt"].as_str().unwrap().parse().unwrap();
    assert!(next > SystemClock.now() + WAIT / 2, "the wait is kept in full: {row}");
    assert_eq!(visits(world, NIAMH).await, ["moved v1"]);
    assert_eq!(calls(world, NIAMH).await, before, "nothing was sent before its time");
    assert_eq!(world.simulator.violations().await, json!([]));
}

/// The wait is over: as far as the store goes, so much time has passed. What a process remembers ends with it.
async fn time_passes(world: &World, store: Store) {
    let micros = WAIT.num_microseconds().unwrap();
    let text = format!(
        "UPDATE hold SET until = until - {micros}; \
         UPDATE wanted SET due_at = due_at - {micros}, not_before = not_before - {micros} WHERE due_at IS NOT NULL"
    );
    store.change(&world.store, &text).await;
}

/// Whether this process was told to wait.
async fn was_told(connector: &Connector) -> bool {
    connector.metrics().await.contains("argus_m365_graph_throttled_total{workload=\"outlook\"} 1")
}

#[tokio::test]
async fn a_wait_of_minutes_binds_whoever_comes_after_a_killed_process() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        niamhs_mailbox_is_held(&world, &connector).await;
        connector.kill();
        let connector = world.connector(&[]).await;
        a_move_away_leaves_her_alone(&world, &connector).await;
        connector.stop().await;
        time_passes(&world, store).await;
        let connector = world.connector(&[]).await;
        connector.settled("moved", 2).await;
        connector.settled("refused", 1).await;
        assert_eq!(visits(&world, NIAMH).await, ["refused v1"]);
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_wait_that_one_replica_was_told_binds_the_others() {
    if !Store::available().contains(&Store::Postgres) {
        return;
    }
    let world = World::start(Store::Postgres).await;
    let one = world.connector(&[]).await;
    one.register().await;
    let two = world.connector(&[]).await;
    niamhs_mailbox_is_held(&world, &one).await;
    let (told, other) = if was_told(&one).await { (one, two) } else { (two, one) };
    assert!(was_told(&told).await && !was_told(&other).await);
    // From here on it takes nothing any more, so that it is the other that moves the visit.
    told.kill();
    a_move_away_leaves_her_alone(&world, &other).await;
    other.kill();
    world.abandon().await;
}
