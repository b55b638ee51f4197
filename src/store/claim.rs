//! Claiming due objects, fairly.
//!
//! A *lane* is one target (mailbox, list, channel) of one organisation. A claim goes round organisations, one lane each, then
//! their next lanes, and takes a few objects of each lane. Where it stopped is remembered, so that the next claim goes on
//! there, and round to where it began: with more lanes than a claim can take, each still has its turn, and an organisation whose only
//! lane was served last is served again by the very next claim. An organisation that has its share of the worker's slots already is
//! passed over ([`Shares`]).
//!
//! Cost: some index seeks a lane with something due; rows that are not due yet are passed over inside the index. Settled and
//! dead rows are in none of the indexes used. The walk stops as soon
//! as enough rows are found: both databases work off a recursive query only as far as its reader asks, and take its rows
//! first in, first out (which is what makes it go round; were it otherwise, claims would be less fair, not wrong).

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError},
};

use chrono::{DateTime, Utc};

use super::{
    Claim, ClaimRequest, Kind, Lease, Progress, Shares, Store, StoreError, WorkerScope,
    db::{Conn, Failure, Job, MOST_AT_ONCE, Row, Tx, Value, padded},
    record::{self, places_of},
    values,
};
use crate::capabilities::{Place, Version};

/// The second half is for kinds that wait for no connection (`alone`): their organisations are those with something due.
const READY: &str = "WITH k(kind, capability, alone) AS (VALUES {rows}) SELECT c.org, k.kind FROM connection c CROSS JOIN k \
    WHERE k.alone = 0 AND c.state <> 'disabled' \
    AND EXISTS (SELECT 1 FROM wanted w WHERE w.org = c.org AND w.kind = k.kind AND w.kind <> '' AND w.due_at <= $1) \
    AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.org = c.org AND h.capability = k.capability AND h.target = '' \
    AND h.until > $1) \
    AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.org = c.org AND p.capability = k.capability) \
    AND (k.kind <> 'zone' OR EXISTS (SELECT 1 FROM zone_target t WHERE t.org = c.org AND t.connection_epoch = c.epoch)) \
    UNION ALL SELECT o.org, k.kind FROM (SELECT DISTINCT w.org, w.kind FROM wanted w WHERE w.kind IN ('outage', 'card') \
    AND w.due_at <= $1) o JOIN k ON k.kind = o.kind AND k.alone = 1 \
    WHERE NOT EXISTS (SELECT 1 FROM hold h WHERE h.org = o.org AND h.capability = k.capability AND h.target = '' \
    AND h.until > $1) \
    AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.org = o.org AND p.capability = k.capability)";

/// $1 now, $2 objects of a lane, $3 objects in all. A seed's walk begins at the first lane from its `first` on, and goes round: after
/// the last lane comes the first of all, up to where it began. A row that has come round (`past` and not before `first`) ends it.
const WALK: &str = "WITH RECURSIVE seed(org, kind, capability, first) AS (VALUES {rows}), \
    lane(org, kind, capability, first, target, past) AS ( \
      SELECT s.org, s.kind, s.capability, s.first, COALESCE((SELECT n.target FROM wanted n WHERE n.org = s.org \
        AND n.kind = s.kind AND n.target >= s.first AND n.due_at <= $1 ORDER BY n.target LIMIT 1), \
        (SELECT n.target FROM wanted n WHERE n.org = s.org AND n.kind = s.kind AND n.due_at <= $1 ORDER BY n.target LIMIT 1)), 0 \
        FROM seed s \
      UNION ALL \
      SELECT l.org, l.kind, l.capability, l.first, COALESCE((SELECT n.target FROM wanted n WHERE n.org = l.org \
        AND n.kind = l.kind AND n.target > l.target AND n.due_at <= $1 ORDER BY n.target LIMIT 1), \
        CASE WHEN l.target >= l.first THEN (SELECT n.target FROM wanted n WHERE n.org = l.org AND n.kind = l.kind \
        AND n.target < l.first AND n.due_at <= $1 ORDER BY n.target LIMIT 1) END), \
        CASE WHEN l.target < l.first THEN 1 ELSE 0 END \
        FROM lane l WHERE l.target IS NOT NULL AND NOT (l.past = 1 AND l.target >= l.first)) \
    SELECT l.org, l.kind, w.key, l.target, w.due_at, (SELECT COUNT(*) FROM wanted z WHERE z.org = l.org \
        AND z.kind = l.kind AND z.target = l.target AND z.lease_until > $1) \
    FROM lane l {oldest} (SELECT {of lane} FROM wanted d WHERE d.org = l.org AND d.kind = l.kind AND d.target = l.target \
        AND d.due_at <= $1 ORDER BY d.due_at, d.key LIMIT $2{skip locked}){as w} \
    WHERE l.target IS NOT NULL AND NOT (l.past = 1 AND l.target >= l.first) \
    AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.org = l.org AND h.capability = l.capability AND h.target = l.target \
        AND h.until > $1) \
    AND (SELECT COUNT(*) FROM wanted z WHERE z.org = l.org AND z.kind = l.kind AND z.target = l.target \
        AND z.lease_until > $1) < $2 \
    LIMIT $3";

