//! Whose data it is: the organisation's name, and the proof that a caller may act for it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The name of an organisation: 1 to 64 of `A-Z a-z 0-9 _ -`.
///
/// Cheap to clone. Having one proves only that the name is well formed; see [`OrgScope`] for the right to act for it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrganisationId(Arc<str>);

/// The text is not the name of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an organisation is 1 to 64 of A-Z, a-z, 0-9, _ and -")]
pub struct InvalidOrganisation;

impl OrganisationId {
    /// Reads a name; anything outside the allowed form is [`InvalidOrganisation`].
    pub fn parse(text: &str) -> Result<Self, InvalidOrganisation> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) { Ok(Self(text.into())) } else { Err(InvalidOrganisation) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrganisationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrganisationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl TryFrom<String> for OrganisationId {
    type Error = InvalidOrganisation;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<OrganisationId> for String {
    fn from(organisation: OrganisationId) -> Self {
        organisation.0.as_ref().into()
    }
}

/// The right to read and write one organisation's rows.
///
/// Every method of the store takes one. The constructors name the only ways to come by it; `tests/architecture.rs` holds
/// each to the files that may use it, so that no caller can widen its own reach with a name it was handed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrgScope(OrganisationId);

impl OrgScope {
    /// From a caller's token whose signature and claims were verified (`api/auth`).
    pub(crate) fn verified_by_token(organisation: OrganisationId) -> Self {
        Self(organisation)
    }

    /// From the subject of a message, where the broker's permissions hold publishers to it (`events`).
    pub(crate) fn verified_by_subject(organisation: OrganisationId) -> Self {
        Self(organisation)
    }

    /// From an operator at the command line, who has the store and the keys anyway (`cli`).
    pub fn granted_to_operator(organisation: OrganisationId) -> Self {
        Self(organisation)
    }

    /// From a row that the store itself handed out, to go on working on that row (`store`).
    pub(crate) fn of_stored_row(organisation: OrganisationId) -> Self {
        Self(organisation)
    }

    /// The organisation this scope is for.
    pub fn organisation(&self) -> &OrganisationId {
        &self.0
    }

    /// The organisation's name, as bound to statements.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_allowed_characters_up_to_64() {
        for good in ["a", "acme-water", "ACME_9", &"x".repeat(64)] {
            assert_eq!(OrganisationId::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn refuses_empty_long_and_foreign_characters() {
        for bad in ["", "a b", "a.b", "é", "a*", ">", &"x".repeat(65)] {
            assert_eq!(OrganisationId::parse(bad), Err(InvalidOrganisation), "{bad:?}");
        }
    }
}
