//! The audit trail's rows. The chain itself is `crate::audit`.

use chrono::{DateTime, Utc};

use super::{Page, PageRequest, Store, StoreError};
use crate::{
    audit::{Link, Verification},
    capabilities::Outcome,
    organisation::OrgScope,
};

/// An entry to append. The store gives it its place in the chain.
#[derive(Debug, Clone)]
pub struct NewAuditEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// `user:SUB`, `event:SOURCE#ID`, `operator`, `system`.
    pub actor: String,
    /// `calendar.event.created`, …
    pub action: String,
    /// `task/7f0c2b1e`, `connection`, …
    pub target: String,
    /// How it went.
    pub outcome: Outcome,
    /// Facts that name nobody.
    pub detail: serde_json::Value,
    /// Facts that name somebody: only a salted commitment enters the chain.
    pub personal: Vec<(String, String)>,
    /// The event's or request's correlation id.
    pub correlation_id: Option<String>,
    /// Microsoft's `request-id`, when an answer caused the entry.
    pub graph_request_id: Option<String>,
}

/// An entry as people see it: personal facts merged into `detail` unless they were erased.
#[derive(Debug, Clone)]
pub struct AuditRecord {
    /// The entry.
    pub entry: NewAuditEntry,
    /// Its place in the chain.
    pub link: Link,
}

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// With this action.
    pub action: Option<String>,
    /// On this target.
    pub target: Option<String>,
    /// At or after.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

impl Store {
    /// Appends entries in one transaction.
    pub async fn append_audit(&self, _scope: &OrgScope, _entries: Vec<NewAuditEntry>) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Entries in chain order, oldest first, so that past pages never change.
    pub async fn audit_trail(
        &self,
        _scope: &OrgScope,
        _filter: AuditFilter,
        _page: PageRequest,
    ) -> Result<Page<AuditRecord>, StoreError> {
        unimplemented!()
    }

    /// Reads the whole chain, a page at a time, and checks every link against the head row.
    pub async fn verify_audit(&self, _scope: &OrgScope) -> Result<Verification, StoreError> {
        unimplemented!()
    }

    /// The organisations that have an audit trail: for `audit verify` without `--org`.
    pub async fn audited_organisations(&self, _worker: &super::WorkerScope) -> Result<Vec<OrgScope>, StoreError> {
        unimplemented!()
    }
}
