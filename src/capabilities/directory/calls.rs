//! The requests. Links that Graph gives are followed as they are, never rebuilt.

use crate::graph::{Request, Workload, literal, segment};

/// What is asked of a person. Kept lean: each property may slow the answer down (`signInActivity` is throttled far harder).
const USER: &str = "id,displayName,mail,userPrincipalName,department,jobTitle,accountEnabled,userType";
/// What is asked of a group.
const GROUP: &str = "id,displayName,description,securityEnabled,mailEnabled";
/// The same with the memberships, for a delta.
const GROUP_CHANGES: &str = "id,displayName,description,securityEnabled,mailEnabled,members";
/// The largest page that Graph gives.
const PAGE: &str = "999";

/// The permission that reads people.
pub const USERS_PERMISSION: &str = "User.Read.All";
/// The permission that reads groups and members.
pub const GROUPS_PERMISSION: &str = "GroupMember.Read.All";

/// People, of one department or all. Guests are told apart here and not by a filter: accounts that came from another directory may have
/// no `userType` at all.
pub fn users(department: Option<&str>) -> Request {
    let request = Request::get(Workload::Directory, "/users").query("$select", USER).query("$top", PAGE);
    match department {
        Some(department) => request.query("$filter", format!("department eq {}", literal(department))),
        None => request,
    }
}

/// One person.
pub fn user(object_id: &str) -> Request {
    Request::get(Workload::Directory, format!("/users/{}", segment(object_id))).query("$select", USER)
}

/// A delta link for what changes from now on, without reading what is there.
pub fn users_from_now_on() -> Request {
    from_now_on("/users/delta", USER)
}

/// All security groups.
pub fn groups() -> Request {
    Request::get(Workload::Directory, "/groups")
        .query("$filter", "securityEnabled eq true and mailEnabled eq false")
        .query("$select", GROUP)
        .query("$top", PAGE)
}

/// One group.
pub fn group(object_id: &str) -> Request {
    Request::get(Workload::Directory, format!("/groups/{}", segment(object_id))).query("$select", GROUP)
}

/// As [`users_from_now_on`], for groups and their direct members.
pub fn groups_from_now_on() -> Request {
    from_now_on("/groups/delta", GROUP_CHANGES)
}

/// Groups and their direct members once more, by another way than their lists: a delta from its beginning, which ends with a delta link
/// and with nothing else. At most 50 groups (Microsoft, "group: delta", `$filter`).
pub fn groups_anew(ids: &[String]) -> Request {
    let these: Vec<_> = ids.iter().map(|id| format!("id eq {}", literal(id))).collect();
    Request::get(Workload::Directory, "/groups/delta").query("$select", "id,members").query("$filter", these.join(" or "))
}

/// Direct members, of every type.
pub fn members(group_id: &str) -> Request {
    Request::get(Workload::Directory, format!("/groups/{}/members", segment(group_id))).query("$select", "id").query("$top", PAGE)
}

fn from_now_on(path: &str, select: &str) -> Request {
    Request::get(Workload::Directory, path).query("$select", select).query("$deltatoken", "latest")
}
