//! However much the store holds, a statement finds its rows by an index: what SQLite plans for every statement that the connector
//! really sends.

#![cfg(feature = "simulator")]
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

mod support;

use std::{collections::BTreeSet, path::Path};

use argus_m365::simulator::SiteSpec;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};
use support::{Connector, Store, World, eventually};

/// Tables that grow with what an organisation does. Of others it has a handful of rows, or they are emptied as they fill.
const GROWING: [&str; 13] = [
    "wanted",
    "place",
    "audit",
    "audit_personal",
    "list_item",
    "zone_match",
    "operation_change",
    "dead_letter",
    "directory_user",
    "directory_group",
    "directory_member",
    "staged_user",
    "staged_member",
];

/// A row that is looked up one by one is named by at least so many columns: organisation, kind or list, and its own id.
const NAMED_BY: usize = 3;

/// Every statement in a log of `sqlx::query` at level `debug`.
fn statements(log: &Path) -> BTreeSet<String> {
    let log = std::fs::read_to_string(log).unwrap();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "sqlx::query").filter_map(|line| statement(&line)).collect()
}

/// The summary stands alone when it is the whole statement.
fn statement(line: &Value) -> Option<String> {
    let field = |name: &str| line.pointer(&format!("/fields/{name}")).and_then(Value::as_str).map(str::trim).map(str::to_owned);
    field("db.statement").filter(|text| !text.is_empty()).or_else(|| field("summary"))
}

/// The table behind a name in a plan: itself, or what the statement gives this name to.
fn table<'a>(statement: &str, name: &'a str) -> Option<&'a str> {
    let named = |table: &&str| *table == name || statement.contains(&format!(" {table} {name} "));
    GROWING.into_iter().find(named)
}

/// Why a step of a plan takes longer the more the table holds; none when it does not.
fn complaint(statement: &str, step: &str) -> Option<String> {
    let mut words = step.split(' ');
    let (verb, name) = (words.next()?, words.next()?);
    let table = table(statement, name)?;
    let columns = step.matches("=?").count();
    // Rows that are given one by one, each to be found by itself.
    let given = statement.starts_with("WITH v(");
    (verb == "SCAN" || (given && columns < NAMED_BY)).then(|| format!("{table}: {step}: {statement}"))
}

async fn complaints(store: &str, statements: &BTreeSet<String>) -> Vec<String> {
    let mut connection = SqliteConnection::connect(store).await.unwrap();
    let mut found = Vec::new();
    for statement in statements.iter().filter(|text| !text.starts_with("PRAGMA") && !text.starts_with("CREATE")) {
        let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"))).fetch_all(&mut connection).await;
        let steps = plan.unwrap_or_default();
        found.extend(steps.iter().filter_map(|step| complaint(statement, &step.get::<String, _>("detail"))));
    }
    found
}