/// $1 now, $2 owner, $3 the lease's end. A lease that was still on the row ran out: its worker may have done anything.
const TAKE: &str = "WITH v(org, kind, key) AS (VALUES {rows}) UPDATE wanted SET \
    recheck = CASE WHEN wanted.lease_until IS NULL AND wanted.reopen = 0 THEN wanted.recheck ELSE 1 END, \
    lease_owner = $2, lease_until = $3, due_at = $3, lease_epoch = wanted.lease_epoch + 1, \
    crashes = CASE WHEN wanted.lease_until IS NULL THEN 0 ELSE wanted.crashes + 1 END, \
    attempts = wanted.attempts + 1, overtaken = 0, reopen = 0, updated_at = $1 \
    FROM v WHERE wanted.org = v.org AND wanted.kind = v.kind AND wanted.key = v.key AND wanted.due_at <= $1 \
    RETURNING wanted.org, wanted.kind, wanted.key, wanted.lease_epoch, wanted.event_version, wanted.mutation, wanted.body, \
    wanted.body_format, wanted.context, wanted.settled_event_version, wanted.settled_mutation, wanted.generation, \
    wanted.recheck, wanted.attempts, wanted.crashes";

/// Where claims stopped. Kept by each process for itself: it decides only who comes first.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The organisation and kind that were served last.
    last: Option<Group>,
    /// The last lane served, by organisation and kind.
    lanes: HashMap<Group, String>,
}

/// An organisation's objects of one kind.
type Group = (String, Kind);

impl Store {
    /// Takes due objects under lease: round robin over organisations, then targets; nothing that needs a connection of an
    /// organisation without a usable one, nothing that is paused, nothing under a hold, nothing under a live lease, never more than `per_target` of one target. Within a
    /// target the one that is due the longest comes first.
    pub async fn claim(&self, worker: &WorkerScope, now: DateTime<Utc>, request: ClaimRequest) -> Result<Vec<Claim>, StoreError> {
        self.claim_and_begin(worker, now, request, |claim| (claim, None)).await
    }

