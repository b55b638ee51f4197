//! What an operator does, through the real binary against real servers, on every store.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

mod support;

use serde_json::{Value, json};
use support::{Connector, Store, World, eventually};

const NIAMH: &str = "niamh@acme-water.example";

/// A scheduling event for a task; its version tells titles apart in the calendar.
fn scheduled(task: &str, version: u64) -> Value {
    json!({
        "specversion": "1.0", "id": format!("{task}-{version}"), "source": "/tests", "type": "argus.task.scheduled.v1",
        "time": "2026-11-23T09:00:00Z", "data": {
            "taskId": task, "version": version, "title": format!("{task} v{version}"),
            "window": { "start": "2026-11-25T08:00:00", "end": "2026-11-25T08:45:00", "timeZone": "Europe/Dublin" },
            "assignee": { "userPrincipalName": NIAMH },
        },
    })
}

async fn publish(world: &World, event: &Value) {
    world.publish("argus.acme.task.scheduled", event).await;
}

/// The titles that stand in all calendars, sorted.
async fn titles(world: &World) -> Vec<String> {
    let state = world.simulator.state().await;
    let events = state["mailboxes"].as_array().unwrap().iter().flat_map(|mailbox| mailbox["events"].as_array().unwrap());
    let mut titles: Vec<_> = events.map(|event| event["subject"].as_str().unwrap().to_owned()).collect();
    titles.sort();
    titles
}

async fn letters(connector: &Connector) -> Vec<Value> {
    let query = "{ deadLetters { nodes { id code replays } } }";
    connector.data(query, Value::Null).await["deadLetters"]["nodes"].as_array().unwrap().clone()
}

async fn a_letter(connector: &Connector, replays: u64) -> Value {
    eventually("a dead letter", async || letters(connector).await.into_iter().find(|letter| letter["replays"] == replays)).await
}

async fn actions(connector: &Connector, action: &str) -> Vec<Value> {
    let query = "query($action: String!) { auditTrail(action: $action) { nodes { actor target detail } } }";
    let trail = connector.data(query, json!({ "action": action })).await;
    trail["auditTrail"]["nodes"].as_array().unwrap().clone()
}

/// The mailbox refuses every event until the faults are healed.
async fn refuse(world: &World) {
    let answer = json!({ "status": { "status": 403, "code": "ErrorAccessDenied" } });
    world.simulator.fault(json!({ "method": "POST", "path": "/v1.0/users/*/events", "effect": answer })).await;
}

