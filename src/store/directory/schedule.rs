//! Whose turn it is to be imported again.

use chrono::{DateTime, Utc};

use super::{Failure, OrgScope, Store, StoreError};
use crate::{
    capabilities::directory::{GroupScope, ImportScope, UserScope},
    store::{
        WorkerScope,
        db::{Job, Reach, Row},
        values,
    },
};

/// A scope whose turn it is.
#[derive(Debug, Clone)]
pub struct DueImport {
    /// Whose.
    pub scope: OrgScope,
    /// What is to be imported.
    pub import: ImportScope,
    /// The turn that has come; `None` when none was planned yet.
    pub planned_at: Option<DateTime<Utc>>,
}

/// Not while an import of the scope's kind is under way, nor while a plan of this scope waits for approval: a second list of the same
/// people would wait beside the first.
const DUE: &str = "SELECT s.org, s.kind, s.department, s.guests, s.group_ids, s.transitive, s.next_import_at FROM directory_scope s \
    JOIN connection c ON c.org = s.org AND c.state <> 'disabled' WHERE s.imported_at IS NOT NULL \
    AND (s.next_import_at IS NULL OR s.next_import_at <= $1) \
    AND NOT EXISTS (SELECT 1 FROM operation o WHERE o.org = s.org AND o.state IN ('queued', 'running') \
      AND o.kind = CASE s.kind WHEN 'users' THEN 'import-users' ELSE 'import-groups' END) \
    AND NOT EXISTS (SELECT 1 FROM directory_import i WHERE i.org = s.org AND i.scope = s.scope AND i.planned = 1) \
    ORDER BY s.org, s.scope";

const TAKE: &str = "UPDATE directory_scope SET next_import_at = $3 WHERE org = $1 AND scope = $2 \
    AND next_import_at IS NOT DISTINCT FROM $4";

impl Store {
    /// The scopes whose turn it is, or has never been planned.
    pub async fn due_imports(&self, worker: &WorkerScope, now: DateTime<Utc>) -> Result<Vec<DueImport>, StoreError> {
        const DOING: &str = "reading which imports are due";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all(DUE, vec![now.into()]).await;
        rows.and_then(|rows| rows.iter().map(|row| self.due_import(row)).collect()).map_err(|failure| failure.doing(DOING))
    }

    /// Takes a scope's turn and plans the next one; false when somebody else has taken it.
    pub async fn take_due_import(&self, due: &DueImport, next: DateTime<Utc>) -> Result<bool, StoreError> {
        let reach = Reach::from(&due.scope);
        let due = due.clone();
        let job: Job<bool> = Box::new(move |tx| {
            let values = vec![due.scope.as_str().into(), due.import.key().into(), next.into(), due.planned_at.into()];
            Box::pin(async move { Ok(tx.conn.run(TAKE, values).await? == 1) })
        });
        self.write(reach, "taking an import's turn", job).await
    }

    fn due_import(&self, row: &Row) -> Result<DueImport, Failure> {
        let import = if row.text(1)? == "users" {
            ImportScope::Users(UserScope { department: row.maybe_text(2)?, guests: row.int(3)? == 1 })
        } else {
            let ids = row.maybe_text(4)?.map(|ids| ids.split(' ').map(str::to_owned).collect());
            ImportScope::Groups(GroupScope { ids, transitive: row.int(5)? == 1 })
        };
        Ok(DueImport { scope: self.scope_of(&row.text(0)?)?, import, planned_at: values::maybe_instant(row, 6)? })
    }
}
