//! What stands in for a connection where none is needed.

use crate::{
    capabilities::Failure,
    graph::{Graph, GraphError, Request, Response, Verdict},
    organisation::OrgScope,
    reconcile::Tenants,
};

/// Opens nothing: a webhook's URL is all the right that a card needs, so a connection that is missing or refused silences none.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

/// Refuses every call to Graph, unsent.
#[derive(Debug, Clone, Copy)]
pub struct Unconnected;

impl Tenants for Alone {
    type Graph = Unconnected;

    async fn graph(&self, _scope: &OrgScope) -> Result<Unconnected, Failure> {
        Ok(Unconnected)
    }

    fn is_open(&self, _scope: &OrgScope) -> bool {
        true
    }
}

impl Graph for Unconnected {
    async fn send(&self, _request: Request) -> Result<Response, GraphError> {
        Err(unconnected())
    }

    async fn follow(&self, _link: &str, _like: &Request) -> Result<Response, GraphError> {
        Err(unconnected())
    }
}

fn unconnected() -> GraphError {
    GraphError {
        verdict: Verdict::Rejected,
        code: "unconnected".into(),
        message: "this delivery has no connection".into(),
        status: None,
        request_id: None,
        detail: serde_json::Value::Null,
        elapsed: std::time::Duration::ZERO,
        source: None,
    }
}
