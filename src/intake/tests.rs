//! The loop against a real broker, with an inbox that can fail.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{
    connection::State,
    jetstream::{Context, consumer::pull, stream},
};
use futures_util::StreamExt;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    broker::{Broker, eventually},
    *,
};
use crate::{clock::SystemClock, metrics::Metrics};

/// Remembers what it was given, and fails when told to.
#[derive(Clone, Default)]
struct FakeInbox(Arc<Mutex<Given>>);

#[derive(Default)]
struct Given {
    arrivals: Vec<Arrival>,
    rejections: Vec<Rejection>,
    /// Calls that were refused.
    refused: u32,
    /// Rejections seen in calls that were refused.
    refused_rejections: Vec<Rejection>,
    /// Calls that are still to be refused.
    failures: u32,
    /// Cancelled by the first call: told to stop with a batch in hand.
    stop: Option<CancellationToken>,
    /// A key that makes every call with it fail.
    poison: Option<String>,
}

impl FakeInbox {
    fn with<T>(&self, look: impl FnOnce(&mut Given) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keys(&self) -> Vec<String> {
        self.with(|given| given.arrivals.iter().map(|arrival| arrival.key.clone()).collect())
    }
}

impl Inbox for FakeInbox {
    async fn take_in(
        &self,
        _: DateTime<Utc>,
        arrivals: Vec<Arrival>,
        rejections: Vec<Rejection>,
    ) -> Result<Vec<Taken>, StoreError> {
        self.with(|given| {
            if let Some(stop) = given.stop.take() {
                stop.cancel();
            }
            if given.failures > 0 {
                given.failures -= 1;
                given.refused += 1;
                given.refused_rejections.extend(rejections);
                return Err(StoreError::Unavailable { doing: "taking events in", source: "the disk is full".into() });
            }
            if arrivals.iter().any(|arrival| Some(&arrival.key) == given.poison.as_ref()) {
                given.refused += 1;
                return Err(StoreError::Unreadable { doing: "taking events in", what: "version" });
            }
            let mut taken = Vec::new();
            for arrival in arrivals {
                let known = given.arrivals.iter().any(|known| known.key == arrival.key && known.digest == arrival.digest);
                taken.push(if known { Taken::Duplicate } else { Taken::Applied });
                given.arrivals.push(arrival);
            }
            given.rejections.extend(rejections);
            Ok(taken)
        })
    }
}

/// A running intake.
struct Running {
    broker: Broker,
    context: Context,
    inbox: FakeInbox,
    metrics: Arc<Metrics>,
    health: IntakeHealth,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(inbox: FakeInbox) -> Option<Self> {
        Self::start_with(inbox, settings()).await
    }

    async fn start_with(inbox: FakeInbox, settings: IntakeSettings) -> Option<Self> {
        let running = Self::start_on(Broker::start().await?, inbox, settings).await;
        eventually("the intake is ready", async || running.health.ready().is_ok()).await;
        Some(running)
    }

    async fn start_on(broker: Broker, inbox: FakeInbox, settings: IntakeSettings) -> Self {
        let metrics = Arc::new(Metrics::new().unwrap());
        let intake = Intake::new(broker.context().await, inbox.clone(), Arc::new(SystemClock), metrics.clone(), settings);
        let (health, stop) = (intake.health(), CancellationToken::new());
        let task = tokio::spawn(intake.run(stop.clone()));
        Self { context: broker.context().await, broker, inbox, metrics, health, stop, task }
    }

    async fn publish(&self, subject: &str, payload: impl Into<bytes::Bytes>) {
        let payload = payload.into();
        eventually("it is published", async || match self.context.publish(subject.to_owned(), payload.clone()).await {
            Ok(confirmation) => confirmation.await.is_ok(),
            Err(_) => false,
        })
        .await;
    }

    async fn close_task(&self, key: &str) {
        self.publish("argus.acme.task.closed", closed(key)).await;
    }

    async fn arrived(&self, key: &str) {
        eventually(key, async || self.inbox.keys().iter().any(|known| known == key)).await;
    }

    fn count(&self, kind: &str, outcome: &str) -> u64 {
        self.metrics.events_received_total.with_label_values(&[kind, outcome]).get()
    }

