//! A channel's turns: how many cards a minute it is sent, and which outages one summary tells of when there are more.
//!
//! All objects of one channel are worked on one at a time (their lane takes one lease), so a turn is asked for by one worker at a time.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Kind, Store, StoreError,
    db::{Failure, Job, Reach, Tx, Value},
    values,
};
use crate::{capabilities::Version, organisation::OrgScope};

/// Who asks for a turn.
#[derive(Debug, Clone)]
pub struct TurnRequest {
    /// Whose.
    pub scope: OrgScope,
    /// What kind of object.
    pub kind: Kind,
    /// Its key.
    pub key: String,
    /// Its wanted version.
    pub version: Version,
    /// The lane.
    pub target: String,
    /// What a summary would carry, should this object lead one.
    pub marker: String,
    /// Cards a minute; beyond, one summary.
    pub cards_per_minute: u32,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnAnswer {
    /// Go ahead; it is counted.
    Granted,
    /// Lead the minute's summary: it tells of these objects, given as their wanted states (`body`), the asking one among them.
    Summary(Vec<String>),
    /// A summary that stands tells of this version.
    Covered,
    /// The channel is full until then.
    Wait(DateTime<Utc>),
    /// A summary was to tell of this version, and whether it stands is not known yet: ask again then.
    Pending(DateTime<Utc>),
}

/// The minute of `teams.cards_per_minute`.
const MINUTE: TimeDelta = TimeDelta::minutes(1);
/// Objects that one summary tells of at most; the card names the first of them and counts the rest.
const MOST: u32 = 1_000;
/// How long an object waits for the summary that was to tell of it before it asks again.
const UNTIL_LED: TimeDelta = TimeDelta::seconds(2);
/// How long a leader may take from asking to committing its intent. One that has died since leads nobody.
const LED_WITHIN: TimeDelta = TimeDelta::minutes(2);

const COVER: &str = "SELECT s.made_at, s.leader, (SELECT p.state FROM place p WHERE p.org = s.org AND p.kind = s.kind \
    AND p.key = s.leader AND p.idempotency_key = s.marker) FROM teams_summary s WHERE s.org = $1 AND s.kind = $2 AND s.key = $3 \
    AND s.event_version = $4 AND s.mutation = $5";

const UNCOVER: &str = "DELETE FROM teams_summary WHERE org = $1 AND kind = $2 AND key = $3";

const UNCOVER_ALL: &str = "DELETE FROM teams_summary WHERE org = $1 AND kind = $2 AND leader = $3";

const AGAIN: &str = "UPDATE teams_lane SET summarised = 0 WHERE org = $1 AND target = $2";

const LANE: &str = "SELECT minute_start, cards, summarised FROM teams_lane w WHERE org = $1 AND target = $2{lock}";

const PUT_LANE: &str = "INSERT INTO teams_lane (org, target, minute_start, cards, summarised) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (org, target) DO UPDATE SET minute_start = excluded.minute_start, cards = excluded.cards, \
    summarised = excluded.summarised";

/// What waits in the lane and was not tried yet: of what was sent and lost, nobody knows whether it was told.
const WAITING: &str = "SELECT key, event_version, mutation, body FROM wanted WHERE org = $1 AND kind = $2 AND target = $3 \
    AND due_at IS NOT NULL AND key <> $4 AND state = 'pending' ORDER BY due_since, key LIMIT $5";

const PUT_COVER: &str = "INSERT INTO teams_summary (org, kind, key, event_version, mutation, leader, marker, made_at) VALUES {rows} \
    ON CONFLICT (org, kind, key) DO UPDATE SET event_version = excluded.event_version, mutation = excluded.mutation, \
    leader = excluded.leader, marker = excluded.marker, made_at = excluded.made_at";

impl Store {
    /// Asks for a turn. What is granted is counted, whatever becomes of the card.
    pub async fn take_turn(&self, now: DateTime<Utc>, request: TurnRequest) -> Result<TurnAnswer, StoreError> {
        let reach = Reach::from(&request.scope);
        let request = Arc::new(request);
        let job: Job<TurnAnswer> = Box::new(move |tx| {
            let request = Arc::clone(&request);
            Box::pin(async move { turn(tx, now, &request).await })
        });
        self.write(reach, "asking for a channel's turn", job).await
    }
}

async fn turn(tx: &mut Tx, now: DateTime<Utc>, request: &TurnRequest) -> Result<TurnAnswer, Failure> {
    if let Some(answer) = covered(tx, now, request).await? {
        return Ok(answer);
    }
    let lane = || -> Vec<Value> { vec![request.scope.as_str().into(), request.target.as_str().into()] };
    let known = tx.conn.all(LANE, lane()).await?;
    let (mut start, mut cards, mut summarised) = match known.first() {
        Some(row) => (values::instant(row, 0)?, row.count(1)?, row.int(2)? != 0),
        None => (now, 0, false),
    };
    // A clock that went back begins a minute, too.
    if now - start >= MINUTE || now < start {
        (start, cards, summarised) = (now, 0, false);
    }
    let answer = if cards < u64::from(request.cards_per_minute) {
        cards += 1;
        TurnAnswer::Granted
    } else if summarised {
        return Ok(TurnAnswer::Wait(start + MINUTE));
    } else {
        summarised = true;
        lead(tx, now, request).await?
    };
    let mut values = lane();
    values.extend([start.into(), cards.into(), summarised.into()]);
    tx.conn.run(PUT_LANE, values).await?;
    Ok(answer)
}

/// Whether a summary tells of this version, as far as that can be said now.
async fn covered(tx: &mut Tx, now: DateTime<Utc>, request: &TurnRequest) -> Result<Option<TurnAnswer>, Failure> {
    let object =
        || -> Vec<Value> { vec![request.scope.as_str().into(), request.kind.label().into(), request.key.as_str().into()] };
    let mut values = object();
    values.extend([request.version.event.into(), request.version.mutation.into()]);
    let rows = tx.conn.all(COVER, values).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (made, leads) = (values::instant(row, 0)?, row.text(1)? == request.key);
    Ok(match row.maybe_text(2)?.as_deref() {
        Some("present") => Some(TurnAnswer::Covered),
        // It was sent, or is about to be: its leader will know.
        Some(_) if !leads => Some(TurnAnswer::Pending(now + UNTIL_LED)),
        None if !leads && now - made < LED_WITHIN => Some(TurnAnswer::Pending(now + UNTIL_LED)),
        // It came to nothing, or its leader does not know: those it was to tell of are told anew, in this minute's summary still.
        _ if leads => {
            tx.conn.run(UNCOVER_ALL, object()).await?;
            tx.conn.run(AGAIN, vec![request.scope.as_str().into(), request.target.as_str().into()]).await?;
            None
        }
        _ => {
            tx.conn.run(UNCOVER, object()).await?;
            None
        }
    })
}

/// Makes the asking object the leader of a summary of all that waits; alone, it goes as a card of its own.
async fn lead(tx: &mut Tx, now: DateTime<Utc>, request: &TurnRequest) -> Result<TurnAnswer, Failure> {
    let (org, kind) = (request.scope.as_str(), request.kind.label());
    let values = vec![org.into(), kind.into(), request.target.as_str().into(), request.key.as_str().into(), MOST.into()];
    let waiting = tx.conn.all(WAITING, values).await?;
    if waiting.is_empty() {
        return Ok(TurnAnswer::Granted);
    }
    let text = "SELECT key, event_version, mutation, body FROM wanted WHERE org = $1 AND kind = $2 AND key = $3";
    let own = tx.conn.all(text, vec![org.into(), kind.into(), request.key.as_str().into()]).await?;
    let (mut covers, mut bodies) = (Vec::new(), Vec::new());
    for row in own.iter().chain(&waiting) {
        let cover: [Value; 8] = [
            org.into(),
            kind.into(),
            row.text(0)?.into(),
            row.count(1)?.into(),
            row.count(2)?.into(),
            request.key.as_str().into(),
            request.marker.as_str().into(),
            now.into(),
        ];
        covers.push(cover);
        bodies.push(row.text(3)?);
    }
    tx.conn.many(PUT_COVER, &[], covers).await?;
    Ok(TurnAnswer::Summary(bodies))
}
