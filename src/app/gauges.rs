//! Metrics that are read from the store when they are asked for, so that they are right after a restart and on every replica.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::Parts;
use crate::{
    capabilities::{CapabilityName, Kind},
    store::{ConnectionState, DeliveryState, StoreError},
};

const WAITING: [DeliveryState; 4] = [DeliveryState::Pending, DeliveryState::Unknown, DeliveryState::Blocked, DeliveryState::Dead];
const STATES: [ConnectionState; 4] =
    [ConnectionState::Unverified, ConnectionState::Active, ConnectionState::Degraded, ConnectionState::Disabled];

/// Reads them. What is gone (a removed connection) leaves no stale value behind.
pub(super) async fn refresh(parts: &Parts) -> Result<(), StoreError> {
    backlog(parts).await?;
    connections(parts).await
}

async fn backlog(parts: &Parts) -> Result<(), StoreError> {
    let rows = parts.store.backlog(&parts.worker).await?;
    let now = parts.clock.now();
    let mut oldest: HashMap<&str, DateTime<Utc>> = HashMap::new();
    for state in WAITING {
        parts.metrics.backlog.with_label_values(&[CapabilityName::Calendar.label(), state.label()]).set(0);
    }
    for row in rows {
        let capability = capability(row.kind).label();
        parts.metrics.backlog.with_label_values(&[capability, row.state.label()]).set(number(row.count));
        if row.state == DeliveryState::Dead {
            parts.metrics.dead_letters.with_label_values(&[capability]).set(number(row.count));
        } else if let Some(at) = row.oldest {
            oldest.entry(capability).and_modify(|first| *first = at.min(*first)).or_insert(at);
        }
    }
    for name in CapabilityName::ALL {
        let age = oldest.get(name.label()).map_or(0, |at| (now - *at).num_seconds().max(0));
        parts.metrics.oldest_pending_seconds.with_label_values(&[name.label()]).set(age);
    }
    Ok(())
}

async fn connections(parts: &Parts) -> Result<(), StoreError> {
    let now = parts.clock.now();
    let rows = parts.store.connection_states(&parts.worker).await?;
    parts.metrics.connection_state.reset();
    parts.metrics.secret_expiry_seconds.reset();
    for (scope, current, expires) in rows {
        for state in STATES {
            parts.metrics.connection_state.with_label_values(&[scope.as_str(), state.label()]).set((state == current).into());
        }
        if let Some(at) = expires {
            parts.metrics.secret_expiry_seconds.with_label_values(&[scope.as_str()]).set((at - now).num_seconds());
        }
    }
    Ok(())
}

/// The capability that delivers a kind of object.
fn capability(kind: Kind) -> CapabilityName {
    match kind {
        Kind::Task => CapabilityName::Calendar,
        Kind::Outage => CapabilityName::Teams,
        Kind::Zone => CapabilityName::SharePoint,
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
