//! Whose turn it is to try a connection that does not work: one replica's, at planned times.

use chrono::{DateTime, Utc};

use super::{
    Store, StoreError, WorkerScope,
    db::{Job, Reach, Row},
    values,
};
use crate::organisation::OrgScope;

/// A connection whose probe is due, or not planned yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueProbe {
    /// Whose connection.
    pub scope: OrgScope,
    /// Probes taken since its state changed.
    pub probes: u64,
    /// When it was planned for; `None`: nobody has planned one since the state changed.
    pub planned: Option<DateTime<Utc>>,
    secret_version: u64,
}

const DUE: &str = "SELECT org, probes, next_probe_at, secret_version FROM connection \
    WHERE state <> 'active' AND (next_probe_at IS NULL OR next_probe_at <= $1) ORDER BY org";

/// Plans count up, so two who saw the same one cannot both write the next; a change of state or of the credential ends them all.
const TAKE: &str = "UPDATE connection SET next_probe_at = $5, probes = $6 WHERE org = $1 AND secret_version = $2 AND probes = $3 \
    AND COALESCE(next_probe_at, 0) = $4 AND state <> 'active'";

impl Store {
    /// Connections that do not work and whose probe is due at `now`, or not planned yet.
    pub async fn due_probes(&self, worker: &WorkerScope, now: DateTime<Utc>) -> Result<Vec<DueProbe>, StoreError> {
        const DOING: &str = "reading which connections to probe";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all(DUE, vec![now.into()]).await;
        let read = |row: &Row| {
            let planned = values::maybe_instant(row, 2)?;
            Ok(DueProbe { scope: self.scope_of(&row.text(0)?)?, probes: row.count(1)?, planned, secret_version: row.count(3)? })
        };
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure| failure.doing(DOING))
    }

    /// Plans the next probe, and with it takes this one, if it was planned. Of all replicas that saw the same plan one gets true.
    pub async fn take_probe(&self, due: &DueProbe, next: DateTime<Utc>) -> Result<bool, StoreError> {
        let reach = Reach::from(&due.scope);
        let due = due.clone();
        let job: Job<bool> = Box::new(move |tx| {
            let due = due.clone();
            Box::pin(async move {
                let planned = due.planned.map_or(0, |at| at.timestamp_micros());
                let probes = due.probes + u64::from(due.planned.is_some());
                let values = vec![
                    due.scope.as_str().into(),
                    due.secret_version.into(),
                    due.probes.into(),
                    planned.into(),
                    next.into(),
                    probes.into(),
                ];
                Ok(tx.conn.run(TAKE, values).await? == 1)
            })
        });
        self.write(reach, "planning the next probe of a connection", job).await
    }
}
