//! Reading the stream once more, from an instant on: the way back to the present after yesterday's database was restored.
//!
//! Through a consumer of its own that ends with the reading, so that the durable one keeps its place and a running service is not
//! disturbed. What comes takes the path of any event: versions that are known change nothing. Every object that is touched is
//! due for a look at what stands, in every mailbox that any of its events names, so that an item which the restored database knows
//! nothing of is adopted, not made twice, and one that should not stand any more is removed.

use std::time::Duration;

use async_nats::jetstream::{
    Context, Message,
    consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
};
use chrono::{DateTime, Utc};

use super::{
    IntakeSettings,
    pull::{Pulled, pull as pull_some},
    sort::Sorted,
};
use crate::{
    clock::SharedClock,
    store::{Store, StoreError, Taken, WorkerScope},
};

/// How long one pull waits for a message that must be there.
const WAIT: Duration = Duration::from_secs(5);
/// How long the server keeps a consumer whose reader has died.
const FORGOTTEN: Duration = Duration::from_mins(1);

/// What was read again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reread {
    /// Messages read.
    pub read: u64,
    /// Those that became the wanted state of their object.
    pub applied: u64,
    /// Those that were known already, or overtaken.
    pub known: u64,
    /// Those of a known version with other data.
    pub conflicts: u64,
    /// Those that are dead letters (kept once, however often they are read).
    pub rejected: u64,
    /// Those that belong to nobody.
    pub unroutable: u64,
}

/// Why reading again stopped. What was read before is kept; reading again from the same instant is harmless.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The broker.
    #[error("reading the stream {stream:?} again")]
    Broker {
        /// Its name.
        stream: String,
        /// What happened.
        #[source]
        source: async_nats::Error,
    },
    /// The store.
    #[error("taking events in again")]
    Store(#[from] StoreError),
    /// An instant that the broker cannot be told.
    #[error("{0} is too far away")]
    Instant(DateTime<Utc>),
}

/// Reads what is in the stream since `from`, up to what is in it now; calls `told` after every batch.
pub async fn replay(
    context: &Context,
    store: &Store,
    worker: &WorkerScope,
    clock: &SharedClock,
    settings: &IntakeSettings,
    from: DateTime<Utc>,
    mut told: impl FnMut(&Reread) + Send,
) -> Result<Reread, ReplayError> {
    let broker = |source: async_nats::Error| ReplayError::Broker { stream: settings.stream.clone(), source };
    let nanos = i128::from(from.timestamp_micros()) * 1_000;
    let start_time = async_nats::datetime::from_nanos(nanos).map_err(|_| ReplayError::Instant(from))?;
    let stream = context.get_stream(&settings.stream).await.map_err(|error| broker(error.into()))?;
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartTime { start_time },
        ack_policy: AckPolicy::None,
        filter_subjects: IntakeSettings::subjects(),
        inactive_threshold: FORGOTTEN,
        ..Default::default()
    };
    let consumer: PullConsumer = stream.create_consumer(config).await.map_err(|error| broker(error.into()))?;
    // What is published from now on reaches the durable consumer anyway.
    let mut left = consumer.cached_info().num_pending;
    let mut sum = Reread::default();
    while left > 0 {
        let limit = settings.batch.min(usize::try_from(left).unwrap_or(usize::MAX));
        let Pulled { messages, broken } = pull_some(&consumer, limit, WAIT, std::future::pending()).await;
        if messages.is_empty() {
            return Err(broker(broken.unwrap_or_else(|| "the stream ended before its time".into())));
        }
        left = left.saturating_sub(messages.len() as u64);
        take(store, worker, clock.now(), &messages, &mut sum).await?;
        told(&sum);
        // Without acknowledgements, what a broken pull had sent does not come again by itself.
        broken.map_or(Ok(()), |error| Err(broker(error)))?;
    }
    if let Err(error) = stream.delete_consumer(&consumer.cached_info().name).await {
        tracing::debug!(%error, "the consumer ends by itself");
    }
    Ok(sum)
}

async fn take(
    store: &Store,
    worker: &WorkerScope,
    now: DateTime<Utc>,
    messages: &[Message],
    sum: &mut Reread,
) -> Result<(), ReplayError> {
    let sorted = Sorted::read(messages, now);
    sum.read += messages.len() as u64;
    sum.rejected += sorted.rejections.len() as u64;
    sum.unroutable += (messages.len().saturating_sub(sorted.arrivals.len() + sorted.rejections.len())) as u64;
    if sorted.is_empty() {
        return Ok(());
    }
    for taken in store.take_in_again(worker, now, sorted.arrivals, sorted.rejections).await? {
        match taken {
            Taken::Applied => sum.applied += 1,
            Taken::Duplicate | Taken::Stale => sum.known += 1,
            Taken::Conflict => sum.conflicts += 1,
        }
    }
    Ok(())
}
