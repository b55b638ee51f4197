//! Saying that this loop lives, and finding those that do not, so that a killed process' work does not wait for its leases.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::lease::Leases;
use crate::{
    clock::SharedClock,
    store::{Beat, Store, StoreError, WorkerScope},
};

/// How often a loop says that it lives.
const BEAT: Duration = Duration::from_secs(2);
/// How long one must be seen to stand still to count as dead. Who is frozen or cut off from the store for longer starts no call
/// when it comes back, until it has said that it lives.
const SILENCE: TimeDelta = TimeDelta::seconds(10);
/// Who has not looked for so long has seen nobody stand still: the store was away, and nobody could say anything.
const GAP: TimeDelta = TimeDelta::seconds(6);

/// When this loop last said that it lives.
#[derive(Debug, Default)]
pub(super) struct Presence(AtomicI64);

impl Presence {
    /// Whether nobody can have taken this loop for dead by `now`.
    pub(super) fn stands(&self, now: DateTime<Utc>) -> bool {
        let last = DateTime::from_timestamp_micros(self.0.load(Ordering::Acquire)).unwrap_or_default();
        now.signed_duration_since(last) < SILENCE
    }

    /// Of runs that nobody takes for dead: their owner says nothing, so nobody watches it.
    pub(super) fn unwatched() -> Self {
        Self(AtomicI64::new(DateTime::<Utc>::MAX_UTC.timestamp_micros()))
    }

    fn said(&self, at: DateTime<Utc>) {
        self.0.store(at.timestamp_micros(), Ordering::Release);
    }
}

/// What a loop needs to be present.
pub(super) struct Keeper<'run> {
    pub(super) store: &'run Store,
    pub(super) worker: &'run WorkerScope,
    pub(super) clock: &'run SharedClock,
    pub(super) owner: &'run str,
    pub(super) leases: &'run Leases,
    pub(super) presence: &'run Presence,
}

impl Keeper<'_> {
    /// Says that the loop lives, and ends the leases of those that do not, until `finished`; then takes its leave.
    pub(super) async fn run(self, finished: CancellationToken) {
        let mut watch = Watch::default();
        loop {
            if let Err(error) = self.turn(&mut watch).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "could not say that the worker lives");
            }
            tokio::select! {
                () = finished.cancelled() => break,
                () = tokio::time::sleep(BEAT) => {}
            }
        }
        if let Err(error) = self.store.leave(self.worker, self.owner).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "could not say that the worker stops");
        }
    }

    async fn turn(&self, watch: &mut Watch) -> Result<(), StoreError> {
        // The time before the commit: others see it later, so they count from later than we do.
        let now = self.clock.now();
        self.store.beat(self.worker, self.owner).await?;
        if !self.presence.stands(self.clock.now()) {
            self.leases.distrust();
        }
        self.presence.said(now);
        let beats = self.store.beats(self.worker).await?;
        for dead in watch.look(self.clock.now(), beats, self.owner) {
            let owner = dead.owner.clone();
            let leases = self.store.bury(self.worker, self.clock.now(), dead).await?;
            if leases > 0 {
                tracing::warn!(owner, leases, "a worker has died; what it had in hand is taken over");
            }
        }
        Ok(())
    }
}

/// What was seen of other loops, and since when.
#[derive(Debug, Default)]
struct Watch {
    looked_at: Option<DateTime<Utc>>,
    seen: HashMap<String, (u64, DateTime<Utc>)>,
}

impl Watch {
    /// Takes a look in; those that have stood still for long enough.
    fn look(&mut self, now: DateTime<Utc>, beats: Vec<Beat>, own: &str) -> Vec<Beat> {
        let since = self.looked_at.replace(now).map(|before| now.signed_duration_since(before));
        if since.is_none_or(|since| since > GAP || since < TimeDelta::zero()) {
            self.seen.clear();
        }
        let before = std::mem::take(&mut self.seen);
        let mut dead = Vec::new();
        for beat in beats.into_iter().filter(|beat| beat.owner != own) {
            let since = before.get(&beat.owner).filter(|(beats, _)| *beats == beat.beats).map_or(now, |(_, since)| *since);
            self.seen.insert(beat.owner.clone(), (beat.beats, since));
            if now.signed_duration_since(since) >= SILENCE {
                dead.push(beat);
            }
        }
        dead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000 + seconds, 0).unwrap()
    }

    fn beats(of: &[(&str, u64)]) -> Vec<Beat> {
        of.iter().map(|(owner, beats)| Beat { owner: (*owner).into(), beats: *beats }).collect()
    }

    /// Who is dead after looks at these seconds, at which the other one's count was this.
    fn dead(looks: &[(i64, u64)]) -> Vec<i64> {
        let mut watch = Watch::default();
        let looks = looks.iter().filter(|(seconds, count)| {
            let found = watch.look(at(*seconds), beats(&[("other", *count), ("own", 1)]), "own");
            assert!(found.iter().all(|beat| beat.owner == "other"));
            !found.is_empty()
        });
        looks.map(|(seconds, _)| *seconds).collect()
    }

    #[test]
    fn who_stands_still_for_ten_seconds_is_dead_and_nobody_sooner() {
        assert_eq!(dead(&[(0, 7), (2, 7), (4, 7), (6, 7), (8, 7), (10, 7)]), [10]);
        assert_eq!(dead(&[(0, 7), (2, 7), (4, 7), (6, 8), (8, 8), (10, 8), (12, 8), (14, 8)]), [0; 0]);
    }

    #[test]
    fn a_store_that_was_away_or_a_clock_that_jumped_kills_nobody() {
        assert_eq!(dead(&[(0, 7), (2, 7), (60, 7), (62, 7)]), [0; 0]);
        assert_eq!(dead(&[(100, 7), (2, 7), (4, 7)]), [0; 0]);
    }

    #[test]
    fn a_loop_that_could_not_speak_for_long_does_not_stand() {
        let presence = Presence::default();
        assert!(!presence.stands(at(0)), "before it has spoken");
        presence.said(at(0));
        assert!(presence.stands(at(9)) && !presence.stands(at(10)));
    }
}
