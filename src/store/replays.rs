//! Dead letters put back to work, or thrown away: what a person decided of them.
//!
//! A replay never lets an old version overwrite a newer one. An event goes the way of any event, where the highest version
//! wins. A delivery is due again only while its object is dead: an object that is dead has the letter of its newest version,
//! for a newer one would have brought it back to life.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::{
    Arrival, DeadLetterRow, Kind, NewAuditEntry, Store, StoreError,
    arrivals::apply,
    db::{Failure, Job, Reach, Tx, Value, without_nul},
    dead_letters, values,
};
use crate::organisation::OrgScope;

/// What is to be done with a dead letter.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "made and read once a letter; a box would only be in the way of its readers")]
pub enum Remedy {
    /// Its event can be read now: it is taken in, and the letter goes.
    Event(Arrival),
    /// Its object is tried again, from the first attempt on. The letter goes when that succeeds.
    Delivery(Kind, String),
    /// Its event still cannot be read: the try is counted.
    Refused,
}

/// A dead letter and what is to be done with it.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The dead letter.
    pub id: String,
    /// What is to be done.
    pub remedy: Remedy,
    /// Written when it was done (not for [`Remedy::Refused`]).
    pub audit: NewAuditEntry,
}

const TAKE_EVENT: &str = "DELETE FROM dead_letter WHERE org = $1 AND origin = 'intake' AND id IN (VALUES {rows}) RETURNING id";

const COUNT: &str = "UPDATE dead_letter SET replays = replays + 1 WHERE org = $1 AND id IN (VALUES {rows})";

/// $1 now.
const DUE: &str = "WITH v(org, id, kind, key) AS (VALUES {rows}) UPDATE wanted SET state = 'pending', attempts = 0, crashes = 0, \
    not_before = $1, due_since = $1, due_at = $1, updated_at = $1 \
    FROM v WHERE wanted.org = v.org AND wanted.kind = v.kind AND wanted.key = v.key AND wanted.state = 'dead' \
    AND EXISTS (SELECT 1 FROM dead_letter d WHERE d.org = v.org AND d.id = v.id AND d.origin = 'delivery' \
    AND d.kind = v.kind AND d.key = v.key) RETURNING wanted.kind, wanted.key";

const DISCARD: &str = "DELETE FROM dead_letter WHERE org = $1 AND id IN (VALUES {rows}) RETURNING id";

const BY_IDS: &str = "SELECT id, capability, code, message, pointer, kind, key, attempts, graph_request_id, payload, context, \
    first_failed_at, dead_at, replays FROM dead_letter WHERE org = $1 AND id IN (VALUES {rows})";

impl Store {
    /// The organisation's dead letters among these ids, in no order; ids that are not its own are left out.
    pub async fn dead_letters_by_id(&self, scope: &OrgScope, ids: &[String]) -> Result<Vec<DeadLetterRow>, StoreError> {
        const DOING: &str = "reading dead letters";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.many(BY_IDS, &[scope.as_str().into()], unique(ids.iter())).await;
        let read = rows.and_then(|rows| rows.iter().map(dead_letters::read).collect());
        read.map_err(|failure: Failure| failure.doing(DOING))
    }

    /// Replays dead letters in one transaction; returns how many went back to work. A letter that is gone meanwhile, or whose
    /// object is not dead any more, is passed over.
    pub async fn replay(&self, scope: &OrgScope, now: DateTime<Utc>, replays: Vec<Replay>) -> Result<u64, StoreError> {
        let reach = Reach::from(scope);
        let (scope, replays) = (scope.clone(), std::sync::Arc::new(replays));
        let job: Job<u64> = Box::new(move |tx| {
            let (scope, replays) = (scope.clone(), std::sync::Arc::clone(&replays));
            Box::pin(async move { replay_in(tx, &scope, now, &replays).await })
        });
        self.write(reach, "replaying dead letters", job).await
    }

    /// Throws dead letters away, each with its audit entry; returns how many. Their objects stay as they are: dead until a newer
    /// version comes.
    pub async fn discard(&self, scope: &OrgScope, letters: Vec<(String, NewAuditEntry)>) -> Result<u64, StoreError> {
        let reach = Reach::from(scope);
        let scope = scope.clone();
        let job: Job<u64> = Box::new(move |tx| {
            let (scope, letters) = (scope.clone(), letters.clone());
            Box::pin(async move {
                let rows = unique(letters.iter().map(|(id, _)| id));
                let gone = tx.conn.many(DISCARD, &[scope.as_str().into()], rows).await?;
                let mut gone = gone.iter().map(|row| row.text(0)).collect::<Result<HashSet<_>, _>>()?;
                let count = gone.len() as u64;
                let written = letters.into_iter().filter(|(id, _)| gone.remove(id)).map(|(_, entry)| entry);
                tx.audit(&scope, written.collect::<Vec<_>>());
                Ok(count)
            })
        });
        self.write(reach, "discarding dead letters", job).await
    }
}

fn unique<'a>(ids: impl Iterator<Item = &'a String>) -> Vec<[Value; 1]> {
    ids.collect::<std::collections::BTreeSet<_>>().into_iter().map(|id| [id.as_str().into()]).collect()
}

async fn replay_in(tx: &mut Tx, scope: &OrgScope, now: DateTime<Utc>, replays: &[Replay]) -> Result<u64, Failure> {
    let org: Value = scope.as_str().into();
    let events = replays.iter().filter(|replay| matches!(replay.remedy, Remedy::Event(_)));
    let gone = tx.conn.many(TAKE_EVENT, std::slice::from_ref(&org), unique(events.map(|replay| &replay.id))).await?;
    let mut gone = gone.iter().map(|row| row.text(0)).collect::<Result<HashSet<_>, _>>()?;
    let mut due = make_due(tx, scope, now, replays).await?;
    let (mut arrivals, mut counted, mut done) = (vec![], vec![], 0);
    for replay in replays {
        let went = match &replay.remedy {
            Remedy::Event(arrival) => {
                let ours = arrival.scope == *scope && gone.remove(&replay.id);
                if ours {
                    // As it will be stored: rows are found again by it.
                    arrivals.push(Arrival { key: without_nul(&arrival.key).into_owned(), ..arrival.clone() });
                }
                ours
            }
            Remedy::Delivery(kind, key) => {
                let went = due.remove(&(kind.label(), key.clone()));
                if went {
                    counted.push(&replay.id);
                }
                went
            }
            Remedy::Refused => {
                counted.push(&replay.id);
                false
            }
        };
        if went {
            done += 1;
            tx.audit(scope, [replay.audit.clone()]);
        }
    }
    tx.conn.many(COUNT, &[org], unique(counted.into_iter())).await?;
    apply(tx, now, &arrivals).await?;
    Ok(done)
}

/// Makes dead objects due; returns which were.
async fn make_due(
    tx: &mut Tx,
    scope: &OrgScope,
    now: DateTime<Utc>,
    replays: &[Replay],
) -> Result<HashSet<(&'static str, String)>, Failure> {
    let mut rows = vec![];
    for replay in replays {
        if let Remedy::Delivery(kind, key) = &replay.remedy {
            rows.push([scope.as_str().into(), replay.id.as_str().into(), kind.label().into(), key.as_str().into()]);
        }
    }
    let due = tx.conn.many(DUE, &[now.into()], rows).await?;
    due.iter().map(|row| Ok((values::kind(&row.text(0)?)?.label(), row.text(1)?))).collect()
}
