//! What must be right in a worker's calendar, through the real binary against real servers, on every store.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

mod support;

use serde_json::{Value, json};
use support::{Connector, Store, World, eventually};

const NIAMH: &str = "niamh@acme-water.example";
const OISIN: &str = "oisin@acme-water.example";
const REFERENCE: &str = "acme/task-1";

/// Runs a story on every store, each in a world of its own with a registered connection.
async fn on_every_store(story: impl AsyncFn(&World, &Connector)) {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        story(&world, &connector).await;
        world.finish(connector).await;
    }
}

/// A scheduling event for `task-1`; its wall clock's hour tells versions apart in the calendar.
fn scheduled(version: u64, worker: &str, hour: u8) -> Value {
    envelope(
        "scheduled",
        version,
        json!({
            "title": format!("Valve inspection v{version}"),
            "window": {
                "start": format!("2026-11-25T{hour:02}:00:00"), "end": format!("2026-11-25T{hour:02}:45:00"), "timeZone": "Europe/Dublin",
            },
            "assignee": { "userPrincipalName": worker },
        }),
    )
}

fn closed(version: u64) -> Value {
    envelope("closed", version, json!({}))
}

fn envelope(verb: &str, version: u64, data: Value) -> Value {
    let mut data = data;
    data["taskId"] = json!("task-1");
    data["version"] = json!(version);
    json!({
        "specversion": "1.0", "id": format!("{verb}-{version}"), "source": "/tests", "type": format!("argus.task.{verb}.v1"),
        "time": "2026-11-23T09:00:00Z", "data": data,
    })
}

async fn publish(world: &World, event: &Value) {
    let verb = event["type"].as_str().and_then(|name| name.split('.').nth(2)).unwrap();
    world.publish(&format!("argus.acme.task.{verb}"), event).await;
}

/// The live events with our reference: (mailbox, subject, start).
async fn visits(world: &World) -> Vec<(String, String, String)> {
    let state = world.simulator.state().await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut visits = Vec::new();
    for mailbox in state["mailboxes"].as_array().unwrap() {
        assert_eq!(mailbox["copies"], json!([]), "two live events of one task stood in one mailbox at some time");
        for event in mailbox["events"].as_array().unwrap() {
            let ours = event["extended"].as_array().unwrap().iter().any(|pair| pair[1] == REFERENCE);
            if ours {
                visits.push((text(&mailbox["userPrincipalName"]), text(&event["subject"]), text(&event["start"])));
            }
        }
    }
    visits
}

fn visit(mailbox: &str, version: u64, hour: u8) -> Vec<(String, String, String)> {
    // Dublin is on UTC in November.
    vec![(mailbox.to_owned(), format!("Valve inspection v{version}"), format!("2026-11-25T{hour:02}:00:00Z"))]
}

/// Calls to Graph by method and status, in order, for one mailbox's events.
async fn calls(world: &World, method: &str) -> usize {
    let requests = world.simulator.requests().await;
    let ours =
        |request: &&Value| request["method"] == method && request["path"].as_str().is_some_and(|path| path.contains("/events"));
    requests.as_array().into_iter().flatten().filter(ours).count()
}

