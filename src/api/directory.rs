//! What the resolvers of the directory need from the rest of the connector. Tests put memory behind the same traits.

use std::collections::BTreeMap;

use futures_util::{FutureExt, future::BoxFuture};

use crate::{
    connections::Actor,
    organisation::OrgScope,
    roles::{RoleError, Roles},
    store::{
        DirectoryGroupRow, DirectoryUserFilter, DirectoryUserRow, EffectiveRolesRow, Page, PageRequest, RoleMappingRow, Store,
        StoreError,
    },
};

/// What many objects have, by their ids.
type ByObject<T> = Result<BTreeMap<String, T>, StoreError>;

/// The directory as imports left it. The promises are those of [`Store`].
pub trait DirectoryRecords: Send + Sync + 'static {
    /// People by object id.
    fn users<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: DirectoryUserFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<DirectoryUserRow>, StoreError>>;

    /// Groups by object id.
    fn groups<'a>(
        &'a self,
        scope: &'a OrgScope,
        search: Option<String>,
        page: PageRequest,
        count: bool,
    ) -> BoxFuture<'a, Result<Page<DirectoryGroupRow>, StoreError>>;

    /// A page of each person's groups.
    fn groups_of_people<'a>(
        &'a self,
        scope: &'a OrgScope,
        people: &'a [String],
        page: PageRequest,
        count: bool,
    ) -> BoxFuture<'a, ByObject<Page<DirectoryGroupRow>>>;

    /// Each person's roles.
    fn roles_of_people<'a>(&'a self, scope: &'a OrgScope, people: &'a [String]) -> BoxFuture<'a, ByObject<Vec<String>>>;

    /// The roles that each group is mapped to.
    fn roles_of_groups<'a>(&'a self, scope: &'a OrgScope, groups: &'a [String]) -> BoxFuture<'a, ByObject<Vec<String>>>;

    /// How many people are directly in each group.
    fn member_counts<'a>(&'a self, scope: &'a OrgScope, groups: &'a [String]) -> BoxFuture<'a, ByObject<u64>>;

    /// All mappings.
    fn role_mappings<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Vec<RoleMappingRow>, StoreError>>;

    /// One person's roles and the groups that give them.
    fn effective_roles<'a>(
        &'a self,
        scope: &'a OrgScope,
        user: &'a str,
    ) -> BoxFuture<'a, Result<Option<EffectiveRolesRow>, StoreError>>;
}

impl DirectoryRecords for Store {
    fn users<'a>(
        &'a self,
        scope: &'a OrgScope,
        filter: DirectoryUserFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<DirectoryUserRow>, StoreError>> {
        async move { self.directory_users(scope, &filter, page).await }.boxed()
    }

    fn groups<'a>(
        &'a self,
        scope: &'a OrgScope,
        search: Option<String>,
        page: PageRequest,
        count: bool,
    ) -> BoxFuture<'a, Result<Page<DirectoryGroupRow>, StoreError>> {
        async move { self.directory_groups(scope, search.as_deref(), page, count).await }.boxed()
    }

    fn groups_of_people<'a>(
        &'a self,
        scope: &'a OrgScope,
        people: &'a [String],
        page: PageRequest,
        count: bool,
    ) -> BoxFuture<'a, ByObject<Page<DirectoryGroupRow>>> {
        async move { Store::groups_of_people(self, scope, people, &page, count).await }.boxed()
    }

    fn roles_of_people<'a>(&'a self, scope: &'a OrgScope, people: &'a [String]) -> BoxFuture<'a, ByObject<Vec<String>>> {
        Store::roles_of_people(self, scope, people).boxed()
    }

    fn roles_of_groups<'a>(&'a self, scope: &'a OrgScope, groups: &'a [String]) -> BoxFuture<'a, ByObject<Vec<String>>> {
        Store::roles_of_groups(self, scope, groups).boxed()
    }

    fn member_counts<'a>(&'a self, scope: &'a OrgScope, groups: &'a [String]) -> BoxFuture<'a, ByObject<u64>> {
        Store::member_counts(self, scope, groups).boxed()
    }

    fn role_mappings<'a>(&'a self, scope: &'a OrgScope) -> BoxFuture<'a, Result<Vec<RoleMappingRow>, StoreError>> {
        Store::role_mappings(self, scope).boxed()
    }

    fn effective_roles<'a>(
        &'a self,
        scope: &'a OrgScope,
        user: &'a str,
    ) -> BoxFuture<'a, Result<Option<EffectiveRolesRow>, StoreError>> {
        Store::effective_roles(self, scope, user).boxed()
    }
}

/// What an administrator decides about roles. The promises are those of [`Roles`].
pub trait RoleAdmin: Send + Sync + 'static {
    /// Lets a group give a role.
    fn map<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        group: String,
        role: String,
    ) -> BoxFuture<'a, Result<RoleMappingRow, RoleError>>;

    /// Lets it give the role no more; false when it did not.
    fn unmap<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        group: String,
        role: String,
    ) -> BoxFuture<'a, Result<bool, RoleError>>;
}

impl RoleAdmin for Roles {
    fn map<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        group: String,
        role: String,
    ) -> BoxFuture<'a, Result<RoleMappingRow, RoleError>> {
        async move { Roles::map(self, scope, &actor, &group, &role).await }.boxed()
    }

    fn unmap<'a>(
        &'a self,
        scope: &'a OrgScope,
        actor: Actor,
        group: String,
        role: String,
    ) -> BoxFuture<'a, Result<bool, RoleError>> {
        async move { Roles::unmap(self, scope, &actor, &group, &role).await }.boxed()
    }
}
