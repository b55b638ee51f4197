//! Recording progress.
//!
//! Workers record at the same time, each a few rows. What waits in the [`Mailbox`] becomes one job of the writer: the rows
//! are moved by one conditional statement where nothing disturbed the run (`undisturbed`); else they are loaded, moved in memory,
//! and written back. Either way it is a few statements over many rows.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::{
    Hold, Kind, Lease, NewDeadLetter, Next, Progress, Recorded, Store, StoreError,
    db::{Conn, Failure, Job, Reach, Tx, Value},
    dead_letters,
    standing::{COLUMNS, Failed, Standing},
    suspicion::suspicions,
    undisturbed, values,
};
use crate::{
    capabilities::{Place, PlaceChange, PlaceState},
    organisation::OrgScope,
};

const DOING: &str = "recording progress";

const LOAD: &str = "WITH v(org, kind, key) AS (VALUES {rows}) \
    SELECT w.org, w.kind, w.key, w.event_version, w.mutation, w.state, w.settled_event_version, w.settled_mutation, \
    w.generation, w.recheck, w.attempts, w.first_failed_at, w.last_error, w.not_before, w.due_since, w.due_at, \
    w.lease_epoch, w.lease_until, w.overtaken, w.reopen, w.has_letter \
    FROM v JOIN wanted w ON w.org = v.org AND w.kind = v.kind AND w.key = v.key ORDER BY w.org, w.kind, w.key{lock}";

const SAVE: &str = "WITH v(org, kind, key, state, settled_event_version, settled_mutation, generation, recheck, attempts, \
    first_failed_at, last_error, not_before, due_since, due_at, lease_until, overtaken, reopen, has_letter) AS (VALUES {rows}) \
    UPDATE wanted SET state = v.state, settled_event_version = v.settled_event_version, \
    settled_mutation = v.settled_mutation, generation = v.generation, recheck = v.recheck, attempts = v.attempts, \
    first_failed_at = v.first_failed_at, last_error = v.last_error, not_before = v.not_before, due_since = v.due_since, \
    due_at = v.due_at, lease_until = v.lease_until, overtaken = v.overtaken, reopen = v.reopen, has_letter = v.has_letter, \
    lease_owner = CASE WHEN v.lease_until IS NULL THEN NULL ELSE wanted.lease_owner END, updated_at = $1 \
    FROM v WHERE wanted.org = v.org AND wanted.kind = v.kind AND wanted.key = v.key";

const PUT_PLACES: &str = "INSERT INTO place (org, kind, key, target, generation, idempotency_key, state, remote_id, \
    confirmed, made_at, updated_at) VALUES {rows} ON CONFLICT (org, kind, key, target, generation) DO UPDATE SET \
    idempotency_key = excluded.idempotency_key, state = excluded.state, remote_id = excluded.remote_id, \
    confirmed = excluded.confirmed, updated_at = excluded.updated_at";

const DROP_PLACES: &str = "DELETE FROM place WHERE (org, kind, key, target, generation) IN (VALUES {rows})";

const HOLD: &str = "INSERT INTO hold (org, capability, target, until) VALUES {rows} ON CONFLICT (org, capability, target) \
    DO UPDATE SET until = CASE WHEN excluded.until > hold.until THEN excluded.until ELSE hold.until END";

/// Progress that waits to be written.
#[derive(Debug, Default)]
pub(super) struct Mailbox(Mutex<Vec<Waiting>>);

#[derive(Debug)]
struct Waiting {
    now: DateTime<Utc>,
    progress: Arc<Progress>,
    answer: oneshot::Sender<Result<Recorded, StoreError>>,
}

