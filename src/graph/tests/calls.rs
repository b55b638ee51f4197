//! Calls: what is sent, what is kept of the answer, where a token may go, and how many are in flight.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::graph::{
    Graph, Request, Verdict, Workload, segment,
    testing::{Act, Server, access, client_of, is_login, say, token},
};

#[tokio::test]
async fn a_call_is_sent_as_it_was_asked_for_and_introduces_itself() {
    let server = Server::start(|seen, _| {
        if is_login(seen) { token("t") } else { Act::Answer(201, vec![("request-id", "r-7".into())], r#"{"id":"AAMk"}"#.into()) }
    })
    .await;
    let (client, _, metrics) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let request =
        Request::post(Workload::Outlook, format!("/users/{}/events", segment("Ann@x.example")), json!({"subject": "visit"}))
            .query("$select", "id,subject")
            .header("Prefer", "IdType=\"ImmutableId\"")
            .target("ann@x.example");
    let made = session.send(request.clone()).await.unwrap();
    assert_eq!((made.status, &made.body, made.request_id.as_deref()), (201, &json!({"id": "AAMk"}), Some("r-7")));
    session.send(request).await.unwrap();

    let calls = server.calls();
    assert_eq!(
        (calls[0].method.as_str(), calls[0].path.as_str()),
        ("POST", "/v1.0/users/Ann%40x.example/events?$select=id%2Csubject")
    );
    assert_eq!(calls[0].body, r#"{"subject":"visit"}"#);
    assert_eq!(calls[0].headers["content-type"], "application/json");
    assert_eq!(calls[0].headers["prefer"], "IdType=\"ImmutableId\"");
    assert_eq!(calls[0].headers["user-agent"], format!("NONISV|Argus|M365Connector/{}", env!("CARGO_PKG_VERSION")));
    assert_ne!(calls[0].headers["client-request-id"], calls[1].headers["client-request-id"]);
    assert_eq!(metrics.graph_requests_total.with_label_values(&["outlook", "POST", "201"]).get(), 2);
    assert_eq!(metrics.graph_request_seconds.with_label_values(&["outlook"]).get_sample_count(), 2);
}

#[tokio::test]
async fn a_failure_keeps_the_request_id_code_and_annotations() {
    let body = r#"{"error":{"code":"ErrorDuplicateTransactionId","message":"m","@event.existingEventId":"AAMk"}}"#;
    let server = Server::start(move |seen, _| {
        if is_login(seen) { token("t") } else { Act::Answer(400, vec![("request-id", "r-8".into())], body.into()) }
    })
    .await;
    let (client, _, _) = client_of(&server);
    let error = client.session(Arc::new(access("acme", 1))).send(Request::get(Workload::Outlook, "/x")).await.unwrap_err();
    assert_eq!((error.verdict.clone(), error.request_id.as_deref()), (Verdict::Rejected, Some("r-8")));
    assert!(error.is("ErrorDuplicateTransactionID"));
    assert_eq!(error.detail["@event.existingEventId"], "AAMk");
    assert!(error.elapsed > Duration::ZERO);
}

#[tokio::test]
async fn a_next_link_is_followed_verbatim_with_the_headers_of_its_request() {
    let server = Server::start(|seen, _| if is_login(seen) { token("t") } else { say(200, r#"{"value":[]}"#) }).await;
    let (client, _, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let like = Request::get(Workload::Directory, "/users").query("$top", "5").header("ConsistencyLevel", "eventual");
    let link = format!("{}v1.0/users?$skiptoken=a%2Fb&$top=5", server.root);
    session.follow(&link, &like).await.unwrap();
    let call = &server.calls()[0];
    assert_eq!((call.method.as_str(), call.path.as_str()), ("GET", "/v1.0/users?$skiptoken=a%2Fb&$top=5"));
    assert_eq!(call.headers["consistencylevel"], "eventual");
}

#[tokio::test]
async fn nothing_reaches_a_foreign_host_neither_by_link_nor_by_redirect() {
    let foreign = Server::start(|_, _| say(200, "{}")).await;
    let elsewhere = foreign.root.clone();
    let server = Server::start(move |seen, _| {
        if is_login(seen) {
            token("t")
        } else {
            Act::Answer(307, vec![("location", format!("{elsewhere}v1.0/users"))], String::new())
        }
    })
    .await;
    let (client, _, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let like = Request::get(Workload::Directory, "/users");

    let error = session.send(like.clone()).await.unwrap_err();
    assert_eq!((error.verdict.clone(), error.code.as_str(), error.status), (Verdict::Transient, "redirect", Some(307)));
    let error = session.follow(&format!("{}v1.0/users", foreign.root), &like).await.unwrap_err();
    assert_eq!((error.verdict.clone(), error.code.as_str(), error.status), (Verdict::Transient, "foreignLink", None));
    assert_eq!(foreign.seen().len(), 0);
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn a_token_request_follows_no_redirect_with_the_secret() {
    let foreign = Server::start(|_, _| token("stolen")).await;
    let elsewhere = foreign.root.to_string();
    let server = Server::start(move |_, _| Act::Answer(308, vec![("location", elsewhere.clone())], String::new())).await;
    let (client, _, _) = client_of(&server);
    let error = client.probe_token(&Arc::new(access("acme", 1))).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Transient);
    assert_eq!((foreign.seen().len(), server.seen().len()), (0, 1));
}

#[tokio::test]
async fn a_path_that_climbs_is_refused_unsent() {
    let server = Server::start(|_, _| token("t")).await;
    let (client, _, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let error = session.send(Request::get(Workload::Outlook, format!("/users/{}/events", segment("..")))).await.unwrap_err();
    assert_eq!((error.code.as_str(), server.seen().len()), ("badPath", 0));
}

#[tokio::test]
async fn of_forty_calls_at_once_four_are_in_flight_for_a_mailbox() {
    static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    // Counts between the arrival of a request and the end of its pause.
    let server = Server::start(|seen, _| {
        if is_login(seen) {
            return token("t");
        }
        let now = IN_FLIGHT.fetch_add(1, Ordering::SeqCst) + 1;
        MOST.fetch_max(now, Ordering::SeqCst);
        tokio::spawn(async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            IN_FLIGHT.fetch_sub(1, Ordering::SeqCst);
        });
        Act::Late(Duration::from_millis(20), Box::new(say(200, "{}")))
    })
    .await;
    let (client, _, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let calls = (0..40).map(|_| session.send(Request::get(Workload::Outlook, "/users/a/events").target("a")));
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!((server.calls().len(), MOST.load(Ordering::SeqCst)), (40, 4));
}

#[tokio::test]
async fn debug_shows_no_secret_and_errors_no_address() {
    let account = access("acme", 1);
    assert!(!format!("{account:?}").contains("s3cret"));
    let server = Server::start(|seen, _| if is_login(seen) { token("t") } else { Act::Reset }).await;
    let (client, _, _) = client_of(&server);
    let session = client.session(Arc::new(account));
    let error = session.send(Request::post(Workload::Outlook, "/users/ann/events", Value::Null)).await.unwrap_err();
    let mut shown = format!("{error:?}");
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        shown.push_str(&inner.to_string());
        cause = inner.source();
    }
    assert!(!shown.contains("/users/") && !shown.contains("Bearer"), "{shown}");
}
