//! Four calls at once per app and mailbox, and whether callers wait as long as they were told.

use std::time::Duration;

use argus_m365::simulator::{Effect, Fault, RetryAfter, TenantSpec, When};
use futures_util::future::join_all;

use crate::support::{Lab, NIAMH, OISIN, secret_form, visit};

#[tokio::test]
async fn the_fifth_call_at_once_in_a_mailbox_is_throttled_and_another_mailbox_is_not() {
    let lab = Lab::new().await;
    lab.simulator.set_latency(Duration::from_secs(1));
    let bodies: Vec<_> = (0..5).map(|number| visit(&format!("t-{number}"), &format!("acme/{number}"))).collect();
    let mut calls: Vec<_> = bodies.iter().map(|body| lab.create(NIAMH, body)).collect();
    calls.push(lab.create(OISIN, &bodies[0]));
    let answers = join_all(calls).await;
    let throttled: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!(throttled.len(), 1);
    assert_eq!((throttled[0].code(), throttled[0].header("retry-after")), ("ApplicationThrottled", Some("1")));
    assert_eq!(answers[5].status, 201);
    let state = lab.simulator.state(TenantSpec::DEMO_ID).unwrap();
    let niamh = state.mailbox(NIAMH).unwrap();
    assert_eq!((niamh.most_concurrent, niamh.turned_away, niamh.events.len()), (4, 1, 4));
}

#[tokio::test]
async fn a_call_before_its_time_is_written_down_as_a_violation() {
    for retry_after in [RetryAfter::Seconds(60), RetryAfter::DateIn(60)] {
        let lab = Lab::new().await;
        let effect = Effect::Status { status: 429, code: None, retry_after: Some(retry_after), no_body: false };
        lab.simulator.add_fault(Fault { times: Some(1), effect, ..Fault::default() });
        let told = lab.get(&format!("/users/{NIAMH}/events")).await;
        assert_eq!(told.status, 429);
        let header = told.header("retry-after").unwrap();
        assert_eq!(header.parse::<u64>().is_ok(), retry_after == RetryAfter::Seconds(60), "{header}");
        lab.get(&format!("/users/{OISIN}/events")).await;
        assert!(lab.simulator.violations().is_empty(), "another mailbox was not told to wait");
        lab.get(&format!("/users/{NIAMH}/events")).await;
        assert_eq!(lab.simulator.violations().len(), 1);
    }
}

#[tokio::test]
async fn the_token_endpoint_is_waited_for_on_its_own() {
    let lab = Lab::new().await;
    let effect = Effect::Status { status: 429, code: None, retry_after: Some(RetryAfter::Seconds(60)), no_body: false };
    lab.simulator.add_fault(Fault { path: Some("/*/oauth2/v2.0/token".to_owned()), times: Some(1), effect, ..Fault::default() });
    assert_eq!(lab.ask_token(TenantSpec::DEMO_ID, &secret_form()).await.status, 429);
    lab.get("/organization").await;
    assert!(lab.simulator.violations().is_empty());
    lab.ask_token(TenantSpec::DEMO_ID, &secret_form()).await;
    assert_eq!(lab.simulator.violations()[0].scope, format!("{}/token", TenantSpec::DEMO_ID));
}

#[tokio::test]
async fn an_answer_that_never_arrived_binds_nobody() {
    let lab = Lab::new().await;
    lab.simulator.add_fault(Fault { times: Some(1), when: When::After, effect: Effect::Reset, ..Fault::default() });
    let path = format!("{}/v1.0/users/{NIAMH}/events", lab.simulator.url());
    assert!(lab.http.get(path).bearer_auth(&lab.token).send().await.is_err());
    lab.get(&format!("/users/{NIAMH}/events")).await;
    assert!(lab.simulator.violations().is_empty());
}
