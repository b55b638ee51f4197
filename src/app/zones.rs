//! The loops of zones: those that came as events, and publications that were asked for. They share the chains of calls.

use std::sync::Arc;

use super::Parts;
use crate::{
    connections::Connections,
    jobs::{JobSettings, Runner},
    publish::{Lists, PublishZones},
    reconcile::{Crew, DeliverySettings, Reconciler},
};

/// Zones of one organisation that are worked on at once: enough to fill the next batch while one is under way.
const AT_ONCE: u32 = 40;

/// The reconciler of zones that came as events.
pub(super) fn reconciler(delivery: &DeliverySettings, parts: &Parts) -> Reconciler<Lists<Connections>, Lists<Connections>> {
    Reconciler {
        store: parts.store.clone(),
        capability: parts.lists.clone(),
        tenants: parts.lists.clone(),
        settings: DeliverySettings { per_target: AT_ONCE, ..delivery.clone() },
        clock: parts.clock.clone(),
        ids: parts.ids.clone(),
        metrics: Arc::clone(&parts.metrics),
        wake: parts.zones_due.clone(),
        published: parts.owed.clone(),
        worker: parts.worker.clone(),
        owner: format!("{}", parts.ids.random()),
    }
}

/// What carries out publications.
pub(super) fn publisher(delivery: DeliverySettings, parts: &Parts) -> Runner<PublishZones<Connections>> {
    let owner = format!("{}", parts.ids.random());
    // Whoever wants a dead worker's objects back sooner wants its publications back sooner, too.
    let usual = JobSettings::default();
    let settings = JobSettings { lease: usual.lease.min(delivery.lease), ..usual };
    let crew = Crew {
        store: parts.store.clone(),
        settings: delivery,
        clock: parts.clock.clone(),
        ids: parts.ids.clone(),
        worker: parts.worker.clone(),
    };
    Runner {
        store: parts.store.clone(),
        job: PublishZones { lists: parts.lists.clone(), crew, worker: parts.worker.clone(), owner: owner.clone() },
        settings,
        clock: parts.clock.clone(),
        wake: parts.publications_due.clone(),
        ended: vec![parts.owed.notifier(), parts.zones_due.notifier()],
        worker: parts.worker.clone(),
        owner,
    }
}
