//! Running a query within its time.

use async_graphql::{Request, Response as Executed};
use axum::response::Response;
use futures_util::FutureExt as _;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::{App, answer};
use crate::api::errors::{Code, Refusal};

/// Whether a request may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Query,
    Mutation,
}

/// Executes a request that is within the limits.
///
/// It runs in a task of its own. A mutation goes on to its end when the caller hangs up or its time is over: a registration
/// that was cut off between Microsoft's answer and the commit would be worse than one whose answer nobody reads. A query has
/// nothing to finish and is stopped.
pub(super) async fn execute(app: &App, kind: Kind, request: Request, correlation_id: &str, deadline: Instant) -> Response {
    let schema = app.schema.clone();
    let task: JoinHandle<Executed> = tokio::spawn(async move { schema.execute(request).await }.in_current_span());
    let outcome = match kind {
        Kind::Query => AbortOnDropHandle::new(task).left_future(),
        Kind::Mutation => task.right_future(),
    };
    match timeout_at(deadline, outcome).await {
        Ok(Ok(response)) => answer::result(response, correlation_id),
        Ok(Err(_)) => {
            tracing::error!("executing a query panicked");
            answer::internal()
        }
        Err(_) => answer::refused(late(kind), correlation_id),
    }
}

/// What is said to a caller whose time is over.
pub(super) fn late(kind: Kind) -> Refusal {
    Refusal::new(
        Code::LimitExceeded,
        match kind {
            Kind::Query => "the query took too long",
            Kind::Mutation => "the mutation took too long; it goes on, look at its outcome before you repeat it",
        },
    )
}
