//! One connection and its rows, of either database.
//!
//! Both databases speak the same text: `$1`, BIGINT, TEXT, BLOB. Where that cannot be, the text holds a marker that each
//! dialect replaces: `{lock}` and `{skip locked}` (SQLite's one writer needs neither), `{oldest}`, `{of lane}` and `{as w}`
//! (the join with a lane's oldest rows: Postgres is fast with LATERAL only, which SQLite does not have); `{object}` makes a JSON object;
//! `{by finder}` names an index that SQLite does not choose by itself.

use std::{borrow::Cow, sync::Arc};

use sqlx::{
    AssertSqlSafe, PgConnection, Postgres, Row as _, Sqlite, SqliteConnection, pool::PoolConnection, postgres::PgRow,
    sqlite::SqliteRow,
};

use super::Failure;

/// A value that both databases can carry.
#[derive(Debug, Clone)]
pub(in crate::store) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Bytes(Vec<u8>),
}

/// A connection, owned or from a pool.
#[derive(Debug)]
pub(in crate::store) enum Conn {
    Sqlite(Box<SqliteConnection>),
    SqlitePooled(PoolConnection<Sqlite>),
    Postgres(Box<PgConnection>),
    PostgresPooled(PoolConnection<Postgres>),
}

/// A row.
pub(in crate::store) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! each {
    ($conn:expr, $text:expr, $values:expr, $fetch:ident => $row:expr) => {{
        let (text, values) = ($text, $values);
        match $conn {
            Conn::Sqlite(conn) => bound!(text, values).$fetch(&mut **conn).await.map($row.0),
            Conn::SqlitePooled(conn) => bound!(text, values).$fetch(&mut **conn).await.map($row.0),
            Conn::Postgres(conn) => bound!(text, values).$fetch(&mut **conn).await.map($row.1),
            Conn::PostgresPooled(conn) => bound!(text, values).$fetch(&mut **conn).await.map($row.1),
        }
    }};
}

macro_rules! bound {
    ($text:expr, $values:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($text));
        for value in $values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Int(int) => query.bind(int),
                Value::Bytes(bytes) => query.bind(bytes),
            };
        }
        query
    }};
}

impl Conn {
    pub(in crate::store) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_) | Self::PostgresPooled(_))
    }

    /// Every row of a statement.
    pub(in crate::store) async fn all(&mut self, text: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Failure> {
        let text = self.dialect(text).into();
        self.fetch(text, values).await
    }

    /// How many rows a statement changed.
    pub(in crate::store) async fn run(&mut self, text: &'static str, values: Vec<Value>) -> Result<u64, Failure> {
        let text = self.dialect(text);
        let counts = (
            |done: sqlx::sqlite::SqliteQueryResult| done.rows_affected(),
            |done: sqlx::postgres::PgQueryResult| done.rows_affected(),
        );
        Ok(each!(self, text, values, execute => counts)?)
    }

    /// Closes it, so that nobody is given it again.
    pub(super) async fn discard(self) {
        if let Self::PostgresPooled(conn) = self {
            // It is broken already; how its end fails tells nothing new.
            conn.close().await.unwrap_or_default();
        }
    }

    /// Statements without values, several in one round trip. Postgres alone.
    pub(super) async fn script(&mut self, text: &str) -> Result<(), Failure> {
        let script = sqlx::raw_sql(AssertSqlSafe(text.to_owned()));
        match self {
            Self::Postgres(conn) => script.execute(&mut **conn).await.map(drop)?,
            Self::PostgresPooled(conn) => script.execute(&mut **conn).await.map(drop)?,
            Self::Sqlite(_) | Self::SqlitePooled(_) => {}
        }
        Ok(())
    }

    pub(super) async fn fetch(&mut self, text: Arc<str>, values: Vec<Value>) -> Result<Vec<Row>, Failure> {
        let rows = (
            |rows: Vec<SqliteRow>| rows.into_iter().map(Row::Sqlite).collect::<Vec<_>>(),
            |rows: Vec<PgRow>| rows.into_iter().map(Row::Postgres).collect::<Vec<_>>(),
        );
        Ok(each!(self, text, values, fetch_all => rows)?)
    }

    /// Replaces the markers by what this database says there.
    pub(super) fn dialect(&self, text: &str) -> String {
        #[cfg(test)]
        let text = &super::forgetful_tests::remembered(text);
        if !text.contains('{') {
            return text.to_owned();
        }
        let replacements = if self.is_postgres() { POSTGRES } else { SQLITE };
        replacements.iter().fold(text.to_owned(), |text, (marker, ours)| text.replace(marker, ours))
    }
}

