//! Which loops are alive, and what becomes of a dead one's leases.
//!
//! A lease outlasts the longest call, so that nobody acts on an object while its worker may. Were it all there is, a killed
//! process would keep what it had under lease for as long. So every loop counts a row of its own up while it lives, and whoever has
//! watched it stand still long enough ends its leases. That is safe for the reasons that an expired lease is: the next claim moves the
//! epoch and looks before it acts.

use chrono::{DateTime, Utc};

use super::{
    Store, StoreError, WorkerScope,
    db::{Job, Row},
};

/// A loop, and how often it has said that it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// Who claims (`ClaimRequest::owner`).
    pub owner: String,
    /// Counts up.
    pub beats: u64,
}

const BEAT: &str = "INSERT INTO worker (owner, beats) VALUES ($1, 1) ON CONFLICT (owner) DO UPDATE SET beats = worker.beats + 1";

const ALL: &str = "SELECT owner, beats FROM worker ORDER BY owner";

const FORGET: &str = "DELETE FROM worker WHERE owner = $1";

/// Only while it still stands where it was seen to stand.
const BURY: &str = "DELETE FROM worker WHERE owner = $1 AND beats = $2";

/// The lease stays on the row, as one that ran out: it tells the next claim to look, and counts as a worker that died.
const END: &str = "UPDATE wanted SET lease_until = $1, due_at = $1 WHERE lease_owner = $2 AND lease_until > $1";

impl Store {
    /// Says that a loop lives.
    pub async fn beat(&self, worker: &WorkerScope, owner: &str) -> Result<(), StoreError> {
        let owner = owner.to_owned();
        let job: Job<()> = Box::new(move |tx| {
            let owner = owner.clone();
            Box::pin(async move { tx.conn.run(BEAT, vec![owner.into()]).await.map(drop) })
        });
        self.write(worker, "saying that a worker lives", job).await
    }

    /// Every loop that has not stopped in order.
    pub async fn beats(&self, worker: &WorkerScope) -> Result<Vec<Beat>, StoreError> {
        const DOING: &str = "reading which workers live";
        let mut conn = self.read(worker, DOING).await?;
        let read = |row: &Row| Ok(Beat { owner: row.text(0)?, beats: row.count(1)? });
        let rows = conn.all(ALL, vec![]).await;
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure| failure.doing(DOING))
    }

    /// Ends the leases of a loop that has stood still at `dead.beats`; how many. 0 when it has moved since, or somebody else did it.
    pub async fn bury(&self, worker: &WorkerScope, now: DateTime<Utc>, dead: Beat) -> Result<u64, StoreError> {
        let job: Job<u64> = Box::new(move |tx| {
            let Beat { owner, beats } = dead.clone();
            Box::pin(async move {
                if tx.conn.run(BURY, vec![owner.as_str().into(), beats.into()]).await? == 0 {
                    return Ok(0);
                }
                tx.conn.run(END, vec![now.into(), owner.into()]).await
            })
        });
        self.write(worker, "ending a dead worker's leases", job).await
    }

    /// A loop stops in order; it has nothing under lease.
    pub async fn leave(&self, worker: &WorkerScope, owner: &str) -> Result<(), StoreError> {
        let owner = owner.to_owned();
        let job: Job<()> = Box::new(move |tx| {
            let owner = owner.clone();
            Box::pin(async move { tx.conn.run(FORGET, vec![owner.into()]).await.map(drop) })
        });
        self.write(worker, "saying that a worker stops", job).await
    }
}
