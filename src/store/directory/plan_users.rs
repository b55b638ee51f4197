//! The plan of an import of people, worked out and applied by statements over tables.

use super::{Conn, Failure, Header, count_of, ends_of};
use crate::store::db::Value;

/// Who belongs to the import's own scope. `$3` its department, `$4` whether guests count.
macro_rules! in_scope {
    () => {
        "((CAST($3 AS TEXT) IS NULL OR staged_user.department_key = $3) AND (staged_user.guest = 0 OR $4 = 1))"
    };
}

/// Who belongs to this scope or to any that was ever imported.
macro_rules! covered {
    () => {
        concat!(
            "(",
            in_scope!(),
            " OR EXISTS (SELECT 1 FROM directory_scope c WHERE c.org = $1 AND c.kind = 'users' AND c.imported_at IS NOT NULL \
             AND (c.department_key IS NULL OR c.department_key = staged_user.department_key) \
             AND (staged_user.guest = 0 OR c.guests = 1)))"
        )
    };
}

macro_rules! seen_here {
    () => {
        "EXISTS (SELECT 1 FROM directory_seen w WHERE w.org = $1 AND w.scope = $5 AND w.object_id = staged_user.object_id)"
    };
}

const STAND: &str = concat!(
    "UPDATE staged_user SET base_revision = (SELECT u.revision FROM directory_user u WHERE u.org = $1 \
     AND u.object_id = staged_user.object_id), action = NULL, \
     status = CASE WHEN found IN ('listed', 'looked') AND enabled = 1 AND ",
    covered!(),
    " THEN 'active' ELSE 'disabled' END, disabled_reason = CASE WHEN found IN ('gone', 'missing') THEN 'absent' WHEN NOT ",
    covered!(),
    " THEN 'out-of-scope' WHEN enabled = 0 THEN 'account-disabled' END WHERE org = $1 AND operation_id = $2"
);

/// Other scopes' people are theirs: whoever neither belongs here nor was seen here, and who is gone without ever having been seen here.
const LEAVE_ALONE: &str = concat!(
    "DELETE FROM staged_user WHERE org = $1 AND operation_id = $2 AND (found IN ('gone', 'missing') OR NOT ",
    in_scope!(),
    ") AND (base_revision IS NULL OR NOT ",
    seen_here!(),
    ")"
);

const CREATE: &str = "UPDATE staged_user SET action = 'create' WHERE org = $1 AND operation_id = $2 AND base_revision IS NULL";

const COMPARE: &str = "UPDATE staged_user SET action = CASE \
    WHEN u.status = 'active' AND staged_user.status = 'disabled' THEN 'disable' \
    WHEN u.status = 'disabled' AND staged_user.status = 'active' THEN 'reenable' \
    WHEN u.disabled_reason IS DISTINCT FROM staged_user.disabled_reason \
      OR u.user_principal_name <> staged_user.user_principal_name OR u.display_name IS DISTINCT FROM staged_user.display_name \
      OR u.mail IS DISTINCT FROM staged_user.mail OR u.department IS DISTINCT FROM staged_user.department \
      OR u.job_title IS DISTINCT FROM staged_user.job_title OR u.guest <> staged_user.guest OR u.enabled <> staged_user.enabled \
    THEN 'update' ELSE 'unchanged' END FROM directory_user u WHERE staged_user.org = $1 AND staged_user.operation_id = $2 \
    AND u.org = $1 AND u.object_id = staged_user.object_id";

const COUNT: &str = "SELECT action, COUNT(*), COALESCE(SUM(CASE WHEN found IN ('listed', 'looked') THEN 1 ELSE 0 END), 0), \
    COALESCE(SUM(CASE WHEN disabled_reason = 'absent' THEN 1 ELSE 0 END), 0), \
    COALESCE(SUM(CASE WHEN found = 'listed' THEN 1 ELSE 0 END), 0) \
    FROM staged_user WHERE org = $1 AND operation_id = $2 GROUP BY action";

const CONFLICTS: &str = "SELECT COUNT(*) FROM staged_user s LEFT JOIN directory_user u ON u.org = s.org AND u.object_id = s.object_id \
    WHERE s.org = $1 AND s.operation_id = $2 AND s.action <> 'unchanged' AND s.base_revision IS DISTINCT FROM u.revision";

const DESCRIBE: &str = "INSERT INTO operation_change (org, operation_id, sequence, key, action, before, after) \
    SELECT s.org, s.operation_id, ROW_NUMBER() OVER (ORDER BY CASE s.action WHEN 'disable' THEN 0 WHEN 'reenable' THEN 1 \
    WHEN 'update' THEN 2 ELSE 3 END, s.object_id) - 1, s.object_id, s.action, \
    CASE WHEN u.object_id IS NULL THEN NULL ELSE CAST({object}('userPrincipalName', u.user_principal_name, \
      'displayName', u.display_name, 'mail', u.mail, 'department', u.department, 'jobTitle', u.job_title, 'status', UPPER(u.status), \
      'disabledReason', UPPER(REPLACE(u.disabled_reason, '-', '_'))) AS TEXT) END, \
    CAST({object}('userPrincipalName', s.user_principal_name, 'displayName', s.display_name, 'mail', s.mail, \
      'department', s.department, 'jobTitle', s.job_title, 'status', UPPER(s.status), \
      'disabledReason', UPPER(REPLACE(s.disabled_reason, '-', '_'))) AS TEXT) \
    FROM staged_user s LEFT JOIN directory_user u ON u.org = s.org AND u.object_id = s.object_id \
    WHERE s.org = $1 AND s.operation_id = $2 AND s.action <> 'unchanged'";

