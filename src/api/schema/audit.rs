//! What was done, by whom, and the proof that nobody rewrote it.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use serde_json::Value;

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    page::{self, List, Listed, count},
    scalars::{GivenInstant, Instant},
};
use crate::{
    audit::Verification,
    hex::hex,
    store::{AuditFilter, AuditRecord},
};

/// Something that was done, or was about to be.
#[derive(SimpleObject)]
pub(super) struct AuditEntry {
    /// Its number in the organisation's chain: 1, 2, 3, … without gaps.
    id: ID,
    /// When.
    at: Instant,
    /// `user:SUB`, `event:SOURCE#ID`, `operator` or `system`.
    actor: String,
    /// connection.registered, connection.tested, calendar.event.created, …
    action: String,
    /// What it was done to: `connection`, `task/7f0c2b1e`.
    target: String,
    /// intended, succeeded, failed, unknown or superseded.
    outcome: &'static str,
    /// The facts.
    detail: Value,
    /// Ties together what one request or event caused.
    correlation_id: Option<String>,
    /// Microsoft's `request-id`.
    graph_request_id: Option<String>,
    /// SHA-256 over this entry and the one before, hexadecimal.
    hash: String,
    /// The hash of the entry before.
    previous_hash: String,
}

impl Listed for AuditEntry {
    const NAME: &'static str = "AuditEntry";
}

impl From<AuditRecord> for AuditEntry {
    fn from(AuditRecord { entry, link }: AuditRecord) -> Self {
        Self {
            id: link.seq.to_string().into(),
            at: entry.at.into(),
            actor: entry.actor,
            action: entry.action,
            target: entry.target,
            outcome: entry.outcome.label(),
            detail: entry.detail,
            correlation_id: entry.correlation_id,
            graph_request_id: entry.graph_request_id,
            hash: hex(&link.hash),
            previous_hash: hex(&link.previous),
        }
    }
}

/// What checking the whole chain found.
#[derive(SimpleObject)]
pub(super) struct AuditVerification {
    /// Whether every entry is as it was written, and none is missing.
    intact: bool,
    /// Entries read.
    entries: i32,
    /// The last hash, hexadecimal.
    head_hash: String,
    /// The first entry that does not fit.
    first_broken_id: Option<ID>,
}

impl From<Verification> for AuditVerification {
    fn from(found: Verification) -> Self {
        Self {
            intact: found.intact,
            entries: count(found.entries),
            head_hash: hex(&found.head),
            first_broken_id: found.first_broken.map(|seq| seq.to_string().into()),
        }
    }
}

/// `auditTrail` and `auditVerification`.
#[derive(Default)]
pub(super) struct AuditQuery;

#[Object]
impl AuditQuery {
    /// What was done, oldest first, so that past pages never change.
    #[graphql(guard = "Permission::Read")]
    #[expect(clippy::too_many_arguments, reason = "they are the contract's arguments")]
    async fn audit_trail(
        &self,
        context: &Context<'_>,
        action: Option<String>,
        target: Option<String>,
        from: Option<GivenInstant>,
        to: Option<GivenInstant>,
        #[graphql(default_with = "Some(50)")] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<AuditEntry>> {
        let page = page::request(first, after)?;
        let from = from.map(|at| at.read("from")).transpose()?;
        let to = to.map(|at| at.read("to")).transpose()?;
        let filter = AuditFilter { action, target, from, to };
        let records = super::records(context)?;
        let rows = records.audit_trail(Caller::of(context)?.scope(), filter, page).await.map_err(Refusal::from)?;
        Ok(List::of(rows, AuditEntry::from))
    }

    /// Reads the whole chain and checks every link.
    #[graphql(guard = "Permission::Read")]
    async fn audit_verification(&self, context: &Context<'_>) -> Result<AuditVerification> {
        let records = super::records(context)?;
        let found = records.verify_audit(Caller::of(context)?.scope()).await.map_err(Refusal::from)?;
        Ok(found.into())
    }
}
