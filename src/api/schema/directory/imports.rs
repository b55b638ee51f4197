//! Imports, started and decided on.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, Result};

use super::super::{
    super::{auth::Permission, caller::Caller, errors::Refusal, imports::ImportAdmin},
    operation::Operation,
};
use crate::{
    capabilities::directory::{GroupScope, ImportScope, UserScope},
    imports,
};

/// How an import reads.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "imports::ImportMode")]
enum ImportMode {
    /// What changed since the last time, where Microsoft still knows that; else everything.
    Auto,
    /// Everything.
    Full,
    /// As AUTO.
    Delta,
}

/// Which people.
#[derive(InputObject)]
struct ImportUsersInput {
    /// Those of one department; without it, the whole directory.
    department: Option<String>,
    /// Guests as well. A scope once imported with guests keeps them.
    #[graphql(default_with = "Some(false)")]
    include_guests: Option<bool>,
    /// How to read.
    #[graphql(default_with = "Some(ImportMode::Auto)")]
    mode: Option<ImportMode>,
    /// Only tell what would be done.
    #[graphql(default_with = "Some(false)")]
    dry_run: Option<bool>,
}

/// Which groups.
#[derive(InputObject)]
struct ImportGroupsInput {
    /// These, by object id; without it, all security groups.
    group_ids: Option<Vec<String>>,
    /// Whether members of groups inside a group count as its own.
    #[graphql(default_with = "Some(true)")]
    transitive: Option<bool>,
    /// How to read.
    #[graphql(default_with = "Some(ImportMode::Auto)")]
    mode: Option<ImportMode>,
    /// Only tell what would be done.
    #[graphql(default_with = "Some(false)")]
    dry_run: Option<bool>,
}

/// `importUsers`, `importGroups`, `approveImport`, `rejectImport`.
#[derive(Default)]
pub(in super::super) struct ImportMutation;

#[Object]
impl ImportMutation {
    /// Imports people. Returns at once; follow operation(id).
    #[graphql(guard = "Permission::Operate")]
    async fn import_users(&self, context: &Context<'_>, input: Option<ImportUsersInput>) -> Result<Operation> {
        let (department, guests, mode, dry_run) = match input {
            Some(input) => (input.department, input.include_guests, input.mode, input.dry_run),
            None => (None, None, None, None),
        };
        let scope = UserScope::new(department, guests.unwrap_or(false));
        let scope = scope.map_err(|problem| Refusal::input(problem.field, problem.to_string()))?;
        start(context, ImportScope::Users(scope), mode, dry_run).await
    }

    /// Imports groups and memberships. Returns at once; follow operation(id).
    #[graphql(guard = "Permission::Operate")]
    async fn import_groups(&self, context: &Context<'_>, input: Option<ImportGroupsInput>) -> Result<Operation> {
        let (ids, transitive, mode, dry_run) = match input {
            Some(input) => (input.group_ids, input.transitive, input.mode, input.dry_run),
            None => (None, None, None, None),
        };
        let scope = GroupScope::new(ids, transitive.unwrap_or(true));
        let scope = scope.map_err(|problem| Refusal::input(problem.field, problem.to_string()))?;
        start(context, ImportScope::Groups(scope), mode, dry_run).await
    }

    /// Lets the plan of an import that waits be applied: exactly that plan, or none. Returns at once; follow operation(id).
    #[graphql(guard = "Permission::Admin")]
    async fn approve_import(&self, context: &Context<'_>, operation_id: ID) -> Result<Operation> {
        let caller = Caller::of(context)?;
        let row = import_admin(context)?.approve(caller.scope(), &caller.actor(), &operation_id).await;
        Ok(row.map_err(Refusal::from)?.into())
    }

    /// Drops the plan of an import that waits.
    #[graphql(guard = "Permission::Admin")]
    async fn reject_import(&self, context: &Context<'_>, operation_id: ID) -> Result<Operation> {
        let caller = Caller::of(context)?;
        let row = import_admin(context)?.reject(caller.scope(), &caller.actor(), &operation_id).await;
        Ok(row.map_err(Refusal::from)?.into())
    }
}

async fn start(context: &Context<'_>, scope: ImportScope, mode: Option<ImportMode>, dry_run: Option<bool>) -> Result<Operation> {
    let mode = mode.map(Into::into).unwrap_or_default();
    let caller = Caller::of(context)?;
    let imports = import_admin(context)?;
    let row = imports.start(caller.scope(), &caller.actor(), scope, mode, dry_run.unwrap_or(false)).await;
    Ok(row.map_err(Refusal::from)?.into())
}

fn import_admin<'a>(context: &Context<'a>) -> Result<&'a dyn ImportAdmin, Refusal> {
    let imports = context.data_opt::<Arc<dyn ImportAdmin>>();
    imports.map(AsRef::as_ref).ok_or_else(|| Refusal::internal("the schema was built without imports"))
}
