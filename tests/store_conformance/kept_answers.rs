//! Answers kept under an `Idempotency-Key`.

use argus_m365::store::{KeyedRequest, Store, Turn};
use chrono::{DateTime, TimeDelta, Utc};

use crate::world::{World, now, scope};

fn request(key: &str, digest: u8, runner: &str) -> KeyedRequest {
    KeyedRequest { caller: "kim".into(), key: key.into(), digest: [digest; 32], runner: runner.into() }
}

const DAY: i64 = 24 * 3600;

fn at(seconds: i64) -> DateTime<Utc> {
    now(0) + TimeDelta::seconds(seconds)
}

/// With a lease of a minute, kept for a day.
async fn take(store: &Store, org: &str, request: &KeyedRequest, seconds: i64) -> Turn {
    store.take_request(&scope(org), request, at(seconds), at(seconds + 60), at(seconds + DAY)).await.unwrap()
}

pub(crate) async fn a_repeated_request_is_answered_as_before_until_a_day_is_over(world: &World) {
    let first = request("k", 1, "one");
    assert_eq!(take(&world.store, "a", &first, 0).await, Turn::Run);
    assert!(world.store.keep_answer(&scope("a"), &first, "the answer".into()).await.unwrap());
    let again = request("k", 1, "two");
    assert_eq!(take(&world.store, "a", &again, DAY - 1).await, Turn::Answered("the answer".into()));
    // Another process, or this one after a restart.
    let reopened = Store::open(&world.url).await.unwrap();
    assert_eq!(take(&reopened, "a", &again, DAY - 1).await, Turn::Answered("the answer".into()));
    assert_eq!(take(&reopened, "a", &again, DAY).await, Turn::Run);
    reopened.close().await;
}

pub(crate) async fn of_requests_at_once_one_runs(world: &World) {
    for round in 0..20 {
        let key = format!("k{round}");
        let all: Vec<_> = (0..8).map(|n| request(&key, 1, &n.to_string())).collect();
        let turns = futures_util::future::join_all(all.iter().map(|one| take(&world.store, "a", one, 0))).await;
        assert_eq!(turns.iter().filter(|turn| **turn == Turn::Run).count(), 1, "{turns:?}");
        assert_eq!(turns.iter().filter(|turn| **turn == Turn::UnderWay).count(), 7, "{turns:?}");
    }
}

pub(crate) async fn another_request_under_the_same_key_is_told_so(world: &World) {
    let (one, other) = (request("k", 1, "one"), request("k", 2, "two"));
    assert_eq!(take(&world.store, "a", &one, 0).await, Turn::Run);
    assert_eq!(take(&world.store, "a", &other, 0).await, Turn::Taken);
    // Nor when the first one's runner is gone: what it did is not known.
    assert_eq!(take(&world.store, "a", &other, 100).await, Turn::Taken);
    assert!(world.store.keep_answer(&scope("a"), &one, "kept".into()).await.unwrap());
    assert_eq!(take(&world.store, "a", &other, 100).await, Turn::Taken);
    assert_eq!(take(&world.store, "a", &other, DAY).await, Turn::Run);
}

pub(crate) async fn keys_are_each_callers_own(world: &World) {
    let kim = request("k", 1, "one");
    let lee = KeyedRequest { caller: "lee".into(), ..request("k", 1, "two") };
    for (org, who) in [("a", &kim), ("a", &lee), ("b", &kim)] {
        assert_eq!(take(&world.store, org, who, 0).await, Turn::Run, "{org} {}", who.caller);
        let answer = format!("{org} {}", who.caller);
        assert!(world.store.keep_answer(&scope(org), who, answer).await.unwrap());
    }
    assert_eq!(take(&world.store, "b", &kim, 1).await, Turn::Answered("b kim".into()));
    assert_eq!(take(&world.store, "a", &kim, 1).await, Turn::Answered("a kim".into()));
}

pub(crate) async fn a_runner_that_is_gone_is_taken_over_and_its_late_answer_dropped(world: &World) {
    let (gone, next) = (request("k", 1, "gone"), request("k", 1, "next"));
    assert_eq!(take(&world.store, "a", &gone, 0).await, Turn::Run);
    assert!(world.store.extend_turn(&scope("a"), &gone, at(90)).await.unwrap());
    assert_eq!(take(&world.store, "a", &next, 89).await, Turn::UnderWay);
    assert_eq!(take(&world.store, "a", &next, 90).await, Turn::Run);
    assert!(!world.store.extend_turn(&scope("a"), &gone, at(200)).await.unwrap());
    assert!(!world.store.keep_answer(&scope("a"), &gone, "too late".into()).await.unwrap());
    assert!(!world.store.release_request(&scope("a"), &gone).await.unwrap());
    assert!(world.store.keep_answer(&scope("a"), &next, "in time".into()).await.unwrap());
    assert_eq!(take(&world.store, "a", &gone, 91).await, Turn::Answered("in time".into()));
}

pub(crate) async fn what_was_given_back_runs_again(world: &World) {
    let one = request("k", 1, "one");
    assert_eq!(take(&world.store, "a", &one, 0).await, Turn::Run);
    assert!(world.store.release_request(&scope("a"), &one).await.unwrap());
    assert_eq!(take(&world.store, "a", &request("k", 2, "two"), 1).await, Turn::Run);
}

pub(crate) async fn old_answers_are_forgotten(world: &World) {
    for n in 0..3_i64 {
        let one = request(&n.to_string(), 1, "one");
        assert_eq!(take(&world.store, if n == 1 { "b" } else { "a" }, &one, n).await, Turn::Run);
    }
    assert_eq!(world.store.forget_answers(&world.worker, at(DAY - 1)).await.unwrap(), 0);
    assert_eq!(world.store.forget_answers(&world.worker, at(DAY + 1)).await.unwrap(), 2);
    assert_eq!(take(&world.store, "a", &request("2", 1, "two"), DAY + 1).await, Turn::Run);
}
