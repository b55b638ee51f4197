//! The plan of an import of groups and memberships, worked out and applied by statements over tables.

use super::{Conn, Failure, Header, count_of, ends_of};
use crate::store::db::Value;

/// A delta tells what changed; a plan holds what will be. So what did not change is staged as well, and what went is taken out.
const FILL_UP: &str = "INSERT INTO staged_member (org, operation_id, group_id, member_id, kind, removed) \
    SELECT d.org, g.operation_id, d.group_id, d.member_id, d.kind, 0 FROM staged_group g \
    JOIN directory_member d ON d.org = g.org AND d.group_id = g.object_id \
    WHERE g.org = $1 AND g.operation_id = $2 AND g.members = 'changes' \
    ON CONFLICT (org, operation_id, group_id, member_id) DO NOTHING";
const TAKE_OUT: &str = "DELETE FROM staged_member WHERE org = $1 AND operation_id = $2 AND removed = 1";
const FILLED_UP: &str = "UPDATE staged_group SET members = 'whole' WHERE org = $1 AND operation_id = $2 AND members = 'changes'";

const STAND: &str = "UPDATE staged_group SET base_revision = (SELECT g.revision FROM directory_group g WHERE g.org = $1 \
    AND g.object_id = staged_group.object_id), action = NULL, \
    status = CASE WHEN found IN ('gone', 'missing') THEN 'disabled' ELSE 'active' END WHERE org = $1 AND operation_id = $2";

/// Who never was seen through this scope is not missed by it.
const LEAVE_ALONE: &str = "DELETE FROM staged_group WHERE org = $1 AND operation_id = $2 AND found IN ('gone', 'missing') \
    AND (base_revision IS NULL OR NOT EXISTS (SELECT 1 FROM directory_seen w WHERE w.org = $1 AND w.scope = $3 \
    AND w.object_id = staged_group.object_id))";

/// A group that is gone keeps its name: people know it by that.
const KEEP_NAMES: &str = "UPDATE staged_group SET display_name = g.display_name, description = g.description, \
    search_key = g.search_key FROM directory_group g WHERE staged_group.org = $1 AND staged_group.operation_id = $2 \
    AND staged_group.found IN ('gone', 'missing') AND g.org = $1 AND g.object_id = staged_group.object_id";

const CREATE: &str = "UPDATE staged_group SET action = 'create' WHERE org = $1 AND operation_id = $2 AND base_revision IS NULL";

const COMPARE: &str = "UPDATE staged_group SET action = CASE \
    WHEN g.status = 'active' AND staged_group.status = 'disabled' THEN 'disable' \
    WHEN g.status = 'disabled' AND staged_group.status = 'active' THEN 'reenable' \
    WHEN g.display_name <> staged_group.display_name OR g.description IS DISTINCT FROM staged_group.description \
      OR (staged_group.found = 'listed' AND g.transitive <> $3) \
      OR EXISTS (SELECT 1 FROM staged_member e WHERE e.org = $1 AND e.operation_id = $2 AND e.group_id = g.object_id \
        AND NOT EXISTS (SELECT 1 FROM directory_member d WHERE d.org = $1 AND d.group_id = e.group_id AND d.member_id = e.member_id)) \
      OR EXISTS (SELECT 1 FROM directory_member d WHERE d.org = $1 AND d.group_id = g.object_id \
        AND NOT EXISTS (SELECT 1 FROM staged_member e WHERE e.org = $1 AND e.operation_id = $2 AND e.group_id = d.group_id \
        AND e.member_id = d.member_id)) \
    THEN 'update' ELSE 'unchanged' END FROM directory_group g WHERE staged_group.org = $1 AND staged_group.operation_id = $2 \
    AND g.org = $1 AND g.object_id = staged_group.object_id";

const COUNT: &str = "SELECT action, COUNT(*), COALESCE(SUM(CASE WHEN found IN ('listed', 'nested') THEN 1 ELSE 0 END), 0), \
    COALESCE(SUM(CASE WHEN found = 'listed' THEN 1 ELSE 0 END), 0) \
    FROM staged_group WHERE org = $1 AND operation_id = $2 GROUP BY action";

