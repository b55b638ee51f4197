//! Who the token says the caller is.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::super::{auth::Permission, caller::Caller};

/// The caller.
#[derive(SimpleObject)]
pub(super) struct Viewer {
    /// The token's `sub`.
    subject: String,
    /// The organisation that everything is scoped to.
    organisation: String,
    /// What the caller may do, included permissions too.
    permissions: Vec<&'static str>,
}

/// `viewer`.
#[derive(Default)]
pub(super) struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// The caller.
    #[graphql(guard = "Permission::Read")]
    #[expect(clippy::unused_async, reason = "async-graphql wants resolvers that are async")]
    async fn viewer(&self, context: &Context<'_>) -> Result<Viewer> {
        let identity = &Caller::of(context)?.identity;
        Ok(Viewer {
            subject: identity.subject.clone(),
            organisation: identity.scope.as_str().to_owned(),
            permissions: identity.permissions(),
        })
    }
}
