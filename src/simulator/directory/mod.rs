//! The organisation, its people and its groups as Graph v1.0 shows them.
//!
//! Sources: Microsoft, "user resource type", "List users", "user: delta", "group resource type", "List groups", "group: delta",
//! "List group members", "List group transitive members", "Advanced query capabilities on directory objects", "Use delta query to
//! track changes", "Microsoft Graph service-specific throttling limits" (identity and access).
//!
//! [`state`] what is remembered · [`change`] what administrators do · [`generate`] large tenants · [`properties`] what is shown ·
//! [`query`] and [`filter`] the options · [`listing`] and [`members`] pages · [`delta`] changes since a link, told from [`entries`]
//! · [`token`] opaque links · [`units`] the throttling budget · [`mod@organization`] the tenant itself.

mod change;
mod delta;
mod entries;
mod filter;
mod generate;
mod listing;
mod members;
mod organization;
mod properties;
mod query;
mod state;
mod token;
mod units;

use chrono::{DateTime, Utc};

pub use change::DirectoryChange;
pub(crate) use change::{add_groups, apply};
pub use generate::Generate;
pub(crate) use organization::organization;
pub(crate) use state::Directory;
pub(crate) use units::{Charge, Units};

use super::{
    call::{Call, Reply},
    errors::Failure,
    identity::Grant,
    route::Route,
    rules::{self, Allowed},
};

const READ: Allowed = Allowed { body: false, if_match: false, query: true };
/// Roles that may read people with every property.
const USER_ROLES: &[&str] = &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
/// Roles that may read groups and who is in them.
const GROUP_ROLES: &[&str] =
    &["GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];

/// A call on the directory, with everything that it needs.
#[derive(Debug)]
pub(crate) struct DirectoryCall<'a> {
    pub(crate) call: &'a Call,
    pub(crate) grant: &'a Grant,
    pub(crate) now: DateTime<Utc>,
    /// At most so many items on the page: a fault.
    pub(crate) page_limit: Option<usize>,
}

/// The casts that a member list may end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cast {
    /// `/microsoft.graph.user`
    User,
    /// `/microsoft.graph.group`
    Group,
}

/// Answers a directory route.
pub(crate) fn answer(route: &Route, directory: &DirectoryCall<'_>) -> Result<Reply, Failure> {
    rules::check(directory.call, READ)?;
    let people = matches!(route, Route::User { .. } | Route::Users | Route::UsersDelta);
    if !directory.grant.has(if people { USER_ROLES } else { GROUP_ROLES }) {
        return Err(denied());
    }
    match route {
        Route::User { user } => organization::user(directory, user),
        Route::Group { group } => organization::group(directory, group),
        Route::Users => listing::users(directory),
        Route::Groups => listing::groups(directory),
        Route::Members { group, transitive, cast } => members::list(directory, group, *transitive, *cast),
        Route::UsersDelta => delta::users(directory),
        Route::GroupsDelta => delta::groups(directory),
        _ => Err(Failure::malformed("BadRequest", "Not a directory call.")),
    }
}

/// 404 of the directory.
pub(crate) fn not_found(key: &str) -> Failure {
    let text = format!("Resource '{key}' does not exist or one of its queried reference-property objects are not present.");
    Failure::new(404, "Request_ResourceNotFound", text)
}

fn denied() -> Failure {
    Failure::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}
