//! The list that an organisation's zones are published to.
//!
//! It was resolved in one directory. When the connection moves to another one (its epoch moves), or is removed, the ids in it mean
//! nothing any more: the row is then as good as absent, and replaced by the next one that is set.

use chrono::{DateTime, Utc};

use super::{
    NewAuditEntry, NewOperation, Store, StoreError,
    db::{Failure, Job, Reach, Row},
    values, zones,
};
use crate::{
    capabilities::sharepoint::{request::TargetRequest, target::Target},
    organisation::OrgScope,
};

/// A list that zones go to, as it was asked for and as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneTarget {
    /// Epoch of the connection that it was resolved through.
    pub connection_epoch: u64,
    /// In the administrator's words.
    pub asked: TargetRequest,
    /// Resolved.
    pub target: Target,
    /// What works and should be changed all the same, for people.
    pub warnings: Vec<String>,
    /// When it was set.
    pub set_at: DateTime<Utc>,
}

const GET: &str = "SELECT t.connection_epoch, t.asked, t.target, t.warnings, t.set_at FROM zone_target t \
    JOIN connection c ON c.org = t.org AND c.epoch = t.connection_epoch WHERE t.org = $1";

const PUT: &str = "INSERT INTO zone_target (org, connection_epoch, asked, target, warnings, set_at) \
    SELECT c.org, c.epoch, $3, $4, $5, $6 FROM connection c WHERE c.org = $1 AND c.epoch = $2 \
    ON CONFLICT (org) DO UPDATE SET connection_epoch = excluded.connection_epoch, asked = excluded.asked, \
    target = excluded.target, warnings = excluded.warnings, set_at = excluded.set_at";

const DROP: &str = "DELETE FROM zone_target WHERE org = $1";

/// Zones that wait, or that were told there is no list for them, may go now.
const WAKE: &str = "UPDATE wanted SET not_before = $2, due_at = $2, updated_at = $2 WHERE org = $1 AND kind = 'zone' \
    AND due_at > $2 AND lease_until IS NULL";

/// Every zone is due anew, also one that was settled or set aside: where it stood says nothing of the new target.
const RENEW: &str = "UPDATE wanted SET state = CASE WHEN state = 'unknown' THEN state ELSE 'pending' END, attempts = 0, \
    crashes = 0, first_failed_at = NULL, last_error = NULL, not_before = $2, due_since = $2, \
    due_at = CASE WHEN lease_until IS NULL THEN $2 ELSE due_at END, \
    overtaken = CASE WHEN lease_until IS NULL THEN 0 ELSE 1 END, updated_at = $2 WHERE org = $1 AND kind = 'zone'";

impl Store {
    /// The list that zones go to, if one is set for the directory that the connection is in now.
    pub async fn zone_target(&self, scope: &OrgScope) -> Result<Option<ZoneTarget>, StoreError> {
        const DOING: &str = "reading the zone target";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.all(GET, vec![scope.as_str().into()]).await.map_err(|failure| failure.doing(DOING))?;
        rows.first().map(read).transpose().map_err(|failure| failure.doing(DOING))
    }

    /// Sets it, in place of the one that was, and makes waiting zones due. When it is another target than the one that was, or there
    /// was none, every zone is due anew, and `publication` is queued if there are any: true then. [`StoreError::Conflict`], and
    /// nothing changed, when the connection has moved to another directory since the target was resolved, or is gone.
    pub async fn set_zone_target(
        &self,
        scope: &OrgScope,
        target: ZoneTarget,
        publication: NewOperation,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError> {
        let reach = Reach::from(scope);
        let scope = scope.clone();
        let job: Job<bool> = Box::new(move |tx| {
            let (scope, target, audit) = (scope.clone(), target.clone(), audit.clone());
            let publication = publication.clone();
            Box::pin(async move {
                let before = tx.conn.all(GET, vec![scope.as_str().into()]).await?;
                let before = before.first().map(read).transpose()?;
                let put = vec![
                    scope.as_str().into(),
                    target.connection_epoch.into(),
                    values::json(&target.asked)?.into(),
                    values::json(&target.target)?.into(),
                    values::json(&target.warnings)?.into(),
                    target.set_at.into(),
                ];
                if tx.conn.run(PUT, put).await? == 0 {
                    return Err(Failure::Conflict);
                }
                let now = vec![scope.as_str().into(), target.set_at.into()];
                let is_other = before.is_none_or(|before| before.target != target.target);
                let renewed = tx.conn.run(if is_other { RENEW } else { WAKE }, now).await?;
                let published = is_other && renewed > 0;
                if published {
                    zones::enqueue(tx, &scope, target.set_at, publication).await?;
                }
                tx.audit(&scope, [audit]);
                Ok(published)
            })
        });
        self.write(reach, "setting the zone target", job).await
    }

    /// Removes it; what stands in the list stays there. False, and nothing is written, when there was none.
    pub async fn remove_zone_target(&self, scope: &OrgScope, audit: NewAuditEntry) -> Result<bool, StoreError> {
        let reach = Reach::from(scope);
        let scope = scope.clone();
        let job: Job<bool> = Box::new(move |tx| {
            let (scope, audit) = (scope.clone(), audit.clone());
            Box::pin(async move {
                if tx.conn.run(DROP, vec![scope.as_str().into()]).await? == 0 {
                    return Ok(false);
                }
                tx.audit(&scope, [audit]);
                Ok(true)
            })
        });
        self.write(reach, "removing the zone target", job).await
    }
}

fn read(row: &Row) -> Result<ZoneTarget, Failure> {
    Ok(ZoneTarget {
        connection_epoch: row.count(0)?,
        asked: values::from_json(&row.text(1)?, "zone target as asked for")?,
        target: values::from_json(&row.text(2)?, "zone target")?,
        warnings: values::from_json(&row.text(3)?, "zone target's warnings")?,
        set_at: values::instant(row, 4)?,
    })
}
