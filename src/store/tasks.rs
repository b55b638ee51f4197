//! Reading objects back: a task's delivery as people see it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Kind, Page, PageRequest, Store, StoreError,
    db::{Conn, Failure, Row, Value},
    record::places_of,
    standing::Stored,
    values,
};
use crate::{
    capabilities::{Place, Version},
    organisation::OrgScope,
};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Due, waiting or being worked on.
    Pending,
    /// As wanted.
    Settled,
    /// Sent, the answer lost, not settled by a look-up yet.
    Unknown,
    /// Waits for a connection (none, or a disabled one), or is paused. Derived, not stored.
    Blocked,
    /// Needs a person.
    Dead,
}

impl DeliveryState {
    /// The stored and published word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Settled => "settled",
            Self::Unknown => "unknown",
            Self::Blocked => "blocked",
            Self::Dead => "dead",
        }
    }
}

/// What last went wrong with a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryError {
    /// `MAILBOX_NOT_FOUND`, or Microsoft's code.
    pub code: String,
    /// In words.
    pub message: String,
    /// Microsoft's `request-id`.
    pub graph_request_id: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// An object as people see it.
#[derive(Debug, Clone)]
pub struct ObjectRow {
    /// Its id.
    pub key: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// The wanted version.
    pub version: Version,
    /// The version that stands.
    pub settled: Option<Version>,
    /// The wanted state as JSON.
    pub body: String,
    /// Its form.
    pub body_format: u16,
    /// Remote items.
    pub places: Vec<Place>,
    /// Attempts on the wanted version.
    pub attempts: u32,
    /// When it is tried again, if it waits.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What last went wrong.
    pub last_error: Option<DeliveryError>,
    /// When the row last changed.
    pub updated_at: DateTime<Utc>,
}

const ONE: &str = "SELECT key, state, event_version, mutation, settled_event_version, settled_mutation, body, body_format, attempts, \
    not_before, lease_until, last_error, updated_at FROM wanted WHERE org = $1 AND kind = $2 AND key = $3";

const PAGE: &str = "SELECT key, state, event_version, mutation, settled_event_version, settled_mutation, body, body_format, \
    attempts, not_before, lease_until, last_error, updated_at FROM wanted WHERE org = $1 AND kind = $2 \
    AND state IN ($3, $4, $5, $6) AND key > $7 ORDER BY key LIMIT $8";

const COUNT: &str = "SELECT COUNT(*) FROM wanted WHERE org = $1 AND kind = $2 AND state IN ($3, $4, $5, $6)";

impl Store {
    /// One object.
    pub async fn object(&self, scope: &OrgScope, kind: Kind, key: &str) -> Result<Option<ObjectRow>, StoreError> {
        const DOING: &str = "reading an object";
        let mut conn = self.read(scope, DOING).await?;
        read_one(&mut conn, scope, kind, key).await.map_err(|failure| failure.doing(DOING))
    }

    /// Objects of a kind by id.
    pub async fn objects(
        &self,
        scope: &OrgScope,
        kind: Kind,
        state: Option<DeliveryState>,
        page: PageRequest,
    ) -> Result<Page<ObjectRow>, StoreError> {
        const DOING: &str = "reading objects";
        let mut conn = self.read(scope, DOING).await?;
        read_page(&mut conn, scope, kind, state, &page).await.map_err(|failure| failure.doing(DOING))
    }
}

pub(super) async fn read_one(conn: &mut Conn, scope: &OrgScope, kind: Kind, key: &str) -> Result<Option<ObjectRow>, Failure> {
    let blocked = is_blocked(conn, scope, kind).await?;
    let rows = conn.all(ONE, vec![scope.as_str().into(), kind.label().into(), key.into()]).await?;
    Ok(with_places(conn, scope, kind, &rows, blocked).await?.pop())
}

async fn read_page(
    conn: &mut Conn,
    scope: &OrgScope,
    kind: Kind,
    state: Option<DeliveryState>,
    page: &PageRequest,
) -> Result<Page<ObjectRow>, Failure> {
    let blocked = is_blocked(conn, scope, kind).await?;
    let mut wanted: Vec<Value> = vec![scope.as_str().into(), kind.label().into()];
    wanted.extend(stored_as(state, blocked).map(|stored| stored.map_or("", Stored::label).into()));
    let total = conn.all(COUNT, wanted.clone()).await?.first().map_or(Ok(0), |row| row.count(0))?;
    wanted.extend([page.after.as_deref().unwrap_or_default().into(), page.limit().into()]);
    let rows = conn.all(PAGE, wanted).await?;
    let objects = with_places(conn, scope, kind, &rows, blocked).await?;
    Ok(Page::cut(page, objects.into_iter().map(|object| (object.key.clone(), object)).collect(), total))
}

