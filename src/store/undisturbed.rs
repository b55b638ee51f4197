//! The records of runs that nothing disturbed, written without reading their rows first.
//!
//! Nearly every record is one of two: the intent of a call ([`Next::Keep`]), and the end of a run that made its version true
//! ([`Next::Settled`]). Both need to know of the row only that lease and version are still the run's own, so one conditional
//! statement checks and writes, and leaves the indexes alone that the intent does not change. A row that it does not give back was
//! disturbed (lease lost, newer event, dead letter to clear): `record` loads and moves it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Utc};

use super::{
    Next, Progress,
    db::{Conn, Failure, Row, Value},
    record::{Id, id},
    values,
};
use crate::capabilities::PlaceChange;

/// $1 now.
const KEEP: &str = "WITH v(org, kind, key, epoch, generation, rechecked) AS (VALUES {rows}) UPDATE wanted SET \
    generation = CASE WHEN v.generation > wanted.generation THEN v.generation ELSE wanted.generation END, \
    recheck = CASE WHEN v.rechecked = 1 THEN 0 ELSE wanted.recheck END, updated_at = $1 \
    FROM v WHERE wanted.org = v.org AND wanted.kind = v.kind AND wanted.key = v.key \
    AND wanted.lease_epoch = v.epoch AND wanted.lease_until IS NOT NULL RETURNING wanted.org, wanted.kind, wanted.key";

/// $1 now. What [`super::standing::Standing::settle`] does when nothing came during the lease.
const SETTLE: &str = "WITH v(org, kind, key, epoch, generation, event_version, mutation) AS (VALUES {rows}) UPDATE wanted SET \
    generation = CASE WHEN v.generation > wanted.generation THEN v.generation ELSE wanted.generation END, \
    state = 'settled', settled_event_version = v.event_version, settled_mutation = v.mutation, recheck = 0, \
    first_failed_at = NULL, last_error = NULL, due_at = NULL, lease_until = NULL, lease_owner = NULL, updated_at = $1 \
    FROM v WHERE wanted.org = v.org AND wanted.kind = v.kind AND wanted.key = v.key \
    AND wanted.lease_epoch = v.epoch AND wanted.lease_until IS NOT NULL \
    AND wanted.event_version = v.event_version AND wanted.mutation = v.mutation \
    AND wanted.overtaken = 0 AND wanted.reopen = 0 AND wanted.has_letter = 0 \
    RETURNING wanted.org, wanted.kind, wanted.key";

/// Moves the rows of those that are undisturbed, and says which they are. An object that comes twice is none of them: its
/// records must be taken one after the other.
pub(super) async fn write<'a>(
    conn: &mut Conn,
    now: DateTime<Utc>,
    batch: impl Iterator<Item = &'a Progress>,
) -> Result<BTreeSet<Id<'a>>, Failure> {
    // Sorted, so that replicas lock rows in one order.
    let mut once: BTreeMap<Id<'a>, Option<&Progress>> = BTreeMap::new();
    for progress in batch {
        once.entry(id(&progress.lease)).and_modify(|one| *one = None).or_insert(Some(progress));
    }
    let (mut keep, mut settle) = (Rows::default(), Rows::default());
    for (id, progress) in once {
        let Some(progress) = progress else { continue };
        let [org, kind, key]: [Value; 3] = [id.0.into(), id.1.into(), id.2.into()];
        let (epoch, generation) = (progress.lease.epoch.into(), highest_generation(progress).into());
        match &progress.next {
            Next::Keep => keep.add(id, [org, kind, key, epoch, generation, progress.rechecked.into()]),
            Next::Settled { version } => {
                settle.add(id, [org, kind, key, epoch, generation, version.event.into(), version.mutation.into()]);
            }
            Next::Retry { .. } | Next::Dead { .. } | Next::Release | Next::Aside => {}
        }
    }
    let mut moved = keep.write(conn, KEEP, now).await?;
    moved.append(&mut settle.write(conn, SETTLE, now).await?);
    Ok(moved)
}

/// Rows for one statement, with the objects they are of.
struct Rows<'a, const N: usize> {
    ids: BTreeSet<Id<'a>>,
    rows: Vec<[Value; N]>,
}

impl<const N: usize> Default for Rows<'_, N> {
    fn default() -> Self {
        Self { ids: BTreeSet::new(), rows: vec![] }
    }
}

impl<'a, const N: usize> Rows<'a, N> {
    fn add(&mut self, id: Id<'a>, row: [Value; N]) {
        self.ids.insert(id);
        self.rows.push(row);
    }

    /// Which of them the statement moved: nearly always all.
    async fn write(self, conn: &mut Conn, text: &'static str, now: DateTime<Utc>) -> Result<BTreeSet<Id<'a>>, Failure> {
        let moved = conn.many(text, &[now.into()], self.rows).await?;
        if moved.len() == self.ids.len() {
            return Ok(self.ids);
        }
        let read = |row: &Row| Ok((row.text(0)?, values::kind(&row.text(1)?)?.label(), row.text(2)?));
        let moved = moved.iter().map(read).collect::<Result<HashSet<_>, Failure>>()?;
        let is_moved = |id: &Id<'_>| moved.contains(&(id.0.to_owned(), id.1, id.2.to_owned()));
        Ok(self.ids.into_iter().filter(is_moved).collect())
    }
}

/// The highest generation that a progress puts a place in; 0 when it puts none.
pub(super) fn highest_generation(progress: &Progress) -> u64 {
    let generation = |change: &PlaceChange| match change {
        PlaceChange::Put(place) => place.generation,
        PlaceChange::Gone { .. } => 0,
    };
    progress.places.iter().map(generation).max().unwrap_or(0)
}
