//! The store is busy, full, or of yesterday. On SQLite, whose file is within reach.

use std::{path::Path, time::Duration};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use sqlx::{Connection as _, SqliteConnection};

use crate::{
    dice::size,
    load::Ledger,
    replica::{LEASE, Replica},
    stage::{Stage, wait_less},
    support::{Store, eventually},
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

/// Bounds the size of every file that the process writes; none lifts the bound.
fn limit(replica: &Replica, bytes: Option<u64>) {
    let limited = Pid::from_raw(i32::try_from(replica.id()).unwrap()).unwrap();
    prlimit(Some(limited), Resource::Fsize, Rlimit { current: bytes, maximum: None }).expect("limiting a child");
}

#[tokio::test]
async fn a_database_of_yesterday_and_the_stream_read_again_lead_to_the_same_calendar() {
    // What moved or was closed after the backup stands in a mailbox that the restored database has never heard of; it is not
    // found by a newer version alone. README, "Backup", says so.
    let ledger = Ledger { settled_down: true, ..Ledger::default() };
    let stage = Stage::set_with(Store::Sqlite, "yesterday's database, stream replayed", ledger).await;
    let times = size(3, 20);
    for _ in 0..times {
        let folder = stage.world.folder.path().to_owned();
        let replica = stage.replica().await;
        some_work(&stage).await;
        replica.stop().await;
        copy(&folder, "store.db", "yesterday.db");
        let replica = stage.replica().await;
        some_work(&stage).await;
        replica.kill();
        copy(&folder, "yesterday.db", "store.db");
        // The stream is read again from its start: a consumer that is made anew does.
        let stream = stage.world.jetstream().await.get_stream("ARGUS").await.unwrap();
        stream.delete_consumer("argus-m365").await.unwrap();
        let replica = stage.replica().await;
        wait_less(&stage.world).await;
        some_work(&stage).await;
        replica.stop().await;
    }
    stage.judge(times, Vec::new()).await;
}

/// Waits until Microsoft has been changed some more.
async fn some_work(stage: &Stage) {
    let before = changes(stage).await;
    eventually("some more changes", async || (changes(stage).await >= before + 100).then_some(())).await;
}

/// Changes to events that stand, their making included.
async fn changes(stage: &Stage) -> u64 {
    let remembered = stage.world.simulator.state().await;
    let mailboxes = remembered["mailboxes"].as_array().into_iter().flatten();
    let events = mailboxes.flat_map(|mailbox| mailbox["events"].as_array().into_iter().flatten());
    events.map(|event| event["version"].as_u64().unwrap()).sum()
}

/// Copies a SQLite database with its log; nobody has it open.
fn copy(folder: &Path, from: &str, to: &str) {
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (folder.join(format!("{from}{suffix}")), folder.join(format!("{to}{suffix}")));
        if to.exists() {
            std::fs::remove_file(&to).unwrap();
        }
        if from.exists() {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}