#[tokio::test]
async fn what_was_set_aside_is_delivered_by_a_replay_once_the_mailbox_is_put_right() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        refuse(&world).await;
        publish(&world, &scheduled("task-1", 1)).await;
        let letter = a_letter(&connector, 0).await;
        assert_eq!(connector.task("task-1").await["state"], "DEAD");

        let dry = connector.data("mutation { replayDeadLetters(dryRun: true) { matched replayed } }", Value::Null).await;
        assert_eq!(dry["replayDeadLetters"], json!({ "matched": 1, "replayed": 0 }));
        assert_eq!(connector.task("task-1").await["state"], "DEAD");

        // A replay that does not help is counted; the task is set aside again.
        let query = "mutation { replayDeadLetters(capability: CALENDAR) { matched replayed } }";
        let done = connector.data(query, Value::Null).await;
        assert_eq!(done["replayDeadLetters"], json!({ "matched": 1, "replayed": 1 }));
        let again = eventually("it is set aside again", async || {
            letters(&connector).await.into_iter().find(|now| now["id"] != letter["id"])
        })
        .await;
        assert_eq!(again["replays"], 1);

        world.simulator.heal().await;
        let output = connector.command(&["dead-letters", "replay", "--org", "acme", "--json"]).await;
        assert_eq!(output, json!({ "matched": 1, "replayed": 1, "dryRun": false }));
        connector.settled("task-1", 1).await;
        assert_eq!(titles(&world).await, ["task-1 v1"]);
        assert_eq!(letters(&connector).await, [] as [Value; 0]);
        let actors: Vec<_> =
            actions(&connector, "dead-letter.replayed").await.iter().map(|entry| entry["actor"].clone()).collect();
        assert_eq!(actors.len(), 2);
        assert_eq!(actors[1], "operator");
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_pause_holds_everything_and_resuming_delivers_it() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        let query =
            "mutation { pauseCapability(capability: CALENDAR, reason: \"freeze\") { paused pausedReason pending blocked } }";
        let paused = connector.data(query, Value::Null).await;
        assert_eq!(paused["pauseCapability"], json!({ "paused": true, "pausedReason": "freeze", "pending": 0, "blocked": 0 }));
        publish(&world, &scheduled("task-1", 1)).await;
        publish(&world, &scheduled("task-1", 2)).await;
        publish(&world, &scheduled("task-2", 1)).await;
        eventually("all is taken in", async || {
            let backlog = connector.data("{ backlog { paused blocked pending } }", Value::Null).await;
            (backlog["backlog"][0] == json!({ "paused": true, "blocked": 2, "pending": 0 }) && world.untaken().await == 0)
                .then_some(())
        })
        .await;
        assert_eq!(connector.task("task-1").await["state"], "BLOCKED");
        assert_eq!(titles(&world).await, [""; 0]);
        let query = "mutation { resumeCapability(capability: CALENDAR) { paused pausedReason } }";
        let resumed = connector.data(query, Value::Null).await;
        assert_eq!(resumed["resumeCapability"], json!({ "paused": false, "pausedReason": null }));
        connector.settled("task-1", 2).await;
        connector.settled("task-2", 1).await;
        assert_eq!(titles(&world).await, ["task-1 v2", "task-2 v1"]);
        assert_eq!(actions(&connector, "capability.paused").await[0]["detail"], json!({ "reason": "freeze" }));
        assert_eq!(actions(&connector, "capability.resumed").await.len(), 1);
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_store_that_knows_nothing_any_more_adopts_what_stands_when_the_stream_is_read_again() {
    for store in Store::available() {
        let mut world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        for task in ["task-1", "task-2"] {
            publish(&world, &scheduled(task, 1)).await;
            publish(&world, &scheduled(task, 2)).await;
            connector.settled(task, 2).await;
        }
        connector.stop().await;
        // The worst backup there is: an empty one. The durable consumer has acknowledged everything.
        world.store = store.fresh(&world.folder.path().join("restored")).await;
        let connector = world.connector(&[]).await;
        let replay = ["events", "replay", "--from", "2020-01-01T00:00:00Z", "--json"];
        let counts = connector.command(&replay).await;
        assert_eq!((&counts["read"], &counts["rejected"]), (&json!(4), &json!(0)), "{counts}");
        connector.register().await;
        for task in ["task-1", "task-2"] {
            connector.settled(task, 2).await;
        }
        assert_eq!(titles(&world).await, ["task-1 v2", "task-2 v2"]);
        // Once more, beside the running service: everything is known.
        let counts = connector.command(&replay).await;
        assert_eq!((&counts["read"], &counts["applied"], &counts["known"]), (&json!(4), &json!(0), &json!(4)), "{counts}");
        connector.nothing_left().await;
        assert_eq!(titles(&world).await, ["task-1 v2", "task-2 v2"]);
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_task_over_which_three_workers_died_is_set_aside_before_it_meets_a_fourth() {
    for store in Store::available() {
        let world = World::start(store).await;
        let changes = [("delivery.lease", "4s"), ("delivery.call_timeout", "2s")];
        let mut connector = world.connector(&changes).await;
        connector.register().await;
        // Every call about the task hangs, and its worker dies of it.
        world.simulator.fault(json!({ "path": "/v1.0/users/*/events", "when": "before", "delayMs": 60_000 })).await;
        publish(&world, &scheduled("task-1", 1)).await;
        for attempt in 1..=3 {
            eventually("it is worked on", async || (connector.task("task-1").await["attempts"] == attempt).then_some(())).await;
            connector.kill();
            connector = world.connector(&changes).await;
        }
        let letter = a_letter(&connector, 0).await;
        assert_eq!(letter["code"], "WORKER_CRASHED");
        world.simulator.heal().await;
        connector.data("mutation { replayDeadLetters { replayed } }", Value::Null).await;
        connector.settled("task-1", 1).await;
        assert_eq!(titles(&world).await, ["task-1 v1"]);
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_row_of_a_newer_release_is_set_aside_unread_and_delivered_by_a_replay_after_the_upgrade() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        publish(&world, &scheduled("task-1", 1)).await;
        eventually("it is taken in", async || (connector.task("task-1").await["state"] == "BLOCKED").then_some(())).await;
        store.change(&world.store, "UPDATE wanted SET body_format = 2").await;
        connector.register().await;
        assert_eq!(a_letter(&connector, 0).await["code"], "UNREADABLE");
        assert_eq!(titles(&world).await, [""; 0]);
        // The release that knows the form.
        store.change(&world.store, "UPDATE wanted SET body_format = 1").await;
        connector.data("mutation { replayDeadLetters { replayed } }", Value::Null).await;
        connector.settled("task-1", 1).await;
        assert_eq!(titles(&world).await, ["task-1 v1"]);
        world.finish(connector).await;
    }
}
