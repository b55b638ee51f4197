//! Imports of a directory that breaks off, lies, or loses people: nobody is disabled by an answer that was not whole.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own material fails")]

mod support;

use serde_json::{Value, json};
use support::{Connector, Store, World, eventually};

const NIAMH: &str = "niamh@acme-water.example";
const OISIN: &str = "oisin@acme-water.example";
const CREW: &str = "11111111-0000-4000-9000-000000000001";
const INNER: &str = "11111111-0000-4000-9000-000000000002";

/// People beside the two of the example tenant: two pages of the largest size.
const OTHERS: u32 = 1_100;
/// The list of people, and neither one person nor a delta.
const LIST: &str = "/v1.0/users*";

fn user_id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// A connector of a tenant with some people.
async fn imported(world: &World) -> Connector {
    let connector = world.connector(&[]).await;
    connector.register().await;
    world.simulator.change_directory(&json!([{ "generate": { "users": OTHERS, "departments": 3 } }])).await;
    let first = import(&connector, "importUsers").await;
    assert_eq!((&first["state"], &first["counts"]["created"]), (&json!("SUCCEEDED"), &json!(OTHERS + 2)), "{first}");
    connector
}

/// Starts an import and waits for what becomes of it.
async fn import(connector: &Connector, mutation: &str) -> Value {
    let started = connector.data(&format!("mutation {{ operation: {mutation} {{ id }} }}"), Value::Null).await;
    ended(connector, &started["operation"]["id"]).await
}

async fn ended(connector: &Connector, id: &Value) -> Value {
    let query = "query($id: ID!) { operation(id: $id) { id state counts error { code message } changes(first: 200) { totalCount \
                 nodes { key action } } } }";
    eventually("the import ends", async || {
        let operation = connector.data(query, json!({ "id": id })).await["operation"].take();
        (!matches!(operation["state"].as_str(), Some("QUEUED" | "RUNNING"))).then_some(operation)
    })
    .await
}

async fn decide(connector: &Connector, mutation: &str, id: &Value) -> Value {
    connector.graphql(&format!("mutation($id: ID!) {{ {mutation}(operationId: $id) {{ id state }} }}"), json!({ "id": id })).await
}

async fn count(connector: &Connector, status: &str) -> u64 {
    let query = format!("{{ directoryUsers(status: {status}, first: 1) {{ totalCount }} }}");
    connector.data(&query, Value::Null).await["directoryUsers"]["totalCount"].as_u64().unwrap()
}

async fn roles(connector: &Connector, user: &str) -> Value {
    let query = "query($user: String!) { effectiveRoles(user: $user) { status roles { role groups { displayName } } } }";
    connector.data(query, json!({ "user": user })).await["effectiveRoles"].take()
}

async fn map(connector: &Connector, group: &str, role: &str) {
    let query = "mutation($input: RoleMappingInput!) { mapGroupToRole(input: $input) { role } }";
    connector.data(query, json!({ "input": { "groupId": group, "role": role } })).await;
}

/// How many of the access changes told so far are about this person.
async fn told(world: &World, object_id: &str) -> Vec<Value> {
    let events = world.published("argus.acme.m365.access.changed").await;
    events.into_iter().filter(|event| event["data"]["objectId"] == object_id).collect()
}

/// Every form in which a page can fail to be what it should be.
fn forms() -> Vec<Value> {
    let status = |status: u16| json!({ "status": { "status": status } });
    vec![
        status(400),
        status(403),
        status(404),
        status(410),
        status(500),
        json!("close"),
        json!("reset"),
        json!("cut"),
        json!("truncated"),
        json!("repeatedLink"),
        json!({ "foreignLink": { "link": "https://elsewhere.example/v1.0/users?$skiptoken=x" } }),
        json!({ "body": { "text": "{}" } }),
        json!({ "body": { "text": "{\"value\":null}" } }),
        json!({ "body": { "text": "<html>sign in</html>" } }),
        json!({ "body": { "text": "{\"value\":[{\"displayName\":\"nobody\"}]}" } }),
    ]
}

