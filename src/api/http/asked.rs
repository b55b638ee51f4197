//! A request whose caller is known: what comes with its query.

use tokio::time::Instant;

use crate::{
    api::{auth::Identity, caller::Caller},
    traces::TraceContext,
};

/// What a request comes with, beside its query.
pub(super) struct Asked<'a> {
    /// Who asks.
    pub(super) identity: Identity,
    /// The body as it came.
    pub(super) body: &'a [u8],
    /// The request's id.
    pub(super) correlation_id: &'a str,
    /// The trace that it belongs to.
    pub(super) trace: Option<TraceContext>,
    /// When it must be answered.
    pub(super) deadline: Instant,
}

impl Asked<'_> {
    /// The request, with its caller.
    pub(super) fn by_caller(&self, request: async_graphql::Request) -> async_graphql::Request {
        request.data(Caller {
            identity: self.identity.clone(),
            correlation_id: self.correlation_id.to_owned(),
            trace: self.trace.clone(),
        })
    }
}
