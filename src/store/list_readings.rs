//! Lists as they were read, page by page, so that publications of any size find their items without asking one by one and without
//! holding the list in memory.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use super::{
    Store, StoreError,
    db::{Failure, Job, Reach, Row},
    values,
};
use crate::{capabilities::sharepoint::Found, organisation::OrgScope};

/// Where a reading stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListReading {
    /// The list.
    pub list: String,
    /// When it began: it tells nothing of what was written later.
    pub started_at: DateTime<Utc>,
    /// Where the next page is; none before the first.
    pub next_link: Option<String>,
    /// Whether every page is in.
    pub complete: bool,
    /// Whether something was written by it since.
    pub used: bool,
    /// Items so far.
    pub items: u64,
}

/// An item of a page, with what finds it.
pub type ReadItem = (Option<String>, Found);

/// Which items somebody asks for: those that a digest of the match column's value finds, and those with these ids.
#[derive(Debug, Clone, Default)]
pub struct ItemsWanted {
    /// The digest.
    pub finder: Option<String>,
    /// The ids.
    pub ids: Vec<String>,
}

/// Rows that one transaction deletes: others wait behind it.
const AT_ONCE: i64 = 2_000;

const GET: &str = "SELECT list, started_at, next_link, complete, used, (SELECT COUNT(*) FROM list_item i WHERE i.org = r.org \
    AND i.reading = r.id) FROM list_reading r WHERE org = $1 AND id = $2";

const BEGIN: &str = "INSERT INTO list_reading (org, id, list, started_at, next_link, complete, used) \
    VALUES ($1, $2, $3, $4, NULL, 0, 0) ON CONFLICT (org, id) DO UPDATE SET list = excluded.list, \
    started_at = excluded.started_at, next_link = NULL, complete = 0, used = 0";

const ADVANCE: &str = "UPDATE list_reading SET next_link = $3, complete = $4 WHERE org = $1 AND id = $2";

const USE: &str = "UPDATE list_reading SET used = 1 WHERE org = $1 AND id = $2";

const ADD: &str = "INSERT INTO list_item (org, reading, item_id, finder, etag, said) VALUES {rows} \
    ON CONFLICT (org, reading, item_id) DO UPDATE SET finder = excluded.finder, etag = excluded.etag, said = excluded.said";

/// SQLite knows nothing of how many items a reading has, and would go through all of them for each value.
const BY_FINDER: &str = "WITH v(place, org, reading, finder) AS (VALUES {rows}) SELECT v.place, i.item_id, i.etag, i.said \
    FROM v JOIN list_item i{by finder} ON i.org = v.org AND i.reading = v.reading AND i.finder = v.finder ORDER BY v.place, i.item_id";

const BY_ID: &str = "WITH v(place, org, reading, item_id) AS (VALUES {rows}) SELECT v.place, i.item_id, i.etag, i.said \
    FROM v JOIN list_item i ON i.org = v.org AND i.reading = v.reading AND i.item_id = v.item_id ORDER BY v.place, i.item_id";

const FORGET_ITEMS: &str = "DELETE FROM list_item WHERE org = $1 AND reading = $2 AND item_id IN \
    (SELECT item_id FROM list_item WHERE org = $1 AND reading = $2 LIMIT $3)";

const FORGET: &str = "DELETE FROM list_reading WHERE org = $1 AND id = $2";

impl Store {
    /// Where a reading stands.
    pub async fn list_reading(&self, scope: &OrgScope, id: &str) -> Result<Option<ListReading>, StoreError> {
        const DOING: &str = "reading how far a list was read";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.all(GET, vec![scope.as_str().into(), id.into()]).await.map_err(|failure| failure.doing(DOING))?;
        rows.first().map(read).transpose().map_err(|failure| failure.doing(DOING))
    }

    /// Begins a reading anew.
    pub async fn begin_list_reading(&self, scope: &OrgScope, id: &str, list: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.forget_list_reading(scope, id).await?;
        self.change_reading(
            scope,
            "beginning to read a list",
            BEGIN,
            vec![scope.as_str().into(), id.into(), list.into(), now.into()],
        )
        .await
    }

