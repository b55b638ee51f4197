//! A group.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Result, SimpleObject};

use super::{
    super::page::{Listed, count},
    DirectoryStatus,
    siblings::Groups,
};
use crate::store::DirectoryGroupRow;

/// A group of the directory.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(super) struct DirectoryGroup {
    /// Microsoft's object id.
    object_id: String,
    /// The name shown; names are not unique.
    display_name: String,
    /// Description.
    description: Option<String>,
    /// Whether it is still there.
    status: DirectoryStatus,
    #[graphql(skip)]
    groups: Arc<Groups>,
}

impl DirectoryGroup {
    pub(super) fn new(row: DirectoryGroupRow, groups: Arc<Groups>) -> Self {
        Self {
            object_id: row.object_id,
            display_name: row.display_name,
            description: row.description,
            status: row.status.into(),
            groups,
        }
    }
}

impl Listed for DirectoryGroup {
    const NAME: &'static str = "DirectoryGroup";
}

#[ComplexObject]
impl DirectoryGroup {
    /// People who are directly in it.
    async fn member_count(&self, context: &Context<'_>) -> Result<i32> {
        Ok(count(self.groups.members(context, &self.object_id).await?))
    }

    /// The roles that it is mapped to.
    async fn roles(&self, context: &Context<'_>) -> Result<Vec<String>> {
        Ok(self.groups.roles(context, &self.object_id).await?)
    }
}
