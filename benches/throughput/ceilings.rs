//! The same HTTP client against the same server, and the same broker, without the connector between them.

use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{PullConsumer, pull};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::{
    process::{Used, used},
    scene::{Scene, mailbox, tenant},
    support::Store,
    table::Line,
};

const POSTS: u32 = 20_000;
const MAILBOXES: u32 = 500;
const POSTS_AT_ONCE: usize = 64;
const MESSAGES: u32 = 20_000;
const BATCH: usize = 500;

/// Creations of events, as the connector sends them, each once and without anything around them.
#[expect(clippy::disallowed_methods, reason = "a bench's own client, which talks to loopback alone")]
pub(crate) async fn posts() -> Line {
    let scene = Scene::new(Store::Sqlite, MAILBOXES, Duration::ZERO).await;
    let http = reqwest::Client::new();
    let root = scene.world.simulator.url.clone();
    let token = token(&http, &root).await;
    let before = used(std::process::id()).cpu;
    let started = Instant::now();
    let refused = stream::iter(0..POSTS)
        .map(|number| {
            let request = http.post(format!("{root}/v1.0/users/{}/events", mailbox(number % MAILBOXES)));
            let request = request.bearer_auth(&token).header("Prefer", "IdType=\"ImmutableId\"").json(&event(number));
            async move {
                match request.send().await {
                    Ok(answer) if answer.status() == 201 => answer.bytes().await.is_err(),
                    _ => true,
                }
            }
        })
        .buffer_unordered(POSTS_AT_ONCE)
        .filter(|refused| std::future::ready(*refused))
        .count()
        .await;
    let took = started.elapsed();
    assert_eq!(refused, 0, "the simulator refused plain creations");
    let cpu = used(std::process::id()).cpu.saturating_sub(before);
    scene.world.abandon().await;
    line(format!("ceiling: plain POSTs, {POSTS_AT_ONCE} at once"), POSTS, took, cpu)
}

/// Pulls and acknowledges, in batches as large as the connector's.
pub(crate) async fn consume_and_ack() -> Line {
    let scene = Scene::new(Store::Sqlite, 1, Duration::ZERO).await;
    scene.prepare(false).await;
    scene.publish(MESSAGES, 1).await;
    let consumer = consumer(&scene).await;
    let before = used(std::process::id()).cpu;
    let started = Instant::now();
    let mut taken = 0;
    while taken < MESSAGES {
        let Ok(mut batch) = consumer.fetch().max_messages(BATCH).messages().await else { break };
        while let Some(Ok(message)) = batch.next().await {
            assert!(message.ack().await.is_ok(), "an acknowledgement was not sent");
            taken += 1;
        }
    }
    let took = started.elapsed();
    let cpu = used(std::process::id()).cpu.saturating_sub(before);
    scene.world.abandon().await;
    line("ceiling: consume and ack, nothing else".to_owned(), taken, took, cpu)
}

#[expect(clippy::expect_used, reason = "a bench that cannot set the scene ends")]
async fn consumer(scene: &Scene) -> PullConsumer {
    let stream = scene.world.jetstream().await.get_stream("ARGUS").await.expect("the stream");
    let wish = pull::Config { durable_name: Some("ceiling".into()), max_ack_pending: 20_000, ..pull::Config::default() };
    stream.create_consumer(wish).await.expect("a consumer")
}

async fn token(http: &reqwest::Client, root: &str) -> String {
    let tenant = tenant();
    let app = &tenant["apps"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let form = [
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", text(&app["id"])),
        ("client_secret", text(&app["secrets"][0]["value"])),
        ("scope", "https://graph.microsoft.com/.default".to_owned()),
    ];
    let url = format!("{root}/{}/oauth2/v2.0/token", text(&tenant["id"]));
    let answer = match http.post(url).form(&form).send().await {
        Ok(answer) => answer.json::<Value>().await.unwrap_or_default(),
        Err(_) => Value::Null,
    };
    text(&answer["access_token"])
}

fn event(number: u32) -> Value {
    let at = |hour: u32| json!({ "dateTime": format!("2026-12-01T{hour:02}:00:00"), "timeZone": "GMT Standard Time" });
    json!({
        "subject": format!("Visit {number}"), "start": at(number % 20), "end": at(number % 20 + 1), "isReminderOn": true,
        "reminderMinutesBeforeStart": 30, "showAs": "busy", "transactionId": format!("plain-{number}"),
        "body": { "contentType": "text", "content": format!("Task bench-{number}") },
    })
}

fn line(what: String, events: u32, took: Duration, cpu: Duration) -> Line {
    let measured = format!("{:.0}/s", f64::from(events) / took.as_secs_f64());
    Line { what, target: String::new(), measured, reached: None, used: Some((Used { cpu, peak_mib: 0.0 }, events)) }
}
