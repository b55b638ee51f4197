//! Who asks, for as long as a request lasts.

use async_graphql::{Context, Guard};

use super::{
    auth::{Identity, Permission},
    errors::{Code, Refusal},
};
use crate::{connections::Actor, organisation::OrgScope, traces::TraceContext};

/// The verified caller of a request, kept in the request's GraphQL data.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// What the token says.
    pub(super) identity: Identity,
    /// The request's correlation id.
    pub(super) correlation_id: String,
    /// The trace that the request belongs to.
    pub(super) trace: Option<TraceContext>,
}

impl Caller {
    /// The caller of the request that `context` belongs to.
    pub(super) fn of<'a>(context: &Context<'a>) -> Result<&'a Self, Refusal> {
        context.data_opt::<Self>().ok_or_else(|| Refusal::internal("a request without a caller reached the schema"))
    }

    /// The organisation that everything is scoped to.
    pub(super) fn scope(&self) -> &OrgScope {
        &self.identity.scope
    }

    /// The caller as the audit trail names it.
    pub(super) fn actor(&self) -> Actor {
        Actor {
            name: format!("user:{}", self.identity.subject),
            correlation_id: Some(self.correlation_id.clone()),
            trace: self.trace.clone(),
        }
    }
}

/// A permission is its own guard: `#[graphql(guard = "Permission::Admin")]`.
impl Guard for Permission {
    async fn check(&self, context: &Context<'_>) -> async_graphql::Result<()> {
        if Caller::of(context)?.identity.may(*self) {
            return Ok(());
        }
        Err(Refusal::new(Code::Forbidden, format!("this needs the permission {}", self.word())).into())
    }
}
