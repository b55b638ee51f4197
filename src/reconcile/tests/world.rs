//! Everything that changes: the row, the mailboxes, two workers, the time.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;

use super::{
    super::{
        DeliverySettings,
        begin::{Begun, begin},
        ending::{Ending, ending},
        lease::Held,
    },
    row::Row,
    scene::{Mutant, Scene},
};
use crate::{
    capabilities::{
        Capability, Decision, PlaceChange, Work,
        calendar::{
            Calendar, Call,
            fake::{FakeOutlook, Fault},
            samples,
        },
    },
    organisation::OrgScope,
    store::{Claim, Failed, Kind, Lease, suspicions},
};

/// The longest wait of any kind, and more: a lease, a backoff.
const LONG: TimeDelta = TimeDelta::hours(2);

/// Something that happens. A move that makes no sense where it stands does nothing, so that any history may be shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// This word of the life comes (again).
    Publish(usize),
    /// This worker claims the task, and with it commits its first intent.
    Claim(usize),
    /// It claims the task without a connection that is open: what it intends is committed in a step of its own.
    ClaimUnopened(usize),
    /// It takes a step: decides and commits the intent, or makes the call.
    Step(usize),
    /// It goes on until its run ends.
    Run(usize),
    /// It dies.
    Crash(usize),
    /// So much time passes that every lease and every wait is over. A worker in the middle of a run was frozen for that long.
    Wait,
    /// This happens to the next call.
    Fault(Fault),
    /// A person removes an event from this mailbox.
    Remove(&'static str),
    /// The store is copied.
    Backup,
    /// All workers die, the copy takes the place of the store, and the stream is replayed.
    Restore,
}

/// The state of everything.
#[derive(Clone)]
pub(super) struct World {
    pub(super) scene: Arc<Scene>,
    pub(super) outlook: FakeOutlook,
    pub(super) row: Option<Row>,
    pub(super) published: Vec<usize>,
    /// A person removed an event: until something newer is published, it may stay away.
    pub(super) meddled: bool,
    /// A worker that was frozen past its lease made the call that it had been about to make.
    pub(super) called_late: bool,
    now: DateTime<Utc>,
    backup: Option<Row>,
    workers: [Option<Worker>; 2],
    blank: Arc<Work>,
    calendar: Calendar,
}

#[derive(Clone)]
struct Worker {
    lease: Lease,
    attempts: u32,
    work: Work,
    /// What is not written down yet.
    changes: Vec<PlaceChange>,
    rechecked: bool,
    /// The call whose intent was committed with the claim.
    intended: Option<Call>,
    /// The call that was allowed and has not left.
    cleared: Option<Call>,
    /// It made a call after its lease had ended, and has not recorded since.
    late: bool,
}

/// What becomes of the lease.
enum Next {
    Keep,
    Settled,
    Stopped,
    Release,
}

impl World {
    pub(super) fn new(scene: &Arc<Scene>) -> Self {
        Self {
            scene: scene.clone(),
            outlook: scene.outlook(),
            row: None,
            published: Vec::new(),
            meddled: false,
            called_late: false,
            now: DateTime::from_timestamp(1_764_000_000, 0).unwrap(),
            backup: None,
            workers: [None, None],
            blank: Arc::new(samples::work(&samples::closed())),
            calendar: Calendar::default(),
        }
    }

    pub(super) fn play(&mut self, happens: Move) {
        match happens {
            Move::Publish(word) => self.publish(word),
            Move::Claim(worker) => self.claim(worker, true),
            Move::ClaimUnopened(worker) => self.claim(worker, false),
            Move::Step(worker) => self.step(worker),
            Move::Run(worker) => self.run(worker),
            Move::Crash(worker) => {
                // What no code can make good (see the module's head) is not claimed.
                self.workers[worker].take_if(|worker| !worker.late);
            }
            Move::Wait => self.now += LONG,
            Move::Fault(fault) => self.outlook.fail_next(fault),
            Move::Remove(mailbox) => self.meddled |= self.outlook.edit(mailbox, Vec::pop).is_some(),
            Move::Backup => self.backup = self.row.clone(),
            Move::Restore => self.restore(),
        }
    }

    /// Whether this worker is in the middle of a run.
    pub(super) fn works(&self, worker: usize) -> bool {
        self.workers[worker].is_some()
    }

    /// Whether its next step is a call.
    pub(super) fn is_cleared(&self, worker: usize) -> bool {
        self.workers[worker].as_ref().is_some_and(|worker| worker.cleared.is_some())
    }

    /// Whether nothing is left to be done, by nobody.
    pub(super) fn is_at_rest(&self) -> bool {
        self.row.as_ref().is_none_or(|row| row.standing.due_at.is_none())
    }

