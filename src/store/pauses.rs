//! What a person stopped by hand: a capability of one organisation, until it is resumed.
//!
//! What a paused capability delivers is not claimed, and shown as blocked. Runs under way when it was paused still end.

use chrono::{DateTime, Utc};

use super::{
    Kind, NewAuditEntry, Store, StoreError,
    db::{Conn, Failure, Job, Reach},
    values,
};
use crate::{capabilities::CapabilityName, organisation::OrgScope};

/// A capability that a person stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Which.
    pub capability: CapabilityName,
    /// Why, as that person said.
    pub reason: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

const ALL: &str = "SELECT capability, reason, paused_at FROM pause WHERE org = $1 ORDER BY capability";

const PUT: &str = "INSERT INTO pause (org, capability, reason, paused_at) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (org, capability) DO UPDATE SET reason = excluded.reason, paused_at = excluded.paused_at";

const DROP: &str = "DELETE FROM pause WHERE org = $1 AND capability = $2";

const WAKE: &str = "UPDATE wanted SET not_before = $3, due_at = $3, updated_at = $3 WHERE org = $1 AND kind = $2 AND due_at > $3 \
    AND lease_until IS NULL";

impl Store {
    /// What is paused of an organisation.
    pub async fn pauses(&self, scope: &OrgScope) -> Result<Vec<Pause>, StoreError> {
        const DOING: &str = "reading what is paused";
        let mut conn = self.read(scope, DOING).await?;
        read(&mut conn, scope).await.map_err(|failure| failure.doing(DOING))
    }

    /// Pauses a capability; a second pause replaces the first one's reason.
    pub async fn pause(&self, scope: &OrgScope, pause: Pause, audit: NewAuditEntry) -> Result<(), StoreError> {
        let reach = Reach::from(scope);
        let scope = scope.clone();
        let job: Job<()> = Box::new(move |tx| {
            let (scope, pause, audit) = (scope.clone(), pause.clone(), audit.clone());
            Box::pin(async move {
                let label = pause.capability.label();
                let values = vec![scope.as_str().into(), label.into(), pause.reason.into(), pause.since.into()];
                tx.conn.run(PUT, values).await?;
                tx.audit(&scope, [audit]);
                Ok(())
            })
        });
        self.write(reach, "pausing a capability", job).await
    }

    /// Resumes a capability: what waits of it is due at once (waits that Microsoft asked for stay in force). False, and
    /// nothing is written, when it was not paused.
    pub async fn resume(
        &self,
        scope: &OrgScope,
        now: DateTime<Utc>,
        capability: CapabilityName,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError> {
        let reach = Reach::from(scope);
        let scope = scope.clone();
        let job: Job<bool> = Box::new(move |tx| {
            let (scope, audit) = (scope.clone(), audit.clone());
            Box::pin(async move {
                let dropped = tx.conn.run(DROP, vec![scope.as_str().into(), capability.label().into()]).await?;
                if dropped == 0 {
                    return Ok(false);
                }
                for kind in Kind::ALL.into_iter().filter(|kind| kind.delivered_by() == capability) {
                    tx.conn.run(WAKE, vec![scope.as_str().into(), kind.label().into(), now.into()]).await?;
                }
                tx.audit(&scope, [audit]);
                Ok(true)
            })
        });
        self.write(reach, "resuming a capability", job).await
    }
}

async fn read(conn: &mut Conn, scope: &OrgScope) -> Result<Vec<Pause>, Failure> {
    let rows = conn.all(ALL, vec![scope.as_str().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Pause {
                capability: values::capability(&row.text(0)?)?,
                reason: row.maybe_text(1)?,
                since: values::instant(row, 2)?,
            })
        })
        .collect()
}
