//! Role mappings as administrators decide on them: a group of the directory gives a role, until it does no more.
//!
//! Each decision, and each person's change of roles that follows from it, is told and audited in one transaction.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Notify;

use crate::{
    capabilities::Outcome,
    clock::SharedClock,
    connections::Actor,
    organisation::OrgScope,
    store::{NewAuditEntry, RoleDecision, RoleMappingRow, Store, StoreError},
};

/// Characters of a role's name, at most.
const LONGEST_ROLE: usize = 128;

/// Why a decision was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// A value is not acceptable.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field, as the API names it.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Carries decisions about role mappings out. Cheap to clone.
#[derive(Clone)]
pub struct Roles {
    store: Store,
    clock: SharedClock,
    wake: Vec<Arc<Notify>>,
}

impl Roles {
    /// Over a store; wakes these after each change, for there are events to publish.
    pub fn new(store: Store, clock: SharedClock, wake: Vec<Arc<Notify>>) -> Self {
        Self { store, clock, wake }
    }

    /// Lets a group give a role to everybody in it. The group need not have been imported yet: the mapping takes effect when it is.
    /// A mapping that stands already stays as it is.
    pub async fn map(&self, scope: &OrgScope, actor: &Actor, group: &str, role: &str) -> Result<RoleMappingRow, RoleError> {
        let decision = self.decision(actor, "role-mapping.set", group, role)?;
        let mapping = self.store.map_role(scope, decision).await?;
        self.woken();
        Ok(mapping)
    }

    /// Lets a group give a role no more; false when it did not.
    pub async fn unmap(&self, scope: &OrgScope, actor: &Actor, group: &str, role: &str) -> Result<bool, RoleError> {
        let decision = self.decision(actor, "role-mapping.removed", group, role)?;
        let removed = self.store.unmap_role(scope, decision).await?;
        self.woken();
        Ok(removed)
    }

    fn decision(&self, actor: &Actor, action: &str, group: &str, role: &str) -> Result<RoleDecision, RoleError> {
        let (group_id, role) = (group_id(group)?, role_name(role)?);
        let at = self.clock.now();
        let audit = NewAuditEntry {
            at,
            actor: actor.name.clone(),
            action: action.to_owned(),
            target: format!("role-mapping/{group_id}/{role}"),
            outcome: Outcome::Succeeded,
            detail: json!({ "groupId": group_id, "role": role }),
            personal: Vec::new(),
            correlation_id: actor.correlation_id.clone(),
            graph_request_id: None,
        };
        Ok(RoleDecision { group_id, role, at, audit })
    }

    fn woken(&self) {
        self.wake.iter().for_each(|notify| notify.notify_one());
    }
}

/// An object id as Microsoft writes it. Names are refused: they are not unique, and whoever may rename a group would hand out roles.
fn group_id(text: &str) -> Result<String, RoleError> {
    let text = text.trim();
    let id = uuid::Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
    id.map(|id| id.hyphenated().to_string()).ok_or_else(|| RoleError::Invalid {
        field: "groupId",
        problem: "the group's object id, a GUID such as 02bd9fd6-8f93-4758-87c3-1fb73740a315".into(),
    })
}

fn role_name(text: &str) -> Result<String, RoleError> {
    let (role, invalid) = (text.trim(), |problem: String| RoleError::Invalid { field: "role", problem });
    if role.is_empty() {
        return Err(invalid("it is missing".into()));
    }
    if role.chars().count() > LONGEST_ROLE || role.chars().any(char::is_control) {
        return Err(invalid(format!("at most {LONGEST_ROLE} characters, none of them a control character")));
    }
    Ok(role.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_by_its_object_id_alone() {
        assert_eq!(group_id(" 02BD9FD6-8f93-4758-87c3-1fb73740a315 ").unwrap(), "02bd9fd6-8f93-4758-87c3-1fb73740a315");
        for bad in ["", "Crew", "02bd9fd68f93475887c31fb73740a315", "{02bd9fd6-8f93-4758-87c3-1fb73740a315}"] {
            assert!(matches!(group_id(bad), Err(RoleError::Invalid { field: "groupId", .. })), "{bad}");
        }
    }

    #[test]
    fn a_blank_or_endless_role_is_refused() {
        assert_eq!(role_name(" field-lead ").unwrap(), "field-lead");
        for bad in ["", "  ", "a\nb", &"x".repeat(129)] {
            assert!(matches!(role_name(bad), Err(RoleError::Invalid { field: "role", .. })), "{bad}");
        }
    }
}
