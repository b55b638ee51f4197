//! Lost answers: what a caller may do depends on how far the call got and whether a repeat does harm.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    clock::ManualClock,
    graph::{
        Graph, GraphClient, GraphError, GraphSettings, Request, Response, Session, Verdict, Workload,
        testing::{Act, Server, access, client_with, is_login, say, token},
    },
    ids::Ids,
    metrics::Metrics,
};

fn create() -> Request {
    Request::post(Workload::Outlook, "/users/a/events", json!({"subject": "x"})).target("a")
}

async fn session_that(act: Act) -> (Server, Session) {
    let stalls = matches!(act, Act::Stall);
    let server = Server::start(move |seen, _| if is_login(seen) { token("t") } else { act.clone() }).await;
    let bound = if stalls { Duration::from_secs(1) } else { Duration::from_secs(30) };
    let (client, _, _) = client_with(&server, bound);
    let session = client.session(Arc::new(access("acme", 1)));
    (server, session)
}

async fn failure(session: &Session, request: Request) -> GraphError {
    session.send(request).await.map(|answer: Response| answer.status).unwrap_err()
}

#[tokio::test]
async fn a_lost_answer_is_ambiguous_for_a_creation_and_transient_where_a_repeat_does_no_harm() {
    for (act, code, tries) in [
        (Act::Reset, "connection", 2),
        (Act::Stall, "timeout", 1),
        (Act::Cut(201, "{\"id\":"), "connection", 2),
        (say(201, "{\"id\":"), "malformedBody", 1),
    ] {
        let (server, session) = session_that(act.clone()).await;
        let error = failure(&session, create()).await;
        assert_eq!((error.verdict.clone(), error.code.as_str()), (Verdict::Ambiguous, code), "{act:?}");
        assert_eq!(server.calls().len(), 1, "{act:?}: a creation is never repeated here");
        for (request, sofar) in [(create().repeatable(), 1), (Request::delete(Workload::Outlook, "/users/a/events/1"), 1 + tries)]
        {
            let error = failure(&session, request).await;
            assert_eq!((error.verdict.clone(), error.code.as_str()), (Verdict::Transient, code), "{act:?}");
            assert_eq!(server.calls().len(), sofar + tries, "{act:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_under_an_error_changes_nothing_about_the_error() {
    let (_server, session) = session_that(Act::Cut(404, "{\"error\":")).await;
    let error = failure(&session, create()).await;
    assert_eq!((error.verdict, error.status, error.code.as_str()), (Verdict::NotFound, Some(404), "http404"));
}

#[tokio::test]
async fn a_connection_that_broke_once_is_made_up_for_when_a_repeat_does_no_harm() {
    let server = Server::start(|seen, before| match (is_login(seen), before) {
        (true, _) => token("t"),
        (false, 1) => Act::Reset,
        (false, _) => say(200, "{}"),
    })
    .await;
    let (client, _, metrics) = client_with(&server, Duration::from_secs(5));
    let session = client.session(Arc::new(access("acme", 1)));
    session.send(Request::get(Workload::Outlook, "/x")).await.unwrap();
    assert_eq!(server.calls().len(), 2);
    assert_eq!(metrics.graph_requests_total.with_label_values(&["outlook", "GET", "none"]).get(), 1);
    assert_eq!(metrics.graph_requests_total.with_label_values(&["outlook", "GET", "200"]).get(), 1);
}

#[tokio::test]
async fn what_was_never_sent_is_transient_even_for_a_creation() {
    let login = Server::start(|_, _| token("t")).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    // Accepts, and hangs up in the middle of the TLS handshake.
    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rude_address = rude.local_addr().unwrap();
    tokio::spawn(async move { while rude.accept().await.is_ok() {} });

    for graph in [format!("http://{nobody}"), format!("https://{rude_address}")] {
        let settings = GraphSettings {
            login_url: Some(login.root.clone()),
            graph_url: Some(graph.parse().unwrap()),
            connect_timeout: Duration::from_secs(2),
            call_timeout: Duration::from_secs(5),
        };
        let clock = ManualClock::at("2026-11-23T20:00:00Z".parse().unwrap());
        let client = GraphClient::new(settings, clock, Ids::seeded(1), Arc::new(Metrics::new().unwrap())).unwrap();
        let error = failure(&client.session(Arc::new(access("acme", 1))), create()).await;
        assert_eq!((error.verdict.clone(), error.status), (Verdict::Transient, None), "{graph}: {error:?}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_not_read_to_its_end() {
    let (_server, session) = session_that(say(200, &"x".repeat(33 * 1024 * 1024))).await;
    let error = failure(&session, Request::get(Workload::Directory, "/users")).await;
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::Transient, "tooLarge"));
}
