//! Events in: a batch becomes wanted state, dead letters and audit entries in one transaction.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};

use super::{
    NewAuditEntry, NewDeadLetter, OutgoingEvent, Store, StoreError, WorkerScope,
    db::{Failure, Job, Reach, Row, Tx, Value, without_nul},
    dead_letters::{self, Origin},
    values, versions,
};
use crate::{capabilities::Outcome, events::EventContext, organisation::OrgScope};

pub use crate::capabilities::Kind;

/// A readable event: what one object should be.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Whose.
    pub scope: OrgScope,
    /// What kind of object.
    pub kind: Kind,
    /// Its id.
    pub key: String,
    /// `data.version`.
    pub version: u64,
    /// SHA-256 over the event's data in canonical form: tells a duplicate from a conflict.
    pub digest: [u8; 32],
    /// The wanted state as JSON, in the capability's own form.
    pub body: String,
    /// The form of `body`; rows of older releases are read by it.
    pub body_format: u16,
    /// The mailbox, list or channel it will be delivered to, lower-case; empty when it names none (a closed task keeps the
    /// one it had).
    pub target: String,
    /// The event.
    pub context: EventContext,
}

/// An event that cannot become wanted state.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// Whose.
    pub scope: OrgScope,
    /// The dead letter to keep.
    pub dead_letter: NewDeadLetter,
    /// What goes with it, written only if the letter is new: an `event.rejected` entry …
    pub audit: Vec<NewAuditEntry>,
    /// … and a `delivery.dead-lettered` event.
    pub outgoing: Vec<OutgoingEvent>,
}

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is the wanted state now.
    Applied,
    /// Known already, with the same data.
    Duplicate,
    /// Overtaken by a higher version.
    Stale,
    /// The same version with other data; counted and audited, not applied.
    Conflict,
}

/// $1 now. A row under lease stays so: its worker will record an older version, and the row is due then.
const PUT: &str = "WITH v(org, kind, key, event_version, digest, body, body_format, target, context, event_time) \
    AS (VALUES {rows}) INSERT INTO wanted (org, kind, key, event_version, digest, body, body_format, target, context, event_time, \
    mutation, state, generation, recheck, attempts, not_before, due_since, due_at, lease_epoch, overtaken, reopen, \
    has_letter, updated_at) \
    SELECT v.org, v.kind, v.key, v.event_version, v.digest, v.body, v.body_format, v.target, v.context, v.event_time, \
    0, 'pending', 0, 0, 0, $1, $1, $1, 0, 0, 0, 0, $1 \
    FROM v WHERE TRUE \
    ON CONFLICT (org, kind, key) DO UPDATE SET event_version = excluded.event_version, mutation = 0, \
    digest = excluded.digest, body = excluded.body, body_format = excluded.body_format, \
    target = CASE WHEN excluded.target = '' THEN wanted.target ELSE excluded.target END, \
    context = excluded.context, event_time = excluded.event_time, state = 'pending', attempts = 0, \
    crashes = 0, first_failed_at = NULL, last_error = NULL, not_before = excluded.not_before, due_since = excluded.due_since, \
    due_at = CASE WHEN wanted.lease_until IS NULL THEN excluded.due_at ELSE wanted.due_at END, \
    overtaken = CASE WHEN wanted.lease_until IS NULL THEN 0 ELSE 1 END, updated_at = excluded.updated_at \
    WHERE excluded.event_version > wanted.event_version RETURNING org, kind, key";

const KNOWN: &str = "WITH v(org, kind, key) AS (VALUES {rows}) SELECT w.org, w.kind, w.key, w.event_version, w.digest \
    FROM v JOIN wanted w ON w.org = v.org AND w.kind = v.kind AND w.key = v.key";

/// $1 now. As `Standing::doubt`: what is settled or dead is due again; a worker that has the object now looked before, so that the
/// mark is for the claim after it.
const DOUBT: &str = "WITH v(org, kind, key) AS (VALUES {rows}) UPDATE wanted SET \
    attempts = CASE WHEN wanted.due_at IS NULL THEN 0 ELSE wanted.attempts END, \
    due_since = CASE WHEN wanted.due_at IS NULL THEN $1 ELSE wanted.due_since END, \
    state = CASE WHEN wanted.due_at IS NULL THEN 'pending' ELSE wanted.state END, \
    recheck = CASE WHEN wanted.lease_until IS NULL THEN 1 ELSE wanted.recheck END, \
    reopen = CASE WHEN wanted.lease_until IS NULL THEN wanted.reopen ELSE 1 END, \
    not_before = CASE WHEN wanted.lease_until IS NULL THEN $1 ELSE wanted.not_before END, \
    due_at = CASE WHEN wanted.lease_until IS NULL THEN $1 ELSE wanted.due_at END \
    FROM v WHERE wanted.org = v.org AND wanted.kind = v.kind AND wanted.key = v.key";