/// Whether what is not settled waits for a connection, for a person who paused it, or, a zone, for a list to go to.
async fn is_blocked(conn: &mut Conn, scope: &OrgScope, kind: Kind) -> Result<bool, Failure> {
    let (org, capability) = (scope.as_str(), kind.delivered_by().label());
    if !kind.needs_connection() {
        let text = "SELECT 1 FROM pause WHERE org = $1 AND capability = $2";
        return Ok(!conn.all(text, vec![org.into(), capability.into()]).await?.is_empty());
    }
    let text = "SELECT 1 FROM connection c WHERE c.org = $1 AND c.state <> 'disabled' \
        AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.org = $1 AND p.capability = $2) \
        AND ($3 <> 'zone' OR EXISTS (SELECT 1 FROM zone_target t WHERE t.org = $1 AND t.connection_epoch = c.epoch))";
    Ok(conn.all(text, vec![org.into(), capability.into(), kind.label().into()]).await?.is_empty())
}

/// The stored states that are shown as `state`.
fn stored_as(state: Option<DeliveryState>, blocked: bool) -> [Option<Stored>; 4] {
    let only = |stored| [Some(stored), None, None, None];
    let none = [None; 4];
    match (state, blocked) {
        (None, _) => [Stored::Pending, Stored::Unknown, Stored::Settled, Stored::Dead].map(Some),
        (Some(DeliveryState::Settled), _) => only(Stored::Settled),
        (Some(DeliveryState::Dead), _) => only(Stored::Dead),
        (Some(DeliveryState::Pending), false) => only(Stored::Pending),
        (Some(DeliveryState::Unknown), false) => only(Stored::Unknown),
        (Some(DeliveryState::Blocked), true) => [Some(Stored::Pending), Some(Stored::Unknown), None, None],
        (Some(DeliveryState::Pending | DeliveryState::Unknown), true) | (Some(DeliveryState::Blocked), false) => none,
    }
}

fn shown_as(stored: Stored, blocked: bool) -> DeliveryState {
    match stored {
        Stored::Settled => DeliveryState::Settled,
        Stored::Dead => DeliveryState::Dead,
        Stored::Pending | Stored::Unknown if blocked => DeliveryState::Blocked,
        Stored::Pending => DeliveryState::Pending,
        Stored::Unknown => DeliveryState::Unknown,
    }
}

/// Objects from rows whose columns are those of [`ONE`].
pub(super) async fn with_places(
    conn: &mut Conn,
    scope: &OrgScope,
    kind: Kind,
    rows: &[Row],
    blocked: bool,
) -> Result<Vec<ObjectRow>, Failure> {
    let mut objects = rows.iter().map(|row| read(row, blocked)).collect::<Result<Vec<_>, _>>()?;
    let ids = objects.iter().map(|object| (scope.as_str().to_owned(), kind, object.key.clone()));
    let mut places = places_of(conn, ids).await?;
    for object in &mut objects {
        let id = (scope.as_str().to_owned(), kind.label(), object.key.clone());
        object.places = places.remove(&id).unwrap_or_default();
    }
    Ok(objects)
}

fn read(row: &Row, blocked: bool) -> Result<ObjectRow, Failure> {
    let state = shown_as(Stored::read(&row.text(1)?)?, blocked);
    let last_error: Option<DeliveryError> =
        row.maybe_text(11)?.map(|text| values::from_json(&text, "delivery error")).transpose()?;
    let waits = matches!(state, DeliveryState::Pending | DeliveryState::Unknown) && row.maybe_int(10)?.is_none();
    let not_before = values::instant(row, 9)?;
    Ok(ObjectRow {
        key: row.text(0)?,
        state,
        version: Version { event: row.count(2)?, mutation: row.count(3)? },
        settled: values::maybe_version(row, 4)?,
        body: row.text(6)?,
        body_format: values::small(row, 7)?,
        places: vec![],
        attempts: values::small(row, 8)?,
        // Without a failure it waits for nothing but its turn.
        next_attempt_at: (waits && last_error.is_some()).then_some(not_before),
        last_error,
        updated_at: values::instant(row, 12)?,
    })
}
