//! Statuses, headers and probes.

use std::sync::atomic::Ordering;

use argus_m365::api::auth::Permission;
use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::json;

use crate::support::{TestApi, post, token};

const QUERY: &str = r#"{"query":"{ viewer { subject } }"}"#;

fn reader() -> String {
    token(&[Permission::Read])
}

#[tokio::test]
async fn without_a_token_nobody_gets_in_and_nobody_learns_why() {
    let api = TestApi::new();
    let answer = api.send(Request::post("/graphql").body(Body::from(QUERY)).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "UNAUTHENTICATED"));
    assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");

    let expired = reader().replace('.', "x");
    let mut texts = vec![answer.text];
    for token in ["nonsense", "a.b.c", expired.as_str(), ""] {
        let answer = api.send(post(token, QUERY)).await;
        assert_eq!(answer.status, 401, "{token}");
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer error=\"invalid_token\"", "{token}");
        texts.push(answer.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "all refusals read the same");
}

#[tokio::test]
async fn only_one_bearer_token_counts() {
    let api = TestApi::new();
    let two = [format!("Bearer {}", reader()), format!("Bearer {}", reader())];
    let mut request = post(&reader(), QUERY);
    request.headers_mut().remove(header::AUTHORIZATION);
    for value in &two {
        request.headers_mut().append(header::AUTHORIZATION, value.parse().unwrap());
    }
    assert_eq!(api.send(request).await.status, 401);
    let mut basic = post(&reader(), QUERY);
    basic.headers_mut().insert(header::AUTHORIZATION, format!("Basic {}", reader()).parse().unwrap());
    assert_eq!(api.send(basic).await.headers[header::WWW_AUTHENTICATE], "Bearer");
    let mut lower = post(&reader(), QUERY);
    lower.headers_mut().insert(header::AUTHORIZATION, format!("bearer {}", reader()).parse().unwrap());
    api.send(lower).await.data();
}

#[tokio::test]
async fn a_query_is_posted_as_json_and_alone() {
    let api = TestApi::new();
    assert_eq!(api.get("/graphql?query={viewer{subject}}").await.status, 405);
    for content_type in ["text/plain", "multipart/form-data; boundary=x", "application/graphql", ""] {
        let mut request = post(&reader(), QUERY);
        request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        assert_eq!(api.send(request).await.status, 415, "{content_type}");
    }
    let mut with_charset = post(&reader(), QUERY);
    with_charset.headers_mut().insert(header::CONTENT_TYPE, "application/json; charset=utf-8".parse().unwrap());
    api.send(with_charset).await.data();
}

#[tokio::test]
async fn what_is_no_request_is_bad_input() {
    let api = TestApi::new();
    let deep = format!("{{\"query\":\"{{a}}\",\"variables\":{}", "[".repeat(100_000));
    for body in [
        "",
        "{",
        "null",
        "7",
        "\"query\"",
        "{}",
        "{\"query\":7}",
        " [{\"query\":\"{ viewer { subject } }\"}]",
        "[]",
        deep.as_str(),
    ] {
        let answer = api.send(post(&reader(), body.to_owned())).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "BAD_USER_INPUT"), "{body:.60}");
    }
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_too_large() {
    let api = TestApi::new();
    let answer = api.send(post(&reader(), "x".repeat(1024 * 1024 + 1))).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "LIMIT_EXCEEDED"));
    let longest = json!({ "query": "{ viewer { subject } }", "note": "x".repeat(1_000_000) }).to_string();
    api.send(post(&reader(), longest)).await.data();
}

#[tokio::test]
async fn variables_and_the_operations_name_may_be_left_out_or_null() {
    let api = TestApi::new();
    let query = "query A { viewer { subject } } query B($id: String!) { task(taskId: $id) { taskId } }";
    let with =
        |name: &str, variables| json!({ "query": query, "operationName": name, "variables": variables, "extensions": null });
    assert_eq!(api.send(post(&reader(), with("A", json!(null)).to_string())).await.data()["viewer"]["subject"], "dispatcher-7");
    assert_eq!(api.send(post(&reader(), with("B", json!({ "id": "t-1" })).to_string())).await.data()["task"]["taskId"], "t-1");
    assert_eq!(api.send(post(&reader(), json!({ "query": query }).to_string())).await.code(), "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_sane_correlation_id_is_taken_over_and_any_other_replaced() {
    let api = TestApi::new();
    let answered = async |name: &'static str, value: &str| {
        let mut request = post(&reader(), QUERY);
        request.headers_mut().insert(name, value.parse().unwrap());
        api.send(request).await.headers["x-correlation-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(answered("x-correlation-id", "job-7:a_b.c").await, "job-7:a_b.c");
    assert_eq!(answered("x-request-id", "r-1").await, "r-1");
    for odd in ["", "a b", "a\tb", "a;b", &"x".repeat(129)] {
        assert_ne!(answered("x-correlation-id", odd).await, odd);
    }
}

#[tokio::test]
async fn answers_are_neither_sniffed_nor_stored() {
    let api = TestApi::new();
    for answer in [api.ask("{ viewer { subject } }").await, api.get("/graphql").await, api.get("/nowhere").await] {
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    }
}

#[tokio::test]
async fn a_panic_is_answered_and_the_next_request_served() {
    let api = TestApi::new();
    api.memory.broken.store(true, Ordering::SeqCst);
    let answer = api.ask("{ tasks { totalCount } }").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (500, "INTERNAL"));
    assert!(!answer.text.contains("mistake of ours"));
    api.memory.broken.store(false, Ordering::SeqCst);
    api.ask("{ tasks { totalCount } }").await.data();
}

#[tokio::test]
async fn probes_need_no_token() {
    let api = TestApi::new();
    assert_eq!(api.get("/healthz").await.status, 200);
    assert_eq!(api.get("/readyz").await.status, 200);
    api.ready.store(false, Ordering::SeqCst);
    let answer = api.get("/readyz").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["reasons"]), (503, &json!(["store: out of reach"])));
    assert_eq!(api.get("/healthz").await.status, 200);
    assert_eq!(api.get("/schema.graphql").await.text, argus_m365::api::sdl());
    assert!(api.get("/metrics").await.text.contains("argus_m365_consumer_pending 42"));
}
