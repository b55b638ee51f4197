//! The one place that names a driver: opening, migrating, and the writer that lets waiting commits share an fsync.
//!
//! ```text
//! conn      one connection and rows of either database, behind values that both can carry
//! many      statements over many rows, cut into a few fixed sizes so that prepared ones are used again
//! open      how each database is opened
//! roles     which role of Postgres does what
//! reach     whose rows a connection or a transaction is for; Postgres holds it to that
//! writer    jobs → one transaction, a savepoint a job → commit → answers
//! tx        what a job writes through; audit entries and outgoing events wait in it for the end of the transaction
//! ```

mod conn;
#[cfg(test)]
mod forgetful_tests;
mod many;
mod open;
mod reach;
mod roles;
#[cfg(test)]
mod tests;
mod tx;
mod writer;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::BoxFuture;

pub(super) use conn::{Conn, Row, Value, without_nul};
pub(super) use many::{MOST_AT_ONCE, padded};
pub(super) use reach::Reach;
pub use roles::SecondLine;
pub(super) use tx::Tx;

use crate::{ids::Ids, organisation::OrgScope};

/// Where the driver logs what a Postgres server tells its client beside an answer (`NOTICE`).
pub const SERVER_NOTICES: &str = "sqlx::postgres::notice";

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    reader: open::Reader,
    writer: writer::Writer,
    unaudited: Arc<AtomicU64>,
    target: open::Target,
    /// Progress that waits for the writer (`record`).
    pub(super) progress: super::record::Mailbox,
    /// Where claims stopped (`claim`).
    pub(super) turns: std::sync::Mutex<super::claim::Turns>,
    /// The organisations' scopes by stored name, so that a row costs no parsing.
    scopes: std::sync::Mutex<HashMap<String, OrgScope>>,
}

/// The store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be reached or written; trying again later may work.
    #[error("{doing}")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// The driver's failure.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A stored value does not have the form this release reads.
    #[error("{doing}: a stored {what} cannot be read")]
    Unreadable {
        /// What was being done.
        doing: &'static str,
        /// Which value.
        what: &'static str,
    },
    /// The row changed since it was read, or exists already.
    #[error("{doing}: the row changed meanwhile")]
    Conflict {
        /// What was being done.
        doing: &'static str,
    },
}

/// Why a statement or a job failed; the method that started it says what was being done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The driver's failure.
    Driver(Box<dyn std::error::Error + Send + Sync>),
    /// The same, but running the transaction again may work (a deadlock with another replica).
    Again(Box<dyn std::error::Error + Send + Sync>),
    /// A stored value does not have the form this release reads.
    Unreadable(&'static str),
    /// The row changed since it was read.
    Conflict,
}

impl Failure {
    pub(super) fn doing(self, doing: &'static str) -> StoreError {
        match self {
            Self::Driver(source) | Self::Again(source) => StoreError::Unavailable { doing, source },
            Self::Unreadable(what) => StoreError::Unreadable { doing, what },
            Self::Conflict => StoreError::Conflict { doing },
        }
    }
}

/// What a job does in its transaction. It may run more than once; only the last run is committed.
pub(super) type Job<T> = Box<dyn for<'a> Fn(&'a mut Tx) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync>;

impl Store {
    /// Opens `sqlite://PATH` or `postgres://…`; does not migrate. An SQLite file that does not exist is created, its folder too.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, Ids::system()).await
    }

    /// As [`Store::open`], with the source of the salts that commit to personal facts.
    pub async fn open_with(url: &str, ids: Ids) -> Result<Self, StoreError> {
        let target = open::Target::parse(url).map_err(|failure| failure.doing("reading the database's address"))?;
        let reader = target.reader().await.map_err(|failure| failure.doing("opening the database"))?;
        let unaudited = Arc::default();
        let writer = writer::Writer::start(&target, &ids, &unaudited);
        let inner = Inner {
            reader,
            writer,
            unaudited,
            target,
            progress: super::record::Mailbox::default(),
            turns: std::sync::Mutex::default(),
            scopes: std::sync::Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Brings the schema up to date; harmless when it is. Several replicas may call it at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.inner.target.migrate().await.map_err(|failure| failure.doing("bringing the schema up to date"))
    }

    /// Whether the store can be read and written, and the schema is the one this release knows.
    pub async fn check(&self) -> Result<(), StoreError> {
        const DOING: &str = "checking the store";
        let mut conn = self.read(Reach::nobody(), DOING).await?;
        let rows = conn.all("SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM _sqlx_migrations", vec![]).await;
        let version = rows.and_then(|rows| rows.first().map_or(Ok(0), |row| row.int(0))).map_err(|f| f.doing(DOING))?;
        if version != self.inner.target.newest_migration() {
            return Err(StoreError::Unreadable { doing: DOING, what: "schema of this release's version" });
        }
        let beat: Job<()> = Box::new(|tx| {
            Box::pin(async { tx.conn.run("UPDATE probe SET beats = beats + 1 WHERE id = 1", vec![]).await.map(drop) })
        });
        self.write(Reach::nobody(), DOING, beat).await
    }

    /// How many transactions of this process failed because their audit entries could not be written; none of what they would have kept, and
    /// so none of the calls that they would have begun, happened.
    pub fn unaudited(&self) -> u64 {
        self.inner.unaudited.load(Ordering::Relaxed)
    }

    /// Waits for writes under way, then closes.
    pub async fn close(&self) {
        self.inner.writer.close().await;
        self.inner.reader.close().await;
    }

    /// A connection to read these rows with.
    pub(super) async fn read(&self, reach: impl Into<Reach>, doing: &'static str) -> Result<Conn, StoreError> {
        self.inner.reader.acquire(&reach.into()).await.map_err(|failure| failure.doing(doing))
    }

    /// Has a job committed that writes these rows. Returns once it is; what it returned before is lost if this future is dropped.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        reach: impl Into<Reach>,
        doing: &'static str,
        job: Job<T>,
    ) -> Result<T, StoreError> {
        self.inner.writer.submit(reach.into(), doing, job).await
    }

    /// Hands a job over without waiting for it.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        reach: Reach,
        doing: &'static str,
        job: Job<T>,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + use<T> {
        self.inner.writer.submit(reach, doing, job)
    }

    /// The scope of a stored organisation.
    pub(super) fn scope_of(&self, org: &str) -> Result<OrgScope, Failure> {
        let mut scopes = self.inner.scopes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(scope) = scopes.get(org) {
            return Ok(scope.clone());
        }
        let organisation = crate::organisation::OrganisationId::parse(org).map_err(|_| Failure::Unreadable("organisation"))?;
        let scope = OrgScope::of_stored_row(organisation);
        scopes.insert(org.to_owned(), scope.clone());
        Ok(scope)
    }
}
