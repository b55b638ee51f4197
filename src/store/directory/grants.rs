//! Who has which role by which mapped group, as it will be when an operation's staged rows are applied.
//!
//! Members are followed down from each mapped group through the groups in it, as deep as they nest; `UNION` drops what was reached
//! before, so that a cycle ends. All of it is one statement over tables: memory does not grow with the directory.

use super::{Conn, Failure, OrgScope, run};

/// A group's members are the staged ones where an import read them, else those that stand.
const PLAN: &str = "WITH RECURSIVE \
    root(group_id, transitive) AS (SELECT DISTINCT m.group_id, g.transitive FROM role_mapping m \
      JOIN directory_group g ON g.org = m.org AND g.object_id = m.group_id \
      LEFT JOIN staged_group s ON s.org = m.org AND s.operation_id = $2 AND s.object_id = m.group_id \
      WHERE m.org = $1 AND COALESCE(s.status, g.status) = 'active'), \
    nested(group_id, member_id) AS (SELECT d.group_id, d.member_id FROM directory_member d \
      WHERE d.org = $1 AND d.kind = 'group' AND NOT EXISTS (SELECT 1 FROM staged_group s \
        WHERE s.org = $1 AND s.operation_id = $2 AND s.object_id = d.group_id AND s.members <> 'none') \
      UNION ALL SELECT e.group_id, e.member_id FROM staged_member e \
      WHERE e.org = $1 AND e.operation_id = $2 AND e.kind = 'group' AND e.removed = 0), \
    reach(root, group_id) AS (SELECT root.group_id, root.group_id FROM root \
      UNION SELECT r.root, n.member_id FROM reach r JOIN root t ON t.group_id = r.root AND t.transitive = 1 \
      JOIN nested n ON n.group_id = r.group_id), \
    held(root, member_id) AS (SELECT r.root, d.member_id FROM reach r \
      JOIN directory_member d ON d.org = $1 AND d.group_id = r.group_id AND d.kind = 'user' \
      WHERE NOT EXISTS (SELECT 1 FROM staged_group s \
        WHERE s.org = $1 AND s.operation_id = $2 AND s.object_id = r.group_id AND s.members <> 'none') \
      UNION SELECT r.root, e.member_id FROM reach r \
      JOIN staged_member e ON e.org = $1 AND e.operation_id = $2 AND e.group_id = r.group_id AND e.kind = 'user' AND e.removed = 0) \
    INSERT INTO staged_grant (org, operation_id, object_id, role, group_id) \
    SELECT $1, $2, h.member_id, m.role, m.group_id FROM held h \
    JOIN role_mapping m ON m.org = $1 AND m.group_id = h.root \
    LEFT JOIN directory_user u ON u.org = $1 AND u.object_id = h.member_id \
    LEFT JOIN staged_user p ON p.org = $1 AND p.operation_id = $2 AND p.object_id = h.member_id \
    WHERE COALESCE(p.status, u.status) = 'active'";

/// Whose set of roles changes. Another group that gives the same role changes nothing for the person.
const COMPARE: &str = "INSERT INTO staged_access (org, operation_id, object_id, loses) \
    SELECT $1, $2, object_id, MAX(lost) FROM ( \
      SELECT g.object_id, 1 AS lost FROM directory_grant g WHERE g.org = $1 AND NOT EXISTS (SELECT 1 FROM staged_grant s \
        WHERE s.org = $1 AND s.operation_id = $2 AND s.object_id = g.object_id AND s.role = g.role) \
      UNION ALL \
      SELECT s.object_id, 0 AS lost FROM staged_grant s WHERE s.org = $1 AND s.operation_id = $2 AND NOT EXISTS ( \
        SELECT 1 FROM directory_grant g WHERE g.org = $1 AND g.object_id = s.object_id AND g.role = s.role)) changed \
    GROUP BY object_id";

const DROP_GONE: &str = "DELETE FROM directory_grant WHERE org = $1 AND NOT EXISTS (SELECT 1 FROM staged_grant s WHERE s.org = $1 \
    AND s.operation_id = $2 AND s.object_id = directory_grant.object_id AND s.role = directory_grant.role \
    AND s.group_id = directory_grant.group_id)";

const ADD_NEW: &str = "INSERT INTO directory_grant (org, object_id, role, group_id) SELECT org, object_id, role, group_id \
    FROM staged_grant WHERE org = $1 AND operation_id = $2 ON CONFLICT (org, object_id, role, group_id) DO NOTHING";

const FORGET_GRANTS: &str = "DELETE FROM staged_grant WHERE org = $1 AND operation_id = $2";
const FORGET_ACCESS: &str = "DELETE FROM staged_access WHERE org = $1 AND operation_id = $2";

/// Works out `staged_grant` and `staged_access` anew; operation `""` has no staged rows, so it says what the rows that stand give.
pub(super) async fn plan(conn: &mut Conn, scope: &OrgScope, operation_id: &str) -> Result<(), Failure> {
    for text in [FORGET_GRANTS, FORGET_ACCESS, PLAN, COMPARE] {
        run(conn, text, scope, operation_id).await?;
    }
    Ok(())
}

/// Makes the planned grants the ones that stand.
pub(super) async fn apply(conn: &mut Conn, scope: &OrgScope, operation_id: &str) -> Result<(), Failure> {
    for text in [DROP_GONE, ADD_NEW, FORGET_GRANTS, FORGET_ACCESS] {
        run(conn, text, scope, operation_id).await?;
    }
    Ok(())
}
