//! The directory's rows: people, groups, memberships, and the roles that mappings give.
//!
//! ```text
//! staging    what an import has read, page by page; nothing of it counts yet
//! grants     who would have which role once staged rows are applied; follows nested groups
//! access     the difference to what people have now: told, audited, and made so
//! mappings   which group gives which role, as people decide
//! people, groups, effective   what callers read; search says what they may look for
//! ```
//!
//! Whoever changes any of it locks the organisation's row in `directory_state` first, so that imports and changes of mappings follow
//! one another.

mod access;
mod effective;
mod grants;
mod groups;
mod mappings;
mod people;
mod search;

use super::db::{Conn, Failure, Value};
use crate::organisation::OrgScope;

pub use effective::EffectiveRolesRow;
pub use groups::DirectoryGroupRow;
pub use mappings::{RoleDecision, RoleMappingRow};
pub use people::{DirectoryStatus, DirectoryUserFilter, DirectoryUserRow};
pub use search::MOST_SEARCH_WORDS;

use access::{AccessCause, change_access};

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

/// The number that a counting statement gives.
async fn counted(conn: &mut Conn, text: &'static str, values: Vec<Value>) -> Result<u64, Failure> {
    conn.all(text, values).await?.first().map_or(Ok(0), |row| row.count(0))
}
