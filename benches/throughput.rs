//! `make bench`: how many events a second the connector takes in, and how many it delivers, on this machine.
//!
//! The real binary, a broker with `sync_interval: always`, SQLite with `synchronous=FULL`, and the simulator answering at once:
//! what is measured is the connector and its store, not Microsoft. Everything shares this machine's cores.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use serde_json::{Value, json};
use support::{Connector, Store, World, eventually_within};

/// Tasks scheduled in one run.
const EVENTS: u32 = 2_000;
const PATIENCE: Duration = Duration::from_mins(5);

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("| store | events | taken in, events/s | delivered, events/s |\n| --- | --- | --- | --- |");
    for store in Store::available() {
        let (taken, delivered) = runtime.block_on(measure(store));
        println!("| {store:?} | {EVENTS} | {:.0} | {:.0} |", rate(taken), rate(delivered));
    }
    Ok(())
}

/// From the connector's start, with every event waiting in the stream, until all are taken, and until all are delivered.
async fn measure(store: Store) -> (Duration, Duration) {
    let world = World::start(store).await;
    let connector = world.connector(&[]).await;
    connector.register().await;
    connector.stop().await;
    publish_all(&world).await;
    let connector = world.connector(&[]).await;
    let started = Instant::now();
    eventually_within(PATIENCE, "all events are taken", async || (world.untaken().await == 0).then_some(())).await;
    let taken = started.elapsed();
    eventually_within(PATIENCE, "all visits stand", async || (settled(&connector).await == u64::from(EVENTS)).then_some(()))
        .await;
    let delivered = started.elapsed();
    world.finish(connector).await;
    (taken, delivered)
}

async fn publish_all(world: &World) {
    let stream = world.jetstream().await;
    let mut answers = Vec::new();
    for number in 0..EVENTS {
        let event = task(number);
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", event["id"].as_str().unwrap_or_default());
        answers.push(stream.publish_with_headers("argus.acme.task.scheduled", headers, event.to_string().into()).await);
    }
    for answer in answers {
        match answer {
            Ok(sent) => assert!(sent.await.is_ok(), "an event was not stored"),
            Err(error) => assert!(error.to_string().is_empty(), "an event was not sent: {error}"),
        }
    }
}

async fn settled(connector: &Connector) -> u64 {
    let answer = connector.data("{ tasks(state: SETTLED, first: 1) { totalCount } }", Value::Null).await;
    answer["tasks"]["totalCount"].as_u64().unwrap_or_default()
}

fn task(number: u32) -> Value {
    let worker = if number.is_multiple_of(2) { "niamh@acme-water.example" } else { "oisin@acme-water.example" };
    let (hour, minute) = (number / 60 % 20, number % 60);
    let clock = |hour: u32| format!("2026-12-01T{hour:02}:{minute:02}:00");
    json!({
        "specversion": "1.0", "id": format!("bench-{number}"), "source": "/bench", "type": "argus.task.scheduled.v1",
        "time": "2026-11-23T09:00:00Z",
        "data": {
            "taskId": format!("bench-{number}"), "version": 1, "title": format!("Visit {number}"),
            "window": { "start": clock(hour), "end": clock(hour + 1), "timeZone": "Europe/Dublin" },
            "assignee": { "userPrincipalName": worker },
        },
    })
}

fn rate(took: Duration) -> f64 {
    f64::from(EVENTS) / took.as_secs_f64()
}
