//! The audit trail's rows. The chain itself is `crate::audit`.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    Page, PageRequest, Store, StoreError,
    audit_entry::{Fact, Facts, Stored},
    audit_verify::verify,
    db::{Conn, Failure, Job, Row, Value},
    page::CURSOR,
    values,
};
use crate::{
    audit::{Head, Link, Verification},
    capabilities::Outcome,
    organisation::OrgScope,
};

/// An entry to append. The store gives it its place in the chain.
#[derive(Debug, Clone)]
pub struct NewAuditEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// `user:SUB`, `event:SOURCE#ID`, `operator`, `system`.
    pub actor: String,
    /// `calendar.event.created`, …
    pub action: String,
    /// `task/7f0c2b1e`, `connection`, …
    pub target: String,
    /// How it went.
    pub outcome: Outcome,
    /// Facts that name nobody.
    pub detail: serde_json::Value,
    /// Facts that name somebody: only a salted commitment enters the chain.
    pub personal: Vec<(String, String)>,
    /// The event's or request's correlation id.
    pub correlation_id: Option<String>,
    /// Microsoft's `request-id`, when an answer caused the entry.
    pub graph_request_id: Option<String>,
}

/// An entry as people see it: personal facts stand in `detail` (and in `personal`) unless they were erased.
#[derive(Debug, Clone)]
pub struct AuditRecord {
    /// The entry.
    pub entry: NewAuditEntry,
    /// Its place in the chain.
    pub link: Link,
}

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// With this action.
    pub action: Option<String>,
    /// On this target.
    pub target: Option<String>,
    /// At or after.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

const PAGE: &str = "SELECT seq, at, actor, action, target, outcome, detail, personal, correlation_id, graph_request_id, previous, \
    hash FROM audit WHERE org = $1 AND (CAST($2 AS TEXT) IS NULL OR action = $2) \
    AND (CAST($3 AS TEXT) IS NULL OR target = $3) AND at >= $4 AND at < $5 AND seq > $6 ORDER BY seq LIMIT $7";

const COUNT: &str = "SELECT COUNT(*) FROM audit WHERE org = $1 AND (CAST($2 AS TEXT) IS NULL OR action = $2) \
    AND (CAST($3 AS TEXT) IS NULL OR target = $3) AND at >= $4 AND at < $5";

const PERSONAL: &str = "SELECT seq, field, salt, value FROM audit_personal WHERE org = $1 AND seq >= $2 AND seq <= $3 \
    ORDER BY seq, field";

const ERASE: &str = "DELETE FROM audit_personal WHERE org = $1 AND LOWER(value) = $2";

impl Store {
    /// Appends entries in one transaction.
    pub async fn append_audit(&self, scope: &OrgScope, entries: Vec<NewAuditEntry>) -> Result<(), StoreError> {
        let given = Arc::new((scope.clone(), entries));
        let job: Job<()> = Box::new(move |tx| {
            tx.audit(&given.0, given.1.iter().cloned());
            Box::pin(async { Ok(()) })
        });
        self.write(scope, "appending to the audit trail", job).await
    }