#[tokio::test]
async fn a_failure_in_any_form_disables_nobody() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = imported(&world).await;
        // Some are gone, so that whatever is believed of a broken answer would show.
        let gone: Vec<_> = (1..=50).map(|number| json!({ "deleteUser": { "user": user_id(number) } })).collect();
        world.simulator.change_directory(&Value::Array(gone)).await;
        for form in forms() {
            for page in [0, 1] {
                world.simulator.fault(json!({ "method": "GET", "path": LIST, "skip": page, "effect": form })).await;
                let import = import(&connector, "importUsers(input: { mode: FULL })").await;
                world.simulator.heal().await;
                assert_eq!(import["state"], "FAILED", "page {page}, {form}: {import}");
                assert_eq!(count(&connector, "DISABLED").await, 0, "page {page}, {form}");
            }
        }
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn nobody_is_believed_to_be_gone_when_nobody_is_there() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = imported(&world).await;
        world.simulator.fault(json!({ "method": "GET", "path": LIST, "effect": "emptyList" })).await;
        let empty = import(&connector, "importUsers(input: { mode: FULL })").await;
        assert_eq!(empty["state"], "FAILED", "{empty}");
        world.simulator.heal().await;
        assert_eq!(count(&connector, "DISABLED").await, 0);
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_list_that_ends_early_without_a_word_disables_nobody() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = imported(&world).await;
        // The second page, a tenth of all, is lost with its link: within the limit, if it were believed.
        world.simulator.fault(json!({ "method": "GET", "path": LIST, "effect": "lostLink" })).await;
        let short = import(&connector, "importUsers(input: { mode: FULL })").await;
        assert_eq!(short["state"], "FAILED", "{short}");
        world.simulator.heal().await;
        assert_eq!(count(&connector, "DISABLED").await, 0);
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn somebody_who_comes_and_goes_is_told_of_each_time_and_once() {
    let id = "0d5b9b0e-6f0a-4f7c-9a44-1c1d3e5f7a01";
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = imported(&world).await;
        let crew = json!({ "putGroup": { "id": CREW, "displayName": "Crew", "members": [NIAMH] } });
        world.simulator.change_directory(&json!([crew])).await;
        assert_eq!(import(&connector, "importGroups").await["state"], "SUCCEEDED");
        map(&connector, CREW, "lead").await;
        for round in 0..3 {
            world.simulator.change_directory(&json!([{ "deleteUser": { "user": id } }])).await;
            assert_eq!(import(&connector, "importUsers").await["counts"]["disabled"], 1, "round {round}");
            let gone = roles(&connector, NIAMH).await;
            assert_eq!(gone, json!({ "status": "DISABLED", "roles": [] }), "round {round}");
            world.simulator.change_directory(&json!([{ "restoreUser": { "user": id } }])).await;
            assert_eq!(import(&connector, "importUsers").await["counts"]["reenabled"], 1, "round {round}");
            assert_eq!(import(&connector, "importGroups").await["state"], "SUCCEEDED");
            assert_eq!(roles(&connector, NIAMH).await["roles"][0]["role"], "lead", "round {round}");
        }
        let changes = eventually("seven changes are told", async || {
            let changes = told(&world, id).await;
            (changes.len() == 7).then_some(changes)
        })
        .await;
        let ids: std::collections::BTreeSet<_> = changes.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 7);
        let audited = connector.data("{ auditTrail(action: \"access.changed\") { totalCount } }", Value::Null).await;
        assert_eq!(audited["auditTrail"]["totalCount"], 7);
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn a_renamed_group_keeps_its_mapping_and_a_removed_one_gives_nothing() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = imported(&world).await;
        let group =
            |id: &str, name: &str, members: Value| json!({ "putGroup": { "id": id, "displayName": name, "members": members } });
        let circle = json!({ "addMembers": { "group": INNER, "members": [CREW] } });
        world
            .simulator
            .change_directory(&json!([group(INNER, "Inner", json!([OISIN])), group(CREW, "Crew", json!([NIAMH, INNER])), circle]))
            .await;
        assert_eq!(import(&connector, "importGroups").await["state"], "SUCCEEDED");
        map(&connector, CREW, "lead").await;
        let through = roles(&connector, OISIN).await;
        assert_eq!(through["roles"], json!([{ "role": "lead", "groups": [{ "displayName": "Crew" }] }]), "nested, in a circle");
        world
            .simulator
            .change_directory(&json!([{ "setGroup": { "group": CREW, "properties": { "displayName": "North" } } }]))
            .await;
        assert_eq!(import(&connector, "importGroups").await["state"], "SUCCEEDED");
        assert_eq!(roles(&connector, OISIN).await["roles"][0]["groups"][0]["displayName"], "North");
        world.simulator.change_directory(&json!([{ "deleteGroup": { "group": CREW } }])).await;
        assert_eq!(import(&connector, "importGroups").await["state"], "SUCCEEDED");
        assert_eq!(roles(&connector, OISIN).await["roles"], json!([]));
        let groups = connector.data("{ directoryGroups(search: \"north\") { nodes { status roles } } }", Value::Null).await;
        assert_eq!(
            groups["directoryGroups"]["nodes"],
            json!([{ "status": "DISABLED", "roles": ["lead"] }]),
            "flagged, not deleted"
        );
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn an_approved_import_does_exactly_what_was_listed_or_nothing() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = imported(&world).await;
        let gone: Vec<_> = (1..=120).map(|number| json!({ "deleteUser": { "user": user_id(number) } })).collect();
        world.simulator.change_directory(&Value::Array(gone)).await;
        let waiting = import(&connector, "importUsers(input: { mode: FULL })").await;
        assert_eq!(waiting["state"], "AWAITING_APPROVAL", "{waiting}");
        let listed = waiting["changes"]["nodes"].as_array().unwrap();
        assert_eq!(listed.iter().filter(|change| change["action"] == "disable").count(), 120, "{waiting}");
        assert_eq!(count(&connector, "DISABLED").await, 0);
        // Somebody else leaves meanwhile: the approval is not about them.
        world.simulator.change_directory(&json!([{ "deleteUser": { "user": user_id(300) } }])).await;
        assert!(decide(&connector, "approveImport", &waiting["id"]).await["errors"].is_null());
        let done = ended(&connector, &waiting["id"]).await;
        assert_eq!((&done["state"], count(&connector, "DISABLED").await), (&json!("SUCCEEDED"), 120), "{done}");
        assert!(!decide(&connector, "approveImport", &waiting["id"]).await["errors"].is_null(), "it can be approved once");
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn guests_are_left_out_unless_they_are_asked_for() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = world.connector(&[]).await;
        connector.register().await;
        world.simulator.change_directory(&json!([{ "generate": { "users": 20, "guestEvery": 4 } }])).await;
        assert_eq!(import(&connector, "importUsers").await["counts"]["created"], 17);
        let with = import(&connector, "importUsers(input: { includeGuests: true, mode: FULL })").await;
        assert_eq!((&with["counts"]["created"], &with["counts"]["disabled"]), (&json!(5), &json!(0)), "{with}");
        world.finish(connector).await;
    }
}