    /// The same, and has the first progress under each lease committed together with it: `begin` makes of a claim what its worker
    /// needs, and what is to be recorded at once ([`super::Next::Keep`]). It may be asked more than once, so it must be pure.
    pub async fn claim_and_begin<B: Send + 'static>(
        &self,
        worker: &WorkerScope,
        now: DateTime<Utc>,
        request: ClaimRequest,
        begin: impl Fn(Claim) -> (B, Option<Progress>) + Send + Sync + 'static,
    ) -> Result<Vec<B>, StoreError> {
        if request.kinds.is_empty() || request.limit == 0 || request.per_target == 0 {
            return Ok(vec![]);
        }
        let (store, asked) = (self.clone(), Arc::new((request, begin)));
        let job: Job<Vec<B>> = Box::new(move |tx| {
            let (store, asked) = (store.clone(), Arc::clone(&asked));
            Box::pin(async move {
                let (request, begin) = &*asked;
                let claims = store.claim_in(tx, now, request).await?;
                let (workers, progress): (Vec<B>, Vec<Option<Progress>>) = claims.into_iter().map(begin).unzip();
                record::first(tx, now, progress.into_iter().flatten().collect()).await?;
                Ok(workers)
            })
        });
        self.write(worker, "claiming due objects", job).await
    }

    async fn claim_in(&self, tx: &mut Tx, now: DateTime<Utc>, request: &ClaimRequest) -> Result<Vec<Claim>, Failure> {
        if tx.conn.is_postgres() {
            // Replicas claim one after the other: the number of leases of a target can then be counted. Released at COMMIT.
            tx.conn.all("SELECT 1 FROM (SELECT pg_advisory_xact_lock(727001)) AS locked", vec![]).await?;
        }
        let mut ready = ready(&mut tx.conn, now, &request.kinds).await?;
        ready.retain(|(org, _)| !request.shares.is_full(org));
        let mut found = Found::new(request);
        for groups in self.in_turn(&ready).chunks(MOST_AT_ONCE) {
            if found.full() {
                break;
            }
            found.add(walk(&mut tx.conn, now, request, groups).await?);
        }
        self.remember(&found.taken);
        self.take(&mut tx.conn, now, request, found.taken).await
    }

    /// The groups, beginning after the one served last, each with the target to begin at.
    fn in_turn(&self, ready: &[Group]) -> Vec<(Group, String)> {
        let turns = self.inner.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = turns.last.as_ref().map_or(0, |last| ready.partition_point(|group| group <= last));
        let (before, after) = ready.split_at(begin.min(ready.len()));
        // U+0001 is the least a text can go on with (Postgres has no NUL), so this is right behind the lane served last.
        let from = |group: &Group| turns.lanes.get(group).map_or_else(String::new, |lane| format!("{lane}\u{1}"));
        after.iter().chain(before).map(|group| (group.clone(), from(group))).collect()
    }

    fn remember(&self, taken: &[Candidate]) {
        let mut turns = self.inner.turns.lock().unwrap_or_else(PoisonError::into_inner);
        for candidate in taken {
            let group = (candidate.org.clone(), candidate.kind);
            turns.lanes.insert(group.clone(), candidate.target.clone());
            turns.last = Some(group);
        }
    }

    async fn take(
        &self,
        conn: &mut Conn,
        now: DateTime<Utc>,
        request: &ClaimRequest,
        taken: Vec<Candidate>,
    ) -> Result<Vec<Claim>, Failure> {
        let fixed = [now.into(), request.owner.as_str().into(), request.lease_until.into()];
        let key =
            |candidate: &Candidate| [candidate.org.as_str().into(), candidate.kind.label().into(), candidate.key.as_str().into()];
        let rows = conn.many(TAKE, &fixed, taken.iter().map(key).collect()).await?;
        let ids = taken.iter().map(|candidate| (candidate.org.clone(), candidate.kind, candidate.key.clone()));
        let mut places = places_of(conn, ids).await?;
        let mut claims = HashMap::with_capacity(rows.len());
        for row in &rows {
            let id = (row.text(0)?, values::kind(&row.text(1)?)?.label(), row.text(2)?);
            let claim = read_claim(self, row, request.lease_until, places.remove(&id).unwrap_or_default())?;
            claims.insert(id, claim);
        }
        // In the order of the walk; RETURNING has none.
        let in_order = taken.into_iter().filter_map(|one| claims.remove(&(one.org, one.kind.label(), one.key)));
        Ok(in_order.collect())
    }
}

