//! Role mappings, and the roles that people have by them.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::{
    super::{
        super::{auth::Permission, caller::Caller, errors::Refusal},
        page::count,
    },
    DirectoryStatus,
    group::DirectoryGroup,
    records, role_admin,
    siblings::Groups,
};
use crate::store::{EffectiveRolesRow, RoleMappingRow};

/// A group that is to give a role.
#[derive(InputObject)]
struct RoleMappingInput {
    /// The group's object id.
    group_id: String,
    /// The role.
    role: String,
}

/// A group that gives a role.
#[derive(SimpleObject)]
struct RoleMapping {
    /// The group's object id.
    group_id: String,
    /// The group's name; null while no import has seen it.
    group_name: Option<String>,
    /// The role.
    role: String,
    /// People who have the role through this group now, those of groups in it included.
    member_count: i32,
}

impl From<RoleMappingRow> for RoleMapping {
    fn from(row: RoleMappingRow) -> Self {
        Self { group_id: row.group_id, group_name: row.group_name, role: row.role, member_count: count(row.people) }
    }
}

/// The roles that a person has now.
#[derive(SimpleObject)]
struct EffectiveRoles {
    /// Microsoft's object id.
    object_id: String,
    /// Sign-in name.
    user_principal_name: String,
    /// Whether they count; who is disabled has no roles.
    status: DirectoryStatus,
    /// Each role, with the groups that give it.
    roles: Vec<RoleGrant>,
}

/// A role and where it comes from.
#[derive(SimpleObject)]
struct RoleGrant {
    /// The role.
    role: String,
    /// The mapped groups that the person is in, directly or through groups in them.
    groups: Vec<DirectoryGroup>,
}

impl From<EffectiveRolesRow> for EffectiveRoles {
    fn from(row: EffectiveRolesRow) -> Self {
        let ids = row.roles.values().flatten().map(|group| group.object_id.clone());
        let groups = Arc::new(Groups::new(ids));
        let grant = |(role, given_by): (String, Vec<_>)| RoleGrant {
            role,
            groups: given_by.into_iter().map(|group| DirectoryGroup::new(group, Arc::clone(&groups))).collect(),
        };
        Self {
            object_id: row.user.object_id,
            user_principal_name: row.user.user_principal_name,
            status: row.user.status.into(),
            roles: row.roles.into_iter().map(grant).collect(),
        }
    }
}

/// `roleMappings` and `effectiveRoles`.
#[derive(Default)]
pub(in super::super::super) struct RoleQuery;

#[Object]
impl RoleQuery {
    /// Which groups give which roles.
    #[graphql(guard = "Permission::Read")]
    async fn role_mappings(&self, context: &Context<'_>) -> Result<Vec<RoleMapping>> {
        let rows = records(context)?.role_mappings(Caller::of(context)?.scope()).await.map_err(Refusal::from)?;
        Ok(rows.into_iter().map(RoleMapping::from).collect())
    }

    /// Roles that directory membership gives this person now, and through which groups. By object id or principal name.
    #[graphql(guard = "Permission::Read")]
    async fn effective_roles(&self, context: &Context<'_>, user: String) -> Result<Option<EffectiveRoles>> {
        let scope = Caller::of(context)?.scope();
        let row = records(context)?.effective_roles(scope, user.trim()).await.map_err(Refusal::from)?;
        Ok(row.map(EffectiveRoles::from))
    }
}

/// `mapGroupToRole` and `unmapGroupFromRole`.
#[derive(Default)]
pub(in super::super::super) struct RoleMutation;

#[Object]
impl RoleMutation {
    /// Lets a group give a role to everybody in it, by its object id. Each person whose roles change is told of and audited. A mapping
    /// that stands already stays as it is.
    #[graphql(guard = "Permission::Admin")]
    async fn map_group_to_role(&self, context: &Context<'_>, input: RoleMappingInput) -> Result<RoleMapping> {
        let caller = Caller::of(context)?;
        let mapped = role_admin(context)?.map(caller.scope(), caller.actor(), input.group_id, input.role).await;
        Ok(mapped.map_err(Refusal::from)?.into())
    }

    /// Lets a group give a role no more. False when it did not.
    #[graphql(guard = "Permission::Admin")]
    async fn unmap_group_from_role(&self, context: &Context<'_>, group_id: String, role: String) -> Result<bool> {
        let caller = Caller::of(context)?;
        let unmapped = role_admin(context)?.unmap(caller.scope(), caller.actor(), group_id, role).await;
        Ok(unmapped.map_err(Refusal::from)?)
    }
}