#[tokio::test]
async fn the_operators_command_imports_and_approves() {
    for store in Store::available() {
        let world = World::start(store).await;
        let connector = imported(&world).await;
        let crew = json!({ "putGroup": { "id": CREW, "displayName": "Crew", "members": [NIAMH] } });
        let moved = json!({ "setUser": { "user": OISIN, "properties": { "department": "North" } } });
        world.simulator.change_directory(&json!([crew, moved])).await;
        let dry = connector.command(&["directory", "import", "--users", "--dry-run", "--json", "--org", "acme"]).await;
        assert_eq!((&dry["action"], &dry["after"]["department"]), (&json!("update"), &json!("North")), "{dry}");
        let group = connector.command(&["directory", "import", "--full", "--json", "--org", "acme"]).await;
        assert_eq!((&group["key"], &group["action"]), (&json!(CREW), &json!("create")), "people first, then groups: {group}");
        let gone: Vec<_> = (1..=120).map(|number| json!({ "deleteUser": { "user": user_id(number) } })).collect();
        world.simulator.change_directory(&Value::Array(gone)).await;
        let waiting = import(&connector, "importUsers(input: { mode: FULL })").await;
        let id = waiting["id"].as_str().unwrap();
        let approved = connector.command(&["directory", "approve", id, "--json", "--org", "acme"]).await;
        assert_eq!((&approved["action"], count(&connector, "DISABLED").await), (&json!("disable"), 120), "{approved}");
        world.finish(connector).await;
    }
}
