//! Makes what differs so, again and again until it is or cannot be.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::{
    lists::Lists,
    sweep::Candidate,
    tally::{Action, Outcome},
};
use crate::{
    capabilities::sharepoint::{
        Target, Zones,
        plan::{self, Plan},
        reading,
    },
    capabilities::{PlaceState, Understood, Work},
    graph::Graph,
    jobs::JobError,
    organisation::OrgScope,
    reconcile::{Crew, Ended, Report, Tenants, backoff},
    store::{Claim, DeliveryError, OperationError, WorkerScope},
};

/// Tries of one zone within a publication. Afterwards the publication counts it as failed, and the loop goes on with it.
const TRIES: u32 = 5;
/// How long it is waited for zones that somebody else has under lease.
const PATIENCE: Duration = Duration::from_secs(90);
/// The wait before they are asked for again.
const SOON: Duration = Duration::from_millis(200);

/// What carries publications out.
pub(super) struct Hands<'a, T: Tenants> {
    pub(super) lists: &'a Lists<T>,
    pub(super) crew: &'a Crew,
    pub(super) worker: &'a WorkerScope,
    pub(super) owner: &'a str,
    pub(super) scope: &'a OrgScope,
    pub(super) target: &'a Arc<Target>,
    pub(super) operation: &'a Arc<str>,
    /// The list is this publication's alone: how zones stand in the organisation's own list is another matter.
    pub(super) aside: bool,
    pub(super) stop: &'a CancellationToken,
}

/// How a number of zones came out.
pub(super) struct CarriedOut {
    /// Each zone that came to an end.
    pub(super) outcomes: Vec<(Candidate, Outcome)>,
    /// Zones about which only a new reading of the list can tell.
    pub(super) unsure: Vec<Candidate>,
}

