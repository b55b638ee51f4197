//! A person.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Result, SimpleObject};

use super::{
    super::{
        page::{self, List, Listed},
        scalars::Instant,
    },
    DirectoryStatus, counted,
    group::DirectoryGroup,
    siblings::People,
};
use crate::store::DirectoryUserRow;

/// A person of the directory.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(super) struct DirectoryUser {
    /// Microsoft's object id.
    object_id: String,
    /// Sign-in name.
    user_principal_name: String,
    /// The name shown.
    display_name: Option<String>,
    /// Mail address.
    mail: Option<String>,
    /// Department.
    department: Option<String>,
    /// Job title.
    job_title: Option<String>,
    /// Whether they count.
    status: DirectoryStatus,
    /// `ABSENT` (no longer in the directory), `ACCOUNT_DISABLED` (disabled in Entra), `OUT_OF_SCOPE` (left the imported scope), or null.
    disabled_reason: Option<String>,
    /// When an import first saw them.
    first_seen_at: Instant,
    /// When an import last saw them.
    last_seen_at: Instant,
    #[graphql(skip)]
    people: Arc<People>,
}

impl DirectoryUser {
    pub(super) fn new(row: DirectoryUserRow, people: Arc<People>) -> Self {
        Self {
            object_id: row.object_id,
            user_principal_name: row.user_principal_name,
            display_name: row.display_name,
            mail: row.mail,
            department: row.department,
            job_title: row.job_title,
            status: row.status.into(),
            disabled_reason: row.disabled_reason.map(|reason| reason.to_uppercase().replace('-', "_")),
            first_seen_at: row.first_seen_at.into(),
            last_seen_at: row.last_seen_at.into(),
            people,
        }
    }
}

impl Listed for DirectoryUser {
    const NAME: &'static str = "DirectoryUser";
}

#[ComplexObject]
impl DirectoryUser {
    /// The imported groups that this person is in directly.
    async fn groups(
        &self,
        context: &Context<'_>,
        #[graphql(default_with = "Some(50)")] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<DirectoryGroup>> {
        let page = page::request(first, after)?;
        let (rows, groups) = self.people.groups(context, &self.object_id, page, counted(context)).await?;
        Ok(List::of(rows, |row| DirectoryGroup::new(row, Arc::clone(&groups))))
    }

    /// The roles that this person has now, through groups and groups in groups; none when disabled.
    async fn roles(&self, context: &Context<'_>) -> Result<Vec<String>> {
        Ok(self.people.roles(context, &self.object_id).await?)
    }
}
