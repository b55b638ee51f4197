//! What waits, by capability.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    page::count,
    scalars::Instant,
    words::Capability,
};
use crate::{capabilities::CapabilityName, operations::Backlog, store::DeliveryState};

/// How much of a capability waits.
#[derive(SimpleObject)]
pub(super) struct CapabilityBacklog {
    /// Which part of Microsoft 365.
    capability: Capability,
    /// Whether a person stopped it.
    paused: bool,
    /// Why, as that person said.
    paused_reason: Option<String>,
    /// Due, waiting, being worked on, or of unknown outcome.
    pending: i32,
    /// Waiting for a connection that works, or paused.
    blocked: i32,
    /// Needing a person.
    dead: i32,
    /// When the oldest of those that are pending became due.
    oldest_pending_at: Option<Instant>,
}

/// `backlog`.
#[derive(Default)]
pub(super) struct BacklogQuery;

#[Object]
impl BacklogQuery {
    /// What waits, by capability.
    #[graphql(guard = "Permission::Read")]
    async fn backlog(&self, context: &Context<'_>) -> Result<Vec<CapabilityBacklog>> {
        let records = super::records(context)?;
        let backlog = records.backlog(Caller::of(context)?.scope()).await.map_err(Refusal::from)?;
        Ok(CapabilityName::ALL.into_iter().map(|capability| summarise(capability, &backlog)).collect())
    }
}

/// Not settled, and not for want of a connection or a person.
const WAITING: &[DeliveryState] = &[DeliveryState::Pending, DeliveryState::Unknown];

/// One capability's part of what waits.
pub(super) fn summarise(capability: CapabilityName, backlog: &Backlog) -> CapabilityBacklog {
    let pause = backlog.pauses.iter().find(|pause| pause.capability == capability);
    let of = |states: &'static [DeliveryState]| {
        backlog.rows.iter().filter(move |row| row.kind.delivered_by() == capability && states.contains(&row.state))
    };
    let sum = |states| count(of(states).map(|row| row.count).sum());
    CapabilityBacklog {
        capability: capability.into(),
        paused: pause.is_some(),
        paused_reason: pause.and_then(|pause| pause.reason.clone()),
        pending: sum(WAITING),
        blocked: sum(&[DeliveryState::Blocked]),
        dead: sum(&[DeliveryState::Dead]),
        oldest_pending_at: of(WAITING).filter_map(|row| row.oldest).min().map(Instant),
    }
}
