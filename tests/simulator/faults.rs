//! Faults before and after the effect, down to the socket.

use std::time::Duration;

use argus_m365::simulator::{Effect, Fault, TenantSpec, When};
use reqwest::Method;

use crate::support::{Lab, NIAMH, read, secret_form, visit};

fn on_create(when: When, effect: Effect) -> Fault {
    let path = Some("/v1.0/users/*/events".to_owned());
    Fault { method: Some("POST".to_owned()), path, times: Some(1), when, effect, ..Fault::default() }
}

async fn created(lab: &Lab) -> Result<u16, reqwest::Error> {
    let body = visit("t-1", "acme/1");
    read(lab.request(Method::POST, &format!("/users/{NIAMH}/events"), Some(&body))).await.map(|answer| answer.status)
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_effect_leaves_nothing_behind() {
    for effect in [Effect::Close, Effect::Reset] {
        let lab = Lab::new().await;
        lab.simulator.add_fault(on_create(When::Before, effect.clone()));
        let error = created(&lab).await.unwrap_err();
        assert!(error.is_request() && !error.is_status(), "{effect:?}: {error:?}");
        assert_eq!(lab.live(NIAMH), 0);
        assert_eq!(created(&lab).await.unwrap(), 201);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_effect_leaves_the_event_and_no_answer() {
    for effect in [Effect::Close, Effect::Reset, Effect::Cut] {
        let lab = Lab::new().await;
        lab.simulator.add_fault(on_create(When::After, effect.clone()));
        assert!(created(&lab).await.is_err(), "{effect:?}");
        assert_eq!(lab.live(NIAMH), 1);
        let record = lab.simulator.requests().pop().unwrap();
        assert_eq!((record.status, record.answered, record.faulted), (201, false, true));
        assert_eq!(created(&lab).await.unwrap(), 201);
        assert_eq!(lab.live(NIAMH), 1, "the same transaction");
    }
}

#[tokio::test]
async fn a_cut_answer_has_its_status_and_half_of_its_body() {
    let lab = Lab::new().await;
    lab.simulator.add_fault(on_create(When::After, Effect::Cut));
    let body = visit("t-1", "acme/1");
    let mut response = lab.request(Method::POST, &format!("/users/{NIAMH}/events"), Some(&body)).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let promised = response.content_length().unwrap();
    let mut arrived = 0;
    let broke = loop {
        match response.chunk().await {
            Ok(Some(bytes)) => arrived += bytes.len() as u64,
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broke && arrived > 0 && arrived < promised, "{arrived} of {promised}");
}

#[tokio::test]
async fn a_stalled_answer_never_ends() {
    let lab = Lab::new().await;
    lab.simulator.add_fault(on_create(When::After, Effect::Stall));
    let waited = tokio::time::timeout(Duration::from_millis(300), created(&lab)).await;
    assert!(waited.is_err());
    assert_eq!(lab.live(NIAMH), 1);
    lab.simulator.stop().await;
}

#[tokio::test]
async fn a_status_after_the_effect_hides_success() {
    let lab = Lab::new().await;
    let status = |no_body| Effect::Status { status: 504, code: None, retry_after: None, no_body };
    lab.simulator.add_fault(on_create(When::After, status(true)));
    let answer = lab.create(NIAMH, &visit("t-1", "acme/1")).await;
    assert_eq!((answer.status, answer.body.is_null(), lab.live(NIAMH)), (504, true, 1));
    lab.simulator.add_fault(on_create(When::Before, status(false)));
    let answer = lab.create(NIAMH, &visit("t-2", "acme/2")).await;
    assert_eq!((answer.status, answer.code(), lab.live(NIAMH)), (504, "GatewayTimeout", 1));
}

#[tokio::test]
async fn the_token_endpoint_fails_too() {
    let lab = Lab::new().await;
    let path = Some(format!("/{}/oauth2", TenantSpec::DEMO_ID));
    let effect =
        Effect::Status { status: 503, code: Some("temporarily_unavailable".to_owned()), retry_after: None, no_body: false };
    lab.simulator.add_fault(Fault { path, times: Some(1), effect, ..Fault::default() });
    assert_eq!(lab.ask_token(TenantSpec::DEMO_ID, &secret_form()).await.status, 503);
    assert_eq!(lab.ask_token(TenantSpec::DEMO_ID, &secret_form()).await.status, 200);
}

#[tokio::test]
async fn a_partial_page_links_to_the_rest_even_when_it_is_empty() {
    let lab = Lab::new().await;
    for number in 0..3 {
        lab.create(NIAMH, &visit(&format!("t-{number}"), "acme/1")).await;
    }
    lab.simulator.add_fault(Fault { times: Some(1), effect: Effect::PartialPage { items: 0 }, ..Fault::default() });
    let first = lab.get(&format!("/users/{NIAMH}/events")).await;
    assert_eq!(first.body["value"].as_array().unwrap().len(), 0);
    let next = first.body["@odata.nextLink"].as_str().unwrap();
    let rest = read(lab.http.get(next).bearer_auth(&lab.token)).await.unwrap();
    assert_eq!(rest.body["value"].as_array().unwrap().len(), 3);
}