/// $1 now. Every mailbox that an event names: the store that is no more may have made something there, and the newest event need not
/// name it any longer. Where a place is known, the mark alone makes it be looked at.
const SUSPECT: &str = "WITH v(org, kind, key, target) AS (VALUES {rows}) INSERT INTO place (org, kind, key, target, generation, \
    idempotency_key, state, remote_id, confirmed, made_at, updated_at) \
    SELECT v.org, v.kind, v.key, v.target, 0, '', 'unknown', NULL, NULL, $1, $1 FROM v WHERE NOT EXISTS (SELECT 1 FROM place p \
    WHERE p.org = v.org AND p.kind = v.kind AND p.key = v.key AND p.target = v.target) ON CONFLICT DO NOTHING";

impl Store {
    /// Commits a batch in one transaction: all of it or nothing. The answers are in the order of `arrivals`; two arrivals for
    /// one object are applied in order.
    ///
    /// A rejection with the same dead letter id, or the same organisation, event id and source, as one already kept is kept
    /// once (a message that was committed but whose termination was lost comes again).
    pub async fn take_in(
        &self,
        now: DateTime<Utc>,
        arrivals: Vec<Arrival>,
        rejections: Vec<Rejection>,
    ) -> Result<Vec<Taken>, StoreError> {
        self.take_batch(now, arrivals, rejections, false).await
    }

    /// As [`Store::take_in`], for events that may have been taken in before by a store that is no more: every object is due, and
    /// what stands of it is looked at, in every mailbox that any of the events names, before anything is done to it again.
    pub async fn take_in_again(
        &self,
        _worker: &WorkerScope,
        now: DateTime<Utc>,
        arrivals: Vec<Arrival>,
        rejections: Vec<Rejection>,
    ) -> Result<Vec<Taken>, StoreError> {
        self.take_batch(now, arrivals, rejections, true).await
    }

    async fn take_batch(
        &self,
        now: DateTime<Utc>,
        arrivals: Vec<Arrival>,
        rejections: Vec<Rejection>,
        again: bool,
    ) -> Result<Vec<Taken>, StoreError> {
        // As it will be stored: rows are found again by it.
        let stored = |arrival: Arrival| Arrival { key: without_nul(&arrival.key).into_owned(), ..arrival };
        let named = arrivals.iter().map(|arrival| &arrival.scope).chain(rejections.iter().map(|rejection| &rejection.scope));
        let reach = Reach::of_each(named);
        let batch = Arc::new((arrivals.into_iter().map(stored).collect::<Vec<_>>(), rejections));
        let job: Job<Vec<Taken>> = Box::new(move |tx| {
            let batch = Arc::clone(&batch);
            Box::pin(async move {
                let (arrivals, rejections) = &*batch;
                let taken = apply(tx, now, arrivals).await?;
                if again {
                    doubt(tx, now, arrivals).await?;
                }
                reject(tx, now, rejections).await?;
                Ok(taken)
            })
        });
        self.write(reach, "taking events in", job).await
    }
}

type Id<'a> = (&'a str, &'static str, &'a str);

fn id(arrival: &Arrival) -> Id<'_> {
    (arrival.scope.as_str(), arrival.kind.label(), &arrival.key)
}

/// Marks the arrivals' objects for a look at what stands, everywhere the arrivals say.
async fn doubt(tx: &mut Tx, now: DateTime<Utc>, arrivals: &[Arrival]) -> Result<(), Failure> {
    let objects: BTreeSet<Id<'_>> = arrivals.iter().map(id).collect();
    let rows = objects.into_iter().map(|(org, kind, key)| [org.into(), kind.into(), key.into()]).collect();
    tx.conn.many(DOUBT, &[now.into()], rows).await?;
    let named = arrivals.iter().filter(|arrival| !arrival.target.is_empty());
    let places: BTreeSet<_> = named.map(|arrival| (id(arrival), arrival.target.as_str())).collect();
    let rows = places.into_iter().map(|((org, kind, key), target)| [org.into(), kind.into(), key.into(), target.into()]);
    tx.conn.many(SUSPECT, &[now.into()], rows.collect()).await.map(drop)
}

