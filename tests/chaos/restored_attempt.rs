//! One story of a restored database: it knows an attempt of which the lost one knew that nothing had come of it.

use serde_json::{Value, json};

use crate::{
    replica::{Replica, SETTINGS},
    restore::Backup,
    support::{Connector, Store, World, eventually},
    verdict::two_visits,
};

const NIAMH: &str = "niamh@acme-water.example";

async fn publish(world: &World, version: u64) {
    let event = json!({
        "specversion": "1.0", "id": format!("t-{version}"), "source": "/tests", "type": "argus.task.scheduled.v1",
        "time": "2026-11-23T09:00:00Z",
        "data": {
            "taskId": "t", "version": version, "title": format!("v{version}"),
            "window": { "start": "2026-11-25T08:00:00", "end": "2026-11-25T08:45:00", "timeZone": "Europe/Dublin" },
            "assignee": { "userPrincipalName": NIAMH },
        },
    });
    world.publish("argus.acme.task.scheduled", &event).await;
}

/// A connector that kills itself once the first attempt is committed, before its call leaves.
async fn an_attempt_is_committed(world: &World) {
    let connector = world.connector(SETTINGS).await;
    connector.register().await;
    connector.stop().await;
    let doomed = Replica::spawn(world, &[("ARGUS_CRASH_AT", "call.before:1")]);
    publish(world, 1).await;
    assert!(doomed.dies("call.before").await, "its port was taken");
}

/// The visit's id in Outlook.
async fn stands(connector: &Connector, version: u64) -> Value {
    connector.settled("t", version).await["eventId"].take()
}

#[tokio::test]
async fn what_a_probe_of_an_older_attempt_makes_never_becomes_the_visit() {
    for store in Store::available() {
        let world = World::start(store).await;
        an_attempt_is_committed(&world).await;
        let backup = Backup::take(&world, store).await;

        // The attempt is used up: it is made, a person removes it, and the next change makes another in the next generation.
        let connector = world.connector(SETTINGS).await;
        let first = stands(&connector, 1).await;
        world.simulator.by_hand(NIAMH, first.as_str().unwrap(), &json!("delete")).await;
        publish(&world, 2).await;
        let second = stands(&connector, 2).await;
        assert_ne!(first, second);
        connector.stop().await;

        backup.restore(&world).await;
        Replica::command(&world, &["events", "replay", "--from", "2026-01-01T00:00:00Z"]).await;
        let connector = world.connector(SETTINGS).await;
        assert_eq!(stands(&connector, 2).await, second, "the visit that stood is the one that stays");
        let state = world.simulator.state().await;
        assert_eq!(two_visits(&state), Vec::<&Value>::new(), "a worker never saw two");
        eventually("what the probe made is gone", async || {
            let state = world.simulator.state().await;
            let mailboxes = state["mailboxes"].as_array().into_iter().flatten();
            let live = mailboxes.map(|mailbox| mailbox["events"].as_array().map_or(0, Vec::len)).sum::<usize>();
            (live == 1).then_some(())
        })
        .await;
        world.finish(connector).await;
    }
}
