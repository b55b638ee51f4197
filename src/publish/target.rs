//! A list that a publication names itself, looked for.

use crate::{
    capabilities::sharepoint::{Target, Unfound, find, request::TargetRequest},
    graph::Graph,
    store::OperationError,
};

/// Finds the list and its columns. What is wrong with the request is told by its field, below `target`.
pub(super) async fn resolve(graph: &impl Graph, asked: &TargetRequest) -> Result<Target, OperationError> {
    find(graph, asked).await.map(|surveyed| surveyed.target).map_err(|unfound| match unfound {
        Unfound::Wrong(wrong) => told("BAD_USER_INPUT", format!("target.{}: {}", wrong.field, wrong.problem)),
        Unfound::Forbidden(message) => told("CONSENT_MISSING", message),
        Unfound::Graph(error) => told("GRAPH_UNAVAILABLE", format!("Microsoft could not be asked about the list: {error}")),
    })
}

fn told(code: &str, message: String) -> OperationError {
    OperationError { code: code.to_owned(), message }
}
