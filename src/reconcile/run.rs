//! One object's run: decide, commit the intent, call, learn, until nothing is left to do.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio::sync::Semaphore;

use super::{
    DeliverySettings,
    begin::Begun,
    ending::{Ending, ending, holds},
    journal::{Journal, entry},
    lease::Held,
    presence::Presence,
};
use crate::{
    capabilities::{AuditNote, Capability, Decision, Failure, Outcome, Place, Work},
    clock::SharedClock,
    crash,
    events::{Telling, outgoing},
    graph::Graph,
    ids::Ids,
    store::{DeliveryError, Hold, NewDeadLetter, Next, Progress, Recorded, Store, StoreError},
};

/// Calls that one run may make: far above what any decision needs, so that a capability that goes in circles is stopped.
const MOST_CALLS: u32 = 40;

/// How long a run waits before it tries again to write down what it learned.
const RECORD_AGAIN: Duration = Duration::from_millis(250);

/// How a run ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As wanted.
    Settled,
    /// Waits for another attempt.
    Retried,
    /// Waits for another attempt with an open outcome.
    Unknown,
    /// Set aside.
    Failed,
    /// Somebody else has the object now.
    Superseded,
}

/// How a run ended, for whoever asked for it.
#[derive(Debug)]
pub struct Report {
    /// In a word.
    pub ended: Ended,
    /// What went wrong, when it is not settled.
    pub error: Option<DeliveryError>,
    /// What is known of the object's remote items now.
    pub places: Vec<Place>,
}

type Outcomes = (Ended, Option<DeliveryError>);

/// What a run starts with beside its object.
struct Start<Call> {
    attempts: u32,
    impossible: Option<(&'static str, String)>,
    intended: Option<Call>,
}

/// What a run needs of its surroundings.
pub(super) struct Run<'a, C> {
    pub(super) store: &'a Store,
    pub(super) capability: &'a C,
    pub(super) settings: &'a DeliverySettings,
    pub(super) clock: &'a SharedClock,
    pub(super) ids: &'a Ids,
    pub(super) presence: &'a Presence,
    /// A permit is the right to have a call under way.
    pub(super) calls: &'a Semaphore,
    pub(super) held: Arc<Held>,
    /// The run is about another target than the object's own: whatever comes of it, the object stands as it stood.
    pub(super) aside: bool,
}

