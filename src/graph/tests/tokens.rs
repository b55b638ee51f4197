//! Tokens: single flight, early refresh, refusal, 401.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::graph::{
    Access, Credential, Graph, Request, ThrottleScope, Verdict, Workload,
    testing::{Act, Server, access, client_of, eventually, is_login, say, token},
};

fn read() -> Request {
    Request::get(Workload::Directory, "/organization")
}

#[tokio::test]
async fn fifty_callers_share_one_token_request() {
    let server = Server::start(|seen, _| if is_login(seen) { token("t1") } else { say(200, "{}") }).await;
    let (client, _, metrics) = client_of(&server);
    let account = Arc::new(access("acme", 1));
    let calls = (0..50).map(|_| {
        let session = client.session(Arc::clone(&account));
        async move { session.send(read()).await }
    });
    assert!(join_all(calls).await.iter().all(Result::is_ok));

    let logins = server.logins();
    assert_eq!(logins.len(), 1);
    assert_eq!((logins[0].method.as_str(), logins[0].path.as_str()), ("POST", "/contoso.example/oauth2/v2.0/token"));
    assert_eq!(logins[0].headers["content-type"], "application/x-www-form-urlencoded");
    let form = logins[0].form();
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["client_id"], "app-1");
    assert_eq!(form["client_secret"], "s3cret+/=&");
    assert_eq!(form["scope"], "https://graph.microsoft.com/.default");
    assert!(server.calls().iter().all(|call| call.headers["authorization"] == "Bearer t1"));
    assert_eq!(metrics.token_requests_total.with_label_values(&["granted"]).get(), 1);
}

#[tokio::test]
async fn fifty_callers_share_one_refusal() {
    let refusal = json!({"error": "invalid_client", "error_description": "AADSTS7000215: 's3cret+/=&' is wrong.\r\nTrace", "trace_id": "t-9"});
    // Late, so that all fifty wait for the same request.
    let pause = std::time::Duration::from_millis(200);
    let server = Server::start(move |_, _| Act::Late(pause, Box::new(say(401, &refusal.to_string())))).await;
    let (client, clock, metrics) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let results = join_all((0..50).map(|_| session.send(read()))).await;
    for result in results {
        let error = result.unwrap_err();
        assert_eq!((error.verdict.clone(), error.code.as_str()), (Verdict::Credential, "invalid_client"));
        assert_eq!((error.status, error.request_id.as_deref()), (Some(401), Some("t-9")));
        assert!(error.message.contains("AADSTS7000215") && !error.message.contains("s3cret"), "{}", error.message);
    }
    assert_eq!(server.logins().len(), 1);
    assert_eq!(metrics.token_requests_total.with_label_values(&["refused"]).get(), 1);
    for _ in 0..1_000 {
        assert_eq!(session.send(read()).await.unwrap_err().verdict, Verdict::Credential);
    }
    assert_eq!(server.logins().len(), 1, "a thousand objects that wait are no reason to ask again");
    assert!(client.session(Arc::new(access("acme", 2))).send(read()).await.is_err());
    assert_eq!(server.logins().len(), 2, "another secret is asked for");
    clock.advance(TimeDelta::seconds(61));
    assert!(session.send(read()).await.is_err());
    assert_eq!(server.logins().len(), 3, "a later caller asks anew");
}

#[tokio::test]
async fn a_probe_asks_in_spite_of_a_refusal_and_its_grant_ends_it() {
    let refusal = json!({"error": "invalid_client", "error_description": "AADSTS7000222: expired"}).to_string();
    let server = Server::start(move |seen, before| match (is_login(seen), before) {
        (true, 0..2) => say(401, &refusal),
        (true, _) => token("t"),
        (false, _) => say(200, "{}"),
    })
    .await;
    let (client, _, _) = client_of(&server);
    let account = Arc::new(access("acme", 1));
    let session = client.session(Arc::clone(&account));
    assert!(session.send(read()).await.is_err());
    assert!(client.probe_token(&account).await.is_err());
    assert!(session.send(read()).await.is_err());
    assert_eq!(server.logins().len(), 2);
    client.probe_token(&account).await.unwrap();
    session.send(read()).await.unwrap();
    assert_eq!(server.logins().len(), 3);
}

