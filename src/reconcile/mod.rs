//! The loop that makes Microsoft 365 agree with what is wanted: claim → decide → perform → record.
//!
//! | file | subject |
//! | --- | --- |
//! | [`worker`] | takes due objects under lease and starts a run for each; sleeps until something is due |
//! | [`begin`] | the first decision, whose intent is committed with the claim; pure |
//! | [`crew`] | the same for objects that an operation has claimed by name |
//! | [`slots`] | how many objects and calls at once, shared out so that every organisation finds some |
//! | [`run`] | one object's run: decide, commit the intent, call, learn, until nothing is left to do |
//! | [`journal`] | what a run has learned and not written down yet |
//! | [`ending`] | what becomes of an object when its run stops; pure |
//! | [`heed`] | whether a call would come before a time that Microsoft named, to whomever |
//! | [`lease`] | whether a run may still call, and keeping its lease alive |
//! | [`presence`] | saying that a loop lives, and finding those that do not |
//! | [`backoff`] | how long to wait before another attempt; pure |
//!
//! One retry layer: an object that failed waits in the store (`not_before`), whatever the cause. Nothing here sleeps for a
//! `Retry-After`.

pub mod backoff;
mod begin;
mod crew;
mod ending;
mod heed;
mod journal;
mod lease;
mod presence;
mod run;
mod slots;
#[cfg(test)]
mod tests;
mod worker;

use std::{fmt, sync::Arc, time::Duration};

pub use crew::Crew;
pub use run::{Ended, Report};
pub use worker::Reconciler;

use crate::{
    capabilities::{Capability, Failure, Kind, Work},
    graph::Graph,
    organisation::OrgScope,
};

/// How hard to try.
#[derive(Debug, Clone)]
pub struct DeliverySettings {
    /// Objects of one organisation with a call under way at once in this process; a quarter more may be claimed and wait for a
    /// commit. Other organisations find slots beside them.
    pub concurrency: usize,
    /// Objects of one mailbox, list or channel worked on at once, over all processes.
    pub per_target: u32,
    /// How long a claim lasts without being extended.
    pub lease: Duration,
    /// The longest that one call may take; a run does not start a call that its lease may not outlast.
    pub call_timeout: Duration,
    /// Attempts on one version until it is set aside.
    pub max_attempts: u32,
    /// Workers in a row that may die over one object until it is set aside (`WORKER_CRASHED`) instead of killing another.
    pub max_crashes: u32,
    /// How long failed objects wait.
    pub backoff: backoff::BackoffSettings,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            concurrency: 256,
            per_target: 4,
            lease: Duration::from_mins(1),
            call_timeout: Duration::from_secs(20),
            max_attempts: 25,
            max_crashes: 3,
            backoff: backoff::BackoffSettings::default(),
        }
    }
}

/// Opens the connection of an organisation for a run.
pub trait Tenants: Send + Sync + 'static {
    /// Sends calls for one connection.
    type Graph: Graph + 'static;

    /// The organisation's connection; a failure when it has none or its credential cannot be opened.
    fn graph(&self, scope: &OrgScope) -> impl Future<Output = Result<Self::Graph, Failure>> + Send;

    /// Whether [`Tenants::graph`] has it open already: only then are intents committed with a claim.
    fn is_open(&self, scope: &OrgScope) -> bool;
}

/// Makes the capability that works on a claimed object. Most are the same for all; one that follows an organisation's own settings is
/// made for each claim.
pub trait Fitting: Send + Sync + 'static {
    /// What it makes.
    type Capability: Capability;

    /// The kind of object.
    fn kind(&self) -> Kind;

    /// The capability, when it is the same for all: only then are intents committed with a claim.
    fn ready(&self) -> Option<&Self::Capability>;

    /// The capability for this object; a failure when what it needs is not to be had now.
    fn fit<G: Graph>(
        &self,
        scope: &OrgScope,
        work: &Work,
        graph: &G,
    ) -> impl Future<Output = Result<Self::Capability, Failure>> + Send;

    /// One that makes no calls, for a run that cannot begin.
    fn unfitted(&self) -> Self::Capability;
}

impl<C: Capability + Clone> Fitting for C {
    type Capability = C;

    fn kind(&self) -> Kind {
        Capability::kind(self)
    }

    fn ready(&self) -> Option<&C> {
        Some(self)
    }

    async fn fit<G: Graph>(&self, _scope: &OrgScope, _work: &Work, _graph: &G) -> Result<C, Failure> {
        Ok(self.clone())
    }

    fn unfitted(&self) -> C {
        self.clone()
    }
}

/// Tells a loop that something may be due. Cheap to clone.
#[derive(Clone, Default)]
pub struct Wake(Arc<tokio::sync::Notify>);

impl Wake {
    /// Wakes the loop, or lets its next wait end at once.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits to be woken.
    pub async fn woken(&self) {
        self.0.notified().await;
    }

    /// The bare notifier, for modules that know nothing of the loop.
    pub fn notifier(&self) -> Arc<tokio::sync::Notify> {
        self.0.clone()
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wake")
    }
}
