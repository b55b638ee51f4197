//! How events are taken in.

use std::time::Duration;

use super::{ConsumerWish, StreamWish};

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
    /// First and longest delay while the broker fails, and until an event comes again that the store refuses.
    pub retry: (Duration, Duration),
    /// The longest delay while the store takes nothing at all: so long may it be back before events go on.
    pub store_retry: Duration,
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
            store_retry: Duration::from_secs(2),
            max_age: Duration::from_hours(30 * 24),
            replicas: 1,
            ack_wait: Duration::from_secs(30),
        }
    }
}

impl IntakeSettings {
    /// What every organisation may publish.
    pub(super) fn subjects() -> Vec<String> {
        ["task", "outage", "zone"].into_iter().map(|kind| format!("argus.*.{kind}.*")).collect()
    }

    pub(super) fn stream_wish(&self) -> StreamWish {
        StreamWish { name: self.stream.clone(), subjects: Self::subjects(), max_age: self.max_age, replicas: self.replicas }
    }

    pub(super) fn consumer_wish(&self) -> ConsumerWish {
        // Room for a few replicas with a batch in hand each, and for batches that wait to come back.
        let max_ack_pending = i64::try_from(self.batch.saturating_mul(4)).unwrap_or(i64::MAX);
        ConsumerWish { durable: self.durable.clone(), subjects: Self::subjects(), ack_wait: self.ack_wait, max_ack_pending }
    }
}
