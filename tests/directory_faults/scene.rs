//! A tenant with people, groups in groups and a role, and imports of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Connector, Store, World, eventually_within};

/// People beside the two of the example tenant.
pub(crate) const OTHERS: u32 = 45;
/// Everybody.
pub(crate) const EVERYBODY: u64 = 47;
/// Objects on a page, of lists and of deltas: everybody is on three pages.
pub(crate) const PAGE: u32 = 20;
/// The mapped group. Everybody generated is in it: three pages of members.
pub(crate) const CREW: &str = "11111111-0000-4000-9000-000000000001";
/// In the crew, and no security group: it is met through the crew alone. Two people are in it alone, on its second page.
pub(crate) const INNER: &str = "11111111-0000-4000-9000-000000000002";
/// The two of the example tenant.
const OWN: [&str; 2] = ["niamh@acme-water.example", "oisin@acme-water.example"];

pub(crate) fn person(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

pub(crate) fn group(number: u32) -> String {
    format!("00000000-0000-4000-9000-{number:012x}")
}

/// A connector that may disable everybody unasked: whatever an import believes, it does.
pub(crate) const FEARLESS: [(&str, &str); 2] =
    [("directory.disable_limit", "1000000"), ("directory.disable_limit_percent", "100")];

/// The tenant imported, and the crew mapped to a role that everybody has by it.
pub(crate) async fn imported(store: Store, settings: &[(&str, &str)]) -> (World, Connector) {
    let world = World::start(store).await;
    let directory = json!({ "listPage": PAGE, "deltaPage": PAGE, "deltaMembers": 9 });
    world.simulator.change(&json!({ "settings": { "directory": directory } })).await;
    let crew: Vec<_> = (1..=OTHERS).map(person).chain([INNER.to_owned()]).collect();
    let inner: Vec<_> = (1..=PAGE).map(person).chain(OWN.map(str::to_owned)).collect();
    let inner = json!({ "id": INNER, "displayName": "Inner", "groupTypes": ["Unified"], "mailEnabled": true, "members": inner });
    let changes = json!([
        { "generate": { "users": OTHERS, "departments": 2, "groups": PAGE } },
        { "putGroup": inner },
        { "putGroup": { "id": CREW, "displayName": "Crew", "members": crew } },
    ]);
    world.simulator.change_directory(&changes).await;
    let connector = world.connector(settings).await;
    connector.register().await;
    import_ok(&connector, "importUsers").await;
    import_ok(&connector, "importGroups").await;
    map(&connector, CREW, "lead").await;
    assert_eq!(standing(&connector).await, (0, EVERYBODY));
    (world, connector)
}

/// Lets a group give a role.
pub(crate) async fn map(connector: &Connector, group: &str, role: &str) {
    let query = "mutation($input: RoleMappingInput!) { mapGroupToRole(input: $input) { role } }";
    connector.data(query, json!({ "input": { "groupId": group, "role": role } })).await;
}

/// How many people are disabled, and how many have a role through the crew.
pub(crate) async fn standing(connector: &Connector) -> (u64, u64) {
    let query = "{ directoryUsers(status: DISABLED, first: 1) { totalCount } roleMappings { groupId memberCount } }";
    let data = connector.data(query, Value::Null).await;
    let mapping = data["roleMappings"].as_array().unwrap().iter().find(|mapping| mapping["groupId"] == CREW);
    let holders = mapping.map_or(0, |mapping| mapping["memberCount"].as_u64().unwrap());
    (data["directoryUsers"]["totalCount"].as_u64().unwrap(), holders)
}

/// Starts an import; its id.
pub(crate) async fn start(connector: &Connector, mutation: &str) -> Value {
    connector.data(&format!("mutation {{ operation: {mutation} {{ id }} }}"), Value::Null).await["operation"]["id"].take()
}

/// Starts an import and waits for its end.
pub(crate) async fn import(connector: &Connector, mutation: &str) -> Value {
    let id = start(connector, mutation).await;
    ended(connector, &id).await
}

/// One that must succeed.
pub(crate) async fn import_ok(connector: &Connector, mutation: &str) -> Value {
    let operation = import(connector, mutation).await;
    assert_eq!(operation["state"], "SUCCEEDED", "{mutation}: {operation}");
    operation
}

/// Waits until an operation has ended or waits for a person.
pub(crate) async fn ended(connector: &Connector, id: &Value) -> Value {
    let query = "query($id: ID!) { operation(id: $id) { id state dryRun requestedBy done total counts error { code message } \
                 changes(first: 200) { totalCount nodes { key action before after } } } }";
    eventually_within(Duration::from_mins(1), "the import ends", async || {
        let operation = connector.data(query, json!({ "id": id })).await["operation"].take();
        (!matches!(operation["state"].as_str(), Some("QUEUED" | "RUNNING"))).then_some(operation)
    })
    .await
}

/// Approves or rejects an import, and waits for what becomes of it.
pub(crate) async fn decide(connector: &Connector, what: &str, operation: &Value) -> Value {
    let query = format!("mutation($id: ID!) {{ {what}(operationId: $id) {{ id state }} }}");
    connector.data(&query, json!({ "id": operation["id"] })).await;
    ended(connector, &operation["id"]).await
}

/// A person's state and the reason for it.
pub(crate) async fn reason(connector: &Connector, search: &str) -> Value {
    let query = "query($search: String!) { directoryUsers(search: $search) { nodes { status disabledReason } } }";
    connector.data(query, json!({ "search": search })).await["directoryUsers"]["nodes"].take()
}

/// Entries of the audit trail with this action.
pub(crate) async fn audited(connector: &Connector, action: &str) -> u64 {
    let query = "query($action: String!) { auditTrail(action: $action, first: 1) { totalCount } }";
    connector.data(query, json!({ "action": action })).await["auditTrail"]["totalCount"].as_u64().unwrap()
}

/// Changes rows behind the connector's back; how many.
pub(crate) async fn change_rows(world: &World, store: Store, text: &str) -> u64 {
    match store {
        Store::Sqlite => {
            let pool = sqlx::SqlitePool::connect(&world.store).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned())).execute(&pool).await.unwrap().rows_affected()
        }
        Store::Postgres => {
            let mut connection = beside(world).await;
            sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned())).execute(&mut connection).await.unwrap().rows_affected()
        }
    }
}

/// The number that a statement counts, read behind the connector's back.
pub(crate) async fn count_rows(world: &World, store: Store, text: &str) -> i64 {
    let text = sqlx::AssertSqlSafe(text.to_owned());
    match store {
        Store::Sqlite => {
            let pool = sqlx::SqlitePool::connect(&world.store).await.unwrap();
            sqlx::query_scalar(text).fetch_one(&pool).await.unwrap()
        }
        Store::Postgres => {
            let mut connection = beside(world).await;
            sqlx::query_scalar(text).fetch_one(&mut connection).await.unwrap()
        }
    }
}

/// A connection of the owner, who is held to row-level security, for every organisation's rows.
async fn beside(world: &World) -> sqlx::PgConnection {
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&world.store).await.unwrap();
    sqlx::raw_sql("SET argus.organisation = '*'").execute(&mut connection).await.unwrap();
    connection
}
