//! The loop: takes due objects under lease, starts a run for each, sleeps until something is due.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    DeliverySettings, Fitting, Tenants, Wake,
    begin::{Begun, begin},
    heed::{Heeding, Waits},
    lease::Leases,
    presence::{Keeper, Presence},
    run::{Ended, Run},
    slots::{Slot, Slots},
};
use crate::{
    capabilities::Capability,
    clock::SharedClock,
    crash,
    events::EventContext,
    graph::Traced,
    ids::Ids,
    metrics::Metrics,
    organisation::OrgScope,
    store::{Claim, ClaimRequest, Shares, Store, StoreError, WorkerScope},
    traces::{Span, SpanKind, TraceContext},
};

/// The longest sleep: due work that nobody announced (another replica's, an expired lease) is found within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// The sleep while all that is due belongs to mailboxes with their full number of leases: one of another replica may end.
const OUT_OF_REACH: Duration = Duration::from_millis(100);
/// The pause after the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The pause before asking again whether others know that this loop lives.
const NOT_PRESENT: Duration = Duration::from_millis(20);
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

/// What the runs of a loop share.
#[derive(Debug, Default)]
struct Shared {
    leases: Leases,
    waits: Waits,
    presence: Presence,
}

type CallOf<C> = <<C as Fitting>::Capability as Capability>::Call;

impl<C: Fitting, T: Tenants> Reconciler<C, T> {
    /// Runs until `stop`; then waits for the runs under way, so that nothing is left half recorded.
    pub async fn run(self, stop: CancellationToken) {
        let this = Arc::new(self);
        let shared = Arc::new(Shared::default());
        let slots = Slots::new(this.settings.concurrency);
        let runs = TaskTracker::new();
        let finished = CancellationToken::new();
        let keeper = tokio::spawn(this.clone().keep(shared.clone(), finished.clone()));
        let presence = tokio::spawn(this.clone().keep_present(shared.clone(), finished.clone()));
        while !stop.is_cancelled() {
            let Some(permits) = slots.free(CLAIM, &stop).await else { break };
            let asked_at = this.clock.now();
            if !shared.presence.stands(asked_at) {
                drop(permits);
                tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(NOT_PRESENT) => {} }
                continue;
            }
            let room = slots.shares(&permits);
            let some_are_full = room.any_full();
            match this.claim(asked_at, permits.num_permits(), room, &shared.waits).await {
                Ok(claims) if claims.is_empty() => {
                    drop(permits);
                    this.sleep(asked_at, some_are_full, &stop).await;
                }
                Ok(claims) => this.start(claims, permits, &slots, &shared, &runs),
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
        for (name, keeper) in [("lease keeper", keeper), ("keeper of its presence", presence)] {
            if let Err(error) = keeper.await {
                tracing::error!(%error, "the {name} ended badly");
            }
        }
    }

    async fn keep(self: Arc<Self>, shared: Arc<Shared>, finished: CancellationToken) {
        tokio::select! {
            () = finished.cancelled() => {}
            () = shared.leases.keep(&self.store, &self.clock, self.settings.lease) => {}
        }
    }

    async fn claim(
        self: &Arc<Self>,
        now: DateTime<Utc>,
        limit: usize,
        shares: Shares,
        waits: &Waits,
    ) -> Result<Vec<Begun<CallOf<C>>>, StoreError> {
        // Before the claim: no run may start that does not know what others were told.
        waits.refresh(&self.store, &self.worker, self.capability.kind().delivered_by(), &self.clock).await?;
        let request = ClaimRequest {
            kinds: vec![self.capability.kind()],
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            per_target: self.settings.per_target,
            owner: self.owner.clone(),
            lease_until: now + TimeDelta::from_std(self.settings.lease).unwrap_or(TimeDelta::MAX),
            shares,
        };
        let this = self.clone();
        let begin = move |claim: Claim| {
            let ready = this.capability.ready().filter(|_| this.tenants.is_open(&claim.lease.scope));
            begin(ready, &this.settings, claim, now)
        };
        self.store.claim_and_begin(&self.worker, now, request, begin).await
    }

    fn start(
        self: &Arc<Self>,
        begun: Vec<Begun<CallOf<C>>>,
        mut permits: OwnedSemaphorePermit,
        slots: &Arc<Slots>,
        shared: &Arc<Shared>,
        runs: &TaskTracker,
    ) {
        for begun in begun {
            let this = self.clone();
            let shared = shared.clone();
            let slot = slots.take(&begun.lease.scope, permits.split(1));
            runs.spawn(async move {
                this.work_on(begun, &shared, &slot).await;
                drop(slot);
                this.wake.wake();
            });
        }
    }

    async fn work_on(&self, mut begun: Begun<CallOf<C>>, shared: &Shared, slot: &Slot) {
        crash::point("claim.after-commit");
        let Shared { leases, waits, presence } = shared;
        let held = leases.hold(begun.lease.clone());
        let scope = begun.lease.scope.clone();
        let key = begun.lease.key.clone();
        let event_time = begun.work.context.time;
        let span = self.trace(&scope, &mut begun.work.context);
        let cause = TraceContext::of(&begun.work.context);
        let graph = self.tenants.graph(&scope).await.map(|graph| Traced::new(graph, cause));
        let (capability, graph) = match graph {
            Err(failure) => (self.capability.unfitted(), Err(failure)),
            Ok(graph) => match self.capability.fit(&scope, &begun.work, &graph).await {
                Err(failure) => (self.capability.unfitted(), Err(failure)),
                Ok(capability) => (capability, Ok(graph)),
            },
        };
        let (store, worker, name) = (&self.store, &self.worker, self.capability.kind().delivered_by());
        let graph =
            graph.map(|graph| Heeding { graph, waits, store, worker, capability: name, scope: &scope, clock: &self.clock });
        let run = Run {
            store: &self.store,
            capability: &capability,
            settings: &self.settings,
            clock: &self.clock,
            ids: &self.ids,
            presence,
            calls: &slot.calls,
            held: held.clone(),
            aside: false,
        };
        let ended = run.go(begun, graph).await;
        leases.release(&held);
        self.published.wake();
        match ended {
            Ok(report) => {
                span.note("argus.outcome", label(report.ended));
                if let Some(error) = report.error {
                    span.failed(error.code);
                }
                self.count(report.ended, event_time);
            }
            // The lease runs out, another run takes over and looks before it acts.
            Err(error) => {
                span.failed("notRecorded");
                tracing::error!(organisation = %scope.organisation(), key, error = &error as &dyn std::error::Error, "could not record a delivery");
            }
        }
    }

    /// Begins the run's span; its calls and the events that it tells go on in it.
    fn trace(&self, scope: &OrgScope, context: &mut EventContext) -> Span {
        let span = Span::of_event("reconcile.run", SpanKind::Internal, context);
        span.organisation(scope.organisation());
        span.note("argus.capability", self.capability.kind().delivered_by().label());
        span.hand_to(context);
        span
    }

    fn count(&self, ended: Ended, event_time: DateTime<Utc>) {
        let capability = self.capability.kind().delivered_by().label();
        self.metrics.delivery_attempts_total.with_label_values(&[capability, label(ended)]).inc();
        if ended == Ended::Settled {
            let latency = (self.clock.now() - event_time).to_std().unwrap_or_default();
            self.metrics.delivery_latency_seconds.with_label_values(&[capability]).observe(latency.as_secs_f64());
        }
    }

    /// After a claim at `asked_at` that brought nothing: sleeps until woken, until the next object is due, or for the longest sleep.
    /// Whoever wakes us does not wait for the store to say what is due next.
    async fn sleep(&self, asked_at: DateTime<Utc>, some_are_full: bool, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.wake.woken() => {}
            () = self.next_due(asked_at, some_are_full) => {}
        }
    }

