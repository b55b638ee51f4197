//! Policy: a call goes on in the trace of what caused it.
//!
//! `traceparent` and `tracestate` leave as headers: of the call, or of its part when several travel as one batch. While traces are
//! recorded, each call is a span, and Microsoft is told that one; else it is told what the event said.

use super::{Graph, GraphError, Request, Response};
use crate::traces::{Span, SpanKind, TRACEPARENT, TRACESTATE, TraceContext};

/// A connection whose calls belong to a trace.
#[derive(Debug, Clone)]
pub struct Traced<G> {
    graph: G,
    cause: Option<TraceContext>,
}

impl<G> Traced<G> {
    /// Lets the calls of `graph` go on in the trace of what caused them.
    pub fn new(graph: G, cause: Option<TraceContext>) -> Self {
        Self { graph, cause }
    }

    /// Begins a call's span; with it, the request as it leaves.
    fn begin(&self, request: Request) -> (Span, Request) {
        let span = Span::under("graph.call", SpanKind::Client, self.cause.as_ref());
        if Span::wanted() {
            span.note("http.request.method", request.method.as_str().to_owned());
        }
        span.note("argus.workload", request.workload.label());
        let told = span.told(self.cause.as_ref());
        let request = match &told {
            Some(trace) => trace.headers().fold(request, |request, (name, value)| request.header(name, value)),
            None => request,
        };
        (span, request)
    }
}

impl<G: Graph> Graph for Traced<G> {
    async fn send(&self, request: Request) -> Result<Response, GraphError> {
        let (span, request) = self.begin(request);
        let answer = self.graph.send(request).await;
        end(&span, &answer);
        answer
    }

    async fn follow(&self, link: &str, like: &Request) -> Result<Response, GraphError> {
        let (span, like) = self.begin(like.clone());
        let answer = self.graph.follow(link, &like).await;
        end(&span, &answer);
        answer
    }

    async fn send_all(&self, requests: Vec<Request>) -> Vec<Result<Response, GraphError>> {
        let (spans, requests): (Vec<_>, Vec<_>) = requests.into_iter().map(|request| self.begin(request)).unzip();
        let answers = self.graph.send_all(requests).await;
        spans.iter().zip(&answers).for_each(|(span, answer)| end(span, answer));
        answers
    }
}

/// The trace that a call goes on in: what else is done for it belongs there too.
pub fn trace_of(request: &Request) -> Option<TraceContext> {
    let header = |name: &str| request.headers.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str());
    TraceContext::given(header(TRACEPARENT)?, header(TRACESTATE))
}

/// Says how the call ended. Of an error, the code: Microsoft's words may name somebody.
fn end(span: &Span, answer: &Result<Response, GraphError>) {
    let (status, request_id) = match answer {
        Ok(answer) => (Some(answer.status), &answer.request_id),
        Err(error) => {
            span.failed(error.code.clone());
            (error.status, &error.request_id)
        }
    };
    if let Some(status) = status {
        span.note("http.response.status_code", i64::from(status));
    }
    if let Some(id) = request_id {
        span.note("argus.graph_request_id", id.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;
    use crate::graph::Workload;

    /// Remembers the headers of what it was to send.
    #[derive(Default)]
    struct Remembering(Mutex<Vec<Vec<(&'static str, String)>>>);

    impl Graph for &Remembering {
        async fn send(&self, request: Request) -> Result<Response, GraphError> {
            self.0.lock().unwrap().push(request.headers);
            Ok(Response { status: 200, body: json!({}), request_id: None, clock_skew_ms: None })
        }

        async fn follow(&self, _link: &str, like: &Request) -> Result<Response, GraphError> {
            self.send(like.clone()).await
        }
    }

    #[tokio::test]
    async fn every_way_to_call_carries_the_trace_and_none_is_made_up() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let cause = TraceContext::of_outgoing(&json!({ "traceparent": parent, "tracestate": "a=1" }).to_string());
        let read = || Request::get(Workload::Outlook, "/x");
        for (cause, carried) in [(cause, 2), (None, 0)] {
            let graph = Remembering::default();
            let traced = Traced::new(&graph, cause);
            assert!(traced.send(read()).await.is_ok() && traced.follow("/next", &read()).await.is_ok());
            assert!(traced.send_all(vec![read(), read()]).await.iter().all(Result::is_ok));
            let seen = graph.0.lock().unwrap();
            assert_eq!(seen.len(), 4);
            assert!(seen.iter().all(|headers| headers.len() == carried), "{seen:?}");
            assert!(carried == 0 || seen.iter().all(|headers| headers.contains(&("traceparent", parent.to_owned()))));
        }
    }
}
