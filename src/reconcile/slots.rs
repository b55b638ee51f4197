//! A loop's slots: how many objects are worked on at once, and by whom how many calls are under way.
//!
//! One organisation may have `delivery.concurrency` calls under way, and a quarter more objects, so that others call while some wait
//! for a commit. There are more slots than that: what is kept back of them is found free by an organisation that comes later, however
//! long those before it keep theirs ([`Shares`]). Calls are counted by organisation, not in one queue over all: whoever has a slot waits
//! for nobody else's calls.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    organisation::OrgScope,
    store::{SHARE_WEIGHT, Shares},
};

/// For so many objects whose calls may be under way, one more is claimed.
const AHEAD: usize = 4;
/// The least that is kept back for those who come later.
const LEAST_KEPT: usize = 4;

/// The slots of one loop.
#[derive(Debug)]
pub(super) struct Slots {
    /// A permit is the right to work on an object, whosever it is.
    all: Arc<Semaphore>,
    /// Calls under way of one organisation.
    concurrency: usize,
    /// Objects of one organisation.
    most: usize,
    /// Those that have a slot now; one that has none takes no memory.
    held: Mutex<HashMap<OrgScope, Holder>>,
}

/// An organisation that has slots.
#[derive(Debug)]
struct Holder {
    slots: usize,
    /// A permit is the right to have a call under way.
    calls: Arc<Semaphore>,
}

/// The right to work on one object; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    /// A permit is the right to have a call of its organisation under way.
    pub(super) calls: Arc<Semaphore>,
    slots: Arc<Slots>,
    scope: OrgScope,
    // Given back after the count is, so that whoever gets it sees what this one's organisation has left.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(super) fn new(concurrency: usize) -> Arc<Self> {
        let most = concurrency + concurrency / AHEAD;
        let all = Arc::new(Semaphore::new(most + (most / SHARE_WEIGHT).max(LEAST_KEPT)));
        Arc::new(Self { all, concurrency, most, held: Mutex::default() })
    }

    /// Waits for a free slot, then takes all that are free, up to `limit`; none when told to stop.
    pub(super) async fn free(&self, limit: usize, stop: &CancellationToken) -> Option<OwnedSemaphorePermit> {
        let mut first = tokio::select! {
            () = stop.cancelled() => return None,
            permit = self.all.clone().acquire_owned() => permit.ok()?,
        };
        let more = self.all.available_permits().min(limit.saturating_sub(1));
        if let Ok(rest) = self.all.clone().try_acquire_many_owned(u32::try_from(more).unwrap_or(0)) {
            first.merge(rest);
        }
        Some(first)
    }

    /// Who has how much, while `taken` is to be shared out.
    pub(super) fn shares(&self, taken: &OwnedSemaphorePermit) -> Shares {
        let free = self.all.available_permits() + taken.num_permits();
        let held = self.lock().iter().map(|(scope, holder)| (scope.clone(), holder.slots)).collect::<Vec<_>>();
        Shares::new(self.most, free, held)
    }

    /// A slot for one of an organisation's objects.
    pub(super) fn take(self: &Arc<Self>, scope: &OrgScope, permit: Option<OwnedSemaphorePermit>) -> Slot {
        let mut held = self.lock();
        let new = || Holder { slots: 0, calls: Arc::new(Semaphore::new(self.concurrency)) };
        let holder = held.entry(scope.clone()).or_insert_with(new);
        holder.slots += 1;
        Slot { calls: Arc::clone(&holder.calls), slots: Arc::clone(self), scope: scope.clone(), _permit: permit }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrgScope, Holder>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = self.slots.lock();
        let Some(holder) = held.get_mut(&self.scope) else { return };
        holder.slots -= 1;
        if holder.slots == 0 {
            held.remove(&self.scope);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::organisation::OrganisationId;

    fn scope(name: &str) -> OrgScope {
        OrgScope::granted_to_operator(OrganisationId::parse(name).unwrap())
    }

    fn free(slots: &Slots, limit: usize) -> Option<OwnedSemaphorePermit> {
        slots.free(limit, &CancellationToken::new()).now_or_never().flatten()
    }

    /// Gives an organisation all that it can get now.
    fn fill(slots: &Arc<Slots>, scope: &OrgScope) -> Vec<Slot> {
        std::iter::from_fn(|| {
            let permit = free(slots, 1)?;
            let mut shares = slots.shares(&permit);
            shares.give(scope.as_str()).then(|| slots.take(scope, Some(permit)))
        })
        .collect()
    }

    #[test]
    fn one_organisation_gets_its_concurrency_and_a_quarter_and_another_finds_slots_and_calls_of_its_own() {
        let slots = Slots::new(512);
        let busy = fill(&slots, &scope("busy"));
        assert_eq!(busy.len(), 640);
        let calls: Vec<_> = busy.iter().map_while(|slot| slot.calls.try_acquire().ok()).collect();
        assert_eq!(calls.len(), 512);
        let quiet = fill(&slots, &scope("quiet"));
        assert!(quiet.len() >= 64, "{}", quiet.len());
        assert!(quiet.iter().all(|slot| slot.calls.try_acquire().is_ok()));
        assert!(!fill(&slots, &scope("third")).is_empty());
    }

    #[test]
    fn the_smallest_setting_leaves_another_its_turn() {
        let slots = Slots::new(1);
        assert_eq!(fill(&slots, &scope("busy")).len(), 1);
        assert!(!fill(&slots, &scope("quiet")).is_empty());
    }

    #[test]
    fn what_is_given_back_is_counted_once_and_nothing_is_remembered() {
        let slots = Slots::new(8);
        let busy = fill(&slots, &scope("busy"));
        assert!(fill(&slots, &scope("busy")).is_empty());
        drop(busy);
        assert!(slots.lock().is_empty());
        assert_eq!(fill(&slots, &scope("busy")).len(), 10);
    }

    #[test]
    fn as_many_are_taken_at_once_as_are_free_and_asked_for() {
        let slots = Slots::new(8);
        let some = free(&slots, 5).unwrap();
        assert_eq!(some.num_permits(), 5);
        assert_eq!(free(&slots, 100).unwrap().num_permits(), 9);
    }
}