impl Mailbox {
    /// True when nothing waited: then no job is on its way, and the caller starts one.
    fn push(&self, waiting: Waiting) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(waiting);
        all.len() == 1
    }

    fn take(&self) -> Vec<Waiting> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store {
    /// Writes progress down, all of it or nothing. Concurrent calls share a commit, and statements.
    pub async fn record(&self, now: DateTime<Utc>, progress: impl Into<Arc<Progress>>) -> Result<Recorded, StoreError> {
        let (answer, answered) = oneshot::channel();
        if self.inner.progress.push(Waiting { now, progress: progress.into(), answer }) {
            self.start_recording();
        }
        let lost = |_| Failure::Driver("the writer's job was lost".into()).doing(DOING);
        answered.await.unwrap_or_else(|error| Err(lost(error)))
    }

    /// Queues the job that takes what waits, and has its answers handed out whoever of the callers is still there.
    fn start_recording(&self) {
        let batch: Arc<tokio::sync::Mutex<Vec<Waiting>>> = Arc::default();
        let (store, taken) = (self.clone(), Arc::clone(&batch));
        let job: Job<Vec<Result<Recorded, Failure>>> = Box::new(move |tx| {
            let (store, taken) = (store.clone(), Arc::clone(&taken));
            Box::pin(async move {
                let mut taken = taken.lock().await;
                taken.append(&mut store.inner.progress.take());
                record_all(tx, &taken).await
            })
        });
        // Whose progress will wait when the job runs, nobody knows yet.
        let committed = self.submit(Reach::everybody(), DOING, job);
        let store = self.clone();
        tokio::spawn(async move {
            let outcome = committed.await;
            let mut waiting = std::mem::take(&mut *batch.lock().await);
            match outcome {
                Ok(answers) => hand_out(waiting, answers),
                Err(error) => {
                    // Also what came after a job that never ran: no other job is on its way for it.
                    waiting.append(&mut store.inner.progress.take());
                    let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                    for one in waiting {
                        let failure = Failure::Driver(reason.clone().into()).doing(DOING);
                        one.answer.send(Err(failure)).unwrap_or_default();
                    }
                }
            }
        });
    }
}

fn hand_out(waiting: Vec<Waiting>, answers: Vec<Result<Recorded, Failure>>) {
    for (one, answer) in waiting.into_iter().zip(answers) {
        // A caller that is gone needs no answer; the commit stands.
        one.answer.send(answer.map_err(|failure| failure.doing(DOING))).unwrap_or_default();
    }
}

/// All together; when that fails, once more and one by one, so that only the one at fault fails.
async fn record_all(tx: &mut Tx, batch: &[Waiting]) -> Result<Vec<Result<Recorded, Failure>>, Failure> {
    if !tx.careful {
        return match together(tx, batch).await {
            Ok(answers) => Ok(answers.into_iter().map(Ok).collect()),
            Err(Failure::Driver(source)) => Err(Failure::Again(source)),
            Err(failure) => Err(Failure::Again(format!("{failure:?}").into())),
        };
    }
    // Every object's row before the first audit head, as everywhere: were the second object's row locked after the first one's
    // head, replicas would run into deadlocks, be sent here by them, and never get out.
    load(&mut tx.conn, batch.iter().map(|one| &one.progress.lease)).await?;
    let mut answers = Vec::with_capacity(batch.len());
    for one in batch {
        let mark = tx.savepoint().await?;
        let outcome = match together(tx, std::slice::from_ref(one)).await {
            Ok(answer) => tx.flush().await.map(|()| answer),
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(answer) => {
                tx.release().await?;
                answers.extend(answer.into_iter().map(Ok));
            }
            Err(Failure::Again(source)) => return Err(Failure::Again(source)),
            Err(failure) => {
                tx.undo(mark).await?;
                answers.push(Err(failure));
            }
        }
    }
    Ok(answers)
}

async fn together(tx: &mut Tx, batch: &[Waiting]) -> Result<Vec<Recorded>, Failure> {
    let Some(last) = batch.iter().map(|one| one.now).max() else { return Ok(vec![]) };
    let undisturbed = undisturbed::write(&mut tx.conn, last, batch.iter().map(|one| &*one.progress)).await?;
    let disturbed = batch.iter().map(|one| &one.progress.lease).filter(|lease| !undisturbed.contains(&id(lease)));
    let mut objects = load(&mut tx.conn, disturbed).await?;
    let mut changes = Changes::default();
    let mut answers = Vec::with_capacity(batch.len());
    for one in batch {
        let lease = &one.progress.lease;
        if undisturbed.contains(&id(lease)) {
            changes.note(&one.progress);
            tx.progress(one.progress.clone(), true);
            answers.push(Recorded::Done);
            continue;
        }
        // The epoch is compared before anything else: a worker that lost its lease changes nothing, but leaves the mark to look
        // again, and where.
        let recorded = match objects.get_mut(&object(lease)) {
            None => {
                changes.hold_all(&one.progress);
                Recorded::LeaseLost
            }
            Some(standing) if !standing.leased_as(lease.epoch) => {
                standing.doubt(one.now);
                changes.suspect(&one.progress);
                changes.hold_all(&one.progress);
                Recorded::LeaseLost
            }
            Some(standing) => {
                let with_events = changes.take(standing, one)?;
                tx.progress(one.progress.clone(), with_events);
                Recorded::Done
            }
        };
        answers.push(recorded);
    }
    save(&mut tx.conn, last, &objects).await?;
    changes.write(&mut tx.conn, last).await?;
    Ok(answers)
}

