//! People who were disabled or let in again: each audited, in the transaction that does it.

use serde_json::json;

use super::{AccessCause, Failure, Header};
use crate::{
    capabilities::Outcome,
    store::{NewAuditEntry, audit_chain, db::Tx},
};

/// People audited at once: memory does not grow with their number.
const PAGE: i64 = 500;

const NEXT: &str = "SELECT object_id, action, user_principal_name, disabled_reason FROM staged_user WHERE org = $1 \
    AND operation_id = $2 AND action IN ('disable', 'reenable') AND object_id > $3 ORDER BY object_id LIMIT $4";

/// Audits them. Written at once rather than at the transaction's end, for there may be very many.
pub(super) async fn tell(tx: &mut Tx, header: &Header, cause: &AccessCause) -> Result<(), Failure> {
    let mut last = String::new();
    loop {
        let mut values = header.staged();
        values.extend([last.as_str().into(), PAGE.into()]);
        let rows = tx.conn.all(NEXT, values).await?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in &rows {
            let action = if row.text(1)? == "disable" { "directory.user.disabled" } else { "directory.user.reenabled" };
            let reason = row.maybe_text(3)?.map(|reason| reason.to_uppercase().replace('-', "_"));
            last = row.text(0)?;
            let mut detail = cause.detail.clone();
            detail["reason"] = json!(reason);
            entries.push(NewAuditEntry {
                at: cause.now,
                actor: cause.actor.clone(),
                action: action.into(),
                target: format!("user/{last}"),
                outcome: Outcome::Succeeded,
                detail,
                personal: vec![("userPrincipalName".into(), row.text(2)?)],
                correlation_id: None,
                graph_request_id: None,
            });
        }
        if entries.is_empty() {
            return Ok(());
        }
        audit_chain::append(&mut tx.conn, &tx.ids, std::iter::once((&header.scope, &entries[..]))).await?;
    }
}
