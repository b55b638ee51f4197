//! The guard of a dry run: whatever would change something is refused unsent, wherever it comes from.

use super::{Graph, GraphError, Request, Response, Verdict, batch};

/// Sends reads alone. A write, or a batch that holds one, is refused unsent with code `dryRun`.
#[derive(Debug, Clone)]
pub struct ReadOnly<G>(pub G);

impl<G: Graph> Graph for ReadOnly<G> {
    async fn send(&self, request: Request) -> Result<Response, GraphError> {
        if batch::writes(&request) { Err(refused()) } else { self.0.send(request).await }
    }

    async fn follow(&self, link: &str, like: &Request) -> Result<Response, GraphError> {
        self.0.follow(link, like).await
    }

    async fn send_all(&self, requests: Vec<Request>) -> Vec<Result<Response, GraphError>> {
        if requests.iter().any(batch::writes) {
            return requests.iter().map(|_| Err(refused())).collect();
        }
        self.0.send_all(requests).await
    }
}

fn refused() -> GraphError {
    GraphError::unsent(Verdict::Rejected, "dryRun", "not sent: a dry run changes nothing")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graph::Workload;

    /// Fails the test when anything that writes comes through.
    struct Reached;

    impl Graph for Reached {
        async fn send(&self, request: Request) -> Result<Response, GraphError> {
            assert_eq!(request.method, http::Method::GET);
            Ok(Response { status: 200, body: json!({}), request_id: None, clock_skew_ms: None })
        }

        async fn follow(&self, _link: &str, like: &Request) -> Result<Response, GraphError> {
            self.send(like.clone()).await
        }
    }

    #[tokio::test]
    async fn no_write_leaves_in_a_dry_run() {
        let path = "/sites/s/lists/l/items";
        let read = Request::get(Workload::SharePoint, path);
        let writes = [
            Request::post(Workload::SharePoint, path, json!({})),
            Request::patch(Workload::SharePoint, path, json!({})),
            Request::delete(Workload::SharePoint, path),
            Request::post(Workload::SharePoint, "/$batch", json!({ "requests": [{ "method": "PATCH" }] })),
        ];
        let guarded = ReadOnly(Reached);
        for write in writes {
            assert_eq!(guarded.send(write.clone()).await.unwrap_err().code, "dryRun");
            let answers = guarded.send_all(vec![read.clone(), write]).await;
            assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|error| error.code == "dryRun")));
        }
        assert!(guarded.send(read.clone()).await.is_ok());
        assert!(guarded.send_all(vec![read]).await.iter().all(Result::is_ok));
    }
}
