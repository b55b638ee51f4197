//! Microsoft answers badly, late, half, or not at all.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    dice::{long, retry_after, seed, size},
    stage::Stage,
    support::{Store, eventually_within},
};

const EVENTS: &str = "/v1.0/users/";
/// How long a fault may take to strike as often as it should: where it strikes one call in ten, the calls take their time.
fn patience() -> Duration {
    Duration::from_mins(if long() { 15 } else { 3 })
}

/// Plays a fault until it has struck so many calls.
async fn play(fault: &'static str, description: Value, strikes: usize) {
    for store in Store::available() {
        let stage = Stage::set(store, fault).await;
        // Where there may be several, what one is told binds the other.
        let mut replicas = vec![stage.replica().await];
        if store == Store::Postgres {
            replicas.push(stage.replica().await);
        }
        let mut wish = description.clone();
        wish["path"] = json!(EVENTS);
        wish["seed"] = json!(seed());
        stage.world.simulator.fault(wish).await;
        let enough = u64::try_from(strikes).unwrap();
        eventually_within(patience(), "the fault has struck often enough", async || {
            (stage.world.simulator.struck().await >= enough).then_some(())
        })
        .await;
        stage.world.simulator.heal().await;
        // The judge's connector is one more process, which was told nothing by Microsoft itself.
        stage.judge(strikes, replicas).await;
    }
}

#[tokio::test]
async fn one_in_ten_answers_lost_after_the_effect_makes_no_second_event() {
    let fault = json!({ "probability": 0.1, "when": "after", "effect": "reset" });
    play("10 % of answers lost after the effect", fault, size(60, 2_000)).await;
}

#[tokio::test]
async fn a_retry_after_is_kept_to_in_full() {
    let fault =
        json!({ "probability": 0.03, "effect": { "status": { "status": 429, "retryAfter": { "seconds": retry_after() } } } });
    play("429 with Retry-After", fault, size(15, 40)).await;
}

#[tokio::test]
async fn a_burst_of_server_errors_is_ridden_out() {
    let fault = json!({ "times": size(100, 2_000), "effect": { "status": { "status": 503, "noBody": true } } });
    play("5xx burst", fault, size(100, 2_000)).await;
}

#[tokio::test]
async fn an_answer_cut_in_its_middle_is_asked_for_again() {
    let fault = json!({ "probability": 0.2, "when": "after", "effect": "cut" });
    play("reset in the middle of the body", fault, size(60, 2_000)).await;
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up() {
    let fault = json!({ "probability": 0.1, "when": "after", "effect": "stall" });
    play("stall in the middle of the body", fault, size(30, 300)).await;
}