    /// Messages delivered and not settled, and messages not delivered yet.
    async fn open(&self) -> (usize, u64) {
        let stream = self.context.get_stream("ARGUS").await.unwrap();
        let info = stream.consumer_info("argus-m365").await.unwrap();
        (info.num_ack_pending, info.num_pending)
    }

    async fn all_settled(&self) {
        eventually("everything is settled", async || self.open().await == (0, 0)).await;
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), self.task).await.unwrap().unwrap();
    }
}

/// The product's settings, but impatient.
fn settings() -> IntakeSettings {
    IntakeSettings {
        wait: Duration::from_millis(500),
        retry: (Duration::from_millis(50), Duration::from_millis(200)),
        ..IntakeSettings::default()
    }
}

fn closed(key: &str) -> String {
    let data = json!({"taskId": key, "version": 1});
    json!({
        "specversion": "1.0", "id": format!("event-{key}"), "source": "/test", "type": "argus.task.closed.v1",
        "time": "2026-11-26T14:20:00Z", "data": data,
    })
    .to_string()
}

#[tokio::test]
async fn bad_events_are_set_aside_and_their_neighbours_arrive() {
    let Some(running) = Running::start(FakeInbox::default()).await else { return };
    let mut advisories = running.context.client().subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>").await.unwrap();
    running.close_task("before").await;
    running.publish("argus.acme.task.scheduled", closed("wrong-type")).await;
    running.publish("argus.acme.task.closed", &b"\xff"[..]).await;
    running.publish("argus.acme.task.closed", vec![b' '; 1_000_000]).await;
    running.publish("argus.ac@me.task.closed", closed("nobody")).await;
    running.close_task("after").await;
    running.close_task("after").await;
    running.arrived("after").await;
    running.all_settled().await;

    let codes = running.inbox.with(|given| given.rejections.iter().map(|r| r.dead_letter.code.clone()).collect::<Vec<_>>());
    assert_eq!(codes, ["INVALID_ENVELOPE", "INVALID_ENVELOPE", "TOO_LARGE"]);
    let outcomes = ["applied", "duplicate", "rejected", "unroutable"].map(|outcome| running.count("task", outcome));
    assert_eq!(outcomes, [2, 1, 3, 1]);
    let advisory: serde_json::Value = serde_json::from_slice(&advisories.next().await.unwrap().payload).unwrap();
    assert!(advisory["reason"].as_str().unwrap().starts_with("INVALID_ENVELOPE"), "{advisory}");
    running.stop().await;
}

#[tokio::test]
async fn a_rejection_brings_its_audit_entry_and_its_outgoing_event() {
    let Some(running) = Running::start(FakeInbox::default()).await else { return };
    running.publish("argus.acme.task.closed", closed("").replace("/test", "/argus/x")).await;
    eventually("it is set aside", async || running.inbox.with(|given| !given.rejections.is_empty())).await;
    let rejection = running.inbox.with(|given| given.rejections.remove(0));
    assert_eq!(rejection.scope.as_str(), "acme");
    assert_eq!(rejection.dead_letter.pointer.as_deref(), Some("/data/taskId"));
    assert_eq!(
        (rejection.audit[0].action.as_str(), rejection.audit[0].actor.as_str()),
        ("event.rejected", "event:/argus/x#event-")
    );
    assert_eq!(rejection.outgoing[0].subject, "argus.acme.m365.delivery.dead-lettered");
    let told: serde_json::Value = serde_json::from_str(&rejection.outgoing[0].payload).unwrap();
    assert_eq!((&told["data"]["code"], &told["causationid"]), (&json!("INVALID_DATA"), &json!("event-")));
    assert_eq!(told["data"]["id"], json!(rejection.dead_letter.id));
    running.stop().await;
}

#[tokio::test]
async fn while_the_store_fails_nothing_is_acknowledged_and_then_all_arrives() {
    let inbox = FakeInbox::default();
    inbox.with(|given| given.failures = 4);
    let Some(running) = Running::start(inbox).await else { return };
    for n in 0..20 {
        running.close_task(&format!("t{n}")).await;
    }
    running.publish("argus.acme.task.closed", &b"not json"[..]).await;
    for n in 0..20 {
        running.arrived(&format!("t{n}")).await;
    }
    running.all_settled().await;
    running.inbox.with(|given| {
        assert!(given.refused >= 4);
        assert_eq!((given.arrivals.len(), given.rejections.len()), (20, 1), "each once: nothing was acknowledged before");
    });
    assert!(running.health.state().committing);
    running.stop().await;
}

