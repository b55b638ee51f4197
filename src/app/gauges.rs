//! Metrics that are read from the store when they are asked for, so that they are right after a restart and on every replica.

use chrono::{DateTime, Utc};

use super::Parts;
use crate::{
    capabilities::CapabilityName,
    metrics::Metrics,
    store::{BacklogRow, ConnectionState, DeliveryState, StoreError},
};

const WAITING: [DeliveryState; 4] = [DeliveryState::Pending, DeliveryState::Unknown, DeliveryState::Blocked, DeliveryState::Dead];
const STATES: [ConnectionState; 4] =
    [ConnectionState::Unverified, ConnectionState::Active, ConnectionState::Degraded, ConnectionState::Disabled];

/// Events that could not be read belong to no capability.
const NO_CAPABILITY: &str = "none";

/// Reads them. What is gone (a removed connection, a dead letter that was settled) leaves no stale value behind.
pub(super) async fn refresh(parts: &Parts) -> Result<(), StoreError> {
    let metrics = &parts.metrics;
    set_backlog(metrics, &parts.store.backlog(&parts.worker).await?, parts.clock.now());
    set_dead_letters(metrics, &parts.store.dead_letter_counts(&parts.worker).await?);
    metrics.raise_audit_entries(parts.store.audit_entries(&parts.worker).await?);
    metrics.raise_audit_write_failures(parts.store.unaudited());
    connections(parts).await
}

/// Each gauge is set once, whatever the rows say: one that was cleared first would show nothing to whoever asks in between.
fn set_backlog(metrics: &Metrics, rows: &[BacklogRow], now: DateTime<Utc>) {
    for capability in CapabilityName::ALL {
        let of = |row: &&BacklogRow| row.kind.delivered_by() == capability;
        for state in WAITING {
            let count = rows.iter().filter(of).filter(|row| row.state == state).map(|row| row.count).sum();
            metrics.backlog.with_label_values(&[capability.label(), state.label()]).set(number(count));
        }
        let waits = rows.iter().filter(of).filter(|row| row.state != DeliveryState::Dead);
        let age = waits.filter_map(|row| row.oldest).min().map_or(0, |oldest| (now - oldest).num_seconds().max(0));
        metrics.oldest_pending_seconds.with_label_values(&[capability.label()]).set(age);
    }
}

fn set_dead_letters(metrics: &Metrics, counts: &[(Option<CapabilityName>, u64)]) {
    for capability in CapabilityName::ALL.map(Some).into_iter().chain([None]) {
        let count = counts.iter().find(|(of, _)| *of == capability).map_or(0, |(_, count)| *count);
        let label = capability.map_or(NO_CAPABILITY, CapabilityName::label);
        metrics.dead_letters.with_label_values(&[label]).set(number(count));
    }
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
    parts.metrics.teams_account_signed_in.reset();
    for (scope, signed_in) in parts.store.teams_accounts(&parts.worker).await? {
        parts.metrics.teams_account_signed_in.with_label_values(&[scope.as_str()]).set(signed_in.into());
    }
    Ok(())
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::Kind;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn shows(metrics: &Metrics, line: &str) -> bool {
        metrics.render().unwrap().lines().any(|one| one == format!("argus_m365_{line}"))
    }

    #[test]
    fn what_waits_no_more_falls_to_zero_whatever_the_capability() {
        let metrics = Metrics::new().unwrap();
        let row = |kind, state, oldest| BacklogRow { kind, state, count: 3, oldest: Some(at(oldest)) };
        let rows = [row(Kind::Outage, DeliveryState::Blocked, 40), row(Kind::Outage, DeliveryState::Dead, 10)];
        set_backlog(&metrics, &rows, at(100));
        assert!(shows(&metrics, r#"backlog{capability="teams",state="blocked"} 3"#));
        assert!(shows(&metrics, r#"backlog{capability="teams",state="dead"} 3"#));
        assert!(shows(&metrics, r#"backlog{capability="calendar",state="dead"} 0"#));
        assert!(
            shows(&metrics, r#"oldest_pending_seconds{capability="teams"} 60"#),
            "what is dead waits for nobody but a person"
        );
        set_backlog(&metrics, &[], at(200));
        assert!(shows(&metrics, r#"backlog{capability="teams",state="blocked"} 0"#));
        assert!(shows(&metrics, r#"backlog{capability="teams",state="dead"} 0"#));
        assert!(shows(&metrics, r#"oldest_pending_seconds{capability="teams"} 0"#));
    }

    #[test]
    fn dead_letters_fall_to_zero_and_those_of_no_capability_count_too() {
        let metrics = Metrics::new().unwrap();
        set_dead_letters(&metrics, &[(None, 2), (Some(CapabilityName::Calendar), 1)]);
        assert!(shows(&metrics, r#"dead_letters{capability="none"} 2"#));
        assert!(shows(&metrics, r#"dead_letters{capability="calendar"} 1"#));
        set_dead_letters(&metrics, &[]);
        assert!(shows(&metrics, r#"dead_letters{capability="none"} 0"#));
        assert!(shows(&metrics, r#"dead_letters{capability="calendar"} 0"#));
    }
}
