//! An import's own row: what it is about, and how it reads.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Conn, Failure, OrgScope, Store, StoreError, lock, staged};
use crate::{
    capabilities::directory::ImportScope,
    store::{
        OperationLease, Recorded,
        db::{Job, Reach, Row, Value},
        operation_lease::fence,
        values,
    },
};

/// How long Microsoft keeps what changed in a directory: delta links end with it.
const DELTA_LIFE: TimeDelta = TimeDelta::days(7);

/// How an import may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// A delta link of this scope that is still young enough.
    pub delta_link: Option<String>,
    /// Guests count, because this import or an earlier one of the scope asked for them.
    pub guests: bool,
    /// The plan stands and was waiting for approval: nothing is left to read.
    pub planned: bool,
}

/// What was read, when all of it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HowRead {
    /// Everything of the scope, not only what changed.
    pub whole: bool,
    /// Where the next delta of this scope begins.
    pub delta_link: Option<String>,
    /// When that link was given out.
    pub delta_at: DateTime<Utc>,
}

/// An import's row, with its scope's.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "columns of a row, each a fact of its own")]
pub(super) struct Header {
    pub(super) scope: OrgScope,
    pub(super) operation_id: String,
    pub(super) scope_key: String,
    pub(super) department_key: Option<String>,
    pub(super) guests: bool,
    pub(super) transitive: bool,
    pub(super) epoch: u64,
    pub(super) whole: bool,
    pub(super) delta_link: Option<String>,
    pub(super) delta_at: Option<i64>,
    pub(super) distrusted: bool,
    pub(super) planned: bool,
}

const EPOCH: &str = "SELECT epoch FROM connection WHERE org = $1";
const NEW_EPOCH: &str = "UPDATE directory_state SET epoch = $2 WHERE org = $1";
const NEW_BASELINE: [&str; 2] = [
    "DELETE FROM directory_seen WHERE org = $1",
    "UPDATE directory_scope SET delta_link = NULL, delta_at = NULL, distrusted = 0 WHERE org = $1",
];

const SCOPE: &str = "INSERT INTO directory_scope (org, scope, kind, department, department_key, group_ids, guests, transitive, \
    distrusted) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, 0) ON CONFLICT (org, scope) DO UPDATE SET scope = excluded.scope \
    RETURNING guests, delta_link, delta_at";

const PUT: &str = "INSERT INTO directory_import (org, operation_id, scope, epoch, guests, transitive, whole, planned) \
    VALUES ($1, $2, $3, $4, $5, $6, 1, 0)";

const HOW_READ: &str =
    "UPDATE directory_import SET whole = $3, delta_link = $4, delta_at = $5 WHERE org = $1 AND operation_id = $2";

const DISTRUST: &str =
    "UPDATE directory_scope SET delta_link = NULL, delta_at = NULL, distrusted = 1 WHERE org = $1 AND scope = $2";

const GET: &str = "SELECT i.scope, s.department_key, i.guests, i.transitive, i.epoch, i.whole, i.delta_link, i.delta_at, s.distrusted, \
    i.planned FROM directory_import i JOIN directory_scope s ON s.org = i.org AND s.scope = i.scope \
    WHERE i.org = $1 AND i.operation_id = $2";

/// Staged rows of operations that have ended, and of this one's earlier runs.
const FORGET: [&str; 6] = [
    "DELETE FROM directory_import WHERE org = $1 AND (operation_id = $2 OR operation_id NOT IN (SELECT id FROM operation \
     WHERE org = $1 AND state IN ('queued', 'running', 'awaiting-approval')))",
    "DELETE FROM staged_user WHERE org = $1 AND operation_id NOT IN (SELECT operation_id FROM directory_import WHERE org = $1)",
    "DELETE FROM staged_group WHERE org = $1 AND operation_id NOT IN (SELECT operation_id FROM directory_import WHERE org = $1)",
    "DELETE FROM staged_member WHERE org = $1 AND operation_id NOT IN (SELECT operation_id FROM directory_import WHERE org = $1)",
    "DELETE FROM staged_grant WHERE org = $1 AND operation_id NOT IN (SELECT operation_id FROM directory_import WHERE org = $1)",
    "DELETE FROM staged_access WHERE org = $1 AND operation_id NOT IN (SELECT operation_id FROM directory_import WHERE org = $1)",
];

impl Store {
    /// Begins an import, or begins it anew: forgets what an earlier run staged. One whose plan stands is left as it is. `None` when the
    /// lease is lost.
    pub async fn begin_import(
        &self,
        lease: &OperationLease,
        now: DateTime<Utc>,
        import: &ImportScope,
    ) -> Result<Option<Begun>, StoreError> {
        let reach = Reach::from(&lease.scope);
        let (lease, import) = (lease.clone(), import.clone());
        let job: Job<Option<Begun>> = Box::new(move |tx| {
            let (lease, import) = (lease.clone(), import.clone());
            Box::pin(async move {
                if !fence(&mut tx.conn, &lease).await? {
                    return Ok(None);
                }
                begin(&mut tx.conn, &lease, now, &import).await.map(Some)
            })
        });
        self.write(reach, "beginning an import", job).await
    }

    /// Writes down that everything was read, and how.
    pub async fn import_was_read(&self, lease: &OperationLease, how: HowRead) -> Result<Recorded, StoreError> {
        let mut values = staged(&lease.scope, &lease.id);
        values.extend([how.whole.into(), how.delta_link.into(), how.delta_at.into()]);
        self.fenced_by("recording how an import read", lease, HOW_READ, values).await
    }