    /// Entries in chain order, oldest first, so that past pages never change. A row's cursor is its `seq`.
    pub async fn audit_trail(
        &self,
        scope: &OrgScope,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditRecord>, StoreError> {
        const DOING: &str = "reading the audit trail";
        let mut conn = self.read(scope, DOING).await?;
        read_page(&mut conn, scope, &filter, &page).await.map_err(|failure| failure.doing(DOING))
    }

    /// Reads the whole chain, a page at a time, and checks every link against the head row, and the personal facts that are
    /// left against their commitments.
    pub async fn verify_audit(&self, scope: &OrgScope) -> Result<Verification, StoreError> {
        self.verify_audit_against(scope, &[]).await
    }

    /// As [`Store::verify_audit`], and the chain must hold what signed checkpoints say of it.
    pub async fn verify_audit_against(&self, scope: &OrgScope, checkpoints: &[Head]) -> Result<Verification, StoreError> {
        const DOING: &str = "verifying the audit trail";
        let mut conn = self.read(scope, DOING).await?;
        verify(&mut conn, scope, checkpoints).await.map_err(|failure| failure.doing(DOING))
    }

    /// Erases what the trail holds aside of a person: every fact with this value, whatever its case. The chain keeps its commitments,
    /// which nobody can open any more, and still verifies. Returns how many facts there were.
    pub async fn erase_personal(&self, scope: &OrgScope, person: &str, audit: NewAuditEntry) -> Result<u64, StoreError> {
        let given = Arc::new((scope.clone(), person.to_lowercase(), audit));
        let job: Job<u64> = Box::new(move |tx| {
            let given = given.clone();
            Box::pin(async move {
                let (scope, person, audit) = &*given;
                let erased = tx.conn.run(ERASE, vec![scope.as_str().into(), person.as_str().into()]).await?;
                let mut audit = audit.clone();
                audit.detail["facts"] = erased.into();
                tx.audit(scope, [audit]);
                Ok(erased)
            })
        });
        self.write(scope, "erasing a person from the audit trail", job).await
    }

    /// The organisations that have an audit trail: for `audit verify` without `--org`.
    pub async fn audited_organisations(&self, worker: &super::WorkerScope) -> Result<Vec<OrgScope>, StoreError> {
        const DOING: &str = "reading which organisations are audited";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all("SELECT org FROM audit_head ORDER BY org", vec![]).await;
        rows.and_then(|rows| rows.iter().map(|row| self.scope_of(&row.text(0)?)).collect()).map_err(|f| f.doing(DOING))
    }

    /// How many entries all chains have together: each head knows its chain's length, for a chain has no gaps.
    pub async fn audit_entries(&self, worker: &super::WorkerScope) -> Result<u64, StoreError> {
        const DOING: &str = "counting audit entries";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all("SELECT CAST(COALESCE(SUM(seq), 0) AS BIGINT) FROM audit_head", vec![]).await;
        rows.and_then(|rows| rows.first().map_or(Ok(0), |row| row.count(0))).map_err(|failure| failure.doing(DOING))
    }
}

async fn read_page(
    conn: &mut Conn,
    scope: &OrgScope,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Page<AuditRecord>, Failure> {
    let after = match &page.after {
        None => 0,
        Some(cursor) => cursor.parse().map_err(|_| Failure::Unreadable(CURSOR))?,
    };
    let total = count(conn, scope, filter).await?;
    let mut values = conditions(scope, filter);
    values.extend([Value::Int(Some(after)), page.limit().into()]);
    let entries = conn.all(PAGE, values).await?.iter().map(Stored::read).collect::<Result<Vec<_>, _>>()?;
    let mut personal = personal_of(conn, scope, &entries).await?;
    let record = |entry: Stored| -> Result<(String, AuditRecord), Failure> {
        let known = personal.remove(&entry.link.seq).unwrap_or_default();
        Ok((entry.link.seq.to_string(), entry.into_record(known)?))
    };
    Ok(Page::cut(page, entries.into_iter().map(record).collect::<Result<_, _>>()?, total))
}

/// Without conditions the head row knows; a chain has no gaps.
async fn count(conn: &mut Conn, scope: &OrgScope, filter: &AuditFilter) -> Result<u64, Failure> {
    if *filter == AuditFilter::default() {
        return Ok(read_head(conn, scope).await?.seq);
    }
    conn.all(COUNT, conditions(scope, filter)).await?.first().map_or(Ok(0), |row| row.count(0))
}

fn conditions(scope: &OrgScope, filter: &AuditFilter) -> Vec<Value> {
    vec![
        scope.as_str().into(),
        filter.action.as_deref().into(),
        filter.target.as_deref().into(),
        filter.from.map_or(i64::MIN, |from| from.timestamp_micros()).into(),
        filter.to.map_or(i64::MAX, |to| to.timestamp_micros()).into(),
    ]
}

pub(super) async fn read_head(conn: &mut Conn, scope: &OrgScope) -> Result<Head, Failure> {
    let rows = conn.all("SELECT seq, hash FROM audit_head WHERE org = $1", vec![scope.as_str().into()]).await?;
    let read = |row: &Row| Ok(Head { seq: row.count(0)?, hash: values::bytes32(row, 1)? });
    rows.first().map_or_else(|| Ok(Head::start(scope.organisation())), read)
}

pub(super) async fn personal_of(conn: &mut Conn, scope: &OrgScope, entries: &[Stored]) -> Result<Facts, Failure> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(Facts::new()) };
    personal_between(conn, scope, first.link.seq, last.link.seq).await
}

pub(super) async fn personal_between(conn: &mut Conn, scope: &OrgScope, first: u64, last: u64) -> Result<Facts, Failure> {
    let mut facts: Facts = Facts::new();
    for row in conn.all(PERSONAL, vec![scope.as_str().into(), first.into(), last.into()]).await? {
        let fact = Fact { field: row.text(1)?, salt: row.bytes(2)?, value: row.text(3)? };
        facts.entry(row.count(0)?).or_default().push(fact);
    }
    Ok(facts)
}
