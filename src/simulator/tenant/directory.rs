//! The directory's part of a tenant's specification.

use serde::{Deserialize, Serialize};

/// Graph's `userType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UserType {
    /// One of the organisation's own.
    #[default]
    Member,
    /// Invited from elsewhere.
    Guest,
    /// Null, as with accounts from before the property existed.
    Unset,
}

/// A group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupSpec {
    /// Object id, a GUID.
    pub id: String,
    /// The name shown. Names are not unique.
    pub display_name: String,
    /// Description.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it is a security group.
    #[serde(default = "yes")]
    pub security_enabled: bool,
    /// Whether it has an address: a distribution list, a mail-enabled security group or a Microsoft 365 group.
    #[serde(default)]
    pub mail_enabled: bool,
    /// `Unified` for a Microsoft 365 group, `DynamicMembership` for a rule's.
    #[serde(default)]
    pub group_types: Vec<String>,
    /// The rule of a dynamic group.
    #[serde(default)]
    pub membership_rule: Option<String>,
    /// Direct members: object ids or principal names of people, object ids of groups, and `device:ID`, `servicePrincipal:ID` or
    /// `orgContact:ID` for what is neither.
    #[serde(default)]
    pub members: Vec<String>,
}

impl GroupSpec {
    /// A plain security group without members.
    pub fn security(id: &str, display_name: &str) -> Self {
        Self {
            id: id.to_owned(),
            display_name: display_name.to_owned(),
            description: None,
            security_enabled: true,
            mail_enabled: false,
            group_types: Vec::new(),
            membership_rule: None,
            members: Vec::new(),
        }
    }
}

/// How the directory behaves where Microsoft's answers differ or are not documented.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DirectorySettings {
    /// Resource units in ten seconds; by the number of people when absent.
    pub resource_units: Option<u32>,
    /// Objects on a page of a list, whatever `$top` asks for: Graph may give fewer than were asked for.
    pub list_page: usize,
    /// Entries on a page of a delta query.
    pub delta_page: usize,
    /// Members in one entry of a group; a page holds at most five times as many.
    pub delta_members: usize,
    /// So many changes before a delta link's moment are told again.
    pub delta_replays: usize,
    /// Every change of an object is told for itself, so that the object comes several times.
    pub delta_repeats: bool,
    /// The first round tells deleted objects too, as `@removed`.
    pub delta_initial_removed: bool,
    /// Life of delta and page links in seconds.
    pub delta_life_s: i64,
    /// `error.code` of the 410 after that.
    pub delta_gone_code: String,
}

impl Default for DirectorySettings {
    fn default() -> Self {
        Self {
            resource_units: None,
            list_page: 999,
            delta_page: 200,
            delta_members: 400,
            delta_replays: 0,
            delta_repeats: false,
            delta_initial_removed: false,
            delta_life_s: 7 * 24 * 60 * 60,
            delta_gone_code: "resyncRequired".to_owned(),
        }
    }
}

const fn yes() -> bool {
    true
}
