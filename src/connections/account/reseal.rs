//! Moving refresh tokens and device codes under the newest master key, online: only the wrapping of each data key changes.

use serde_json::json;

use super::{records, sealed};
use crate::{
    capabilities::Outcome,
    connections::{Actor, ConnectionError, Connections, records::entry},
    organisation::OrgScope,
    store::{NewAuditEntry, Rewrapped, WorkerScope},
};

impl Connections {
    /// Re-seals the accounts and sign-ins of at most `limit` organisations; how many of them there were, at least one each.
    pub(in crate::connections) async fn reseal_accounts(
        &self,
        worker: &WorkerScope,
        newest: &str,
        limit: u32,
    ) -> Result<usize, ConnectionError> {
        let old = self.parts.store.teams_accounts_under_another_key(worker, newest, limit).await?;
        let mut found = 0;
        for scope in &old {
            // One that changed meanwhile was found all the same: a rotation ends only when none is.
            found += self.reseal_account(scope, newest).await?.max(1);
        }
        Ok(found)
    }

    async fn reseal_account(&self, scope: &OrgScope, newest: &str) -> Result<usize, ConnectionError> {
        let mut found = 0;
        let stale = |key: &str| !key.is_empty() && key != newest;
        if let Some(row) = self.parts.store.teams_account(scope).await?.filter(|row| stale(&row.token.key_id)) {
            let (new_key, data_key) = sealed::rewrap_token(&self.parts.vault, scope, &row)?;
            let (record, version, old_key) = (row.account_id, row.token_version, row.token.key_id);
            self.rewrapped(scope, Rewrapped { account: true, record, version, old_key, new_key, data_key }).await?;
            found += 1;
        }
        if let Some(row) = self.parts.store.teams_sign_in(scope).await?.filter(|row| stale(&row.code.key_id)) {
            let (new_key, data_key) = sealed::rewrap_code(&self.parts.vault, scope, &row)?;
            let (record, old_key) = (row.sign_in_id, row.code.key_id);
            self.rewrapped(scope, Rewrapped { account: false, record, version: 1, old_key, new_key, data_key }).await?;
            found += 1;
        }
        Ok(found)
    }

    async fn rewrapped(&self, scope: &OrgScope, new: Rewrapped) -> Result<(), ConnectionError> {
        let operator = Actor::operator();
        let detail = json!({ "from": new.old_key, "to": new.new_key });
        let audit = entry(&operator, self.parts.clock.now(), "keys.rotated", Outcome::Succeeded, detail);
        let audit = NewAuditEntry { target: records::TARGET.to_owned(), ..audit };
        self.parts.store.rewrap_teams_account(scope, new, audit).await?;
        Ok(())
    }
}
