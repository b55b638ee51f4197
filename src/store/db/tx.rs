//! A transaction as jobs see it.

use super::{Conn, Failure};
use crate::{
    ids::Ids,
    organisation::OrgScope,
    store::{NewAuditEntry, OutgoingEvent, audit_chain, outbox},
};

/// A transaction. Audit entries and outgoing events wait in it until its end: then each organisation's chain is read and
/// written once, whatever the number of jobs, and the head rows are the last that are locked.
#[derive(Debug)]
pub(in crate::store) struct Tx {
    pub(in crate::store) conn: Conn,
    pub(in crate::store) ids: Ids,
    /// One job at a time, each flushed on its own: set when a flush of many failed, to find whose it was.
    pub(in crate::store) careful: bool,
    audit: Vec<(OrgScope, NewAuditEntry)>,
    outgoing: Vec<(OrgScope, OutgoingEvent)>,
}

/// A point to come back to.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Mark {
    audit: usize,
    outgoing: usize,
}

impl Tx {
    pub(super) fn new(conn: Conn, ids: Ids) -> Self {
        Self { conn, ids, careful: false, audit: vec![], outgoing: vec![] }
    }

    /// Appends entries to the organisation's chain when the transaction ends.
    pub(in crate::store) fn audit(&mut self, scope: &OrgScope, entries: impl IntoIterator<Item = NewAuditEntry>) {
        self.audit.extend(entries.into_iter().map(|entry| (scope.clone(), entry)));
    }

    /// Queues events for publication when the transaction ends.
    pub(in crate::store) fn outgoing(&mut self, scope: &OrgScope, events: impl IntoIterator<Item = OutgoingEvent>) {
        self.outgoing.extend(events.into_iter().map(|event| (scope.clone(), event)));
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
        self.audit.truncate(mark.audit);
        self.outgoing.truncate(mark.outgoing);
        Ok(())
    }

    /// Writes what waits.
    pub(in crate::store) async fn flush(&mut self) -> Result<(), Failure> {
        let outgoing = std::mem::take(&mut self.outgoing);
        outbox::enqueue(&mut self.conn, outgoing).await?;
        let audit = std::mem::take(&mut self.audit);
        audit_chain::append(&mut self.conn, &self.ids, audit).await
    }

    pub(super) async fn begin(&mut self, careful: bool) -> Result<(), Failure> {
        self.careful = careful;
        self.audit.clear();
        self.outgoing.clear();
        // IMMEDIATE: a read that becomes a write later fails at once when another process wrote in between (BUSY_SNAPSHOT).
        let begin = if self.conn.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" };
        self.conn.run(begin, vec![]).await.map(drop)
    }

    pub(super) async fn commit(&mut self) -> Result<(), Failure> {
        self.conn.run("COMMIT", vec![]).await.map(drop)
    }

    pub(super) async fn rollback(&mut self) -> Result<(), Failure> {
        self.conn.run("ROLLBACK", vec![]).await.map(drop)
    }

    fn mark(&self) -> Mark {
        Mark { audit: self.audit.len(), outgoing: self.outgoing.len() }
    }
}
