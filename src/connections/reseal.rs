//! Moving credentials under the newest master key, online.
//!
//! Only the wrapping of each data key changes, so sessions under way and readers notice nothing; whoever reads a row before or after finds
//! a value that opens, as long as the ring holds both keys. Killed half-way, the next run goes on with what is left.

use futures_util::future::try_join_all;
use serde_json::json;

use super::{ConnectionError, Connections, sealing};
use crate::{
    capabilities::Outcome,
    organisation::OrgScope,
    store::{NewAuditEntry, WorkerScope},
};

impl Connections {
    /// Re-seals at most `limit` credentials that are not under the ring's newest key; how many there were. Call it until there are none.
    pub async fn reseal(&self, worker: &WorkerScope, limit: u32) -> Result<usize, ConnectionError> {
        let newest = self.parts.vault.key_ids().pop().unwrap_or_default();
        let old = self.parts.store.connections_under_another_key(worker, &newest, limit).await?;
        try_join_all(old.iter().map(|scope| self.reseal_one(scope))).await?;
        let accounts = self.reseal_accounts(worker, &newest, limit).await?;
        Ok(old.len() + accounts)
    }

    async fn reseal_one(&self, scope: &OrgScope) -> Result<(), ConnectionError> {
        let Some(row) = self.parts.store.connection(scope).await? else { return Ok(()) };
        let (new_key, data_key) = sealing::rewrap(&self.parts.vault, scope, &row)?;
        let audit = NewAuditEntry {
            at: self.parts.clock.now(),
            actor: "operator".into(),
            action: "keys.rotated".into(),
            target: "connection".into(),
            outcome: Outcome::Succeeded,
            detail: json!({ "from": row.key_id, "to": new_key }),
            personal: Vec::new(),
            correlation_id: None,
            graph_request_id: None,
        };
        self.parts.store.rewrap_connection(scope, row.secret_version, &row.key_id, &new_key, data_key, audit).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
