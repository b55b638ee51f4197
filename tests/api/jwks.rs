//! How the issuer's keys are fetched and kept.

use std::{fs, time::Duration};

use argus_m365::{
    api::auth::{AuthSettings, AuthSetupError, Authenticator, FetchFailure, KeySource, Rejection},
    clock::ManualClock,
};
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

use crate::keys::{Issuer, RSA_1, RSA_2, authenticator, claims_with, ec, rsa, settings, start};

/// Claims that outlive every clock in these tests.
fn claims() -> serde_json::Value {
    claims_with(&json!({ "exp": start().timestamp() + 10 * 24 * 3600 }))
}

#[tokio::test]
async fn keys_are_fetched_once_in_ten_minutes() {
    let signer = rsa("r", RSA_1);
    let issuer = Issuer::with(&[signer.jwk()]);
    let (authenticator, clock) = authenticator(&issuer);
    let token = signer.sign(&claims());
    for _ in 0..20 {
        authenticator.authenticate(&token).await.unwrap();
        clock.advance(TimeDelta::seconds(29));
    }
    assert_eq!(issuer.asked(), 1);
    clock.advance(TimeDelta::seconds(20));
    authenticator.authenticate(&token).await.unwrap();
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn callers_who_come_together_wait_for_one_fetch() {
    let signer = rsa("r", RSA_1);
    let issuer = Issuer::with(&[signer.jwk()]);
    let (authenticator, _) = authenticator(&issuer);
    let token = signer.sign(&claims());
    let answers = join_all((0..100).map(|_| authenticator.authenticate(&token))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_change_of_keys_fails_no_call() {
    let (old, new) = (rsa("old", RSA_1), rsa("new", RSA_2));
    let issuer = Issuer::with(&[old.jwk()]);
    let (authenticator, clock) = authenticator(&issuer);
    authenticator.authenticate(&old.sign(&claims())).await.unwrap();
    clock.advance(TimeDelta::seconds(10));

    issuer.publish(&[old.jwk(), new.jwk()]);
    for _ in 0..5 {
        authenticator.authenticate(&new.sign(&claims())).await.unwrap();
        authenticator.authenticate(&old.sign(&claims())).await.unwrap();
    }
    assert_eq!(issuer.asked(), 2);

    issuer.publish(&[new.jwk()]);
    clock.advance(TimeDelta::minutes(10));
    authenticator.authenticate(&new.sign(&claims())).await.unwrap();
    assert_eq!(authenticator.authenticate(&old.sign(&claims())).await, Err(Rejection::UnknownKey));
}

#[tokio::test]
async fn a_flood_of_unknown_keys_asks_the_issuer_once_in_ten_seconds() {
    let issuer = Issuer::with(&[rsa("r", RSA_1).jwk()]);
    let (authenticator, clock) = authenticator(&issuer);
    let stranger = rsa("stranger", RSA_2).sign(&claims());
    for second in 0..60 {
        let answers = join_all((0..10).map(|_| authenticator.authenticate(&stranger))).await;
        assert!(answers.iter().all(|answer| *answer == Err(Rejection::UnknownKey)));
        assert!(issuer.asked() <= 1 + second / 10, "{} after {second} s", issuer.asked());
        clock.advance(TimeDelta::seconds(1));
    }
    assert_eq!(issuer.asked(), 6);
}

#[tokio::test]
async fn known_keys_serve_while_the_issuer_is_away_but_not_for_ever() {
    let signer = ec("e");
    let issuer = Issuer::with(&[signer.jwk()]);
    let (authenticator, clock) = authenticator(&issuer);
    let token = signer.sign(&claims());
    authenticator.authenticate(&token).await.unwrap();
    issuer.go_away();
    for _ in 0..23 {
        clock.advance(TimeDelta::hours(1));
        authenticator.authenticate(&token).await.unwrap();
    }
    clock.advance(TimeDelta::hours(1));
    assert_eq!(authenticator.authenticate(&token).await, Err(Rejection::KeysUnavailable));
    issuer.publish(&[signer.jwk()]);
    clock.advance(TimeDelta::seconds(10));
    authenticator.authenticate(&token).await.unwrap();
}

#[tokio::test]
async fn a_document_without_a_usable_key_does_not_replace_the_keys() {
    let signer = rsa("r", RSA_1);
    let issuer = Issuer::with(&[signer.jwk()]);
    let (authenticator, clock) = authenticator(&issuer);
    let token = signer.sign(&claims());
    authenticator.authenticate(&token).await.unwrap();
    for text in ["", "<html>", "{}", "{\"keys\": 7}", "{\"keys\": []}"] {
        issuer.publish_text(text);
        clock.advance(TimeDelta::minutes(11));
        authenticator.authenticate(&token).await.unwrap();
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_take_the_fetch_along() {
    let signer = rsa("r", RSA_1);
    let issuer = Issuer::with(&[signer.jwk()]);
    let (authenticator, _) = authenticator(&issuer);
    let token = signer.sign(&claims());
    // Polled once, which starts the fetch, then dropped.
    assert!(futures_util::FutureExt::now_or_never(authenticator.authenticate(&token)).is_none());
    tokio::time::timeout(Duration::from_secs(5), async {
        while authenticator.authenticate(&token).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_freeze_the_keys() {
    let (old, new) = (rsa("old", RSA_1), rsa("new", RSA_2));
    let issuer = Issuer::with(&[old.jwk()]);
    let (authenticator, clock) = authenticator(&issuer);
    authenticator.authenticate(&old.sign(&claims())).await.unwrap();
    issuer.publish(&[new.jwk()]);
    clock.advance(TimeDelta::hours(-5));
    authenticator.authenticate(&new.sign(&claims())).await.unwrap();
}

#[tokio::test]
async fn a_token_without_a_key_id_is_taken_only_when_there_is_no_choice() {
    let (one, other) = (rsa("one", RSA_1), rsa("other", RSA_2));
    let token = one.sign_with(&jsonwebtoken::Header { kid: None, ..one.header() }, &claims());
    let (alone, _) = authenticator(&Issuer::with(&[one.jwk()]));
    alone.authenticate(&token).await.unwrap();
    let (several, _) = authenticator(&Issuer::with(&[one.jwk(), other.jwk()]));
    assert_eq!(several.authenticate(&token).await, Err(Rejection::UnknownKey));
}

#[tokio::test]
async fn an_odd_key_does_not_spoil_the_set() {
    let signer = rsa("r", RSA_1);
    let odd = json!({ "kty": "post-quantum", "kid": "q", "alg": "ML-DSA-65", "pub": "AAAA" });
    let (authenticator, _) = authenticator(&Issuer::with(&[odd, json!(7), signer.jwk()]));
    authenticator.authenticate(&signer.sign(&claims())).await.unwrap();
}

#[tokio::test]
async fn keys_from_a_file_are_read_again_when_they_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let clock = ManualClock::at(start());
    let settings = AuthSettings { keys: KeySource::JwksFile(path.clone()), ..settings() };
    let authenticator = Authenticator::new(settings, clock.clone()).unwrap();
    assert!(matches!(authenticator.warm_up().await, Err(AuthSetupError::Keys(FetchFailure::File(_)))));

    let (old, new) = (rsa("old", RSA_1), ec("new"));
    fs::write(&path, json!({ "keys": [old.jwk()] }).to_string()).unwrap();
    authenticator.warm_up().await.unwrap();
    authenticator.authenticate(&old.sign(&claims())).await.unwrap();
    fs::write(&path, json!({ "keys": [new.jwk()] }).to_string()).unwrap();
    clock.advance(TimeDelta::seconds(10));
    authenticator.authenticate(&new.sign(&claims())).await.unwrap();
}

/// A server that answers every request with one text.
async fn serve(status: u16, headers: &'static str, body: String) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            assert_ne!(stream.read(&mut asked).await.unwrap(), 0);
            let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            // The client may have hung up at the size that the head announced.
            stream.write_all(body.as_bytes()).await.ok();
        }
    });
    format!("http://{address}/keys")
}

async fn from_url(url: &str) -> (Authenticator, Result<(), AuthSetupError>) {
    let settings = AuthSettings { keys: KeySource::JwksUrl(url.parse().unwrap()), ..settings() };
    let authenticator = Authenticator::new(settings, ManualClock::at(start())).unwrap();
    let warmed = authenticator.warm_up().await;
    (authenticator, warmed)
}

#[tokio::test]
async fn keys_come_over_http() {
    let signer = rsa("r", RSA_1);
    let url = serve(200, "", json!({ "keys": [signer.jwk()] }).to_string()).await;
    let (authenticator, warmed) = from_url(&url).await;
    warmed.unwrap();
    authenticator.authenticate(&signer.sign(&claims())).await.unwrap();
}

#[tokio::test]
async fn redirects_errors_and_endless_documents_give_no_keys() {
    let keys = json!({ "keys": [rsa("r", RSA_1).jwk()] }).to_string();
    let elsewhere = serve(302, "Location: http://127.0.0.1:1/keys\r\n", keys.clone()).await;
    assert!(matches!(from_url(&elsewhere).await.1, Err(AuthSetupError::Keys(FetchFailure::Status(302)))));
    let broken = serve(500, "", keys).await;
    assert!(matches!(from_url(&broken).await.1, Err(AuthSetupError::Keys(FetchFailure::Status(500)))));
    let endless = serve(200, "", " ".repeat(2 * 1024 * 1024)).await;
    assert!(matches!(from_url(&endless).await.1, Err(AuthSetupError::Keys(FetchFailure::TooLarge))));
    assert!(matches!(from_url("http://127.0.0.1:1/keys").await.1, Err(AuthSetupError::Keys(FetchFailure::Request(_)))));
}

#[tokio::test]
async fn a_thousand_unknown_keys_within_ten_seconds_are_one_question() {
    let (known, issuer) = (rsa("r", RSA_1), Issuer::with(&[rsa("r", RSA_1).jwk()]));
    let (authenticator, clock) = authenticator(&issuer);
    authenticator.authenticate(&known.sign(&claims())).await.unwrap();
    clock.advance(TimeDelta::seconds(60));
    let before = issuer.asked();
    let stranger = rsa("stranger", RSA_2).sign(&claims());
    for _ in 0..10 {
        let answers = join_all((0..100).map(|_| authenticator.authenticate(&stranger))).await;
        assert!(answers.iter().all(|answer| *answer == Err(Rejection::UnknownKey)));
        // Who has a good token does not notice.
        authenticator.authenticate(&known.sign(&claims())).await.unwrap();
        clock.advance(TimeDelta::milliseconds(999));
    }
    assert_eq!(issuer.asked() - before, 1);
}

/// The issuer changes its key a hundred times, as it should: the new key is in the set for ten minutes before it signs, the old one until its last
/// token has run out. Twenty callers ask all the time.
#[tokio::test]
async fn keys_that_change_under_constant_traffic_fail_no_call() {
    let names: Vec<&'static str> = (0..100).map(|n| &*format!("key-{n}").leak()).collect();
    let signers: Vec<_> = names.iter().enumerate().map(|(n, id)| rsa(id, if n % 2 == 0 { RSA_1 } else { RSA_2 })).collect();
    let tokens: Vec<_> = signers.iter().map(|signer| signer.sign(&claims())).collect();
    let issuer = Issuer::with(&[signers[0].jwk()]);
    let (authenticator, clock) = authenticator(&issuer);
    let mut calls = 0;
    for n in 1..signers.len() {
        issuer.publish(&[signers[n - 1].jwk(), signers[n].jwk()]);
        for minute in 0..12 {
            clock.advance(TimeDelta::minutes(1));
            // Old tokens all along; new ones as soon as the key signs.
            let new = minute >= 10;
            let asked = (0..20).map(|caller| authenticator.authenticate(&tokens[if new && caller % 2 == 0 { n } else { n - 1 }]));
            for answer in join_all(asked).await {
                answer.unwrap();
                calls += 1;
            }
        }
    }
    assert_eq!(calls, 99 * 12 * 20);
    assert!(issuer.asked() <= 99 * 12 / 5, "{} questions", issuer.asked());
}
