//! A store of its own for every test: a SQLite file, or a database of the run's Postgres.

use std::path::Path;

use argus_m365::ids::Ids;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

/// Which store a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// A file in the test's folder.
    Sqlite,
    /// A fresh database on the server of `TEST_POSTGRES_URL`.
    Postgres,
}

impl Store {
    /// The stores that this run can test: Postgres only where a server is named; `make test` always names one.
    pub(crate) fn available() -> Vec<Self> {
        if postgres_server().is_some() { vec![Self::Sqlite, Self::Postgres] } else { vec![Self::Sqlite] }
    }

    /// The URL of a fresh, empty store.
    pub(crate) async fn fresh(self, folder: &Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite://{}", folder.join("store.db").display()),
            Self::Postgres => fresh_database(&postgres_server().expect("TEST_POSTGRES_URL")).await,
        }
    }

    /// Carries out statements behind the connector's back, for every organisation.
    pub(crate) async fn change(self, url: &str, statements: &str) {
        match self {
            Self::Sqlite => {
                let mut connection = SqliteConnection::connect(url).await.expect("the store");
                sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.expect("a change");
                connection.close().await.expect("closing");
            }
            Self::Postgres => {
                let mut connection = PgConnection::connect(url).await.expect("the store");
                let statements = format!("SET argus.organisation = '*'; {statements}");
                sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await.expect("a change");
                connection.close().await.expect("closing");
            }
        }
    }
}

async fn fresh_database(server: &str) -> String {
    let name = format!("test_{}", Ids::system().random().simple());
    let mut connection = PgConnection::connect(server).await.expect("the test run's Postgres");
    // A role of its own that owns the database, as where one role does everything: row-level security binds it, a superuser it would not.
    for text in [format!("CREATE ROLE {name} LOGIN CREATEDB"), format!("CREATE DATABASE {name} OWNER {name}")] {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.expect("a database");
    }
    connection.close().await.expect("closing");
    let (_, host) = server.rsplit_once('@').expect("a database URL with a role");
    let (host, _) = host.rsplit_once('/').expect("a database URL with a name");
    format!("postgres://{name}@{host}/{name}")
}

#[expect(clippy::disallowed_methods, reason = "tests are told by `make test` where their servers are")]
fn postgres_server() -> Option<String> {
    let url = std::env::var("TEST_POSTGRES_URL").ok();
    if url.is_none() {
        assert!(std::env::var_os("ARGUS_TEST_REQUIRE_POSTGRES").is_none(), "TEST_POSTGRES_URL is not set");
        eprintln!("skipping Postgres: TEST_POSTGRES_URL is not set (make test sets it)");
    }
    url
}
