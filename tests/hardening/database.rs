//! The store, seen from beside the connector.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::support::{Store, World};

/// Runs statements as the owner of the tables, for every organisation.
pub(crate) async fn run(store: Store, world: &World, text: &str) {
    let text = AssertSqlSafe(text.to_owned());
    match store {
        Store::Sqlite => {
            let mut database = SqliteConnection::connect(&world.store).await.unwrap();
            sqlx::raw_sql(text).execute(&mut database).await.unwrap();
            database.close().await.unwrap();
        }
        Store::Postgres => {
            let mut database = PgConnection::connect(&world.store).await.unwrap();
            sqlx::raw_sql("SET argus.organisation = '*'").execute(&mut database).await.unwrap();
            sqlx::raw_sql(text).execute(&mut database).await.unwrap();
            database.close().await.unwrap();
        }
    }
}

/// Every byte that the store holds: the files of SQLite, every row of Postgres as text.
pub(crate) async fn bytes(store: Store, world: &World) -> Vec<u8> {
    match store {
        Store::Sqlite => {
            let file = |ending: &str| std::fs::read(world.folder.path().join(format!("store.db{ending}"))).unwrap_or_default();
            ["", "-wal"].map(file).concat()
        }
        Store::Postgres => rows(world).await.into_bytes(),
    }
}

async fn rows(world: &World) -> String {
    let mut database = PgConnection::connect(&world.store).await.unwrap();
    sqlx::raw_sql("SET argus.organisation = '*'").execute(&mut database).await.unwrap();
    let tables = "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
    let mut all = String::new();
    for table in sqlx::query_scalar::<_, String>(tables).fetch_all(&mut database).await.unwrap() {
        let text = AssertSqlSafe(format!("SELECT CAST(t AS TEXT) FROM {table} t"));
        for row in sqlx::query_scalar::<_, String>(text).fetch_all(&mut database).await.unwrap() {
            all.push_str(&row);
            all.push('\n');
        }
    }
    database.close().await.unwrap();
    all
}
