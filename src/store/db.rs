//! The one file that names a driver: opening, migrating, and the writer that lets waiting commits share an fsync.

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    _inner: std::sync::Arc<()>,
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

impl Store {
    /// Opens `sqlite://PATH` or `postgres://…`; does not migrate.
    pub async fn open(_url: &str) -> Result<Self, StoreError> {
        unimplemented!()
    }

    /// Brings the schema up to date; harmless when it is. Several replicas may call it at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Whether the store can be read and written, and the schema is the one this release knows.
    pub async fn check(&self) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Waits for writes under way, then closes.
    pub async fn close(&self) {
        unimplemented!()
    }
}
