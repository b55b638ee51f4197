//! A publication from its start to its end.
//!
//! Repeated from its start after a kill: the list is read again, what the killed run did is found there, and counted as done by this
//! publication because the zones' places remember whose doing it was.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use serde_json::json;

use super::{
    carry_out::{CarriedOut, Hands},
    input::PublishInput,
    lists::Lists,
    read_list::{self, Unread},
    sweep::{Candidate, Sweep},
    tally::{Action, Outcome, Tally, change},
    target,
};
use crate::{
    capabilities::{
        CapabilityName, Failure, Outcome as Audited,
        sharepoint::{Target, plan::Plan, reading},
    },
    events::{Telling, outgoing},
    graph::{ReadOnly, Verdict},
    ids::Ids,
    jobs::{Desk, Job, JobEnd, JobError},
    organisation::OrgScope,
    reconcile::{Crew, Tenants},
    store::{
        ConnectionState, ListReading, NewAuditEntry, OperationEnd, OperationError, OperationKind, OperationRow, OperationState,
        WorkerScope,
    },
};

/// Zones that are compared, and then worked on, at once: memory holds no more than these, whatever the publication's size.
const AT_ONCE: usize = 200;
/// How often a publication reads the list: once, and once more for zones about which only that can tell.
const READINGS: usize = 3;
/// How long runs of the loop are waited for before the list is read.
const PATIENCE: Duration = Duration::from_secs(90);

/// Carries out publications.
pub struct PublishZones<T: Tenants> {
    /// The lists.
    pub lists: Lists<T>,
    /// What works on zones.
    pub crew: Crew,
    /// The right to any organisation's zones.
    pub worker: WorkerScope,
    /// Who claims, for people who read the store.
    pub owner: String,
}

/// Why a publication did not come to its end.
enum Halt {
    /// It fails as a whole.
    Failed(OperationError),
    /// The run was told to stop.
    Stopped,
    /// The store, or the lease.
    Job(JobError),
}

impl<E: Into<JobError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Job(error.into())
    }
}

impl<T: Tenants> Job for PublishZones<T>
where
    T::Graph: Clone,
{
    fn kind(&self) -> OperationKind {
        OperationKind::PublishZones
    }

    async fn run(&self, operation: &OperationRow, desk: &Desk) -> Result<JobEnd, JobError> {
        let publication = match self.publication(operation, desk).await {
            Ok(publication) => publication,
            Err(halt) => return self.halted(operation, desk, halt, Tally::default(), 0).await,
        };
        let mut progress = Progress { tally: Tally::default(), total: 0, rows: 0 };
        match publication.go(&mut progress).await {
            Ok(()) => publication.end(&progress).await,
            Err(halt) => self.halted(operation, desk, halt, progress.tally, progress.total).await,
        }
    }
}

impl<T: Tenants> PublishZones<T>
where
    T::Graph: Clone,
{
    async fn publication<'a>(&'a self, operation: &'a OperationRow, desk: &'a Desk) -> Result<Publication<'a, T>, Halt> {
        let input: PublishInput = serde_json::from_value(operation.input.clone())
            .map_err(|error| failed("UNREADABLE", format!("the stored input cannot be read: {error}")))?;
        self.may_publish(desk.scope()).await?;
        let connection = self.lists.connection(desk.scope()).await.map_err(|failure| refused(&failure))?;
        let target = match &input.target {
            Some(asked) => {
                let found = target::resolve(&ReadOnly(connection.clone()), asked).await;
                found.map_err(Halt::Failed)?
            }
            None => {
                let set = self.crew.store.zone_target(desk.scope()).await?;
                let nothing =
                    || failed("NOT_FOUND", "no list is set for zones: setZoneTarget, or name one with the publication".into());
                set.ok_or_else(nothing)?.target
            }
        };
        let own = match &input.target {
            Some(_) => self.crew.store.zone_target(desk.scope()).await?.is_some_and(|set| set.target == target),
            None => true,
        };
        Ok(Publication {
            job: self,
            operation,
            desk,
            connection,
            aside: !own,
            target: Arc::new(target),
            id: operation.id.as_str().into(),
            input,
        })
    }

    /// Refuses at once what would only wait: the zones given are kept, and go when the cause is gone.
    async fn may_publish(&self, scope: &OrgScope) -> Result<(), Halt> {
        let row = self.crew.store.connection(scope).await?;
        if row.is_some_and(|row| row.state == ConnectionState::Disabled) {
            let message = "Microsoft refuses the connection's credential: register it again".to_owned();
            return Err(failed("CONNECTION_DISABLED", message));
        }
        let paused = self.crew.store.pauses(scope).await?.into_iter().any(|pause| pause.capability == CapabilityName::SharePoint);
        if paused { Err(failed("CONFLICT", "SharePoint is paused: resume it first".to_owned())) } else { Ok(()) }
    }

    async fn halted(
        &self,
        operation: &OperationRow,
        desk: &Desk,
        halt: Halt,
        tally: Tally,
        total: u64,
    ) -> Result<JobEnd, JobError> {
        match halt {
            Halt::Job(error) => Err(error),
            Halt::Stopped => Ok(JobEnd::Again(self.crew.clock.now())),
            Halt::Failed(error) => {
                self.crew.store.forget_list_reading(desk.scope(), &operation.id).await?;
                self.crew.store.let_go_of_zones(desk.scope()).await?;
                let end = OperationEnd {
                    state: OperationState::Failed,
                    progress: tally.progress(total),
                    error: Some(error),
                    audit: Vec::new(),
                    outgoing: Vec::new(),
                };
                Ok(JobEnd::Ended(end))
            }
        }
    }
}

