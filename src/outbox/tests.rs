//! The loop against a real broker, with a queue in memory.

use std::sync::{Mutex, PoisonError};

use async_nats::jetstream::stream;
use serde_json::json;

use super::*;
use crate::{
    clock::SystemClock,
    events::{self, Headers, Reading, Telling, outgoing},
    intake::broker::{Broker, eventually},
    organisation::{OrgScope, OrganisationId},
    store::OutgoingEvent,
};

/// Acme's scope, from a subject: the only way to come by one here.
fn scope() -> OrgScope {
    match events::read("argus.acme.task.closed", &Headers::default(), b"") {
        Reading::Rejected(refusal) => refusal.scope,
        other => panic!("an empty message was not refused: {other:?}"),
    }
}

/// A queue that can fail to forget.
#[derive(Clone, Default)]
struct FakeQueue(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    events: Vec<QueuedEvent>,
    /// Those that were given up.
    given_up: Vec<i64>,
    /// Calls to forget that are still to be refused.
    failures: u32,
}

impl FakeQueue {
    fn with<T>(&self, look: impl FnOnce(&mut Waiting) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, sequence: i64) {
        let organisation = OrganisationId::parse("acme").unwrap();
        let event = outgoing(Telling {
            id: format!("event-{sequence}"),
            organisation: &organisation,
            topic: "calendar.synced",
            object: None,
            time: "2026-11-23T09:15:02Z".parse().unwrap(),
            cause: None,
            trace: None,
            data: json!({ "taskId": "7f0c2b1e", "version": 7, "action": "created" }),
        });
        let event = OutgoingEvent { id: event.id, subject: event.subject, payload: event.payload };
        let scope = scope();
        self.with(|waiting| waiting.events.push(QueuedEvent { scope, sequence, event }));
    }

    async fn drained(&self) {
        eventually("the queue is empty", async || self.with(|waiting| waiting.events.is_empty())).await;
    }
}

impl Queue for FakeQueue {
    async fn oldest(&self, _: &WorkerScope, limit: u32) -> Result<Vec<QueuedEvent>, StoreError> {
        Ok(self.with(|waiting| waiting.events.iter().take(limit as usize).cloned().collect()))
    }

    async fn forget(&self, _: &WorkerScope, events: &[QueuedEvent]) -> Result<(), StoreError> {
        self.with(|waiting| {
            if waiting.failures > 0 {
                waiting.failures -= 1;
                return Err(StoreError::Unavailable { doing: "forgetting events", source: "the disk is full".into() });
            }
            waiting.events.retain(|kept| !events.iter().any(|event| event.sequence == kept.sequence));
            Ok(())
        })
    }

    async fn give_up(&self, worker: &WorkerScope, _: DateTime<Utc>, events: &[QueuedEvent]) -> Result<(), StoreError> {
        self.with(|waiting| waiting.given_up.extend(events.iter().map(|event| event.sequence)));
        self.forget(worker, events).await
    }
}

/// A running outbox.
struct Running {
    broker: Broker,
    context: Context,
    queue: FakeQueue,
    wake: Arc<Notify>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(broker: Broker, interval: Duration) -> Self {
        let (queue, wake, stop) = (FakeQueue::default(), Arc::new(Notify::new()), CancellationToken::new());
        let settings = OutboxSettings {
            batch: 50,
            interval,
            ack_timeout: Duration::from_secs(1),
            retry: (Duration::from_millis(50), Duration::from_millis(200)),
            ..OutboxSettings::default()
        };
        let outbox = Outbox::new(
            broker.context().await,
            queue.clone(),
            (WorkerScope::for_loops(), Arc::new(SystemClock)),
            wake.clone(),
            settings,
        );
        let task = tokio::spawn(outbox.run(stop.clone()));
        Self { context: broker.context().await, broker, queue, wake, stop, task }
    }

    fn add(&self, sequences: std::ops::Range<i64>) {
        sequences.for_each(|sequence| self.queue.add(sequence));
        self.wake.notify_one();
    }