impl<T: Tenants> Hands<'_, T>
where
    T::Graph: Clone,
{
    /// Carries out what differs. None when the run was told to stop.
    pub(super) async fn carry_out(
        &self,
        zones: Vec<Candidate>,
        graph: &(impl Graph + Clone),
    ) -> Result<Option<CarriedOut>, JobError> {
        let mut done = CarriedOut { outcomes: Vec::new(), unsure: Vec::new() };
        let mut left: Vec<(Candidate, u32)> = zones.into_iter().map(|zone| (zone, 0)).collect();
        let mut waited = Duration::ZERO;
        while !left.is_empty() {
            if !self.wait_as_asked().await? {
                return Ok(None);
            }
            let claims = self.claim(&left).await?;
            if claims.is_empty() {
                waited += SOON;
                if waited > PATIENCE {
                    let busy = |(zone, _)| (zone, Outcome::Failed(busy()));
                    done.outcomes.extend(left.drain(..).map(busy));
                } else if !self.pause(SOON).await {
                    return Ok(None);
                }
                continue;
            }
            left = self.attempt(left, claims, graph, &mut done).await?;
            if let Some(tries) = left.iter().map(|(_, tries)| *tries).filter(|tries| *tries > 0).min() {
                let fraction = self.crew.ids.fraction();
                if !self.pause(backoff::delay(&self.crew.settings.backoff, tries, fraction)).await {
                    return Ok(None);
                }
            }
        }
        Ok(Some(done))
    }

    async fn claim(&self, left: &[(Candidate, u32)]) -> Result<Vec<Claim>, JobError> {
        let now = self.crew.clock.now();
        let lease = TimeDelta::from_std(self.crew.settings.lease).unwrap_or(TimeDelta::MAX);
        self.crew.store.hold_zones(self.scope, now + lease * 2).await?;
        let keys: Vec<String> = left.iter().map(|(zone, _)| zone.key.clone()).collect();
        Ok(self.crew.store.claim_zones(self.worker, self.scope, &keys, now, self.owner, now + lease).await?)
    }

    /// One run for each claim; what is left afterwards has to be tried again.
    async fn attempt(
        &self,
        left: Vec<(Candidate, u32)>,
        claims: Vec<Claim>,
        graph: &(impl Graph + Clone),
        done: &mut CarriedOut,
    ) -> Result<Vec<(Candidate, u32)>, JobError> {
        let (mut again, mut runs, mut tried) = (Vec::new(), Vec::new(), Vec::new());
        let mut claims = claims.into_iter().peekable();
        let mut left = left;
        left.sort_by(|(a, _), (b, _)| a.key.cmp(&b.key));
        let mut returned = Vec::new();
        for (zone, tries) in left {
            let Some(mut claim) = claims.next_if(|claim| claim.lease.key == zone.key) else {
                again.push((zone, tries));
                continue;
            };
            if let Some(zones) = self.fitted(&zone, &mut claim, tries == 0) {
                runs.push((claim, zones));
                tried.push((zone, tries));
            } else {
                returned.push((claim, Zones::default()));
                done.unsure.push(zone);
            }
        }
        // A run without a list makes no call and gives the zone back.
        self.crew.work(returned, graph, true).await;
        let reports = self.crew.work(runs, graph, self.aside).await;
        let throttled = self.wait().await?.is_some();
        for ((zone, tries), report) in tried.into_iter().zip(reports) {
            match self.judged(&zone, report?) {
                Ok(outcome) => done.outcomes.push((zone, outcome)),
                Err(_) if throttled => again.push((zone, tries)),
                Err(error) if tries + 1 >= TRIES => done.outcomes.push((zone, Outcome::Failed(error))),
                Err(_) => again.push((zone, tries + 1)),
            }
        }
        Ok(again)
    }

    /// What works on the zone. At first what the list said counts, over what is believed to stand there; it was read after everything
    /// that others did. After a failed attempt, or for another version, it is asked; where that is not possible, because the match
    /// column has no index, none: only a new reading can tell. So it is for another version that may have another value of the match
    /// column: whether that value is another zone's was not asked.
    fn fitted(&self, zone: &Candidate, claim: &mut Claim, first: bool) -> Option<Zones> {
        if claim.version != zone.version && self.target.match_field != "zoneId" {
            return None;
        }
        let zones = Zones::into_list(Arc::clone(self.target)).publishing(Arc::clone(self.operation)).beside(zone.rival.clone());
        let (list, can_ask) = (self.target.key(), self.target.match_column.indexed);
        let open = claim.places.iter().any(|place| place.target == list && place.state != PlaceState::Present);
        if first && claim.version == zone.version && !(open && can_ask) {
            claim.recheck = true;
            return Some(zones.knowing(zone.found.clone()));
        }
        (can_ask || !reading::must_be_found(self.target, &claim.places, claim.recheck)).then_some(zones)
    }

    /// How a run ended: an outcome, or what went wrong and may pass.
    fn judged(&self, zone: &Candidate, report: Report) -> Result<Outcome, OperationError> {
        match report.ended {
            Ended::Settled => Ok(self.settled(zone, report)),
            Ended::Failed => Ok(Outcome::Failed(told(report.error))),
            Ended::Retried | Ended::Unknown | Ended::Superseded => Err(told(report.error)),
        }
    }

    fn settled(&self, zone: &Candidate, report: Report) -> Outcome {
        let zones = Zones::into_list(Arc::clone(self.target)).publishing(Arc::clone(self.operation));
        let did = plan::done_by(&zones, &places_alone(zone, report, self.scope, self.operation));
        let action = did.as_deref().and_then(Action::of_past);
        match (&zone.plan, action) {
            (Plan::Delete { before }, None) => {
                Outcome::Done { action: Action::Retire, before: Some(before.clone()), after: None }
            }
            (_, None) => Outcome::Unchanged,
            (Plan::Update { before, after, .. }, Some(action)) => {
                Outcome::Done { action, before: Some(before.clone()), after: Some(after.clone()) }
            }
            (_, Some(action)) => Outcome::Done { action, before: None, after: zone.wanted.clone() },
        }
    }

    /// Waits for as long as Microsoft asked. False when the run must stop.
    async fn wait_as_asked(&self) -> Result<bool, JobError> {
        while let Some(until) = self.wait().await? {
            let now = self.crew.clock.now();
            // Further away than the next look, so that the loop stays away meanwhile.
            self.crew.store.hold_zones(self.scope, until + TimeDelta::seconds(30)).await?;
            if !self.pause((until - now).to_std().unwrap_or_default().max(Duration::from_millis(10))).await {
                return Ok(false);
            }
        }
        Ok(!self.stop.is_cancelled())
    }

    async fn wait(&self) -> Result<Option<DateTime<Utc>>, JobError> {
        Ok(self.crew.store.sharepoint_wait(self.scope, self.crew.clock.now()).await?)
    }

    async fn pause(&self, length: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(length) => true,
        }
    }
}

/// The zone with what is known of it after a run, as far as it matters to who did it.
fn places_alone(zone: &Candidate, report: Report, scope: &OrgScope, operation: &str) -> Work {
    Work {
        organisation: scope.organisation().clone(),
        key: zone.key.clone(),
        version: zone.version,
        wanted: serde_json::Value::Null,
        context: super::sweep::publication(operation, DateTime::<Utc>::UNIX_EPOCH),
        generation: 0,
        recheck: false,
        places: report.places,
        failures: Vec::new(),
        looked: std::collections::BTreeSet::new(),
        briefing: None,
        understood: Understood::default(),
    }
}

fn told(error: Option<DeliveryError>) -> OperationError {
    match error {
        Some(error) => OperationError { code: error.code, message: error.message },
        None => OperationError { code: "SUPERSEDED".to_owned(), message: "another worker has the zone now".to_owned() },
    }
}

fn busy() -> OperationError {
    OperationError { code: "SUPERSEDED".to_owned(), message: "another worker kept the zone to itself".to_owned() }
}
