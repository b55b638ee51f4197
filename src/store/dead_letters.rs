//! What was set aside for a person.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Utc};

use super::{
    Kind, Page, PageRequest, Store, StoreError, WorkerScope,
    db::{Conn, Failure, Row, Value},
    page::CURSOR,
    values,
};
use crate::{capabilities::CapabilityName, events::EventContext, organisation::OrgScope};

/// Something to be set aside.
#[derive(Debug, Clone)]
pub struct NewDeadLetter {
    /// Its id (UUID, sorts by time).
    pub id: String,
    /// The capability, when one was to deliver it.
    pub capability: Option<CapabilityName>,
    /// `INVALID_DATA`, `MAILBOX_NOT_FOUND`, …
    pub code: String,
    /// In words.
    pub message: String,
    /// JSON pointer into the envelope.
    pub pointer: Option<String>,
    /// The object, when it is known.
    pub object: Option<(Kind, String)>,
    /// Attempts made.
    pub attempts: u32,
    /// Microsoft's `request-id`.
    pub graph_request_id: Option<String>,
    /// The event's envelope as JSON when it can be read as such, else its bytes as base64 in `{"base64": …}`.
    pub payload: Option<String>,
    /// The event, when it could be read that far.
    pub context: Option<EventContext>,
    /// When it first failed.
    pub first_failed_at: DateTime<Utc>,
}

/// A dead letter as people see it.
#[derive(Debug, Clone)]
pub struct DeadLetterRow {
    /// As it was set aside.
    pub letter: NewDeadLetter,
    /// When it was set aside.
    pub dead_at: DateTime<Utc>,
    /// How often it was replayed.
    pub replays: u32,
}

/// Which dead letters.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterFilter {
    /// Of one capability.
    pub capability: Option<CapabilityName>,
    /// With one code.
    pub code: Option<String>,
}

const PAGE: &str = "SELECT id, capability, code, message, pointer, kind, key, attempts, graph_request_id, payload, context, \
    first_failed_at, dead_at, replays FROM dead_letter WHERE org = $1 \
    AND (CAST($2 AS TEXT) IS NULL OR capability = $2) AND (CAST($3 AS TEXT) IS NULL OR code = $3) \
    AND (dead_at < $4 OR (dead_at = $4 AND id < $5)) ORDER BY dead_at DESC, id DESC LIMIT $6";

const COUNT: &str = "SELECT COUNT(*) FROM dead_letter WHERE org = $1 AND (CAST($2 AS TEXT) IS NULL OR capability = $2) \
    AND (CAST($3 AS TEXT) IS NULL OR code = $3)";

const INSERT: &str = "INSERT INTO dead_letter (org, id, origin, capability, code, message, pointer, kind, key, attempts, \
    graph_request_id, payload, context, event_source, event_id, first_failed_at, dead_at, replays) VALUES {rows} \
    ON CONFLICT DO NOTHING RETURNING org, id";

const CLEAR: &str = "DELETE FROM dead_letter WHERE origin = 'delivery' AND (org, kind, key) IN (VALUES {rows}) \
    RETURNING org, kind, key, replays";

impl Store {
    /// Dead letters, newest first.
    pub async fn dead_letters(
        &self,
        scope: &OrgScope,
        filter: DeadLetterFilter,
        page: PageRequest,
    ) -> Result<Page<DeadLetterRow>, StoreError> {
        const DOING: &str = "reading dead letters";
        let mut conn = self.read(scope, DOING).await?;
        read_page(&mut conn, scope, &filter, &page).await.map_err(|failure| failure.doing(DOING))
    }

    /// How many dead letters wait for a person over all organisations, by capability (`None`: events that could not be read);
    /// a capability without any has no entry.
    pub async fn dead_letter_counts(&self, worker: &WorkerScope) -> Result<Vec<(Option<CapabilityName>, u64)>, StoreError> {
        const DOING: &str = "counting dead letters";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all("SELECT capability, COUNT(*) FROM dead_letter GROUP BY capability", vec![]).await;
        let read = |row: &Row| Ok((row.maybe_text(0)?.map(|label| values::capability(&label)).transpose()?, row.count(1)?));
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure| failure.doing(DOING))
    }
}

async fn read_page(
    conn: &mut Conn,
    scope: &OrgScope,
    filter: &DeadLetterFilter,
    page: &PageRequest,
) -> Result<Page<DeadLetterRow>, Failure> {
    let wanted = || -> Vec<Value> {
        let capability = filter.capability.map(CapabilityName::label);
        vec![scope.as_str().into(), capability.into(), filter.code.as_deref().into()]
    };
    // Newest first: before the first page lies an instant that never comes.
    let (dead_at, id) = match &page.after {
        None => (i64::MAX, String::new()),
        Some(cursor) => {
            let place = cursor.split_once(':').and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
            place.ok_or(Failure::Unreadable(CURSOR))?
        }
    };
    let mut values = wanted();
    values.extend([dead_at.into(), id.into(), page.limit().into()]);
    let rows = conn.all(PAGE, values).await?;
    let total = conn.all(COUNT, wanted()).await?.first().map_or(Ok(0), |row| row.count(0))?;
    let rows = rows
        .iter()
        .map(read)
        .map(|letter| letter.map(|row| (format!("{}:{}", row.dead_at.timestamp_micros(), row.letter.id), row)));
    Ok(Page::cut(page, rows.collect::<Result<_, _>>()?, total))
}

