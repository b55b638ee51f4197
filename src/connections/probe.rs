//! Tries connections that do not work, at growing intervals, until one does: an administrator may have put it right at Microsoft's
//! side, where nobody tells us.
//!
//! One token request a connection and turn, whatever waits for it and however many replicas run: the turn is a row's change in
//! the store. With the default settings 1, 2, 4, 8, then every 15 minutes after the state changed, each moved by up to a quarter.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::{Actor, ConnectionError, Connections, sealing};
use crate::{
    reconcile::backoff::{self, BackoffSettings},
    store::{DueProbe, WorkerScope},
};

/// The longest pause between looks for due probes.
const LOOK: Duration = Duration::from_secs(5);
/// Probes under way at once: a thousand broken connections must not be a burst of a thousand requests.
const AT_ONCE: usize = 4;

impl Connections {
    /// Probes until `stop`: the first time `waits.initial` after a state changed, then at doubling intervals up to `waits.max`.
    pub async fn probe_broken(self, worker: WorkerScope, waits: BackoffSettings, stop: CancellationToken) {
        let pause = LOOK.min(waits.initial / 2);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            match self.parts.store.due_probes(&worker, self.parts.clock.now()).await {
                Ok(due) => {
                    let turns = futures_util::stream::iter(due).for_each_concurrent(AT_ONCE, |due| self.turn(due, &waits));
                    tokio::select! { () = stop.cancelled() => return, () = turns => {} }
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "could not read which connections to probe");
                }
            }
        }
    }

    async fn turn(&self, due: DueProbe, waits: &BackoffSettings) {
        if let Err(error) = self.try_turn(&due, waits).await {
            let organisation = due.scope.organisation();
            tracing::warn!(%organisation, error = &error as &dyn std::error::Error, "could not probe a connection");
        }
    }

    async fn try_turn(&self, due: &DueProbe, waits: &BackoffSettings) -> Result<(), ConnectionError> {
        // Unplanned, this plans the first; planned, this is one of them and the next is one further.
        let number = u32::try_from(due.probes).unwrap_or(u32::MAX).saturating_add(1 + u32::from(due.planned.is_some()));
        let wait = backoff::delay(waits, number, self.parts.ids.fraction());
        let next = self.parts.clock.now() + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        if !self.parts.store.take_probe(due, next).await? || due.planned.is_none() {
            return Ok(());
        }
        let Some(row) = self.parts.store.connection(&due.scope).await? else { return Ok(()) };
        let access = Arc::new(sealing::open(&self.parts.vault, &due.scope, &row)?);
        let answer = self.probe(&access).await;
        self.follow_probe(&due.scope, &Actor::system(), &access, &answer).await
    }
}
