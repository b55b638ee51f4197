//! Credentials that end soon, and how soon before their end they were last warned of.

use chrono::{DateTime, Utc};

use super::{
    NewAuditEntry, OutgoingEvent, Store, StoreError, WorkerScope,
    db::{Job, Row},
    values,
};
use crate::organisation::OrgScope;

/// A credential whose end is near.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingCredential {
    /// Whose connection.
    pub scope: OrgScope,
    /// The registration.
    pub connection_id: String,
    /// Which of its credentials.
    pub secret_version: u64,
    /// When it ends.
    pub ends: DateTime<Utc>,
    /// The threshold of the last warning of this very credential, days; `None`: there was none.
    pub warned_days: Option<u64>,
}

const ENDING: &str = "SELECT org, connection_id, secret_version, secret_expires_at, warned_days FROM connection \
    WHERE secret_expires_at <= $1 AND (warned_days IS NULL OR warned_days > $2) ORDER BY org";

/// Warnings only come closer to the end, so of all who saw the same one due, one writes it.
const WARN: &str = "UPDATE connection SET warned_days = $3 WHERE org = $1 AND secret_version = $2 \
    AND (warned_days IS NULL OR warned_days > $3)";

impl Store {
    /// Credentials that end at `until` or before, except those that were warned of `last_days` days before their end, or later.
    pub async fn ending_credentials(
        &self,
        worker: &WorkerScope,
        until: DateTime<Utc>,
        last_days: u64,
    ) -> Result<Vec<EndingCredential>, StoreError> {
        const DOING: &str = "reading which credentials end soon";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all(ENDING, vec![until.into(), last_days.into()]).await;
        let read = |row: &Row| {
            Ok(EndingCredential {
                scope: self.scope_of(&row.text(0)?)?,
                connection_id: row.text(1)?,
                secret_version: row.count(2)?,
                ends: values::instant(row, 3)?,
                warned_days: row.maybe_int(4)?.map(i64::unsigned_abs),
            })
        };
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure| failure.doing(DOING))
    }

    /// Writes a warning down, with its audit entry and its event; false, and nothing is written, when it was given already, or the
    /// credential is another one by now. Of all replicas that warn of the same threshold one gets true.
    pub async fn warn_of_end(
        &self,
        ending: &EndingCredential,
        days: u64,
        audit: NewAuditEntry,
        event: OutgoingEvent,
    ) -> Result<bool, StoreError> {
        let given = (ending.scope.clone(), ending.secret_version, audit, event);
        let job: Job<bool> = Box::new(move |tx| {
            let (scope, secret_version, audit, event) = given.clone();
            Box::pin(async move {
                let warned = tx.conn.run(WARN, vec![scope.as_str().into(), secret_version.into(), days.into()]).await? == 1;
                if warned {
                    tx.audit(&scope, [audit]);
                    tx.outgoing(&scope, [event]);
                }
                Ok(warned)
            })
        });
        self.write(&ending.scope, "warning of a credential's end", job).await
    }
}
