//! What a verified token says of its bearer.

use crate::organisation::OrgScope;

/// A verified caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The organisation it acts for.
    pub scope: OrgScope,
    /// `sub`.
    pub subject: String,
    /// The highest permission it has, if any.
    pub permission: Option<Permission>,
}

/// What a caller may do. Each higher one includes the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Queries.
    Read,
    /// Testing, publishing, posting, importing, replaying.
    Operate,
    /// Connections, channels, targets, mappings, approvals.
    Admin,
}

impl Permission {
    /// Every permission, lowest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Operate, Self::Admin];

    /// The word in tokens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "m365:read",
            Self::Operate => "m365:operate",
            Self::Admin => "m365:admin",
        }
    }

    /// Reads a token's word; others (a token may serve several services) are `None`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.word() == word)
    }
}

impl Identity {
    /// Whether the caller has `permission`, or a higher one.
    pub fn may(&self, permission: Permission) -> bool {
        self.permission.is_some_and(|highest| permission <= highest)
    }

    /// The words of all permissions that the caller has, the included ones too.
    pub fn permissions(&self) -> Vec<&'static str> {
        Permission::ALL.into_iter().filter(|permission| self.may(*permission)).map(Permission::word).collect()
    }
}
