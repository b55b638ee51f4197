//! Changes of people's effective roles: each told once and audited once, in the transaction that makes it so.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use super::{Conn, Failure, OrgScope, count_of, grants, staged};
use crate::{
    capabilities::Outcome,
    events::{Telling, outgoing},
    ids::Ids,
    store::{
        NewAuditEntry, OperationChange, OperationLease, audit_chain,
        db::{Row, Tx, Value},
        operation_lease::put_changes,
        outbox,
    },
    traces::TraceContext,
};

/// People whose change is told at once: memory does not grow with their number.
const PAGE: i64 = 500;

/// Somebody whom the plan is about to make has no row yet.
const NEXT: &str = "SELECT a.object_id, COALESCE(u.user_principal_name, p.user_principal_name), COALESCE(u.access_revision, 0) \
    FROM staged_access a LEFT JOIN directory_user u ON u.org = a.org AND u.object_id = a.object_id \
    LEFT JOIN staged_user p ON p.org = a.org AND p.operation_id = a.operation_id AND p.object_id = a.object_id \
    WHERE a.org = $1 AND a.operation_id = $2 AND a.object_id > $3 ORDER BY a.object_id LIMIT $4";

const BEFORE: &str = "SELECT DISTINCT object_id, role FROM directory_grant \
    WHERE org = $1 AND object_id >= $2 AND object_id <= $3";

const AFTER: &str = "SELECT object_id, role, group_id FROM staged_grant \
    WHERE org = $1 AND operation_id = $2 AND object_id >= $3 AND object_id <= $4";

const DESCRIBED: &str = "SELECT sequence, key, before, after FROM operation_change WHERE org = $1 AND operation_id = $2 \
    AND action = 'access' AND sequence > $3 ORDER BY sequence LIMIT $4";

const COUNT_ON: &str = "UPDATE directory_user SET access_revision = access_revision + 1 WHERE org = $1 AND EXISTS (\
    SELECT 1 FROM staged_access a WHERE a.org = $1 AND a.operation_id = $2 AND a.object_id = directory_user.object_id)";

const SEQUENCE: &str =
    "SELECT CAST(COALESCE(MAX(sequence) + 1, 0) AS BIGINT) FROM operation_change WHERE org = $1 AND operation_id = $2";

/// Who caused a change of roles.
#[derive(Debug, Clone)]
pub(in crate::store) struct AccessCause {
    /// When.
    pub(in crate::store) now: DateTime<Utc>,
    /// `user:SUB`, `system`, …
    pub(in crate::store) actor: String,
    /// The request's correlation id.
    pub(in crate::store) correlation_id: Option<String>,
    /// The trace of the import that it was.
    pub(in crate::store) trace: Option<TraceContext>,
    /// What it was: `{"operationId": …}`, `{"mapping": …}`. Goes into each audit entry.
    pub(in crate::store) detail: Json,
}

/// Makes everybody's roles what mappings and memberships give now, after a change of mappings in this transaction. The directory must
/// be [locked](super::lock). Returns whose roles changed, as a number.
pub(in crate::store) async fn change_access(tx: &mut Tx, scope: &OrgScope, cause: &AccessCause) -> Result<u64, Failure> {
    grants::plan(&mut tx.conn, scope, "").await?;
    settle(tx, scope, "", cause).await
}

/// Tells and audits each change of the plan, then makes it so.
pub(super) async fn settle(tx: &mut Tx, scope: &OrgScope, operation_id: &str, cause: &AccessCause) -> Result<u64, Failure> {
    let (mut told, mut last) = (0, String::new());
    loop {
        let changes = next_page(&mut tx.conn, scope, operation_id, &last).await?;
        let Some(newest) = changes.last() else { break };
        last.clone_from(&newest.object_id);
        told += u64::try_from(changes.len()).unwrap_or(0);
        tell(tx, scope, &changes, cause).await?;
    }
    super::run(&mut tx.conn, COUNT_ON, scope, operation_id).await?;
    grants::apply(&mut tx.conn, scope, operation_id).await?;
    Ok(told)
}

/// Writes down, behind the objects' own changes, whose roles would change, and how.
pub(super) async fn describe(conn: &mut Conn, lease: &OperationLease) -> Result<(), Failure> {
    let mut sequence = count_of(conn, SEQUENCE, staged(&lease.scope, &lease.id)).await?;
    let mut last = String::new();
    loop {
        let changes = next_page(conn, &lease.scope, &lease.id, &last).await?;
        let Some(newest) = changes.last() else { return Ok(()) };
        last.clone_from(&newest.object_id);
        let described: Vec<_> = (sequence..).zip(&changes).map(|(sequence, change)| change.described(sequence)).collect();
        sequence += u64::try_from(changes.len()).unwrap_or(0);
        put_changes(conn, lease, &described).await?;
    }
}

/// Whether the planned changes of roles are the ones that [`describe`] has written down: the same people, each from and to the same roles.
pub(super) async fn is_as_described(conn: &mut Conn, lease: &OperationLease) -> Result<bool, Failure> {
    let (mut last, mut sequence) = (String::new(), -1);
    loop {
        let planned = next_page(conn, &lease.scope, &lease.id, &last).await?;
        let mut values = staged(&lease.scope, &lease.id);
        values.extend([sequence.into(), PAGE.into()]);
        // Both are in the order of the people, page by page.
        let described = conn.all(DESCRIBED, values).await?;
        if planned.len() != described.len() {
            return Ok(false);
        }
        for (change, row) in planned.iter().zip(&described) {
            if row.text(1)? != change.object_id || roles(row, 2)? != change.before || roles(row, 3)? != change.after {
                return Ok(false);
            }
        }
        let (Some(change), Some(row)) = (planned.last(), described.last()) else { return Ok(true) };
        last.clone_from(&change.object_id);
        sequence = row.int(0)?;
    }
}

