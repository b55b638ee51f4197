//! Events owed to others: committed with what they tell of, published after.

use chrono::{DateTime, Utc};

use super::{
    NewAuditEntry, Store, StoreError, WorkerScope,
    db::{Conn, Failure, Job},
};
use crate::{capabilities::Outcome, organisation::OrgScope};

pub use crate::events::Outgoing as OutgoingEvent;

/// An event that waits to be published.
#[derive(Debug, Clone)]
pub struct QueuedEvent {
    /// Whose.
    pub scope: OrgScope,
    /// Its place in the queue.
    pub sequence: i64,
    /// The event.
    pub event: OutgoingEvent,
}

impl Store {
    /// The oldest events that wait.
    pub async fn outbox(&self, worker: &WorkerScope, limit: u32) -> Result<Vec<QueuedEvent>, StoreError> {
        const DOING: &str = "reading events to publish";
        let mut conn = self.read(worker, DOING).await?;
        self.oldest(&mut conn, limit).await.map_err(|failure| failure.doing(DOING))
    }

    /// Forgets events that the broker has confirmed.
    pub async fn published(&self, worker: &WorkerScope, events: &[QueuedEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let sequences: Vec<i64> = events.iter().map(|queued| queued.sequence).collect();
        let job: Job<()> = Box::new(move |tx| {
            let sequences = sequences.clone();
            Box::pin(async move { drop_events(&mut tx.conn, &sequences).await })
        });
        self.write(worker, "forgetting published events", job).await
    }

    /// Forgets events that the broker will never take, each with an audit entry (`event.unpublishable`) that says which.
    pub async fn unpublishable(
        &self,
        worker: &WorkerScope,
        now: DateTime<Utc>,
        events: &[QueuedEvent],
    ) -> Result<(), StoreError> {
        let given = std::sync::Arc::new(events.to_vec());
        let job: Job<()> = Box::new(move |tx| {
            let given = std::sync::Arc::clone(&given);
            Box::pin(async move {
                drop_events(&mut tx.conn, &given.iter().map(|queued| queued.sequence).collect::<Vec<_>>()).await?;
                for queued in given.iter() {
                    tx.audit(&queued.scope, [unpublishable(now, queued)]);
                }
                Ok(())
            })
        });
        self.write(worker, "giving up events that cannot be published", job).await
    }

    async fn oldest(&self, conn: &mut Conn, limit: u32) -> Result<Vec<QueuedEvent>, Failure> {
        let text = "SELECT org, sequence, id, subject, payload FROM outbox ORDER BY sequence LIMIT $1";
        let rows = conn.all(text, vec![limit.into()]).await?;
        let read = |row: &super::db::Row| {
            let event = OutgoingEvent { id: row.text(2)?, subject: row.text(3)?, payload: row.text(4)? };
            Ok(QueuedEvent { scope: self.scope_of(&row.text(0)?)?, sequence: row.int(1)?, event })
        };
        rows.iter().map(read).collect()
    }
}

async fn drop_events(conn: &mut Conn, sequences: &[i64]) -> Result<(), Failure> {
    let rows = sequences.iter().map(|sequence| [(*sequence).into()]).collect();
    conn.many("DELETE FROM outbox WHERE sequence IN (VALUES {rows})", &[], rows).await.map(drop)
}

fn unpublishable(now: DateTime<Utc>, queued: &QueuedEvent) -> NewAuditEntry {
    let OutgoingEvent { id, subject, payload } = &queued.event;
    NewAuditEntry {
        at: now,
        actor: "system".to_owned(),
        action: "event.unpublishable".to_owned(),
        target: format!("event/{id}"),
        outcome: Outcome::Failed,
        detail: serde_json::json!({ "subject": subject, "bytes": payload.len(), "code": "TOO_LARGE" }),
        personal: vec![],
        correlation_id: None,
        graph_request_id: None,
    }
}

/// Queues events; one whose id waits already is the same event.
pub(super) async fn enqueue<'a>(
    conn: &mut Conn,
    events: impl Iterator<Item = (&'a OrgScope, &'a [OutgoingEvent])>,
) -> Result<(), Failure> {
    let row = |(scope, event): (&OrgScope, &OutgoingEvent)| {
        [scope.as_str().into(), event.id.as_str().into(), event.subject.as_str().into(), event.payload.as_str().into()]
    };
    let text = "INSERT INTO outbox (org, id, subject, payload) VALUES {rows} ON CONFLICT (org, id) DO NOTHING";
    let rows = events.flat_map(|(scope, events)| events.iter().map(move |event| (scope, event))).map(row).collect();
    conn.many(text, &[], rows).await.map(drop)
}
