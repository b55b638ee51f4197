//! The records of runs that nothing disturbed, written without reading their rows first.
//!
//! Nearly every record is one of two: the intent of a call ([`Next::Keep`]), and the end of a run that made its version true
//! ([`Next::Settled`]). Both need to know of the row only that lease and version are still the run's own, so one conditional
//! statement checks and writes, and leaves the indexes alone that the intent does not change. A row that it does not give back was
//! disturbed (lease lost, newer event, dead letter to clear): `record` loads and moves it.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};

use super::{
    Next, Progress,
    db::{Conn, Failure, Value},
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
pub(super) async fn write(
    conn: &mut Conn,
    now: DateTime<Utc>,
    batch: impl Iterator<Item = &Progress>,
) -> Result<HashSet<Id>, Failure> {
    // Sorted, so that replicas lock rows in one order.
    let mut once: BTreeMap<Id, Option<&Progress>> = BTreeMap::new();
    for progress in batch {
        once.entry(id(&progress.lease)).and_modify(|one| *one = None).or_insert(Some(progress));
    }
    let (mut keep, mut settle) = (vec![], vec![]);
    for (id, progress) in once {
        let Some(progress) = progress else { continue };
        let [org, kind, key]: [Value; 3] = [id.0.into(), id.1.into(), id.2.into()];
        let (epoch, generation) = (progress.lease.epoch.into(), highest_generation(progress).into());
        match &progress.next {
            Next::Keep => keep.push([org, kind, key, epoch, generation, progress.rechecked.into()]),
            Next::Settled { version } => {
                settle.push([org, kind, key, epoch, generation, version.event.into(), version.mutation.into()]);
            }
            Next::Retry { .. } | Next::Dead { .. } | Next::Release | Next::Aside => {}
        }
    }
    let mut moved = conn.many(KEEP, &[now.into()], keep).await?;
    moved.append(&mut conn.many(SETTLE, &[now.into()], settle).await?);
    moved.iter().map(|row| Ok((row.text(0)?, values::kind(&row.text(1)?)?.label(), row.text(2)?))).collect()
}

/// The highest generation that a progress puts a place in; 0 when it puts none.
pub(super) fn highest_generation(progress: &Progress) -> u64 {
    let generation = |change: &PlaceChange| match change {
        PlaceChange::Put(place) => place.generation,
        PlaceChange::Gone { .. } => 0,
    };
    progress.places.iter().map(generation).max().unwrap_or(0)
}
