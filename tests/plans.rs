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

/// What a statement that looks for rows begins with; the rest are settings, savepoints and migrations.
const READING: [&str; 5] = ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"];

/// Every statement in a log of `sqlx::query` at level `debug`.
fn statements(log: &Path) -> BTreeSet<String> {
    let log = std::fs::read_to_string(log).unwrap();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "sqlx::query").filter_map(|line| statement(&line)).collect()
}

/// The summary stands alone when it is the whole statement.
fn statement(line: &Value) -> Option<String> {
    let field = |name: &str| line[name].as_str().map(str::trim).map(str::to_owned);
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
    for statement in statements.iter().filter(|text| READING.iter().any(|verb| text.starts_with(verb))) {
        let steps =
            sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"))).fetch_all(&mut connection).await.unwrap();
        found.extend(steps.iter().filter_map(|step| complaint(statement, &step.get::<String, _>("detail"))));
    }
    found
}

fn event(kind: &str, version: u64, data: &Value) -> Value {
    let mut data = data.clone();
    data["version"] = json!(version);
    json!({
        "specversion": "1.0", "id": format!("{kind}-{version}-{}", data["taskId"].as_str().or(data["zoneId"].as_str()).unwrap()),
        "source": "/tests", "type": format!("argus.{kind}.v1"), "time": "2026-11-23T09:00:00Z", "data": data,
    })
}

/// A task is scheduled, moves to another mailbox and is closed.
async fn tasks(world: &World, connector: &Connector) {
    for (version, worker) in [(1, "niamh@acme-water.example"), (2, "oisin@acme-water.example")] {
        let data = json!({
            "taskId": "task-1", "title": "Valve inspection",
            "window": { "start": "2026-11-25T08:00:00", "end": "2026-11-25T08:45:00", "timeZone": "Europe/Dublin" },
            "assignee": { "userPrincipalName": worker },
        });
        world.publish("argus.acme.task.scheduled", &event("task.scheduled", version, &data)).await;
        connector.settled("task-1", version).await;
    }
    world.publish("argus.acme.task.closed", &event("task.closed", 3, &json!({ "taskId": "task-1" }))).await;
    connector.settled("task-1", 3).await;
}

async fn published(connector: &Connector, input: Value) {
    let publish = "mutation($input: PublishZonesInput!) { publishZones(input: $input) { id } }";
    let id = connector.data(publish, json!({ "input": input })).await["publishZones"]["id"].take();
    eventually("the publication ends", async || {
        let query = "query($id: ID!) { operation(id: $id) { state } }";
        (connector.data(query, json!({ "id": id })).await["operation"]["state"] == "SUCCEEDED").then_some(())
    })
    .await;
}

/// Zones are published, again and changed; one is taken out of the list.
async fn zones(world: &World, connector: &Connector) {
    world.simulator.change(&json!({ "sites": [SiteSpec::demo()] })).await;
    let set = "mutation($input: ZoneTargetInput!) { setZoneTarget(input: $input) { listId } }";
    let target = json!({
        "site": SiteSpec::DEMO_ID, "list": SiteSpec::DEMO_LIST, "matchColumn": "Zone ID", "retire": "DELETE",
        "fields": [{ "zoneField": "name", "column": "Title" }],
    });
    connector.data(set, json!({ "input": target })).await;
    for name in ["first", "second"] {
        let zones: Vec<Value> = (1..=5).map(|number| json!({ "zoneId": format!("Z-{number}"), "name": name })).collect();
        published(connector, json!({ "zones": zones })).await;
    }
    world.publish("argus.acme.zone.removed", &event("zone.removed", 9, &json!({ "zoneId": "Z-5" }))).await;
    eventually("its item is gone", async || {
        let state = world.simulator.state().await;
        (state["lists"][0]["removed"] == 1).then_some(())
    })
    .await;
    published(connector, json!({})).await;
}

#[tokio::test]
async fn no_statement_goes_through_a_table_that_grows() {
    let world = World::start(Store::Sqlite).await;
    let connector = world.connector(&[("log.level", "info,sqlx::query=debug"), ("log.format", "json")]).await;
    connector.register().await;
    tasks(&world, &connector).await;
    zones(&world, &connector).await;
    let statements = statements(&connector.log);
    for hot in ["UPDATE wanted SET", "DELETE FROM place", "INSERT INTO audit ", "JOIN list_item", "JOIN place"] {
        assert!(statements.iter().any(|text| text.contains(hot)), "{hot} is among them");
    }
    assert_eq!(complaints(&world.store, &statements).await, [""; 0]);
    world.finish(connector).await;
}

#[tokio::test]
async fn a_statement_that_does_is_found() {
    let world = World::start(Store::Sqlite).await;
    let connector = world.connector(&[]).await;
    let slow = [
        "DELETE FROM audit_personal WHERE LOWER(value) = ?",
        "WITH v(org, reading, finder) AS (VALUES (?, ?, ?)) SELECT i.said FROM v JOIN list_item i ON i.org = v.org \
         AND i.reading = v.reading AND i.finder = v.finder",
    ];
    let found = complaints(&world.store, &slow.map(str::to_owned).into()).await;
    assert_eq!(found.len(), 2, "{found:?}");
    world.finish(connector).await;
}