#[tokio::test]
async fn an_endpoint_that_fails_makes_callers_wait_and_says_since_when() {
    let server = Server::start(|seen, before| match (is_login(seen), before) {
        (true, 0..2) => say(503, "busy"),
        (true, _) => token("t"),
        (false, _) => say(200, "{}"),
    })
    .await;
    let (client, clock, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let began = clock.now();
    for _ in 0..1_000 {
        let error = session.send(read()).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::Throttled { until: began + TimeDelta::seconds(2), scope: ThrottleScope::Login });
        assert_eq!(error.status, None, "Graph was not asked");
    }
    assert_eq!(server.logins().len(), 1);
    clock.advance(TimeDelta::seconds(2));
    assert!(session.send(read()).await.is_err());
    assert_eq!(session.token_trouble().map(|trouble| trouble.since), Some(began));
    clock.advance(TimeDelta::seconds(4));
    session.send(read()).await.unwrap();
    assert_eq!((server.logins().len(), session.token_trouble()), (3, None));
}

#[tokio::test]
async fn another_secret_version_another_secret_and_another_organisation_have_tokens_of_their_own() {
    let server = Server::start(|seen, before| if is_login(seen) { token(&format!("t{before}")) } else { say(200, "{}") }).await;
    let (client, _, _) = client_of(&server);
    let other_secret = Access { credential: Credential::Secret("other".into()), ..access("acme", 1) };
    for account in [access("acme", 1), access("acme", 2), access("other", 1), other_secret, access("acme", 1)] {
        client.session(Arc::new(account)).send(read()).await.unwrap();
    }
    assert_eq!(server.logins().len(), 4);
}

#[tokio::test]
async fn an_old_token_is_refreshed_early_and_stays_in_use_while_that_fails() {
    let server = Server::start(|seen, before| match (is_login(seen), before) {
        (true, 0) => token("old"),
        (true, 1..6) => say(503, "busy"),
        (true, _) => token("new"),
        (false, _) => say(200, "{}"),
    })
    .await;
    let (client, clock, metrics) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    session.send(read()).await.unwrap();

    clock.advance(TimeDelta::minutes(47));
    session.send(read()).await.unwrap();
    assert_eq!(server.logins().len(), 1, "not old enough");

    clock.advance(TimeDelta::minutes(2));
    session.send(read()).await.unwrap();
    eventually(|| metrics.token_requests_total.with_label_values(&["failed"]).get() == 1).await;
    session.send(read()).await.unwrap();
    session.send(read()).await.unwrap();
    assert_eq!(server.logins().len(), 2, "not tried again at once");
    assert!(server.calls().iter().all(|call| call.headers["authorization"] == "Bearer old"));

    clock.advance(TimeDelta::seconds(31));
    session.send(read()).await.unwrap();
    eventually(|| metrics.token_requests_total.with_label_values(&["granted"]).get() == 2).await;
    session.send(read()).await.unwrap();
    assert_eq!(server.calls().last().unwrap().headers["authorization"], "Bearer new");
}

#[tokio::test]
async fn callers_do_not_wait_for_an_early_refresh_nor_does_a_wait_named_by_it_hold_them_up() {
    let slow = Act::Answer(429, vec![("retry-after", "600".into())], String::new());
    let told = Arc::new(Notify::new());
    let wait_for = Arc::clone(&told);
    let server = Server::start(move |seen, before| match (is_login(seen), before) {
        (true, 0) => token("old"),
        (true, _) => Act::When(Arc::clone(&wait_for), Box::new(slow.clone())),
        (false, _) => say(200, "{}"),
    })
    .await;
    let (client, clock, metrics) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    session.send(read()).await.unwrap();
    clock.advance(TimeDelta::minutes(49));
    for _ in 0..5 {
        session.send(read()).await.unwrap();
    }
    assert_eq!(metrics.token_requests_total.with_label_values(&["throttled"]).get(), 0, "they went ahead meanwhile");
    told.notify_one();
    eventually(|| metrics.token_requests_total.with_label_values(&["throttled"]).get() == 1).await;
    clock.advance(TimeDelta::minutes(5));
    session.send(read()).await.unwrap();
    assert_eq!(server.logins().len(), 2, "the wait is kept, and the old token serves meanwhile");
}

