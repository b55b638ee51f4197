//! Extending leases, and what waits.

use chrono::{DateTime, Utc};

use super::{
    BacklogRow, DeliveryState, Kind, Lease, Store, StoreError, WorkerScope,
    db::{Conn, Failure, Job, Reach, Value, padded},
    values,
};
use crate::organisation::OrgScope;

const EXTEND: &str = "WITH v(org, kind, key, epoch) AS (VALUES {rows}) UPDATE wanted SET lease_until = $1, due_at = $1 FROM v \
    WHERE wanted.org = v.org AND wanted.kind = v.kind AND wanted.key = v.key AND wanted.lease_epoch = v.epoch \
    AND wanted.lease_until IS NOT NULL RETURNING wanted.org, wanted.kind, wanted.key";

/// Before [`EXTEND`], which locks rows in whatever order it finds them: two statements that lock the same rows in different orders
/// end in a deadlock, and Postgres takes a second to notice each.
const IN_ORDER: &str = "WITH v(org, kind, key) AS (VALUES {rows}) SELECT w.key FROM v JOIN wanted w \
    ON w.org = v.org AND w.kind = v.kind AND w.key = v.key ORDER BY w.org, w.kind, w.key{lock}";

/// Organisations without a hold: the first due row is one seek away.
const NEXT_FREE: &str = "SELECT MIN((SELECT w.due_at FROM wanted w WHERE w.org = c.org AND w.kind = $1 AND w.kind <> '' AND w.due_at IS NOT NULL \
    ORDER BY w.due_at LIMIT 1)) FROM connection c WHERE c.state <> 'disabled' \
    AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.org = c.org AND p.capability = $2) \
    AND ($1 <> 'zone' OR EXISTS (SELECT 1 FROM zone_target t WHERE t.org = c.org AND t.connection_epoch = c.epoch)) \
    AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.org = c.org AND h.capability = $2)";

/// Organisations with holds, lane by lane: a lane is due when its first row is, and its waits are over.
const NEXT_HELD: &str = "WITH RECURSIVE lane(org, target) AS ( \
      SELECT c.org, (SELECT n.target FROM wanted n WHERE n.org = c.org AND n.kind = $1 AND n.due_at IS NOT NULL \
        ORDER BY n.target LIMIT 1) FROM connection c WHERE c.state <> 'disabled' \
        AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.org = c.org AND p.capability = $2) \
        AND ($1 <> 'zone' OR EXISTS (SELECT 1 FROM zone_target t WHERE t.org = c.org AND t.connection_epoch = c.epoch)) \
        AND EXISTS (SELECT 1 FROM hold h WHERE h.org = c.org AND h.capability = $2) \
      UNION ALL \
      SELECT l.org, (SELECT n.target FROM wanted n WHERE n.org = l.org AND n.kind = $1 AND n.target > l.target \
        AND n.due_at IS NOT NULL ORDER BY n.target LIMIT 1) FROM lane l WHERE l.target IS NOT NULL), \
    wait(due, until) AS (SELECT \
      (SELECT w.due_at FROM wanted w WHERE w.org = l.org AND w.kind = $1 AND w.target = l.target AND w.due_at IS NOT NULL \
        ORDER BY w.due_at LIMIT 1), \
      (SELECT MAX(h.until) FROM hold h WHERE h.org = l.org AND h.capability = $2 AND h.target IN ('', l.target)) \
      FROM lane l WHERE l.target IS NOT NULL) \
    SELECT MIN(CASE WHEN until > due THEN until ELSE due END) FROM wait";

/// Kinds that wait for no connection: row by row, for there are never many.
const NEXT_ALONE: &str = "SELECT MIN(CASE WHEN o.until > o.due_at THEN o.until ELSE o.due_at END) FROM (SELECT w.due_at, \
      (SELECT MAX(h.until) FROM hold h WHERE h.org = w.org AND h.capability = $2 AND h.target IN ('', w.target)) AS until \
      FROM wanted w WHERE w.kind = $1 AND w.kind IN ('outage', 'card') AND w.due_at IS NOT NULL \
      AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.org = w.org AND p.capability = $2)) o";

/// What waits, of the objects that `$of` chooses. Every kind must be in the rows, with its capability.
macro_rules! backlog {
    ($of:literal) => {
        concat!(
            "WITH k(kind, capability, alone) AS (VALUES {rows}) SELECT w.kind, CASE WHEN \
             (k.alone = 0 AND (c.org IS NULL OR c.state = 'disabled')) OR p.org IS NOT NULL THEN 'blocked' ELSE w.state END AS stands, COUNT(*), MIN(w.due_since) \
             FROM wanted w JOIN k ON k.kind = w.kind LEFT JOIN connection c ON c.org = w.org \
             LEFT JOIN pause p ON p.org = w.org AND p.capability = k.capability WHERE w.due_at IS NOT NULL AND ",
            $of,
            " AND w.state IN ('pending', 'unknown') GROUP BY 1, 2 \
             UNION ALL SELECT w.kind, w.state, COUNT(*), MIN(w.due_since) FROM wanted w WHERE w.state = 'dead' AND ",
            $of,
            " GROUP BY 1, 2"
        )
    };
}

