//! An organisation that has something of everything, and what its database rows are.

use argus_m365::simulator::SiteSpec;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

use crate::support::{Connector, Store, World, eventually};

/// In every text of acme's that somebody could read.
pub(crate) const CANARY: &str = "canary-of-acme";

async fn tenant(world: &World) {
    let (site, graph) = (serde_json::to_value(SiteSpec::demo()).unwrap(), |n: u32| format!("00000000-0000-4000-9000-{n:012x}"));
    world.simulator.change(&json!({ "sites": [site] })).await;
    let mut changes = vec![json!({ "generate": { "users": 60, "departments": 2, "groups": 3, "memberships": 60 } })];
    for n in 1..=3 {
        changes
            .push(json!({ "setGroup": { "group": graph(n), "properties": { "displayName": format!("{CANARY} group {n}") } } }));
    }
    for n in 1..=10 {
        let user = format!("00000000-0000-4000-8000-{n:012x}");
        let properties = json!({ "displayName": format!("{CANARY} person {n}"), "department": format!("{CANARY} department") });
        changes.push(json!({ "setUser": { "user": user, "properties": properties } }));
    }
    world.simulator.change_directory(&json!(changes)).await;
}

async fn publish(world: &World, kind: &str, verb: &str, data: Value) {
    let id = format!("{kind}-{verb}-{}", data["version"]);
    let event = json!({
        "specversion": "1.0", "id": id, "source": "/tests", "type": format!("argus.{kind}.{verb}.v1"),
        "time": "2026-11-23T09:00:00Z", "data": data,
    });
    world.publish(&format!("argus.acme.{kind}.{verb}"), &event).await;
}

async fn import(connector: &Connector, mutation: &str, state: &str) {
    let mut answer = connector.data(&format!("mutation {{ operation: {mutation} {{ id }} }}"), Value::Null).await;
    let id = answer["operation"]["id"].take();
    eventually("an operation ends", async || {
        let operation = connector.data("query($id: ID!) { operation(id: $id) { state } }", json!({ "id": id })).await;
        (operation["operation"]["state"] == state).then_some(())
    })
    .await;
}

/// Gives acme one of everything, and waits until nothing moves any more.
pub(crate) async fn fill(world: &World, connector: &Connector) {
    tenant(world).await;
    connector.register().await;
    import(connector, "importUsers", "SUCCEEDED").await;
    import(connector, "importGroups", "SUCCEEDED").await;
    let group = "00000000-0000-4000-9000-000000000001";
    let mapping = json!({ "input": { "groupId": group, "role": format!("{CANARY}-role") } });
    connector.data("mutation($input: RoleMappingInput!) { mapGroupToRole(input: $input) { role } }", mapping).await;
    let webhook = format!("{}/workflows/ops/triggers/manual/paths/invoke?sig=a-secret-signature", world.simulator.url);
    let channel = json!({ "input": { "key": "canary-of-acme.ops", "sender": "WORKFLOW_WEBHOOK", "webhookUrl": webhook } });
    connector.data("mutation($input: TeamsChannelInput!) { setTeamsChannel(input: $input) { key } }", channel).await;
    let target = json!({ "input": {
        "site": "acme-water.sharepoint.example:/sites/ops", "list": "Zones", "matchColumn": "Zone ID",
        "fields": [{ "zoneField": "name", "column": "Title" }],
    } });
    connector.data("mutation($input: ZoneTargetInput!) { setZoneTarget(input: $input) { siteId } }", target).await;
    publish(world, "zone", "changed", json!({ "zoneId": "canary-of-acme-zone", "version": 1, "name": CANARY })).await;
    let task = json!({
        "taskId": "canary-of-acme-task", "version": 1, "title": CANARY, "assignee": { "userPrincipalName": "niamh@acme-water.example" },
        "window": { "start": "2031-05-07T08:30:00", "end": "2031-05-07T10:00:00", "timeZone": "Europe/Dublin" },
    });
    publish(world, "task", "scheduled", task).await;
    publish(world, "task", "rescheduled", json!({ "taskId": "canary-of-acme-letter", "version": 2, "title": CANARY })).await;
    let outage = json!({
        "outageId": "canary-of-acme-outage", "version": 1, "title": CANARY, "status": "reported", "customersAffected": 100,
        "utilityType": "electricity", "severity": "major",
    });
    publish(world, "outage", "reported", outage).await;
    connector.settled("canary-of-acme-task", 1).await;
    eventually("everything stands", async || {
        let query =
            "{ zones { nodes { state } } outage(outageId: \"canary-of-acme-outage\") { routed } deadLetters { totalCount } }";
        let seen = connector.data(query, Value::Null).await;
        let zones = seen["zones"]["nodes"] == json!([{ "state": "SETTLED" }]);
        (zones && seen["outage"]["routed"] == true && seen["deadLetters"]["totalCount"] == 1).then_some(())
    })
    .await;
    // A plan that waits for a person: approving it would disable ten people.
    let gone: Vec<_> =
        (11..=20).map(|n| json!({ "deleteUser": { "user": format!("00000000-0000-4000-8000-{n:012x}") } })).collect();
    world.simulator.change_directory(&json!(gone)).await;
    import(connector, "importUsers(input: { mode: FULL })", "AWAITING_APPROVAL").await;
    let pause = json!({ "reason": CANARY });
    connector
        .data("mutation($reason: String) { pauseCapability(capability: SHAREPOINT, reason: $reason) { paused } }", pause)
        .await;
    eventually("the outage is told", async || (!world.simulator.cards("ops").await.is_empty()).then_some(())).await;
    connector.nothing_left().await;
}

/// Each table's rows, of this organisation or of all, as text: what changed can be named by its table.
pub(crate) async fn rows(store: Store, url: &str, organisation: Option<&str>) -> Vec<(String, Vec<String>)> {
    let of = organisation.map_or(String::new(), |name| format!(" WHERE org = '{name}'"));
    let mut all = Vec::new();
    match store {
        Store::Sqlite => {
            let mut database = SqliteConnection::connect(url).await.unwrap();
            let tables = "SELECT t.name, group_concat('quote(' || c.name || ')', ' || '','' || ') FROM sqlite_schema t, \
                pragma_table_info(t.name) c WHERE t.type = 'table' GROUP BY t.name HAVING SUM(c.name = 'org') > 0 ORDER BY 1";
            for table in sqlx::query(tables).fetch_all(&mut database).await.unwrap() {
                let (name, columns): (String, String) = (table.get(0), table.get(1));
                let text = format!("SELECT {columns} FROM \"{name}\"{of} ORDER BY 1");
                let rows = sqlx::query_scalar(AssertSqlSafe(text)).fetch_all(&mut database).await.unwrap();
                all.push((name, rows));
            }
            database.close().await.unwrap();
        }
        Store::Postgres => {
            let mut database = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql("SET argus.organisation = '*'").execute(&mut database).await.unwrap();
            let tables = "SELECT CAST(table_name AS TEXT) FROM information_schema.columns WHERE table_schema = 'public' \
                AND column_name = 'org' ORDER BY 1";
            for name in sqlx::query_scalar::<_, String>(tables).fetch_all(&mut database).await.unwrap() {
                let text = format!("SELECT CAST(t AS TEXT) FROM {name} t{of} ORDER BY 1");
                let rows = sqlx::query_scalar(AssertSqlSafe(text)).fetch_all(&mut database).await.unwrap();
                all.push((name, rows));
            }
            database.close().await.unwrap();
        }
    }
    assert!(all.len() > 25, "only {} tables", all.len());
    all
}