#[tokio::test]
async fn an_expired_token_is_not_used() {
    let server = Server::start(|seen, before| match (is_login(seen), before) {
        (true, 0) => token("old"),
        (true, _) => Act::Reset,
        (false, _) => say(200, "{}"),
    })
    .await;
    let (client, clock, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    session.send(read()).await.unwrap();
    clock.advance(TimeDelta::minutes(60));
    let error = session.send(read()).await.unwrap_err();
    let waits = matches!(error.verdict, Verdict::Throttled { scope: ThrottleScope::Login, .. });
    assert!(waits, "asking for a token later does no harm, whatever was to be sent with it: {error:?}");
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn a_401_gets_one_fresh_token_and_one_repeat_whatever_the_method() {
    let server = Server::start(|seen, before| match (is_login(seen), seen.headers.get("authorization").map(String::as_str)) {
        (true, _) => token(&format!("t{before}")),
        (false, Some("Bearer t0")) => say(401, r#"{"error":{"code":"InvalidAuthenticationToken","message":"expired"}}"#),
        (false, _) => say(201, r#"{"id":"1"}"#),
    })
    .await;
    let (client, _, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let made =
        session.send(Request::post(Workload::Outlook, "/users/a/events", json!({"subject": "x"})).target("a")).await.unwrap();
    assert_eq!((made.status, &made.body["id"]), (201, &json!("1")));
    assert_eq!((server.logins().len(), server.calls().len()), (2, 2));
    assert_eq!(server.calls()[0].body, server.calls()[1].body);
    session.send(read()).await.unwrap();
    assert_eq!(server.logins().len(), 2, "the fresh token is kept");
}

#[tokio::test]
async fn forty_calls_refused_with_the_same_token_ask_for_one_fresh_one() {
    let server = Server::start(|seen, before| match (is_login(seen), seen.headers.get("authorization").map(String::as_str)) {
        (true, _) => token(&format!("t{before}")),
        // Half of the refusals come when the fresh token is there already: they say nothing about that one.
        (false, Some("Bearer t0")) if before % 2 == 0 => say(401, ""),
        (false, Some("Bearer t0")) => Act::Late(std::time::Duration::from_millis(200), Box::new(say(401, ""))),
        (false, _) => say(200, "{}"),
    })
    .await;
    let (client, _, _) = client_of(&server);
    let session = client.session(Arc::new(access("acme", 1)));
    let results = join_all((0..40).map(|_| session.send(read()))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(server.logins().len(), 2);
}

#[tokio::test]
async fn a_second_401_is_unauthorized_and_a_claims_challenge_is_answered() {
    let claims = r#"{"access_token":{"nbf":{"essential":true}}}"#;
    let challenge =
        r#"Bearer error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ==""#;
    let server = Server::start(move |seen, before| {
        if is_login(seen) {
            token(&format!("t{before}"))
        } else {
            Act::Answer(401, vec![("www-authenticate", challenge.into())], String::new())
        }
    })
    .await;
    let (client, _, _) = client_of(&server);
    let error = client.session(Arc::new(access("acme", 1))).send(read()).await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::Unauthorized, "http401"));
    assert_eq!((server.logins().len(), server.calls().len()), (2, 2));
    assert!(!server.logins()[0].form().contains_key("claims"));
    assert_eq!(server.logins()[1].form()["claims"], claims);
}

#[tokio::test]
async fn the_token_endpoints_wait_is_kept() {
    let server = Server::start(|seen, before| match (is_login(seen), before) {
        (true, 0) => Act::Answer(429, vec![("retry-after", "60".into())], String::new()),
        (true, _) => token("t"),
        (false, _) => say(200, "{}"),
    })
    .await;
    let (client, clock, metrics) = client_of(&server);
    let account = Arc::new(access("acme", 1));
    let session = client.session(Arc::clone(&account));
    for _ in 0..3 {
        let error = session.send(read()).await.unwrap_err();
        assert!(matches!(error.verdict, Verdict::Throttled { scope: ThrottleScope::Login, .. }), "{error:?}");
    }
    assert!(client.probe_token(&account).await.is_err());
    assert_eq!(server.seen().len(), 1);
    clock.advance(TimeDelta::seconds(61));
    session.send(read()).await.unwrap();
    assert_eq!(metrics.token_requests_total.with_label_values(&["throttled"]).get(), 1);
}

#[tokio::test]
async fn a_probe_always_asks_and_tells_roles_and_clock_and_its_token_is_kept() {
    // {"roles":["Calendars.ReadWrite"]}
    let jwt = "e30.eyJyb2xlcyI6WyJDYWxlbmRhcnMuUmVhZFdyaXRlIl19.c2ln";
    let server = Server::start(move |seen, _| {
        if !is_login(seen) {
            return say(200, "{}");
        }
        let Act::Answer(status, _, body) = token(jwt) else { unreachable!() };
        Act::Answer(status, vec![("date", "Mon, 23 Nov 2026 19:55:00 GMT".into())], body)
    })
    .await;
    let (client, _, _) = client_of(&server);
    let account = Arc::new(access("acme", 1));
    client.probe_token(&account).await.unwrap();
    let probe = client.probe_token(&account).await.unwrap();
    assert_eq!(probe.roles, ["Calendars.ReadWrite"]);
    assert!((290_000..=300_000).contains(&probe.clock_skew_ms.unwrap()), "{probe:?}");
    let session = client.session(account);
    session.send(read()).await.unwrap();
    assert_eq!(server.logins().len(), 2);
    session.invalidate();
    session.send(read()).await.unwrap();
    assert_eq!(server.logins().len(), 3);
}

#[tokio::test]
async fn a_certificate_signs_for_the_endpoint_that_is_really_asked() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["argus.example".into()]).unwrap().self_signed(&key).unwrap();
    let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
    let server = Server::start(|seen, _| if is_login(seen) { token("t") } else { say(200, "{}") }).await;
    let (client, _, _) = client_of(&server);
    let account = Access { credential: Credential::Certificate(pem.into()), ..access("acme", 1) };
    client.session(Arc::new(account)).send(read()).await.unwrap();

    let form = server.logins()[0].form();
    assert!(!form.contains_key("client_secret"));
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::PS256);
    rules.set_audience(&[format!("{}contoso.example/oauth2/v2.0/token", server.root)]);
    rules.validate_exp = false;
    let verifier = jsonwebtoken::DecodingKey::from_rsa_pem(key.public_key_pem().as_bytes()).unwrap();
    let claims = jsonwebtoken::decode::<serde_json::Value>(&form["client_assertion"], &verifier, &rules).unwrap().claims;
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("app-1"), &json!("app-1")));
}

#[tokio::test]
async fn what_is_not_a_token_is_transient_and_never_quoted() {
    for body in
        ["", "{}", "<html>", r#"{"access_token":""}"#, r#"{"access_token":"to\nken"}"#, r#"{"access_token":"secret-token"#]
    {
        let server = Server::start(move |_, _| say(200, body)).await;
        let (client, _, _) = client_of(&server);
        let error = client.probe_token(&Arc::new(access("acme", 1))).await.unwrap_err();
        assert_eq!((error.verdict.clone(), error.code.as_str()), (Verdict::Transient, "malformedBody"), "{body}");
        assert!(!format!("{error:?}").contains("secret-token"));
    }
}
