//! EVENT IN, from JetStream: pull, read, commit, acknowledge.
//!
//! ```text
//! pull ──> sort (events::read) ──> take_in, one transaction ──> settle: ack or terminate, confirmed by the server
//!                                        └ failed: give all back with a delay, wait as long, go on
//! ```
//!
//! A message is acknowledged only after the commit, so a crash anywhere delivers it again, and the store finds it to be a
//! duplicate. What Microsoft 365 answers never touches the message.

mod health;
mod inspect;
mod provision;
mod pull;
mod settle;
mod sort;
mod translate;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_nats::{
    connection::State,
    jetstream::{Context, Message, consumer::PullConsumer},
};
use chrono::{DateTime, Utc};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

pub use health::{IntakeHealth, IntakeState};
pub(crate) use inspect::Unsafe;
pub use provision::{ConsumerWish, ProvisionError, StreamWish};
pub(crate) use provision::{is_overlap, stream as provision_stream, warn as warn_of};

use crate::{
    clock::SharedClock,
    metrics::Metrics,
    store::{Arrival, Rejection, Store, StoreError, Taken},
};
use pull::Pulled;
use sort::Sorted;

/// Failures in a row after which a batch is committed message by message, in case one of them is what the store cannot take.
const SUSPICIOUS: u32 = 3;
/// How often a waiting pull looks at the connection: the client tells nobody when it has reconnected.
const CONNECTION_CHECK: Duration = Duration::from_millis(250);
const NOT_CONNECTED: &str = "the broker is not connected";

/// Where events go. The store; a fake in tests.
pub trait Inbox: Send + Sync + 'static {
    /// As [`Store::take_in`].
    fn take_in(
        &self,
        now: DateTime<Utc>,
        arrivals: Vec<Arrival>,
        rejections: Vec<Rejection>,
    ) -> impl Future<Output = Result<Vec<Taken>, StoreError>> + Send;
}

impl Inbox for Store {
    async fn take_in(
        &self,
        now: DateTime<Utc>,
        arrivals: Vec<Arrival>,
        rejections: Vec<Rejection>,
    ) -> Result<Vec<Taken>, StoreError> {
        Self::take_in(self, now, arrivals, rejections).await
    }
}

/// How events are taken in.
#[derive(Debug, Clone)]
pub struct IntakeSettings {
    /// The stream (`nats.stream`).
    pub stream: String,
    /// The durable consumer (`nats.durable`).
    pub durable: String,
    /// Messages in one transaction, at most.
    pub batch: usize,
    /// How long one pull waits for a first message; also how often an idle consumer is looked at.
    pub wait: Duration,
    /// How long confirmations of one batch's acknowledgements are waited for.
    pub ack_timeout: Duration,
    /// First and longest delay while the store or the broker fails.
    pub retry: (Duration, Duration),
    /// Used only when the stream is made.
    pub max_age: Duration,
    /// Used only when the stream is made.
    pub replicas: usize,
    /// Used only when the consumer is made.
    pub ack_wait: Duration,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self {
            stream: "ARGUS".into(),
            durable: "argus-m365".into(),
            batch: 500,
            wait: Duration::from_secs(2),
            ack_timeout: Duration::from_secs(2),
            retry: (Duration::from_secs(1), Duration::from_secs(30)),
            max_age: Duration::from_secs(30 * 24 * 3600),
            replicas: 1,
            ack_wait: Duration::from_secs(30),
        }
    }
}

impl IntakeSettings {
    /// What every organisation may publish.
    fn subjects() -> Vec<String> {
        ["task", "outage", "zone"].into_iter().map(|kind| format!("argus.*.{kind}.*")).collect()
    }

    fn stream_wish(&self) -> StreamWish {
        StreamWish { name: self.stream.clone(), subjects: Self::subjects(), max_age: self.max_age, replicas: self.replicas }
    }

    fn consumer_wish(&self) -> ConsumerWish {
        // Room for a few replicas with a batch in hand each, and for batches that wait to come back.
        let max_ack_pending = i64::try_from(self.batch.saturating_mul(4)).unwrap_or(i64::MAX);
        ConsumerWish { durable: self.durable.clone(), subjects: Self::subjects(), ack_wait: self.ack_wait, max_ack_pending }
    }
}

