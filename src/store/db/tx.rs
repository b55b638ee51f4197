//! A transaction as jobs see it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{Conn, Failure, Reach};
use crate::{
    ids::Ids,
    organisation::OrgScope,
    store::{NewAuditEntry, OutgoingEvent, Progress, audit_chain, outbox},
};

/// A transaction. Audit entries and outgoing events wait in it until its end: then each organisation's chain is read and
/// written once, whatever the number of jobs, and the head rows are the last that are locked.
#[derive(Debug)]
pub(in crate::store) struct Tx {
    pub(in crate::store) conn: Conn,
    pub(in crate::store) ids: Ids,
    /// One job at a time, each flushed on its own: set when a flush of many failed, to find whose it was.
    pub(in crate::store) careful: bool,
    told: Vec<Told>,
    /// Counts what was given up because it could not be audited.
    unaudited: Arc<AtomicU64>,
}

/// What waits for the end of the transaction.
#[derive(Debug)]
enum Told {
    Entry(OrgScope, NewAuditEntry),
    Event(OrgScope, OutgoingEvent),
    /// All that a progress tells; shared with the job that brought it, which may be run again.
    Progress {
        progress: Arc<Progress>,
        with_events: bool,
    },
}

/// A point to come back to.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Mark {
    told: usize,
}

impl Tx {
    pub(super) fn new(conn: Conn, ids: Ids, unaudited: Arc<AtomicU64>) -> Self {
        Self { conn, ids, careful: false, told: vec![], unaudited }
    }

    /// Appends entries to the organisation's chain when the transaction ends.
    pub(in crate::store) fn audit(&mut self, scope: &OrgScope, entries: impl IntoIterator<Item = NewAuditEntry>) {
        self.told.extend(entries.into_iter().map(|entry| Told::Entry(scope.clone(), entry)));
    }

    /// Queues events for publication when the transaction ends.
    pub(in crate::store) fn outgoing(&mut self, scope: &OrgScope, events: impl IntoIterator<Item = OutgoingEvent>) {
        self.told.extend(events.into_iter().map(|event| Told::Event(scope.clone(), event)));
    }

    /// The entries of a progress and, unless they tell of a dead letter that was not kept, its events: when the transaction ends.
    pub(in crate::store) fn progress(&mut self, progress: Arc<Progress>, with_events: bool) {
        self.told.push(Told::Progress { progress, with_events });
    }

    /// Starts a part that can be undone alone.
    pub(in crate::store) async fn savepoint(&mut self) -> Result<Mark, Failure> {
        self.conn.run("SAVEPOINT job", vec![]).await?;
        Ok(self.mark())
    }

    /// Keeps the part.
    pub(in crate::store) async fn release(&mut self) -> Result<(), Failure> {
        self.conn.run("RELEASE SAVEPOINT job", vec![]).await.map(drop)
    }

    /// Undoes the part.
    pub(in crate::store) async fn undo(&mut self, mark: Mark) -> Result<(), Failure> {
        self.conn.run("ROLLBACK TO SAVEPOINT job", vec![]).await?;
        self.conn.run("RELEASE SAVEPOINT job", vec![]).await?;
        self.told.truncate(mark.told);
        Ok(())
    }

    /// Writes what waits.
    pub(in crate::store) async fn flush(&mut self) -> Result<(), Failure> {
        let told = std::mem::take(&mut self.told);
        outbox::enqueue(&mut self.conn, told.iter().map(Told::events)).await?;
        let appended = audit_chain::append(&mut self.conn, &self.ids, told.iter().map(Told::entries)).await;
        if matches!(appended, Err(Failure::Driver(_) | Failure::Unreadable(_))) {
            self.unaudited.fetch_add(1, Ordering::Relaxed);
        }
        appended
    }

    pub(super) async fn begin(&mut self, reach: &Reach, careful: bool) -> Result<(), Failure> {
        self.careful = careful;
        self.told.clear();
        if self.conn.is_postgres() {
            return self.conn.script(&reach.begin()).await;
        }
        // IMMEDIATE: a read that becomes a write later fails at once when another process wrote in between (BUSY_SNAPSHOT).
        self.conn.run("BEGIN IMMEDIATE", vec![]).await.map(drop)
    }

    pub(super) async fn commit(&mut self) -> Result<(), Failure> {
        self.conn.run("COMMIT", vec![]).await.map(drop)
    }

    pub(super) async fn rollback(&mut self) -> Result<(), Failure> {
        self.conn.run("ROLLBACK", vec![]).await.map(drop)
    }

    fn mark(&self) -> Mark {
        Mark { told: self.told.len() }
    }
}

impl Told {
    fn entries(&self) -> (&OrgScope, &[NewAuditEntry]) {
        match self {
            Self::Entry(scope, entry) => (scope, std::slice::from_ref(entry)),
            Self::Event(scope, _) => (scope, &[]),
            Self::Progress { progress, .. } => (&progress.lease.scope, &progress.audit),
        }
    }

    fn events(&self) -> (&OrgScope, &[OutgoingEvent]) {
        match self {
            Self::Entry(scope, _) => (scope, &[]),
            Self::Event(scope, event) => (scope, std::slice::from_ref(event)),
            Self::Progress { progress, with_events } => {
                (&progress.lease.scope, if *with_events { &progress.outgoing } else { &[] })
            }
        }
    }
}
