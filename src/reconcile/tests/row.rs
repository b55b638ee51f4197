//! The store's row of the task, moved by the store's own code, and by mirrors of two statements of SQL.

use chrono::{DateTime, Utc};

use super::scene::{Mutant, Scene};
use crate::{
    capabilities::{Place, PlaceChange, Version},
    store::{Standing, Stored, Taken, fate},
};

/// The row and its places.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) standing: Standing,
    /// Which word of the life is wanted.
    pub(super) word: usize,
    pub(super) places: Vec<Place>,
}

impl Row {
    fn new(now: DateTime<Utc>, version: u64, word: usize) -> Self {
        let standing = Standing {
            wanted: Version { event: version, mutation: 0 },
            state: Stored::Pending,
            settled: None,
            generation: 0,
            recheck: false,
            attempts: 0,
            first_failed_at: None,
            last_error: None,
            not_before: now,
            due_since: now,
            due_at: Some(now),
            lease_epoch: 0,
            lease_until: None,
            overtaken: false,
            reopen: false,
            has_letter: false,
        };
        Self { standing, word, places: Vec::new() }
    }

    /// The conflict half of `arrivals::PUT`.
    fn overtake(&mut self, now: DateTime<Utc>, version: u64, word: usize) {
        self.word = word;
        let standing = &mut self.standing;
        let leased = standing.lease_until.is_some();
        *standing = Standing {
            wanted: Version { event: version, mutation: 0 },
            state: Stored::Pending,
            attempts: 0,
            first_failed_at: None,
            last_error: None,
            not_before: now,
            due_since: now,
            due_at: if leased { standing.due_at } else { Some(now) },
            overtaken: leased,
            ..standing.clone()
        };
    }

    /// `claim::TAKE`; true if the row was due.
    pub(super) fn claim(&mut self, now: DateTime<Utc>, until: DateTime<Utc>) -> bool {
        let standing = &mut self.standing;
        if standing.due_at.is_none_or(|due| due > now) {
            return false;
        }
        standing.recheck |= standing.lease_until.is_some() || standing.reopen;
        standing.lease_until = Some(until);
        standing.due_at = Some(until);
        standing.lease_epoch += 1;
        standing.attempts += 1;
        standing.overtaken = false;
        standing.reopen = false;
        true
    }

    /// `record::Changes`, as far as places go.
    pub(super) fn change(&mut self, change: &PlaceChange) {
        let (target, generation) = match change {
            PlaceChange::Put(place) => (place.target.as_str(), place.generation),
            PlaceChange::Gone { target, generation } => (target.as_str(), *generation),
        };
        self.places.retain(|place| !(place.target == target && place.generation == generation));
        if let PlaceChange::Put(place) = change {
            self.standing.generation = self.standing.generation.max(place.generation);
            self.places.push(place.clone());
            // As a claim reads them.
            self.places.sort_by(|a, b| (a.generation, &a.target).cmp(&(b.generation, &b.target)));
        }
    }

    /// Takes an event in, as `Store::take_in` does; with `replayed`, as after the restoration of a backup: the object is looked at
    /// again, and every mailbox that the stream names is suspected.
    pub(super) fn take_in(row: &mut Option<Self>, scene: &Scene, index: usize, now: DateTime<Utc>, replayed: bool) {
        let word = &scene.life[index];
        let known = row.as_ref().map(|row| (row.standing.wanted.event, scene.life[row.word].digest));
        let fate = match scene.mutant {
            Mutant::LastComeWins => Taken::Applied,
            _ => fate(known.as_ref().map(|(version, digest)| (*version, &digest[..])), word.version, &word.digest),
        };
        match row {
            None => *row = Some(Self::new(now, word.version, index)),
            Some(row) if fate == Taken::Applied => row.overtake(now, word.version, index),
            Some(_) => {}
        }
        if let Some(row) = row.as_mut().filter(|_| replayed) {
            row.standing.doubt(now);
            if !word.target.is_empty() {
                row.change(&PlaceChange::Put(Place::suspected(&word.target)));
            }
        }
    }
}
