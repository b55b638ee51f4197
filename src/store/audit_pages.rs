//! A whole chain read page by page.
//!
//! A page is asked for by both ends of its numbers, which follow one another without gaps in a sound chain. With one end alone and a
//! limit, a Postgres server that knows nothing of the table yet (a fresh one, a restored one) collects all that is left and sorts it,
//! for every page again.

use super::db::{Conn, Failure, Row};
use crate::organisation::OrgScope;

const BETWEEN: &str = "SELECT seq, at, actor, action, target, outcome, detail, personal, correlation_id, graph_request_id, \
    previous, hash FROM audit WHERE org = $1 AND seq > $2 AND seq <= $3 ORDER BY seq";

const NEXT: &str = "SELECT MIN(seq) FROM audit WHERE org = $1 AND seq > $2 AND seq <= $3";

/// Entries after the one with this number (0: from the first) and up to `upto`, in chain order, at most `limit`; none only when none is
/// left. A gap, which is for the reader to judge, is passed over in one step, however wide.
pub(super) async fn page(conn: &mut Conn, scope: &OrgScope, after: u64, upto: u64, limit: u32) -> Result<Vec<Row>, Failure> {
    let rows = between(conn, scope, after, upto, limit).await?;
    if !rows.is_empty() {
        return Ok(rows);
    }
    let next = conn.all(NEXT, vec![scope.as_str().into(), after.into(), upto.into()]).await?;
    match next.first().map(|row| row.maybe_int(0)).transpose()?.flatten().and_then(|seq| u64::try_from(seq).ok()) {
        Some(seq) => between(conn, scope, seq.saturating_sub(1), upto, limit).await,
        None => Ok(rows),
    }
}

async fn between(conn: &mut Conn, scope: &OrgScope, after: u64, upto: u64, limit: u32) -> Result<Vec<Row>, Failure> {
    let last = upto.min(after.saturating_add(limit.into()));
    conn.all(BETWEEN, vec![scope.as_str().into(), after.into(), last.into()]).await
}