struct Publication<'a, T: Tenants> {
    job: &'a PublishZones<T>,
    operation: &'a OperationRow,
    desk: &'a Desk,
    connection: T::Graph,
    target: Arc<Target>,
    id: Arc<str>,
    input: PublishInput,
    /// Into another list than the organisation's own.
    aside: bool,
}

struct Progress {
    tally: Tally,
    total: u64,
    /// Items of the list.
    rows: u64,
}

impl<T: Tenants> Publication<'_, T>
where
    T::Graph: Clone,
{
    async fn go(&self, progress: &mut Progress) -> Result<(), Halt> {
        progress.total = self.total().await?;
        if !self.operation.dry_run {
            self.wait_for_the_loop().await?;
        }
        progress.rows = self.read().await?.items;
        let mut unsure = self.sweep(progress).await?;
        for _ in 1..READINGS {
            if unsure.is_empty() {
                return Ok(());
            }
            self.store().forget_list_reading(self.desk.scope(), &self.id).await?;
            progress.rows = self.read().await?.items;
            unsure = self.again(unsure, progress).await?;
        }
        let open = OperationError {
            code: "UNKNOWN".to_owned(),
            message: "whether the item was created is not known; the next publication looks for it".to_owned(),
        };
        self.record(unsure.into_iter().map(|zone| (zone, Outcome::Failed(open.clone()))).collect(), progress).await
    }

    async fn total(&self) -> Result<u64, Halt> {
        match &self.input.keys {
            Some(keys) => Ok(u64::try_from(keys.len()).unwrap_or(u64::MAX)),
            None => Ok(self.store().count_zones(self.desk.scope()).await?),
        }
    }

    /// From here on the loop leaves the list alone; what it has under way is waited for, so that the reading sees it.
    async fn wait_for_the_loop(&self) -> Result<(), Halt> {
        let started = std::time::Instant::now();
        loop {
            let now = self.job.crew.clock.now();
            self.store().hold_zones(self.desk.scope(), now + TimeDelta::minutes(2)).await?;
            if self.store().zones_under_lease(self.desk.scope(), now).await? == 0 || started.elapsed() > PATIENCE {
                return Ok(());
            }
            self.pause(Duration::from_millis(50)).await?;
        }
    }

    /// Reads the list, as often as it takes. Only ever reads: a dry run's transport refuses anything else.
    async fn read(&self) -> Result<ListReading, Halt> {
        let known = self.store().list_reading(self.desk.scope(), &self.id).await?;
        // Complete, and a run before this one may have written by it: what it says may be out of date.
        if known.is_some_and(|known| known.complete) {
            self.store().forget_list_reading(self.desk.scope(), &self.id).await?;
        }
        let graph = ReadOnly(self.connection.clone());
        let mut tries = 0;
        loop {
            let now = self.job.crew.clock.now();
            let read = read_list::whole(self.store(), &graph, self.desk.scope(), &self.target, &self.id, now).await;
            let error = match read {
                Ok(reading) => return Ok(reading),
                Err(Unread::Store(error)) => return Err(error.into()),
                Err(Unread::Refused(error)) => error,
            };
            match error.verdict {
                Verdict::Throttled { until, .. } => self.pause((until - now).to_std().unwrap_or_default()).await?,
                Verdict::Transient if tries < 3 => {
                    tries += 1;
                    self.pause(Duration::from_secs(2 << tries)).await?;
                }
                _ => return Err(refused(&reading::failure(&self.target, &error))),
            }
        }
    }

    /// Compares zone after zone with the reading and carries out what differs; gives back those about which the reading cannot tell.
    async fn sweep(&self, progress: &mut Progress) -> Result<Vec<Candidate>, Halt> {
        let (mut unsure, mut after, mut first) = (Vec::new(), String::new(), 0);
        loop {
            let candidates = match self.next(&mut after, first).await? {
                Some(candidates) => candidates,
                None => return Ok(unsure),
            };
            first += AT_ONCE as u64;
            unsure.extend(self.deal_with(candidates, progress).await?);
        }
    }

    /// The next zones, compared; none at the end. `after` moves on.
    async fn next(&self, after: &mut String, first: u64) -> Result<Option<Vec<Candidate>>, Halt> {
        let (sweep, now, begin) = (self.comparing(), self.job.crew.clock.now(), usize::try_from(first).unwrap_or(usize::MAX));
        if !self.input.zones.is_empty() {
            let chunk: Vec<_> = self.input.zones.iter().skip(begin).take(AT_ONCE).cloned().collect();
            return if chunk.is_empty() { Ok(None) } else { Ok(Some(sweep.given(&chunk, first, now).await?)) };
        }
        let keys = match &self.input.keys {
            Some(keys) => keys.iter().skip(begin).take(AT_ONCE).cloned().collect(),
            None => self.store().zone_keys(self.desk.scope(), after, u32::try_from(AT_ONCE).unwrap_or(u32::MAX)).await?,
        };
        let Some(last) = keys.last() else { return Ok(None) };
        after.clone_from(last);
        Ok(Some(sweep.kept(&keys, first, now).await?))
    }

    /// Zones about which the last reading could not tell, compared with a new one.
    async fn again(&self, unsure: Vec<Candidate>, progress: &mut Progress) -> Result<Vec<Candidate>, Halt> {
        let mut left = Vec::new();
        for chunk in unsure.chunks(AT_ONCE) {
            let keys: Vec<String> = chunk.iter().map(|zone| zone.key.clone()).collect();
            let mut zones = self.comparing().kept(&keys, 0, self.job.crew.clock.now()).await?;
            for zone in &mut zones {
                zone.sequence = chunk.iter().find(|old| old.key == zone.key).map_or(0, |old| old.sequence);
            }
            left.extend(self.deal_with(zones, progress).await?);
        }
        Ok(left)
    }

    async fn deal_with(&self, candidates: Vec<Candidate>, progress: &mut Progress) -> Result<Vec<Candidate>, Halt> {
        if self.desk.stopping().is_cancelled() {
            return Err(Halt::Stopped);
        }
        let (mut outcomes, mut differing) = (Vec::new(), Vec::new());
        for zone in candidates {
            match (&zone.plan, self.operation.dry_run) {
                (Plan::Unchanged, dry_run) if dry_run || zone.settled => {
                    let outcome = done_before(&zone);
                    outcomes.push((zone, outcome));
                }
                (_, true) => {
                    let outcome = planned(&zone.plan);
                    outcomes.push((zone, outcome));
                }
                (_, false) => differing.push(zone),
            }
        }
        let CarriedOut { outcomes: done, unsure } = self.carry_out(differing).await?;
        outcomes.extend(done);
        self.record(outcomes, progress).await?;
        Ok(unsure)
    }

    async fn carry_out(&self, differing: Vec<Candidate>) -> Result<CarriedOut, Halt> {
        if differing.is_empty() {
            return Ok(CarriedOut { outcomes: Vec::new(), unsure: Vec::new() });
        }
        self.store().use_list_reading(self.desk.scope(), &self.id).await?;
        let hands = Hands {
            lists: &self.job.lists,
            crew: &self.job.crew,
            worker: &self.job.worker,
            owner: &self.job.owner,
            scope: self.desk.scope(),
            target: &self.target,
            operation: &self.id,
            aside: self.aside,
            stop: self.desk.stopping(),
        };
        let connection = self.job.lists.connection(self.desk.scope()).await.map_err(|failure| refused(&failure))?;
        let graph = hands.lists.chained(self.desk.scope(), connection);
        hands.carry_out(differing, &graph).await?.ok_or(Halt::Stopped)
    }

    async fn record(&self, outcomes: Vec<(Candidate, Outcome)>, progress: &mut Progress) -> Result<(), Halt> {
        let mut changes = Vec::new();
        for (zone, outcome) in outcomes {
            progress.tally.count(&outcome);
            changes.extend(change(zone.sequence, &zone.key, outcome));
        }
        self.desk.changes(changes).await?;
        self.desk.progress(progress.tally.progress(progress.total)).await?;
        Ok(())
    }

    async fn end(&self, progress: &Progress) -> Result<JobEnd, JobError> {
        self.store().forget_list_reading(self.desk.scope(), &self.id).await?;
        let advice = reading::advice(&self.target, progress.rows);
        if let Some(advice) = &advice {
            tracing::warn!(organisation = %self.desk.scope().organisation(), advice, "zones are published at more cost than need be");
        }
        let state = if progress.tally.is_clean() { OperationState::Succeeded } else { OperationState::PartiallyFailed };
        let mut end = OperationEnd {
            state,
            progress: progress.tally.progress(progress.total),
            error: None,
            audit: Vec::new(),
            outgoing: Vec::new(),
        };
        if !self.operation.dry_run {
            self.store().let_go_of_zones(self.desk.scope()).await?;
            self.tell(&mut end, advice.as_deref());
        }
        Ok(JobEnd::Ended(end))
    }

    fn tell(&self, end: &mut OperationEnd, advice: Option<&str>) {
        let (now, organisation) = (self.job.crew.clock.now(), self.desk.scope().organisation());
        let data = json!({
            "operationId": self.operation.id, "counts": end.progress.counts, "state": end.state.label(), "advice": advice,
        });
        end.audit.push(NewAuditEntry {
            at: now,
            actor: self.operation.requested_by.clone(),
            action: "zones.published".to_owned(),
            target: format!("operation/{}", self.operation.id),
            outcome: Audited::Succeeded,
            detail: json!({
                "list": self.target.key(), "counts": end.progress.counts, "state": end.state.label(), "advice": advice,
            }),
            personal: Vec::new(),
            correlation_id: None,
            graph_request_id: None,
        });
        end.outgoing.push(outgoing(Telling {
            id: Ids::derived(organisation.as_str(), &["zones.published", &self.operation.id]).to_string(),
            organisation,
            topic: "zones.published",
            object: Some(format!("operation/{}", self.operation.id)),
            time: now,
            cause: None,
            data,
        }));
    }

    fn comparing(&self) -> Sweep<'_> {
        Sweep {
            store: self.store(),
            scope: self.desk.scope(),
            target: &self.target,
            operation: &self.id,
            reading: &self.id,
            aside: self.aside,
        }
    }

    fn store(&self) -> &crate::store::Store {
        &self.job.crew.store
    }

    async fn pause(&self, length: Duration) -> Result<(), Halt> {
        tokio::select! {
            () = self.desk.stopping().cancelled() => Err(Halt::Stopped),
            () = tokio::time::sleep(length) => Ok(()),
        }
    }
}

/// A zone whose item says what it should: because of an earlier run of this publication, or since longer.
fn done_before(zone: &Candidate) -> Outcome {
    match zone.done_before.as_deref().and_then(Action::of_past) {
        Some(action) => Outcome::Done { action, before: None, after: zone.wanted.clone() },
        None => Outcome::Unchanged,
    }
}

/// What would come of a plan.
fn planned(plan: &Plan) -> Outcome {
    match plan.clone() {
        Plan::Unchanged => Outcome::Unchanged,
        Plan::Create { after } => Outcome::Done { action: Action::Create, before: None, after: Some(after) },
        Plan::Update { before, after, retires } => {
            let action = if retires { Action::Retire } else { Action::Update };
            Outcome::Done { action, before: Some(before), after: Some(after) }
        }
        Plan::Delete { before } => Outcome::Done { action: Action::Retire, before: Some(before), after: None },
        Plan::Impossible { code, message } => Outcome::Failed(OperationError { code, message }),
    }
}

fn failed(code: &str, message: String) -> Halt {
    Halt::Failed(OperationError { code: code.to_owned(), message })
}

fn refused(failure: &Failure) -> Halt {
    failed(&failure.code, failure.message.clone())
}