#[tokio::test]
async fn the_newest_version_stands_whatever_the_order_and_however_often_it_comes() {
    on_every_store(async |world, connector| {
        publish(world, &scheduled(3, NIAMH, 11)).await;
        publish(world, &scheduled(1, OISIN, 8)).await;
        connector.settled("task-1", 3).await;
        let mut again = scheduled(3, NIAMH, 11);
        again["id"] = json!("sent again under another id");
        publish(world, &again).await;
        publish(world, &scheduled(2, OISIN, 9)).await;
        eventually("all is taken", async || (world.untaken().await == 0).then_some(())).await;
        connector.nothing_left().await;
        assert_eq!(visits(world).await, visit(NIAMH, 3, 11));
        assert_eq!(calls(world, "POST").await, 1, "one creation, and nothing else was sent");
        assert_eq!(calls(world, "PATCH").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_reassigned_visit_moves_and_a_closed_one_leaves() {
    on_every_store(async |world, connector| {
        publish(world, &scheduled(1, NIAMH, 8)).await;
        connector.settled("task-1", 1).await;
        publish(world, &scheduled(2, OISIN, 9)).await;
        connector.settled("task-1", 2).await;
        assert_eq!(visits(world).await, visit(OISIN, 2, 9));
        publish(world, &closed(3)).await;
        connector.settled("task-1", 3).await;
        assert_eq!(visits(world).await, []);
        publish(world, &scheduled(4, OISIN, 10)).await;
        connector.settled("task-1", 4).await;
        assert_eq!(visits(world).await, visit(OISIN, 4, 10), "a task that is opened again comes back");
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_event() {
    on_every_store(async |world, connector| {
        world
            .simulator
            .fault(json!({ "method": "POST", "path": "/v1.0/users/*/events", "times": 2, "when": "after", "effect": "reset" }))
            .await;
        publish(world, &scheduled(1, NIAMH, 8)).await;
        connector.settled("task-1", 1).await;
        assert_eq!(visits(world).await, visit(NIAMH, 1, 8));
        let row = connector.task("task-1").await;
        assert!(row["eventId"].is_string(), "{row}");
    })
    .await;
}

#[tokio::test]
async fn a_visit_that_the_worker_deleted_is_made_again_with_the_next_version() {
    on_every_store(async |world, connector| {
        publish(world, &scheduled(1, NIAMH, 8)).await;
        let row = connector.settled("task-1", 1).await;
        world.simulator.by_hand(NIAMH, row["eventId"].as_str().unwrap(), &json!("delete")).await;
        publish(world, &scheduled(2, NIAMH, 9)).await;
        connector.settled("task-1", 2).await;
        assert_eq!(visits(world).await, visit(NIAMH, 2, 9));
    })
    .await;
}

#[tokio::test]
async fn the_new_worker_gets_the_visit_while_the_old_mailbox_is_down() {
    on_every_store(async |world, connector| {
        publish(world, &scheduled(1, NIAMH, 8)).await;
        connector.settled("task-1", 1).await;
        world
            .simulator
            .fault(json!({ "path": format!("/v1.0/users/{NIAMH}/"), "effect": { "status": { "status": 503 } } }))
            .await;
        publish(world, &scheduled(2, OISIN, 9)).await;
        eventually("the new mailbox has it", async || {
            visits(world).await.iter().any(|(mailbox, ..)| mailbox == OISIN).then_some(())
        })
        .await;
        world.simulator.heal().await;
        connector.settled("task-1", 2).await;
        assert_eq!(visits(world).await, visit(OISIN, 2, 9));
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_that_is_not_there_is_set_aside_and_holds_up_nobody() {
    on_every_store(async |world, connector| {
        publish(world, &scheduled(1, "nobody@acme-water.example", 8)).await;
        let query = "{ deadLetters { nodes { code capability key attempts graphRequestId } } }";
        let letter = eventually("a dead letter", async || {
            let letters = connector.data(query, Value::Null).await;
            letters["deadLetters"]["nodes"].get(0).cloned()
        })
        .await;
        assert_eq!(
            (&letter["code"], &letter["capability"], &letter["key"]),
            (&json!("MAILBOX_NOT_FOUND"), &json!("CALENDAR"), &json!("task-1"))
        );
        assert_eq!(connector.task("task-1").await["state"], "DEAD");
        // A newer version for a real mailbox puts it right.
        publish(world, &scheduled(2, NIAMH, 9)).await;
        connector.settled("task-1", 2).await;
        assert_eq!(visits(world).await, visit(NIAMH, 2, 9));
        assert_eq!(connector.data(query, Value::Null).await["deadLetters"]["nodes"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn events_that_come_before_the_connection_wait_for_it() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        publish(&world, &scheduled(1, NIAMH, 8)).await;
        eventually("the task waits for a connection", async || {
            (connector.task("task-1").await["state"] == "BLOCKED").then_some(())
        })
        .await;
        connector.register().await;
        connector.settled("task-1", 1).await;
        assert_eq!(visits(&world).await, visit(NIAMH, 1, 8));
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_killed_worker_leaves_nothing_undone_and_nothing_twice() {
    for store in Store::available() {
        let world = World::start(store).await;
        let changes = [("delivery.lease", "2s"), ("delivery.call_timeout", "1s")];
        let connector = world.connector(&changes).await;
        connector.register().await;
        // The answer to the creation never comes: the worker dies while it waits for it.
        world
            .simulator
            .fault(json!({ "method": "POST", "path": "/v1.0/users/*/events", "times": 1, "when": "after", "delayMs": 60_000 }))
            .await;
        publish(&world, &scheduled(1, NIAMH, 8)).await;
        eventually("the event stands", async || (!visits(&world).await.is_empty()).then_some(())).await;
        connector.kill();
        let connector = world.connector(&changes).await;
        publish(&world, &scheduled(2, NIAMH, 9)).await;
        connector.settled("task-1", 2).await;
        assert_eq!(visits(&world).await, visit(NIAMH, 2, 9));
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_bad_event_is_set_aside_with_the_field_that_is_wrong_and_its_neighbours_go_on() {
    on_every_store(async |world, connector| {
        let mut bad = scheduled(1, NIAMH, 8);
        bad["data"]["window"]["timeZone"] = json!("Mars/Olympus");
        bad["data"]["taskId"] = json!("task-0");
        bad["id"] = json!("bad-1");
        publish(world, &bad).await;
        publish(world, &scheduled(1, NIAMH, 8)).await;
        connector.settled("task-1", 1).await;
        let letters = connector.data("{ deadLetters { nodes { code pointer key } } }", Value::Null).await;
        let expected = json!([{ "code": "INVALID_DATA", "pointer": "/data/window/timeZone", "key": "task-0" }]);
        assert_eq!(letters["deadLetters"]["nodes"], expected);
    })
    .await;
}

#[tokio::test]
async fn others_hear_of_every_step() {
    on_every_store(async |world, connector| {
        publish(world, &scheduled(1, NIAMH, 8)).await;
        connector.settled("task-1", 1).await;
        publish(world, &scheduled(2, OISIN, 9)).await;
        connector.settled("task-1", 2).await;
        publish(world, &closed(3)).await;
        connector.settled("task-1", 3).await;
        let told = eventually("three events", async || {
            let told = world.published("argus.acme.m365.calendar.synced").await;
            (told.len() >= 3).then_some(told)
        })
        .await;
        let actions: Vec<_> =
            told.iter().map(|event| (event["data"]["action"].clone(), event["data"]["version"].clone())).collect();
        assert_eq!(actions.first(), Some(&(json!("created"), json!(1))));
        assert!(actions.contains(&(json!("moved"), json!(2))), "{actions:?}");
        assert_eq!(actions.last(), Some(&(json!("removed"), json!(3))));
        assert!(told.iter().all(|event| event["source"] == "/argus/m365" && event["subject"] == "task/task-1"));
        assert_eq!(told[0]["causationid"], "scheduled-1");
    })
    .await;
}