const ADDED: &str = "SELECT COUNT(*) FROM staged_member e WHERE e.org = $1 AND e.operation_id = $2 AND NOT EXISTS ( \
    SELECT 1 FROM directory_member d WHERE d.org = $1 AND d.group_id = e.group_id AND d.member_id = e.member_id)";
const REMOVED: &str = "SELECT COUNT(*) FROM staged_group g JOIN directory_member d ON d.org = g.org AND d.group_id = g.object_id \
    WHERE g.org = $1 AND g.operation_id = $2 AND NOT EXISTS (SELECT 1 FROM staged_member e WHERE e.org = $1 \
    AND e.operation_id = $2 AND e.group_id = d.group_id AND e.member_id = d.member_id)";

const CONFLICTS: &str = "SELECT COUNT(*) FROM staged_group s LEFT JOIN directory_group g ON g.org = s.org AND g.object_id = s.object_id \
    WHERE s.org = $1 AND s.operation_id = $2 AND s.action <> 'unchanged' AND s.base_revision IS DISTINCT FROM g.revision";

const DESCRIBE: &str = "INSERT INTO operation_change (org, operation_id, sequence, key, action, before, after) \
    SELECT s.org, s.operation_id, ROW_NUMBER() OVER (ORDER BY CASE s.action WHEN 'disable' THEN 0 WHEN 'reenable' THEN 1 \
    WHEN 'update' THEN 2 ELSE 3 END, s.object_id) - 1, s.object_id, s.action, \
    CASE WHEN g.object_id IS NULL THEN NULL ELSE CAST({object}('displayName', g.display_name, 'description', g.description, \
      'status', UPPER(g.status)) AS TEXT) END, \
    CAST({object}('displayName', s.display_name, 'description', s.description, 'status', UPPER(s.status), \
      'membershipsAdded', (SELECT COUNT(*) FROM staged_member e WHERE e.org = $1 AND e.operation_id = $2 \
        AND e.group_id = s.object_id AND NOT EXISTS (SELECT 1 FROM directory_member d WHERE d.org = $1 \
        AND d.group_id = e.group_id AND d.member_id = e.member_id)), \
      'membershipsRemoved', (SELECT COUNT(*) FROM directory_member d WHERE d.org = $1 AND d.group_id = s.object_id \
        AND NOT EXISTS (SELECT 1 FROM staged_member e WHERE e.org = $1 AND e.operation_id = $2 AND e.group_id = d.group_id \
        AND e.member_id = d.member_id))) AS TEXT) \
    FROM staged_group s LEFT JOIN directory_group g ON g.org = s.org AND g.object_id = s.object_id \
    WHERE s.org = $1 AND s.operation_id = $2 AND s.action <> 'unchanged'";

const ADD: &str = "INSERT INTO directory_group (org, object_id, display_name, description, search_key, transitive, status, \
    first_seen_at, last_seen_at, revision) SELECT s.org, s.object_id, s.display_name, s.description, s.search_key, $4, s.status, $3, \
    $3, 1 FROM staged_group s WHERE s.org = $1 AND s.operation_id = $2 AND s.action = 'create'";

const CHANGE: &str = "UPDATE directory_group SET display_name = s.display_name, description = s.description, \
    search_key = s.search_key, status = s.status, revision = directory_group.revision + 1, \
    transitive = CASE WHEN s.found = 'listed' THEN $4 ELSE directory_group.transitive END, \
    last_seen_at = CASE WHEN s.found IN ('listed', 'nested') THEN $3 ELSE directory_group.last_seen_at END \
    FROM staged_group s WHERE s.org = $1 AND s.operation_id = $2 AND s.action IN ('update', 'disable', 'reenable') \
    AND directory_group.org = $1 AND directory_group.object_id = s.object_id";

const SEE_AGAIN: &str = "UPDATE directory_group SET last_seen_at = $3 FROM staged_group s WHERE s.org = $1 AND s.operation_id = $2 \
    AND s.action = 'unchanged' AND s.found IN ('listed', 'nested') AND directory_group.org = $1 \
    AND directory_group.object_id = s.object_id";