    async fn next_due(&self, asked_at: DateTime<Utc>, some_are_full: bool) {
        // An organisation with its share of slots may have more that is due; nobody needs to look.
        let next =
            if some_are_full { Ok(Some(asked_at)) } else { self.store.next_due(&self.worker, &[self.capability.kind()]).await };
        let due = match next {
            // Due when we asked, and not given: its mailbox has as many objects under lease as it may, or its organisation as many
            // slots. The end of one of those runs wakes us; asking every few milliseconds meanwhile would only keep the store busy.
            Ok(Some(at)) if at <= asked_at => OUT_OF_REACH,
            Ok(Some(at)) => (at - self.clock.now()).to_std().unwrap_or_default().clamp(Duration::from_millis(5), LONGEST_SLEEP),
            _ => LONGEST_SLEEP,
        };
        tokio::time::sleep(due).await;
    }

    /// Says that this loop lives, and finds those that do not.
    async fn keep_present(self: Arc<Self>, shared: Arc<Shared>, finished: CancellationToken) {
        let Shared { leases, presence, .. } = &*shared;
        let (store, worker, clock, owner) = (&self.store, &self.worker, &self.clock, &self.owner);
        Keeper { store, worker, clock, owner, leases, presence }.run(finished).await;
    }
}

/// The word in metrics and traces.
fn label(ended: Ended) -> &'static str {
    match ended {
        Ended::Settled => "succeeded",
        Ended::Retried => "retried",
        Ended::Unknown => "unknown",
        Ended::Failed => "failed",
        Ended::Superseded => "superseded",
    }
}
