//! One batch: committed and settled, or given back.

use async_nats::jetstream::Message;
use tokio_util::sync::CancellationToken;

use super::{Inbox, Intake, run::pause, settle, sort::Sorted};
use crate::{crash, store::StoreError};

/// Failures in a row after which a batch is committed message by message, in case one of them is what the store cannot take.
const SUSPICIOUS: u32 = 3;

impl<I: Inbox> Intake<I> {
    /// Commits a batch and settles it; when the store fails, gives it back and waits.
    pub(super) async fn take(&mut self, messages: Vec<Message>, stop: &CancellationToken) {
        let pending = messages.last().and_then(|message| message.info().ok().map(|info| info.pending)).unwrap_or_default();
        self.metrics.consumer_pending.set(i64::try_from(pending).unwrap_or(i64::MAX));
        let Err((messages, error)) = self.commit(messages).await else { return self.report_recovery() };
        self.failures = self.failures.saturating_add(1);
        self.health.committing(Some("the store does not take events"));
        if self.failures == 1 {
            let (error, sequence) = (&error as &dyn std::error::Error, sequence(&messages));
            tracing::error!(error, sequence, "the store does not take events; they wait in the stream");
        }
        let suspicious = !matches!(error, StoreError::Unavailable { .. }) || self.failures >= SUSPICIOUS;
        let count = messages.len();
        let left = if suspicious && count > 1 { self.take_one_by_one(messages).await } else { messages };
        if left.len() == count && matches!(error, StoreError::Unavailable { .. }) {
            // The store is away, and no message is at fault. Were each given back for as long as it had come often, a store that had
            // been away a few times would be back for half a minute before anything was delivered again.
            let delay = self.delay(self.failures).min(self.settings.store_retry);
            settle::give_back(&left, |_| delay).await;
            pause(delay, stop).await;
        } else {
            settle::give_back(&left, |delivered| self.delay(delivered.max(self.failures))).await;
            pause(self.delay(self.failures), stop).await;
        }
    }

    /// Commits messages each on its own, so that one which the store cannot take does not hold up the others. Stops at two
    /// failures in a row: then it is the store. Returns what was not committed.
    async fn take_one_by_one(&self, messages: Vec<Message>) -> Vec<Message> {
        let count = messages.len();
        let (mut left, mut refused) = (Vec::new(), Vec::new());
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
                    refused.push((sequence(&message), error));
                    left.extend(message);
                }
            }
        }
        // Where none was taken, the store is down, and that was said when it began.
        if left.len() < count {
            for (sequence, error) in refused {
                tracing::warn!(error = &error as &dyn std::error::Error, sequence, "the store does not take this event");
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
            crash::point("intake.before-commit");
            match self.inbox.take_in(now, arrivals, rejections).await {
                Ok(taken) => taken,
                Err(error) => {
                    sorted.not_taken(&error);
                    return Err((messages, error));
                }
            }
        };
        crash::point("intake.before-ack");
        self.committed.iter().for_each(|notify| notify.notify_one());
        let settlements = sorted.settlements(messages, &taken, &self.metrics);
        settle::settle(&self.context.client(), settlements, self.settings.ack_timeout).await;
        drop(sorted);
        crash::point("intake.after-ack");
        Ok(())
    }

    fn report_recovery(&mut self) {
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "the store takes events again");
        }
        self.failures = 0;
        self.health.committing(None);
    }
}

/// The place in the stream of the first of some messages.
fn sequence(messages: &[Message]) -> Option<u64> {
    messages.first().and_then(|message| message.info().ok().map(|info| info.stream_sequence))
}
