//! What one import is about, and the name under which that is remembered.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Entra ID's own bound on a department, characters.
const LONGEST_DEPARTMENT: usize = 64;
/// Groups that one import may name.
const MOST_GROUPS: usize = 1_000;

/// What one import is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "of")]
pub enum ImportScope {
    /// People.
    Users(UserScope),
    /// Groups and their members.
    Groups(GroupScope),
}

/// Which people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserScope {
    /// Those of one department; `None` for the whole directory.
    pub department: Option<String>,
    /// Guests as well.
    pub guests: bool,
}

/// Which groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupScope {
    /// These, by object id, sorted and each once; `None` for all security groups.
    pub ids: Option<Vec<String>>,
    /// Whether members of groups inside a group count as its own.
    pub transitive: bool,
}

/// A scope that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct ScopeProblem {
    /// The input's field, as the API names it.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl UserScope {
    /// From what a caller asked for.
    pub fn new(department: Option<String>, guests: bool) -> Result<Self, ScopeProblem> {
        let department = department.map(|text| text.trim().to_owned());
        let problem = |problem: &str| Err(ScopeProblem { field: "department", problem: problem.into() });
        match &department {
            Some(text) if text.is_empty() => problem("must not be empty; leave it out for the whole directory"),
            Some(text) if text.chars().count() > LONGEST_DEPARTMENT => problem("is longer than 64 characters"),
            Some(text) if text.chars().any(char::is_control) => problem("must not contain control characters"),
            _ => Ok(Self { department, guests }),
        }
    }

    /// Whether a department, in lower case, belongs to it.
    pub fn covers(&self, department_key: Option<&str>) -> bool {
        self.department_key().is_none_or(|ours| department_key == Some(ours.as_str()))
    }

    /// The department in the form that is compared: Entra ID compares without case.
    pub fn department_key(&self) -> Option<String> {
        self.department.as_deref().map(str::to_lowercase)
    }
}

impl GroupScope {
    /// From what a caller asked for.
    pub fn new(ids: Option<Vec<String>>, transitive: bool) -> Result<Self, ScopeProblem> {
        let problem = |problem: String| Err(ScopeProblem { field: "groupIds", problem });
        let Some(ids) = ids else { return Ok(Self { ids: None, transitive }) };
        let mut ids: Vec<_> = ids.iter().map(|id| id.trim().to_lowercase()).collect();
        ids.sort();
        ids.dedup();
        if ids.is_empty() {
            return problem("must not be empty; leave it out for all security groups".into());
        }
        if ids.len() > MOST_GROUPS {
            return problem(format!("names more than {MOST_GROUPS} groups; leave it out for all security groups"));
        }
        if ids.iter().any(|id| uuid::Uuid::try_parse(id).is_err()) {
            return problem("must be object ids: names change and are not unique".into());
        }
        Ok(Self { ids: Some(ids), transitive })
    }
}

impl ImportScope {
    /// The name under which it is remembered. Whether guests or nested groups count is not part of it: that is how the same people and
    /// groups are looked at.
    pub fn key(&self) -> String {
        match self {
            Self::Users(scope) => format!("users:{}", scope.department_key().unwrap_or_default()),
            Self::Groups(GroupScope { ids: None, .. }) => "groups:".to_owned(),
            Self::Groups(GroupScope { ids: Some(ids), .. }) => format!("groups:{}", hex(&Sha256::digest(ids.join(" ")))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_department_is_the_same_whatever_its_case() {
        let key = |name: &str| ImportScope::Users(UserScope::new(Some(name.into()), false).unwrap()).key();
        assert_eq!(key("Field Ops "), key("FIELD ops"));
        assert_ne!(key("Field Ops"), key("Field"));
        assert_eq!(ImportScope::Users(UserScope { department: None, guests: true }).key(), "users:");
    }

    #[test]
    fn groups_are_the_same_in_any_order() {
        let (a, b) = ("0a1b2c3d-0000-4000-8000-000000000001", "0a1b2c3d-0000-4000-8000-000000000002");
        let key = |ids: &[&str]| {
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            ImportScope::Groups(GroupScope::new(Some(ids), true).unwrap()).key()
        };
        assert_eq!(key(&[a, b]), key(&[b, a, b]));
        assert_ne!(key(&[a]), key(&[b]));
    }

    #[test]
    fn what_cannot_be_is_refused_by_field() {
        assert_eq!(UserScope::new(Some(" ".into()), false).unwrap_err().field, "department");
        assert_eq!(UserScope::new(Some("x".repeat(65)), false).unwrap_err().field, "department");
        assert_eq!(GroupScope::new(Some(vec![]), true).unwrap_err().field, "groupIds");
        assert_eq!(GroupScope::new(Some(vec!["Field Crew".into()]), true).unwrap_err().field, "groupIds");
    }
}
