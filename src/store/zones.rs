//! Zones for publications: given by a caller, gone through in order, claimed by name.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Claim, Kind, NewAuditEntry, NewOperation, OperationRow, Store, StoreError, WorkerScope,
    arrivals::{self, Arrival},
    claim::read_claim,
    db::{Failure, Job, Reach, Tx, Value},
    operation,
    record::places_of,
    tasks::ObjectRow,
    values,
};
use crate::{capabilities::sharepoint::LANE, organisation::OrgScope};

/// How long a publication that was asked for keeps the loop away from its list until a runner takes it.
const UNTIL_TAKEN: TimeDelta = TimeDelta::seconds(30);

/// A zone as a caller gives it.
#[derive(Debug, Clone)]
pub enum GivenZone {
    /// With a version: as an event would.
    Versioned(Arrival),
    /// Without: on top of what is wanted now. Its `version` and `digest` count only where nothing is wanted yet.
    OnTop(Arrival),
}

/// $1 now. The event's version and digest stay: the next event above that version wins, and the same one again is a duplicate. What
/// says nothing new changes nothing.
const ON_TOP: &str = "WITH v(org, kind, key, event_version, digest, body, body_format, target, context, event_time) \
    AS (VALUES {rows}) INSERT INTO wanted (org, kind, key, event_version, digest, body, body_format, target, context, event_time, \
    mutation, state, generation, recheck, attempts, not_before, due_since, due_at, lease_epoch, overtaken, reopen, \
    has_letter, updated_at) \
    SELECT v.org, v.kind, v.key, v.event_version, v.digest, v.body, v.body_format, v.target, v.context, v.event_time, \
    1, 'pending', 0, 0, 0, $1, $1, $1, 0, 0, 0, 0, $1 \
    FROM v WHERE TRUE \
    ON CONFLICT (org, kind, key) DO UPDATE SET mutation = wanted.mutation + 1, body = excluded.body, \
    body_format = excluded.body_format, target = excluded.target, context = excluded.context, event_time = excluded.event_time, \
    state = 'pending', attempts = 0, crashes = 0, first_failed_at = NULL, last_error = NULL, not_before = excluded.not_before, \
    due_since = excluded.due_since, \
    due_at = CASE WHEN wanted.lease_until IS NULL THEN excluded.due_at ELSE wanted.due_at END, \
    overtaken = CASE WHEN wanted.lease_until IS NULL THEN 0 ELSE 1 END, updated_at = excluded.updated_at \
    WHERE wanted.body <> excluded.body OR wanted.state = 'dead'";

const HOLD: &str = "INSERT INTO hold (org, capability, target, until) VALUES ($1, 'sharepoint', $2, $3) \
    ON CONFLICT (org, capability, target) \
    DO UPDATE SET until = CASE WHEN excluded.until > hold.until THEN excluded.until ELSE hold.until END";

const LET_GO: &str = "DELETE FROM hold WHERE org = $1 AND capability = 'sharepoint' AND target = $2";

/// What Microsoft asked to wait for, of the whole workload.
const WAIT: &str = "SELECT until FROM hold WHERE org = $1 AND capability = 'sharepoint' AND target = '' AND until > $2";

const KEYS: &str = "SELECT key FROM wanted WHERE org = $1 AND kind = 'zone' AND key > $2 ORDER BY key LIMIT $3";

const COUNT: &str = "SELECT COUNT(*) FROM wanted WHERE org = $1 AND kind = 'zone'";

const LEASED: &str = "SELECT COUNT(*) FROM wanted WHERE org = $1 AND kind = 'zone' AND lease_until > $2";

const THESE: &str = "WITH v(org, kind, key) AS (VALUES {rows}) SELECT w.key, w.state, w.event_version, w.mutation, \
    w.settled_event_version, w.settled_mutation, w.body, w.body_format, w.attempts, w.not_before, w.lease_until, w.last_error, \
    w.updated_at FROM v JOIN wanted w ON w.org = v.org AND w.kind = v.kind AND w.key = v.key ORDER BY w.key";

