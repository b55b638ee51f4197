//! Moving sealed credentials under the newest master key, a few rows at a time, while they are in use.

use super::{
    NewAuditEntry, Store, StoreError, WorkerScope,
    db::{Job, Row},
};
use crate::organisation::OrgScope;

const UNDER_ANOTHER_KEY: &str = "SELECT org FROM connection WHERE key_id <> $1 ORDER BY org LIMIT $2";

const COUNT: &str = "SELECT COUNT(*) FROM connection WHERE key_id <> $1";

/// Only the wrapping that was read: a secret registered meanwhile is sealed under the newest key already.
const REWRAP: &str =
    "UPDATE connection SET key_id = $4, sealed_data_key = $5 WHERE org = $1 AND secret_version = $2 AND key_id = $3";

impl Store {
    /// Connections whose credential is not sealed under the key `newest`, at most `limit`.
    pub async fn connections_under_another_key(
        &self,
        worker: &WorkerScope,
        newest: &str,
        limit: u32,
    ) -> Result<Vec<OrgScope>, StoreError> {
        const DOING: &str = "reading which connections to re-seal";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all(UNDER_ANOTHER_KEY, vec![newest.into(), limit.into()]).await;
        let read = |row: &Row| self.scope_of(&row.text(0)?);
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure| failure.doing(DOING))
    }

    /// How many connections are not sealed under the key `newest`.
    pub async fn count_under_another_key(&self, worker: &WorkerScope, newest: &str) -> Result<u64, StoreError> {
        const DOING: &str = "counting which connections to re-seal";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all(COUNT, vec![newest.into()]).await;
        rows.and_then(|rows| rows.first().map_or(Ok(0), |row| row.count(0))).map_err(|failure| failure.doing(DOING))
    }

    /// Puts a connection's data key under another master key; false, and nothing is written, when it was registered anew, removed or
    /// re-sealed meanwhile.
    pub async fn rewrap_connection(
        &self,
        scope: &OrgScope,
        secret_version: u64,
        old_key: &str,
        new_key: &str,
        sealed_data_key: Vec<u8>,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError> {
        let given = (scope.clone(), old_key.to_owned(), new_key.to_owned(), sealed_data_key, audit);
        let job: Job<bool> = Box::new(move |tx| {
            let (scope, old_key, new_key, sealed, audit) = given.clone();
            Box::pin(async move {
                let values =
                    vec![scope.as_str().into(), secret_version.into(), old_key.into(), new_key.into(), sealed.as_slice().into()];
                let done = tx.conn.run(REWRAP, values).await? == 1;
                if done {
                    tx.audit(&scope, [audit]);
                }
                Ok(done)
            })
        });
        self.write(scope, "re-sealing a connection", job).await
    }
}
