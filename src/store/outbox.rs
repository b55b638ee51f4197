//! Events owed to others: committed with what they tell of, published after.

use super::{Store, StoreError, WorkerScope};
use crate::organisation::OrgScope;

pub use crate::events::Outgoing as OutgoingEvent;

/// An event that waits to be published.
#[derive(Debug, Clone)]
pub struct QueuedEvent {
    /// Whose.
    pub scope: OrgScope,
    /// Its place in the queue.
    pub sequence: i64,
    /// The event.
    pub event: OutgoingEvent,
}

impl Store {
    /// The oldest events that wait.
    pub async fn outbox(&self, _worker: &WorkerScope, _limit: u32) -> Result<Vec<QueuedEvent>, StoreError> {
        unimplemented!()
    }

    /// Forgets events that the broker has confirmed.
    pub async fn published(&self, _worker: &WorkerScope, _events: &[QueuedEvent]) -> Result<(), StoreError> {
        unimplemented!()
    }
}
