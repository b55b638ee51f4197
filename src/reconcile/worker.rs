//! The loop: takes due objects under lease, starts a run for each, sleeps until something is due.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    DeliverySettings, Fitting, Tenants, Wake,
    lease::Leases,
    run::{Ended, Run},
};
use crate::{
    clock::SharedClock,
    crash,
    ids::Ids,
    metrics::Metrics,
    store::{Claim, ClaimRequest, Store, StoreError, WorkerScope},
};

/// The longest sleep: due work that nobody announced (another replica's, an expired lease) is found within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// The sleep while all that is due belongs to mailboxes with their full number of leases: one of another replica may end.
const OUT_OF_REACH: Duration = Duration::from_millis(100);
/// The pause after the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Objects claimed in one go, at most.
const CLAIM: usize = 256;

/// Keeps one capability in agreement. Made by the composition root; [`Reconciler::run`] is its life.
pub struct Reconciler<C, T> {
    /// Its objects.
    pub store: Store,
    /// What it delivers; or what makes that for each object.
    pub capability: C,
    /// Whose connections it uses.
    pub tenants: T,
    /// How hard it tries.
    pub settings: DeliverySettings,
    /// The time.
    pub clock: SharedClock,
    /// Ids and jitter.
    pub ids: Ids,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Wakes the loop when something may be due.
    pub wake: Wake,
    /// Told whenever a run has recorded events to publish.
    pub published: Wake,
    /// The loop's right to any organisation's due work.
    pub worker: WorkerScope,
    /// Who claims, for people who read the store.
    pub owner: String,
}

impl<C: Fitting, T: Tenants> Reconciler<C, T> {
    /// Runs until `stop`; then waits for the runs under way, so that nothing is left half recorded.
    pub async fn run(self, stop: CancellationToken) {
        let this = Arc::new(self);
        let leases = Arc::new(Leases::default());
        let slots = Arc::new(Semaphore::new(this.settings.concurrency));
        let runs = TaskTracker::new();
        let finished = CancellationToken::new();
        let keeper = tokio::spawn(this.clone().keep(leases.clone(), finished.clone()));
        while !stop.is_cancelled() {
            let Some(permits) = this.free_slots(&slots, &stop).await else { break };
            let asked_at = this.clock.now();
            match this.claim(asked_at, permits.num_permits()).await {
                Ok(claims) if claims.is_empty() => {
                    drop(permits);
                    this.sleep(asked_at, &stop).await;
                }
                Ok(claims) => this.start(claims, permits, &leases, &runs),
                Err(error) => {
                    drop(permits);
                    tracing::error!(error = &error as &dyn std::error::Error, "could not claim work");
                    tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(AFTER_FAILURE) => {} }
                }
            }
        }
        runs.close();
        runs.wait().await;
        finished.cancel();
        if let Err(error) = keeper.await {
            tracing::error!(%error, "the lease keeper ended badly");
        }
    }

    async fn keep(self: Arc<Self>, leases: Arc<Leases>, finished: CancellationToken) {
        tokio::select! {
            () = finished.cancelled() => {}
            () = leases.keep(&self.store, &self.clock, self.settings.lease) => {}
        }
    }

    /// Waits for a free slot, then takes all that are free, up to one claim's worth.
    async fn free_slots(&self, slots: &Arc<Semaphore>, stop: &CancellationToken) -> Option<OwnedSemaphorePermit> {
        let mut first = tokio::select! {
            () = stop.cancelled() => return None,
            permit = slots.clone().acquire_owned() => permit.ok()?,
        };
        let more = slots.available_permits().min(CLAIM - 1);
        if let Ok(rest) = slots.clone().try_acquire_many_owned(u32::try_from(more).unwrap_or(0)) {
            first.merge(rest);
        }
        Some(first)
    }

    async fn claim(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Claim>, StoreError> {
        let request = ClaimRequest {
            kinds: vec![self.capability.kind()],
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            per_target: self.settings.per_target,
            owner: self.owner.clone(),
            lease_until: now + TimeDelta::from_std(self.settings.lease).unwrap_or(TimeDelta::MAX),
        };
        self.store.claim(&self.worker, now, request).await
    }

    fn start(self: &Arc<Self>, claims: Vec<Claim>, mut permits: OwnedSemaphorePermit, leases: &Arc<Leases>, runs: &TaskTracker) {
        for claim in claims {
            let this = self.clone();
            let leases = leases.clone();
            let slot = permits.split(1);
            runs.spawn(async move {
                let _slot = slot;
                this.work_on(claim, &leases).await;
                this.wake.wake();
            });
        }
    }

    async fn work_on(&self, claim: Claim, leases: &Leases) {
        crash::point("claim.after-commit");
        let held = leases.hold(claim.lease.clone());
        let scope = claim.lease.scope.clone();
        let key = claim.lease.key.clone();
        let event_time = claim.context.time;
        let graph = self.tenants.graph(&scope).await;
        let (capability, graph) = match graph {
            Err(failure) => (self.capability.unfitted(), Err(failure)),
            Ok(graph) => match self.capability.fit(&claim, &graph).await {
                Err(failure) => (self.capability.unfitted(), Err(failure)),
                Ok(capability) => (capability, Ok(graph)),
            },
        };
        let run = Run {
            store: &self.store,
            capability: &capability,
            settings: &self.settings,
            clock: &self.clock,
            ids: &self.ids,
            held: held.clone(),
            aside: false,
        };
        let ended = run.go(claim, graph).await;
        leases.release(&held);
        self.published.wake();
        match ended {
            Ok(report) => self.count(report.ended, event_time),
            // The lease runs out, another run takes over and looks before it acts.
            Err(error) => {
                tracing::error!(organisation = %scope.organisation(), key, error = &error as &dyn std::error::Error, "could not record a delivery");
            }
        }
    }

    fn count(&self, ended: Ended, event_time: DateTime<Utc>) {
        let capability = self.capability.kind().delivered_by().label();
        let outcome = match ended {
            Ended::Settled => "succeeded",
            Ended::Retried => "retried",
            Ended::Unknown => "unknown",
            Ended::Failed => "failed",
            Ended::Superseded => "superseded",
        };
        self.metrics.delivery_attempts_total.with_label_values(&[capability, outcome]).inc();
        if ended == Ended::Settled {
            let latency = (self.clock.now() - event_time).to_std().unwrap_or_default();
            self.metrics.delivery_latency_seconds.with_label_values(&[capability]).observe(latency.as_secs_f64());
        }
    }

    /// After a claim at `asked_at` that brought nothing: sleeps until woken, until the next object is due, or for the longest sleep.
    async fn sleep(&self, asked_at: DateTime<Utc>, stop: &CancellationToken) {
        let due = match self.store.next_due(&self.worker, &[self.capability.kind()]).await {
            // Due when we asked, and not given: its mailbox has as many objects under lease as it may. The end of one of those runs
            // wakes us; asking every few milliseconds meanwhile would only keep the store busy.
            Ok(Some(at)) if at <= asked_at => OUT_OF_REACH,
            Ok(Some(at)) => (at - self.clock.now()).to_std().unwrap_or_default().clamp(Duration::from_millis(5), LONGEST_SLEEP),
            _ => LONGEST_SLEEP,
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.wake.woken() => {}
            () = tokio::time::sleep(due) => {}
        }
    }
}
