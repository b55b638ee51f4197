//! Broker, simulator and store with so many mailboxes and events.

use std::time::Duration;

use async_nats::HeaderMap;
use serde_json::{Value, json};

use crate::support::{Connector, Store, World};

/// Publishes that wait for the stream's answer at once.
const AT_ONCE: u32 = 1_000;

/// What surrounds a measurement.
pub(crate) struct Scene {
    pub(crate) world: World,
    http: reqwest::Client,
}

impl Scene {
    /// A tenant with so many workers' mailboxes, whose calls take so long.
    #[expect(clippy::disallowed_methods, reason = "a bench's own client, which talks to loopback alone")]
    pub(crate) async fn new(store: Store, mailboxes: u32, latency: Duration) -> Self {
        let scene = Self { world: World::start(store).await, http: reqwest::Client::new() };
        let users: Vec<Value> = (0..mailboxes)
            .map(|number| json!({ "id": format!("0d5b9b0e-6f0a-4f7c-9a45-{number:012x}"), "userPrincipalName": mailbox(number) }))
            .collect();
        scene.change(&format!("tenants/{}", tenant()["id"].as_str().unwrap_or_default()), &json!({ "users": users })).await;
        let latency = u64::try_from(latency.as_millis()).unwrap_or_default();
        scene.change("settings", &json!({ "latencyMs": latency, "ledgerCapacity": 0 })).await;
        scene
    }

    /// Has the stream, its consumer and the store made; with the tenant registered if asked for. Nothing runs afterwards.
    pub(crate) async fn prepare(&self, registered: bool) {
        let connector = self.world.connector(&[]).await;
        if registered {
            connector.register().await;
        }
        connector.stop().await;
    }

    /// Publishes so many tasks, in turn for each of so many mailboxes, and waits until the stream has them.
    pub(crate) async fn publish(&self, events: u32, mailboxes: u32) {
        self.publish_for("acme", events, mailboxes).await;
    }

    /// The same for another organisation.
    pub(crate) async fn publish_for(&self, organisation: &str, events: u32, mailboxes: u32) {
        let subject = format!("argus.{organisation}.task.scheduled");
        let stream = self.world.jetstream().await;
        let numbers: Vec<u32> = (0..events).collect();
        for numbers in numbers.chunks(AT_ONCE as usize) {
            let mut answers = Vec::new();
            for number in numbers {
                let event = task(&format!("{organisation}-{number}"), *number, &mailbox(number % mailboxes));
                let mut headers = HeaderMap::new();
                headers.insert("Nats-Msg-Id", event["id"].as_str().unwrap_or_default());
                answers.push(stream.publish_with_headers(subject.clone(), headers, event.to_string().into()).await);
            }
            for answer in answers {
                match answer {
                    Ok(sent) => assert!(sent.await.is_ok(), "an event was not stored"),
                    Err(error) => assert!(error.to_string().is_empty(), "an event was not sent: {error}"),
                }
            }
        }
    }

    /// Answers that the simulator gave to one kind of call, by what its name (`createEvent 201`) holds.
    pub(crate) async fn answers(&self, part: &str) -> u64 {
        let url = format!("{}/_sim/counts", self.world.simulator.url);
        let counts = match self.http.get(url).send().await {
            Ok(answer) => answer.json::<Value>().await.unwrap_or_default(),
            Err(_) => Value::Null,
        };
        let held = counts.as_object().into_iter().flatten().filter(|(name, _)| name.contains(part));
        held.filter_map(|(_, count)| count.as_u64()).sum()
    }

    async fn change(&self, path: &str, body: &Value) {
        let answer = self.http.patch(format!("{}/_sim/{path}", self.world.simulator.url)).json(body).send().await;
        assert!(answer.is_ok_and(|answer| answer.status().is_success()), "the simulator did not take {path}");
    }
}

/// How many tasks stand as wanted.
pub(crate) async fn settled(connector: &Connector) -> u64 {
    let answer = connector.data("{ tasks(state: SETTLED, first: 1) { totalCount } }", Value::Null).await;
    answer["tasks"]["totalCount"].as_u64().unwrap_or_default()
}

/// The example tenant.
pub(crate) fn tenant() -> Value {
    serde_json::from_str(include_str!("../../examples/tenant.json")).unwrap_or_default()
}

/// The sign-in name of a worker.
pub(crate) fn mailbox(number: u32) -> String {
    format!("worker-{number}@acme-water.example")
}

/// The event of a task, at a time that depends on its number.
pub(crate) fn task(id: &str, number: u32, mailbox: &str) -> Value {
    let (hour, minute) = (number / 60 % 20, number % 60);
    let clock = |hour: u32| format!("2026-12-01T{hour:02}:{minute:02}:00");
    json!({
        "specversion": "1.0", "id": id, "source": "/bench", "type": "argus.task.scheduled.v1",
        "time": "2026-11-23T09:00:00Z",
        "data": {
            "taskId": id, "version": 1, "title": format!("Visit {number}"),
            "window": { "start": clock(hour), "end": clock(hour + 1), "timeZone": "Europe/Dublin" },
            "assignee": { "userPrincipalName": mailbox },
        },
    })
}
