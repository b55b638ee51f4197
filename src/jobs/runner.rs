//! The loop: takes due operations of one kind, keeps their leases, writes their ends down.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;
use serde_json::Value as Json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Desk, Job, JobEnd, JobError, trace};
use crate::{
    clock::SharedClock,
    reconcile::Wake,
    store::{
        ClaimedOperation, OperationEnd, OperationError, OperationLease, OperationProgress, OperationRow, OperationState,
        Recorded, Store, StoreError, WorkerScope,
    },
};

/// The longest sleep: an operation that nobody announced (another replica's, a lease that ended) is found within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How operations are run.
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// Operations run at once by this process, each of another organisation.
    pub concurrency: usize,
    /// How long a claim lasts without being extended.
    pub lease: Duration,
    /// Runners in a row that may be lost over one operation until it fails (`WORKER_CRASHED`).
    pub max_crashes: u32,
    /// The wait before a run that could not go on is repeated.
    pub again: Duration,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self { concurrency: 4, lease: Duration::from_secs(30), max_crashes: 5, again: Duration::from_secs(5) }
    }
}

/// Carries out the operations of one kind. Made by the composition root; [`Runner::run`] is its life.
pub struct Runner<J> {
    /// Where operations are kept.
    pub store: Store,
    /// What carries them out.
    pub job: J,
    /// How.
    pub settings: JobSettings,
    /// The time.
    pub clock: SharedClock,
    /// Wakes the loop when an operation was queued.
    pub wake: Wake,
    /// Told whenever an end has been recorded: there may be events to publish, or objects to deliver.
    pub ended: Vec<Arc<tokio::sync::Notify>>,
    /// The loop's right to any organisation's operations.
    pub worker: WorkerScope,
    /// Who claims, for people who read the store.
    pub owner: String,
}

impl<J: Job> Runner<J> {
    /// Runs until `stop`; then waits for the runs under way, which are told to end, and puts them back into the queue.
    pub async fn run(self, stop: CancellationToken) {
        let this = Arc::new(self);
        let slots = Arc::new(Semaphore::new(this.settings.concurrency.max(1)));
        let runs = TaskTracker::new();
        while let Some(slot) = free_slot(&slots, &stop).await {
            match this.claim().await {
                Ok(Some(claimed)) => this.start(claimed, slot, &stop, &runs),
                Ok(None) => this.sleep(slot, &stop).await,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "could not claim an operation");
                    this.sleep(slot, &stop).await;
                }
            }
        }
        runs.close();
        runs.wait().await;
    }

    async fn claim(&self) -> Result<Option<ClaimedOperation>, StoreError> {
        let now = self.clock.now();
        self.store.claim_operation(&self.worker, now, self.job.kind(), &self.owner, self.until(now)).await
    }

    fn until(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + TimeDelta::from_std(self.settings.lease).unwrap_or(TimeDelta::MAX)
    }

    fn start(
        self: &Arc<Self>,
        claimed: ClaimedOperation,
        slot: OwnedSemaphorePermit,
        stop: &CancellationToken,
        runs: &TaskTracker,
    ) {
        let (this, stop) = (self.clone(), stop.child_token());
        runs.spawn(async move {
            let _slot = slot;
            let (id, organisation) = (claimed.lease.id.clone(), claimed.lease.scope.organisation().clone());
            if let Err(error) = this.work_on(claimed, stop).await {
                // The lease runs out, and another run starts over.
                tracing::error!(%organisation, id, error = &error as &dyn std::error::Error, "an operation's run ended badly");
            }
            this.wake.wake();
        });
    }

    async fn work_on(&self, claimed: ClaimedOperation, stop: CancellationToken) -> Result<(), StoreError> {
        let ClaimedOperation { lease, mut operation, crashes } = claimed;
        if crashes >= self.settings.max_crashes {
            let message = format!("{crashes} workers in a row ended without a word while they worked on it");
            let mut end = failed(&operation, "WORKER_CRASHED", message);
            self.job.lost(&lease.scope, &operation, &mut end).await?;
            return self.end(&lease, end).await;
        }
        tracing::info!(organisation = %lease.scope.organisation(), id = operation.id, kind = operation.kind.label(), "operation started");
        let span = trace::run(&mut operation, &lease.scope);
        let desk = Desk { store: self.store.clone(), lease: lease.clone(), stop };
        // A job that panics must not end the loop, nor run for ever: it counts as a crash once its lease has ended.
        let run = AssertUnwindSafe(self.job.run(&operation, &desk)).catch_unwind();
        let ended = tokio::select! {
            ended = run => ended,
            () = self.keep(&lease, &desk.stop) => return Ok(()),
        };
        if let Ok(Ok(end)) = &ended {
            trace::ended(&span, end);
        }
        match ended {
            Ok(Ok(JobEnd::Ended(end))) => self.end(&lease, end).await,
            Ok(Ok(JobEnd::Recorded(_))) => {
                self.tell();
                Ok(())
            }
            Ok(Ok(JobEnd::Again(at))) => self.store.release_operation(&lease, at).await.map(drop),
            Ok(Err(JobError::LeaseLost)) => {
                span.failed("leaseLost");
                Ok(())
            }
            Ok(Err(JobError::Store(error))) => {
                span.failed("notRecorded");
                let again = TimeDelta::from_std(self.settings.again).unwrap_or_default();
                tracing::warn!(id = operation.id, error = &error as &dyn std::error::Error, "an operation waits for the store");
                self.store.release_operation(&lease, self.clock.now() + again).await.map(drop)
            }
            Err(_panic) => {
                span.failed("panic");
                tracing::error!(id = operation.id, "an operation's run panicked");
                Ok(())
            }
        }
    }

    async fn end(&self, lease: &OperationLease, end: OperationEnd) -> Result<(), StoreError> {
        let state = end.state;
        if self.store.end_operation(lease, self.clock.now(), end).await? == Recorded::Done {
            tracing::info!(organisation = %lease.scope.organisation(), id = lease.id, state = state.label(), "operation ended");
            self.tell();
        }
        Ok(())
    }

    fn tell(&self) {
        for notify in &self.ended {
            notify.notify_one();
        }
    }

    /// Extends the lease three times its length; returns when it is lost, and the run with it.
    async fn keep(&self, lease: &OperationLease, stop: &CancellationToken) {
        loop {
            tokio::time::sleep(self.settings.lease / 3).await;
            match self.store.extend_operation(lease, self.until(self.clock.now())).await {
                Ok(Recorded::Done) => {}
                Ok(Recorded::LeaseLost) => {
                    tracing::warn!(id = lease.id, "an operation was taken over");
                    stop.cancel();
                    return;
                }
                // What the run writes is fenced, so it may go on while the store is away.
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "could not extend an operation's lease"),
            }
        }
    }

    async fn sleep(&self, slot: OwnedSemaphorePermit, stop: &CancellationToken) {
        drop(slot);
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.wake.woken() => {}
            () = tokio::time::sleep(LONGEST_SLEEP) => {}
        }
    }
}

async fn free_slot(slots: &Arc<Semaphore>, stop: &CancellationToken) -> Option<OwnedSemaphorePermit> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        permit = slots.clone().acquire_owned() => permit.ok(),
    }
}

/// The end of an operation that failed as a whole.
fn failed(operation: &OperationRow, code: &str, message: String) -> OperationEnd {
    OperationEnd {
        state: OperationState::Failed,
        progress: OperationProgress { done: operation.done, total: operation.total, counts: Json::clone(&operation.counts) },
        error: Some(OperationError { code: code.to_owned(), message }),
        audit: Vec::new(),
        outgoing: Vec::new(),
    }
}