const BACKLOG: &str = backlog!("w.org <> $1");
const BACKLOG_OF: &str = backlog!("w.org = $1");

impl Store {
    /// Extends leases that are still ours; returns those that are not any more.
    pub async fn extend(&self, leases: Vec<Lease>, until: DateTime<Utc>) -> Result<Vec<Lease>, StoreError> {
        let mut sorted: Vec<&Lease> = leases.iter().collect();
        sorted.sort_by_key(|lease| (lease.scope.as_str(), lease.kind.label(), lease.key.as_str()));
        let keys: Vec<[Value; 3]> = sorted.iter().map(|lease| key(lease)).collect();
        let rows: Vec<[Value; 4]> = sorted.iter().map(|lease| row(lease)).collect();
        let job: Job<Vec<(String, String, String)>> = Box::new(move |tx| {
            let (keys, rows) = (keys.clone(), rows.clone());
            Box::pin(async move {
                if tx.conn.is_postgres() {
                    tx.conn.many(IN_ORDER, &[], keys).await?;
                }
                let extended = tx.conn.many(EXTEND, &[until.into()], rows).await?;
                extended.iter().map(|row| Ok((row.text(0)?, row.text(1)?, row.text(2)?))).collect()
            })
        });
        let extended = self.write(Reach::of_each(leases.iter().map(|lease| &lease.scope)), "extending leases", job).await?;
        let lost = |lease: &Lease| {
            !extended
                .iter()
                .any(|(org, kind, key)| org == lease.scope.as_str() && kind == lease.kind.label() && *key == lease.key)
        };
        Ok(leases.into_iter().filter(lost).collect())
    }

    /// When the next object becomes due, if none is now: for how long the loop may sleep. An instant in the past means that
    /// something is due; it may still be out of reach while other objects of its target are under lease.
    pub async fn next_due(&self, worker: &WorkerScope, kinds: &[Kind]) -> Result<Option<DateTime<Utc>>, StoreError> {
        const DOING: &str = "reading when the next object is due";
        let mut conn = self.read(worker, DOING).await?;
        next_due(&mut conn, kinds).await.map_err(|failure| failure.doing(DOING))
    }

    /// What waits, over all organisations.
    pub async fn backlog(&self, worker: &WorkerScope) -> Result<Vec<BacklogRow>, StoreError> {
        // No organisation has an empty name.
        self.count_backlog(worker.into(), BACKLOG, "").await
    }

    /// What waits of one organisation.
    pub async fn backlog_of(&self, scope: &OrgScope) -> Result<Vec<BacklogRow>, StoreError> {
        self.count_backlog(scope.into(), BACKLOG_OF, scope.as_str()).await
    }

    async fn count_backlog(&self, reach: Reach, text: &'static str, org: &str) -> Result<Vec<BacklogRow>, StoreError> {
        const DOING: &str = "counting what waits";
        let mut conn = self.read(reach, DOING).await?;
        backlog(&mut conn, text, org).await.map_err(|failure| failure.doing(DOING))
    }
}

fn key(lease: &Lease) -> [Value; 3] {
    [lease.scope.as_str().into(), lease.kind.label().into(), lease.key.as_str().into()]
}

fn row(lease: &Lease) -> [Value; 4] {
    [lease.scope.as_str().into(), lease.kind.label().into(), lease.key.as_str().into(), lease.epoch.into()]
}

async fn next_due(conn: &mut Conn, kinds: &[Kind]) -> Result<Option<DateTime<Utc>>, Failure> {
    let mut next = None;
    for kind in kinds {
        let texts: &[&'static str] = if kind.needs_connection() { &[NEXT_FREE, NEXT_HELD] } else { &[NEXT_ALONE] };
        for text in texts {
            let values = vec![kind.label().into(), kind.delivered_by().label().into()];
            let rows = conn.all(text, values).await?;
            let due = rows.first().map_or(Ok(None), |row| values::maybe_instant(row, 0))?;
            next = [next, due].into_iter().flatten().min();
        }
    }
    Ok(next)
}

async fn backlog(conn: &mut Conn, text: &'static str, org: &str) -> Result<Vec<BacklogRow>, Failure> {
    let read = |row: &super::db::Row| {
        let state = match row.text(1)?.as_str() {
            "pending" => DeliveryState::Pending,
            "unknown" => DeliveryState::Unknown,
            "blocked" => DeliveryState::Blocked,
            "dead" => DeliveryState::Dead,
            _ => return Err(Failure::Unreadable("delivery state")),
        };
        let kind = values::kind(&row.text(0)?)?;
        Ok(BacklogRow { kind, state, count: row.count(2)?, oldest: values::maybe_instant(row, 3)? })
    };
    let row = |kind: Kind| [kind.label().into(), kind.delivered_by().label().into(), (!kind.needs_connection()).into()];
    let rows = padded(Kind::ALL.map(row).into(), &["".into(), "".into(), false.into()]);
    let rows = conn.many(text, &[org.into()], rows).await?;
    rows.iter().map(read).collect()
}
