//! Imports on a timer, for scopes that were imported before.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::{ImportMode, Imports};
use crate::{
    connections::Actor,
    store::{StoreError, WorkerScope},
};

/// How often is looked: one statement over as many rows as there are scopes.
const LOOK: Duration = Duration::from_secs(2);
/// How much of the interval an import may come early: organisations that began together do not stay together.
const JITTER: f64 = 0.1;

/// Queues imports when they are due.
pub struct Schedule {
    /// Starts them.
    pub imports: Imports,
    /// From one import of a scope to its next.
    pub every: Duration,
    /// The right to any organisation's rows.
    pub worker: WorkerScope,
}

impl Schedule {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK.min(self.every)) => {}
            }
            if let Err(error) = self.look().await {
                tracing::error!(error = &error as &dyn std::error::Error, "could not look for imports that are due");
            }
        }
    }

    /// Queues what is due. A scope's turn is taken in one statement, so that of several replicas one queues it.
    async fn look(&self) -> Result<(), StoreError> {
        let now = self.imports.clock.now();
        for due in self.imports.store.due_imports(&self.worker, now).await? {
            if !self.imports.store.take_due_import(&due, self.next(now)).await? {
                continue;
            }
            // Its first turn is only planned.
            if due.planned_at.is_none() {
                continue;
            }
            let started = self.imports.start(&due.scope, &Actor::system(), due.import, ImportMode::Auto, false).await;
            if let Err(error) = started {
                tracing::error!(organisation = %due.scope.organisation(), error = &error as &dyn std::error::Error, "could not queue an import");
            }
        }
        Ok(())
    }

    fn next(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let share = 1.0 - JITTER * self.imports.ids.fraction();
        now + TimeDelta::from_std(self.every.mul_f64(share)).unwrap_or(TimeDelta::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use super::*;
    use crate::{clock::Clock, ids::Ids, store::Store};

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }
    }

    #[tokio::test]
    async fn the_next_turn_is_a_little_early_and_never_late() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite://{}", folder.path().join("store.db").display())).await.unwrap();
        let imports = Imports::new(store, Arc::new(Stopped), Ids::seeded(7));
        let schedule = Schedule { imports, every: Duration::from_hours(6), worker: WorkerScope::for_loops() };
        let now = schedule.imports.clock.now();
        let waits: Vec<_> = (0..200).map(|_| (schedule.next(now) - now).num_seconds()).collect();
        let six_hours = 6 * 60 * 60;
        assert!(waits.iter().all(|wait| (six_hours * 9 / 10..=six_hours).contains(wait)), "{waits:?}");
        let different: BTreeSet<_> = waits.iter().collect();
        assert!(different.len() > 100, "organisations that began together do not stay together");
    }
}