#[tokio::test]
async fn once_the_store_is_back_no_message_waits_for_having_come_often() {
    let inbox = FakeInbox::default();
    inbox.with(|given| given.failures = 12);
    // By the number of its deliveries a message would wait for minutes.
    let settings = IntakeSettings {
        retry: (Duration::from_millis(100), Duration::from_hours(1)),
        store_retry: Duration::from_millis(100),
        ..settings()
    };
    let Some(running) = Running::start_with(inbox, settings).await else { return };
    running.close_task("t").await;
    running.arrived("t").await;
    running.all_settled().await;
    running.inbox.with(|given| assert_eq!(given.refused, 12));
    running.stop().await;
}

#[tokio::test]
async fn a_message_that_comes_again_has_the_same_dead_letter_id() {
    let inbox = FakeInbox::default();
    inbox.with(|given| given.failures = 1);
    let Some(running) = Running::start(inbox).await else { return };
    running.publish("argus.acme.task.closed", &b"not json"[..]).await;
    eventually("it is set aside", async || running.inbox.with(|given| given.rejections.len() == 1)).await;
    running.inbox.with(|given| {
        assert_eq!(given.refused_rejections[0].dead_letter.id, given.rejections[0].dead_letter.id);
    });
    running.stop().await;
}

#[tokio::test]
async fn an_event_that_the_store_cannot_take_holds_up_nobody() {
    let inbox = FakeInbox::default();
    inbox.with(|given| (given.poison, given.failures) = (Some("poison".into()), 1));
    let Some(running) = Running::start(inbox).await else { return };
    // The first failure gathers them all in one batch.
    for key in ["a", "poison", "b", "c"] {
        running.close_task(key).await;
    }
    for key in ["a", "b", "c"] {
        running.arrived(key).await;
    }
    eventually("the others are settled", async || running.open().await.0 <= 1).await;
    running.inbox.with(|given| given.poison = None);
    running.arrived("poison").await;
    running.all_settled().await;
    running.stop().await;
}

#[tokio::test]
async fn a_crash_of_the_broker_is_waited_out() {
    let Some(mut running) = Running::start(FakeInbox::default()).await else { return };
    running.close_task("before").await;
    running.arrived("before").await;
    running.broker.kill();
    eventually("the loss is seen", async || !running.health.state().connected).await;
    running.broker.restart().await;
    eventually("the intake is ready again", async || running.health.ready().is_ok()).await;
    running.close_task("after").await;
    running.arrived("after").await;
    running.stop().await;
}

