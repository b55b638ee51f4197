//! `$batch`.

use argus_m365::simulator::{Effect, Fault};
use serde_json::{Value, json};

use crate::support::{Answer, Lab, NIAMH, OISIN, visit};

fn create(id: &str, user: &str, depends_on: &[&str]) -> Value {
    let headers = json!({"Content-Type": "application/json", "Prefer": "IdType=\"ImmutableId\""});
    let mut part = json!({
        "id": id, "method": "POST", "url": format!("/users/{user}/events"), "headers": headers, "body": visit(id, &format!("acme/{id}")),
    });
    if !depends_on.is_empty() {
        part["dependsOn"] = json!(depends_on);
    }
    part
}

fn status(answer: &Answer, id: &str) -> u64 {
    let parts = answer.body["responses"].as_array().expect("responses");
    parts.iter().find(|part| part["id"] == id).expect("the part")["status"].as_u64().expect("a status")
}

async fn send(lab: &Lab, parts: &[Value]) -> Answer {
    lab.post("/$batch", &json!({"requests": parts})).await
}

#[tokio::test]
async fn parts_are_judged_alone_and_answered_in_another_order() {
    let lab = Lab::new().await;
    let missing = json!({"id": "2", "method": "DELETE", "url": format!("/users/{NIAMH}/events/none")});
    let answer = send(&lab, &[create("1", NIAMH, &[]), missing]).await;
    assert_eq!((answer.status, status(&answer, "1"), status(&answer, "2")), (200, 201, 404));
    assert_eq!(answer.body["responses"][0]["id"], "2");
    assert_eq!(lab.live(NIAMH), 1);
}

#[tokio::test]
async fn parts_count_against_the_four_of_their_mailbox() {
    let lab = Lab::new().await;
    let mut parts: Vec<Value> = (1..=5).map(|number| create(&number.to_string(), NIAMH, &[])).collect();
    parts.push(create("6", OISIN, &[]));
    let answer = send(&lab, &parts).await;
    let throttled: Vec<&Value> =
        answer.body["responses"].as_array().unwrap().iter().filter(|part| part["status"] == 429).collect();
    assert_eq!(throttled.len(), 1);
    assert_eq!(throttled[0]["headers"]["Retry-After"], "1");
    assert_eq!((lab.live(NIAMH), lab.live(OISIN)), (4, 1));
}

#[tokio::test]
async fn a_chain_runs_in_order_and_breaks_at_its_first_failure() {
    let lab = Lab::new().await;
    let chain = |user: &str| vec![create("1", user, &[]), create("2", user, &["1"]), create("3", user, &["2"])];
    let good = send(&lab, &chain(NIAMH)).await;
    assert_eq!((status(&good, "1"), status(&good, "3"), lab.live(NIAMH)), (201, 201, 3));
    let bad = send(&lab, &chain("nobody@acme-water.example")).await;
    assert_eq!((status(&bad, "1"), status(&bad, "2"), status(&bad, "3")), (404, 424, 424));
}

#[tokio::test]
async fn a_malformed_batch_is_refused_whole() {
    let lab = Lab::new().await;
    let get = |id: &str, url: &str| json!({"id": id, "method": "GET", "url": url});
    let many: Vec<Value> = (0..21).map(|id| get(&id.to_string(), "/organization")).collect();
    let mut bare = create("1", NIAMH, &[]);
    bare["headers"] = json!({});
    let batches = [
        many,
        vec![],
        vec![get("a", "/organization"), get("A", "/organization")],
        vec![get("1", "https://graph.microsoft.com/v1.0/organization")],
        vec![create("1", NIAMH, &["9"])],
        vec![bare],
        vec![json!({"id": "1", "method": "GET", "url": "/organization", "atomicityGroup": "x"})],
    ];
    for parts in batches {
        assert_eq!(send(&lab, &parts).await.status, 400, "{parts:?}");
    }
    assert_eq!(lab.live(NIAMH), 0);
    let headers = json!({"Content-Type": "application/json"});
    let nested = [json!({"id": "1", "method": "POST", "url": "/$batch", "headers": headers, "body": {}})];
    assert_eq!(status(&send(&lab, &nested).await, "1"), 400);
}

#[tokio::test]
async fn a_fault_meets_a_part_alone() {
    let lab = Lab::new().await;
    let effect = Effect::Status { status: 503, code: None, retry_after: None, no_body: false };
    lab.simulator.add_fault(Fault { path: Some(format!("/v1.0/users/{NIAMH}")), effect, ..Fault::default() });
    let answer = send(&lab, &[create("1", NIAMH, &[]), create("2", OISIN, &[])]).await;
    assert_eq!((answer.status, status(&answer, "1"), status(&answer, "2")), (200, 503, 201));
}
