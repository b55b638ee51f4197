//! Which group gives which role: set and removed by people, with all that follows for whoever is in the group.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{AccessCause, change_access, lock};
use crate::{
    organisation::OrgScope,
    store::{
        NewAuditEntry, Store, StoreError,
        db::{Failure, Job, Reach, Row, Tx},
    },
};

/// A mapping, with what it does now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleMappingRow {
    /// The group's object id.
    pub group_id: String,
    /// The group's name; `None` while no import has seen it.
    pub group_name: Option<String>,
    /// The role that it gives.
    pub role: String,
    /// People who have the role through this group now, those of nested groups included.
    pub people: u64,
}

/// A person's decision about one mapping.
#[derive(Debug, Clone)]
pub struct RoleDecision {
    /// The group's object id, in lower case.
    pub group_id: String,
    /// The role.
    pub role: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The decision's entry. The number of people whose roles change is added to its detail as `people`.
    pub audit: NewAuditEntry,
}

macro_rules! select {
    ($of:literal) => {
        concat!(
            "SELECT m.group_id, g.display_name, m.role, (SELECT COUNT(*) FROM directory_grant h \
             WHERE h.org = m.org AND h.group_id = m.group_id AND h.role = m.role) FROM role_mapping m \
             LEFT JOIN directory_group g ON g.org = m.org AND g.object_id = m.group_id WHERE m.org = $1",
            $of,
            " ORDER BY m.group_id, m.role"
        )
    };
}

const ALL: &str = select!("");
const ONE: &str = select!(" AND m.group_id = $2 AND m.role = $3");

const PUT: &str = "INSERT INTO role_mapping (org, group_id, role, set_by, set_at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (org, group_id, role) DO NOTHING";

const DROP: &str = "DELETE FROM role_mapping WHERE org = $1 AND group_id = $2 AND role = $3";

impl Store {
    /// All mappings, by group and role.
    pub async fn role_mappings(&self, scope: &OrgScope) -> Result<Vec<RoleMappingRow>, StoreError> {
        const DOING: &str = "reading role mappings";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.all(ALL, vec![scope.as_str().into()]).await;
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure| failure.doing(DOING))
    }

    /// Lets a group give a role, and changes the roles of everybody in it, each told and audited, in one transaction. A mapping that
    /// stands already stays as it is, and nothing is written.
    pub async fn map_role(&self, scope: &OrgScope, decision: RoleDecision) -> Result<RoleMappingRow, StoreError> {
        let reach = Reach::from(scope);
        let scope = scope.clone();
        let job: Job<RoleMappingRow> = Box::new(move |tx| {
            let (scope, decision) = (scope.clone(), decision.clone());
            Box::pin(async move {
                // Locked even when nothing follows: another decision about it may be under way.
                lock(&mut tx.conn, &scope).await?;
                let key = || vec![scope.as_str().into(), decision.group_id.as_str().into(), decision.role.as_str().into()];
                let mut values = key();
                values.extend([decision.audit.actor.as_str().into(), decision.at.into()]);
                if tx.conn.run(PUT, values).await? > 0 {
                    settle(tx, &scope, &decision).await?;
                }
                let rows = tx.conn.all(ONE, key()).await?;
                rows.first().map_or(Err(Failure::Unreadable("role mapping")), read)
            })
        });
        self.write(reach, "mapping a group to a role", job).await
    }

    /// Lets a group give a role no more. False, and nothing is written, when it did not.
    pub async fn unmap_role(&self, scope: &OrgScope, decision: RoleDecision) -> Result<bool, StoreError> {
        let reach = Reach::from(scope);
        let scope = scope.clone();
        let job: Job<bool> = Box::new(move |tx| {
            let (scope, decision) = (scope.clone(), decision.clone());
            Box::pin(async move {
                lock(&mut tx.conn, &scope).await?;
                let key = vec![scope.as_str().into(), decision.group_id.as_str().into(), decision.role.as_str().into()];
                if tx.conn.run(DROP, key).await? == 0 {
                    return Ok(false);
                }
                settle(tx, &scope, &decision).await?;
                Ok(true)
            })
        });
        self.write(reach, "unmapping a group from a role", job).await
    }
}

/// What follows for people, and the decision's own entry.
async fn settle(tx: &mut Tx, scope: &OrgScope, decision: &RoleDecision) -> Result<(), Failure> {
    let cause = AccessCause {
        now: decision.at,
        actor: decision.audit.actor.clone(),
        correlation_id: decision.audit.correlation_id.clone(),
        trace: None,
        detail: json!({ "mapping": { "groupId": decision.group_id, "role": decision.role } }),
    };
    let people = change_access(tx, scope, &cause).await?;
    let mut audit = decision.audit.clone();
    if let Some(detail) = audit.detail.as_object_mut() {
        detail.insert("people".to_owned(), people.into());
    }
    tx.audit(scope, [audit]);
    Ok(())
}

fn read(row: &Row) -> Result<RoleMappingRow, Failure> {
    Ok(RoleMappingRow { group_id: row.text(0)?, group_name: row.maybe_text(1)?, role: row.text(2)?, people: row.count(3)? })
}