#[tokio::test]
async fn however_long_the_broker_was_away_no_pause_is_sat_out_once_it_is_back() {
    // Pauses that outlast the test by far: what ends them is the new connection alone.
    let hour = Duration::from_hours(1);
    let settings = IntakeSettings { retry: (hour, hour), ..settings() };
    let Some(mut running) = Running::start_with(FakeInbox::default(), settings).await else { return };
    for key in ["first", "second"] {
        running.broker.kill();
        eventually("the loss is seen", async || {
            running.health.ready().is_err_and(|reason| reason == "the broker is not connected")
        })
        .await;
        running.broker.restart().await;
        running.close_task(key).await;
        running.arrived(key).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn a_frozen_broker_is_noticed_and_waited_out() {
    let Some(running) = Running::start(FakeInbox::default()).await else { return };
    running.broker.freeze(true);
    eventually("silence is noticed", async || !running.health.state().stream_reachable).await;
    running.broker.freeze(false);
    eventually("the intake is ready again", async || running.health.ready().is_ok()).await;
    running.close_task("after").await;
    running.arrived("after").await;
    running.stop().await;
}

#[tokio::test]
async fn nothing_is_lost_while_broker_and_store_fail_in_turn() {
    // What the server sent into a connection that was broken already comes again after this.
    let settings = IntakeSettings { ack_wait: Duration::from_secs(1), ..settings() };
    let Some(mut running) = Running::start_with(FakeInbox::default(), settings).await else { return };
    let ids = crate::ids::Ids::seeded(7);
    let mut published = Vec::new();
    for round in 0..6 {
        for n in 0..50 {
            let key = format!("r{round}-{n}");
            running.close_task(&key).await;
            published.push(key);
        }
        if ids.fraction() < 0.5 {
            running.inbox.with(|given| given.failures = 3);
        }
        if ids.fraction() < 0.7 {
            running.broker.restart().await;
            eventually("we are connected again", async || running.context.client().connection_state() == State::Connected).await;
        }
    }
    eventually("all arrived", async || {
        let keys = running.inbox.keys();
        published.iter().all(|key| keys.contains(key))
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn a_stream_or_consumer_that_was_deleted_is_made_again() {
    let Some(running) = Running::start(FakeInbox::default()).await else { return };
    let stream = running.context.get_stream("ARGUS").await.unwrap();
    stream.delete_consumer("argus-m365").await.unwrap();
    running.close_task("consumer-gone").await;
    running.arrived("consumer-gone").await;
    running.context.delete_stream("ARGUS").await.unwrap();
    eventually("the stream is back", async || running.context.get_stream("ARGUS").await.is_ok()).await;
    running.close_task("stream-gone").await;
    running.arrived("stream-gone").await;
    running.stop().await;
}

#[tokio::test]
async fn what_is_made_is_safe() {
    let Some(running) = Running::start(FakeInbox::default()).await else { return };
    let stream = running.context.get_stream("ARGUS").await.unwrap();
    let config = &stream.cached_info().config;
    assert_eq!(config.subjects, ["argus.*.task.*", "argus.*.outage.*", "argus.*.zone.*"]);
    assert!(config.deny_delete && config.deny_purge);
    assert_eq!(inspect::stream(config, &IntakeSettings::subjects()), []);
    let info = stream.consumer_info("argus-m365").await.unwrap();
    assert_eq!(inspect::consumer(&info.config, &config.subjects, &IntakeSettings::subjects()), []);
    running.stop().await;
}

#[tokio::test]
async fn what_is_there_is_left_as_it_is() {
    let Some(broker) = Broker::start().await else { return };
    let context = broker.context().await;
    let config = stream::Config {
        name: "ARGUS".into(),
        subjects: vec!["argus.>".into()],
        storage: stream::StorageType::Memory,
        ..Default::default()
    };
    let made = context.create_stream(config).await.unwrap();
    let config = pull::Config { durable_name: Some("argus-m365".into()), max_deliver: 7, ..Default::default() };
    made.create_consumer(config).await.unwrap();
    let running = Running::start_on(broker, FakeInbox::default(), settings()).await;
    running.publish("argus.acme.m365.calendar.synced", "{}").await;
    running.close_task("a").await;
    running.arrived("a").await;
    running.all_settled().await;
    assert_eq!(running.count("none", "unroutable"), 1);
    let stream = running.context.get_stream("ARGUS").await.unwrap();
    assert_eq!(stream.cached_info().config.storage, stream::StorageType::Memory);
    assert_eq!(stream.consumer_info("argus-m365").await.unwrap().config.max_deliver, 7);
    running.stop().await;
}

#[tokio::test]
async fn stopping_finishes_the_batch_in_hand() {
    let Some(running) = Running::start(FakeInbox::default()).await else { return };
    let (context, inbox, broker) = (running.context.clone(), running.inbox.clone(), running.broker);
    inbox.with(|given| given.stop = Some(running.stop.clone()));
    for n in 0..300 {
        context.publish("argus.acme.task.closed", closed(&n.to_string()).into()).await.unwrap();
    }
    eventually("some arrived", async || !inbox.keys().is_empty()).await;
    tokio::time::timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
    let stream = context.get_stream("ARGUS").await.unwrap();
    let info = stream.consumer_info("argus-m365").await.unwrap();
    assert_eq!(info.num_ack_pending, 0, "nothing was taken and left");
    assert_eq!(info.ack_floor.stream_sequence, inbox.keys().len() as u64);
    drop(broker);
}