    /// Whether the task could be claimed.
    pub(super) fn is_due(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.standing.due_at.is_some_and(|due| due <= self.now))
    }

    fn publish(&mut self, word: usize) {
        if !self.published.contains(&word) {
            self.published.push(word);
        }
        Row::take_in(&mut self.row, &self.scene, word, self.now, false);
    }

    fn restore(&mut self) {
        self.workers = [None, None];
        self.row = self.backup.clone();
        // It takes longer than any search lags behind.
        self.outlook.catch_up();
        for word in &self.published {
            Row::take_in(&mut self.row, &self.scene, *word, self.now, true);
        }
    }

    /// As `Store::claim_and_begin`.
    fn claim(&mut self, index: usize, connected: bool) {
        let until = self.now + TimeDelta::minutes(1);
        let Some(row) = self.row.as_mut().filter(|_| self.workers[index].is_none()) else { return };
        if !row.claim(self.now, until) {
            return;
        }
        let standing = &row.standing;
        let scope = OrgScope::granted_to_operator(self.blank.organisation.clone());
        let claim = Claim {
            lease: Lease { scope, kind: Kind::Task, key: self.blank.key.clone(), epoch: standing.lease_epoch, until },
            version: standing.wanted,
            body: self.scene.life[row.word].body.clone(),
            body_format: 1,
            context: self.blank.context.clone(),
            settled: standing.settled,
            generation: standing.generation,
            recheck: standing.recheck,
            attempts: u32::try_from(standing.attempts).unwrap(),
            crashes: 0,
            places: row.places.clone(),
        };
        let (begun, progress) = begin(connected.then_some(&self.calendar), &DeliverySettings::default(), claim, self.now);
        if self.scene.mutant != Mutant::NoIntents {
            progress.iter().flat_map(|progress| &progress.places).for_each(|change| row.change(change));
        }
        let Begun { lease, work, attempts, intended, .. } = begun;
        let (changes, rechecked, cleared, late) = (Vec::new(), false, None, false);
        self.workers[index] = Some(Worker { lease, attempts, work, changes, rechecked, intended, cleared, late });
    }

    fn run(&mut self, index: usize) {
        for _ in 0..120 {
            if self.workers[index].is_none() {
                return;
            }
            self.step(index);
        }
        panic!("a run without end; calls: {:?}, row: {:?}", self.outlook.log(), self.row);
    }

    /// As `Run::step` and its callers, cut in two before the call leaves.
    fn step(&mut self, index: usize) {
        let Some(mut worker) = self.workers[index].take() else { return };
        if let Some(call) = worker.cleared.take() {
            let answer = self.calendar.perform(&self.outlook, &worker.work, &call).now_or_never().expect("the fake never waits");
            let learned = self.calendar.learn(&worker.work, &call, answer);
            worker.work.apply(&learned);
            worker.changes.extend(learned.places);
            worker.rechecked |= learned.rechecked;
            worker.late |= self.now >= worker.lease.until;
            self.called_late |= worker.late;
            self.workers[index] = Some(worker);
            return;
        }
        if let Some(call) = worker.intended.take() {
            return self.clear(index, worker, call);
        }
        match self.calendar.decide(&worker.work, self.now) {
            Decision::Settled => drop(self.record(&mut worker, &Next::Settled)),
            Decision::Stop => drop(self.record(&mut worker, &Next::Stopped)),
            Decision::Impossible { message, .. } => panic!("{message}"),
            Decision::Call(call) => {
                if let Some(intent) = self.calendar.intend(&worker.work, &call) {
                    worker.work.apply_intent(&intent);
                    worker.changes.extend(intent.place.map(PlaceChange::Put));
                    if self.scene.mutant != Mutant::NoIntents && !self.record(&mut worker, &Next::Keep) {
                        return;
                    }
                }
                self.clear(index, worker, call);
            }
        }
    }

    /// Asks whether the call may leave.
    fn clear(&mut self, index: usize, mut worker: Worker, call: Call) {
        if !Held::new(worker.lease.clone()).may_call(self.now, Duration::from_secs(20)) {
            self.record(&mut worker, &Next::Release);
            return;
        }
        worker.cleared = Some(call);
        self.workers[index] = Some(worker);
    }

    /// As `Store::record`; false when the lease is not the worker's any more.
    fn record(&mut self, worker: &mut Worker, next: &Next) -> bool {
        let Some(row) = self.row.as_mut() else { return false };
        let changes = std::mem::take(&mut worker.changes);
        worker.late = false;
        if !row.standing.leased_as(worker.lease.epoch) {
            row.standing.doubt(self.now);
            let left = if self.scene.mutant == Mutant::SilentWhenRefused { Vec::new() } else { suspicions(&changes) };
            for place in left {
                row.change(&PlaceChange::Put(place));
            }
            return false;
        }
        for change in &changes {
            row.change(change);
        }
        if std::mem::take(&mut worker.rechecked) {
            row.standing.recheck = false;
        }
        let (now, version) = (self.now, worker.work.version);
        match next {
            Next::Keep => {}
            Next::Settled => row.standing.settle(now, version),
            Next::Release => row.standing.release(now),
            Next::Stopped => {
                let settings = DeliverySettings::default();
                match ending(&settings, &worker.work.failures, worker.attempts, now, 0.5) {
                    Ending::Retry { not_before, unknown, counts, error } => {
                        row.standing.retry(now, &Failed { not_before, unknown, counts, error: &error }).unwrap();
                    }
                    Ending::Dead { error } => drop(row.standing.die(now, version, &error).unwrap()),
                }
            }
        }
        true
    }
}
