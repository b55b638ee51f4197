//! People as callers read them.

use chrono::{DateTime, Utc};

use super::search;
use crate::{
    organisation::OrgScope,
    store::{
        Page, PageRequest, Store, StoreError,
        db::{Conn, Failure, Row, Value},
        values,
    },
};

/// Whether somebody, or a group, counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryStatus {
    /// As the directory has it.
    Active,
    /// Not there any more, or switched off there.
    Disabled,
}

impl DirectoryStatus {
    /// The stored word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    pub(super) fn read(label: &str) -> Result<Self, Failure> {
        let all = [Self::Active, Self::Disabled];
        all.into_iter().find(|status| status.label() == label).ok_or(Failure::Unreadable("directory status"))
    }
}

/// A person as the last imports left them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryUserRow {
    /// Microsoft's object id.
    pub object_id: String,
    /// Sign-in name.
    pub user_principal_name: String,
    /// The name shown.
    pub display_name: Option<String>,
    /// Mail address.
    pub mail: Option<String>,
    /// Department.
    pub department: Option<String>,
    /// Job title.
    pub job_title: Option<String>,
    /// Whether they count.
    pub status: DirectoryStatus,
    /// Why not: `absent`, `account-disabled`, `out-of-scope`.
    pub disabled_reason: Option<String>,
    /// When an import first saw them.
    pub first_seen_at: DateTime<Utc>,
    /// When an import last saw them.
    pub last_seen_at: DateTime<Utc>,
}

/// Which people. What is absent admits all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirectoryUserFilter {
    /// Only these.
    pub status: Option<DirectoryStatus>,
    /// Only of this department, ignoring case.
    pub department: Option<String>,
    /// Every word of it stands in display name, principal name or mail, ignoring case. At most
    /// [`MOST_SEARCH_WORDS`](super::MOST_SEARCH_WORDS) words count.
    pub search: Option<String>,
    /// Whether the whole list is counted; else the page says 0.
    pub count: bool,
}

macro_rules! columns {
    () => {
        "object_id, user_principal_name, display_name, mail, department, job_title, status, disabled_reason, first_seen_at, \
         last_seen_at"
    };
}

/// `$4` to `$9` are the words' patterns.
macro_rules! searched {
    () => {
        " AND (CAST($4 AS TEXT) IS NULL OR search_key LIKE $4 ESCAPE '!') \
         AND (CAST($5 AS TEXT) IS NULL OR search_key LIKE $5 ESCAPE '!') \
         AND (CAST($6 AS TEXT) IS NULL OR search_key LIKE $6 ESCAPE '!') \
         AND (CAST($7 AS TEXT) IS NULL OR search_key LIKE $7 ESCAPE '!') \
         AND (CAST($8 AS TEXT) IS NULL OR search_key LIKE $8 ESCAPE '!') \
         AND (CAST($9 AS TEXT) IS NULL OR search_key LIKE $9 ESCAPE '!')"
    };
}
pub(super) use searched;

// One statement for each set of equalities, so that each finds its index; `x = $n OR $n IS NULL` would find none. A department
// is smaller than a status: `|| ''` keeps the index of the latter out of the choice.
macro_rules! statements {
    ($($name:ident = $conditions:literal;)*) => { $(
        const $name: [&str; 2] = [
            concat!(
                "SELECT ", columns!(), " FROM directory_user WHERE org = $1", $conditions, searched!(),
                " AND object_id > $10 ORDER BY object_id LIMIT $11"
            ),
            concat!("SELECT COUNT(*) FROM directory_user WHERE org = $1", $conditions, searched!()),
        ];
    )* };
}

statements! {
    ALL = " AND CAST($2 AS TEXT) IS NULL AND CAST($3 AS TEXT) IS NULL";
    OF_STATUS = " AND status = $2 AND CAST($3 AS TEXT) IS NULL";
    OF_DEPARTMENT = " AND CAST($2 AS TEXT) IS NULL AND department_key = $3";
    OF_BOTH = " AND status || '' = $2 AND department_key = $3";
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM directory_user WHERE org = $1 AND object_id = $2");

// Names are given anew: the one who is there now, then the one who was there last.
const BY_NAME: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM directory_user WHERE org = $1 AND upn_key = $2 ORDER BY status, last_seen_at DESC, object_id LIMIT 1"
);

impl Store {
    /// People by object id.
    pub async fn directory_users(
        &self,
        scope: &OrgScope,
        filter: &DirectoryUserFilter,
        page: PageRequest,
    ) -> Result<Page<DirectoryUserRow>, StoreError> {
        const DOING: &str = "reading the directory's people";
        let mut conn = self.read(scope, DOING).await?;
        read_page(&mut conn, scope, filter, &page).await.map_err(|failure| failure.doing(DOING))
    }

    /// One person, by object id or principal name, ignoring case.
    pub async fn directory_user(&self, scope: &OrgScope, key: &str) -> Result<Option<DirectoryUserRow>, StoreError> {
        const DOING: &str = "reading one of the directory's people";
        let mut conn = self.read(scope, DOING).await?;
        one(&mut conn, scope, key).await.map_err(|failure| failure.doing(DOING))
    }
}

pub(super) async fn one(conn: &mut Conn, scope: &OrgScope, key: &str) -> Result<Option<DirectoryUserRow>, Failure> {
    let key = key.to_lowercase();
    for text in [BY_ID, BY_NAME] {
        if let Some(row) = conn.all(text, vec![scope.as_str().into(), key.as_str().into()]).await?.first() {
            return read(row).map(Some);
        }
    }
    Ok(None)
}

async fn read_page(
    conn: &mut Conn,
    scope: &OrgScope,
    filter: &DirectoryUserFilter,
    page: &PageRequest,
) -> Result<Page<DirectoryUserRow>, Failure> {
    let [list, count] = match (filter.status, &filter.department) {
        (None, None) => ALL,
        (Some(_), None) => OF_STATUS,
        (None, Some(_)) => OF_DEPARTMENT,
        (Some(_), Some(_)) => OF_BOTH,
    };
    let wanted = || -> Vec<Value> {
        let status = filter.status.map(DirectoryStatus::label);
        let department = filter.department.as_ref().map(|department| department.to_lowercase());
        let mut values = vec![scope.as_str().into(), status.into(), department.into()];
        values.extend(search::patterns(filter.search.as_deref()));
        values
    };
    let total = if filter.count { super::count_of(conn, count, wanted()).await? } else { 0 };
    let mut values = wanted();
    values.extend([page.after.as_deref().unwrap_or_default().into(), page.limit().into()]);
    let rows = conn.all(list, values).await?;
    let rows: Vec<_> = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Page::cut(page, rows.into_iter().map(|row| (row.object_id.clone(), row)).collect(), total))
}

fn read(row: &Row) -> Result<DirectoryUserRow, Failure> {
    Ok(DirectoryUserRow {
        object_id: row.text(0)?,
        user_principal_name: row.text(1)?,
        display_name: row.maybe_text(2)?,
        mail: row.maybe_text(3)?,
        department: row.maybe_text(4)?,
        job_title: row.maybe_text(5)?,
        status: DirectoryStatus::read(&row.text(6)?)?,
        disabled_reason: row.maybe_text(7)?,
        first_seen_at: values::instant(row, 8)?,
        last_seen_at: values::instant(row, 9)?,
    })
}
