//! The store is yesterday's: a backup takes its place, and the stream is read again with `events replay --from`, as the README says.

use std::path::Path;

use argus_m365::clock::{Clock as _, SystemClock};
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::{
    dice::size,
    replica::Replica,
    stage::Stage,
    support::{Store, World, eventually},
};

async fn yesterdays_database(store: Store) {
    let stage = Stage::set(store, "yesterday's database, stream replayed").await;
    let times = size(3, 20);
    for _ in 0..times {
        let replica = stage.replica().await;
        some_work(&stage).await;
        let known = caught_up(&stage).await;
        some_work(&stage).await;
        // In the midst of its work: leases are out, intents committed, answers under way.
        replica.kill();
        let backup = Backup::take(&stage.world, store).await;
        let replica = stage.replica().await;
        some_work(&stage).await;
        replica.kill();
        backup.restore(&stage.world).await;
        Replica::command(&stage.world, &["events", "replay", "--from", &known.to_rfc3339()]).await;
        let replica = stage.replica().await;
        some_work(&stage).await;
        replica.stop().await;
    }
    stage.judge(times, Vec::new()).await;
}

#[tokio::test]
async fn a_database_of_yesterday_and_the_stream_read_again_lead_to_the_same_calendar_on_sqlite() {
    yesterdays_database(Store::Sqlite).await;
}

#[tokio::test]
async fn a_database_of_yesterday_and_the_stream_read_again_lead_to_the_same_calendar_on_postgres() {
    if Store::available().contains(&Store::Postgres) {
        yesterdays_database(Store::Postgres).await;
    }
}

/// An instant before which nothing was published that the store does not have.
async fn caught_up(stage: &Stage) -> DateTime<Utc> {
    let now = SystemClock.now();
    let stream = stage.world.jetstream().await.get_stream("ARGUS").await.unwrap();
    let published = stream.cached_info().state.last_sequence;
    eventually("everything published until now is taken in", async || {
        let consumer = stream.consumer_info("argus-m365").await.ok()?;
        (consumer.ack_floor.stream_sequence >= published).then_some(())
    })
    .await;
    now
}

/// Waits until Microsoft has been changed some more.
async fn some_work(stage: &Stage) {
    let before = changes(stage).await;
    eventually("some more changes", async || (changes(stage).await >= before + 100).then_some(())).await;
}

/// Events made, changed and removed so far.
async fn changes(stage: &Stage) -> u64 {
    let counts = stage.world.simulator.counts().await;
    let done = ["createEvent 201", "updateEvent 200", "deleteEvent 204"];
    done.iter().filter_map(|kind| counts[kind].as_u64()).sum()
}

/// A copy of a store that nobody has open.
pub(crate) enum Backup {
    /// Beside the database's file.
    File,
    /// A database of this name on the same server.
    Database(String),
}

impl Backup {
    /// Takes it.
    pub(crate) async fn take(world: &World, store: Store) -> Self {
        match store {
            Store::Sqlite => {
                copy(world.folder.path(), "store.db", "yesterday.db");
                Self::File
            }
            Store::Postgres => {
                let (_, name) = world.store.rsplit_once('/').unwrap();
                let backup = format!("{name}_yesterday");
                renew(world, &backup, name).await;
                Self::Database(backup)
            }
        }
    }

    /// Puts it in the store's place.
    pub(crate) async fn restore(&self, world: &World) {
        match self {
            Self::File => copy(world.folder.path(), "yesterday.db", "store.db"),
            Self::Database(backup) => {
                let (_, name) = world.store.rsplit_once('/').unwrap();
                renew(world, name, backup).await;
            }
        }
    }
}

/// Makes a database anew, as a copy of another. A killed connector's connections may take a moment to end.
async fn renew(world: &World, name: &str, from: &str) {
    let (server, _) = world.store.rsplit_once('/').unwrap();
    let mut connection = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{from}'");
    eventually("the database is copied", async || {
        sqlx::raw_sql(AssertSqlSafe(end.clone())).execute(&mut connection).await.unwrap();
        let copy = format!("CREATE DATABASE {name} TEMPLATE {from}");
        sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut connection).await.ok()
    })
    .await;
    connection.close().await.unwrap();
}

/// Copies a SQLite database with its log.
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
