//! The directory: people and groups as imports left them, and the roles that follow.
//!
//! What a row of a list has beyond its own columns is read for all rows of the list at once ([`siblings`]).

mod group;
mod imports;
mod roles;
mod siblings;
mod user;

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, Result};

use self::{group::DirectoryGroup, user::DirectoryUser};
use super::{
    super::{
        auth::Permission,
        caller::Caller,
        directory::{DirectoryRecords, RoleAdmin},
        errors::Refusal,
    },
    page::{self, List},
};
use crate::store::{self, DirectoryUserFilter, MOST_SEARCH_WORDS};

pub(super) use imports::ImportMutation;
pub(super) use roles::{RoleMutation, RoleQuery};

/// Characters of a search or a department, at most: longer than any that the directory holds.
const LONGEST_SEARCH: usize = 256;

/// Whether somebody, or a group, counts.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "store::DirectoryStatus")]
pub(super) enum DirectoryStatus {
    /// As the directory has it.
    Active,
    /// Not there any more, or switched off there.
    Disabled,
}

/// `directoryUsers` and `directoryGroups`.
#[derive(Default)]
pub(in super::super) struct DirectoryQuery;

#[Object]
impl DirectoryQuery {
    /// People as imports left them, by object id. A search finds whom every word of it fits, anywhere in display name, principal name
    /// or mail, ignoring case; a department is matched whole, ignoring case.
    #[graphql(guard = "Permission::Read")]
    async fn directory_users(
        &self,
        context: &Context<'_>,
        status: Option<DirectoryStatus>,
        department: Option<String>,
        search: Option<String>,
        #[graphql(default_with = "Some(50)")] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<DirectoryUser>> {
        let page = page::request(first, after)?;
        let filter = DirectoryUserFilter {
            status: status.map(Into::into),
            department: department.map(|text| bounded("department", text)).transpose()?,
            search: search.map(searched).transpose()?,
            count: counted(context),
        };
        let scope = Caller::of(context)?.scope();
        let rows = records(context)?.users(scope, filter, page).await.map_err(Refusal::from)?;
        let ids = rows.rows.iter().map(|(_, row)| row.object_id.clone()).collect();
        let people = Arc::new(siblings::People::new(ids));
        Ok(List::of(rows, |row| DirectoryUser::new(row, Arc::clone(&people))))
    }

    /// Groups as imports left them, by object id. A search finds those that every word of it fits, anywhere in name or description,
    /// ignoring case.
    #[graphql(guard = "Permission::Read")]
    async fn directory_groups(
        &self,
        context: &Context<'_>,
        search: Option<String>,
        #[graphql(default_with = "Some(50)")] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<DirectoryGroup>> {
        let page = page::request(first, after)?;
        let search = search.map(searched).transpose()?;
        let scope = Caller::of(context)?.scope();
        let rows = records(context)?.groups(scope, search, page, counted(context)).await.map_err(Refusal::from)?;
        let groups = Arc::new(siblings::Groups::new(rows.rows.iter().map(|(_, row)| row.object_id.clone())));
        Ok(List::of(rows, |row| DirectoryGroup::new(row, Arc::clone(&groups))))
    }
}

/// Whether the caller wants to know how long the whole list is: to count two hundred thousand people takes longer than to show fifty.
fn counted(context: &Context<'_>) -> bool {
    context.look_ahead().field("totalCount").exists()
}

fn searched(text: String) -> Result<String, Refusal> {
    if text.split_whitespace().count() > MOST_SEARCH_WORDS {
        return Err(Refusal::input("search", format!("search: at most {MOST_SEARCH_WORDS} words")));
    }
    bounded("search", text)
}

fn bounded(field: &'static str, text: String) -> Result<String, Refusal> {
    if text.chars().count() > LONGEST_SEARCH {
        return Err(Refusal::input(field, format!("{field}: at most {LONGEST_SEARCH} characters")));
    }
    Ok(text)
}

/// The reader of the directory.
fn records<'a>(context: &Context<'a>) -> Result<&'a dyn DirectoryRecords, Refusal> {
    let records = context.data_opt::<Arc<dyn DirectoryRecords>>();
    records.map(AsRef::as_ref).ok_or_else(|| Refusal::internal("the schema was built without a directory"))
}

/// What carries out an administrator's decisions about roles.
fn role_admin<'a>(context: &Context<'a>) -> Result<&'a dyn RoleAdmin, Refusal> {
    let roles = context.data_opt::<Arc<dyn RoleAdmin>>();
    roles.map(AsRef::as_ref).ok_or_else(|| Refusal::internal("the schema was built without role mappings"))
}
