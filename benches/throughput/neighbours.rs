//! What one organisation's trouble costs another.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::{
    process::used,
    runs::{PATIENCE, all_settled, per_second, untaken},
    scene::{Scene, task},
    support::{Quiet, Store, eventually_within},
    table::Line,
};

/// Items of the organisation in trouble, and its mailboxes.
const ITEMS: u32 = 10_000;
const MAILBOXES: u32 = 500;
/// The quiet organisation's tasks, one every so often, over so many mailboxes.
const QUIET: u32 = 200;
const EVERY: Duration = Duration::from_millis(40);
const ITS_MAILBOXES: u32 = 20;
/// Tasks delivered beside a blocked organisation.
const TASKS: u32 = 5_000;

/// How long a quiet organisation's event takes from its publication to the word that it stands, alone and while nearly every call for
/// ten thousand items of another is refused with a wait.
pub(crate) async fn quiet_beside_throttled(latency: Duration) -> Line {
    let scene = Scene::new(Store::Sqlite, MAILBOXES, latency).await;
    let connector = scene.world.connector(&[]).await;
    connector.register().await;
    Quiet::register(&scene.world, &connector, ITS_MAILBOXES).await;
    let alone = slowest_but_one_in_a_hundred(&scene, "alone").await;
    let refusal = json!({ "status": { "status": 429, "retryAfter": { "seconds": 2 } } });
    let fault = json!({ "path": "/v1.0/users/worker-*@acme-water.example/events", "probability": 0.9, "effect": refusal });
    scene.world.simulator.fault(fault).await;
    scene.publish(ITEMS, MAILBOXES).await;
    eventually_within(PATIENCE, "all events are taken", async || (untaken(&scene).await == 0).then_some(())).await;
    let beside = slowest_but_one_in_a_hundred(&scene, "beside").await;
    let refused = scene.answers(" 429").await;
    let left = u64::from(ITEMS).saturating_sub(scene.answers("createEvent 201").await);
    connector.stop().await;
    scene.world.abandon().await;
    let (limit, reached) = (alone.as_secs_f64() * 2.0, beside <= alone * 2 && beside <= Duration::from_secs(5));
    Line {
        what: format!("p99 of a quiet organisation beside {ITEMS} throttled items"),
        target: format!("{limit:.2} s (twice alone)"),
        measured: format!(
            "{:.2} s alone, {:.2} s beside ({refused} of 429, {left} items left)",
            alone.as_secs_f64(),
            beside.as_secs_f64()
        ),
        reached: Some(reached),
        used: None,
    }
}

/// The 99th percentile over the quiet organisation's tasks.
#[expect(clippy::expect_used, reason = "a bench that cannot set the scene ends")]
async fn slowest_but_one_in_a_hundred(scene: &Scene, round: &str) -> Duration {
    let client = async_nats::connect(&scene.world.nats).await.expect("the broker");
    let told = client.subscribe("argus.quiet.m365.calendar.synced").await.expect("a subscription");
    client.flush().await.expect("the broker");
    let stream = async_nats::jetstream::new(client.clone());
    let mut every = tokio::time::interval(EVERY);
    let publishing = async {
        let mut sent = HashMap::new();
        for number in 0..QUIET {
            every.tick().await;
            let event = task(&format!("{round}-{number}"), number, &Quiet::mailbox(number % ITS_MAILBOXES));
            sent.insert(event["data"]["taskId"].as_str().unwrap_or_default().to_owned(), Instant::now());
            let stored = stream.publish("argus.quiet.task.scheduled", event.to_string().into()).await.expect("publishing");
            stored.await.expect("the stream's answer");
        }
        sent
    };
    let hearing = async {
        let heard = told.take(QUIET as usize).map(|message| {
            let event: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
            (event["data"]["taskId"].as_str().unwrap_or_default().to_owned(), Instant::now())
        });
        tokio::time::timeout(PATIENCE, heard.collect::<HashMap<_, _>>()).await.expect("every task is told of")
    };
    let (sent, heard) = tokio::join!(publishing, hearing);
    let mut took: Vec<Duration> =
        sent.iter().filter_map(|(task, at)| Some(heard.get(task)?.saturating_duration_since(*at))).collect();
    assert_eq!(took.len(), QUIET as usize, "a task was not told of");
    took.sort();
    took.get(took.len() * 99 / 100).copied().unwrap_or_default()
}

/// The usual delivery, alone and beside ten thousand items of an organisation without a usable connection.
pub(crate) async fn others_beside_blocked() -> Line {
    let (alone, its_cpu) = delivery(0).await;
    let (beside, cpu) = delivery(ITEMS).await;
    Line {
        what: format!("{TASKS} tasks, 0 ms, beside {ITEMS} blocked items"),
        target: "CPU as alone (1.1 times)".into(),
        measured: format!("{alone:.0}/s and {its_cpu:.3} CPU s per 1,000 alone, {beside:.0}/s and {cpu:.3} beside"),
        reached: Some(cpu <= its_cpu * 1.1),
        used: None,
    }
}

/// Rate and CPU seconds per 1,000 of the worker.
async fn delivery(blocked: u32) -> (f64, f64) {
    let scene = Scene::new(Store::Sqlite, MAILBOXES, Duration::ZERO).await;
    scene.prepare(true).await;
    if blocked > 0 {
        scene.publish_for("blocked", blocked, MAILBOXES).await;
        let connector = scene.world.connector(&[]).await;
        eventually_within(PATIENCE, "all events are taken", async || (untaken(&scene).await == 0).then_some(())).await;
        connector.stop().await;
    }
    scene.publish(TASKS, MAILBOXES).await;
    let started = Instant::now();
    let connector = scene.world.connector(&[]).await;
    let took = all_settled(&scene, &connector, TASKS, started).await;
    let cpu = used(connector.process_id()).cpu.as_secs_f64() * 1_000.0 / f64::from(TASKS);
    connector.stop().await;
    scene.world.abandon().await;
    (per_second(u64::from(TASKS), took), cpu)
}
