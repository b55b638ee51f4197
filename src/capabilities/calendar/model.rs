//! A reconciler in miniature, and the claim it has to keep: whatever the order of events, whatever crashes, one right event stands.
//!
//! The driver does what the real one does: an intent is durable before its call leaves, what was learned is durable after it, a
//! crash loses the rest, and `failures` and `looked` belong to one claim. Every order with every adversity, leases and two workers is the
//! subject of `reconcile::tests`; this one asks for less and so sees the calendar alone.

use chrono::{DateTime, Utc};
use futures_util::FutureExt;

use super::{
    Calendar,
    fake::{Duplicates, FakeOutlook, Manners},
    samples::{ANN, ANN_ID, BOB, closed, scheduled, work},
};
use crate::{
    capabilities::{Announcement, AuditNote, Capability, Decision, Failure, Version, Work},
    events::task::WantedTask,
};

/// How a claim ended.
#[derive(Debug, PartialEq)]
pub(super) enum Ended {
    Settled,
    Stopped(Vec<Failure>),
    Crashed,
}

/// The durable state of one task, and a worker that may crash at the steps named.
pub(super) struct Task {
    pub(super) row: Work,
    pub(super) steps: usize,
    pub(super) crash_at: Vec<usize>,
    pub(super) told: Vec<Announcement>,
    pub(super) audit: Vec<AuditNote>,
    calendar: Calendar,
}

struct Crash;

impl Task {
    pub(super) fn new() -> Self {
        let row = Work { version: Version { event: 0, mutation: 0 }, ..work(&closed()) };
        Self { row, steps: 0, crash_at: Vec::new(), told: Vec::new(), audit: Vec::new(), calendar: Calendar::default() }
    }

    /// Takes an event in: the newest version wins.
    pub(super) fn publish(&mut self, version: u64, wanted: &WantedTask) {
        if version > self.row.version.event {
            self.row.version.event = version;
            self.row.wanted = serde_json::to_value(wanted).unwrap();
        }
    }

    /// One claim, from its start to its end or the crash of its worker. Taking over a dead worker's lease asks for a recheck.
    pub(super) fn claim(&mut self, outlook: &FakeOutlook) -> Ended {
        self.run(outlook).unwrap_or_else(|Crash| {
            self.row.recheck = true;
            Ended::Crashed
        })
    }

    /// Claims until nothing is left to do.
    pub(super) fn settle(&mut self, outlook: &FakeOutlook) {
        for _ in 0..12 {
            if self.claim(outlook) == Ended::Settled {
                return;
            }
        }
        panic!("never settled; calls: {:?}, known: {:?}", outlook.log(), self.row.places);
    }

    fn run(&mut self, outlook: &FakeOutlook) -> Result<Ended, Crash> {
        self.step()?;
        let mut work = Work { failures: Vec::new(), looked: std::collections::BTreeSet::new(), ..self.row.clone() };
        for _ in 0..60 {
            let call = match self.calendar.decide(&work, DateTime::<Utc>::UNIX_EPOCH) {
                Decision::Call(call) => call,
                Decision::Settled => return Ok(Ended::Settled),
                Decision::Stop => return Ok(Ended::Stopped(work.failures)),
                Decision::Impossible { message, .. } => panic!("{message}"),
            };
            if let Some(intent) = self.calendar.intend(&work, &call) {
                self.step()?;
                self.row.apply_intent(&intent);
                work.apply_intent(&intent);
                self.audit.push(intent.audit);
                self.step()?;
            }
            let answer = self.calendar.perform(outlook, &work, &call).now_or_never().expect("the fake never waits");
            self.step()?;
            let learned = self.calendar.learn(&work, &call, answer);
            self.row.apply(&learned);
            work.apply(&learned);
            self.told.extend(learned.announce);
            self.audit.extend(learned.audit);
            self.step()?;
        }
        panic!("no end; calls: {:?}, known: {:?}", outlook.log(), work.places);
    }

    fn step(&mut self) -> Result<(), Crash> {
        self.steps += 1;
        if self.crash_at.contains(&self.steps) { Err(Crash) } else { Ok(()) }
    }
}

/// The life of a task: planned, moved in time, moved to another worker, closed, and opened again.
fn life() -> Vec<(u64, WantedTask)> {
    vec![(1, scheduled(ANN, 9)), (2, scheduled(ANN, 10)), (3, scheduled(BOB, 11)), (4, closed()), (5, scheduled(ANN, 12))]
}

/// Every order of the first `length` events of the usual life.
fn orders(length: usize) -> Vec<Vec<(u64, WantedTask)>> {
    orders_of(life().into_iter().take(length))
}

