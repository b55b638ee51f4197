//! The loop: one session with the broker after another, each a series of pulls.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{Context, consumer::PullConsumer};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Inbox, IntakeHealth, IntakeSettings, ProvisionError, Unsafe, connection, provision,
    pull::{self, Pulled},
};
use crate::{clock::SharedClock, metrics::Metrics};

const NOT_CONNECTED: &str = "the broker is not connected";

/// Why a session with the broker ended.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error("preparing the stream and the consumer")]
    Provision(#[from] ProvisionError),
    #[error("the connection was lost")]
    Lost,
    #[error("pulling events")]
    Pull(#[source] async_nats::Error),
}

/// The loop that takes events in.
pub struct Intake<I> {
    pub(super) context: Context,
    pub(super) inbox: I,
    pub(super) clock: SharedClock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) settings: IntakeSettings,
    pub(super) health: IntakeHealth,
    pub(super) committed: Vec<Arc<Notify>>,
    warned: Vec<Unsafe>,
    /// Batches in a row that the store did not take.
    pub(super) failures: u32,
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
            let connections = connection::made(&self.context.client());
            let Err(error) = self.session(&stop).await else { break };
            self.losses = self.losses.saturating_add(1);
            self.report_loss(&error);
            // The first time at once: a broker that was restarted is back already.
            if self.losses > 1 {
                tokio::select! {
                    () = pause(self.delay(self.losses - 1), &stop) => {}
                    _ = self.interruption(connections, &stop) => {}
                }
            }
        }
        tracing::info!("intake stopped");
    }

    /// Works with the stream and consumer as they are, until stopped (`Ok`) or until they are not there any more.
    async fn session(&mut self, stop: &CancellationToken) -> Result<(), SessionError> {
        self.connected(stop).await;
        let client = self.context.client();
        let consumer = tokio::select! {
            consumer = self.provision() => consumer?,
            () = connection::lost(&client) => return Err(SessionError::Lost),
            () = stop.cancelled() => return Ok(()),
        };
        self.health.reachable();
        loop {
            let give_up = self.interruption(connection::made(&self.context.client()), stop);
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
            self.report_return();
        }
    }

    /// Waits until there is a connection: without one, a question to the server only waits for the end of its patience.
    async fn connected(&self, stop: &CancellationToken) {
        let client = self.context.client();
        while !connection::stands(&client) && !stop.is_cancelled() {
            self.health.unreachable(false, NOT_CONNECTED);
            tokio::select! {
                () = sleep(connection::CHECK) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Ends when a pull or a pause should not wait any longer: told to stop (`None`), or connected anew after the `before`th
    /// connection, when the server knows nothing of the pull any more.
    async fn interruption(&self, before: u64, stop: &CancellationToken) -> Option<async_nats::Error> {
        let client = self.context.client();
        while connection::made(&client) == before {
            tokio::select! {
                () = sleep(connection::CHECK) => {}
                () = stop.cancelled() => return None,
            }
            if !connection::stands(&client) {
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

    fn report_loss(&self, error: &SessionError) {
        let connected = connection::stands(&self.context.client());
        let reason = if connected { "the stream or its consumer is not reachable" } else { NOT_CONNECTED };
        self.health.unreachable(connected, reason);
        if self.losses == 1 {
            tracing::warn!(error = error as &dyn std::error::Error, connected, "{reason}; trying again until it is");
        }
    }

    fn report_return(&mut self) {
        if self.losses > 0 {
            tracing::info!(attempts = self.losses, "the stream and its consumer are reachable again");
        }
        self.losses = 0;
        self.health.reachable();
    }

    /// 1, 2, 4, … times the first delay, up to the longest.
    pub(super) fn delay(&self, failures: u32) -> Duration {
        let (first, longest) = self.settings.retry;
        first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(longest)
    }
}

pub(super) async fn pause(delay: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = sleep(delay) => {}
        () = stop.cancelled() => {}
    }
}