/// As a claim of due rows takes them (`claim`), whether they are due or not; never from under a live lease.
const TAKE: &str = "WITH v(org, kind, key) AS (VALUES {rows}) UPDATE wanted SET \
    recheck = CASE WHEN wanted.lease_until IS NULL AND wanted.reopen = 0 THEN wanted.recheck ELSE 1 END, \
    lease_owner = $2, lease_until = $3, due_at = $3, lease_epoch = wanted.lease_epoch + 1, \
    crashes = CASE WHEN wanted.lease_until IS NULL THEN 0 ELSE wanted.crashes + 1 END, \
    attempts = wanted.attempts + 1, overtaken = 0, reopen = 0, updated_at = $1 \
    FROM v WHERE wanted.org = v.org AND wanted.kind = v.kind AND wanted.key = v.key \
    AND (wanted.lease_until IS NULL OR wanted.lease_until <= $1) \
    RETURNING wanted.org, wanted.kind, wanted.key, wanted.lease_epoch, wanted.event_version, wanted.mutation, wanted.body, \
    wanted.body_format, wanted.context, wanted.settled_event_version, wanted.settled_mutation, wanted.generation, \
    wanted.recheck, wanted.attempts, wanted.crashes";

impl Store {
    /// Queues a publication and keeps the zones given with it, in one transaction. Until a runner takes it, for half a minute at
    /// most, the loop leaves the list alone: the zones are the publication's.
    pub async fn enqueue_publication(
        &self,
        scope: &OrgScope,
        now: DateTime<Utc>,
        new: NewOperation,
        zones: Vec<GivenZone>,
        audit: Vec<NewAuditEntry>,
    ) -> Result<OperationRow, StoreError> {
        let (owner, stored) = (scope.clone(), new.clone());
        let job: Job<()> = Box::new(move |tx| {
            let (scope, new, zones, audit) = (owner.clone(), stored.clone(), zones.clone(), audit.clone());
            Box::pin(async move {
                keep(tx, now, zones).await?;
                enqueue(tx, &scope, now, new).await?;
                tx.audit(&scope, audit);
                Ok(())
            })
        });
        self.write(scope, "queueing a publication", job).await?;
        Ok(operation::queued(new, now))
    }

    /// Keeps the loop away from the organisation's zones until then: a publication has them.
    pub async fn hold_zones(&self, scope: &OrgScope, until: DateTime<Utc>) -> Result<(), StoreError> {
        let reach = Reach::from(scope);
        let scope = scope.clone();
        let job: Job<()> = Box::new(move |tx| {
            let scope = scope.clone();
            Box::pin(async move { hold(tx, &scope, until).await })
        });
        self.write(reach, "holding zones for a publication", job).await
    }

    /// Lets the loop have them again.
    pub async fn let_go_of_zones(&self, scope: &OrgScope) -> Result<(), StoreError> {
        let reach = Reach::from(scope);
        let scope = scope.clone();
        let job: Job<()> = Box::new(move |tx| {
            let values = vec![scope.as_str().into(), LANE.into()];
            Box::pin(async move { tx.conn.run(LET_GO, values).await.map(drop) })
        });
        self.write(reach, "letting go of zones", job).await
    }

    /// Until when Microsoft asked the organisation to send nothing to SharePoint.
    pub async fn sharepoint_wait(&self, scope: &OrgScope, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        const DOING: &str = "reading for how long to wait";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.all(WAIT, vec![scope.as_str().into(), now.into()]).await.map_err(|failure| failure.doing(DOING))?;
        rows.first().map(|row| values::instant(row, 0)).transpose().map_err(|failure| failure.doing(DOING))
    }

    /// How many zones somebody works on.
    pub async fn zones_under_lease(&self, scope: &OrgScope, now: DateTime<Utc>) -> Result<u64, StoreError> {
        const DOING: &str = "counting zones at work";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.all(LEASED, vec![scope.as_str().into(), now.into()]).await.map_err(|failure| failure.doing(DOING))?;
        rows.first().map_or(Ok(0), |row| row.count(0)).map_err(|failure| failure.doing(DOING))
    }

    /// Ids of kept zones after this one, in order.
    pub async fn zone_keys(&self, scope: &OrgScope, after: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        const DOING: &str = "going through zones";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.all(KEYS, vec![scope.as_str().into(), after.into(), limit.into()]).await;
        rows.and_then(|rows| rows.iter().map(|row| row.text(0)).collect()).map_err(|failure| failure.doing(DOING))
    }