/// A claim from what [`TAKE`] gives back.
pub(super) fn read_claim(store: &Store, row: &Row, lease_until: DateTime<Utc>, places: Vec<Place>) -> Result<Claim, Failure> {
    let lease = Lease {
        scope: store.scope_of(&row.text(0)?)?,
        kind: values::kind(&row.text(1)?)?,
        key: row.text(2)?,
        epoch: row.count(3)?,
        until: lease_until,
    };
    Ok(Claim {
        lease,
        version: Version { event: row.count(4)?, mutation: row.count(5)? },
        body: row.text(6)?,
        body_format: values::small(row, 7)?,
        context: values::from_json(&row.text(8)?, "event context")?,
        settled: values::maybe_version(row, 9)?,
        generation: row.count(11)?,
        recheck: row.int(12)? != 0,
        attempts: values::small(row, 13)?,
        crashes: values::small(row, 14)?,
        places,
    })
}

/// Groups with something due, a usable connection if they need one, and no hold on all of it; in order.
async fn ready(conn: &mut Conn, now: DateTime<Utc>, kinds: &[Kind]) -> Result<Vec<Group>, Failure> {
    let row = |kind: &Kind| [kind.label().into(), kind.delivered_by().label().into(), (!kind.needs_connection()).into()];
    let nothing = ["".into(), "".into(), false.into()];
    let rows = conn.many(READY, &[now.into()], padded(kinds.iter().map(row).collect(), &nothing)).await?;
    let read = |row: &Row| Ok((row.text(0)?, values::kind(&row.text(1)?)?));
    let mut groups = rows.iter().map(read).collect::<Result<Vec<Group>, Failure>>()?;
    groups.sort();
    Ok(groups)
}

/// A row that a walk found.
#[derive(Debug)]
struct Candidate {
    org: String,
    kind: Kind,
    key: String,
    target: String,
    due_at: i64,
    /// Live leases of its lane.
    leased: u64,
}

async fn walk(
    conn: &mut Conn,
    now: DateTime<Utc>,
    request: &ClaimRequest,
    groups: &[(Group, String)],
) -> Result<Vec<Candidate>, Failure> {
    let seed = |((org, kind), first): &(Group, String)| -> [Value; 4] {
        [org.as_str().into(), kind.label().into(), kind.delivered_by().label().into(), first.as_str().into()]
    };
    let nothing = std::array::from_fn(|_| "".into());
    let fixed = [now.into(), request.per_target.into(), request.limit.into()];
    let rows = conn.many(WALK, &fixed, padded(groups.iter().map(seed).collect(), &nothing)).await?;
    let read = |row: &Row| {
        Ok(Candidate {
            org: row.text(0)?,
            kind: values::kind(&row.text(1)?)?,
            key: row.text(2)?,
            target: row.text(3)?,
            due_at: row.int(4)?,
            leased: row.count(5)?,
        })
    };
    rows.iter().map(read).collect()
}

/// What is to be taken: at most `limit`, of an organisation at most its share, and of a lane at most what its live leases leave, the
/// oldest first.
struct Found {
    limit: usize,
    per_target: u64,
    shares: Shares,
    taken: Vec<Candidate>,
}

impl Found {
    fn new(request: &ClaimRequest) -> Self {
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        Self { limit, per_target: u64::from(request.per_target), shares: request.shares.clone(), taken: vec![] }
    }

    fn full(&self) -> bool {
        self.taken.len() >= self.limit
    }

    fn add(&mut self, walked: Vec<Candidate>) {
        // Lanes in the order of the walk, which may give a lane's rows in any order.
        let mut places: BTreeMap<(String, Kind, String), usize> = BTreeMap::new();
        let mut lanes: Vec<Vec<Candidate>> = vec![];
        for candidate in walked {
            let lane = (candidate.org.clone(), candidate.kind, candidate.target.clone());
            let place = *places.entry(lane).or_insert_with(|| {
                lanes.push(vec![]);
                lanes.len() - 1
            });
            if let Some(lane) = lanes.get_mut(place) {
                lane.push(candidate);
            }
        }
        for mut lane in lanes {
            lane.sort_by(|a, b| (a.due_at, &a.key).cmp(&(b.due_at, &b.key)));
            let room = lane.first().map_or(0, |one| self.per_target.saturating_sub(one.leased));
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let room = room.min(self.limit.saturating_sub(self.taken.len()));
            self.taken.extend(lane.into_iter().take(room).take_while(|one| self.shares.give(&one.org)));
        }
    }
}
