//! The directory's rows: people, groups, memberships, and the roles that mappings give.
//!
//! ```text
//! header         an import's own row; what its scope remembers from the last time
//! staging        what an import has read, page by page; nothing of it counts yet
//! missing        who and what it has not read although it was there before, and what it still has to read
//! plan_users     staged people beside those that stand: who would be made, changed, disabled
//! plan_groups    the same of groups and memberships
//! grants         who would have which role once staged rows are applied; follows nested groups
//! access         the difference to what people have now: told, audited, and made so
//! conclude       all of it in order, judged, in one transaction
//! failing        an import that failed
//! schedule       whose turn it is to be imported again
//! mappings       which group gives which role, as people decide
//! people, groups, effective    what callers read; search says what they may look for
//! ```
//!
//! Whoever changes any of it locks the organisation's row in `directory_state` first, so that imports and changes of mappings follow
//! one another.

mod access;
mod conclude;
mod disabled;
mod effective;
mod failing;
mod grants;
mod groups;
mod header;
mod mappings;
mod missing;
mod people;
mod plan_groups;
mod plan_users;
mod schedule;
mod search;
mod staging;
mod telling;

use serde_json::{Value as Json, json};

use super::{
    Store, StoreError,
    db::{Conn, Failure, Value},
};
use crate::organisation::OrgScope;

use access::{AccessCause, change_access};
pub use conclude::Concluded;
pub use effective::EffectiveRolesRow;
pub use failing::ImportFailure;
pub use groups::DirectoryGroupRow;
use header::Header;
pub use header::{Begun, HowRead};
pub use mappings::{RoleDecision, RoleMappingRow};
pub use people::{DirectoryStatus, DirectoryUserFilter, DirectoryUserRow};
pub use schedule::DueImport;
pub use search::MOST_SEARCH_WORDS;
pub use staging::{Batch, FoundGroup, FoundPerson, ReadMembers};

/// What a plan would do, counted.
#[derive(Debug, Clone, Default)]
struct Counted {
    /// People or groups found.
    seen: u64,
    /// Those of them that the pages listed.
    listed: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    disabled: u64,
    reenabled: u64,
    /// Disabled because they are gone.
    absent: u64,
    /// Memberships added and removed, where memberships are imported.
    memberships: Option<(u64, u64)>,
}

impl Counted {
    fn add(&mut self, action: &str, number: u64) {
        let place = match action {
            "create" => &mut self.created,
            "update" => &mut self.updated,
            "disable" => &mut self.disabled,
            "reenable" => &mut self.reenabled,
            _ => &mut self.unchanged,
        };
        *place += number;
    }

    /// As an operation's counts. What is disabled or let in again has changed, but is counted there alone.
    fn json(&self, losing: u64) -> Json {
        let (added, removed) = self.memberships.unwrap_or_default();
        json!({
            "seen": self.seen, "created": self.created, "updated": self.updated, "unchanged": self.unchanged,
            "disabled": self.disabled, "reenabled": self.reenabled, "membershipsAdded": added, "membershipsRemoved": removed,
            "losingRoles": losing,
        })
    }
}

const LOCK: &str = "INSERT INTO directory_state (org, epoch, revision) VALUES ($1, 0, 1) \
    ON CONFLICT (org) DO UPDATE SET revision = directory_state.revision + 1 RETURNING epoch";

/// Lets nobody else change the organisation's directory until the transaction ends; returns the connection epoch it is of.
pub(super) async fn lock(conn: &mut Conn, scope: &OrgScope) -> Result<u64, Failure> {
    let rows = conn.all(LOCK, vec![scope.as_str().into()]).await?;
    rows.first().map_or(Err(Failure::Unreadable("directory state")), |row| row.count(0))
}

/// The first two values of most statements here: the organisation and the operation whose staged rows are meant.
fn staged(scope: &OrgScope, operation_id: &str) -> Vec<Value> {
    vec![scope.as_str().into(), operation_id.into()]
}

/// Runs a statement that needs nothing but [`staged`]'s values.
async fn run(conn: &mut Conn, text: &'static str, scope: &OrgScope, operation_id: &str) -> Result<u64, Failure> {
    conn.run(text, staged(scope, operation_id)).await
}

/// [`staged`]'s values and one more.
fn ends_of(header: &Header, last: Value) -> Vec<Value> {
    let mut values = header.staged();
    values.push(last);
    values
}

/// The number that a statement counts.
async fn count_of(conn: &mut Conn, text: &'static str, values: Vec<Value>) -> Result<u64, Failure> {
    conn.all(text, values).await?.first().map_or(Ok(0), |row| row.count(0))
}
