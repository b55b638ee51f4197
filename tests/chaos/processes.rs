//! Processes that die, freeze or are told to stop.

use std::time::Duration;

use argus_m365::crash;

use crate::{
    dice::{Dice, size},
    replica::{LEASE, Replica},
    stage::Stage,
    support::Store,
};

/// The longest that a connector lives, once ready, before it is killed. It takes about 100 ms to become ready.
const LIFE: Duration = Duration::from_millis(250);

async fn killed_at_random_moments(store: Store) {
    let mut stage = Stage::set(store, "SIGKILL at a random moment").await;
    let kills = size(50, 500);
    for _ in 0..kills {
        // Some die while they start: in the migration, the provisioning, the first claim.
        let replica = if stage.dice.chance(0.2) { Replica::spawn(&stage.world, &[]) } else { stage.replica().await };
        // How long it lives is the fault.
        tokio::time::sleep(stage.dice.between(Duration::ZERO, LIFE)).await;
        replica.kill();
    }
    stage.judge(kills, Vec::new()).await;
}

#[tokio::test]
async fn a_connector_killed_at_random_moments_loses_and_doubles_nothing_on_sqlite() {
    killed_at_random_moments(Store::Sqlite).await;
}

#[tokio::test]
async fn a_connector_killed_at_random_moments_loses_and_doubles_nothing_on_postgres() {
    if Store::available().contains(&Store::Postgres) {
        killed_at_random_moments(Store::Postgres).await;
    }
}

#[tokio::test]
async fn a_connector_killed_before_and_after_each_commit_call_and_acknowledgement_loses_and_doubles_nothing() {
    for store in Store::available() {
        let mut stage = Stage::set(store, "SIGKILL at each named point").await;
        let rounds = size(2, 20);
        for _ in 0..rounds {
            for point in crash::POINTS {
                while !dies_at(&mut stage, point).await {}
            }
        }
        stage.judge(rounds * crash::POINTS.len(), Vec::new()).await;
    }
}

/// Starts a connector that kills itself at a point; false when its port was taken, and it never came there.
async fn dies_at(stage: &mut Stage, point: &str) -> bool {
    let told = format!("{point}:{}", 1 + stage.dice.below(4));
    Replica::spawn(&stage.world, &[("ARGUS_CRASH_AT", &told)]).dies(&told).await
}

#[tokio::test]
async fn replicas_frozen_past_their_lease_do_no_harm_when_they_wake() {
    if !Store::available().contains(&Store::Postgres) {
        return;
    }
    let stage = Stage::set(Store::Postgres, "SIGSTOP past the lease, 3 replicas").await;
    let replicas = [stage.replica().await, stage.replica().await, stage.replica().await];
    let stops = size(20, 200);
    // Each has a rhythm of its own, so that none, one, two or all three are frozen at a time.
    let [one, two, three] = &replicas;
    tokio::join!(freeze(one, "one", stops), freeze(two, "two", stops), freeze(three, "three", stops));
    stage.judge(3 * stops, replicas.into()).await;
}

async fn freeze(replica: &Replica, name: &str, times: usize) {
    let mut dice = Dice::of(name);
    for _ in 0..times {
        // How long it works, and how long it stays frozen, are the fault.
        tokio::time::sleep(dice.between(LEASE / 20, LEASE / 4)).await;
        replica.signal("STOP");
        tokio::time::sleep(dice.between(LEASE + LEASE / 20, LEASE + LEASE / 4)).await;
        replica.signal("CONT");
    }
}

#[tokio::test]
async fn a_connector_told_to_stop_under_load_ends_in_order_and_in_time() {
    for store in Store::available() {
        let mut stage = Stage::set(store, "SIGTERM under load").await;
        let stops = size(10, 100);
        for _ in 0..stops {
            let replica = stage.replica().await;
            tokio::time::sleep(stage.dice.between(Duration::ZERO, LIFE)).await;
            replica.stop().await;
        }
        stage.judge(stops, Vec::new()).await;
    }
}
