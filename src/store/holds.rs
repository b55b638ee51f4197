//! Reading the waits that the server asked for. They are written with progress (`record`).

use chrono::{DateTime, Utc};

use super::{
    Hold, Store, StoreError, WorkerScope,
    db::{Failure, Row},
    values,
};
use crate::{capabilities::CapabilityName, organisation::OrgScope};

const RUNNING: &str = "SELECT org, target, until FROM hold WHERE capability = $1 AND until > $2 ORDER BY org, target";

impl Store {
    /// The waits of a capability that are not over at `now`, of every organisation. As many as there are mailboxes throttled now.
    pub async fn holds(
        &self,
        worker: &WorkerScope,
        capability: CapabilityName,
        now: DateTime<Utc>,
    ) -> Result<Vec<(OrgScope, Hold)>, StoreError> {
        const DOING: &str = "reading what is held back";
        let mut conn = self.read(worker, DOING).await?;
        let read = |row: &Row| {
            let target = Some(row.text(1)?).filter(|target| !target.is_empty());
            Ok((self.scope_of(&row.text(0)?)?, Hold { capability, target, until: values::instant(row, 2)? }))
        };
        let rows = conn.all(RUNNING, vec![capability.label().into(), now.into()]).await;
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure: Failure| failure.doing(DOING))
    }
}
