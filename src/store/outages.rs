//! Outages on their way to channels: what is due to be routed, the fan-out, and the channels' states read back.
//!
//! An outage's own row is settled by being routed. What its channels should show are rows of their own (`Kind::Card`,
//! `Kind::Message`), which the reconciler delivers. Routing needs no lease: it is one transaction, and it counts only if the outage's
//! version is still the one that was routed.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    Arrival, Kind, NewAuditEntry, ObjectRow, Store, StoreError, Taken, WorkerScope, arrivals,
    db::{Conn, Failure, Job, Reach, Row, Value},
    tasks, values,
};
use crate::{capabilities::Version, events::EventContext, organisation::OrgScope};

/// An outage that is to be routed.
#[derive(Debug, Clone)]
pub struct DueOutage {
    /// Whose.
    pub scope: OrgScope,
    /// Its id.
    pub key: String,
    /// The wanted version.
    pub version: Version,
    /// The wanted state (`Arrival::body`).
    pub body: String,
    /// The event that asked for it.
    pub context: EventContext,
    /// Channels that heard of it before, with the kind of their rows.
    pub told: Vec<(String, Kind)>,
}

/// What one channel should show of an outage.
#[derive(Debug, Clone)]
pub struct RoutedCard {
    /// The channel's key.
    pub channel: String,
    /// The kind of row: who delivers it.
    pub kind: Kind,
    /// Its key.
    pub key: String,
    /// What calls, waits and turns are counted by.
    pub target: String,
    /// The wanted state as JSON.
    pub body: String,
}

/// An outage with the state of each channel.
#[derive(Debug, Clone)]
pub struct OutageRow {
    /// The outage itself.
    pub outage: ObjectRow,
    /// By channel key, what it shows.
    pub posts: Vec<(String, Kind, ObjectRow)>,
}

const DUE: &str = "SELECT w.org, w.key, w.event_version, w.mutation, w.body, w.context FROM wanted w \
    WHERE w.kind = 'outage' AND w.kind IN ('outage', 'card') AND w.due_at IS NOT NULL AND w.due_at <= $1 ORDER BY w.due_at LIMIT $2";

const DUE_ONE: &str = "SELECT w.org, w.key, w.event_version, w.mutation, w.body, w.context FROM wanted w \
    WHERE w.org = $1 AND w.kind = 'outage' AND w.key = $2 AND w.due_at IS NOT NULL";

const TOLD: &str = "SELECT channel, kind FROM outage_route WHERE org = $1 AND outage = $2 ORDER BY channel";

const SETTLE: &str = "UPDATE wanted SET state = 'settled', settled_event_version = event_version, settled_mutation = mutation, \
    due_at = NULL, last_error = NULL, first_failed_at = NULL, updated_at = $3 WHERE org = $1 AND kind = 'outage' AND key = $2 \
    AND event_version = $4 AND mutation = $5 AND due_at IS NOT NULL";

/// $1 now. A row under lease stays so: its worker will record an older version, and the row is due then. An outage that is to be
/// looked at again hands that on.
const PUT: &str = "WITH v(org, kind, key, target, body, outage) AS (VALUES {rows}) INSERT INTO wanted (org, kind, key, event_version, \
    mutation, digest, body, body_format, target, context, event_time, state, generation, recheck, attempts, not_before, due_since, \
    due_at, lease_epoch, overtaken, reopen, has_letter, updated_at) \
    SELECT v.org, v.kind, v.key, o.event_version, o.mutation, o.digest, v.body, 1, v.target, o.context, o.event_time, \
    'pending', 0, o.recheck, 0, $1, $1, $1, 0, 0, 0, 0, $1 \
    FROM v JOIN wanted o ON o.org = v.org AND o.kind = 'outage' AND o.key = v.outage WHERE TRUE \
    ON CONFLICT (org, kind, key) DO UPDATE SET event_version = excluded.event_version, mutation = excluded.mutation, \
    digest = excluded.digest, body = excluded.body, body_format = excluded.body_format, target = excluded.target, \
    context = excluded.context, event_time = excluded.event_time, state = 'pending', attempts = 0, crashes = 0, \
    recheck = CASE WHEN excluded.recheck = 1 AND wanted.lease_until IS NULL THEN 1 ELSE wanted.recheck END, \
    reopen = CASE WHEN excluded.recheck = 1 AND wanted.lease_until IS NOT NULL THEN 1 ELSE wanted.reopen END, \
    first_failed_at = NULL, last_error = NULL, not_before = excluded.not_before, due_since = excluded.due_since, \
    due_at = CASE WHEN wanted.lease_until IS NULL THEN excluded.due_at ELSE wanted.due_at END, \
    overtaken = CASE WHEN wanted.lease_until IS NULL THEN 0 ELSE 1 END, updated_at = excluded.updated_at \
    WHERE excluded.event_version > wanted.event_version \
    OR (excluded.event_version = wanted.event_version AND excluded.mutation > wanted.mutation)";