/// Writes down the first progress under leases that this transaction has just taken.
pub(super) async fn first(tx: &mut Tx, now: DateTime<Utc>, batch: Vec<Progress>) -> Result<(), Failure> {
    let kept = undisturbed::write(&mut tx.conn, now, batch.iter()).await?;
    if kept.len() < batch.len() {
        return Err(Failure::Conflict);
    }
    let mut changes = Changes::default();
    for progress in &batch {
        changes.note(progress);
    }
    changes.write(&mut tx.conn, now).await?;
    for progress in batch {
        tx.progress(progress.into(), true);
    }
    Ok(())
}

/// An object, as its row is found; sorted, so that replicas lock rows in one order.
pub(super) type Id<'a> = (&'a str, &'static str, &'a str);

pub(super) fn id(lease: &Lease) -> Id<'_> {
    (lease.scope.as_str(), lease.kind.label(), &lease.key)
}

/// The same with texts of its own.
type Object = (String, &'static str, String);

fn object(lease: &Lease) -> Object {
    let (org, kind, key) = id(lease);
    (org.to_owned(), kind, key.to_owned())
}

async fn load(conn: &mut Conn, leases: impl Iterator<Item = &Lease>) -> Result<BTreeMap<Object, Standing>, Failure> {
    let ids: std::collections::BTreeSet<Id<'_>> = leases.map(id).collect();
    let rows = ids.into_iter().map(|(org, kind, key)| [org.into(), kind.into(), key.into()]).collect();
    let mut objects = BTreeMap::new();
    for row in conn.many(LOAD, &[], rows).await? {
        let id = (row.text(0)?, values::kind(&row.text(1)?)?.label(), row.text(2)?);
        objects.insert(id, Standing::read(&row, 3)?);
    }
    Ok(objects)
}

async fn save(conn: &mut Conn, now: DateTime<Utc>, objects: &BTreeMap<Object, Standing>) -> Result<(), Failure> {
    let row = |(id, standing): (&Object, &Standing)| {
        let mut values: [Value; COLUMNS + 3] = std::array::from_fn(|_| Value::Int(None));
        let key = [id.0.as_str().into(), id.1.into(), id.2.as_str().into()];
        for (place, value) in values.iter_mut().zip(key.into_iter().chain(standing.columns())) {
            *place = value;
        }
        values
    };
    conn.many(SAVE, &[now.into()], objects.iter().map(row).collect()).await.map(drop)
}

/// What progress changes beside the objects' rows. Later words about one place or hold win.
#[derive(Default)]
struct Changes<'a> {
    places: BTreeMap<(Id<'a>, Cow<'a, str>, u64), Option<Cow<'a, Place>>>,
    holds: BTreeMap<(&'a OrgScope, &'static str, &'a str), DateTime<Utc>>,
    letters: dead_letters::Changes,
}

impl<'a> Changes<'a> {
    /// Moves the object on; false when a dead letter was not kept after all.
    fn take(&mut self, standing: &mut Standing, one: &'a Waiting) -> Result<bool, Failure> {
        let (now, progress) = (one.now, &one.progress);
        self.note(progress);
        standing.generation = standing.generation.max(undisturbed::highest_generation(progress));
        if progress.rechecked {
            standing.recheck = false;
        }
        self.next(now, standing, progress)
    }

    /// What does not stand in the object's own row.
    fn note(&mut self, progress: &'a Progress) {
        let id = id(&progress.lease);
        for change in &progress.places {
            let (target, generation, place) = match change {
                PlaceChange::Put(place) => (&place.target, place.generation, Some(Cow::Borrowed(place))),
                PlaceChange::Gone { target, generation } => (target, *generation, None),
            };
            self.places.insert((id, Cow::Borrowed(target), generation), place);
        }
        self.hold_all(progress);
    }

    /// Keeps the waits. What the server asked for is true whoever has the object.
    fn hold_all(&mut self, progress: &'a Progress) {
        for hold in &progress.holds {
            self.hold(&progress.lease.scope, hold);
        }
    }

    /// Keeps where a worker without a lease did something.
    fn suspect(&mut self, progress: &'a Progress) {
        for place in suspicions(&progress.places) {
            let key = (id(&progress.lease), Cow::Owned(place.target.clone()), place.generation);
            self.places.insert(key, Some(Cow::Owned(place)));
        }
    }

    fn next(&mut self, now: DateTime<Utc>, standing: &mut Standing, progress: &Progress) -> Result<bool, Failure> {
        match &progress.next {
            Next::Keep => {}
            Next::Settled { version } => {
                standing.settle(now, *version);
                if std::mem::take(&mut standing.has_letter) {
                    self.letters.clear(object(&progress.lease));
                }
            }
            Next::Retry { not_before, unknown, counts, error } => {
                let failed = Failed { not_before: *not_before, unknown: *unknown, counts: *counts, error };
                standing.retry(now, &failed)?;
            }
            Next::Dead { version, dead_letter, error } => {
                if !standing.die(now, *version, error)? {
                    return Ok(false);
                }
                // The row remembers the attempts before this one; whoever made the letter saw the last alone.
                let first_failed_at = standing.first_failed_at.unwrap_or(dead_letter.first_failed_at);
                let letter = NewDeadLetter { first_failed_at, ..dead_letter.clone() };
                self.letters.keep(object(&progress.lease), &progress.lease.scope, &letter, now)?;
            }
            Next::Release => standing.release(now),
            Next::Aside => standing.aside(now),
        }
        Ok(true)
    }

    fn hold(&mut self, scope: &'a OrgScope, hold: &'a Hold) {
        let target = hold.target.as_deref().unwrap_or_default();
        let until = self.holds.entry((scope, hold.capability.label(), target)).or_insert(hold.until);
        *until = hold.until.max(*until);
    }

    async fn write(self, conn: &mut Conn, now: DateTime<Utc>) -> Result<(), Failure> {
        let (mut put, mut gone) = (vec![], vec![]);
        for (((org, kind, key), target, generation), place) in self.places {
            let place_key = [org.into(), kind.into(), key.into(), (&*target).into(), generation.into()];
            match place {
                Some(place) => put.push(place_row(place_key, &place, now)?),
                None => gone.push(place_key),
            }
        }
        conn.many(PUT_PLACES, &[], put).await?;
        conn.many(DROP_PLACES, &[], gone).await?;
        self.letters.write(conn).await?;
        if self.holds.is_empty() {
            return Ok(());
        }
        // Waits that are over go when new ones come, so that the table stays as small as what is throttled now.
        conn.run("DELETE FROM hold WHERE until <= $1", vec![now.into()]).await?;
        let holds = self.holds.into_iter();
        let rows = holds
            .map(|((scope, capability, target), until)| [scope.as_str().into(), capability.into(), target.into(), until.into()]);
        conn.many(HOLD, &[], rows.collect()).await.map(drop)
    }
}

fn place_row(key: [Value; 5], place: &Place, now: DateTime<Utc>) -> Result<[Value; 11], Failure> {
    let [org, kind, id, target, generation] = key;
    let state = match place.state {
        PlaceState::Intended => "intended",
        PlaceState::Present => "present",
        PlaceState::Unknown => "unknown",
    };
    let confirmed = place.confirmed.as_ref().map(values::json).transpose()?;
    let rest = [
        place.idempotency_key.as_str().into(),
        state.into(),
        place.remote_id.as_deref().into(),
        confirmed.into(),
        now.into(),
        now.into(),
    ];
    let [idempotency_key, state, remote_id, confirmed, made_at, updated_at] = rest;
    Ok([org, kind, id, target, generation, idempotency_key, state, remote_id, confirmed, made_at, updated_at])
}

/// The places of objects.
pub(super) async fn places_of(
    conn: &mut Conn,
    ids: impl Iterator<Item = (String, Kind, String)>,
) -> Result<BTreeMap<Object, Vec<Place>>, Failure> {
    const TEXT: &str = "WITH v(org, kind, key) AS (VALUES {rows}) SELECT p.org, p.kind, p.key, p.target, p.generation, \
        p.idempotency_key, p.state, p.remote_id, p.confirmed FROM v JOIN place p \
        ON p.org = v.org AND p.kind = v.kind AND p.key = v.key ORDER BY p.org, p.kind, p.key, p.generation, p.target";
    let rows = ids.map(|(org, kind, key)| [org.into(), kind.label().into(), key.into()]).collect();
    let mut places: BTreeMap<Object, Vec<Place>> = BTreeMap::new();
    for row in conn.many(TEXT, &[], rows).await? {
        let state = match row.text(6)?.as_str() {
            "intended" => PlaceState::Intended,
            "present" => PlaceState::Present,
            "unknown" => PlaceState::Unknown,
            _ => return Err(Failure::Unreadable("place state")),
        };
        let confirmed = row.maybe_text(8)?.map(|text| values::from_json(&text, "confirmed state")).transpose()?;
        let place = Place {
            target: row.text(3)?,
            generation: row.count(4)?,
            idempotency_key: row.text(5)?,
            state,
            remote_id: row.maybe_text(7)?,
            confirmed,
        };
        let id = (row.text(0)?, values::kind(&row.text(1)?)?.label(), row.text(2)?);
        places.entry(id).or_default().push(place);
    }
    Ok(places)
}
