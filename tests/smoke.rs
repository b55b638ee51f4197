//! The main job once, through the real binary, on every store: a task becomes, moves and leaves an Outlook event.

mod support;

use serde_json::{Value, json};
use support::{Store, World};

const SCHEDULED: &str = include_str!("../examples/events/task.scheduled.json");
const RESCHEDULED: &str = include_str!("../examples/events/task.rescheduled.json");
const CLOSED: &str = include_str!("../examples/events/task.closed.json");

#[tokio::test]
async fn a_task_becomes_moves_and_leaves_an_outlook_event() {
    let event = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;

        world.publish("argus.acme.task.scheduled", &event(SCHEDULED)).await;
        let row = connector.settled("7f0c2b1e", 7).await;
        assert_eq!(row["mailbox"], json!("niamh@acme-water.example"));

        world.publish("argus.acme.task.rescheduled", &event(RESCHEDULED)).await;
        let row = connector.settled("7f0c2b1e", 8).await;
        assert_eq!(row["mailbox"], json!("oisin@acme-water.example"));

        world.publish("argus.acme.task.closed", &event(CLOSED)).await;
        connector.settled("7f0c2b1e", 9).await;
        world.finish(connector).await;
    }
}