const DROP_MEMBERS: &str = "DELETE FROM directory_member WHERE org = $1 AND EXISTS (SELECT 1 FROM staged_group s WHERE s.org = $1 \
    AND s.operation_id = $2 AND s.object_id = directory_member.group_id AND s.action <> 'unchanged') \
    AND NOT EXISTS (SELECT 1 FROM staged_member e WHERE e.org = $1 AND e.operation_id = $2 \
    AND e.group_id = directory_member.group_id AND e.member_id = directory_member.member_id)";

const ADD_MEMBERS: &str = "INSERT INTO directory_member (org, group_id, member_id, kind) \
    SELECT e.org, e.group_id, e.member_id, e.kind FROM staged_member e \
    JOIN staged_group s ON s.org = e.org AND s.operation_id = e.operation_id AND s.object_id = e.group_id \
    WHERE e.org = $1 AND e.operation_id = $2 AND s.action <> 'unchanged' ON CONFLICT (org, group_id, member_id) DO NOTHING";

const LOSE_SIGHT: &str = "DELETE FROM directory_seen WHERE org = $1 AND scope = $3 AND EXISTS (SELECT 1 FROM staged_group s \
    WHERE s.org = $1 AND s.operation_id = $2 AND s.object_id = directory_seen.object_id AND s.found IN ('gone', 'missing'))";

const SEE: &str = "INSERT INTO directory_seen (org, scope, object_id) SELECT org, $3, object_id FROM staged_group WHERE org = $1 \
    AND operation_id = $2 AND found IN ('listed', 'nested') ON CONFLICT (org, scope, object_id) DO NOTHING";

/// Works the plan out; whatever was worked out before is worked out anew.
pub(super) async fn plan(conn: &mut Conn, header: &Header) -> Result<super::Counted, Failure> {
    for text in [FILL_UP, TAKE_OUT, FILLED_UP, STAND] {
        conn.run(text, header.staged()).await?;
    }
    conn.run(LEAVE_ALONE, scoped(header)).await?;
    for text in [KEEP_NAMES, CREATE] {
        conn.run(text, header.staged()).await?;
    }
    conn.run(COMPARE, ends_of(header, header.transitive.into())).await?;
    let mut counted = super::Counted { memberships: Some((0, 0)), ..super::Counted::default() };
    for row in conn.all(COUNT, header.staged()).await? {
        let (action, number) = (row.text(0)?, row.count(1)?);
        counted.seen += row.count(2)?;
        counted.listed += row.count(3)?;
        if action == "disable" {
            counted.absent += number;
        }
        counted.add(&action, number);
    }
    let added = count_of(conn, ADDED, header.staged()).await?;
    let removed = count_of(conn, REMOVED, header.staged()).await?;
    counted.memberships = Some((added, removed));
    Ok(counted)
}

/// How many of the plan's groups changed since it was made.
pub(super) async fn conflicts(conn: &mut Conn, header: &Header) -> Result<u64, Failure> {
    count_of(conn, CONFLICTS, header.staged()).await
}

/// Writes down which groups would be changed, and how; those that go first.
pub(super) async fn describe(conn: &mut Conn, header: &Header) -> Result<(), Failure> {
    conn.run(DESCRIBE, header.staged()).await.map(drop)
}

/// Applies it.
pub(super) async fn apply(conn: &mut Conn, header: &Header, now: Value) -> Result<(), Failure> {
    for text in [ADD, CHANGE] {
        let mut values = ends_of(header, now.clone());
        values.push(header.transitive.into());
        conn.run(text, values).await?;
    }
    conn.run(SEE_AGAIN, ends_of(header, now)).await?;
    for text in [DROP_MEMBERS, ADD_MEMBERS] {
        conn.run(text, header.staged()).await?;
    }
    for text in [LOSE_SIGHT, SEE] {
        conn.run(text, scoped(header)).await?;
    }
    Ok(())
}

fn scoped(header: &Header) -> Vec<Value> {
    ends_of(header, header.scope_key.as_str().into())
}