const ROUTE: &str = "INSERT INTO outage_route (org, outage, channel, kind, card) VALUES {rows} ON CONFLICT (org, outage, channel) \
    DO UPDATE SET kind = excluded.kind, card = excluded.card";

const LOOKED: &str = "UPDATE wanted SET recheck = 0 WHERE org = $1 AND kind = 'outage' AND key = $2";

const POSTS: &str = "SELECT channel, kind, card FROM outage_route WHERE org = $1 AND outage = $2 ORDER BY channel";

/// On top of what is wanted: event version and digest stay, so that the event itself is still known when it comes again.
const MUTATE: &str = "INSERT INTO wanted (org, kind, key, event_version, mutation, digest, body, body_format, target, context, \
    event_time, state, generation, recheck, attempts, not_before, due_since, due_at, lease_epoch, overtaken, reopen, has_letter, \
    updated_at) VALUES ($1, 'outage', $2, 0, 1, $3, $4, 1, '', $5, $6, 'pending', 0, 0, 0, $7, $7, $7, 0, 0, 0, 0, $7) \
    ON CONFLICT (org, kind, key) DO UPDATE SET mutation = wanted.mutation + 1, body = excluded.body, context = excluded.context, \
    event_time = excluded.event_time, state = 'pending', due_since = excluded.due_since, due_at = excluded.due_at, \
    not_before = excluded.not_before, updated_at = excluded.updated_at";

impl Store {
    /// Outages that are to be routed, the oldest first.
    pub async fn due_outages(&self, worker: &WorkerScope, now: DateTime<Utc>, limit: u32) -> Result<Vec<DueOutage>, StoreError> {
        const DOING: &str = "reading outages to route";
        let mut conn = self.read(worker, DOING).await?;
        self.due(&mut conn, DUE, vec![now.into(), limit.into()]).await.map_err(|failure| failure.doing(DOING))
    }

    /// One outage, if it is to be routed.
    pub async fn due_outage(&self, scope: &OrgScope, key: &str) -> Result<Option<DueOutage>, StoreError> {
        const DOING: &str = "reading an outage to route";
        let mut conn = self.read(scope, DOING).await?;
        let due = self.due(&mut conn, DUE_ONE, vec![scope.as_str().into(), key.into()]).await;
        due.map(|mut due| due.pop()).map_err(|failure| failure.doing(DOING))
    }

    async fn due(&self, conn: &mut Conn, text: &'static str, values: Vec<Value>) -> Result<Vec<DueOutage>, Failure> {
        let mut due = Vec::new();
        for row in conn.all(text, values).await? {
            let (org, key) = (row.text(0)?, row.text(1)?);
            let told = conn.all(TOLD, vec![org.as_str().into(), key.as_str().into()]).await?;
            due.push(DueOutage {
                scope: self.scope_of(&org)?,
                key,
                version: Version { event: row.count(2)?, mutation: row.count(3)? },
                body: row.text(4)?,
                context: values::from_json(&row.text(5)?, "event context")?,
                told: told.iter().map(|row| Ok((row.text(0)?, values::kind(&row.text(1)?)?))).collect::<Result<_, Failure>>()?,
            });
        }
        Ok(due)
    }

