//! How a run begins, inside the transaction of its claim: pure.
//!
//! An intent must stand committed before its call leaves. Deciding needs nothing but what the claim has read, so the first call's
//! intent is committed with the claim itself: an object that needs one call costs two commits, this one and its outcome's.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{DeliverySettings, journal::Journal};
use crate::{
    capabilities::{Capability, Decision, Understood, Work},
    crash,
    store::{Claim, Lease, Next, Progress},
};

/// The newest form of wanted state that this release reads; it reads every older one. A newer one, of a release that was taken back, may
/// mean something else by the same words.
const NEWEST_FORMAT: u16 = 1;

/// A claim as its run takes it over.
pub(super) struct Begun<Call> {
    pub(super) lease: Lease,
    pub(super) work: Work,
    pub(super) attempts: u32,
    pub(super) journal: Journal,
    /// Why a person is needed before anything can be decided: code and words.
    pub(super) impossible: Option<(&'static str, String)>,
    /// The first call, when its intent is committed with the claim. It has to be made, or found out about, before anything else.
    pub(super) intended: Option<Call>,
}

/// Begins a run; with it, what the claim has to commit. `ready`: the capability, when it is known already and its connection is open.
/// Otherwise nothing is intended yet: were the credential not to be had, each attempt would leave an intent without a call in the trail.
pub(super) fn begin<C: Capability>(
    ready: Option<&C>,
    settings: &DeliverySettings,
    claim: Claim,
    now: DateTime<Utc>,
) -> (Begun<C::Call>, Option<Progress>) {
    let (lease, attempts, crashes) = (claim.lease.clone(), claim.attempts, claim.crashes);
    let (work, unreadable) = work(claim);
    let impossible = unreadable
        .map(|problem| ("UNREADABLE", format!("the stored wanted state cannot be read: {problem}")))
        .or_else(|| (crashes >= settings.max_crashes).then(|| ("WORKER_CRASHED", crashed(crashes))));
    let mut begun = Begun { lease, work, attempts, journal: Journal::default(), impossible, intended: None };
    let progress = ready.filter(|_| begun.impossible.is_none()).and_then(|capability| begun.intend(capability, now));
    (begun, progress)
}

impl<Call> Begun<Call> {
    /// The first call's intent, if it is one that needs an intent.
    fn intend<C: Capability<Call = Call>>(&mut self, capability: &C, now: DateTime<Utc>) -> Option<Progress> {
        let Decision::Call(call) = capability.decide(&self.work, now) else { return None };
        let intent = capability.intend(&self.work, &call)?;
        self.work.apply_intent(&intent);
        self.journal.intend(&self.work, intent, now);
        self.intended = Some(call);
        crash::point("intent.before-commit");
        Some(self.journal.progress(&self.lease, Next::Keep))
    }
}

fn crashed(workers: u32) -> String {
    format!("{workers} workers in a row ended without a word while they worked on it")
}

/// A claim as the capability sees it; with the reason when its wanted state is of a form that is not known, or not even JSON.
fn work(claim: Claim) -> (Work, Option<String>) {
    let read = if claim.body_format > NEWEST_FORMAT {
        Err(format!("its form {} is of a newer release, this one knows {NEWEST_FORMAT}", claim.body_format))
    } else {
        serde_json::from_str(&claim.body).map_err(|error| error.to_string())
    };
    let (wanted, unreadable) = match read {
        Ok(wanted) => (wanted, None),
        Err(problem) => (serde_json::Value::Null, Some(problem)),
    };
    let work = Work {
        organisation: claim.lease.scope.organisation().clone(),
        key: claim.lease.key,
        version: claim.version,
        wanted,
        context: claim.context,
        generation: claim.generation,
        recheck: claim.recheck,
        places: claim.places,
        failures: Vec::new(),
        looked: BTreeSet::new(),
        briefing: None,
        understood: Understood::default(),
    };
    (work, unreadable)
}