fn orders_of(life: impl Iterator<Item = (u64, WantedTask)>) -> Vec<Vec<(u64, WantedTask)>> {
    let mut orders = vec![Vec::new()];
    for event in life {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<_>| {
                let event = event.clone();
                (0..=order.len()).map(move |at| {
                    let mut longer = order.clone();
                    longer.insert(at, event.clone());
                    longer
                })
            })
            .collect();
    }
    orders
}

fn right(length: usize) -> Vec<(String, Vec<String>)> {
    match length {
        3 => vec![(BOB.into(), vec!["Visit at 11".into()])],
        4 => Vec::new(),
        _ => vec![(ANN.into(), vec!["Visit at 12".into()])],
    }
}

/// Whether the next event comes before or after a crashed worker's task is taken up again.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Takeover {
    First,
    AfterTheNextEvent,
}

fn live(outlook: &FakeOutlook, order: &[(u64, WantedTask)], crash_at: &[usize], takeover: Takeover) -> Task {
    let mut task = Task { crash_at: crash_at.to_vec(), ..Task::new() };
    for (version, wanted) in order {
        task.publish(*version, wanted);
        if takeover == Takeover::First {
            task.settle(outlook);
        } else {
            task.claim(outlook);
        }
    }
    task.settle(outlook);
    task
}

fn assert_right(outlook: &FakeOutlook, length: usize, told: &str) {
    assert_eq!(outlook.calendars(), right(length), "{told}: {:?}", outlook.log());
    assert!(outlook.most() <= 1, "{told}: two events at once: {:?}", outlook.log());
}

#[test]
fn two_crashes_in_a_row_change_nothing_about_that() {
    for order in orders(4) {
        let steps = live(&FakeOutlook::default(), &order, &[], Takeover::First).steps;
        for first in 1..=steps {
            for second in first + 1..=first + 6 {
                let outlook = FakeOutlook::default();
                live(&outlook, &order, &[first, second], Takeover::AfterTheNextEvent);
                assert_right(&outlook, 4, &format!("crashes at {first} and {second}"));
            }
        }
    }
}

#[test]
fn a_crash_that_leaves_no_recheck_mark_is_made_good_from_the_places_alone() {
    for length in [3, 4] {
        for order in orders(length) {
            let steps = live(&FakeOutlook::default(), &order, &[], Takeover::First).steps;
            for crash in 1..=steps {
                let outlook = FakeOutlook::default();
                let mut task = Task { crash_at: vec![crash], ..Task::new() };
                for (version, wanted) in &order {
                    task.publish(*version, wanted);
                    task.claim(&outlook);
                    task.row.recheck = false;
                }
                task.settle(&outlook);
                assert_right(&outlook, length, &format!("crash at {crash}"));
            }
        }
    }
}

/// At most one event at once is not asked here: an attempt under the other name, of which nobody knows whether it was sent, may be
/// revealed by a silent event that is removed at once.
#[test]
fn a_worker_named_now_one_way_now_the_other_has_one_event() {
    let life = vec![(1, scheduled(ANN, 9)), (2, scheduled(ANN_ID, 10)), (3, scheduled(ANN, 11)), (4, scheduled(ANN_ID, 12))];
    for duplicates in [Duplicates::Answered, Duplicates::RefusedWithId, Duplicates::Refused] {
        for order in orders_of(life.clone().into_iter()) {
            for takeover in [Takeover::First, Takeover::AfterTheNextEvent] {
                for crash in 1..60 {
                    let outlook = FakeOutlook::with(Manners { duplicates, ..Manners::default() });
                    outlook.alias(ANN_ID, ANN);
                    let task = live(&outlook, &order, &[crash], takeover);
                    let right = vec![(ANN.to_owned(), vec!["Visit at 12".to_owned()])];
                    assert_eq!(outlook.calendars(), right, "{duplicates:?}, crash at {crash}: {:?}", outlook.log());
                    if task.steps < crash {
                        break;
                    }
                }
            }
        }
    }
}

#[test]
fn every_intent_is_followed_by_its_outcome() {
    let outlook = FakeOutlook::default();
    let task = live(&outlook, &life(), &[], Takeover::First);
    let words: Vec<_> = task.audit.iter().map(|note| (note.action, note.outcome.label())).collect();
    let step = |action| [(action, "intended"), (action, "succeeded")];
    let (created, updated, deleted) = (step(super::notes::CREATED), step(super::notes::UPDATED), step(super::notes::DELETED));
    assert_eq!(words, [created, updated, created, deleted, deleted, created].concat());
    let told: Vec<_> = task.told.iter().map(|told| told.action).collect();
    assert_eq!(told, ["created", "updated", "moved", "moved", "removed", "created"]);
    let name_nobody = |note: &AuditNote| !note.detail.to_string().contains("contoso") && note.target == "task/t1";
    assert!(task.audit.iter().all(name_nobody));
}