/// Applies arrivals in waves, of each object one arrival a wave: a statement cannot change a row twice.
pub(super) async fn apply(tx: &mut Tx, now: DateTime<Utc>, arrivals: &[Arrival]) -> Result<Vec<Taken>, Failure> {
    let mut taken = vec![Taken::Stale; arrivals.len()];
    for wave in waves(arrivals) {
        let mut rows = Vec::with_capacity(wave.len());
        for arrival in wave.values().filter_map(|index| arrivals.get(*index)) {
            rows.push(row(arrival)?);
        }
        let applied = ids(&tx.conn.many(PUT, &[now.into()], rows).await?)?;
        let left: Vec<(Id<'_>, usize)> = wave
            .into_iter()
            .filter(|(id, index)| {
                let new = applied.contains(&(id.0.to_owned(), id.1, id.2.to_owned()));
                if new && let Some(taken) = taken.get_mut(*index) {
                    *taken = Taken::Applied;
                }
                !new
            })
            .collect();
        for (index, told) in compare(tx, now, arrivals, &left).await? {
            if let Some(taken) = taken.get_mut(index) {
                *taken = told;
            }
        }
    }
    Ok(taken)
}

/// By object (sorted, so that replicas lock rows in one order) the index of its first arrival, of its second, ….
fn waves(arrivals: &[Arrival]) -> Vec<BTreeMap<Id<'_>, usize>> {
    let mut waves: Vec<BTreeMap<Id<'_>, usize>> = vec![];
    let mut seen: HashMap<Id<'_>, usize> = HashMap::with_capacity(arrivals.len());
    for (index, arrival) in arrivals.iter().enumerate() {
        let wave = seen.entry(id(arrival)).or_insert(0);
        if waves.len() <= *wave {
            waves.push(BTreeMap::new());
        }
        if let Some(wave) = waves.get_mut(*wave) {
            wave.insert(id(arrival), index);
        }
        *wave += 1;
    }
    waves
}

/// What the arrivals that were not applied are: the stored version is the same or higher.
async fn compare(
    tx: &mut Tx,
    now: DateTime<Utc>,
    arrivals: &[Arrival],
    left: &[(Id<'_>, usize)],
) -> Result<Vec<(usize, Taken)>, Failure> {
    let keys = left.iter().map(|((org, kind, key), _)| [(*org).into(), (*kind).into(), (*key).into()]).collect();
    let mut known = HashMap::with_capacity(left.len());
    for row in tx.conn.many(KNOWN, &[], keys).await? {
        let id = (row.text(0)?, values::kind(&row.text(1)?)?.label(), row.text(2)?);
        known.insert(id, (row.count(3)?, row.bytes(4)?));
    }
    let mut told = Vec::with_capacity(left.len());
    for ((org, kind, key), index) in left {
        let Some(arrival) = arrivals.get(*index) else { continue };
        let stored = known.get(&((*org).to_owned(), *kind, (*key).to_owned())).ok_or(Failure::Unreadable("wanted version"))?;
        let taken = versions::fate(Some((stored.0, &stored.1)), arrival.version, &arrival.digest);
        if taken == Taken::Conflict {
            tx.audit(&arrival.scope, [conflict(now, arrival)]);
        }
        told.push((*index, taken));
    }
    Ok(told)
}

/// `superseded`: what is wanted already stands over what this event says.
fn conflict(now: DateTime<Utc>, arrival: &Arrival) -> NewAuditEntry {
    NewAuditEntry {
        at: now,
        actor: format!("event:{}#{}", arrival.context.source, arrival.context.id),
        action: "event.conflict".to_owned(),
        target: format!("{}/{}", arrival.kind.label(), arrival.key),
        outcome: Outcome::Superseded,
        detail: serde_json::json!({ "version": arrival.version }),
        personal: vec![],
        correlation_id: arrival.context.correlation_id.clone(),
        graph_request_id: None,
    }
}

async fn reject(tx: &mut Tx, now: DateTime<Utc>, rejections: &[Rejection]) -> Result<(), Failure> {
    let row = |rejection: &Rejection| dead_letters::row(&rejection.scope, Origin::Intake, &rejection.dead_letter, now);
    let rows = rejections.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let mut kept = dead_letters::insert(&mut tx.conn, rows).await?;
    for rejection in rejections {
        // Taken out, so that a batch which holds one letter twice tells of it once.
        if kept.remove(&(rejection.scope.as_str().to_owned(), rejection.dead_letter.id.clone())) {
            tx.audit(&rejection.scope, rejection.audit.iter().cloned());
            tx.outgoing(&rejection.scope, rejection.outgoing.iter().cloned());
        }
    }
    Ok(())
}

/// As [`PUT`] takes it.
pub(super) fn row(arrival: &Arrival) -> Result<[Value; 10], Failure> {
    let (org, kind, key) = id(arrival);
    Ok([
        org.into(),
        kind.into(),
        key.into(),
        arrival.version.into(),
        arrival.digest.as_slice().into(),
        arrival.body.as_str().into(),
        i64::from(arrival.body_format).into(),
        arrival.target.as_str().into(),
        values::json(&arrival.context)?.into(),
        arrival.context.time.into(),
    ])
}

fn ids(rows: &[Row]) -> Result<HashSet<(String, &'static str, String)>, Failure> {
    rows.iter().map(|row| Ok((row.text(0)?, values::kind(&row.text(1)?)?.label(), row.text(2)?))).collect()
}
