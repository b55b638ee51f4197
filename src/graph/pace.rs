//! Policy: how many calls of one connection to one workload are in flight. As many as there are until Microsoft objects; then half,
//! at least one, and slowly more again (additive increase, multiplicative decrease).
//!
//! - A 429 of the workload, or a limit that is used up, halves what is in flight; a limit that is four fifths used up takes a
//!   quarter away. Answers to calls that began before the last cut are about the old pace and cut nothing again.
//! - With a limit of N, N calls without objection make it N + 1. Ten minutes without a cut, and with nothing in flight, lift it.
//! - One mailbox's own 429 changes nothing: the mailbox's gate and wait deal with it.
//!
//! Each process paces itself; replicas that share a workload's limit are each cut by its refusals.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Workload, access::ConnectionKey, pressure::Sign};

/// Calls in flight before anybody objected: more than one process may be configured to have.
const MOST: usize = 10_000;
/// How long a cut is remembered of a lane that nobody uses.
const REMEMBERED: TimeDelta = TimeDelta::minutes(10);

/// The pace of every connection and workload.
#[derive(Default)]
pub(super) struct Paces(Mutex<HashMap<(ConnectionKey, Workload), Arc<Lane>>>);

struct Lane {
    /// Its permits are what may be in flight, and what is owed besides.
    calls: Arc<Semaphore>,
    book: Mutex<Book>,
}

struct Book {
    limit: usize,
    in_flight: usize,
    /// Permits that a cut took from calls under way: they are not given back when those end.
    owed: usize,
    /// Calls without objection since the limit last rose.
    fine: usize,
    /// Cuts so far.
    round: u64,
    cut_at: Option<DateTime<Utc>>,
}

/// The right to have one call in flight; given back when dropped.
pub(super) struct Slot {
    lane: Arc<Lane>,
    permit: Option<OwnedSemaphorePermit>,
    round: u64,
}

impl Paces {
    /// Waits until another call may be in flight.
    pub(super) async fn enter(&self, connection: ConnectionKey, workload: Workload, now: DateTime<Utc>) -> Slot {
        let lane = self.lane(connection, workload, now);
        // Fails only when the semaphore is closed, which nobody does; going ahead would then be right too.
        let permit = Arc::clone(&lane.calls).acquire_owned().await.ok();
        let round = {
            let mut book = lane.book();
            book.in_flight += 1;
            book.round
        };
        Slot { lane, permit, round }
    }

    fn lane(&self, connection: ConnectionKey, workload: Workload, now: DateTime<Utc>) -> Arc<Lane> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry((connection, workload)).or_default();
        if lane.book().is_over(now) {
            *lane = Arc::default();
        }
        Arc::clone(lane)
    }
}

impl Default for Lane {
    fn default() -> Self {
        let book = Book { limit: MOST, in_flight: 0, owed: 0, fine: 0, round: 0, cut_at: None };
        Self { calls: Arc::new(Semaphore::new(MOST)), book: Mutex::new(book) }
    }
}

impl Lane {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.in_flight == 0 && self.cut_at.is_some_and(|at| now - at >= REMEMBERED)
    }

    /// Lowers the limit to a share of what is in flight.
    fn cut(&mut self, calls: &Semaphore, (share, of): (usize, usize), now: DateTime<Utc>) {
        let limit = (self.limit.min(self.in_flight) * share / of).max(1);
        let taken = self.limit - limit;
        self.owed += taken - calls.forget_permits(taken);
        (self.limit, self.fine, self.cut_at) = (limit, 0, Some(now));
        self.round += 1;
    }

    fn grow(&mut self, calls: &Semaphore) {
        if self.limit >= MOST {
            return;
        }
        self.fine += 1;
        if self.fine < self.limit {
            return;
        }
        (self.fine, self.limit) = (0, self.limit + 1);
        if self.owed > 0 {
            self.owed -= 1;
        } else {
            calls.add_permits(1);
        }
    }
}

impl Slot {
    /// Heeds what the call's answer said.
    pub(super) fn heed(&self, sign: Sign, now: DateTime<Utc>) {
        let mut book = self.lane.book();
        match sign {
            Sign::Fine => book.grow(&self.lane.calls),
            _ if self.round != book.round => {}
            Sign::Near => book.cut(&self.lane.calls, (3, 4), now),
            Sign::Over => book.cut(&self.lane.calls, (1, 2), now),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut book = self.lane.book();
        book.in_flight -= 1;
        if let Some(permit) = self.permit.take().filter(|_| book.owed > 0) {
            book.owed -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::graph::testing::access;

    fn now() -> DateTime<Utc> {
        "2026-11-23T20:00:00Z".parse().unwrap()
    }

    /// Takes all that may be in flight, up to `most`.
    fn fill(paces: &Paces, most: usize) -> Vec<Slot> {
        let enter = || paces.enter(access("acme", 1).connection(), Workload::Outlook, now()).now_or_never();
        std::iter::from_fn(enter).take(most).collect()
    }

    #[test]
    fn a_refusal_halves_what_is_in_flight_once_for_all_calls_of_that_pace() {
        let paces = Paces::default();
        let slots = fill(&paces, 64);
        assert_eq!(slots.len(), 64, "nobody has objected");
        for slot in &slots {
            slot.heed(Sign::Over, now());
        }
        assert!(fill(&paces, 1).is_empty(), "those under way count");
        drop(slots);
        assert_eq!(fill(&paces, 100).len(), 32);
        let other = paces.enter(access("other", 1).connection(), Workload::Outlook, now()).now_or_never();
        assert!(other.is_some(), "another connection goes on");
    }

    #[test]
    fn a_limit_that_is_nearly_used_up_takes_a_quarter() {
        let paces = Paces::default();
        let slots = fill(&paces, 64);
        slots[0].heed(Sign::Near, now());
        drop(slots);
        assert_eq!(fill(&paces, 100).len(), 48);
    }

    #[test]
    fn it_never_falls_below_one_and_recovers_slowly() {
        let paces = Paces::default();
        for _ in 0..20 {
            let slots = fill(&paces, 8);
            slots[0].heed(Sign::Over, now());
        }
        assert_eq!(fill(&paces, 100).len(), 1);
        // 1 + 2 + 3 calls without objection: from one to four.
        for _ in 0..6 {
            fill(&paces, 1)[0].heed(Sign::Fine, now());
        }
        assert_eq!(fill(&paces, 100).len(), 4);
    }

    #[test]
    fn ten_quiet_minutes_lift_it() {
        let paces = Paces::default();
        fill(&paces, 4)[0].heed(Sign::Over, now());
        let later = |minutes| paces.lane(access("acme", 1).connection(), Workload::Outlook, now() + TimeDelta::minutes(minutes));
        assert_eq!(later(9).book().limit, 2);
        assert_eq!(later(10).book().limit, MOST);
    }

    #[test]
    fn a_caller_who_gives_up_takes_nothing_with_him() {
        let paces = Paces::default();
        fill(&paces, 4)[0].heed(Sign::Over, now());
        let slots = fill(&paces, 100);
        let mut waiting = Box::pin(paces.enter(access("acme", 1).connection(), Workload::Outlook, now()));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        drop(slots);
        assert_eq!(fill(&paces, 100).len(), 2);
    }
}