pub(super) fn read(row: &Row) -> Result<DeadLetterRow, Failure> {
    let object = match (row.maybe_text(5)?, row.maybe_text(6)?) {
        (Some(kind), Some(key)) => Some((values::kind(&kind)?, key)),
        _ => None,
    };
    let letter = NewDeadLetter {
        id: row.text(0)?,
        capability: row.maybe_text(1)?.map(|label| values::capability(&label)).transpose()?,
        code: row.text(2)?,
        message: row.text(3)?,
        pointer: row.maybe_text(4)?,
        object,
        attempts: values::small(row, 7)?,
        graph_request_id: row.maybe_text(8)?,
        payload: row.maybe_text(9)?,
        context: row.maybe_text(10)?.map(|text| values::from_json(&text, "event context")).transpose()?,
        first_failed_at: values::instant(row, 11)?,
    };
    Ok(DeadLetterRow { letter, dead_at: values::instant(row, 12)?, replays: values::small(row, 13)? })
}

/// Where a dead letter comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    /// An event that could not become wanted state.
    Intake,
    /// An object that could not be delivered.
    Delivery,
}

/// Keeps letters; those of events that were kept before are left out. Returns the ids of those that are new, with their
/// organisations.
pub(super) async fn insert(conn: &mut Conn, letters: Vec<[Value; 18]>) -> Result<HashSet<(String, String)>, Failure> {
    let kept = conn.many(INSERT, &[], letters).await?;
    kept.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
}

pub(super) fn row(scope: &OrgScope, origin: Origin, letter: &NewDeadLetter, now: DateTime<Utc>) -> Result<[Value; 18], Failure> {
    let context = letter.context.as_ref();
    let object = letter.object.as_ref();
    Ok([
        scope.as_str().into(),
        letter.id.as_str().into(),
        match origin {
            Origin::Intake => "intake".into(),
            Origin::Delivery => "delivery".into(),
        },
        letter.capability.map(CapabilityName::label).into(),
        letter.code.as_str().into(),
        letter.message.as_str().into(),
        letter.pointer.as_deref().into(),
        object.map(|(kind, _)| kind.label()).into(),
        object.map(|(_, key)| key.as_str()).into(),
        letter.attempts.into(),
        letter.graph_request_id.as_deref().into(),
        letter.payload.as_deref().into(),
        context.map(values::json).transpose()?.into(),
        context.map(|context| context.source.as_str()).into(),
        context.map(|context| context.id.as_str()).into(),
        letter.first_failed_at.into(),
        now.into(),
        0_i64.into(),
    ])
}

/// What recording changes about objects' delivery letters: an object has at most one, the newest.
#[derive(Default)]
pub(super) struct Changes {
    clear: BTreeSet<Object>,
    keep: BTreeMap<Object, [Value; 18]>,
}

type Object = (String, &'static str, String);

impl Changes {
    /// The object is settled: its letter goes.
    pub(super) fn clear(&mut self, object: Object) {
        self.keep.remove(&object);
        self.clear.insert(object);
    }

    /// The object is dead: this letter takes the place of the one it may have.
    pub(super) fn keep(
        &mut self,
        object: Object,
        scope: &OrgScope,
        letter: &NewDeadLetter,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        // The letter is the object's, whatever its maker said.
        let kind = values::kind(object.1)?;
        let letter = NewDeadLetter { object: Some((kind, object.2.clone())), ..letter.clone() };
        self.keep.insert(object.clone(), row(scope, Origin::Delivery, &letter, now)?);
        self.clear.insert(object);
        Ok(())
    }

    pub(super) async fn write(mut self, conn: &mut Conn) -> Result<(), Failure> {
        let clear = self.clear.into_iter().map(|(org, kind, key)| [org.into(), kind.into(), key.into()]);
        for row in conn.many(CLEAR, &[], clear.collect()).await? {
            let object = (row.text(0)?, values::kind(&row.text(1)?)?.label(), row.text(2)?);
            // How often an object was replayed outlives the letter: a person sees that the last replay did not help.
            if let Some([.., replays]) = self.keep.get_mut(&object) {
                *replays = row.int(3)?.into();
            }
        }
        insert(conn, self.keep.into_values().collect()).await.map(drop)
    }
}
