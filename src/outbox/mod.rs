//! EVENT OUT, to JetStream: publishes what the store's outbox holds, and forgets what the broker has confirmed.
//!
//! At least once, with a stable id: a crash between confirmation and forgetting publishes again, and the stream finds the
//! `Nats-Msg-Id` to be a duplicate (within its window of two minutes; after that, receivers know it by the event's id). Events
//! leave in the order of the queue; one whose confirmation was lost may come after younger ones.

mod publish;

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::Context;
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    crash,
    intake::{self, ProvisionError, StreamWish, Unsafe, connection},
    store::{QueuedEvent, Store, StoreError, WorkerScope},
};
use publish::{Published, publish};

/// What everything published matches.
const SUBJECTS: &str = "argus.*.m365.>";
/// Checkpoints of the audit chains, which belong to no single organisation's subjects.
const CHECKPOINTS: &str = "argus.m365.audit.checkpoint";

/// Where events wait. The store; a fake in tests.
pub trait Queue: Send + Sync + 'static {
    /// As [`Store::outbox`].
    fn oldest(&self, worker: &WorkerScope, limit: u32) -> impl Future<Output = Result<Vec<QueuedEvent>, StoreError>> + Send;

    /// As [`Store::published`].
    fn forget(&self, worker: &WorkerScope, events: &[QueuedEvent]) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl Queue for Store {
    async fn oldest(&self, worker: &WorkerScope, limit: u32) -> Result<Vec<QueuedEvent>, StoreError> {
        self.outbox(worker, limit).await
    }

    async fn forget(&self, worker: &WorkerScope, events: &[QueuedEvent]) -> Result<(), StoreError> {
        self.published(worker, events).await
    }
}

/// How events are published.
#[derive(Debug, Clone)]
pub struct OutboxSettings {
    /// The stream.
    pub stream: String,
    /// Events in flight at once, at most.
    pub batch: u32,
    /// How often the queue is looked at when nobody says that there is something.
    pub interval: Duration,
    /// How long the broker's confirmations of one batch are waited for.
    pub ack_timeout: Duration,
    /// First and longest delay while the store or the broker fails.
    pub retry: (Duration, Duration),
    /// Used only when the stream is made.
    pub max_age: Duration,
    /// Used only when the stream is made.
    pub replicas: usize,
}

impl Default for OutboxSettings {
    fn default() -> Self {
        Self {
            stream: "ARGUS_M365".into(),
            batch: 500,
            interval: Duration::from_secs(5),
            ack_timeout: Duration::from_secs(5),
            retry: (Duration::from_millis(500), Duration::from_secs(30)),
            max_age: Duration::from_hours(30 * 24),
            replicas: 1,
        }
    }
}

impl OutboxSettings {
    fn wish(&self) -> StreamWish {
        StreamWish {
            name: self.stream.clone(),
            subjects: vec![SUBJECTS.into(), CHECKPOINTS.into()],
            max_age: self.max_age,
            replicas: self.replicas,
        }
    }
}

/// Why a round published nothing, or not all.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("preparing the stream for outgoing events")]
    Provision(#[from] ProvisionError),
    #[error("reading or clearing the outbox")]
    Store(#[from] StoreError),
    #[error("publishing outgoing events, of which {left} are left")]
    Publish {
        left: usize,
        #[source]
        source: async_nats::Error,
    },
}

/// The loop that publishes.
pub struct Outbox<Q> {
    context: Context,
    queue: Q,
    worker: WorkerScope,
    wake: Arc<Notify>,
    settings: OutboxSettings,
    /// Whether the stream was there when last looked for.
    provisioned: bool,
    warned: Vec<Unsafe>,
}

impl<Q: Queue> Outbox<Q> {
    /// Built from its parts; `wake` is notified by whoever commits an outgoing event.
    pub fn new(context: Context, queue: Q, worker: WorkerScope, wake: Arc<Notify>, settings: OutboxSettings) -> Self {
        Self { context, queue, worker, wake, settings, provisioned: false, warned: Vec::new() }
    }

    /// Publishes until told to stop, then once more, so that what the other loops committed last goes out. Ends for no other
    /// reason: whatever the broker or the store does is waited out.
    pub async fn run(mut self, stop: CancellationToken) {
        let (client, mut failures) = (self.context.client(), 0_u32);
        while !stop.is_cancelled() {
            let connections = connection::made(&client);
            let delay = match self.round().await {
                Ok(published) => {
                    recovered(failures);
                    failures = 0;
                    if published > 0 { Duration::ZERO } else { self.settings.interval }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    report(&error, failures);
                    self.delay(failures)
                }
            };
            tokio::select! {
                () = sleep(delay) => {}
                // While it fails, new events are no reason to try sooner.
                () = self.wake.notified(), if failures == 0 => {}
                // A broker that is back is.
                () = connection::made_anew(&client, connections), if failures > 0 => {}
                () = stop.cancelled() => {}
            }
        }
        if let Err(error) = self.round().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "outgoing events stay queued until the next start");
        }
        tracing::info!("outbox stopped");
    }

    /// Publishes the oldest events; how many.
    async fn round(&mut self) -> Result<usize, RoundError> {
        if !self.provisioned {
            self.provision().await?;
        }
        let events = self.queue.oldest(&self.worker, self.settings.batch).await?;
        let count = events.len();
        if count == 0 {
            return Ok(0);
        }
        crash::point("outbox.before-publish");
        let Published { confirmed, failure } = publish(&self.context, events, self.settings.ack_timeout).await;
        let left = count - confirmed.len();
        if !confirmed.is_empty() {
            crash::point("outbox.before-forget");
            self.queue.forget(&self.worker, &confirmed).await?;
            crash::point("outbox.after-forget");
        }
        let Some(source) = failure else { return Ok(count) };
        // The stream may be gone; look again next time.
        self.provisioned = false;
        Err(RoundError::Publish { left, source })
    }

    async fn provision(&mut self) -> Result<(), RoundError> {
        match intake::provision_stream(&self.context, &self.settings.wish()).await {
            Ok((_, found)) => intake::warn_of(&mut self.warned, &self.settings.stream, found),
            Err(error) if intake::is_overlap(&error) => {
                let why = "another stream keeps its subjects already; outgoing events go there";
                let found = Unsafe { setting: "subjects", why };
                intake::warn_of(&mut self.warned, &self.settings.stream, vec![found]);
            }
            Err(error) => return Err(error.into()),
        }
        self.provisioned = true;
        Ok(())
    }

    /// 1, 2, 4, … times the first delay, up to the longest.
    fn delay(&self, failures: u32) -> Duration {
        let (first, longest) = self.settings.retry;
        first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(longest)
    }
}

/// Says once that it fails; the attempts after that only for those who look closely.
fn report(error: &RoundError, failures: u32) {
    let error = error as &dyn std::error::Error;
    if failures == 1 {
        tracing::warn!(error, "outgoing events wait");
    } else {
        tracing::debug!(error, failures, "outgoing events still wait");
    }
}

fn recovered(failures: u32) {
    if failures > 0 {
        tracing::info!(failures, "outgoing events are published again");
    }
}

#[cfg(test)]
mod tests;
