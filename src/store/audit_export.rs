//! The audit trail for whoever is to check it elsewhere.

use super::{Store, StoreError, audit_entry::Stored, audit_log::personal_of, audit_pages};
use crate::{audit::ExportedEntry, organisation::OrgScope};

impl Store {
    /// Entries after the one with this number (0: from the first), in chain order, at most `limit` and none only when none is
    /// left, with all that their hashes cover.
    pub async fn export_audit(&self, scope: &OrgScope, after: u64, limit: u32) -> Result<Vec<ExportedEntry>, StoreError> {
        const DOING: &str = "exporting the audit trail";
        let mut conn = self.read(scope, DOING).await?;
        let page = async {
            let rows = audit_pages::page(&mut conn, scope, after, u64::MAX, limit).await?;
            let entries = rows.iter().map(Stored::read).collect::<Result<Vec<_>, _>>()?;
            let mut personal = personal_of(&mut conn, scope, &entries).await?;
            let export = |entry: &Stored| {
                let facts = personal.remove(&entry.link.seq).unwrap_or_default();
                let facts: Vec<_> = facts.into_iter().map(|fact| (fact.field, fact.value, fact.salt)).collect();
                ExportedEntry::of(scope.organisation(), &entry.link, &entry.entry(), &facts)
            };
            Ok(entries.iter().map(export).collect())
        };
        page.await.map_err(|failure: super::db::Failure| failure.doing(DOING))
    }
}
