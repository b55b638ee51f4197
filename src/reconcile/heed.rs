//! Policy: nothing is sent before its time, whoever was told to wait.
//!
//! A claim keeps to the waits of its own mailbox, and the transport to those that this process was told. What is left is a wait that
//! another replica was told, or this one before it restarted, for a mailbox that an object moves away from: it is read from the store,
//! and asked before each call.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    capabilities::CapabilityName,
    clock::SharedClock,
    graph::{Graph, GraphError, Request, Response, ThrottleScope, held_back},
    organisation::OrgScope,
    store::{Store, StoreError, WorkerScope},
};

/// How old our knowledge of what others were told may be.
const FRESH: TimeDelta = TimeDelta::milliseconds(100);

/// The waits of one capability, as the store knows them.
#[derive(Debug, Default)]
pub(super) struct Waits {
    known: Mutex<Known>,
    /// Held while they are read, so that many who need them read once.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    as_of: Option<DateTime<Utc>>,
    until: HashMap<OrgScope, HashMap<Option<String>, DateTime<Utc>>>,
}

impl Waits {
    /// Reads them again when they are older than a tenth of a second.
    pub(super) async fn refresh(
        &self,
        store: &Store,
        worker: &WorkerScope,
        capability: CapabilityName,
        clock: &SharedClock,
    ) -> Result<(), StoreError> {
        if self.is_fresh(clock.now()) {
            return Ok(());
        }
        let _turn = self.reading.lock().await;
        let now = clock.now();
        if self.is_fresh(now) {
            return Ok(());
        }
        let mut until: HashMap<OrgScope, HashMap<_, _>> = HashMap::new();
        for (scope, hold) in store.holds(worker, capability, now).await? {
            until.entry(scope).or_default().insert(hold.target, hold.until);
        }
        *self.known() = Known { as_of: Some(now), until };
        Ok(())
    }

    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        self.known().as_of.is_some_and(|as_of| now.signed_duration_since(as_of).abs() < FRESH)
    }

    /// Refuses a call that would be early.
    fn check(&self, scope: &OrgScope, request: &Request, now: DateTime<Utc>) -> Result<(), GraphError> {
        let known = self.known();
        let Some(waits) = known.until.get(scope) else { return Ok(()) };
        let until = |target: &Option<String>| waits.get(target).copied().filter(|until| now < *until);
        let target = request.target.is_some().then(|| until(&request.target)).flatten();
        let whole = until(&None).map(|until| (until, ThrottleScope::Workload));
        match whole.into_iter().chain(target.map(|until| (until, ThrottleScope::Target))).max_by_key(|(until, _)| *until) {
            None => Ok(()),
            Some((until, scope)) => Err(held_back(until, scope)),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection whose calls keep to the store's waits.
pub(super) struct Heeding<'run, G> {
    pub(super) graph: G,
    pub(super) waits: &'run Waits,
    pub(super) store: &'run Store,
    pub(super) worker: &'run WorkerScope,
    pub(super) capability: CapabilityName,
    pub(super) scope: &'run OrgScope,
    pub(super) clock: &'run SharedClock,
}

impl<G: Graph> Heeding<'_, G> {
    /// Asked before each call, not once for a step of several: the first may have taken longer than our knowledge is good for.
    async fn heed(&self, request: &Request) -> Result<(), GraphError> {
        // A store that cannot be read now is no reason to stop: the last that it said holds.
        let _stale = self.waits.refresh(self.store, self.worker, self.capability, self.clock).await;
        self.waits.check(self.scope, request, self.clock.now())
    }
}

impl<G: Graph> Graph for Heeding<'_, G> {
    async fn send(&self, request: Request) -> Result<Response, GraphError> {
        self.heed(&request).await?;
        self.graph.send(request).await
    }

    async fn follow(&self, link: &str, like: &Request) -> Result<Response, GraphError> {
        self.heed(like).await?;
        self.graph.follow(link, like).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graph::{Verdict, Workload},
        organisation::OrganisationId,
    };

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_764_000_000, 0).unwrap()
    }

    fn scope(name: &str) -> OrgScope {
        OrgScope::granted_to_operator(OrganisationId::parse(name).unwrap())
    }

    fn waits(of: &[(Option<&str>, i64)]) -> Waits {
        let waits = Waits::default();
        let until = of.iter().map(|(target, seconds)| (target.map(str::to_owned), now() + TimeDelta::seconds(*seconds)));
        waits.known().until.insert(scope("acme"), until.collect());
        waits
    }

    fn refused(waits: &Waits, organisation: &str, target: Option<&str>, after: i64) -> Option<(i64, ThrottleScope)> {
        let request = Request { target: target.map(str::to_owned), ..Request::get(Workload::Outlook, "/x") };
        let error = waits.check(&scope(organisation), &request, now() + TimeDelta::seconds(after)).err()?;
        let Verdict::Throttled { until, scope } = error.verdict else { panic!("{error:?}") };
        Some(((until - now()).num_seconds(), scope))
    }

    #[test]
    fn a_mailbox_waits_alone_and_until_its_time() {
        let waits = waits(&[(Some("ann"), 10)]);
        assert_eq!(refused(&waits, "acme", Some("ann"), 9), Some((10, ThrottleScope::Target)));
        assert_eq!(refused(&waits, "acme", Some("ann"), 10), None);
        assert_eq!(refused(&waits, "acme", Some("bob"), 0), None);
        assert_eq!(refused(&waits, "acme", None, 0), None);
        assert_eq!(refused(&waits, "zenith", Some("ann"), 0), None);
    }

    #[test]
    fn a_whole_workload_waits_with_all_its_mailboxes_and_the_later_end_counts() {
        let waits = waits(&[(None, 60), (Some("ann"), 90)]);
        assert_eq!(refused(&waits, "acme", Some("bob"), 0), Some((60, ThrottleScope::Workload)));
        assert_eq!(refused(&waits, "acme", Some("ann"), 0), Some((90, ThrottleScope::Target)));
        assert_eq!(refused(&waits, "acme", None, 59), Some((60, ThrottleScope::Workload)));
    }
}
