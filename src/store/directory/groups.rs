//! Groups as callers read them: all of an organisation's, or those of many people at once.

use std::collections::BTreeMap;

use super::{DirectoryStatus, count_of, people::searched, search};
use crate::{
    organisation::OrgScope,
    store::{
        Page, PageRequest, Store, StoreError,
        db::{Conn, Failure, Row, Value},
    },
};

/// A group as the last imports left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryGroupRow {
    /// Microsoft's object id.
    pub object_id: String,
    /// The name shown; names are not unique.
    pub display_name: String,
    /// Description.
    pub description: Option<String>,
    /// Whether it is still there.
    pub status: DirectoryStatus,
}

// Places 2 and 3 are those of people's filters; groups have none.
const LIST: &str = concat!(
    "SELECT object_id, display_name, description, status FROM directory_group WHERE org = $1 \
     AND CAST($2 AS TEXT) IS NULL AND CAST($3 AS TEXT) IS NULL",
    searched!(),
    " AND object_id > $10 ORDER BY object_id LIMIT $11"
);

const COUNT: &str = concat!(
    "SELECT COUNT(*) FROM directory_group WHERE org = $1 AND CAST($2 AS TEXT) IS NULL AND CAST($3 AS TEXT) IS NULL",
    searched!()
);

// `|| ''` keeps SQLite, which has no statistics here, from walking all memberships by group: it is to begin with the people.
const OF_PEOPLE: &str = "SELECT object_id, display_name, description, status, member_id FROM (\
    SELECT g.object_id, g.display_name, g.description, g.status, m.member_id, \
    ROW_NUMBER() OVER (PARTITION BY m.member_id ORDER BY g.object_id) AS place \
    FROM directory_member m JOIN directory_group g ON g.org = m.org AND g.object_id = m.group_id \
    WHERE m.org = $1 AND m.kind = 'user' AND m.group_id || '' > $2 AND m.member_id IN (VALUES {rows})) listed \
    WHERE place <= $3 ORDER BY member_id, object_id";

const HOW_MANY_OF_PEOPLE: &str = "SELECT m.member_id, COUNT(*) \
    FROM directory_member m JOIN directory_group g ON g.org = m.org AND g.object_id = m.group_id \
    WHERE m.org = $1 AND m.kind = 'user' AND m.member_id IN (VALUES {rows}) GROUP BY m.member_id";

const MEMBERS: &str = "SELECT group_id, COUNT(*) FROM directory_member WHERE org = $1 AND kind = 'user' \
    AND group_id IN (VALUES {rows}) GROUP BY group_id";

impl Store {
    /// Groups by object id. A search is as one for people, in name and description. `count`: whether the whole list is counted; else
    /// the page says 0.
    pub async fn directory_groups(
        &self,
        scope: &OrgScope,
        search: Option<&str>,
        page: PageRequest,
        count: bool,
    ) -> Result<Page<DirectoryGroupRow>, StoreError> {
        const DOING: &str = "reading the directory's groups";
        let mut conn = self.read(scope, DOING).await?;
        read_page(&mut conn, scope, search, &page, count).await.map_err(|failure| failure.doing(DOING))
    }

    /// The groups that each of these people is in directly, by object id; a page of each person's. Somebody who is in none has no
    /// entry. `count` as above.
    pub async fn groups_of_people(
        &self,
        scope: &OrgScope,
        people: &[String],
        page: &PageRequest,
        count: bool,
    ) -> Result<BTreeMap<String, Page<DirectoryGroupRow>>, StoreError> {
        const DOING: &str = "reading people's groups";
        let mut conn = self.read(scope, DOING).await?;
        of_people(&mut conn, scope, people, page, count).await.map_err(|failure| failure.doing(DOING))
    }

    /// How many people are directly in each of these groups; an empty one has no entry.
    pub async fn member_counts(&self, scope: &OrgScope, groups: &[String]) -> Result<BTreeMap<String, u64>, StoreError> {
        const DOING: &str = "counting members";
        let mut conn = self.read(scope, DOING).await?;
        counts(&mut conn, MEMBERS, scope, groups).await.map_err(|failure| failure.doing(DOING))
    }
}

async fn read_page(
    conn: &mut Conn,
    scope: &OrgScope,
    search: Option<&str>,
    page: &PageRequest,
    count: bool,
) -> Result<Page<DirectoryGroupRow>, Failure> {
    let wanted = || -> Vec<Value> {
        let mut values = vec![scope.as_str().into(), Value::Text(None), Value::Text(None)];
        values.extend(search::patterns(search));
        values
    };
    let total = if count { count_of(conn, COUNT, wanted()).await? } else { 0 };
    let mut values = wanted();
    values.extend([page.after.as_deref().unwrap_or_default().into(), page.limit().into()]);
    let rows: Vec<_> = conn.all(LIST, values).await?.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Page::cut(page, rows.into_iter().map(|row| (row.object_id.clone(), row)).collect(), total))
}

async fn of_people(
    conn: &mut Conn,
    scope: &OrgScope,
    people: &[String],
    page: &PageRequest,
    count: bool,
) -> Result<BTreeMap<String, Page<DirectoryGroupRow>>, Failure> {
    let fixed = [scope.as_str().into(), page.after.as_deref().unwrap_or_default().into(), page.limit().into()];
    let mut listed: BTreeMap<String, Vec<(String, DirectoryGroupRow)>> = BTreeMap::new();
    for row in conn.many(OF_PEOPLE, &fixed, keys(people)).await? {
        let group = read(&row)?;
        listed.entry(row.text(4)?).or_default().push((group.object_id.clone(), group));
    }
    let totals = if count { counts(conn, HOW_MANY_OF_PEOPLE, scope, people).await? } else { BTreeMap::new() };
    // Somebody whose groups all lie before the page has a number and no rows.
    for person in totals.keys() {
        listed.entry(person.clone()).or_default();
    }
    let cut = |(person, rows): (String, Vec<_>)| {
        let total = totals.get(&person).copied().unwrap_or(0);
        (person, Page::cut(page, rows, total))
    };
    Ok(listed.into_iter().map(cut).collect())
}

async fn counts(conn: &mut Conn, text: &'static str, scope: &OrgScope, ids: &[String]) -> Result<BTreeMap<String, u64>, Failure> {
    let rows = conn.many(text, &[scope.as_str().into()], keys(ids)).await?;
    rows.iter().map(|row| Ok((row.text(0)?, row.count(1)?))).collect()
}

/// Ids as rows of a statement over many.
pub(super) fn keys(ids: &[String]) -> Vec<[Value; 1]> {
    ids.iter().map(|id| [id.as_str().into()]).collect()
}

/// A group in a statement's first four columns.
pub(super) fn read(row: &Row) -> Result<DirectoryGroupRow, Failure> {
    Ok(DirectoryGroupRow {
        object_id: row.text(0)?,
        display_name: row.text(1)?,
        description: row.maybe_text(2)?,
        status: DirectoryStatus::read(&row.text(3)?)?,
    })
}
