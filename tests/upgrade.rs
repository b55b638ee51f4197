//! A database that an older release has left: the tables of its time, with a visit that stands and a task that waits.

#![cfg(feature = "simulator")]
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

mod support;

use std::path::Path;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection, migrate::Migrator};
use support::{Store, World, eventually};

/// The first release's last migration.
const FIRST: i64 = 2;
/// What it knew of, but the audit trail: a chain takes no copies.
const TABLES: [&str; 4] = ["connection", "connection_numbers", "wanted", "place"];

fn scheduled(task: &str, version: u64) -> Value {
    json!({
        "specversion": "1.0", "id": format!("{task}-{version}"), "source": "/tests", "type": "argus.task.scheduled.v1",
        "time": "2026-11-23T09:00:00Z",
        "data": {
            "taskId": task, "version": version, "title": format!("{task} v{version}"),
            "window": { "start": "2026-11-25T08:00:00", "end": "2026-11-25T08:45:00", "timeZone": "Europe/Dublin" },
            "assignee": { "userPrincipalName": "niamh@acme-water.example" },
        },
    })
}

async fn run(connection: &mut SqliteConnection, text: String) {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.unwrap();
}

/// A database with the first release's tables, which holds what the one of `world` says in their columns; its URL.
async fn as_the_first_release_left_it(world: &World) -> String {
    let url = format!("sqlite://{}", world.folder.path().join("first.db").display());
    let mut first = SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    Migrator::new(migrations).await.unwrap().run_to(FIRST, &mut first).await.unwrap();
    run(&mut first, format!("ATTACH '{}' AS now", world.store.trim_start_matches("sqlite://"))).await;
    for table in TABLES {
        let columns = sqlx::query("SELECT name FROM pragma_table_info($1)").bind(table).fetch_all(&mut first).await.unwrap();
        let columns: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
        let columns = columns.join(", ");
        run(&mut first, format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM now.{table}")).await;
    }
    first.close().await.unwrap();
    url
}

#[tokio::test]
async fn what_the_first_release_has_left_is_taken_over() {
    let mut world = World::start(Store::Sqlite).await;
    let connector = world.connector(&[]).await;
    connector.register().await;
    world.publish("argus.acme.task.scheduled", &scheduled("stands", 1)).await;
    connector.settled("stands", 1).await;
    connector.data("mutation { pauseCapability(capability: CALENDAR) { capability } }", Value::Null).await;
    world.publish("argus.acme.task.scheduled", &scheduled("waits", 1)).await;
    eventually("it waits in the store", async || (world.untaken().await == 0).then_some(())).await;
    connector.stop().await;
    world.store = as_the_first_release_left_it(&world).await;

    // Pauses came later: that release knew of none.
    let connector = world.connector(&[]).await;
    connector.settled("waits", 1).await;
    world.publish("argus.acme.task.scheduled", &scheduled("stands", 2)).await;
    connector.settled("stands", 2).await;
    let counts = world.simulator.counts().await;
    assert_eq!((&counts["createEvent 201"], &counts["updateEvent 200"]), (&json!(2), &json!(1)), "{counts}");
    world.finish(connector).await;
}
