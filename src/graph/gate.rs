//! Policy: at most 4 calls in flight per connection and target, first come, first served.
//!
//! Exchange Online refuses the fifth call of one application to one mailbox at a time (`ApplicationThrottled`,
//! `MailboxConcurrency`; Microsoft, "Microsoft Graph service-specific throttling limits"), and refused calls count as well.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::access::ConnectionKey;

/// Calls in flight for one target.
const AT_ONCE: usize = 4;

type Target = (ConnectionKey, String);

/// The queues of all targets that are in use now; a target nobody uses takes no memory.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<Mutex<HashMap<Target, Arc<Semaphore>>>>);

/// The right to have one call in flight; given back when dropped.
pub(super) struct Turn {
    // Dropped in this order: the permit first, so that the place sees whether it was the last.
    _permit: Option<OwnedSemaphorePermit>,
    _place: Place,
}

/// A place in a target's queue, from the moment somebody asks until the call is over or given up.
struct Place {
    gate: Gate,
    target: Target,
    queue: Option<Arc<Semaphore>>,
}

impl Gate {
    /// Waits for a turn.
    pub(super) async fn enter(&self, connection: ConnectionKey, target: &str) -> Turn {
        let target = (connection, target.to_owned());
        let queue = Arc::clone(self.lock().entry(target.clone()).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))));
        let place = Place { gate: self.clone(), target, queue: Some(Arc::clone(&queue)) };
        // Fails only when the semaphore is closed, which nobody does; going ahead would then be right too.
        let permit = queue.acquire_owned().await.ok();
        Turn { _permit: permit, _place: place }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Target, Arc<Semaphore>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut targets = self.gate.lock();
        drop(self.queue.take());
        // Places are made under this lock, so a count of one is the map's own and cannot rise meanwhile.
        if targets.get(&self.target).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            targets.remove(&self.target);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;
    use crate::graph::testing::access;

    fn connection(name: &str) -> ConnectionKey {
        access(name, 1).connection()
    }

    #[tokio::test]
    async fn four_go_ahead_the_fifth_waits_and_others_are_not_held_up() {
        let gate = Gate::default();
        let mut turns = Vec::new();
        for _ in 0..AT_ONCE {
            turns.push(gate.enter(connection("acme"), "ann").await);
        }
        assert!(gate.enter(connection("acme"), "ann").now_or_never().is_none());
        assert!(gate.enter(connection("acme"), "bob").now_or_never().is_some());
        assert!(gate.enter(connection("other"), "ann").now_or_never().is_some());
        turns.pop();
        assert!(gate.enter(connection("acme"), "ann").now_or_never().is_some());
    }

    #[tokio::test]
    async fn turns_come_in_the_order_they_were_asked_for() {
        let gate = Gate::default();
        let turns = [(); AT_ONCE].map(|()| gate.enter(connection("acme"), "ann").now_or_never().unwrap());
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..20 {
            let (gate, sender) = (gate.clone(), sender.clone());
            tokio::spawn(async move {
                let _turn = gate.enter(connection("acme"), "ann").await;
                sender.send(number).unwrap();
            });
        }
        drop((sender, turns));
        let mut order = Vec::new();
        while let Some(number) = tokio::time::timeout(Duration::from_secs(5), receiver.recv()).await.unwrap() {
            order.push(number);
        }
        assert_eq!(order, (0..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn nothing_is_remembered_of_targets_nobody_uses_not_even_of_callers_who_gave_up() {
        let gate = Gate::default();
        for number in 0..100 {
            drop(gate.enter(connection("acme"), &number.to_string()).await);
        }
        assert_eq!(gate.lock().len(), 0);

        let turns = [(); AT_ONCE].map(|()| gate.enter(connection("acme"), "ann").now_or_never().unwrap());
        let mut waiting = Box::pin(gate.enter(connection("acme"), "ann"));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(turns);
        assert_eq!(gate.lock().len(), 1, "somebody still waits");
        drop(waiting);
        assert_eq!(gate.lock().len(), 0);
    }
}