/// Why a session with the broker ended.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error("preparing the stream and the consumer")]
    Provision(#[from] ProvisionError),
    #[error("pulling events")]
    Pull(#[source] async_nats::Error),
}

/// The loop that takes events in.
pub struct Intake<I> {
    context: Context,
    inbox: I,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    settings: IntakeSettings,
    health: IntakeHealth,
    committed: Vec<Arc<Notify>>,
    warned: Vec<Unsafe>,
    /// Batches in a row that the store did not take.
    failures: u32,
    /// Sessions in a row that the broker ended before they brought anything.
    losses: u32,
}

impl<I: Inbox> Intake<I> {
    /// Built from its parts; does nothing before [`Intake::run`].
    pub fn new(context: Context, inbox: I, clock: SharedClock, metrics: Arc<Metrics>, settings: IntakeSettings) -> Self {
        let health = IntakeHealth::default();
        Self {
            context,
            inbox,
            clock,
            metrics,
            settings,
            health,
            committed: Vec::new(),
            warned: Vec::new(),
            failures: 0,
            losses: 0,
        }
    }

    /// Wakes this, too, after each commit: the reconciler and the outbox have something to do then.
    #[must_use]
    pub fn waking(mut self, notify: Arc<Notify>) -> Self {
        self.committed.push(notify);
        self
    }

    /// Whether events can come in; keeps telling while the loop runs.
    pub fn health(&self) -> IntakeHealth {
        self.health.clone()
    }

    /// Takes events in until told to stop; then finishes the batch in hand. Ends for no other reason: whatever the broker or
    /// the store does is waited out.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let Err(error) = self.session(&stop).await else { break };
            self.losses = self.losses.saturating_add(1);
            self.report_loss(&error);
            // The first time at once: a broker that was restarted is back already.
            if self.losses > 1 {
                self.pause(self.losses - 1, &stop).await;
            }
        }
        tracing::info!("intake stopped");
    }

    /// Works with the stream and consumer as they are, until stopped (`Ok`) or until they are not there any more.
    async fn session(&mut self, stop: &CancellationToken) -> Result<(), SessionError> {
        let consumer = tokio::select! {
            consumer = self.provision() => consumer?,
            () = stop.cancelled() => return Ok(()),
        };
        self.health.reachable();
        loop {
            let give_up = self.interruption(stop);
            let Pulled { messages, broken } = pull::pull(&consumer, self.settings.batch, self.settings.wait, give_up).await;
            let idle = messages.is_empty();
            if !idle {
                self.take(messages, stop).await;
            }
            if stop.is_cancelled() {
                return Ok(());
            }
            broken.map_or(Ok(()), |error| Err(SessionError::Pull(error)))?;
            if idle {
                self.look_at(&consumer, stop).await?;
            }
            self.losses = 0;
            self.health.reachable();
        }
    }

    /// Ends when a pull that waits should not wait any longer: told to stop (`None`), or connected anew, when the server knows
    /// nothing of the pull any more.
    async fn interruption(&self, stop: &CancellationToken) -> Option<async_nats::Error> {
        let client = self.context.client();
        let connects = || client.statistics().connects.load(Ordering::Relaxed);
        let before = connects();
        while connects() == before {
            tokio::select! {
                () = sleep(CONNECTION_CHECK) => {}
                () = stop.cancelled() => return None,
            }
            if client.connection_state() != State::Connected {
                self.health.unreachable(false, NOT_CONNECTED);
            }
        }
        Some("the connection was made anew".into())
    }

    async fn provision(&mut self) -> Result<PullConsumer, ProvisionError> {
        let (stream, found) = provision::stream(&self.context, &self.settings.stream_wish()).await?;
        provision::warn(&mut self.warned, &self.settings.stream, found);
        let (consumer, found) = provision::consumer(&stream, &self.settings.consumer_wish()).await?;
        provision::warn(&mut self.warned, &self.settings.durable, found);
        Ok(consumer)
    }

    /// An idle consumer is asked whether it is still there: a pull that brings nothing looks the same either way.
    async fn look_at(&self, consumer: &PullConsumer, stop: &CancellationToken) -> Result<(), SessionError> {
        let info = tokio::select! {
            info = consumer.get_info() => info.map_err(|error| SessionError::Pull(error.into()))?,
            () = stop.cancelled() => return Ok(()),
        };
        self.metrics.consumer_pending.set(i64::try_from(info.num_pending).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Commits a batch and settles it; when the store fails, gives it back and waits.
    async fn take(&mut self, messages: Vec<Message>, stop: &CancellationToken) {
        let pending = messages.last().and_then(|message| message.info().ok().map(|info| info.pending)).unwrap_or_default();
        self.metrics.consumer_pending.set(i64::try_from(pending).unwrap_or(i64::MAX));
        let Err((messages, error)) = self.commit(messages).await else { return self.report_recovery() };
        self.failures = self.failures.saturating_add(1);
        self.health.committing(Some("the store does not take events"));
        if self.failures == 1 {
            tracing::error!(error = &error as &dyn std::error::Error, "the store does not take events; they wait in the stream");
        }
        let suspicious = !matches!(error, StoreError::Unavailable { .. }) || self.failures >= SUSPICIOUS;
        let left = if suspicious && messages.len() > 1 { self.take_one_by_one(messages).await } else { messages };
        settle::give_back(&left, self.delay(self.failures)).await;
        self.pause(self.failures, stop).await;
    }

    /// Commits messages each on its own, so that one which the store cannot take does not hold up the others. Stops at two
    /// failures in a row: then it is the store. Returns what was not committed.
    async fn take_one_by_one(&self, messages: Vec<Message>) -> Vec<Message> {
        let mut left = Vec::new();
        let mut in_a_row = 0;
        for message in messages {
            if in_a_row >= 2 {
                left.push(message);
                continue;
            }
            match self.commit(vec![message]).await {
                Ok(()) => in_a_row = 0,
                Err((message, error)) => {
                    in_a_row += 1;
                    let sequence = message.first().and_then(|message| message.info().ok().map(|info| info.stream_sequence));
                    tracing::warn!(error = &error as &dyn std::error::Error, sequence, "the store does not take this event");
                    left.extend(message);
                }
            }
        }
        left
    }

    /// One transaction, then the acknowledgements. On failure the messages come back, unsettled.
    async fn commit(&self, messages: Vec<Message>) -> Result<(), (Vec<Message>, StoreError)> {
        let now = self.clock.now();
        let mut sorted = Sorted::read(&messages, now);
        let taken = if sorted.is_empty() {
            Vec::new()
        } else {
            let (arrivals, rejections) = (std::mem::take(&mut sorted.arrivals), std::mem::take(&mut sorted.rejections));
            match self.inbox.take_in(now, arrivals, rejections).await {
                Ok(taken) => taken,
                Err(error) => return Err((messages, error)),
            }
        };
        self.committed.iter().for_each(|notify| notify.notify_one());
        let settlements = sorted.settlements(messages, &taken, &self.metrics);
        settle::settle(&self.context.client(), settlements, self.settings.ack_timeout).await;
        Ok(())
    }

    fn report_recovery(&mut self) {
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "the store takes events again");
        }
        self.failures = 0;
        self.health.committing(None);
    }

    fn report_loss(&self, error: &SessionError) {
        let connected = self.context.client().connection_state() == State::Connected;
        let reason = if connected { "the stream or its consumer is not reachable" } else { NOT_CONNECTED };
        self.health.unreachable(connected, reason);
        if self.losses == 1 {
            tracing::warn!(error = error as &dyn std::error::Error, connected, "{reason}; trying again until it is");
        }
    }

    /// 1, 2, 4, … times the first delay, up to the longest.
    fn delay(&self, failures: u32) -> Duration {
        let (first, longest) = self.settings.retry;
        first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(longest)
    }

    async fn pause(&self, failures: u32, stop: &CancellationToken) {
        tokio::select! {
            () = sleep(self.delay(failures)) => {}
            () = stop.cancelled() => {}
        }
    }
}

#[cfg(test)]
pub(crate) mod broker;
#[cfg(test)]
mod tests;