const SQLITE: [(&str, &str); 7] = [
    ("{by finder}", " INDEXED BY list_item_finder"),
    ("{object}", "json_object"),
    ("{lock}", ""),
    ("{skip locked}", ""),
    ("{oldest}", "CROSS JOIN wanted w ON w.org = l.org AND w.kind = l.kind AND w.key IN"),
    ("{of lane}", "d.key"),
    ("{as w}", ""),
];

const POSTGRES: [(&str, &str); 7] = [
    ("{by finder}", ""),
    ("{object}", "json_build_object"),
    ("{lock}", " FOR UPDATE OF w"),
    ("{skip locked}", " FOR UPDATE SKIP LOCKED"),
    ("{oldest}", "CROSS JOIN LATERAL"),
    ("{of lane}", "d.key, d.due_at"),
    ("{as w}", " w"),
];

macro_rules! get {
    ($row:expr, $index:expr) => {
        match $row {
            Row::Sqlite(row) => row.try_get($index)?,
            Row::Postgres(row) => row.try_get($index)?,
        }
    };
}

impl Row {
    pub(in crate::store) fn text(&self, index: usize) -> Result<String, Failure> {
        Ok(get!(self, index))
    }

    pub(in crate::store) fn maybe_text(&self, index: usize) -> Result<Option<String>, Failure> {
        Ok(get!(self, index))
    }

    pub(in crate::store) fn int(&self, index: usize) -> Result<i64, Failure> {
        Ok(get!(self, index))
    }

    pub(in crate::store) fn maybe_int(&self, index: usize) -> Result<Option<i64>, Failure> {
        Ok(get!(self, index))
    }

    pub(in crate::store) fn bytes(&self, index: usize) -> Result<Vec<u8>, Failure> {
        Ok(get!(self, index))
    }

    /// A counter; what is stored is never negative.
    pub(in crate::store) fn count(&self, index: usize) -> Result<u64, Failure> {
        u64::try_from(self.int(index)?).map_err(|_| Failure::Unreadable("counter"))
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        // 40001 serialization failure, 40P01 deadlock: Postgres asks to run the transaction again.
        let again = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| code == "40001" || code == "40P01");
        let unreadable = matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
        match (again, unreadable) {
            (true, _) => Self::Again(Box::new(error)),
            (_, true) => Self::Unreadable("column"),
            _ => Self::Driver(Box::new(error)),
        }
    }
}

/// Postgres keeps no NUL in a text; both stores hold U+FFFD in its place, so that they hold the same.
pub(in crate::store) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(without_nul(text).into_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(if text.contains('\0') { without_nul(&text).into_owned() } else { text }))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Text(None), Self::from)
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Text(None), Self::from)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(Some(int))
    }
}

impl From<Option<i64>> for Value {
    fn from(int: Option<i64>) -> Self {
        Self::Int(int)
    }
}

impl From<u64> for Value {
    /// Versions end at 2^53 - 1 and counters are far below; a number that does not fit is held at the highest.
    fn from(number: u64) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(Some(i64::from(number)))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(Some(i64::from(flag)))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<chrono::DateTime<chrono::Utc>> for Value {
    fn from(instant: chrono::DateTime<chrono::Utc>) -> Self {
        Self::Int(Some(instant.timestamp_micros()))
    }
}

impl From<Option<chrono::DateTime<chrono::Utc>>> for Value {
    fn from(instant: Option<chrono::DateTime<chrono::Utc>>) -> Self {
        Self::Int(instant.map(|instant| instant.timestamp_micros()))
    }
}
