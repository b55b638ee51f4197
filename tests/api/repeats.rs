//! `Idempotency-Key`: what is asked twice is done once.

use std::time::Duration;

use argus_m365::api::{HttpSettings, auth::Permission};
use axum::{body::Body, http::Request};
use serde_json::json;

use crate::support::{Answer, TestApi, eventually, post, token};

const KEY: &str = "idempotency-key";

fn keyed(permission: Permission, key: &str, query: &str) -> Request<Body> {
    let mut request = post(&token(&[permission]), json!({ "query": query }).to_string());
    request.headers_mut().insert(KEY, key.parse().unwrap());
    request
}

fn replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

const REMOVE: &str = "mutation { removeConnection }";

#[tokio::test]
async fn a_mutation_under_a_key_is_carried_out_once_and_answered_the_same() {
    let api = TestApi::new();
    let first = api.send(keyed(Permission::Admin, "k-1", REMOVE)).await;
    let second = api.send(keyed(Permission::Admin, "k-1", REMOVE)).await;
    assert_eq!(api.memory.calls(), ["acme remove"]);
    assert_eq!((first.text.as_str(), replayed(&first)), (second.text.as_str(), false));
    assert!(replayed(&second));
    assert_eq!((second.status.as_u16(), &second.headers["content-type"]), (200, &first.headers["content-type"]));
    // Another key, and none: it is carried out again.
    api.send(keyed(Permission::Admin, "k-2", REMOVE)).await.data();
    api.ask(REMOVE).await.data();
    assert_eq!(api.memory.calls().len(), 3);
}

#[tokio::test]
async fn a_refusal_is_an_answer_too() {
    let api = TestApi::new();
    for expected in [false, true] {
        let answer = api.send(keyed(Permission::Read, "k", REMOVE)).await;
        assert_eq!((answer.code().as_str(), replayed(&answer)), ("FORBIDDEN", expected));
    }
    // Who is allowed more is not handed it, nor is anything done under a key that said something else.
    assert_eq!(api.send(keyed(Permission::Admin, "k", REMOVE)).await.code(), "CONFLICT");
    assert!(api.memory.calls().is_empty());
}

#[tokio::test]
async fn another_request_under_the_same_key_is_a_conflict() {
    let api = TestApi::new();
    api.send(keyed(Permission::Admin, "k", REMOVE)).await.data();
    let other = api.send(keyed(Permission::Admin, "k", "mutation { removeTeamsAccount }")).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (200, "CONFLICT"));
    assert_eq!(other.json()["errors"][0]["extensions"]["field"], "Idempotency-Key");
    assert_eq!(api.memory.calls(), ["acme remove"]);
}

#[tokio::test]
async fn twins_are_carried_out_once_and_both_answered() {
    let api = TestApi::new();
    let twins = (0..10).map(|_| api.send(keyed(Permission::Admin, "k", REMOVE)));
    let answers = futures_util::future::join_all(twins).await;
    assert_eq!(api.memory.calls(), ["acme remove"]);
    assert!(answers.iter().all(|answer| answer.text == answers[0].text), "{:?}", answers[0].text);
    assert_eq!(answers.iter().filter(|answer| !replayed(answer)).count(), 1);
}

#[tokio::test]
async fn a_twin_that_waited_its_time_is_told_that_the_first_is_under_way() {
    let api = TestApi::with(HttpSettings { time_limit: Duration::from_millis(300), ..HttpSettings::default() });
    // The first run has begun, and its runner says nothing more.
    let first = keyed(Permission::Admin, "k", REMOVE);
    let body = axum::body::to_bytes(first.into_body(), usize::MAX).await.unwrap();
    api.memory
        .kept
        .lock()
        .unwrap()
        .insert(["acme".to_owned(), "dispatcher-7".to_owned(), "k".to_owned()], (digest(Permission::Admin, &body), None));
    let answer = api.send(keyed(Permission::Admin, "k", REMOVE)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (200, "CONFLICT"));
    assert!(answer.text.contains("under way"), "{}", answer.text);
    assert!(api.memory.calls().is_empty());
}

/// As the API makes it: what the caller may, its length before it, and the body.
fn digest(permission: Permission, body: &[u8]) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    let word = permission.word();
    Sha256::digest([&[u8::try_from(word.len()).unwrap()][..], word.as_bytes(), body].concat()).into()
}

#[tokio::test]
async fn a_failure_of_ours_is_no_answer_and_may_be_tried_again() {
    let api = TestApi::new();
    *api.memory.connection_failure.lock().unwrap() =
        Some(|| argus_m365::connections::ConnectionError::Vault(argus_m365::vault::VaultError::Refused));
    let answer = api.send(keyed(Permission::Admin, "k", REMOVE)).await;
    assert_eq!(answer.code(), "INTERNAL");
    *api.memory.connection_failure.lock().unwrap() = None;
    let answer = api.send(keyed(Permission::Admin, "k", REMOVE)).await;
    assert!(!replayed(&answer));
    answer.data();
    assert_eq!(api.memory.calls().len(), 2);
}

#[tokio::test]
async fn an_answer_is_kept_when_its_caller_has_hung_up() {
    let api = TestApi::new();
    // Polled once, which starts the mutation, then dropped.
    assert!(futures_util::FutureExt::now_or_never(api.send(keyed(Permission::Admin, "k", REMOVE))).is_none());
    eventually(|| api.memory.kept.lock().unwrap().values().any(|(_, answer)| answer.is_some())).await;
    let answer = api.send(keyed(Permission::Admin, "k", REMOVE)).await;
    assert!(replayed(&answer));
    assert_eq!(api.memory.calls(), ["acme remove"]);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_for_mutations_and_ignored_for_queries() {
    let api = TestApi::new();
    let viewer = "{ viewer { subject } }";
    for bad in ["", "a b", "\u{e9}", &"x".repeat(256)] {
        let answer = api.send(keyed(Permission::Admin, bad, REMOVE)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "BAD_USER_INPUT"), "{bad:?}");
        assert_eq!(answer.json()["errors"][0]["extensions"]["field"], "Idempotency-Key");
        api.send(keyed(Permission::Admin, bad, viewer)).await.data();
    }
    let mut twice = keyed(Permission::Admin, "a", REMOVE);
    twice.headers_mut().append(KEY, "b".parse().unwrap());
    assert_eq!(api.send(twice).await.status, 400);
    for _ in 0..2 {
        assert!(!replayed(&api.send(keyed(Permission::Admin, "k", viewer)).await));
    }
    assert!(api.memory.calls().is_empty() && api.memory.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_refused_before_it_runs_uses_no_key_up() {
    let api = TestApi::new();
    let many = format!("mutation {{ {} }}", (0..21).map(|n| format!("a{n}: removeConnection")).collect::<Vec<_>>().join(" "));
    assert_eq!(api.send(keyed(Permission::Admin, "k", &many)).await.code(), "LIMIT_EXCEEDED");
    let mut nobody = keyed(Permission::Admin, "k", REMOVE);
    nobody.headers_mut().remove("authorization");
    assert_eq!(api.send(nobody).await.status, 401);
    api.send(keyed(Permission::Admin, "k", REMOVE)).await.data();
}