impl<C: Capability> Run<'_, C> {
    /// Works on a claimed object until it is settled, waits or is set aside, and writes that down.
    pub(super) async fn go<G: Graph>(&self, begun: Begun<C::Call>, graph: Result<G, Failure>) -> Result<Report, StoreError> {
        let Begun { mut work, journal, attempts, impossible, intended, .. } = begun;
        let start = Start { attempts, impossible, intended };
        let (ended, error) = self.work_on(&mut work, journal, start, graph).await?;
        Ok(Report { ended, error, places: work.places })
    }

    async fn work_on<G: Graph>(
        &self,
        work: &mut Work,
        mut journal: Journal,
        start: Start<C::Call>,
        graph: Result<G, Failure>,
    ) -> Result<Outcomes, StoreError> {
        let Start { attempts, impossible, intended } = start;
        let first_failed_at = self.clock.now();
        if let Some((code, message)) = impossible {
            return self.set_aside(work, &mut journal, self.impossible(code, message), attempts, first_failed_at).await;
        }
        let graph = match graph {
            Ok(graph) => graph,
            Err(failure) => {
                work.failures.push(failure);
                return self.stop(work, journal, attempts).await;
            }
        };
        if let Some(call) = intended
            && !self.call(&graph, work, &mut journal, &call).await?
        {
            return Ok((Ended::Superseded, None));
        }
        for _ in 0..MOST_CALLS {
            match self.capability.decide(work, self.clock.now()) {
                Decision::Settled => return self.settle(work, journal).await,
                Decision::Stop => return self.stop(work, journal, attempts).await,
                Decision::Impossible { code, message } => {
                    return self.set_aside(work, &mut journal, self.impossible(code, message), attempts, first_failed_at).await;
                }
                Decision::Call(call) => {
                    if !self.step(&graph, work, &mut journal, &call).await? {
                        return Ok((Ended::Superseded, None));
                    }
                }
            }
        }
        tracing::error!(organisation = %work.organisation, key = %work.key, "a run went in circles and was stopped");
        self.stop(work, journal, attempts).await
    }

    /// Commits the call's intent, makes the call and learns from it; false when the lease is not ours any more.
    async fn step(&self, graph: &impl Graph, work: &mut Work, journal: &mut Journal, call: &C::Call) -> Result<bool, StoreError> {
        if let Some(intent) = self.capability.intend(work, call) {
            work.apply_intent(&intent);
            journal.intend(work, intent, self.clock.now());
            crash::point("intent.before-commit");
            if self.record(journal.progress(self.held.lease(), Next::Keep)).await? == Recorded::LeaseLost {
                return Ok(false);
            }
        }
        self.call(graph, work, journal, call).await
    }

    /// Makes a call whose intent is committed, and learns from it; false when it must not be made any more.
    async fn call(&self, graph: &impl Graph, work: &mut Work, journal: &mut Journal, call: &C::Call) -> Result<bool, StoreError> {
        // Fails only when the semaphore is closed, which nobody does; going ahead would then be right too.
        let _permit = self.calls.acquire().await.ok();
        // A worker that was frozen since the claim must not act on what it believed then. What it did before it froze is told all the
        // same: should somebody else have the object now, they hear of it only by this record being refused.
        if !self.may_call() {
            self.record(journal.progress(self.held.lease(), Next::Release)).await?;
            return Ok(false);
        }
        crash::point("call.before");
        let answer = self.capability.perform(graph, work, call).await;
        crash::point("call.after");
        let learned = self.capability.learn(work, call, answer);
        work.apply(&learned);
        let told =
            learned.failure.clone().map(|failure| (holds(self.capability.name(), std::slice::from_ref(&failure)), failure));
        journal.learn(self.capability, work, learned, self.clock.now());
        match told.filter(|(holds, _)| !holds.is_empty()) {
            None => Ok(true),
            Some((holds, failure)) => self.spread(journal, holds, failure.graph_request_id).await,
        }
    }

    /// Whether nobody else can have the object before a call that starts now has ended, nor have taken this process for dead.
    fn may_call(&self) -> bool {
        let now = self.clock.now();
        self.held.may_call(now, self.settings.call_timeout) && self.presence.stands(now)
    }

    /// Commits a wait at once: the run may go on elsewhere for a while, and others must not call meanwhile, nor a successor should
    /// we die. `request_id` is the answer's that asked for it.
    async fn spread(&self, journal: &mut Journal, holds: Vec<Hold>, request_id: Option<String>) -> Result<bool, StoreError> {
        let mut progress = journal.progress(self.held.lease(), Next::Keep);
        progress.holds.extend(holds);
        let recorded = self.record(progress).await?;
        // Also where the lease was lost: the wait binds all the same.
        tracing::debug!(request_id, "a wait is committed");
        Ok(recorded == Recorded::Done)
    }

    async fn settle(&self, work: &Work, mut journal: Journal) -> Result<Outcomes, StoreError> {
        let next = Next::Settled { version: work.version };
        self.end(journal.progress(self.held.lease(), next), Ended::Settled, None).await
    }

    async fn stop(&self, work: &Work, mut journal: Journal, attempts: u32) -> Result<Outcomes, StoreError> {
        let now = self.clock.now();
        match ending(self.settings, &work.failures, attempts, now, self.ids.fraction()) {
            Ending::Retry { not_before, unknown, counts, error } => {
                let told = error.clone();
                let mut progress = journal.progress(self.held.lease(), Next::Retry { not_before, unknown, counts, error });
                progress.holds.extend(holds(self.capability.name(), &work.failures));
                self.end(progress, if unknown { Ended::Unknown } else { Ended::Retried }, Some(told)).await
            }
            Ending::Dead { error } => self.set_aside(work, &mut journal, error, attempts, now).await,
        }
    }

    fn impossible(&self, code: &str, message: String) -> DeliveryError {
        DeliveryError { code: code.into(), message, graph_request_id: None, at: self.clock.now() }
    }

    async fn set_aside(
        &self,
        work: &Work,
        journal: &mut Journal,
        error: DeliveryError,
        attempts: u32,
        first_failed_at: DateTime<Utc>,
    ) -> Result<Outcomes, StoreError> {
        if self.aside {
            return self.end(journal.progress(self.held.lease(), Next::Aside), Ended::Failed, Some(error)).await;
        }
        let now = self.clock.now();
        let id = self.ids.ordered(now).to_string();
        let name = self.capability.name();
        tracing::warn!(organisation = %work.organisation, key = %work.key, code = %error.code, attempts, "delivery set aside");
        let data = json!({
            "id": id, "capability": name.label().to_uppercase(), "key": work.key, "code": error.code, "message": error.message,
        });
        let subject = self.capability.object(work);
        let told = outgoing(Telling {
            id: id.clone(),
            organisation: &work.organisation,
            topic: "delivery.dead-lettered",
            object: Some(subject.clone()),
            time: now,
            cause: Some(&work.context),
            trace: None,
            data,
        });
        let note = AuditNote {
            action: self.capability.failed_action(),
            target: subject,
            outcome: Outcome::Failed,
            detail: json!({ "code": error.code, "attempts": attempts, "version": work.version.event }),
            personal: Vec::new(),
            graph_request_id: error.graph_request_id.clone(),
        };
        journal.add([entry(work, note, now)], [told]);
        let dead_letter = NewDeadLetter {
            id,
            capability: Some(name),
            code: error.code.clone(),
            message: error.message.clone(),
            pointer: None,
            object: Some((self.capability.kind(), work.key.clone())),
            attempts,
            graph_request_id: error.graph_request_id.clone(),
            payload: Some(work.wanted.to_string()),
            context: Some(work.context.clone()),
            first_failed_at,
        };
        let told = error.clone();
        let next = Next::Dead { version: work.version, dead_letter, error };
        self.end(journal.progress(self.held.lease(), next), Ended::Failed, Some(told)).await
    }

    async fn end(&self, progress: Progress, ended: Ended, error: Option<DeliveryError>) -> Result<Outcomes, StoreError> {
        let progress = if self.aside { Progress { next: Next::Aside, ..progress } } else { progress };
        crash::point("outcome.before-commit");
        let recorded = self.record(progress).await?;
        crash::point("outcome.after-commit");
        Ok(match recorded {
            Recorded::Done => (ended, error),
            Recorded::LeaseLost => (Ended::Superseded, None),
        })
    }

    /// Records, again and again while the store is away, until the lease would have ended had it begun now. Not only until it ends:
    /// a worker that was frozen past it, and whose connections to the store broke meanwhile, must still say what it did.
    async fn record(&self, progress: Progress) -> Result<Recorded, StoreError> {
        let progress = Arc::new(progress);
        let give_up = self.clock.now() + TimeDelta::from_std(self.settings.lease).unwrap_or(TimeDelta::MAX);
        loop {
            match self.store.record(self.clock.now(), progress.clone()).await {
                Ok(recorded) => {
                    if recorded == Recorded::LeaseLost {
                        self.held.lose();
                    }
                    return Ok(recorded);
                }
                Err(error @ StoreError::Unavailable { .. }) if self.clock.now() >= give_up => return Err(error),
                Err(StoreError::Unavailable { .. }) => tokio::time::sleep(RECORD_AGAIN).await,
                Err(error) => return Err(error),
            }
        }
    }
}
