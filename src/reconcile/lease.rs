//! Whether a run may still call, and keeping its lease alive.
//!
//! A worker that was frozen past its lease wakes up with an old picture. It must not act on it: before each call a run asks
//! [`Held::may_call`], and before each record the store compares the epoch.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    clock::SharedClock,
    store::{Lease, Store},
};

/// A lease that a run works under.
#[derive(Debug)]
pub(super) struct Held {
    lease: Lease,
    until_micros: AtomicI64,
    lost: AtomicBool,
}

impl Held {
    pub(super) fn new(lease: Lease) -> Self {
        Self { until_micros: AtomicI64::new(lease.until.timestamp_micros()), lost: AtomicBool::new(false), lease }
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Whether a call that starts now and takes at most `longest` ends before the lease does.
    pub(super) fn may_call(&self, now: DateTime<Utc>, longest: Duration) -> bool {
        let longest = TimeDelta::from_std(longest).unwrap_or(TimeDelta::MAX);
        let ends = now.checked_add_signed(longest).map_or(i64::MAX, |end| end.timestamp_micros());
        !self.lost.load(Ordering::Acquire) && ends < self.until_micros.load(Ordering::Acquire)
    }

    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::Release);
    }

    fn extend(&self, until: DateTime<Utc>) {
        self.until_micros.store(until.timestamp_micros(), Ordering::Release);
    }
}

type Key = (crate::organisation::OrgScope, crate::store::Kind, String);

fn key(lease: &Lease) -> Key {
    (lease.scope.clone(), lease.kind, lease.key.clone())
}

/// Every lease this process works under.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<HashMap<Key, Arc<Held>>>);

impl Leases {
    /// Takes a claimed lease in.
    pub(super) fn hold(&self, lease: Lease) -> Arc<Held> {
        let held = Arc::new(Held::new(lease));
        self.lock().insert(key(held.lease()), held.clone());
        held
    }

    /// Lets go of a lease whose run has ended.
    pub(super) fn release(&self, held: &Held) {
        let mut leases = self.lock();
        let key = key(held.lease());
        if leases.get(&key).is_some_and(|current| current.lease.epoch == held.lease.epoch) {
            leases.remove(&key);
        }
    }

    /// The leases to extend.
    pub(super) fn all(&self) -> Vec<Lease> {
        self.lock().values().filter(|held| !held.lost.load(Ordering::Acquire)).map(|held| held.lease.clone()).collect()
    }

    /// Others may have taken this process for dead: no lease of now counts until it has been extended.
    pub(super) fn distrust(&self) {
        self.lock().values().for_each(|held| held.until_micros.store(i64::MIN, Ordering::Release));
    }

    /// Takes the result of extending `asked` in: those in `lost` belong to somebody else now.
    pub(super) fn extended(&self, asked: &[Lease], lost: &[Lease], until: DateTime<Utc>) {
        let leases = self.lock();
        for lease in asked {
            let Some(held) = leases.get(&key(lease)).filter(|held| held.lease.epoch == lease.epoch) else { continue };
            if lost.iter().any(|gone| gone.epoch == lease.epoch && key(gone) == key(lease)) {
                held.lose();
            } else {
                held.extend(until);
            }
        }
    }

    /// Extends them three times a lease, until the future is dropped.
    pub(super) async fn keep(&self, store: &Store, clock: &SharedClock, length: Duration) {
        loop {
            tokio::time::sleep(length / 3).await;
            let asked = self.all();
            if asked.is_empty() {
                continue;
            }
            let until = clock.now() + TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX);
            match store.extend(asked.clone(), until).await {
                Ok(lost) => self.extended(&asked, &lost, until),
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "could not extend leases"),
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Held>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        organisation::{OrgScope, OrganisationId},
        store::Kind,
    };

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000, 0).unwrap()
    }

    fn lease(epoch: u64) -> Lease {
        let scope = OrgScope::granted_to_operator(OrganisationId::parse("acme").unwrap());
        Lease { scope, kind: Kind::Task, key: "t".into(), epoch, until: now() + TimeDelta::seconds(60) }
    }

    #[test]
    fn no_call_starts_that_the_lease_may_not_outlast() {
        let held = Leases::default().hold(lease(1));
        assert!(held.may_call(now(), Duration::from_secs(59)));
        assert!(!held.may_call(now(), Duration::from_mins(1)));
        assert!(!held.may_call(now() + TimeDelta::seconds(61), Duration::ZERO));
    }

    #[test]
    fn an_extended_lease_goes_on_and_a_lost_one_does_not() {
        let leases = Leases::default();
        let held = leases.hold(lease(1));
        let later = now() + TimeDelta::seconds(120);
        leases.extended(&[lease(1)], &[], later);
        assert!(held.may_call(now() + TimeDelta::seconds(100), Duration::from_secs(10)));
        leases.extended(&[lease(1)], &[lease(1)], later);
        assert!(!held.may_call(now(), Duration::ZERO));
        assert!(leases.all().is_empty());
    }

    #[test]
    fn a_lease_that_others_may_have_ended_counts_again_once_it_was_extended() {
        let leases = Leases::default();
        let held = leases.hold(lease(1));
        leases.distrust();
        assert!(!held.may_call(now(), Duration::ZERO));
        leases.extended(&[lease(1)], &[], now() + TimeDelta::seconds(60));
        assert!(held.may_call(now(), Duration::ZERO));
    }

    #[test]
    fn a_run_that_ends_late_does_not_let_go_of_its_successor() {
        let leases = Leases::default();
        let old = leases.hold(lease(1));
        leases.hold(lease(2));
        leases.release(&old);
        assert_eq!(leases.all().len(), 1);
    }
}
