//! The control interface over HTTP.

use argus_m365::simulator::{LedgerMode, Simulator, TenantSpec};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Lab, NIAMH, http, read, secret_form, visit};

async fn control(lab: &Lab, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
    let request = lab.http.request(method, format!("{}/_sim{path}", lab.simulator.url()));
    let request = if let Some(body) = body { request.json(body) } else { request };
    let answer = read(request).await.expect("an answer");
    (answer.status, answer.body)
}

#[tokio::test]
async fn a_tenant_is_made_from_json_and_can_be_used_at_once() {
    let simulator = Simulator::start("127.0.0.1:0").await.unwrap();
    let lab = Lab { simulator, http: http(), token: String::new() };
    let spec = serde_json::to_value(TenantSpec::demo()).unwrap();
    let (status, body) = control(&lab, Method::POST, "/tenants", Some(&spec)).await;
    assert_eq!((status, body["id"].as_str()), (201, Some(TenantSpec::DEMO_ID)));
    assert_eq!(lab.ask_token(TenantSpec::DEMO_ID, &secret_form()).await.status, 200);
    assert_eq!(control(&lab, Method::POST, "/tenants", Some(&json!({"id": "x", "colour": "red"}))).await.0, 400);
    assert_eq!(control(&lab, Method::POST, "/reset", None).await.0, 204);
    assert_eq!(lab.ask_token(TenantSpec::DEMO_ID, &secret_form()).await.status, 400);
}

#[tokio::test]
async fn the_state_shows_events_and_a_worker_can_touch_them() {
    let lab = Lab::new().await;
    let id = lab.create(NIAMH, &visit("t-1", "acme/1")).await.id().to_owned();
    let base = format!("/tenants/{}", TenantSpec::DEMO_ID);
    let event = format!("{base}/mailboxes/{NIAMH}/events/{id}");
    assert_eq!(control(&lab, Method::POST, &event, Some(&json!({"edit": {"subject": "mine now"}}))).await.0, 204);
    let (_, state) = control(&lab, Method::GET, &format!("{base}/state"), None).await;
    assert_eq!(state["mailboxes"][0]["events"][0]["subject"], "mine now");
    assert_eq!(state["mailboxes"][0]["events"][0]["extended"][0][1], "acme/1");
    assert_eq!(control(&lab, Method::POST, &event, Some(&json!("delete"))).await.0, 204);
    assert_eq!(control(&lab, Method::POST, &event, Some(&json!("delete"))).await.0, 404);
    let change = json!({"mailboxes": {NIAMH: "unlicensed"}});
    assert_eq!(control(&lab, Method::PATCH, &base, Some(&change)).await.0, 204);
    assert_eq!(lab.create(NIAMH, &visit("t-2", "acme/2")).await.code(), "MailboxNotEnabledForRESTAPI");
}

#[tokio::test]
async fn faults_are_set_listed_and_cleared() {
    let lab = Lab::new().await;
    let fault = json!({"method": "GET", "path": "/v1.0/organization", "effect": {"status": {"status": 503, "retryAfter": {"seconds": 7}}}});
    assert_eq!(control(&lab, Method::POST, "/faults", Some(&fault)).await.0, 201);
    let answer = lab.get("/organization").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("7")));
    let (_, list) = control(&lab, Method::GET, "/faults", None).await;
    assert_eq!(list["faults"][0]["struck"], 1);
    assert_eq!(control(&lab, Method::DELETE, "/faults", None).await.0, 204);
    assert_eq!(lab.get("/organization").await.status, 200);
}

#[tokio::test]
async fn the_ledger_shows_requests_without_credentials() {
    let lab = Lab::new().await;
    lab.create(NIAMH, &visit("t-1", "acme/1")).await;
    let (_, body) = control(&lab, Method::GET, "/requests", None).await;
    let text = body.to_string();
    assert!(!text.contains(TenantSpec::DEMO_SECRET) && !text.contains(&lab.token));
    let last = body["requests"].as_array().unwrap().last().unwrap();
    assert_eq!((last["method"].as_str(), last["status"].as_u64()), (Some("POST"), Some(201)));
    assert_eq!(last["headers"]["authorization"], "Bearer x");
    assert!(last["body"].as_str().unwrap().contains("acme/1"));
}

#[tokio::test]
async fn a_ledger_of_counts_keeps_no_request() {
    let lab = Lab::new().await;
    lab.simulator.reset();
    lab.simulator.add_tenant(TenantSpec::demo());
    lab.simulator.set_ledger(LedgerMode::Counts);
    lab.get("/organization").await;
    assert!(lab.simulator.requests().is_empty());
    assert_eq!(lab.simulator.counts().get("organization 401"), Some(&1));
}
