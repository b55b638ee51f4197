//! A publication from its start to its end: read the list, compare, carry out what differs, tell.

use std::{sync::Arc, time::Duration};

use super::{
    carry_out::{CarriedOut, Hands},
    input::PublishInput,
    job::{Halt, PublishZones, failed, refused},
    read_list::{self, Unread},
    sweep::{Candidate, Sweep},
    tally::{Outcome, Tally, change},
    tell::Published,
};
use crate::{
    capabilities::sharepoint::{Target, plan::Plan, reading},
    graph::{ReadOnly, Traced, Verdict},
    jobs::{Desk, JobEnd, JobError},
    reconcile::Tenants,
    store::{ListReading, NewAuditEntry, OperationEnd, OperationError, OperationRow, OperationState, OutgoingEvent},
};
use chrono::TimeDelta;

/// Zones that are compared, and then worked on, at once: memory holds no more than these, whatever the publication's size.
const AT_ONCE: usize = 200;
/// How often a publication reads the list: once, and again for zones about which only that can tell.
const READINGS: usize = 3;
/// How long runs of the loop are waited for before the list is read.
const PATIENCE: Duration = Duration::from_secs(90);

/// A publication under way.
pub(super) struct Publication<'a, T: Tenants> {
    pub(super) job: &'a PublishZones<T>,
    pub(super) operation: &'a OperationRow,
    pub(super) desk: &'a Desk,
    pub(super) connection: Traced<T::Graph>,
    pub(super) target: Arc<Target>,
    pub(super) id: Arc<str>,
    pub(super) input: PublishInput,
    /// Into another list than the organisation's own.
    pub(super) aside: bool,
}

/// How far it has come.
#[derive(Default)]
pub(super) struct Progress {
    /// What became of the zones so far.
    pub(super) tally: Tally,
    /// Zones in all.
    pub(super) total: u64,
    /// Items of the list.
    rows: u64,
}

impl<T: Tenants> Publication<'_, T>
where
    T::Graph: Clone,
{
    /// Carries it out.
    pub(super) async fn go(&self, progress: &mut Progress) -> Result<(), Halt> {
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
            let Some(candidates) = self.next(&mut after, first).await? else { return Ok(unsure) };
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
                    let outcome = zone.done_before();
                    outcomes.push((zone, outcome));
                }
                (_, dry_run) if dry_run || zone.waits => {
                    let outcome = zone.planned();
                    outcomes.push((zone, outcome));
                }
                _ => differing.push(zone),
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
        self.still_wanted().await?;
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
        let graph = Traced::new(hands.lists.chained(self.desk.scope(), connection), self.operation.trace.clone());
        hands.carry_out(differing, &graph).await?.ok_or(Halt::Stopped)
    }

    /// Ends a publication to a list that is not the set one any more: setting another one has queued its own.
    async fn still_wanted(&self) -> Result<(), Halt> {
        if self.input.target.is_some() {
            return Ok(());
        }
        let set = self.store().zone_target(self.desk.scope()).await?;
        if set.is_some_and(|set| set.target == *self.target) {
            return Ok(());
        }
        let message = "another list was set for zones meanwhile, or none; what was done so far stands".to_owned();
        Err(failed("CONFLICT", message))
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

    /// What is written down at its end, and told.
    pub(super) async fn end(&self, progress: &Progress) -> Result<JobEnd, JobError> {
        self.job.forget(self.desk.scope(), &self.id).await?;
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
            let (entry, event) = self.told(&end, advice.as_deref());
            end.audit.push(entry);
            end.outgoing.push(event);
        }
        Ok(JobEnd::Ended(end))
    }

    fn told(&self, end: &OperationEnd, advice: Option<&str>) -> (NewAuditEntry, OutgoingEvent) {
        let published = Published {
            organisation: self.desk.scope().organisation(),
            operation: self.operation,
            list: Some(self.target.key()),
            end,
            advice,
        };
        published.told(self.job.crew.clock.now())
    }

    fn comparing(&self) -> Sweep<'_> {
        Sweep {
            store: self.store(),
            scope: self.desk.scope(),
            target: &self.target,
            operation: &self.id,
            reading: &self.id,
            aside: self.aside,
            dry_run: self.operation.dry_run,
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