/// The roles of one side of a described change.
fn roles(row: &Row, column: usize) -> Result<BTreeSet<String>, Failure> {
    let side = row.maybe_text(column)?.unwrap_or_default();
    let side: Json = serde_json::from_str(&side).map_err(|_| Failure::Unreadable("operation change"))?;
    let names = side.get("roles").and_then(Json::as_array).into_iter().flatten();
    Ok(names.filter_map(|name| name.as_str().map(str::to_owned)).collect())
}

/// One person's change.
#[derive(Debug)]
struct Change {
    object_id: String,
    user_principal_name: String,
    revision: u64,
    before: BTreeSet<String>,
    after: BTreeSet<String>,
    groups: BTreeSet<String>,
}

impl Change {
    fn added(&self) -> Vec<&String> {
        self.after.difference(&self.before).collect()
    }

    fn described(&self, sequence: u64) -> OperationChange {
        OperationChange {
            sequence,
            key: self.object_id.clone(),
            action: "access".into(),
            before: Some(json!({ "userPrincipalName": self.user_principal_name, "roles": self.before })),
            after: Some(json!({ "userPrincipalName": self.user_principal_name, "roles": self.after })),
            error: None,
        }
    }

    fn removed(&self) -> Vec<&String> {
        self.before.difference(&self.after).collect()
    }
}

async fn next_page(conn: &mut Conn, scope: &OrgScope, operation_id: &str, last: &str) -> Result<Vec<Change>, Failure> {
    let mut values = staged(scope, operation_id);
    values.extend([last.into(), PAGE.into()]);
    let mut changes = BTreeMap::new();
    for row in conn.all(NEXT, values).await? {
        let change = Change {
            object_id: row.text(0)?,
            user_principal_name: row.text(1)?,
            revision: row.count(2)? + 1,
            before: BTreeSet::new(),
            after: BTreeSet::new(),
            groups: BTreeSet::new(),
        };
        changes.insert(change.object_id.clone(), change);
    }
    let range = changes.keys().next().cloned().zip(changes.keys().next_back().cloned());
    let Some((from, to)) = range else { return Ok(Vec::new()) };
    let between = |mut values: Vec<Value>| {
        values.extend([from.as_str().into(), to.as_str().into()]);
        values
    };
    for row in conn.all(BEFORE, between(vec![scope.as_str().into()])).await? {
        if let Some(change) = changes.get_mut(&row.text(0)?) {
            change.before.insert(row.text(1)?);
        }
    }
    for row in conn.all(AFTER, between(staged(scope, operation_id))).await? {
        if let Some(change) = changes.get_mut(&row.text(0)?) {
            change.after.insert(row.text(1)?);
            change.groups.insert(row.text(2)?);
        }
    }
    Ok(changes.into_values().collect())
}

/// Written at once rather than at the transaction's end: there may be a hundred thousand of them.
async fn tell(tx: &mut Tx, scope: &OrgScope, changes: &[Change], cause: &AccessCause) -> Result<(), Failure> {
    let events: Vec<_> = changes.iter().map(|change| event(scope, change, cause)).collect();
    outbox::enqueue(&mut tx.conn, std::iter::once((scope, &events[..]))).await?;
    let entries: Vec<_> = changes.iter().map(|change| entry(change, cause)).collect();
    audit_chain::append(&mut tx.conn, &tx.ids, std::iter::once((scope, &entries[..]))).await
}

/// The id is the person's count of changes: told again, it is the same event.
fn event(scope: &OrgScope, change: &Change, cause: &AccessCause) -> crate::events::Outgoing {
    let revision = change.revision.to_string();
    outgoing(Telling {
        id: Ids::derived(scope.as_str(), &["access.changed", &change.object_id, &revision]).to_string(),
        organisation: scope.organisation(),
        topic: "access.changed",
        object: Some(format!("user/{}", change.object_id)),
        time: cause.now,
        cause: None,
        trace: cause.trace.as_ref(),
        data: json!({
            "objectId": change.object_id,
            "userPrincipalName": change.user_principal_name,
            "roles": change.after,
            "added": change.added(),
            "removed": change.removed(),
            "groups": change.groups,
        }),
    })
}

fn entry(change: &Change, cause: &AccessCause) -> NewAuditEntry {
    let mut detail =
        json!({ "roles": change.after, "added": change.added(), "removed": change.removed(), "groups": change.groups });
    if let (Json::Object(facts), Json::Object(more)) = (&mut detail, &cause.detail) {
        facts.extend(more.clone());
    }
    NewAuditEntry {
        at: cause.now,
        actor: cause.actor.clone(),
        action: "access.changed".into(),
        target: format!("user/{}", change.object_id),
        outcome: Outcome::Succeeded,
        detail,
        personal: vec![("userPrincipalName".into(), change.user_principal_name.clone())],
        correlation_id: cause.correlation_id.clone(),
        graph_request_id: None,
    }
}
