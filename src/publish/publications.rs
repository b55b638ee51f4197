//! Asking for a publication: checked, its zones kept, queued; all in one transaction.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{
    input::{GivenZone, PublishInput},
    sweep::publication,
};
use crate::{
    capabilities::{
        Kind,
        sharepoint::{self, LANE, Wrong, request::TargetRequest},
    },
    clock::SharedClock,
    connections::Actor,
    events::{EventContext, ReadZone},
    ids::Ids,
    jobs,
    organisation::OrgScope,
    store::{self, Arrival, NewOperation, OperationKind, OperationRow, Store, StoreError},
};

/// The form of a kept zone that this release writes.
const BODY_FORMAT: u16 = 1;

/// What somebody asks for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// A list for this publication alone.
    pub target: Option<TargetRequest>,
    /// The zones to publish; all that are kept without any.
    pub zones: Option<Vec<ReadZone>>,
    /// Whether to tell only what would be done. Zones given are then not kept.
    pub dry_run: bool,
}

/// Why a publication is not begun.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no connection to publish through.
    #[error("the organisation has no connection to Microsoft 365: register one first")]
    NoConnection,
    /// The list that it names is not one that zones can go to, whatever is there.
    #[error("target.{}: {}", .0.field, .0.problem)]
    Target(Wrong),
    /// Nobody said where to.
    #[error("no list is set for zones: setZoneTarget, or name one with the publication")]
    NoTarget,
    /// The store failed.
    #[error("the publication could not be queued")]
    Store(#[from] StoreError),
}

/// Takes requests for publications. Cheap to clone.
#[derive(Clone)]
pub struct Publications {
    store: Store,
    clock: SharedClock,
    ids: Ids,
    wake: Vec<Arc<Notify>>,
}

impl Publications {
    /// Over a store; wakes these when something was queued.
    pub fn new(store: Store, clock: SharedClock, ids: Ids, wake: Vec<Arc<Notify>>) -> Self {
        Self { store, clock, ids, wake }
    }

    /// Keeps the zones given and queues the publication.
    pub async fn publish(&self, scope: &OrgScope, actor: &Actor, request: Request) -> Result<OperationRow, PublishError> {
        if self.store.connection(scope).await?.is_none() {
            return Err(PublishError::NoConnection);
        }
        if let Some(target) = &request.target {
            sharepoint::check(target).map_err(PublishError::Target)?;
        } else if self.store.zone_target(scope).await?.is_none() {
            return Err(PublishError::NoTarget);
        }
        let now = self.clock.now();
        let id = self.ids.ordered(now).to_string();
        let trace = jobs::queued(OperationKind::PublishZones, scope, actor);
        let zones = request.zones.unwrap_or_default();
        let mut input = PublishInput { target: request.target, ..PublishInput::default() };
        let kept = if request.dry_run {
            input.zones = zones.into_iter().map(given).collect();
            Vec::new()
        } else {
            let mut context = publication(&id, now);
            if let Some(trace) = trace.clone() {
                trace.hand_to(&mut context);
            }
            zones.into_iter().map(|zone| kept(scope, &context, zone)).collect::<Result<Vec<_>, _>>().map_err(unwritable)?
        };
        let mut keys: Vec<String> = kept.iter().map(key).chain(input.zones.iter().map(|zone| zone.zone_id.clone())).collect();
        keys.sort();
        keys.dedup();
        input.keys = (!keys.is_empty()).then_some(keys);
        let new = NewOperation {
            id,
            kind: OperationKind::PublishZones,
            dry_run: request.dry_run,
            input: serde_json::to_value(&input).map_err(unwritable)?,
            requested_by: actor.name.clone(),
            trace,
        };
        let queued = self.store.enqueue_publication(scope, now, new, kept, Vec::new()).await?;
        self.wake.iter().for_each(|notify| notify.notify_one());
        Ok(queued)
    }
}

fn given(zone: ReadZone) -> GivenZone {
    GivenZone { zone_id: zone.zone_id, version: zone.version, wanted: zone.wanted }
}

fn kept(scope: &OrgScope, context: &EventContext, zone: ReadZone) -> Result<store::GivenZone, serde_json::Error> {
    let arrival = Arrival {
        scope: scope.clone(),
        kind: Kind::Zone,
        version: zone.version.unwrap_or(0),
        digest: zone.digest,
        body: serde_json::to_string(&zone.wanted)?,
        body_format: BODY_FORMAT,
        target: LANE.to_owned(),
        context: context.clone(),
        key: zone.zone_id,
    };
    Ok(if zone.version.is_some() { store::GivenZone::Versioned(arrival) } else { store::GivenZone::OnTop(arrival) })
}

fn key(zone: &store::GivenZone) -> String {
    match zone {
        store::GivenZone::Versioned(arrival) | store::GivenZone::OnTop(arrival) => arrival.key.clone(),
    }
}

/// What was read from JSON can be written as JSON; were it not, nothing is kept.
fn unwritable(error: serde_json::Error) -> PublishError {
    PublishError::Store(StoreError::Unavailable { doing: "writing zones down", source: Box::new(error) })
}
