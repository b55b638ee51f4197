//! Who and what an import has not read although it was there before, and what it still has to read.

use super::{Store, StoreError, staged};
use crate::{
    organisation::OrgScope,
    store::{
        OperationLease,
        db::{Job, Reach, Value},
        operation_lease::fence,
    },
};

const MISSING: &str = "INSERT INTO staged_user (org, operation_id, object_id, found, user_principal_name, upn_key, display_name, \
    mail, department, department_key, job_title, search_key, guest, enabled) \
    SELECT u.org, $2, u.object_id, 'missing', u.user_principal_name, u.upn_key, u.display_name, u.mail, u.department, \
    u.department_key, u.job_title, u.search_key, u.guest, u.enabled FROM directory_seen w \
    JOIN directory_user u ON u.org = w.org AND u.object_id = w.object_id WHERE w.org = $1 AND w.scope = $3 \
    AND NOT EXISTS (SELECT 1 FROM staged_user s WHERE s.org = $1 AND s.operation_id = $2 AND s.object_id = w.object_id)";

const COUNT_MISSING: &str = "SELECT COUNT(*) FROM staged_user WHERE org = $1 AND operation_id = $2 AND found = 'missing'";

const NEXT_MISSING: &str = "SELECT object_id FROM staged_user WHERE org = $1 AND operation_id = $2 AND found = 'missing' \
    AND object_id > $3 ORDER BY object_id LIMIT $4";

const MISSING_GROUPS: &str = "SELECT w.object_id FROM directory_seen w WHERE w.org = $1 AND w.scope = $3 \
    AND NOT EXISTS (SELECT 1 FROM staged_group s WHERE s.org = $1 AND s.operation_id = $2 AND s.object_id = w.object_id) \
    ORDER BY w.object_id";

/// Groups inside staged ones that neither were read nor are known.
const UNREAD: &str = "SELECT DISTINCT e.member_id FROM staged_member e WHERE e.org = $1 AND e.operation_id = $2 AND e.kind = 'group' \
    AND e.removed = 0 AND NOT EXISTS (SELECT 1 FROM staged_group s WHERE s.org = $1 AND s.operation_id = $2 \
    AND s.object_id = e.member_id) AND ($3 = 1 OR NOT EXISTS (SELECT 1 FROM directory_group g WHERE g.org = $1 \
    AND g.object_id = e.member_id AND g.status = 'active')) ORDER BY e.member_id";

/// Groups read whole that lack a member who stands.
const LOSING: &str = "SELECT g.object_id FROM staged_group g WHERE g.org = $1 AND g.operation_id = $2 AND g.members = 'whole' \
    AND g.found IN ('listed', 'nested') AND EXISTS (SELECT 1 FROM directory_member d WHERE d.org = $1 AND d.group_id = g.object_id \
    AND NOT EXISTS (SELECT 1 FROM staged_member e WHERE e.org = $1 AND e.operation_id = $2 AND e.group_id = d.group_id \
    AND e.member_id = d.member_id)) ORDER BY g.object_id";

const LEFT_OUT: &str = "WITH v(group_id, member_id) AS (VALUES {rows}) SELECT d.group_id FROM v JOIN directory_member d ON d.org = $1 \
    AND d.group_id = v.group_id AND d.member_id = v.member_id WHERE NOT EXISTS (SELECT 1 FROM staged_member e WHERE e.org = $1 \
    AND e.operation_id = $2 AND e.group_id = v.group_id AND e.member_id = v.member_id)";

impl Store {
    /// Stages who was seen through this scope before and was not read now; returns how many. `None` when the lease is lost.
    pub async fn stage_missing_people(&self, lease: &OperationLease, scope_key: &str) -> Result<Option<u64>, StoreError> {
        let reach = Reach::from(&lease.scope);
        let (lease, scope_key) = (lease.clone(), scope_key.to_owned());
        let job: Job<Option<u64>> = Box::new(move |tx| {
            let (lease, scope_key) = (lease.clone(), scope_key.clone());
            Box::pin(async move {
                if !fence(&mut tx.conn, &lease).await? {
                    return Ok(None);
                }
                let mut values = staged(&lease.scope, &lease.id);
                values.push(scope_key.into());
                tx.conn.run(MISSING, values).await?;
                let rows = tx.conn.all(COUNT_MISSING, staged(&lease.scope, &lease.id)).await?;
                rows.first().map_or(Ok(Some(0)), |row| row.count(0).map(Some))
            })
        });
        self.write(reach, "staging who is missing", job).await
    }

    /// Ids of people staged as missing, after this one.
    pub async fn missing_people(&self, lease: &OperationLease, after: &str, most: u32) -> Result<Vec<String>, StoreError> {
        let mut values = staged(&lease.scope, &lease.id);
        values.extend([after.into(), most.into()]);
        self.ids(&lease.scope, "reading who is missing", NEXT_MISSING, values).await
    }

    /// Ids of groups that were seen through this scope before and were not read now.
    pub async fn missing_groups(&self, lease: &OperationLease, scope_key: &str) -> Result<Vec<String>, StoreError> {
        let mut values = staged(&lease.scope, &lease.id);
        values.push(scope_key.into());
        self.ids(&lease.scope, "reading which groups are missing", MISSING_GROUPS, values).await
    }

    /// Ids of groups inside staged groups that are yet to be read; `anew`: even those that are known.
    pub async fn unread_groups(&self, lease: &OperationLease, anew: bool) -> Result<Vec<String>, StoreError> {
        let mut values = staged(&lease.scope, &lease.id);
        values.push(anew.into());
        self.ids(&lease.scope, "reading which groups are yet to be read", UNREAD, values).await
    }

    /// Ids of groups that were read whole and lack somebody who was in them before.
    pub async fn losing_groups(&self, lease: &OperationLease) -> Result<Vec<String>, StoreError> {
        self.ids(&lease.scope, "reading which groups lose members", LOSING, staged(&lease.scope, &lease.id)).await
    }

    /// Whether any of these members, by group and member, was in the group before and was not staged as one: the list has left it out.
    pub async fn left_out(&self, lease: &OperationLease, members: Vec<(String, String)>) -> Result<bool, StoreError> {
        const DOING: &str = "reading whom a list has left out";
        let mut conn = self.read(&lease.scope, DOING).await?;
        let pairs = members.into_iter().map(|(group, member)| [group.into(), member.into()]).collect();
        let rows = conn.many::<2>(LEFT_OUT, &staged(&lease.scope, &lease.id), pairs).await;
        rows.map(|rows| !rows.is_empty()).map_err(|failure| failure.doing(DOING))
    }

    async fn ids(
        &self,
        scope: &OrgScope,
        doing: &'static str,
        text: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<String>, StoreError> {
        let mut conn = self.read(scope, doing).await?;
        let rows = conn.all(text, values).await;
        rows.and_then(|rows| rows.iter().map(|row| row.text(0)).collect()).map_err(|failure| failure.doing(doing))
    }
}