    /// Keeps a page, and where the next one is; without one the reading is complete. The same page again changes nothing.
    pub async fn add_list_page(
        &self,
        scope: &OrgScope,
        id: &str,
        items: Vec<ReadItem>,
        next_link: Option<String>,
    ) -> Result<(), StoreError> {
        let reach = Reach::from(scope);
        let (scope, id) = (scope.clone(), id.to_owned());
        let job: Job<()> = Box::new(move |tx| {
            let (scope, id, items, next) = (scope.clone(), id.clone(), items.clone(), next_link.clone());
            Box::pin(async move {
                let mut rows = Vec::with_capacity(items.len());
                for (finder, item) in items {
                    let said = values::json(&item.values)?;
                    rows.push([
                        scope.as_str().into(),
                        id.as_str().into(),
                        item.item_id.into(),
                        finder.into(),
                        item.etag.into(),
                        said.into(),
                    ]);
                }
                tx.conn.many(ADD, &[], rows).await?;
                let complete = next.is_none();
                let values = vec![scope.as_str().into(), id.into(), next.into(), complete.into()];
                tx.conn.run(ADVANCE, values).await.map(drop)
            })
        });
        self.write(reach, "keeping a page of a list", job).await
    }

    /// From now on something is written by this reading.
    pub async fn use_list_reading(&self, scope: &OrgScope, id: &str) -> Result<(), StoreError> {
        self.change_reading(scope, "using the reading of a list", USE, vec![scope.as_str().into(), id.into()]).await
    }

    /// The items that a reading has for each of these, each item once.
    pub async fn items_read(&self, scope: &OrgScope, id: &str, wanted: Vec<ItemsWanted>) -> Result<Vec<Vec<Found>>, StoreError> {
        const DOING: &str = "reading what a list says";
        let mut conn = self.read(scope, DOING).await?;
        let key = |place: usize, what: String| -> [super::db::Value; 4] {
            [(place as u64).into(), scope.as_str().into(), id.into(), what.into()]
        };
        let (mut finders, mut ids) = (vec![], vec![]);
        for (place, one) in wanted.iter().enumerate() {
            finders.extend(one.finder.clone().map(|finder| key(place, finder)));
            ids.extend(one.ids.iter().cloned().map(|id| key(place, id)));
        }
        let mut found: Vec<Vec<Found>> = vec![Vec::new(); wanted.len()];
        for (text, rows) in [(BY_FINDER, finders), (BY_ID, ids)] {
            let rows = conn.many(text, &[], rows).await.map_err(|failure| failure.doing(DOING))?;
            for row in &rows {
                let (place, item) = read_item(row).map_err(|failure| failure.doing(DOING))?;
                let items = found.get_mut(place).ok_or(Failure::Unreadable("place")).map_err(|failure| failure.doing(DOING))?;
                if items.iter().all(|known| known.item_id != item.item_id) {
                    items.push(item);
                }
            }
        }
        Ok(found)
    }

    /// Throws a reading away, in small steps.
    pub async fn forget_list_reading(&self, scope: &OrgScope, id: &str) -> Result<(), StoreError> {
        const DOING: &str = "forgetting the reading of a list";
        self.change_reading(scope, DOING, FORGET, vec![scope.as_str().into(), id.into()]).await?;
        loop {
            let (org, id) = (scope.clone(), id.to_owned());
            let job: Job<u64> = Box::new(move |tx| {
                let values = vec![org.as_str().into(), id.as_str().into(), AT_ONCE.into()];
                Box::pin(async move { tx.conn.run(FORGET_ITEMS, values).await })
            });
            if self.write(scope, DOING, job).await? == 0 {
                return Ok(());
            }
        }
    }

    async fn change_reading(
        &self,
        scope: &OrgScope,
        doing: &'static str,
        text: &'static str,
        values: Vec<super::db::Value>,
    ) -> Result<(), StoreError> {
        let job: Job<()> = Box::new(move |tx| {
            let values = values.clone();
            Box::pin(async move { tx.conn.run(text, values).await.map(drop) })
        });
        self.write(scope, doing, job).await
    }
}

fn read(row: &Row) -> Result<ListReading, Failure> {
    Ok(ListReading {
        list: row.text(0)?,
        started_at: values::instant(row, 1)?,
        next_link: row.maybe_text(2)?,
        complete: row.int(3)? != 0,
        used: row.int(4)? != 0,
        items: row.count(5)?,
    })
}

fn read_item(row: &Row) -> Result<(usize, Found), Failure> {
    let values: Map<String, Json> = values::from_json(&row.text(3)?, "item of a list")?;
    let place = usize::try_from(row.int(0)?).map_err(|_| Failure::Unreadable("place"))?;
    Ok((place, Found { item_id: row.text(1)?, etag: row.maybe_text(2)?, values }))
}