    /// Writes what the channels should show, and that the outage is routed; false, and nothing is written, when it was routed or
    /// overtaken meanwhile.
    pub async fn route_outage(
        &self,
        now: DateTime<Utc>,
        outage: DueOutage,
        cards: Vec<RoutedCard>,
        audit: Vec<NewAuditEntry>,
    ) -> Result<bool, StoreError> {
        // As every other writer locks rows, so that none ends in a deadlock with another.
        let mut cards = cards;
        cards.sort_by(|one, other| (one.kind.label(), &one.key).cmp(&(other.kind.label(), &other.key)));
        let reach = Reach::from(&outage.scope);
        let given = Arc::new((outage, cards, audit));
        let job: Job<bool> = Box::new(move |tx| {
            let given = Arc::clone(&given);
            Box::pin(async move {
                let (outage, cards, audit) = &*given;
                let named = || -> Vec<Value> { vec![outage.scope.as_str().into(), outage.key.as_str().into()] };
                let mut values = named();
                values.extend([now.into(), outage.version.event.into(), outage.version.mutation.into()]);
                if tx.conn.run(SETTLE, values).await? == 0 {
                    return Ok(false);
                }
                let org = outage.scope.as_str();
                let row = |card: &RoutedCard| -> [Value; 6] {
                    let texts = [org, card.kind.label(), &card.key, &card.target, &card.body, &outage.key];
                    texts.map(Value::from)
                };
                tx.conn.many(PUT, &[now.into()], cards.iter().map(row).collect()).await?;
                let row = |card: &RoutedCard| -> [Value; 5] {
                    [org, outage.key.as_str(), &card.channel, card.kind.label(), &card.key].map(Value::from)
                };
                tx.conn.many(ROUTE, &[], cards.iter().map(row).collect()).await?;
                if !cards.is_empty() {
                    tx.conn.run(LOOKED, named()).await?;
                }
                tx.audit(&outage.scope, audit.iter().cloned());
                Ok(true)
            })
        });
        self.write(reach, "routing an outage", job).await
    }

    /// Takes in what a caller says of an outage: with a version like an event of that version; without one on top of what is wanted,
    /// without moving the event version.
    pub async fn put_outage(&self, now: DateTime<Utc>, arrival: Arrival, versioned: bool) -> Result<Taken, StoreError> {
        let reach = Reach::from(&arrival.scope);
        let arrival = Arc::new(arrival);
        let job: Job<Taken> = Box::new(move |tx| {
            let arrival = Arc::clone(&arrival);
            Box::pin(async move {
                if versioned {
                    let taken = arrivals::apply(tx, now, std::slice::from_ref(&*arrival)).await?;
                    return taken.first().copied().ok_or(Failure::Unreadable("outage"));
                }
                let values = vec![
                    arrival.scope.as_str().into(),
                    arrival.key.as_str().into(),
                    arrival.digest.as_slice().into(),
                    arrival.body.as_str().into(),
                    values::json(&arrival.context)?.into(),
                    arrival.context.time.into(),
                    now.into(),
                ];
                tx.conn.run(MUTATE, values).await?;
                Ok(Taken::Applied)
            })
        });
        self.write(reach, "taking an outage in", job).await
    }

    /// An outage and what its channels show.
    pub async fn outage(&self, scope: &OrgScope, key: &str) -> Result<Option<OutageRow>, StoreError> {
        const DOING: &str = "reading an outage";
        let mut conn = self.read(scope, DOING).await?;
        outage(&mut conn, scope, key).await.map_err(|failure| failure.doing(DOING))
    }
}

async fn outage(conn: &mut Conn, scope: &OrgScope, key: &str) -> Result<Option<OutageRow>, Failure> {
    let Some(outage) = tasks::read_one(conn, scope, Kind::Outage, key).await? else { return Ok(None) };
    let mut posts = Vec::new();
    for row in conn.all(POSTS, vec![scope.as_str().into(), key.into()]).await? {
        let (channel, kind, card) = named(&row)?;
        if let Some(shown) = tasks::read_one(conn, scope, kind, &card).await? {
            posts.push((channel, kind, shown));
        }
    }
    Ok(Some(OutageRow { outage, posts }))
}

fn named(row: &Row) -> Result<(String, Kind, String), Failure> {
    Ok((row.text(0)?, values::kind(&row.text(1)?)?, row.text(2)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_no_connection_is_what_the_index_wanted_alone_holds() {
        let alone: Vec<_> = Kind::ALL.into_iter().filter(|kind| !kind.needs_connection()).map(Kind::label).collect();
        assert_eq!(alone, ["outage", "card"]);
    }
}