const ADD: &str = "INSERT INTO directory_user (org, object_id, user_principal_name, upn_key, display_name, mail, department, \
    department_key, job_title, search_key, guest, enabled, status, disabled_reason, first_seen_at, last_seen_at, revision, \
    access_revision) SELECT s.org, s.object_id, s.user_principal_name, s.upn_key, s.display_name, s.mail, s.department, \
    s.department_key, s.job_title, s.search_key, s.guest, s.enabled, s.status, s.disabled_reason, $3, $3, 1, 0 \
    FROM staged_user s WHERE s.org = $1 AND s.operation_id = $2 AND s.action = 'create'";

const CHANGE: &str = "UPDATE directory_user SET user_principal_name = s.user_principal_name, upn_key = s.upn_key, \
    display_name = s.display_name, mail = s.mail, department = s.department, department_key = s.department_key, \
    job_title = s.job_title, search_key = s.search_key, guest = s.guest, enabled = s.enabled, status = s.status, \
    disabled_reason = s.disabled_reason, revision = directory_user.revision + 1, \
    last_seen_at = CASE WHEN s.found IN ('listed', 'looked') THEN $3 ELSE directory_user.last_seen_at END \
    FROM staged_user s WHERE s.org = $1 AND s.operation_id = $2 AND s.action IN ('update', 'disable', 'reenable') \
    AND directory_user.org = $1 AND directory_user.object_id = s.object_id";

const SEE_AGAIN: &str = "UPDATE directory_user SET last_seen_at = $3 FROM staged_user s WHERE s.org = $1 AND s.operation_id = $2 \
    AND s.action = 'unchanged' AND s.found IN ('listed', 'looked') AND directory_user.org = $1 \
    AND directory_user.object_id = s.object_id";

const LOSE_SIGHT: &str = concat!(
    "DELETE FROM directory_seen WHERE org = $1 AND scope = $5 AND EXISTS (SELECT 1 FROM staged_user WHERE staged_user.org = $1 \
     AND staged_user.operation_id = $2 AND staged_user.object_id = directory_seen.object_id \
     AND (staged_user.found IN ('gone', 'missing') OR NOT ",
    in_scope!(),
    "))"
);

const SEE: &str = concat!(
    "INSERT INTO directory_seen (org, scope, object_id) SELECT org, $5, object_id FROM staged_user WHERE org = $1 \
     AND operation_id = $2 AND found IN ('listed', 'looked') AND ",
    in_scope!(),
    " ON CONFLICT (org, scope, object_id) DO NOTHING"
);

/// Works the plan out; whatever was worked out before is worked out anew.
pub(super) async fn plan(conn: &mut Conn, header: &Header) -> Result<super::Counted, Failure> {
    // The scope's own name, the last of these values, is none of this statement's.
    conn.run(STAND, scoped(header).into_iter().take(4).collect()).await?;
    conn.run(LEAVE_ALONE, scoped(header)).await?;
    conn.run(CREATE, header.staged()).await?;
    conn.run(COMPARE, header.staged()).await?;
    let mut counted = super::Counted::default();
    for row in conn.all(COUNT, header.staged()).await? {
        let number = row.count(1)?;
        counted.seen += row.count(2)?;
        counted.listed += row.count(4)?;
        let action = row.text(0)?;
        if action == "disable" {
            counted.absent += row.count(3)?;
        }
        counted.add(&action, number);
    }
    Ok(counted)
}

/// How many of the plan's people changed since it was made.
pub(super) async fn conflicts(conn: &mut Conn, header: &Header) -> Result<u64, Failure> {
    count_of(conn, CONFLICTS, header.staged()).await
}

/// Writes down who would be changed, and how; those who lose something first.
pub(super) async fn describe(conn: &mut Conn, header: &Header) -> Result<(), Failure> {
    conn.run(DESCRIBE, header.staged()).await.map(drop)
}

/// Applies it.
pub(super) async fn apply(conn: &mut Conn, header: &Header, now: Value) -> Result<(), Failure> {
    for text in [ADD, CHANGE, SEE_AGAIN] {
        conn.run(text, ends_of(header, now.clone())).await?;
    }
    conn.run(LOSE_SIGHT, scoped(header)).await?;
    conn.run(SEE, scoped(header)).await.map(drop)
}

fn scoped(header: &Header) -> Vec<Value> {
    let mut values = header.staged();
    values.extend([header.department_key.as_deref().into(), header.guests.into(), header.scope_key.as_str().into()]);
    values
}