    /// Drops a scope's delta link because Microsoft refused it; the next import of the scope that is applied ends the distrust.
    pub async fn distrust_scope(&self, lease: &OperationLease, scope_key: &str) -> Result<Recorded, StoreError> {
        let values = vec![lease.scope.as_str().into(), scope_key.into()];
        self.fenced_by("dropping a refused delta link", lease, DISTRUST, values).await
    }

    /// Forgets what ended imports of the organisation had staged.
    pub async fn forget_staged(&self, scope: &OrgScope) -> Result<(), StoreError> {
        let reach = Reach::from(scope);
        let scope = scope.clone();
        let job: Job<()> = Box::new(move |tx| {
            let scope = scope.clone();
            Box::pin(async move { forget(&mut tx.conn, &scope, "").await })
        });
        self.write(reach, "forgetting staged rows", job).await
    }

    async fn fenced_by(
        &self,
        doing: &'static str,
        lease: &OperationLease,
        text: &'static str,
        values: Vec<Value>,
    ) -> Result<Recorded, StoreError> {
        let reach = Reach::from(&lease.scope);
        let lease = lease.clone();
        let job: Job<Recorded> = Box::new(move |tx| {
            let (lease, values) = (lease.clone(), values.clone());
            Box::pin(async move {
                if !fence(&mut tx.conn, &lease).await? {
                    return Ok(Recorded::LeaseLost);
                }
                tx.conn.run(text, values).await?;
                Ok(Recorded::Done)
            })
        });
        self.write(reach, doing, job).await
    }
}

async fn begin(conn: &mut Conn, lease: &OperationLease, now: DateTime<Utc>, import: &ImportScope) -> Result<Begun, Failure> {
    if let Some(header) = Header::read(conn, lease).await?.filter(|header| header.planned) {
        return Ok(Begun { delta_link: None, guests: header.guests, planned: true });
    }
    forget(conn, &lease.scope, &lease.id).await?;
    let epoch = renew(conn, &lease.scope).await?;
    let (guests, transitive) = match import {
        ImportScope::Users(users) => (users.guests, true),
        ImportScope::Groups(groups) => (false, groups.transitive),
    };
    let rows = conn.all(SCOPE, scope_values(&lease.scope, import, transitive)).await?;
    let row = rows.first().ok_or(Failure::Unreadable("directory scope"))?;
    let guests = guests || row.int(0)? == 1;
    let young = values::maybe_instant(row, 2)?.is_some_and(|at| now - at < DELTA_LIFE);
    let delta_link = row.maybe_text(1)?.filter(|_| young);
    let mut values = staged(&lease.scope, &lease.id);
    values.extend([import.key().into(), epoch.into(), guests.into(), transitive.into()]);
    conn.run(PUT, values).await?;
    Ok(Begun { delta_link, guests, planned: false })
}

/// The connection's epoch. When it is another one than the directory was read by, there is another directory behind it: links and
/// baseline mean nothing there, and nobody is missed.
async fn renew(conn: &mut Conn, scope: &OrgScope) -> Result<u64, Failure> {
    let known = lock(conn, scope).await?;
    let rows = conn.all(EPOCH, vec![scope.as_str().into()]).await?;
    let epoch = rows.first().map_or(Ok(known), |row| row.count(0))?;
    if epoch != known {
        for text in NEW_BASELINE {
            conn.run(text, vec![scope.as_str().into()]).await?;
        }
        conn.run(NEW_EPOCH, vec![scope.as_str().into(), epoch.into()]).await?;
    }
    Ok(epoch)
}

async fn forget(conn: &mut Conn, scope: &OrgScope, operation_id: &str) -> Result<(), Failure> {
    let [own, rest @ ..] = FORGET;
    conn.run(own, staged(scope, operation_id)).await?;
    for text in rest {
        conn.run(text, vec![scope.as_str().into()]).await?;
    }
    Ok(())
}

fn scope_values(scope: &OrgScope, import: &ImportScope, transitive: bool) -> Vec<Value> {
    let (kind, department, department_key, ids) = match import {
        ImportScope::Users(users) => ("users", users.department.clone(), users.department_key(), None),
        ImportScope::Groups(groups) => ("groups", None, None, groups.ids.as_ref().map(|ids| ids.join(" "))),
    };
    let key = import.key();
    vec![scope.as_str().into(), key.into(), kind.into(), department.into(), department_key.into(), ids.into(), transitive.into()]
}

impl Header {
    pub(super) async fn read(conn: &mut Conn, lease: &OperationLease) -> Result<Option<Self>, Failure> {
        let rows = conn.all(GET, staged(&lease.scope, &lease.id)).await?;
        rows.first().map(|row| Self::of(lease, row)).transpose()
    }

    fn of(lease: &OperationLease, row: &Row) -> Result<Self, Failure> {
        Ok(Self {
            scope: lease.scope.clone(),
            operation_id: lease.id.clone(),
            scope_key: row.text(0)?,
            department_key: row.maybe_text(1)?,
            guests: row.int(2)? == 1,
            transitive: row.int(3)? == 1,
            epoch: row.count(4)?,
            whole: row.int(5)? == 1,
            delta_link: row.maybe_text(6)?,
            delta_at: row.maybe_int(7)?,
            distrusted: row.int(8)? == 1,
            planned: row.int(9)? == 1,
        })
    }

    /// The first two values of most statements.
    pub(super) fn staged(&self) -> Vec<Value> {
        staged(&self.scope, &self.operation_id)
    }

    /// Whether the connection still leads to the directory that was read.
    pub(super) async fn is_of_this_directory(&self, conn: &mut Conn) -> Result<bool, Failure> {
        let rows = conn.all(EPOCH, vec![self.scope.as_str().into()]).await?;
        rows.first().map_or(Ok(false), |row| Ok(row.count(0)? == self.epoch))
    }
}
