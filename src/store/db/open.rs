//! How each database is opened.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sqlx::{
    Connection as _, PgConnection, PgPool, SqliteConnection, SqlitePool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Conn, Failure, Reach};

static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

/// Readers beside the writer.
const READERS: u32 = 4;
/// Prepared statements a connection keeps: each text comes in a few sizes (`many`).
const STATEMENTS: usize = 256;
/// Rows that the driver's thread hands over before it waits for their reader: more than a statement gives back, so that the two
/// threads do not take turns over it.
const ROWS: usize = 128;
/// The writer's page cache, in SQLite's unit (negative: KiB): with its 2 MiB, pages that several transactions in a row change are
/// read again for each.
const CACHE: &str = "-4096";
/// A reader's: there are several, and what one of them does not hold, the operating system does.
const READER_CACHE: &str = "-1024";
/// Pages in the log before they are written back to the database file, 16 MiB. SQLite's 1,000 are full several times a second under
/// load, and most pages in them change again at once.
const CHECKPOINT: &str = "4000";
/// How long a statement waits for another process's lock before it fails.
const BUSY: Duration = Duration::from_secs(5);
/// The migrator takes a lock on Postgres but none on SQLite: there, of two processes that migrate at once, one may stumble
/// over the other's tables, and finds them in order the next time.
const MIGRATION_RUNS: u32 = 5;
const MIGRATION_PAUSE: Duration = Duration::from_millis(100);
/// How long a reader waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(5);

/// Which database, and where.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

/// Connections to read with.
#[derive(Debug)]
pub(super) enum Reader {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A process that is frozen inside a transaction must not hold its rows' locks, and with them every other replica's claims, for as long
/// as it is frozen. Our own transactions are never idle: they wait for nothing but the server.
const LET_GO: &str = "SET idle_in_transaction_session_timeout = '3s'";

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, Failure> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(Box::new(
                PgConnectOptions::from_str(url)?.application_name("argus-m365").statement_cache_capacity(STATEMENTS),
            )));
        }
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            return Err(Failure::Driver("it must be sqlite://PATH or postgres://…".into()));
        };
        let options = SqliteConnectOptions::new()
            .filename(PathBuf::from(path))
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .foreign_keys(true)
            .row_buffer_size(ROWS)
            .statement_cache_capacity(STATEMENTS);
        Ok(Self::Sqlite(Box::new(options)))
    }

    /// Writers that may commit side by side: SQLite has one.
    pub(super) fn writers(&self) -> usize {
        match self {
            Self::Sqlite(_) => 1,
            Self::Postgres(_) => 4,
        }
    }

    /// Jobs that may share a transaction. On SQLite many, to share the fsync. On Postgres one: it lets commits of several
    /// connections share theirs by itself, and a job locks its rows in one order, which two jobs in a row would not: with
    /// them, replicas that take in the same objects run into deadlocks.
    pub(super) fn jobs(&self) -> usize {
        match self {
            Self::Sqlite(_) => 64,
            Self::Postgres(_) => 1,
        }
    }

    /// A connection to write with.
    pub(super) async fn writer(&self) -> Result<Conn, Failure> {
        match self {
            Self::Sqlite(options) => {
                let options = (**options).clone().create_if_missing(true);
                let options = options.pragma("cache_size", CACHE).pragma("wal_autocheckpoint", CHECKPOINT);
                // What a statement over many rows may have to undo is kept aside; by default in a file, page by page.
                let options = options.pragma("temp_store", "MEMORY");
                Ok(Conn::Sqlite(Box::new(SqliteConnection::connect_with(&options).await?)))
            }
            Self::Postgres(options) => {
                let mut conn = Conn::Postgres(Box::new(PgConnection::connect_with(options).await?));
                conn.run(LET_GO, vec![]).await?;
                Ok(conn)
            }
        }
    }

    /// Opens the pool of readers; creates the SQLite file, so that there is something to read.
    pub(super) async fn reader(&self) -> Result<Reader, Failure> {
        match self {
            Self::Sqlite(options) => {
                if let Some(folder) = options.get_filename().parent().filter(|folder| !folder.as_os_str().is_empty()) {
                    tokio::fs::create_dir_all(folder).await.map_err(|error| Failure::Driver(Box::new(error)))?;
                }
                create_for_owner_alone(options.get_filename()).await.map_err(|error| Failure::Driver(Box::new(error)))?;
                SqliteConnection::connect_with(&(**options).clone().create_if_missing(true)).await?.close().await?;
                let pool = SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(ACQUIRE);
                let options = (**options).clone().read_only(true).pragma("cache_size", READER_CACHE);
                Ok(Reader::Sqlite(pool.connect_with(options).await?))
            }
            Self::Postgres(options) => {
                let pool = PgPoolOptions::new().max_connections(READERS).acquire_timeout(ACQUIRE).test_before_acquire(false);
                Ok(Reader::Postgres(pool.connect_with((**options).clone()).await?))
            }
        }
    }

    /// Applies what is missing.
    pub(super) async fn migrate(&self) -> Result<(), Failure> {
        let mut left = MIGRATION_RUNS;
        loop {
            left -= 1;
            let migrated = match self.writer().await? {
                Conn::Sqlite(mut conn) => SQLITE.run(&mut *conn).await,
                Conn::Postgres(mut conn) => migrate_postgres(&mut conn).await,
                Conn::SqlitePooled(_) | Conn::PostgresPooled(_) => Ok(()),
            };
            match migrated {
                Ok(()) => return Ok(()),
                Err(error) if left == 0 => return Err(Failure::Driver(Box::new(error))),
                Err(_) => tokio::time::sleep(MIGRATION_PAUSE).await,
            }
        }
    }

    pub(super) fn newest_migration(&self) -> i64 {
        let migrations = match self {
            Self::Sqlite(_) => &SQLITE,
            Self::Postgres(_) => &POSTGRES,
        };
        migrations.iter().map(|migration| migration.version).max().unwrap_or(0)
    }
}

/// A migration may change rows of every organisation, and the owner is held to row-level security like anybody else. Tables that are new
/// come under it at the end.
async fn migrate_postgres(conn: &mut PgConnection) -> Result<(), sqlx::migrate::MigrateError> {
    sqlx::raw_sql("SET argus.organisation = '*'").execute(&mut *conn).await?;
    POSTGRES.run(&mut *conn).await?;
    sqlx::raw_sql("SELECT argus_secure()").execute(&mut *conn).await?;
    Ok(())
}

/// Makes an absent database file readable by nobody but its owner: it holds tasks, people and sealed credentials. SQLite gives its
/// journal files the same rights. A file that is there keeps the rights it was given.
async fn create_for_owner_alone(path: &Path) -> std::io::Result<()> {
    match tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

impl Reader {
    /// A connection for these rows.
    ///
    /// On Postgres it is told so each time, whatever it was used for before. That takes the place of the pool's own question whether the
    /// connection still works, so it costs no round trip: one that fails is thrown away, and the next one is tried.
    pub(super) async fn acquire(&self, reach: &Reach) -> Result<Conn, Failure> {
        let pool = match self {
            Self::Sqlite(pool) => return Ok(Conn::SqlitePooled(pool.acquire().await?)),
            Self::Postgres(pool) => pool,
        };
        let mut left = READERS;
        loop {
            let mut conn = Conn::PostgresPooled(pool.acquire().await?);
            match conn.script(&reach.session()).await {
                Ok(()) => return Ok(conn),
                Err(failure) if left == 0 => return Err(failure),
                Err(_) => conn.discard().await,
            }
            left -= 1;
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}