    /// The ids in the stream, in its order.
    async fn ids(&self, stream: &str) -> Vec<String> {
        let stream = self.context.get_stream(stream).await.unwrap();
        let mut ids = Vec::new();
        for sequence in 1..=stream.cached_info().state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            assert_eq!(message.headers.get("Content-Type").unwrap().as_str(), CONTENT_TYPE);
            ids.push(message.headers.get("Nats-Msg-Id").unwrap().to_string());
        }
        ids
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), self.task).await.unwrap().unwrap();
    }
}

const CONTENT_TYPE: &str = "application/cloudevents+json";
/// Longer than any test: what happens before was caused by a wake-up.
const NEVER: Duration = Duration::from_mins(10);

fn expected(sequences: std::ops::Range<i64>) -> Vec<String> {
    sequences.map(|sequence| format!("event-{sequence}")).collect()
}

#[tokio::test]
async fn queued_events_are_published_in_order_and_forgotten() {
    let Some(broker) = Broker::start().await else { return };
    let running = Running::start(broker, NEVER).await;
    running.add(0..120);
    running.queue.drained().await;
    assert_eq!(running.ids("ARGUS_M365").await, expected(0..120));
    running.stop().await;
}

#[tokio::test]
async fn an_event_that_was_not_forgotten_is_published_again_and_found_to_be_a_duplicate() {
    let Some(broker) = Broker::start().await else { return };
    let running = Running::start(broker, NEVER).await;
    running.queue.with(|waiting| waiting.failures = 2);
    running.add(0..10);
    running.queue.drained().await;
    assert_eq!(running.ids("ARGUS_M365").await, expected(0..10));
    running.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_away_is_waited_for() {
    let Some(broker) = Broker::start().await else { return };
    let mut running = Running::start(broker, Duration::from_millis(50)).await;
    running.add(0..10);
    running.queue.drained().await;
    running.broker.kill();
    running.add(10..20);
    running.broker.restart().await;
    running.queue.drained().await;
    assert_eq!(running.ids("ARGUS_M365").await, expected(0..20));
    running.stop().await;
}

#[tokio::test]
async fn a_stream_that_was_deleted_is_made_again() {
    let Some(broker) = Broker::start().await else { return };
    let running = Running::start(broker, Duration::from_millis(50)).await;
    running.add(0..1);
    running.queue.drained().await;
    running.context.delete_stream("ARGUS_M365").await.unwrap();
    running.add(1..3);
    running.queue.drained().await;
    assert_eq!(running.ids("ARGUS_M365").await, expected(1..3));
    running.stop().await;
}

#[tokio::test]
async fn a_stream_that_keeps_the_subjects_already_is_used() {
    let Some(broker) = Broker::start().await else { return };
    let config = stream::Config { name: "ARGUS".into(), subjects: vec!["argus.>".into()], ..Default::default() };
    broker.context().await.create_stream(config).await.unwrap();
    let running = Running::start(broker, NEVER).await;
    running.add(0..3);
    running.queue.drained().await;
    assert_eq!(running.ids("ARGUS").await, expected(0..3));
    running.stop().await;
}

#[tokio::test]
async fn an_event_too_large_for_the_server_holds_up_nobody() {
    let Some(broker) = Broker::start().await else { return };
    let running = Running::start(broker, Duration::from_millis(50)).await;
    running.queue.add(0);
    running.queue.with(|waiting| waiting.events[0].event.payload = "x".repeat(2 << 20));
    running.add(1..5);
    running.queue.drained().await;
    assert_eq!(running.queue.with(|waiting| waiting.given_up.clone()), [0], "it is told of elsewhere, and never tried again");
    assert_eq!(running.ids("ARGUS_M365").await, expected(1..5));
    running.stop().await;
}

#[tokio::test]
async fn what_was_committed_last_goes_out_before_the_end() {
    let Some(broker) = Broker::start().await else { return };
    let running = Running::start(broker, NEVER).await;
    eventually("the stream is there", async || running.context.get_stream("ARGUS_M365").await.is_ok()).await;
    running.queue.add(0);
    let queue = running.queue.clone();
    running.stop().await;
    assert!(queue.with(|waiting| waiting.events.is_empty()));
}