    /// How many zones are kept.
    pub async fn count_zones(&self, scope: &OrgScope) -> Result<u64, StoreError> {
        const DOING: &str = "counting zones";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.all(COUNT, vec![scope.as_str().into()]).await.map_err(|failure| failure.doing(DOING))?;
        rows.first().map_or(Ok(0), |row| row.count(0)).map_err(|failure| failure.doing(DOING))
    }

    /// These zones, those of them that are kept, in the order of their ids.
    pub async fn these_zones(&self, scope: &OrgScope, keys: &[String]) -> Result<Vec<ObjectRow>, StoreError> {
        const DOING: &str = "reading zones";
        let mut conn = self.read(scope, DOING).await?;
        // Sorted, for several statements may answer, each in the order of its own.
        let mut keys: Vec<&String> = keys.iter().collect();
        keys.sort();
        let rows = keys.into_iter().map(|key| id(scope, key)).collect();
        let rows = conn.many(THESE, &[], rows).await.map_err(|failure| failure.doing(DOING))?;
        let objects = super::tasks::with_places(&mut conn, scope, Kind::Zone, &rows, false).await;
        objects.map_err(|failure| failure.doing(DOING))
    }

    /// Takes these zones under lease, whether they are due or not; not those that somebody else has just now.
    pub async fn claim_zones(
        &self,
        worker: &WorkerScope,
        scope: &OrgScope,
        keys: &[String],
        now: DateTime<Utc>,
        owner: &str,
        lease_until: DateTime<Utc>,
    ) -> Result<Vec<Claim>, StoreError> {
        // Sorted, so that replicas lock rows in one order.
        let mut keys = keys.to_vec();
        keys.sort();
        let (store, scope, owner) = (self.clone(), scope.clone(), owner.to_owned());
        let job: Job<Vec<Claim>> = Box::new(move |tx| {
            let (store, scope, owner, keys) = (store.clone(), scope.clone(), owner.clone(), keys.clone());
            Box::pin(async move {
                let fixed = [now.into(), owner.into(), lease_until.into()];
                let rows = tx.conn.many(TAKE, &fixed, keys.iter().map(|key| id(&scope, key)).collect()).await?;
                let ids = keys.iter().map(|key| (scope.as_str().to_owned(), Kind::Zone, key.clone()));
                let mut places: BTreeMap<_, _> = places_of(&mut tx.conn, ids).await?;
                let mut claims: HashMap<String, Claim> = HashMap::with_capacity(rows.len());
                for row in &rows {
                    let key = row.text(2)?;
                    let places = places.remove(&(row.text(0)?, Kind::Zone.label(), key.clone())).unwrap_or_default();
                    claims.insert(key, read_claim(&store, row, lease_until, places)?);
                }
                Ok(keys.iter().filter_map(|key| claims.remove(key)).collect())
            })
        });
        self.write(worker, "claiming zones", job).await
    }
}

fn id(scope: &OrgScope, key: &str) -> [Value; 3] {
    [scope.as_str().into(), Kind::Zone.label().into(), key.into()]
}

/// Queues a publication; until it is taken, for half a minute at most, the zones are its own.
pub(super) async fn enqueue(tx: &mut Tx, scope: &OrgScope, now: DateTime<Utc>, new: NewOperation) -> Result<(), Failure> {
    if !new.dry_run {
        hold(tx, scope, now + UNTIL_TAKEN).await?;
    }
    operation::insert(tx, scope, now, new).await
}

async fn hold(tx: &mut Tx, scope: &OrgScope, until: DateTime<Utc>) -> Result<(), Failure> {
    tx.conn.run(HOLD, vec![scope.as_str().into(), LANE.into(), until.into()]).await.map(drop)
}

/// One zone given twice counts as its last mention: a statement cannot change a row twice.
async fn keep(tx: &mut Tx, now: DateTime<Utc>, zones: Vec<GivenZone>) -> Result<(), Failure> {
    let (mut versioned, mut on_top) = (Vec::new(), BTreeMap::new());
    for zone in zones {
        match zone {
            GivenZone::Versioned(arrival) => versioned.push(arrival),
            GivenZone::OnTop(arrival) => {
                on_top.insert(arrival.key.clone(), arrival);
            }
        }
    }
    arrivals::apply(tx, now, &versioned).await?;
    let rows = on_top.values().map(arrivals::row).collect::<Result<Vec<_>, _>>()?;
    tx.conn.many(ON_TOP, &[now.into()], rows).await.map(drop)
}
