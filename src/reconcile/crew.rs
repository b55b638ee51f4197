//! Objects that somebody has claimed by name, worked on all at once: the runs of an operation.

use futures_util::future::join_all;

use super::{
    DeliverySettings,
    lease::Leases,
    run::{Report, Run},
};
use crate::{
    capabilities::Capability,
    clock::SharedClock,
    graph::Graph,
    ids::Ids,
    store::{Claim, Store, StoreError},
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
        let leases = Leases::default();
        let runs = claims.into_iter().map(|(claim, capability)| {
            let held = leases.hold(claim.lease.clone());
            async move {
                let run = Run {
                    store: &self.store,
                    capability: &capability,
                    settings: &self.settings,
                    clock: &self.clock,
                    ids: &self.ids,
                    held,
                    aside,
                };
                run.go(claim, Ok(graph.clone())).await
            }
        });
        let runs: Vec<_> = runs.collect();
        tokio::select! {
            reports = join_all(runs) => reports,
            () = leases.keep(&self.store, &self.clock, self.settings.lease) => Vec::new(),
        }
    }
}
