//! The broker goes away, and connections are cut.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use crate::{dice::size, stage::Stage, support::Store};

/// The longest time between two faults.
const PEACE: Duration = Duration::from_millis(400);
/// The longest time that the broker is away.
const AWAY: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_broker_killed_and_restarted_takes_nothing_with_it() {
    let mut stage = Stage::set(Store::Sqlite, "nats-server killed and restarted").await;
    let replica = stage.replica().await;
    let kills = size(25, 250);
    for _ in 0..kills {
        // How long it is away, and how soon it goes again, are the fault.
        tokio::time::sleep(stage.dice.between(Duration::ZERO, PEACE)).await;
        stage.world.stop_broker();
        tokio::time::sleep(stage.dice.between(Duration::ZERO, AWAY)).await;
        stage.world.start_broker().await;
    }
    stage.judge(kills, vec![replica]).await;
}

#[tokio::test]
async fn connections_to_postgres_that_are_cut_cost_nothing() {
    if !Store::available().contains(&Store::Postgres) {
        return;
    }
    let mut stage = Stage::set(Store::Postgres, "every connection to Postgres cut").await;
    let replicas = vec![stage.replica().await, stage.replica().await];
    let cuts = size(20, 200);
    for _ in 0..cuts {
        tokio::time::sleep(stage.dice.between(Duration::ZERO, PEACE)).await;
        let mut connection = PgConnection::connect(&stage.world.store).await.unwrap();
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::raw_sql(cut).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
    stage.judge(cuts, replicas).await;
}
