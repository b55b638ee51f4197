//! The store is busy or full. On SQLite, whose file is within reach.

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use sqlx::{Connection as _, SqliteConnection};

use crate::{
    dice::size,
    replica::{LEASE, Replica},
    stage::Stage,
    support::Store,
};

/// The longest time between two faults.
const PEACE: Duration = Duration::from_millis(400);
/// What the store waits for another process's lock before it gives up (`store/db/open.rs`).
const BUSY: Duration = Duration::from_secs(5);

#[tokio::test]
async fn another_process_that_locks_the_database_is_waited_out() {
    let mut stage = Stage::set(Store::Sqlite, "SQLite locked by another process").await;
    let replica = stage.replica().await;
    let locks = size(8, 60);
    for turn in 0..locks {
        tokio::time::sleep(stage.dice.between(Duration::ZERO, PEACE)).await;
        // A few longer than the store's patience, the others up to a lease.
        let (from, to) = if turn % 8 == 7 { (BUSY, BUSY + LEASE) } else { (LEASE / 20, LEASE) };
        let held = stage.dice.between(from, to);
        let mut other = SqliteConnection::connect(&stage.world.store).await.unwrap();
        sqlx::raw_sql("PRAGMA busy_timeout = 30000; BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        tokio::time::sleep(held).await;
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
    }
    stage.judge(locks, vec![replica]).await;
}

#[tokio::test]
async fn a_full_disk_is_recovered_from_without_a_restart() {
    let mut stage = Stage::set(Store::Sqlite, "disk full").await;
    let mut replica = stage.replica().await;
    let times = size(8, 80);
    for _ in 0..times {
        tokio::time::sleep(stage.dice.between(Duration::ZERO, PEACE)).await;
        // Somewhere in the middle of its files: the first pages can still be written, the later ones cannot.
        let room = stage.dice.below(64) as u64 * 4096;
        limit(&replica, Some(room));
        tokio::time::sleep(stage.dice.between(LEASE / 10, LEASE)).await;
        limit(&replica, None);
        assert!(replica.becomes_ready().await, "it lives on");
    }
    stage.judge(times, vec![replica]).await;
}

#[tokio::test]
async fn a_process_that_can_open_nothing_more_goes_on_once_it_can() {
    let mut stage = Stage::set(Store::Sqlite, "no file or socket can be opened").await;
    let mut replica = stage.replica().await;
    let times = size(8, 80);
    for _ in 0..times {
        tokio::time::sleep(stage.dice.between(Duration::ZERO, PEACE)).await;
        // What is open stays open; nothing joins it: no reader of the store, no connection to broker or Microsoft, no caller.
        bound(&replica, Resource::Nofile, Some(0));
        tokio::time::sleep(stage.dice.between(LEASE / 10, LEASE)).await;
        bound(&replica, Resource::Nofile, Some(1024));
        assert!(replica.becomes_ready().await, "it lives on");
    }
    stage.judge(times, vec![replica]).await;
}

/// Bounds the size of every file that the process writes; none lifts the bound.
fn limit(replica: &Replica, bytes: Option<u64>) {
    bound(replica, Resource::Fsize, bytes);
}

/// Bounds what a process may use from now on.
fn bound(replica: &Replica, resource: Resource, to: Option<u64>) {
    let limited = Pid::from_raw(i32::try_from(replica.id()).unwrap()).unwrap();
    let maximum = rustix::process::getrlimit(resource).maximum;
    prlimit(Some(limited), resource, Rlimit { current: to, maximum }).expect("limiting a child");
}
