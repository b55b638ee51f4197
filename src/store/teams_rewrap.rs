//! Moving the Teams accounts' refresh tokens, and the device codes of sign-ins that wait, under the newest master key.

use super::{
    NewAuditEntry, Store, StoreError, WorkerScope,
    db::{Job, Row, Value},
};
use crate::organisation::OrgScope;

/// What is lost or has failed keeps no key.
const UNDER_ANOTHER_KEY: &str = "SELECT org FROM teams_account WHERE key_id <> $1 AND key_id <> '' \
    UNION SELECT org FROM teams_sign_in WHERE key_id <> $1 AND key_id <> '' ORDER BY 1 LIMIT $2";

const COUNT: &str = "SELECT (SELECT COUNT(*) FROM teams_account WHERE key_id <> $1 AND key_id <> '') \
    + (SELECT COUNT(*) FROM teams_sign_in WHERE key_id <> $1 AND key_id <> '')";

/// Only the wrapping that was read: a token that was rotated meanwhile is sealed under the newest key already.
const ACCOUNT: &str = "UPDATE teams_account SET key_id = $5, sealed_data_key = $6 \
    WHERE org = $1 AND account_id = $2 AND token_version = $3 AND key_id = $4";

const SIGN_IN: &str = "UPDATE teams_sign_in SET key_id = $5, sealed_data_key = $6 \
    WHERE org = $1 AND sign_in_id = $2 AND $3 = 1 AND key_id = $4";

/// A value whose data key is wrapped anew.
#[derive(Debug, Clone)]
pub struct Rewrapped {
    /// An account's refresh token; else the device code of a sign-in.
    pub account: bool,
    /// The account's or the sign-in's id.
    pub record: String,
    /// The version that was read; 1 for a device code.
    pub version: u64,
    /// The key that was read.
    pub old_key: String,
    /// The key that wraps now.
    pub new_key: String,
    /// The new wrapping.
    pub data_key: Vec<u8>,
}

impl Store {
    /// Organisations with a Teams account or sign-in that is not sealed under the key `newest`, at most `limit`.
    pub async fn teams_accounts_under_another_key(
        &self,
        worker: &WorkerScope,
        newest: &str,
        limit: u32,
    ) -> Result<Vec<OrgScope>, StoreError> {
        const DOING: &str = "reading which Teams accounts to re-seal";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all(UNDER_ANOTHER_KEY, vec![newest.into(), limit.into()]).await;
        let read = |row: &Row| self.scope_of(&row.text(0)?);
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure| failure.doing(DOING))
    }

    /// How many accounts and sign-ins are not sealed under the key `newest`.
    pub async fn count_teams_accounts_under_another_key(&self, worker: &WorkerScope, newest: &str) -> Result<u64, StoreError> {
        const DOING: &str = "counting which Teams accounts to re-seal";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all(COUNT, vec![newest.into()]).await;
        rows.and_then(|rows| rows.first().map_or(Ok(0), |row| row.count(0))).map_err(|failure| failure.doing(DOING))
    }

    /// Puts a data key under another master key; false, and nothing is written, when the value changed meanwhile.
    pub async fn rewrap_teams_account(&self, scope: &OrgScope, new: Rewrapped, audit: NewAuditEntry) -> Result<bool, StoreError> {
        let given = (scope.clone(), new, audit);
        let job: Job<bool> = Box::new(move |tx| {
            let (scope, new, audit) = given.clone();
            Box::pin(async move {
                let text = if new.account { ACCOUNT } else { SIGN_IN };
                let values: Vec<Value> = vec![
                    scope.as_str().into(),
                    new.record.into(),
                    new.version.into(),
                    new.old_key.into(),
                    new.new_key.into(),
                    new.data_key.as_slice().into(),
                ];
                let done = tx.conn.run(text, values).await? == 1;
                if done {
                    tx.audit(&scope, [audit]);
                }
                Ok(done)
            })
        });
        self.write(scope, "re-sealing a Teams account", job).await
    }
}
