//! Objects that somebody has claimed by name, worked on all at once: the runs of an operation.

use futures_util::future::join_all;

use tokio::sync::Semaphore;

use super::{
    DeliverySettings,
    begin::begin,
    heed::{Heeding, Waits},
    lease::Leases,
    presence::Presence,
    run::{Report, Run},
};
use crate::{
    capabilities::Capability,
    clock::SharedClock,
    graph::Graph,
    ids::Ids,
    organisation::OrgScope,
    store::{Claim, Store, StoreError, WorkerScope},
};

/// Works on claimed objects. Cheap to make.
#[derive(Clone)]
pub struct Crew {
    /// Their rows.
    pub store: Store,
    /// How hard it tries.
    pub settings: DeliverySettings,
    /// The time.
    pub clock: SharedClock,
    /// Ids and jitter.
    pub ids: Ids,
    /// The right to read what any organisation was told to wait for.
    pub worker: WorkerScope,
}

impl Crew {
    /// A run for each of them, all through one connection; their leases are kept meanwhile. The reports are in the order of the
    /// claims. `aside`: the runs are about another target than the objects' own, which stand afterwards as they stood.
    pub async fn work<C: Capability, G: Graph + Clone>(
        &self,
        claims: Vec<(Claim, C)>,
        graph: &G,
        aside: bool,
    ) -> Vec<Result<Report, StoreError>> {
        let (leases, waits, presence) = (Leases::default(), Waits::default(), Presence::unwatched());
        let (leases, waits, presence, calls) = (&leases, &waits, &presence, &Semaphore::new(self.settings.concurrency));
        let runs = claims.into_iter().map(|(claim, capability)| {
            let held = leases.hold(claim.lease.clone());
            async move {
                let scope: OrgScope = claim.lease.scope.clone();
                let run = Run {
                    store: &self.store,
                    capability: &capability,
                    settings: &self.settings,
                    clock: &self.clock,
                    ids: &self.ids,
                    presence,
                    calls,
                    held,
                    aside,
                };
                // Nothing is committed with a claim by name, so no intent either.
                let (begun, _) = begin(None::<&C>, &self.settings, claim, self.clock.now());
                let heeding = Heeding {
                    graph: graph.clone(),
                    waits,
                    store: &self.store,
                    worker: &self.worker,
                    capability: capability.name(),
                    scope: &scope,
                    clock: &self.clock,
                };
                run.go(begun, Ok(heeding)).await
            }
        });
        let runs: Vec<_> = runs.collect();
        tokio::select! {
            reports = join_all(runs) => reports,
            () = leases.keep(&self.store, &self.clock, self.settings.lease) => Vec::new(),
        }
    }
}
