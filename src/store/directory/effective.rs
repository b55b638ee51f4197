//! The roles that people have now, and through which groups.

use std::collections::BTreeMap;

use super::{
    DirectoryGroupRow, DirectoryUserRow,
    groups::{self, keys},
    people,
};
use crate::{
    organisation::OrgScope,
    store::{
        Store, StoreError,
        db::{Conn, Failure},
    },
};

/// A person's roles, each with the mapped groups that give it. Somebody disabled has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveRolesRow {
    /// The person.
    pub user: DirectoryUserRow,
    /// By role: the mapped groups that the person is in, directly or by nesting.
    pub roles: BTreeMap<String, Vec<DirectoryGroupRow>>,
}

const OF_ONE: &str = "SELECT g.object_id, g.display_name, g.description, g.status, h.role FROM directory_grant h \
    JOIN directory_user u ON u.org = h.org AND u.object_id = h.object_id AND u.status = 'active' \
    JOIN directory_group g ON g.org = h.org AND g.object_id = h.group_id \
    WHERE h.org = $1 AND h.object_id = $2 ORDER BY h.role, g.object_id";

const OF_PEOPLE: &str = "SELECT DISTINCT h.object_id, h.role FROM directory_grant h \
    JOIN directory_user u ON u.org = h.org AND u.object_id = h.object_id AND u.status = 'active' \
    WHERE h.org = $1 AND h.object_id IN (VALUES {rows}) ORDER BY h.object_id, h.role";

const OF_GROUPS: &str = "SELECT group_id, role FROM role_mapping WHERE org = $1 AND group_id IN (VALUES {rows}) \
    ORDER BY group_id, role";

impl Store {
    /// A person's roles now, by object id or principal name; `None` when no import has seen such a person.
    pub async fn effective_roles(&self, scope: &OrgScope, user: &str) -> Result<Option<EffectiveRolesRow>, StoreError> {
        const DOING: &str = "reading a person's roles";
        let mut conn = self.read(scope, DOING).await?;
        of_one(&mut conn, scope, user).await.map_err(|failure| failure.doing(DOING))
    }

    /// The roles that each of these people has now; somebody without any has no entry.
    pub async fn roles_of_people(
        &self,
        scope: &OrgScope,
        people: &[String],
    ) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        const DOING: &str = "reading people's roles";
        let mut conn = self.read(scope, DOING).await?;
        roles(&mut conn, OF_PEOPLE, scope, people).await.map_err(|failure| failure.doing(DOING))
    }

    /// The roles that each of these groups is mapped to; one that is mapped to none has no entry.
    pub async fn roles_of_groups(
        &self,
        scope: &OrgScope,
        groups: &[String],
    ) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        const DOING: &str = "reading groups' roles";
        let mut conn = self.read(scope, DOING).await?;
        roles(&mut conn, OF_GROUPS, scope, groups).await.map_err(|failure| failure.doing(DOING))
    }
}

async fn of_one(conn: &mut Conn, scope: &OrgScope, user: &str) -> Result<Option<EffectiveRolesRow>, Failure> {
    let Some(user) = people::one(conn, scope, user).await? else { return Ok(None) };
    let mut roles: BTreeMap<String, Vec<DirectoryGroupRow>> = BTreeMap::new();
    for row in conn.all(OF_ONE, vec![scope.as_str().into(), user.object_id.as_str().into()]).await? {
        roles.entry(row.text(4)?).or_default().push(groups::read(&row)?);
    }
    Ok(Some(EffectiveRolesRow { user, roles }))
}

async fn roles(
    conn: &mut Conn,
    text: &'static str,
    scope: &OrgScope,
    ids: &[String],
) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let mut roles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in conn.many(text, &[scope.as_str().into()], keys(ids)).await? {
        roles.entry(row.text(0)?).or_default().push(row.text(1)?);
    }
    Ok(roles)
}
