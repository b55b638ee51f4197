//! The directory imported by the real binary from the tenant simulator, on every store: what a complete read does. What anything less
//! does, namely nothing, is in `directory_faults`.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Connector, Store, World, eventually_within};

/// The example tenant has two people of its own, in no department.
const OWN: u64 = 2;

fn person(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

fn group(number: u32) -> String {
    format!("00000000-0000-4000-9000-{number:012x}")
}

/// A connector whose tenant has so many generated people in two departments.
async fn with_people(store: Store, users: u32, changes: &[(&str, &str)]) -> (World, Connector) {
    let world = World::start(store).await;
    world.simulator.change_directory(&json!([{ "generate": { "users": users, "departments": 2 } }])).await;
    let connector = world.connector(changes).await;
    connector.register().await;
    (world, connector)
}

const ENDED: [&str; 4] = ["SUCCEEDED", "FAILED", "AWAITING_APPROVAL", "REJECTED"];

async fn ended(connector: &Connector, id: &str) -> Value {
    let query = "query($id: ID!) { operation(id: $id) { id state dryRun counts error { code message } changes(first: 200) { totalCount \
                 nodes { key action before after } } } }";
    eventually_within(Duration::from_mins(1), "the import ends", async || {
        let operation = connector.data(query, json!({ "id": id })).await["operation"].take();
        ENDED.iter().any(|state| operation["state"] == *state).then_some(operation)
    })
    .await
}

/// Imports and waits for the end.
async fn import(connector: &Connector, mutation: &str) -> Value {
    let mut started = connector.data(&format!("mutation {{ {mutation} {{ id }} }}"), Value::Null).await;
    let field = mutation.split('(').next().unwrap();
    let id = started[field]["id"].take();
    ended(connector, id.as_str().unwrap()).await
}

async fn import_ok(connector: &Connector, mutation: &str) -> Value {
    let operation = import(connector, mutation).await;
    assert_eq!(operation["state"], "SUCCEEDED", "{mutation}: {operation}");
    operation
}

async fn people(connector: &Connector, status: &str) -> u64 {
    let query = format!("{{ directoryUsers(status: {status}) {{ totalCount }} }}");
    connector.data(&query, Value::Null).await["directoryUsers"]["totalCount"].as_u64().unwrap()
}

async fn reason(connector: &Connector, id: &str) -> Value {
    let mut after = Value::Null;
    loop {
        let query = "query($after: String) { directoryUsers(first: 200, after: $after) { nodes { objectId status disabledReason } \
                     pageInfo { hasNextPage endCursor } } }";
        let page = connector.data(query, json!({ "after": after })).await["directoryUsers"].take();
        if let Some(found) = page["nodes"].as_array().unwrap().iter().find(|node| node["objectId"] == id) {
            return json!([found["status"], found["disabledReason"]]);
        }
        assert!(page["pageInfo"]["hasNextPage"] == true, "{id} is not known");
        after = page["pageInfo"]["endCursor"].clone();
    }
}

async fn roles(connector: &Connector, id: &str) -> Value {
    let query = "query($id: String!) { effectiveRoles(user: $id) { roles { role } } }";
    connector.data(query, json!({ "id": id })).await["effectiveRoles"]["roles"].take()
}

async fn audited(connector: &Connector, action: &str) -> u64 {
    let query = "query($action: String!) { auditTrail(action: $action, first: 1) { totalCount } }";
    connector.data(query, json!({ "action": action })).await["auditTrail"]["totalCount"].as_u64().unwrap()
}

async fn decide(connector: &Connector, what: &str, operation: &Value) -> Value {
    let query = format!("mutation($id: ID!) {{ {what}(operationId: $id) {{ id state }} }}");
    connector.data(&query, json!({ "id": operation["id"] })).await;
    ended(connector, operation["id"].as_str().unwrap()).await
}

#[tokio::test]
async fn people_come_go_are_switched_off_and_come_back() {
    for store in Store::available() {
        let (world, connector) = with_people(store, 60, &[]).await;
        let first = import_ok(&connector, "importUsers").await;
        assert_eq!((&first["counts"]["created"], &first["counts"]["disabled"]), (&json!(60 + OWN), &json!(0)));
        let changes = json!([
            { "deleteUser": { "user": person(1) } },
            { "setUser": { "user": person(2), "properties": { "accountEnabled": false } } },
            { "setUser": { "user": person(3), "properties": { "displayName": "Renamed" } } },
        ]);
        world.simulator.change_directory(&changes).await;

        let dry = import_ok(&connector, "importUsers(input: { dryRun: true })").await;
        assert_eq!(dry["changes"]["totalCount"], 3, "{dry}");
        assert_eq!(people(&connector, "DISABLED").await, 0, "a dry run changes nothing");

        let second = import_ok(&connector, "importUsers(input: { mode: FULL })").await;
        assert_eq!((&second["counts"]["disabled"], &second["counts"]["updated"]), (&json!(2), &json!(1)), "{second}");
        assert_eq!(reason(&connector, &person(1)).await, json!(["DISABLED", "ABSENT"]));
        assert_eq!(reason(&connector, &person(2)).await, json!(["DISABLED", "ACCOUNT_DISABLED"]));

        let back = json!([
            { "restoreUser": { "user": person(1) } },
            { "setUser": { "user": person(2), "properties": { "accountEnabled": true } } },
        ]);
        world.simulator.change_directory(&back).await;
        let third = import_ok(&connector, "importUsers").await;
        assert_eq!(third["counts"]["reenabled"], 2, "{third}");
        assert_eq!(people(&connector, "DISABLED").await, 0);
        assert_eq!(
            (audited(&connector, "directory.user.disabled").await, audited(&connector, "directory.user.reenabled").await),
            (2, 2)
        );
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn departments_add_up_and_who_only_moved_is_told_apart_from_who_left() {
    for store in Store::available() {
        let (world, connector) = with_people(store, 20, &[]).await;
        import_ok(&connector, "importUsers(input: { department: \"Department 1\" })").await;
        assert_eq!(people(&connector, "ACTIVE").await, 10);
        // Even numbers are of the first department.
        let moved = json!([
            { "setUser": { "user": person(2), "properties": { "department": "Department 2" } } },
            { "deleteUser": { "user": person(4) } },
        ]);
        world.simulator.change_directory(&moved).await;
        import_ok(&connector, "importUsers(input: { department: \"department 1\", mode: FULL })").await;
        let (two, four) = (reason(&connector, &person(2)).await, reason(&connector, &person(4)).await);
        assert_eq!((two, four), (json!(["DISABLED", "OUT_OF_SCOPE"]), json!(["DISABLED", "ABSENT"])));
        // The other department takes the one who moved, and leaves the first one's people alone.
        import_ok(&connector, "importUsers(input: { department: \"Department 2\" })").await;
        assert_eq!(reason(&connector, &person(2)).await, json!(["ACTIVE", null]));
        assert_eq!((people(&connector, "ACTIVE").await, people(&connector, "DISABLED").await), (19, 1));
        // Between two imported departments nobody is out of scope; here by what changed.
        let moved = json!([{ "setUser": { "user": person(1), "properties": { "department": "Department 1" } } }]);
        world.simulator.change_directory(&moved).await;
        import_ok(&connector, "importUsers(input: { department: \"Department 2\" })").await;
        assert_eq!(reason(&connector, &person(1)).await, json!(["ACTIVE", null]));
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_mass_disappearance_waits_and_exactly_the_approved_plan_is_applied_or_none() {
    for store in Store::available() {
        let (world, connector) = with_people(store, 40, &[]).await;
        import_ok(&connector, "importUsers").await;
        let gone: Vec<_> = (1..=10).map(|number| json!({ "deleteUser": { "user": person(number) } })).collect();
        world.simulator.change_directory(&json!(gone)).await;
        let waiting = import(&connector, "importUsers(input: { mode: FULL })").await;
        assert_eq!(waiting["state"], "AWAITING_APPROVAL", "{waiting}");
        assert_eq!((&waiting["changes"]["totalCount"], people(&connector, "DISABLED").await), (&json!(10), 0));
        assert_eq!(decide(&connector, "rejectImport", &waiting).await["state"], "REJECTED");

        let second = import(&connector, "importUsers(input: { mode: FULL })").await;
        let third = import(&connector, "importUsers(input: { mode: FULL })").await;
        assert_eq!(decide(&connector, "approveImport", &third).await["state"], "SUCCEEDED");
        assert_eq!(people(&connector, "DISABLED").await, 10);
        // Its people have changed since it was made.
        let late = decide(&connector, "approveImport", &second).await;
        assert_eq!((&late["state"], &late["error"]["code"]), (&json!("FAILED"), &json!("CONFLICT")), "{late}");
        let query = "mutation($id: ID!) { approveImport(operationId: $id) { id } }";
        let again = connector.graphql(query, json!({ "id": third["id"] })).await;
        assert_eq!(again["errors"][0]["extensions"]["code"], "CONFLICT");
        assert_eq!(audited(&connector, "directory.import.approved").await, 2);
        assert_eq!(audited(&connector, "directory.import.rejected").await, 1);
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn roles_follow_nested_groups_round_in_circles_and_back_out() {
    for store in Store::available() {
        let (world, connector) = with_people(store, 20, &[]).await;
        // 1 holds 2, 2 holds 3, 3 holds 1; person 7 is in 3 alone.
        let groups = json!([
            { "generate": { "groups": 3, "first": 1 } },
            { "addMembers": { "group": group(1), "members": [group(2)] } },
            { "addMembers": { "group": group(2), "members": [group(3)] } },
            { "addMembers": { "group": group(3), "members": [group(1), person(7)] } },
        ]);
        world.simulator.change_directory(&groups).await;
        import_ok(&connector, "importUsers").await;
        let imported = import_ok(&connector, "importGroups").await;
        assert_eq!(
            (&imported["counts"]["created"], &imported["counts"]["membershipsAdded"]),
            (&json!(3), &json!(4)),
            "{imported}"
        );
        let map = "mutation($g: String!) { mapGroupToRole(input: { groupId: $g, role: \"lead\" }) { memberCount } }";
        connector.data(map, json!({ "g": group(1) })).await;
        assert_eq!(roles(&connector, &person(7)).await, json!([{ "role": "lead" }]));

        // By what changed: out of the innermost group, and the name of the mapped one.
        let changes = json!([
            { "removeMembers": { "group": group(3), "members": [person(7)] } },
            { "addMembers": { "group": group(2), "members": [person(8)] } },
            { "setGroup": { "group": group(1), "properties": { "displayName": "Renamed" } } },
        ]);
        world.simulator.change_directory(&changes).await;
        let delta = import_ok(&connector, "importGroups").await;
        let counts = &delta["counts"];
        assert_eq!((&counts["membershipsAdded"], &counts["membershipsRemoved"]), (&json!(1), &json!(1)), "{delta}");
        assert_eq!(
            (roles(&connector, &person(7)).await, roles(&connector, &person(8)).await),
            (json!([]), json!([{ "role": "lead" }]))
        );
        let mappings = connector.data("{ roleMappings { groupName } }", Value::Null).await;
        assert_eq!(mappings["roleMappings"], json!([{ "groupName": "Renamed" }]));

        // Whoever is disabled has no roles; a group that is gone gives none.
        world.simulator.change_directory(&json!([{ "deleteUser": { "user": person(8) } }])).await;
        import_ok(&connector, "importUsers").await;
        assert_eq!(roles(&connector, &person(8)).await, json!([]));
        world.simulator.change_directory(&json!([{ "deleteGroup": { "group": group(2) } }])).await;
        let gone = import_ok(&connector, "importGroups").await;
        assert_eq!(gone["counts"]["disabled"], 1, "{gone}");
        assert_eq!(audited(&connector, "access.changed").await, 4, "each change once");
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_refused_delta_link_means_everything_is_read_and_its_absences_wait() {
    for store in Store::available() {
        let (world, connector) = with_people(store, 40, &[]).await;
        import_ok(&connector, "importUsers").await;
        let gone = json!([{ "deleteUser": { "user": person(1) } }, "expireDeltaLinks"]);
        world.simulator.change_directory(&gone).await;
        let waiting = import(&connector, "importUsers").await;
        assert_eq!(waiting["state"], "AWAITING_APPROVAL", "{waiting}");
        assert_eq!(people(&connector, "DISABLED").await, 0);
        // Rejected or not, the absences of the next one wait as well.
        decide(&connector, "rejectImport", &waiting).await;
        let again = import(&connector, "importUsers").await;
        assert_eq!(again["state"], "AWAITING_APPROVAL");
        assert_eq!(decide(&connector, "approveImport", &again).await["state"], "SUCCEEDED");
        assert_eq!(reason(&connector, &person(1)).await, json!(["DISABLED", "ABSENT"]));
        world.simulator.change_directory(&json!([{ "deleteUser": { "user": person(2) } }])).await;
        let delta = import_ok(&connector, "importUsers").await;
        assert_eq!((&delta["counts"]["seen"], &delta["counts"]["disabled"]), (&json!(0), &json!(1)), "by delta: {delta}");
        world.finish(connector).await;
    }
}
