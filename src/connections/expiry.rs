//! Warns before a credential ends: 60, 30, 14, 7 and 1 days before, each once for each credential.
//!
//! Which warning was the last stands in the connection's row, so neither a restart nor a second replica repeats one. Whoever was away while
//! several thresholds passed gives the nearest one alone: what is over helps nobody. A new credential starts anew.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Actor, Connections, records};
use crate::{
    capabilities::Outcome,
    events::{Telling, outgoing},
    ids::Ids,
    store::{EndingCredential, NewAuditEntry, OutgoingEvent, StoreError, WorkerScope},
};

/// The thresholds, days before the end, the earliest first.
const DAYS: [u64; 5] = [60, 30, 14, 7, 1];
/// The earliest.
pub(super) const FIRST: u64 = DAYS[0];
/// The last, after which there is nothing more to say.
const LAST: u64 = DAYS[DAYS.len() - 1];
/// How often it is looked for, besides when a credential is registered here; the look reads an index.
const LOOK: Duration = Duration::from_secs(5);

const TOPIC: &str = "connection.secret-expiring";

impl Connections {
    /// Warns until `stop`. A failure of the store waits for the next look.
    pub async fn warn_of_ends(self, worker: WorkerScope, stop: CancellationToken) {
        loop {
            if let Err(error) = self.warn_once(&worker).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "could not look for credentials that end soon");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.registered.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Gives every warning that is due; how many this process gave.
    async fn warn_once(&self, worker: &WorkerScope) -> Result<usize, StoreError> {
        let (store, now) = (&self.parts.store, self.parts.clock.now());
        let mut given = 0;
        for ending in store.ending_credentials(worker, now + before_end(FIRST), LAST).await? {
            let Some(days) = due(&ending, now) else { continue };
            let (audit, event) = warning(&ending, days, now);
            if store.warn_of_end(&ending, days, audit, event).await? {
                given += 1;
                let organisation = ending.scope.organisation();
                tracing::warn!(%organisation, ends = %ending.ends, days, "a connection's credential ends soon");
            }
        }
        if given > 0 {
            self.announce_change();
        }
        Ok(given)
    }
}

fn before_end(days: u64) -> TimeDelta {
    TimeDelta::days(days.cast_signed())
}

/// The nearest threshold that has passed, unless that one, or a nearer one, was warned of.
fn due(ending: &EndingCredential, now: DateTime<Utc>) -> Option<u64> {
    let nearest = DAYS.into_iter().rev().find(|days| ending.ends - now <= before_end(*days))?;
    ending.warned_days.is_none_or(|warned| nearest < warned).then_some(nearest)
}

/// What is told of it. The event's id is the same whoever makes it.
fn warning(ending: &EndingCredential, days: u64, now: DateTime<Utc>) -> (NewAuditEntry, OutgoingEvent) {
    let left = (ending.ends - now).num_days().max(0);
    let detail = json!({ "days": days, "expiresAt": ending.ends, "secretVersion": ending.secret_version });
    let event = outgoing(Telling {
        id: stable_id(ending, days),
        organisation: ending.scope.organisation(),
        topic: TOPIC,
        object: Some("connection".to_owned()),
        time: now,
        cause: None,
        trace: None,
        data: json!({ "expiresAt": ending.ends, "days": days, "daysLeft": left }),
    });
    (records::entry(&Actor::system(), now, TOPIC, Outcome::Succeeded, detail), event)
}

fn stable_id(ending: &EndingCredential, days: u64) -> String {
    let (version, days) = (ending.secret_version.to_string(), days.to_string());
    Ids::derived(ending.scope.as_str(), &[TOPIC, &ending.connection_id, &version, &days]).to_string()
}

#[cfg(test)]
mod tests;
